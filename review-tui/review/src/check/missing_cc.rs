//! Who should have been asked. By MAINTAINERS of an attached tree at the patch's date, else by what others who touched the
//! same code wrote to; and from history: people who know the mechanism or the code, whom no path leads to.

pub mod about;
pub mod answers;
pub mod habit;
pub mod history;
pub mod maintainers;

use provenance_corpus::message::Message;
use provenance_index::collapse::{Dedup, Sort};
use provenance_index::search::{Question, search};
use rustc_hash::FxHashSet;

use super::outcome::{Look, Missing};
use super::{Case, Outcome, Rule, World};

/// The name of the rule.
pub const RULE: &str = "missing-cc";

/// Runs [`RULE`].
pub struct MissingCc;

/// People that one block names.
pub const MOST: usize = 3;

/// Nobody is named who was silent for so many seconds: three years.
const SILENT: i64 = 3 * 366 * 86_400;

/// Addresses without a name that are looked up.
const ADDRESSES: usize = 24;

/// What the parts are called where one could not be looked at.
const MAINTAINERS: &str = "MAINTAINERS";
const LISTS: &str = "lists";
const PEOPLE: &str = "people";

impl Rule for MissingCc {
    fn name(&self) -> &'static str {
        RULE
    }

    fn wanted(&self, world: &World<'_>) -> bool {
        !world.brief
    }

    fn check(&self, case: &Case<'_>) -> Outcome {
        let reached = Reached::of(case.target.message);
        let mut outcome = Outcome::default();
        let kept = match maintainers::Kept::load(case) {
            Ok(kept) => {
                if kept.is_none() {
                    outcome.lacks(MAINTAINERS, Missing::Tree);
                }
                kept
            }
            Err(broken) => {
                outcome.broken(MAINTAINERS, broken);
                None
            }
        };
        match &kept {
            Some(kept) => outcome.add(MAINTAINERS, kept.check(case, &reached)),
            None => {
                let found = habit::lists(case, &reached, &mut outcome);
                outcome.add(LISTS, found);
            }
        }
        if kept.is_none() {
            let named: Vec<String> = outcome.findings.iter().flat_map(|f| f.addresses.clone()).collect();
            outcome.findings.extend(answers::lists(case, &reached, &named));
        }
        let led_to =
            |name: &str, address: &str| kept.as_ref().is_some_and(|kept| kept.leads_to(name, address, &reached));
        outcome.add(PEOPLE, history::check(case, kept.is_some(), &led_to));
        outcome
    }
}

/// Who has the mail: addresses and names in From, To and Cc, and the lists that it came by.
pub struct Reached(FxHashSet<String>);

impl Reached {
    /// Of a mail.
    pub fn of(message: &Message<'_>) -> Reached {
        let people = message.from.iter().chain(&message.to).chain(&message.cc);
        let mut known: FxHashSet<String> = people
            .flat_map(|p| [Some(p.address.to_lowercase()), p.name.as_deref().map(str::to_lowercase)])
            .flatten()
            .collect();
        known.extend(message.list_ids.iter().map(|id| id.to_lowercase().replacen('.', "@", 1)));
        Reached(known)
    }

    /// The same, with the names that an address of To or Cc wrote under: one person has several addresses, and To often gives one
    /// without a name.
    ///
    /// # Errors
    /// The index cannot be read.
    pub fn with_names(mut self, case: &Case<'_>) -> Look<Reached> {
        let message = case.target.message;
        let bare = message.to.iter().chain(&message.cc).filter(|p| p.name.as_deref().is_none_or(|n| !n.contains(' ')));
        for person in bare.take(ADDRESSES) {
            let name = last_of(case.world, &person.address, case.target.as_of)?.map(|(_, name)| name.to_lowercase());
            self.0.extend(name.filter(|name| name.contains(' ')));
        }
        Ok(self)
    }

    /// Whether an address has it.
    pub fn address(&self, address: &str) -> bool {
        self.0.contains(&address.to_lowercase())
    }

    /// Whether a person has it, under this or another address.
    pub fn person(&self, name: &str, address: &str) -> bool {
        self.address(address) || name.contains(' ') && self.0.contains(&name.to_lowercase())
    }
}

/// Date of the last indexed mail from an address, as of a moment (seconds since 1970).
///
/// # Errors
/// The index cannot be read.
pub fn last_mail(world: &World<'_>, address: &str, as_of: i64) -> Look<Option<i64>> {
    Ok(last_of(world, address, as_of)?.map(|(date, _)| date))
}

/// Date and author's name of that mail.
fn last_of(world: &World<'_>, address: &str, as_of: i64) -> Look<Option<(i64, String)>> {
    if address.is_empty() || address.contains(['"', '\\']) {
        return Ok(None);
    }
    let question = Question {
        query: format!("f:\"{address}\""),
        as_of: Some(as_of),
        dedup: Dedup::MessageId,
        sort: Sort::Date,
        reverse: false,
        threads: false,
        limit: Some(1),
        offset: 0,
        now: as_of,
        mail_only: true,
    };
    let answer = search(&question, world.reader, world.catalogue)?;
    let mail = |hit: &provenance_index::search::Hit| hit.mail.as_ref().map(|mail| mail.shown().stored.author.clone());
    Ok(answer.hits.first().map(|hit| (hit.time, mail(hit).unwrap_or_default())))
}
