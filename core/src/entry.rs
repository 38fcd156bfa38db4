//! What every entry into the engine asks first: is this the process that made it, and is this thread not inside
//! already? A signal handler that comes upon a thread inside the engine would wait for locks that the thread holds.

use std::cell::Cell;

use crate::text::error::TextError;

thread_local! {
    /// Without a destructor and set at compile time, so a signal handler may look at it.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// A thread inside the engine; it leaves on drop.
pub(crate) struct Entry(());

impl Drop for Entry {
    fn drop(&mut self) {
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
    if INSIDE.replace(true) { Err(TextError::Reentered) } else { Ok(Entry(())) }
}

/// Runs a callback of the caller's, which may use the engine.
pub(crate) fn outside<R>(f: impl FnOnce() -> R) -> R {
    struct Back(bool);
    impl Drop for Back {
        fn drop(&mut self) {
            INSIDE.set(self.0);
        }
    }
    let _back = Back(INSIDE.replace(false));
    f()
}
