//! Earlier mails and events that do something like this. A statement of likeness and of dates, never of invention.

use provenance_corpus::catalogue::{Kind, Source};
use provenance_corpus::patch::LineKind;
use provenance_corpus::robot;
use provenance_corpus::subject::Subject;
use provenance_index::document::hex;
use provenance_index::links::edge::Kind as LinkKind;
use provenance_index::prior_art::{self, Likeness};
use provenance_index::raw::Raw;
use provenance_index::reader::Reader;
use provenance_index::{hash, history};

use super::code::Code;
use super::history_of::{Kin, mail_of};
use super::{Evidence, Finding, Severity, Target, World, day};

/// The name of the rule.
pub const RULE: &str = "prior-art";

/// Events that are shown.
const MOST: usize = 4;

/// Mails that are shown.
const MAILS: usize = 3;

/// Matched lines, and matched names, that are shown of one mail.
const MATCHED: usize = 3;

/// Runs the rule.
pub fn check(target: &Target<'_>, world: &World<'_>, kin: &Kin<'_>, code: &Code) -> Vec<Finding> {
    let mut findings: Vec<Finding> = of_catalogue(target, world, kin).into_iter().collect();
    findings.extend(world.reader.and_then(|reader| of_lines(target, world, code, reader)));
    findings
}

/// Earlier mails that share rare lines or names with the patch.
fn of_lines(target: &Target<'_>, world: &World<'_>, code: &Code, reader: &Reader) -> Option<Finding> {
    let message = target.message;
    let author = message.from.first()?;
    // What is brought back was there before by design.
    if Subject::parse(&message.subject).title.to_lowercase().starts_with("revert") {
        return None;
    }
    let added = || code.lines.iter().filter(|line| line.kind == LineKind::Added);
    let before = code.lines.iter().filter(|line| line.kind != LineKind::Added);
    let question = prior_art::Question {
        lines: added().map(|line| line.raw.as_str()).collect(),
        code: added().map(|line| line.code.as_str()).collect(),
        before: before.map(|line| line.raw.as_str()).collect(),
        own: hash::message_id(&message.message_id),
        parents: message.in_reply_to.iter().chain(&message.references).map(|id| hash::message_id(id)).collect(),
        subject: &message.subject,
        author: (author.name.as_deref().unwrap_or_default(), &author.address),
        as_of: target.as_of,
    };
    let mut raw = Raw::open(world.data).ok()?;
    let found = prior_art::find(reader, &mut raw, &question).ok()?;
    if found.is_empty() {
        return None;
    }
    let mut finding = Finding::new(RULE, Severity::Note, "similar, earlier").key("lines");
    for likeness in found.iter().take(MAILS) {
        let Ok(Some(copy)) = reader.mail(likeness.id) else { continue };
        let stored = &copy.stored;
        finding = finding.fact("", format!("{} \"{}\" ({})", day(stored.date), stored.subject, stored.author));
        finding.cite(Evidence::Mail(stored.message_id.clone()));
        for line in likeness.lines.iter().take(MATCHED) {
            finding = finding.fact("line", line.clone());
        }
        if !likeness.names.is_empty() {
            finding =
                finding.fact("names", likeness.names.iter().take(MATCHED).cloned().collect::<Vec<_>>().join(", "));
        }
        // A robot tells of a commit; when that was posted is in another mail.
        let posted = if robot::is(&stored.author, &stored.address) {
            "no posting of it is indexed".to_owned()
        } else {
            day(stored.date).to_string()
        };
        finding = finding.fact("posted", posted);
        match merged(world, reader, likeness, target.as_of) {
            Some((date, id, subject)) => {
                finding = finding.fact("merged", day(date).to_string());
                finding.cite(Evidence::Commit(id, subject));
            }
            None => finding = finding.fact("merged", format!("no commit of it is known by {}", day(target.as_of))),
        }
    }
    Some(finding)
}

/// When a patch was merged by a moment, as far as links tell: date, commit, subject.
fn merged(world: &World<'_>, reader: &Reader, likeness: &Likeness, as_of: i64) -> Option<(i64, String, String)> {
    let graph = &reader.links.graph;
    let mut found: Vec<(i64, String, String)> = Vec::new();
    for edge in graph.edges(likeness.id).ok()? {
        let commit = matches!(edge.kind, LinkKind::Commit | LinkKind::Form | LinkKind::Tells);
        let Some(id) = graph.commit(edge.to).ok().flatten().filter(|_| commit && edge.from == likeness.id) else {
            continue;
        };
        // The tree knows the date; without one the robot that told of it came soon after.
        if let Ok(Some((_, entry))) = history::find(world.data, &id) {
            found.push((entry.dates.1, hex(&id), entry.subject));
            continue;
        }
        for told in graph.edges(edge.to).ok()?.into_iter().filter(|e| e.kind == LinkKind::Tells) {
            if let Ok(Some(copy)) = reader.mail(told.from) {
                found.push((copy.stored.date, hex(&id), String::new()));
            }
        }
    }
    found.into_iter().filter(|(date, ..)| *date <= as_of).min()
}

/// Events of the catalogue that are there for the same.
fn of_catalogue(target: &Target<'_>, world: &World<'_>, kin: &Kin<'_>) -> Option<Finding> {
    let author = target.message.from.first();
    let same = |name: &str| author.is_some_and(|a| a.name.as_deref() == Some(name));
    let mut events: Vec<_> = kin.similar.iter().filter(|s| !s.event.authors.iter().any(|a| same(a))).collect();
    events.sort_by_key(|s| s.event.happened);
    let first = events.first()?;
    let mut finding = Finding::new(RULE, Severity::Note, "similar, earlier").key("catalogue");
    for similar in events.iter().take(MOST) {
        let event = similar.event;
        let what = event.subject.as_ref().map_or_else(|| event.text.clone(), |subject| format!("\"{subject}\""));
        let who = event.authors.first().map_or("author not recorded", String::as_str);
        let lines = format!("{} {what} ({who})", event.happened);
        finding = finding.fact("", lines);
        mail_of(event).into_iter().for_each(|id| finding.cite(Evidence::Mail(id.to_owned())));
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
            commit.into_iter().for_each(|id| finding.cite(Evidence::Commit(id, subject.clone())));
        }
        None => finding = finding.fact("merged", format!("{slug}: not by {}", today.0)),
    }
    Some(finding)
}
