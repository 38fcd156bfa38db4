//! Gates in the trap handler: a test holds handlers there, to force what is otherwise a race.

use std::sync::atomic::{AtomicU32, Ordering};

/// Where a handler can be held by a test, to force what is otherwise a race.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Gate {
    /// Nobody is held.
    Open = 0,
    /// At entry, before anything was read.
    Entry = 1,
    /// Decided, not yet committed.
    Decided = 2,
}

static GATE: AtomicU32 = AtomicU32::new(0);
static WAITING: AtomicU32 = AtomicU32::new(0);
/// Holds handlers at a gate, or lets them go with [`Gate::Open`].
pub fn hold(gate: Gate) {
    GATE.store(gate as u32, Ordering::SeqCst);
}

/// How many handlers wait at a gate.
pub fn waiting() -> u32 {
    WAITING.load(Ordering::SeqCst)
}

/// Waits here while this gate is held. Async-signal-safe.
pub(super) fn gate(point: Gate) {
    if GATE.load(Ordering::Relaxed) == point as u32 {
        WAITING.fetch_add(1, Ordering::SeqCst);
        while GATE.load(Ordering::SeqCst) == point as u32 {
            // SAFETY: sched_yield is a bare system call.
            unsafe { libc::sched_yield() };
        }
        WAITING.fetch_sub(1, Ordering::SeqCst);
    }
}
