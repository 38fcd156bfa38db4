//! How it is told that a thread has left: a number that grows with each grace period, and the last one that the thread has
//! seen. `core/loom` runs this file through every interleaving.

use crate::threads::{AtomicU64, Ordering};

/// Not in patched text.
const OFFLINE: u64 = u64::MAX;

/// The present number.
#[derive(Debug)]
pub(crate) struct Epoch(pub(crate) AtomicU64);

impl Epoch {
    /// Begins a grace period, after a sync that followed what it is for; everybody must have seen this number at its end.
    pub(crate) fn begin(&self) -> u64 {
        self.0.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// For a thread that comes.
    pub(crate) fn seen(&self) -> Seen {
        Seen(AtomicU64::new(self.0.load(Ordering::SeqCst)))
    }
}

/// The last number that a thread has seen in no patched text.
#[derive(Debug)]
pub(crate) struct Seen(AtomicU64);

impl Seen {
    /// The thread is in no patched text now.
    pub(crate) fn pass(&self, epoch: &Epoch) {
        // Release keeps earlier loads of the text's data before it; on x86 it is the same plain store.
        self.0.store(epoch.0.load(Ordering::Relaxed), Ordering::Release);
    }

    /// The thread is in none until it passes again.
    pub(crate) fn leave(&self) {
        self.0.store(OFFLINE, Ordering::Release);
    }

    /// By how many grace periods the thread is behind one; `None` if it has left what that one is for.
    pub(crate) fn behind(&self, stamp: u64) -> Option<u64> {
        stamp.checked_sub(self.0.load(Ordering::Acquire)).filter(|behind| *behind > 0)
    }
}
