//! The lock under which text is written.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The one lock under which text is written in this process; the kernel's `text_mutex`.
pub(crate) fn lock() -> MutexGuard<'static, ()> {
    static TEXT: Mutex<()> = Mutex::new(());
    TEXT.lock().unwrap_or_else(PoisonError::into_inner)
}
