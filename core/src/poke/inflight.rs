//! What somebody may still be looking at is not dropped: handlers count themselves in and out, and what was put out of reach
//! is dropped when none is between. `core/loom` runs this file through every interleaving.

use crate::threads::{AtomicU64, Mutex, Ordering, PoisonError, ordered};

/// How many are looking.
#[derive(Debug)]
pub(crate) struct InFlight(pub(crate) AtomicU64);

/// Somebody who looks; on drop it is over. Async-signal-safe.
pub(crate) struct Looking<'a>(&'a InFlight);

impl Drop for Looking<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl InFlight {
    /// Begins to look: nothing that is found from now on is dropped before the end.
    pub(crate) fn look(&self) -> Looking<'_> {
        self.0.fetch_add(1, Ordering::SeqCst);
        ordered();
        Looking(self)
    }

    /// Drops something that is out of reach already when nobody can be looking at it: now, or by a later call, however
    /// long that takes. Not for a handler: it takes a lock.
    pub(crate) fn retire<T>(&self, retired: &Mutex<Vec<T>>, what: T) {
        let mut waiting = retired.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.push(what);
        ordered();
        // Who enters from here on does not find it; if nobody is inside now, nobody has found it.
        let gone = if self.0.load(Ordering::SeqCst) == 0 { std::mem::take(&mut *waiting) } else { Vec::new() };
        drop(waiting);
        drop(gone);
    }
}
