//! What threads meet by, in files that `core/loom` runs as well: there it is loom's.

pub(crate) use std::sync::atomic::{AtomicU64, Ordering};
pub(crate) use std::sync::{Mutex, PoisonError};

/// Between two sequentially consistent accesses, which need none: loom takes such an access for an acquiring and releasing
/// one (its README, "Limitations"), and orders two of them only by a fence.
#[inline]
pub(crate) fn ordered() {}
