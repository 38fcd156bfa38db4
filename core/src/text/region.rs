//! Extents of text.

/// A named extent of text.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Symbol {
    /// Its name.
    pub name: String,
    /// First byte.
    pub addr: u64,
    /// Length in bytes.
    pub len: u64,
}

/// Allocated text: address and length. Give it back with [`crate::engine::Engine::free`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Region {
    /// First byte.
    pub addr: u64,
    /// Bytes.
    pub len: usize,
}
