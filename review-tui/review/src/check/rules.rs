//! The rules. A new one is its file, and here its line.

use super::rule::Rule;
use super::{claims, missing_cc, ownership, prior_art, revision, series};

/// All rules, in the order in which they run.
pub static ALL: &[&dyn Rule] = &[
    &ownership::Ownership,
    &missing_cc::MissingCc,
    &prior_art::PriorArt,
    &revision::Revision,
    &series::Series,
    &claims::Claims,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_has_a_name_of_its_own() {
        let mut names: Vec<&str> = ALL.iter().map(|rule| rule.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
    }
}
