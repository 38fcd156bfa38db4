//! Earlier mails and events that do something like this. A statement of likeness and of dates, never of invention.

use provenance_corpus::catalogue::{Kind, Source};

use super::history_of::{Kin, mail_of};
use super::{Evidence, Finding, Severity, Target, World, day};

/// The name of the rule.
pub const RULE: &str = "prior-art";

/// Events that are shown.
const MOST: usize = 4;

/// Runs the rule.
pub fn check(target: &Target<'_>, world: &World<'_>, kin: &Kin<'_>) -> Option<Finding> {
    let author = target.message.from.first();
    let same = |name: &str| author.is_some_and(|a| a.name.as_deref() == Some(name));
    let mut events: Vec<_> = kin.similar.iter().filter(|s| !s.event.authors.iter().any(|a| same(a))).collect();
    events.sort_by_key(|s| s.event.happened);
    let first = events.first()?;
    let mut finding = Finding::new(RULE, Severity::Note, "similar, earlier");
    for similar in events.iter().take(MOST) {
        let event = similar.event;
        let what = event.subject.as_ref().map_or_else(|| event.text.clone(), |subject| format!("\"{subject}\""));
        let who = event.authors.first().map_or("", String::as_str);
        let lines = format!("{} {what} ({who})", event.happened);
        finding = finding.fact("", lines);
        finding.evidence.extend(mail_of(event).map(|id| Evidence::Mail(id.to_owned())));
    }
    finding = finding.fact("matched", first.matched.join("; "));
    // Two ledgers: what was posted when, and what was merged when.
    let slug = &first.event.mechanism;
    let today = provenance_corpus::catalogue::Day(day(target.as_of));
    let of_kind = |kinds: &[Kind]| {
        let events = world.catalogue.events_of(slug).filter(|e| e.recorded() <= today && kinds.contains(&e.kind));
        events.min_by_key(|e| e.happened)
    };
    if let Some(posted) = of_kind(&[Kind::Posting]) {
        finding = finding.fact("posted", format!("{slug}: {}", posted.happened));
    }
    match of_kind(&[Kind::Merge]) {
        Some(merged) => {
            finding = finding.fact("merged", format!("{slug}: {}", merged.happened));
            let commit = merged.evidence.iter().find_map(|e| match e.source() {
                Some(Source::Commit(commit)) => Some(commit.to_string()),
                _ => None,
            });
            let subject = merged.subject.clone().unwrap_or_default();
            finding.evidence.extend(commit.map(|id| Evidence::Commit(id, subject)));
        }
        None => finding = finding.fact("merged", format!("{slug}: not by {}", today.0)),
    }
    Some(finding)
}
