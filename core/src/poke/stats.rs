//! What was counted.

use std::time::Duration;

/// Running totals of an engine; trap counts are the process's.
#[derive(Debug, Clone, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Stats {
    /// Batches applied.
    pub batches: u64,
    /// Sites written.
    pub sites: u64,
    /// Times that all threads were made to synchronise.
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
