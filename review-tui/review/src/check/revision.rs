//! A patch against its last revision: what changed and is not told, trailers that are not carried, remarks that were not
//! taken up.

pub mod changelog;
pub mod remarks;
pub mod trailers;

use super::outcome::Missing;
use super::{Case, Outcome, Rule, World};

/// The name of the rule.
pub const RULE: &str = "revision";

/// Runs [`RULE`].
pub struct Revision;

impl Rule for Revision {
    fn name(&self) -> &'static str {
        RULE
    }

    fn wanted(&self, world: &World<'_>) -> bool {
        !world.brief
    }

    fn check(&self, case: &Case<'_>) -> Outcome {
        let mut outcome = Outcome::default();
        if case.world.reader.is_none() {
            return Outcome::without(Missing::Index);
        }
        match case.earlier() {
            Ok(None) => {}
            Ok(Some(earlier)) => {
                outcome.findings.extend(trailers::check(case.target, earlier));
                outcome.add("changelog", changelog::check(case, earlier));
                outcome.add("remarks", remarks::check(case, earlier));
                if let Some(broken) = &earlier.unread {
                    outcome.broken("answers", broken.clone());
                }
            }
            Err(broken) => outcome.broken("", broken),
        }
        outcome
    }
}
