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
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::ledger::{LedgerError, Refusal};
use crate::plan::PlanError;
use crate::text::arena::Chunk;
use crate::text::{Text, TextError};

pub(crate) mod breakpoint;
pub mod int3;
pub mod model;

pub mod quad;
pub mod stop;
pub mod sync;
pub mod trap;

/// How a plan is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// Breakpoints where membarrier(2) can synchronise cores, else stop-the-world.
    Auto,
    /// Breakpoints.
    Int3,
    /// One aligned store of eight bytes for each site; refused where the vendor does not document it.
    Quad,
    /// Every thread parked meanwhile.
    Stop,
}

/// A step of a protocol, in order. *Sync* is a core-serialising broadcast.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Validated, nothing written.
    Start,
    /// The table is published.
    Published,
    /// A breakpoint stands in every first byte.
    Trapped,
    /// After the first sync: nobody runs the old instruction any more.
    Sync1,
    /// The bytes behind the first are the new ones.
    Tails,
    /// After the second sync.
    Sync2,
    /// The first bytes are the new ones.
    Heads,
    /// After the last sync.
    Sync3,
    /// The table is withdrawn.
    Done,
}

/// What one batch cost.
#[derive(Debug, Clone, Default, serde::Serialize)]
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

/// Running totals of an engine; trap counts are the process's.
#[derive(Debug, Clone, Default, serde::Serialize)]
pub struct Stats {
    /// Batches applied.
    pub batches: u64,
    /// Sites written.
    pub sites: u64,
    /// Syncs.
    pub syncs: u64,
    /// Breakpoint hits that were emulated.
    pub traps: u64,
    /// Hits whose breakpoint was gone when the handler looked: sent back to run the new instruction.
    pub late: u64,
    /// Times a handler began anew because a batch began or ended under it.
    pub retries: u64,
    /// Signals that were not ours and went to the previous handler.
    pub foreign: u64,
    /// Hits by threads without an [`crate::grace::Executor`] (debug builds only).
    pub unregistered: u64,
    /// Time spent checking, poking, recording.
    pub time: [Duration; 3],
}

