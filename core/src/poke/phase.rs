//! The steps of a protocol.

/// A step of a protocol, in order. *Sync* is a core-serialising broadcast.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
#[non_exhaustive]
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
