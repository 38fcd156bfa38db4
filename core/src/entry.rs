//! What every entry into the engine asks first: is this the process that made it, and is this thread not inside
//! already? A signal handler that comes upon a thread inside the engine would wait for locks that the thread holds.

use std::cell::Cell;
use std::sync::atomic::{Ordering, compiler_fence};

use crate::text::error::TextError;

thread_local! {
    /// Without a destructor and set at compile time, so a signal handler may look at it.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// A thread inside the engine; it leaves on drop.
pub(crate) struct Entry(());

impl Drop for Entry {
    fn drop(&mut self) {
        // A handler on this very thread sees what was done before as done.
        compiler_fence(Ordering::SeqCst);
        INSIDE.set(false);
    }
}

/// Whether this is the process that made the engine.
pub(crate) fn same_process(parent: u32) -> Result<(), TextError> {
    let child = std::process::id();
    if child == parent { Ok(()) } else { Err(TextError::Forked { parent, child }) }
}

/// Enters; `parent` is the process that made the engine.
pub(crate) fn enter(parent: u32) -> Result<Entry, TextError> {
    same_process(parent)?;
    if INSIDE.replace(true) {
        return Err(TextError::Reentered);
    }
    compiler_fence(Ordering::SeqCst);
    Ok(Entry(()))
}

/// Sets the mark while `f` runs, and then as it was.
fn with<R>(inside: bool, f: impl FnOnce() -> R) -> R {
    struct Back(bool);
    impl Drop for Back {
        fn drop(&mut self) {
            compiler_fence(Ordering::SeqCst);
            INSIDE.set(self.0);
        }
    }
    let _back = Back(INSIDE.replace(inside));
    compiler_fence(Ordering::SeqCst);
    f()
}

/// Runs a callback of the caller's, which may use the engine.
pub(crate) fn outside<R>(f: impl FnOnce() -> R) -> R {
    with(false, f)
}

/// Runs what takes a lock and cannot be refused: a destructor. A handler that comes meanwhile is.
pub(crate) fn inside<R>(f: impl FnOnce() -> R) -> R {
    with(true, f)
}
