//! Addresses outside of every arena that somebody vouched for.

use std::collections::BTreeSet;
use std::sync::{PoisonError, RwLock};

static DECLARED: RwLock<BTreeSet<u64>> = RwLock::new(BTreeSet::new());

/// Declared for the life of the process; see [`super::Target::foreign`].
pub(super) fn declare(addr: u64) {
    DECLARED.write().unwrap_or_else(PoisonError::into_inner).insert(addr);
}

pub(crate) fn is_declared(addr: u64) -> bool {
    DECLARED.read().unwrap_or_else(PoisonError::into_inner).contains(&addr)
}
