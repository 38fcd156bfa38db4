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
    /// Sets or clears a run of bits.
    pub(crate) fn fill(&self, range: std::ops::Range<usize>, on: bool) {
        let mut at = range.start;
        while at < range.end {
            let len = (64 - at % 64).min(range.end - at);
            let mask = (u64::MAX >> (64 - len)) << (at % 64);
            match on {
                true => self.0[at / 64].fetch_or(mask, Ordering::Release),
                false => self.0[at / 64].fetch_and(!mask, Ordering::Release),
            };
            at += len;
        }
    }
    /// The first bit of a run that is set.
    pub(crate) fn first(&self, range: std::ops::Range<usize>) -> Option<usize> {
        let mut at = range.start;
        while at < range.end {
            let word = self.0[at / 64].load(Ordering::Acquire) >> (at % 64);
            match word {
                0 => at += 64 - at % 64,
                word => return Some(at + word.trailing_zeros() as usize).filter(|found| *found < range.end),
            }
        }
        None
    }
    pub(crate) fn get(&self, i: usize) -> bool {
        self.0.get(i / 64).is_some_and(|word| word.load(Ordering::Acquire) >> (i % 64) & 1 == 1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn runs_of_bits_are_those_of_a_list(runs in prop::collection::vec((0usize..300, 0usize..200, any::<bool>()), 0..12), from in 0usize..300) {
            let (bits, mut list) = (Bits::new(512).unwrap(), [false; 512]);
            for (start, len, on) in runs {
                bits.fill(start..start + len, on);
                list[start..start + len].fill(on);
            }
            prop_assert!((0..512).all(|i| bits.get(i) == list[i]));
            let first = (from..from + 150).find(|&i| list[i]);
            prop_assert_eq!(bits.first(from..from + 150), first);
        }
    }
}
