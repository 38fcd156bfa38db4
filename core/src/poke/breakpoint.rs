//! Breakpoints that stay: where a probe's leads.
//!
//! A batch's breakpoints are found in its plan and gone when it is over. A probe's stands until it is removed, and the
//! trap handler sends whoever hits it to the probe's code. The table is read by the handler: no lock, nothing freed.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::isa::Emulation;
use crate::process::PerProcess;

/// Breakpoints in a process.
pub(crate) const MAX: usize = 1024;

struct Slot {
    addr: AtomicU64,
    to: AtomicU64,
}

static SLOTS: [Slot; MAX] = [const { Slot { addr: AtomicU64::new(0), to: AtomicU64::new(0) } }; MAX];
/// Slots ever used; bounds the search.
static USED: AtomicUsize = AtomicUsize::new(0);
static WRITE: PerProcess<Mutex<()>> = PerProcess::new();

/// Sends whoever hits the breakpoint at `addr` to `to`; false if the table is full. To be called before the breakpoint is
/// written.
pub(crate) fn set(addr: u64, to: u64) -> bool {
    let _guard = WRITE.get().lock().unwrap_or_else(PoisonError::into_inner);
    let at = |wanted| SLOTS.iter().position(|s| s.addr.load(Ordering::Relaxed) == wanted);
    let Some(index) = at(addr).or_else(|| at(0)) else { return false };
    SLOTS[index].to.store(to, Ordering::Relaxed);
    SLOTS[index].addr.store(addr, Ordering::Release);
    USED.fetch_max(index + 1, Ordering::Release);
    true
}

/// Forgets it. To be called when the byte is the instruction's again: whoever still traps then sees that, and retries.
pub(crate) fn clear(addr: u64) {
    let _guard = WRITE.get().lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(slot) = SLOTS.iter().find(|s| s.addr.load(Ordering::Relaxed) == addr) {
        slot.addr.store(0, Ordering::Release);
    }
}

/// In a child of fork: its parent's breakpoints stand in text that is not mapped here.
pub(super) fn begin_anew() {
    SLOTS.iter().for_each(|slot| slot.addr.store(0, Ordering::Release));
}

pub(crate) fn find(addr: u64) -> Option<Emulation> {
    let used = USED.load(Ordering::Acquire).min(MAX);
    let slot = SLOTS[..used].iter().find(|s| s.addr.load(Ordering::Acquire) == addr)?;
    Some(Emulation::Jump(slot.to.load(Ordering::Relaxed)))
}

/// A breakpoint outside of a range that leads into it, and where.
pub(crate) fn into(range: &Range<u64>) -> Option<(u64, u64)> {
    let _guard = WRITE.get().lock().unwrap_or_else(PoisonError::into_inner);
    let used = USED.load(Ordering::Acquire).min(MAX);
    SLOTS[..used].iter().find_map(|slot| {
        let (addr, to) = (slot.addr.load(Ordering::Relaxed), slot.to.load(Ordering::Relaxed));
        (addr != 0 && !range.contains(&addr) && range.contains(&to)).then_some((addr, to))
    })
}
