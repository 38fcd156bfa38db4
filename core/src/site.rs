//! A patch site: where an instruction stands that may be replaced by another of the same length.

/// An address and a length at an instruction boundary of text that this library laid out, with the
/// attributes that decide how it can be patched. Made by [`crate::text::Text::site`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Site {
    addr: u64,
    /// That of the region which it stands in: text that is laid out later in the same place has others.
    generation: u32,
    len: u8,
    call_ok: bool,
}

impl Site {
    pub(crate) fn new(addr: u64, len: u8, generation: u32, call_ok: bool) -> Self {
        Self { addr, generation, len, call_ok }
    }

    pub(crate) fn generation(&self) -> u32 {
        self.generation
    }

    /// Declares that a call may be put here, where [`crate::text::Text::site`] cannot see it: a nop that the compiler left
    /// in the place of a call. Without it a plan that would make the site a call is refused: in a leaf function the
    /// pushed return address overwrites live data.
    ///
    /// # Safety
    /// Whoever comes to the site has nothing in the 128 bytes below its stack pointer: it is no place inside a leaf function
    /// that keeps data in its red zone.
    #[must_use]
    pub unsafe fn as_call(mut self) -> Self {
        self.call_ok = true;
        self
    }

    /// First byte.
    #[must_use]
    pub fn addr(&self) -> u64 {
        self.addr
    }

    /// Length in bytes, 1 to 6.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len as usize
    }

    /// Never: a site has at least one byte.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Whether a call may be put here: a function's entry, an instruction that was a call when the site was asked for, or a
    /// place that somebody vouched for.
    #[must_use]
    pub fn call_ok(&self) -> bool {
        self.call_ok
    }

    /// Whether the bytes cross a multiple of `unit`: 8 for AMD's atomic quadword, 64 for a cache line, 4096
    /// for a page.
    #[must_use]
    pub fn straddles(&self, unit: u64) -> bool {
        self.addr / unit != (self.addr + u64::from(self.len) - 1) / unit
    }
}
