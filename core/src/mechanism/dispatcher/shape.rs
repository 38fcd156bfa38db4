//! The forms that a dispatcher can have. Which is fastest depends on the order of its targets: no form wins everywhere.

use std::cmp::Reverse;
use std::collections::HashMap;

use super::emit::{EmitError, Emitter, Fallback, emit};

/// A form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Shape {
    /// The kernel's binary search down to single targets: the reference.
    Tree,
    /// All targets one after another, the frequent first.
    Chain,
    /// A binary search down to so many targets, which are compared one after another.
    Leaves(u8),
    /// So many of the frequent ones, then the fallback for all others.
    Hot(u8),
    /// The fallback for all.
    Thunk,
}

impl Shape {
    /// Every form that is tried.
    pub const ALL: [Self; 8] = [
        Self::Tree,
        Self::Chain,
        Self::Leaves(4),
        Self::Leaves(8),
        Self::Leaves(16),
        Self::Hot(1),
        Self::Hot(4),
        Self::Thunk,
    ];

    /// In a word.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::Tree => "reference tree".into(),
            Self::Chain => "linear chain".into(),
            Self::Leaves(n) => format!("tree, {n} linear"),
            Self::Hot(n) => format!("hot {n}, then thunk"),
            Self::Thunk => "plain thunk".into(),
        }
    }

    /// Whether it makes other code than another form for so many targets.
    #[must_use]
    pub fn differs(self, targets: usize) -> bool {
        match self {
            Self::Leaves(n) => targets > n.into(),
            Self::Hot(n) => targets > n.into(),
            _ => true,
        }
    }

    /// The image for `targets`, the most frequent first.
    ///
    /// # Errors
    /// As [`emit`].
    pub fn emit(self, base: u64, targets: &[u64], align: bool, fallback: Fallback) -> Result<Vec<u8>, EmitError> {
        if targets.is_empty() {
            return Err(EmitError::Empty);
        }
        let some = |n: u8| &targets[..targets.len().min(n.into())];
        let chain = |targets: &[u64]| {
            let targets: Vec<i64> = targets.iter().map(|&t| t as i64).collect();
            let mut e = Emitter::new(base, &targets, align, fallback);
            e.chain(0, targets.len() - 1)?;
            Ok(e.finish())
        };
        match self {
            Self::Tree => emit(base, targets, align, fallback),
            Self::Chain => chain(targets),
            Self::Hot(n) => chain(some(n)),
            Self::Thunk => {
                let mut e = Emitter::new(base, &[], align, fallback);
                e.fall_back()?;
                Ok(e.finish())
            }
            Self::Leaves(n) => {
                let mut sorted: Vec<i64> = targets.iter().map(|&t| t as i64).collect();
                sorted.sort_unstable();
                let mut e = Emitter::new(base, &sorted, align, fallback);
                e.bushy(0, sorted.len() - 1, usize::from(n).max(1))?;
                Ok(e.finish())
            }
        }
    }
}

/// The targets, the most frequent of the trace first; those that are not in it last, by address.
#[must_use]
pub fn by_frequency(targets: &[u64], trace: &[u64]) -> Vec<u64> {
    let mut counts: HashMap<u64, usize> = targets.iter().map(|&t| (t, 0)).collect();
    for target in trace {
        if let Some(count) = counts.get_mut(target) {
            *count += 1;
        }
    }
    let mut out = targets.to_vec();
    out.sort_unstable_by_key(|t| (Reverse(counts.get(t).copied().unwrap_or(0)), *t));
    out
}
