//! Commits of attached git trees.

use std::path::Path;

use crate::links::commit::Commit;

/// All commits of all attached trees that may meet a mail.
pub fn commits(_data: &Path) -> Vec<Commit> {
    Vec::new()
}
