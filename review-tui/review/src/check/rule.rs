//! What a rule is: it says what it found, and what it could not look at.

use super::World;
use super::case::Case;
use super::outcome::Outcome;

/// A check of one patch.
pub trait Rule: Sync {
    /// Its name, as in `warning[NAME]` and in the ids of its findings.
    fn name(&self) -> &'static str;

    /// Looks at a patch.
    fn check(&self, case: &Case<'_>) -> Outcome;

    /// Whether it is asked at all: some rules run on demand, and a brief check leaves out what searches the index.
    fn wanted(&self, world: &World<'_>) -> bool {
        let _ = world;
        true
    }
}
