//! Extents of text.

use std::ops::Range;

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

/// Allocated text. Made by loading alone; when it is freed, another that is laid out in its place is another region.
/// Give it back with [`crate::engine::Engine::retire`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Region {
    addr: u64,
    len: usize,
    generation: u32,
}

impl Region {
    pub(super) fn new(addr: u64, len: usize, generation: u32) -> Self {
        Self { addr, len, generation }
    }

    /// First byte.
    #[must_use]
    pub fn addr(&self) -> u64 {
        self.addr
    }

    /// Length in bytes; at least one.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a region has at least one byte")]
    pub fn len(&self) -> usize {
        self.len
    }

    /// From the first byte to behind the last.
    #[must_use]
    pub fn range(&self) -> Range<u64> {
        self.addr..self.addr + self.len as u64
    }

    pub(crate) fn generation(&self) -> u32 {
        self.generation
    }
}
