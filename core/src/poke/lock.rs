//! The lock under which text is written.

use std::cell::Cell;
use std::sync::atomic::{Ordering, compiler_fence};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::process::PerProcess;
use crate::text::error::TextError;

static LOCK: PerProcess<Mutex<()>> = PerProcess::new();

thread_local! {
    /// Set before the lock is waited for, and until it is free again: a signal handler that comes between must not wait.
    static HELD: Cell<bool> = const { Cell::new(false) };
}

/// The text lock, held by this thread.
pub(crate) struct TextLock {
    /// Gone only when it is dropped.
    guard: Option<MutexGuard<'static, ()>>,
}

impl Drop for TextLock {
    fn drop(&mut self) {
        self.guard = None;
        compiler_fence(Ordering::SeqCst);
        HELD.set(false);
    }
}

/// The one lock under which text is written in this process; the kernel's `text_mutex`. Refused to a thread that holds
/// it, or waits for it: a signal handler, or a callback between the steps of a batch.
pub(crate) fn lock() -> Result<TextLock, TextError> {
    if HELD.replace(true) {
        return Err(TextError::Reentered);
    }
    compiler_fence(Ordering::SeqCst);
    Ok(TextLock { guard: Some(LOCK.get().lock().unwrap_or_else(PoisonError::into_inner)) })
}
