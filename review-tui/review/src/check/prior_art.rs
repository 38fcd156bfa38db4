//! Earlier mails and events that do something like this. A statement of likeness and of dates, never of invention.

use provenance_corpus::catalogue::{Day, Kind, Source};
use provenance_corpus::patch::LineKind;
use provenance_corpus::robot;
use provenance_corpus::subject::Subject;
use provenance_index::document::hex;
use provenance_index::links::edge::Kind as LinkKind;
use provenance_index::prior_art::{self, Likeness};
use provenance_index::reader::Reader;
use provenance_index::{hash, history};

use super::history_of::mail_of;
use super::rule::{Look, Missing};
use super::{Case, Evidence, Fact, Finding, Outcome, Rule, Severity, World, day};

/// The name of the rule.
pub const RULE: &str = "prior-art";

/// Runs [`RULE`].
pub struct PriorArt;

/// Events that are shown.
const MOST: usize = 4;

/// Mails that are shown.
const MAILS: usize = 3;

/// Matched lines, and matched names, that are shown of one mail.
const MATCHED: usize = 3;

impl Rule for PriorArt {
    fn name(&self) -> &'static str {
        RULE
    }

    fn wanted(&self, world: &World<'_>) -> bool {
        !world.brief
    }

    fn check(&self, case: &Case<'_>) -> Outcome {
        let mut outcome = Outcome::default();
        outcome.findings.extend(of_catalogue(case));
        match case.world.reader {
            Some(reader) => outcome.add("earlier mails", of_lines(case, reader)),
            None => outcome.lacks("earlier mails", Missing::Index),
        }
        outcome
    }
}

/// Earlier mails that share rare lines or names with the patch.
fn of_lines(case: &Case<'_>, reader: &Reader) -> Look<Option<Finding>> {
    let (target, world, code) = (case.target, case.world, case.code());
    let message = target.message;
    let Some(author) = message.from.first() else { return Ok(None) };
    // What is brought back was there before by design.
    if Subject::parse(&message.subject).title.to_lowercase().starts_with("revert") {
        return Ok(None);
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
    let found = case.ask_raw(|raw| Ok(prior_art::find(reader, raw, &question)?))?;
    if found.is_empty() {
        return Ok(None);
    }
    let tree = !history::Trees::load(world.data)?.trees.is_empty();
    let mut finding = Finding::new(RULE, Severity::Note, "similar, earlier").key("lines");
    for likeness in found.iter().take(MAILS) {
        let Some(copy) = reader.mail(likeness.id)? else { continue };
        let stored = &copy.stored;
        let (date, subject, author) = (stored.date, stored.subject.clone(), stored.author.clone());
        finding = finding.fact(Fact::Mail { date, subject, author });
        finding.cite(Evidence::Mail(stored.message_id.clone()));
        finding.facts.extend(likeness.lines.iter().take(MATCHED).cloned().map(Fact::SameLine));
        if !likeness.names.is_empty() {
            finding = finding.fact(Fact::SameNames(likeness.names.iter().take(MATCHED).cloned().collect()));
        }
        // A robot tells of a commit; when that was posted is in another mail.
        let robot = robot::is(&stored.author, &stored.address);
        finding = finding.fact(Fact::Posted { mechanism: None, on: (!robot).then(|| day(stored.date)) });
        let merged = merged(world, reader, likeness, target.as_of)?;
        let on = merged.as_ref().map(|(date, ..)| day(*date));
        // Without a tree nothing is known of what was not merged.
        if on.is_some() || tree {
            finding = finding.fact(Fact::Merged { mechanism: None, on, by: day(target.as_of) });
        }
        merged.into_iter().for_each(|(_, id, subject)| finding.cite(Evidence::Commit(id, subject)));
    }
    Ok(Some(finding))
}

/// When a patch was merged by a moment, as far as links tell: date, commit, subject.
fn merged(world: &World<'_>, reader: &Reader, likeness: &Likeness, as_of: i64) -> Look<Option<(i64, String, String)>> {
    let graph = &reader.links.graph;
    let mut found: Vec<(i64, String, String)> = Vec::new();
    for edge in graph.edges(likeness.id)? {
        let commit = matches!(edge.kind, LinkKind::Commit | LinkKind::Form | LinkKind::Tells);
        if !commit || edge.from != likeness.id {
            continue;
        }
        let Some(id) = graph.commit(edge.to)? else { continue };
        // The tree knows the date; without one the robot that told of it came soon after.
        if let Some((_, entry)) = history::find(world.data, &id)? {
            found.push((entry.dates.1, hex(&id), entry.subject));
            continue;
        }
        for told in graph.edges(edge.to)?.into_iter().filter(|e| e.kind == LinkKind::Tells) {
            if let Some(copy) = reader.mail(told.from)? {
                found.push((copy.stored.date, hex(&id), String::new()));
            }
        }
    }
    Ok(found.into_iter().filter(|(date, ..)| *date <= as_of).min())
}

/// Events of the catalogue that are there for the same.
fn of_catalogue(case: &Case<'_>) -> Option<Finding> {
    let (target, world) = (case.target, case.world);
    let author = target.message.from.first();
    let same = |name: &str| author.is_some_and(|a| a.name.as_deref() == Some(name));
    let mut events: Vec<_> = case.kin().similar.iter().filter(|s| !s.event.authors.iter().any(|a| same(a))).collect();
    events.sort_by_key(|s| s.event.happened);
    let first = events.first()?;
    let mut finding = Finding::new(RULE, Severity::Note, "similar, earlier").key("catalogue");
    for similar in events.iter().take(MOST) {
        let event = similar.event;
        let what = event.subject.as_ref().map_or_else(|| event.text.clone(), |subject| format!("\"{subject}\""));
        finding = finding.fact(Fact::Event { on: event.happened.0, what, who: event.authors.first().cloned() });
        mail_of(event).into_iter().for_each(|id| finding.cite(Evidence::Mail(id.to_owned())));
    }
    finding = finding.fact(Fact::Matched(first.matched.clone()));
    // Two ledgers: what was posted when, and what was merged when.
    let slug = &first.event.mechanism;
    let today = Day(day(target.as_of));
    let of_kind = |kind: Kind| {
        let events = world.catalogue.events_of(slug).filter(|e| e.recorded() <= today && e.kind == kind);
        events.min_by_key(|e| e.happened)
    };
    if let Some(posted) = of_kind(Kind::Posting) {
        finding = finding.fact(Fact::Posted { mechanism: Some(slug.clone()), on: Some(posted.happened.0) });
    }
    let merged = of_kind(Kind::Merge);
    let on = merged.map(|merged| merged.happened.0);
    finding = finding.fact(Fact::Merged { mechanism: Some(slug.clone()), on, by: today.0 });
    if let Some(merged) = merged {
        let commit = merged.evidence.iter().find_map(|e| match e.source() {
            Some(Source::Commit(commit)) => Some(commit.to_string()),
            _ => None,
        });
        let subject = merged.subject.clone().unwrap_or_default();
        commit.into_iter().for_each(|id| finding.cite(Evidence::Commit(id, subject.clone())));
    }
    Some(finding)
}
