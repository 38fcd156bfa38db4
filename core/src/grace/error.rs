//! Why nobody may enter, or an image not be reused.

use super::executors::MAX_EXECUTORS;
use crate::poke::error::PokeError;

/// Why an executor could not be had, or an image not be reused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GraceError {
    /// Somebody has not passed a quiescent point.
    #[error("still inside: {}; let them pass a quiescent point, or go offline", .0.iter().map(|i| format!("{} (thread {}, {} behind)", i.name, i.tid, i.behind)).collect::<Vec<_>>().join(", "))]
    StillInside(Vec<Inside>),
    /// A thread without an executor ran the text (debug builds).
    #[error("thread {tid} ran patched text without an executor; register it with Grace::register")]
    Unregistered {
        /// The thread.
        tid: i32,
    },
    /// Too many executors in the process.
    #[error("all {MAX_EXECUTORS} executors are in use")]
    TooMany,
    /// The thread has one already in this engine.
    #[error("thread {tid} has an executor already")]
    Twice {
        /// The thread.
        tid: i32,
    },
    /// The thread cannot run text that is being patched.
    #[error(transparent)]
    Poke(#[from] PokeError),
}

/// An executor that is still inside.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Inside {
    /// Its name, as registered.
    pub name: String,
    /// Its thread.
    pub tid: i32,
    /// Grace periods begun since its last quiescent point.
    pub behind: u64,
}
