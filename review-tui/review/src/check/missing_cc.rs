//! Who should have been asked. By MAINTAINERS of an attached tree at the patch's date, else by what others who touched the
//! same code wrote to; and from history: people who know the mechanism or the code, whom no path leads to.

pub mod habit;
pub mod history;
pub mod maintainers;

use provenance_corpus::message::Message;
use provenance_index::collapse::{Dedup, Sort};
use provenance_index::search::{Question, search};
use rustc_hash::FxHashSet;

use super::code::Code;
use super::history_of::Kin;
use super::{Finding, Target, World};

/// The name of the rule.
pub const RULE: &str = "missing-cc";

/// People that one block names.
pub const MOST: usize = 3;

/// Nobody is named who was silent for so many seconds: three years.
const SILENT: i64 = 3 * 366 * 86_400;

/// Runs the rule.
pub fn check(target: &Target<'_>, world: &World<'_>, takes: &[String], kin: &Kin<'_>, code: &Code) -> Vec<Finding> {
    let reached = Reached::of(target.message);
    let kept = maintainers::Kept::load(target, world);
    let mut findings = Vec::new();
    match &kept {
        Some(kept) => findings.extend(kept.check(target, world, &reached)),
        None => findings.extend(habit::lists(target, world, &reached)),
    }
    let led_to = |name: &str, address: &str| kept.as_ref().is_some_and(|kept| kept.leads_to(name, address, &reached));
    findings.extend(history::check(target, world, takes, kin, code, &led_to));
    findings
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
pub fn last_mail(world: &World<'_>, address: &str, as_of: i64) -> Option<i64> {
    if address.contains(['"', '\\']) {
        return None;
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
    let answer = search(&question, world.reader, world.catalogue).ok()?;
    answer.hits.first().map(|hit| hit.time)
}