/// Why a plan was not applied. Unless said otherwise the text is as before.
#[derive(Debug, thiserror::Error)]
pub enum PokeError {
    /// The bytes in memory are not those of the plan.
    #[error(transparent)]
    Refused(Box<Refusal>),
    /// The ledger objects.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The plan is no plan.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The memory is not ours.
    #[error(transparent)]
    Text(#[from] TextError),
    /// The process forked: the text is shared with the parent, and not mapped here.
    #[error("this engine belongs to process {parent}, this is {child}; make a new engine after fork")]
    Forked {
        /// Who made it.
        parent: u32,
        /// Who asks.
        child: u32,
    },
    /// A thread that hits a breakpoint with SIGTRAP blocked is killed by the kernel.
    #[error("thread {tid} blocks SIGTRAP; unblock it there, or use Protocol::Stop")]
    TrapBlocked {
        /// The thread.
        tid: i32,
    },
    /// Somebody installed another SIGTRAP handler.
    #[error("the SIGTRAP handler was replaced (by {by:#x}); call poke::trap::reinstall() to stand in front of it")]
    TrapTaken {
        /// The handler's address; 0 is SIG_DFL.
        by: usize,
    },
    /// The handler could not be installed.
    #[error("no SIGTRAP handler: {0}")]
    Install(#[source] io::Error),
    /// Emulating a call leaves no entry on the shadow stack.
    #[error("a shadow stack is active in thread {tid}, and the plan emulates calls or returns; use Protocol::Stop")]
    ShadowStack {
        /// The thread.
        tid: i32,
    },
    /// No core-serialising membarrier(2).
    #[error("membarrier(2) cannot serialise cores here: {0}; use Protocol::Stop")]
    NoMembarrier(#[source] io::Error),
    /// A sync failed in mid-batch. The sites act as the new instructions; `Engine::resume` finishes.
    #[error(
        "sync failed after {phase:?}: {source}; the sites already act as the new instructions, call resume() to finish"
    )]
    Stuck {
        /// The last step that was done.
        phase: Phase,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A former batch, of this engine or another of the process, is unfinished.
    #[error("a former batch is unfinished; call resume() on its engine first")]
    Unfinished,
    /// An image cannot be rewritten yet.
    #[error(transparent)]
    Grace(Box<crate::grace::GraceError>),
    /// A thread did not park in time; everybody went on.
    #[error("thread {tid} did not park within {limit:?}; does it block signal {signal}?")]
    DidNotPark {
        /// The thread.
        tid: i32,
        /// The limit.
        limit: Duration,
        /// The signal.
        signal: i32,
    },
    /// Threads could not be listed or signalled.
    #[error("cannot stop the other threads: {0}")]
    Threads(#[source] io::Error),
    /// The aligned store is not to be relied upon here.
    #[error("an aligned 8-byte store cannot patch {addr:#x}+{len}: {why}; use Protocol::Int3")]
    NoQuad {
        /// The site.
        addr: u64,
        /// Its length.
        len: usize,
        /// The reason.
        why: &'static str,
    },
    /// What was read back is not what was written: somebody else writes this text.
    #[error("{addr:#x} reads back {found}, {wrote} was written; somebody else writes to this text")]
    ReadBack {
        /// The site.
        addr: u64,
        /// What was written.
        wrote: crate::isa::Bytes,
        /// What is there.
        found: crate::isa::Bytes,
    },
}

/// The one lock under which text is written in this process; the kernel's `text_mutex`.
pub(crate) fn lock() -> MutexGuard<'static, ()> {
    static TEXT: Mutex<()> = Mutex::new(());
    TEXT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Finds the chunk of each site of a sorted plan, remembering the last.
pub(crate) struct Cursor<'a> {
    text: &'a Text,
    chunk: Option<Arc<Chunk>>,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(text: &'a Text) -> Self {
        Self { text, chunk: None }
    }

    /// Up to eight bytes.
    pub(crate) fn bytes(&mut self, addr: u64, len: usize) -> Result<crate::isa::Bytes, TextError> {
        let mut out = [0; 8];
        let out = &mut out[..len.min(8)];
        self.at(addr, len)?.read(addr, out);
        Ok(crate::isa::Bytes::new(out))
    }

    /// The chunk of the first site, and how many sites of the sorted slice are in it.
    pub(crate) fn run(&mut self, patches: &[crate::plan::Patch]) -> Result<(&Chunk, usize), TextError> {
        let Some(first) = patches.first() else { return Err(TextError::Foreign { addr: 0, len: 0 }) };
        let chunk = self.at(first.addr(), first.len())?;
        let count = patches.partition_point(|p| chunk.contains(p.addr(), p.len()));
        Ok((chunk, count))
    }

    /// Calls `f` for the bytes of each site.
    pub(crate) fn each<'p>(
        &mut self,
        mut patches: &'p [crate::plan::Patch],
        mut f: impl FnMut(crate::text::arena::SiteBytes<'_>, &'p crate::plan::Patch),
    ) -> Result<(), TextError> {
        while !patches.is_empty() {
            let (chunk, count) = self.run(patches)?;
            let (run, rest) = patches.split_at(count);
            chunk.sites(run).zip(run).for_each(|((bytes, _), patch)| f(bytes, patch));
            patches = rest;
        }
        Ok(())
    }

    /// Calls `f` for the stores of each chunk.
    pub(crate) fn spans(
        &mut self,
        plan: &crate::plan::Plan,
        mut f: impl FnMut(&Chunk, crate::plan::Span<'_>),
    ) -> Result<(), TextError> {
        let mut done = 0;
        while done < plan.patches().len() {
            let (chunk, count) = self.run(&plan.patches()[done..])?;
            f(chunk, plan.span(done..done + count));
            done += count;
        }
        Ok(())
    }

    pub(crate) fn at(&mut self, addr: u64, len: usize) -> Result<&Chunk, TextError> {
        if !self.chunk.as_ref().is_some_and(|c| c.contains(addr, len)) {
            self.chunk = self.text.chunk(addr, len);
        }
        self.chunk.as_deref().ok_or(TextError::Foreign { addr, len })
    }
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
