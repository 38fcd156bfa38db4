//! What a rule hands back, and what all of them came to: what was found, and what could not be looked at. "Nothing found" and
//! "could not look" are two answers.

use std::error::Error;

use super::Finding;
use crate::failure::{Exit, Failure};

/// What can be attached, and was not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Missing {
    /// An index of mail.
    Index,
    /// A git tree of the kernel.
    Tree,
    /// A kernel image.
    Image,
}

/// Why something was not looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Why {
    /// There is nothing of that kind to look at.
    NotAttached(Missing),
    /// It is there and could not be read: what was wrong, with its causes.
    Broken(String),
}

/// What a rule did not look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotRun {
    /// The rule.
    pub rule: &'static str,
    /// Which part of it; empty for the whole.
    pub part: &'static str,
    /// Why it was not looked at.
    pub why: Why,
}

/// What a rule came to.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// What it found.
    pub findings: Vec<Finding>,
    /// What it did not look at. One without a part says that the rule did not run.
    pub not_run: Vec<NotRun>,
}

impl Outcome {
    /// The rule could not run for want of something.
    pub fn without(missing: Missing) -> Outcome {
        let mut outcome = Outcome::default();
        outcome.lacks("", missing);
        outcome
    }

    /// A part was not looked at for want of something.
    pub fn lacks(&mut self, part: &'static str, missing: Missing) {
        self.skip(part, Why::NotAttached(missing));
    }

    /// A part, or some of it, could not be read. Of several troubles with one part the first is told.
    pub fn broken(&mut self, part: &'static str, broken: Broken) {
        self.skip(part, Why::Broken(broken.0));
    }

    /// Adds what a part came to.
    pub fn add(&mut self, part: &'static str, found: Look<impl IntoIterator<Item = Finding>>) {
        match found {
            Ok(found) => self.findings.extend(found),
            Err(broken) => self.broken(part, broken),
        }
    }

    fn skip(&mut self, part: &'static str, why: Why) {
        if !self.not_run.iter().any(|known| known.part == part) {
            self.not_run.push(NotRun { rule: "", part, why });
        }
    }
}

/// Something that is attached and cannot be read: what was wrong, with its causes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken(pub String);

/// The answer of something that may be broken.
pub type Look<T> = Result<T, Broken>;

impl<E: Error> From<E> for Broken {
    fn from(error: E) -> Broken {
        let failure = Failure::from_error(Exit::Unreadable, &error);
        Broken(std::iter::once(failure.what).chain(failure.causes).collect::<Vec<_>>().join(": "))
    }
}

/// What all rules came to.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Rules that ran, if only in part.
    pub ran: Vec<&'static str>,
    /// What was not looked at.
    pub not_run: Vec<NotRun>,
    /// What was found.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Notes what one rule came to, and hands back its findings.
    pub fn note(&mut self, rule: &'static str, outcome: Outcome) -> Vec<Finding> {
        if !outcome.not_run.iter().any(|not_run| not_run.part.is_empty()) {
            self.ran.push(rule);
        }
        self.not_run.extend(outcome.not_run.into_iter().map(|not_run| NotRun { rule, ..not_run }));
        outcome.findings
    }

    /// What is attached and could not be read.
    pub fn broken(&self) -> impl Iterator<Item = (&NotRun, &str)> {
        self.not_run.iter().filter_map(|not_run| match &not_run.why {
            Why::Broken(why) => Some((not_run, why.as_str())),
            Why::NotAttached(_) => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_that_looked_at_a_part_ran_and_one_that_could_not_look_did_not() {
        let mut report = Report::default();
        let mut partly = Outcome::default();
        partly.lacks("MAINTAINERS", Missing::Tree);
        partly.add("lists", Err::<Vec<Finding>, _>(Broken("no".to_owned())));
        partly.broken("lists", Broken("again".to_owned()));
        report.note("one", partly);
        report.note("two", Outcome::without(Missing::Index));
        report.note("three", Outcome::default());
        assert_eq!(report.ran, ["one", "three"]);
        let told: Vec<(&str, &str, &str)> = report.broken().map(|(n, why)| (n.rule, n.part, why)).collect();
        assert_eq!(told, [("one", "lists", "no")]);
        assert_eq!(report.not_run.len(), 3);
    }
}
