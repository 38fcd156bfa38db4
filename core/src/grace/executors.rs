//! Which threads of the process hold an executor; read by the trap handler.

use std::sync::atomic::{AtomicI32, AtomicU64, AtomicUsize, Ordering};

pub(crate) const MAX_EXECUTORS: usize = 1024;
static TIDS: [AtomicI32; MAX_EXECUTORS] = [const { AtomicI32::new(0) }; MAX_EXECUTORS];
static TIDS_USED: AtomicUsize = AtomicUsize::new(0);
/// Changes whenever an executor comes or goes.
static CHANGES: AtomicU64 = AtomicU64::new(0);

/// Whether a thread holds an executor; called by the trap handler.
pub(crate) fn is_executor(tid: i32) -> bool {
    let used = TIDS_USED.load(Ordering::Acquire).min(MAX_EXECUTORS);
    TIDS[..used].iter().any(|t| t.load(Ordering::Relaxed) == tid)
}

pub(crate) fn changes() -> u64 {
    CHANGES.load(Ordering::Relaxed)
}

/// In a child of fork: of its parent's threads none runs here.
pub(crate) fn begin_anew() {
    TIDS.iter().for_each(|tid| tid.store(0, Ordering::Relaxed));
    CHANGES.fetch_add(1, Ordering::Relaxed);
}

/// Takes a slot for a thread; `None` if there is none left.
pub(super) fn enter(tid: i32) -> Option<usize> {
    let free = |t: &AtomicI32| t.compare_exchange(0, tid, Ordering::Relaxed, Ordering::Relaxed).is_ok();
    let index = TIDS.iter().position(free)?;
    TIDS_USED.fetch_max(index + 1, Ordering::Release);
    CHANGES.fetch_add(1, Ordering::Relaxed);
    Some(index)
}

pub(super) fn leave(index: usize) {
    TIDS[index].store(0, Ordering::Relaxed);
    CHANGES.fetch_add(1, Ordering::Relaxed);
}
