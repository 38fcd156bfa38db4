//! Why a plan was not applied.

use std::io;
use std::time::Duration;

use super::phase::Phase;
use crate::grace::error::GraceError;
use crate::isa::{Bytes, IsaError};
use crate::ledger::{LedgerError, Refusal};
use crate::plan::PlanError;
use crate::text::error::TextError;

/// Why a plan was not applied. Unless said otherwise the text is as before.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
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
    Text(TextError),
    /// A signal handler, or a callback, came upon its own thread inside the engine.
    #[error(
        "this thread is inside the engine already; a signal handler must not patch text: note the wish, and patch later"
    )]
    Reentered,
    /// An instruction, or what is done in its place meanwhile, leads to an address that is no text of an engine.
    #[error("{addr:#x} would lead to {target:#x}, which no engine laid out; declare it with Target::foreign")]
    ForeignTarget {
        /// The site.
        addr: u64,
        /// The address.
        target: u64,
    },
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
        /// What the kernel answered.
        #[source]
        source: io::Error,
    },
    /// A former batch, of this engine or another of the process, is unfinished.
    #[error("a former batch is unfinished; call resume() on its engine first")]
    Unfinished,
    /// An image cannot be rewritten yet.
    #[error(transparent)]
    Grace(Box<GraceError>),
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
        wrote: Bytes,
        /// What is there.
        found: Bytes,
    },
}

impl From<GraceError> for PokeError {
    fn from(e: GraceError) -> Self {
        match e {
            GraceError::Poke(e) => e,
            other => Self::Grace(Box::new(other)),
        }
    }
}

impl From<IsaError> for PokeError {
    fn from(e: IsaError) -> Self {
        Self::Plan(e.into())
    }
}

impl From<TextError> for PokeError {
    fn from(e: TextError) -> Self {
        match e {
            TextError::Forked { parent, child } => Self::Forked { parent, child },
            TextError::Reentered => Self::Reentered,
            other => Self::Text(other),
        }
    }
}
