//! A bit for each byte of a chunk.

use std::sync::atomic::{AtomicU64, Ordering};

use super::error::TextError;

/// One bit for each byte of a chunk.
pub(crate) struct Bits(Box<[AtomicU64]>);

impl Bits {
    pub(crate) fn new(len: usize) -> Result<Self, TextError> {
        let words = len.div_ceil(64);
        let mut bits = Vec::new();
        bits.try_reserve_exact(words).map_err(|_| TextError::Memory { what: "a table of sites", len: 8 * words })?;
        bits.resize_with(words, || AtomicU64::new(0));
        Ok(Self(bits.into_boxed_slice()))
    }
    pub(crate) fn set(&self, i: usize) {
        self.0[i / 64].fetch_or(1 << (i % 64), Ordering::Release);
    }
    pub(crate) fn clear(&self, i: usize) {
        self.0[i / 64].fetch_and(!(1 << (i % 64)), Ordering::Release);
    }
    pub(crate) fn get(&self, i: usize) -> bool {
        self.0.get(i / 64).is_some_and(|word| word.load(Ordering::Acquire) >> (i % 64) & 1 == 1)
    }
}
