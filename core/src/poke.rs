//! Writing a validated plan into text that other threads run.
//!
//! | protocol | when | what other threads see |
//! |---|---|---|
//! | [`int3`] | default | old, then the new instruction emulated, then new; three syncs for a batch of any size |
//! | [`quad`] | on request: AMD, site within an aligned 8 bytes | old or new; one sync |
//! | [`stop`] | no membarrier(2) | nothing: every thread is parked |
//! | [`model`] | tests | an abstract machine, all interleavings |
//!
//! One batch at a time in a process: the breakpoint handler searches one table.

use std::io;
use std::time::{Duration, Instant};

pub(crate) mod breakpoint;
mod cursor;
pub(crate) mod error;
pub(crate) mod gate;
mod inflight;
pub mod int3;
pub(crate) mod lock;
pub mod model;
mod phase;
pub mod quad;
mod stats;
pub mod stop;
pub mod sync;
pub mod trap;
pub(crate) mod variant;

pub(crate) use cursor::Cursor;
pub use error::PokeError;
pub(crate) use lock::{TextLock, lock};
pub use phase::Phase;
pub use stats::Stats;

/// How a plan is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Protocol {
    /// Breakpoints where membarrier(2) can synchronise cores, else stop-the-world.
    Auto,
    /// A breakpoint in the first byte while the others change.
    Int3,
    /// One aligned store of eight bytes for each site; refused where the vendor does not document it.
    Quad,
    /// Every thread parked meanwhile.
    Stop,
}

/// What one batch cost.
#[derive(Debug, Clone, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Applied {
    /// Sites written.
    pub written: usize,
    /// Sites that were as wanted already; the kernel's `bpf_arch_text_poke()` returns 1 for such a one.
    pub unchanged: usize,
    /// Core-serialising broadcasts.
    pub syncs: usize,
    /// What the kernel's vector of 256 would have needed.
    pub kernel_syncs: usize,
    /// Checks before the first store.
    pub check: Duration,
    /// First store to the return of the last sync.
    pub poke: Duration,
    /// Reading back, ledger and journal.
    pub record: Duration,
    /// The journal's step, 0 if nothing was written.
    pub step: u64,
}

/// Called between the steps of a batch: tests force interleavings with it, and end a patcher in mid-batch by
/// returning an error.
pub(crate) type Probe<'a> = &'a mut dyn FnMut(Phase) -> io::Result<()>;

/// What a protocol hands back.
pub(crate) struct Poked {
    pub(crate) syncs: usize,
    pub(crate) began: Instant,
    pub(crate) ended: Instant,
}
