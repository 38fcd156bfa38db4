//! The lock under which text is written.

use std::cell::Cell;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::text::error::TextError;

/// A mutex, and the process that it is of: a child of fork may inherit one that a thread of its parent holds for ever.
struct Lock {
    pid: u32,
    mutex: Mutex<()>,
}

static LOCK: AtomicPtr<Lock> = AtomicPtr::new(null_mut());

thread_local! {
    static HELD: Cell<bool> = const { Cell::new(false) };
}

/// The text lock, held by this thread.
pub(crate) struct TextLock {
    _guard: MutexGuard<'static, ()>,
}

impl Drop for TextLock {
    fn drop(&mut self) {
        HELD.set(false);
    }
}

fn mutex() -> &'static Mutex<()> {
    let pid = std::process::id();
    loop {
        let known = LOCK.load(Ordering::Acquire);
        // SAFETY: null, or from a box that is never freed once it was stored.
        if let Some(lock) = unsafe { known.as_ref() }
            && lock.pid == pid
        {
            return &lock.mutex;
        }
        let new = Box::into_raw(Box::new(Lock { pid, mutex: Mutex::new(()) }));
        if LOCK.compare_exchange(known, new, Ordering::AcqRel, Ordering::Acquire).is_err() {
            // SAFETY: made above, and nobody else has seen it.
            drop(unsafe { Box::from_raw(new) });
        }
    }
}

/// The one lock under which text is written in this process; the kernel's `text_mutex`. Refused to a thread that holds
/// it: a signal handler, or a callback between the steps of a batch.
pub(crate) fn lock() -> Result<TextLock, TextError> {
    if HELD.get() {
        return Err(TextError::Reentered);
    }
    let guard = mutex().lock().unwrap_or_else(PoisonError::into_inner);
    HELD.set(true);
    Ok(TextLock { _guard: guard })
}
