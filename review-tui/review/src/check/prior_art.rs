//! Earlier mails and events that do something like this, and earlier postings of the patch itself with how they ended. A statement
//! of likeness and of dates, never of invention; nothing is said of merging where no tree is attached that has the commit.

use provenance_corpus::catalogue::{Day, Kind, MechanismId, Source};
use provenance_corpus::patch::LineKind;
use provenance_corpus::robot;
use provenance_corpus::subject::Subject;
use provenance_index::document::hex;
use provenance_index::links::edge::Kind as LinkKind;
use provenance_index::people::identity;
use provenance_index::prior_art::{self, Likeness};
use provenance_index::reader::Reader;
use provenance_index::{hash, history};

use super::fact::Ended;
use super::history_of::mail_of;
use super::outcome::{Look, Missing};
use super::{Case, Evidence, Fact, Finding, Outcome, Rule, Severity, World, day};

/// The name of the rule.
pub const RULE: &str = "prior-art";

/// Runs [`RULE`].
pub struct PriorArt;

/// Events that are shown.
const MOST: usize = 4;

/// Mails that are shown.
const MAILS: usize = 2;

/// Lines that are shown of each of two pieces.
const PIECE: usize = 6;

/// Mails of an earlier thread that are read.
const ANSWERS: usize = 200;

impl Rule for PriorArt {
    fn name(&self) -> &'static str {
        RULE
    }

    fn wanted(&self, world: &World<'_>) -> bool {
        !world.brief
    }

    fn check(&self, case: &Case<'_>) -> Outcome {
        let mut outcome = Outcome::default();
        outcome.add("events", of_catalogue(case));
        match case.world.reader {
            Some(reader) => outcome.add("earlier mails", of_mails(case, reader)),
            None => outcome.lacks("earlier mails", Missing::Index),
        }
        outcome
    }
}

/// Earlier mails that have the same rare things in one place, and earlier postings of the patch.
fn of_mails(case: &Case<'_>, reader: &Reader) -> Look<Vec<Finding>> {
    let (target, code) = (case.target, case.code());
    let message = target.message;
    let Some(author) = message.from.first() else { return Ok(Vec::new()) };
    // What is brought back was there before by design.
    if Subject::parse(&message.subject).title.to_lowercase().starts_with("revert") {
        return Ok(Vec::new());
    }
    let added = || code.lines.iter().filter(|line| line.kind == LineKind::Added);
    let before = code.lines.iter().filter(|line| line.kind != LineKind::Added);
    let question = prior_art::Question {
        lines: added().map(|line| line.raw.as_str()).collect(),
        code: added().map(|line| line.code.as_str()).collect(),
        before: before.map(|line| line.raw.as_str()).collect(),
        makes: target.patch.files.iter().filter(|f| f.old_path.is_none()).map(|file| file.path()).collect(),
        own: hash::message_id(&message.message_id),
        parents: message.in_reply_to.iter().chain(&message.references).map(|id| hash::message_id(id)).collect(),
        subject: &message.subject,
        author: (author.name.as_deref().unwrap_or_default(), &author.address),
        as_of: target.as_of,
    };
    let found = case.ask_raw(|raw| Ok(prior_art::find(reader, raw, &question)?))?;
    let mut findings = Vec::new();
    findings.extend(alike(case, reader, &found.alike)?);
    findings.extend(posted_before(case, reader, &found.own)?.or(refused(case, reader)?));
    Ok(findings)
}

/// The finding on mails of others: both pieces, side by side, with their dates.
fn alike(case: &Case<'_>, reader: &Reader, found: &[Likeness]) -> Look<Option<Finding>> {
    let (target, code) = (case.target, case.code());
    let mut finding = Finding::new(RULE, Severity::Note, "something like this was posted earlier").key("lines");
    let mut placed = false;
    for likeness in found.iter().take(MAILS) {
        let Some(copy) = reader.mail(likeness.id)? else { continue };
        let stored = &copy.stored;
        if !placed
            && let Some(first) = likeness.here.first()
            && let Some(at) = code.lines.iter().position(|l| l.kind == LineKind::Added && l.raw == *first)
        {
            finding = finding.at(code, at);
            placed = true;
        }
        let (date, subject, author) = (stored.date, stored.subject.clone(), stored.author.clone());
        finding = finding.fact(Fact::Mail { date, subject, author });
        finding.cite(Evidence::Mail(stored.message_id.clone()));
        let piece = |lines: &[String]| lines.iter().take(PIECE).map(|line| line.trim_end().to_owned()).collect();
        let (here, there) = (piece(&likeness.here), piece(&likeness.there));
        finding = finding.fact(Fact::Pieces { here, on: target.as_of, there, then: stored.date });
        finding.cite(Evidence::Mail(stored.message_id.clone()));
        // A commit that a tree has, and no word about merging without one.
        if let Some((date, id, subject)) = merged(case.world, reader, likeness.id, target.as_of)? {
            finding = finding.fact(Fact::Merged { mechanism: None, on: day(date) });
            finding.cite(Evidence::Commit(id, subject));
        }
    }
    Ok((!finding.facts.is_empty()).then_some(finding))
}

/// The finding on earlier postings of the same work that no version's link leads to: the last of them, and how it ended.
fn posted_before(case: &Case<'_>, reader: &Reader, own: &[(i64, u64)]) -> Look<Option<Finding>> {
    let today = case.target.as_of;
    for (date, id) in own.iter().filter(|(date, _)| *date < today) {
        let Some(copy) = reader.mail(*id)? else { continue };
        // What was taken is no posting that ended without.
        if reader.links.graph.has_landed(*id)? {
            continue;
        }
        let (ended, mail) = ended(case, reader, *id, &copy.stored)?;
        let (subject, author) = (copy.stored.subject.clone(), copy.stored.author.clone());
        let mut finding = Finding::new(RULE, Severity::Note, "this was posted before")
            .key("history")
            .fact(Fact::Mail { date: *date, subject, author });
        finding.cite(Evidence::Mail(copy.stored.message_id.clone()));
        finding = finding.fact(Fact::Ended(ended));
        mail.into_iter().for_each(|id| finding.cite(Evidence::Mail(id)));
        return Ok(Some(finding));
    }
    Ok(None)
}

/// The finding on the last revision, where somebody refused it: that it was answered otherwise is the ordinary case.
fn refused(case: &Case<'_>, reader: &Reader) -> Look<Option<Finding>> {
    let Some(earlier) = case.earlier()? else { return Ok(None) };
    let id = hash::message_id(&earlier.message_id);
    let Some(copy) = reader.mail(id)? else { return Ok(None) };
    let (ended, mail) = ended(case, reader, id, &copy.stored)?;
    if !matches!(ended, Ended::Nak { .. }) {
        return Ok(None);
    }
    let (date, subject, author) = (earlier.date, earlier.subject.clone(), copy.stored.author);
    let mut finding = Finding::new(RULE, Severity::Note, "this was posted before").key("history").fact(Fact::Mail {
        date,
        subject,
        author,
    });
    finding.cite(Evidence::Mail(earlier.message_id.clone()));
    finding = finding.fact(Fact::Ended(ended));
    mail.into_iter().for_each(|id| finding.cite(Evidence::Mail(id)));
    Ok(Some(finding))
}

/// How a posting ended, as the indexed mails of its thread have it, and the mail that says so.
fn ended(
    case: &Case<'_>,
    reader: &Reader,
    id: u64,
    posted: &provenance_index::document::Stored,
) -> Look<(Ended, Option<String>)> {
    let who = identity(&posted.author, &posted.address);
    let mut answers = Vec::new();
    for other in reader.thread(id)?.into_iter().filter(|other| *other != id).take(ANSWERS) {
        let Some(copy) = reader.mail(other)? else { continue };
        let stored = &copy.stored;
        let theirs = stored.references.contains(&posted.message_id)
            && identity(&stored.author, &stored.address) != who
            && !robot::is(&stored.author, &stored.address);
        if theirs && stored.date <= case.target.as_of {
            answers.push(copy);
        }
    }
    answers.sort_by_key(|copy| copy.stored.date);
    for copy in answers.iter().rev() {
        if let Some(line) = nak(&case.text(copy)?) {
            let (who, on) = (copy.stored.author.clone(), copy.stored.date);
            return Ok((Ended::Nak { who, on, line }, Some(copy.stored.message_id.clone())));
        }
    }
    Ok(match answers.last() {
        Some(last) => {
            let (who, on) = (last.stored.author.clone(), last.stored.date);
            (Ended::Answers { count: answers.len(), who, on }, Some(last.stored.message_id.clone()))
        }
        None => (Ended::Unanswered, None),
    })
}

/// The line in which somebody refuses a patch: `NAK`, `NACK` or `Nacked-by:`, in words of the writer's own.
pub fn nak(text: &str) -> Option<String> {
    let own = text.lines().take_while(|line| *line != "-- ").filter(|line| !line.starts_with(['>', '+', '-', '|']));
    let refuses = |line: &&str| {
        let first = line.split_whitespace().next().unwrap_or_default().to_lowercase();
        let words = line.split(|c: char| !c.is_ascii_alphanumeric());
        matches!(first.as_str(), "nacked-by:" | "naked-by:") || words.into_iter().any(|w| matches!(w, "NAK" | "NACK"))
    };
    own.into_iter().find(refuses).map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// When a patch was merged by a moment, as an attached tree has the commit: date, id, subject.
fn merged(world: &World<'_>, reader: &Reader, mail: u64, as_of: i64) -> Look<Option<(i64, String, String)>> {
    let graph = &reader.links.graph;
    let mut found: Vec<(i64, String, String)> = Vec::new();
    for edge in graph.edges(mail)? {
        let commit = matches!(edge.kind, LinkKind::Commit | LinkKind::Form | LinkKind::Tells);
        if !commit || edge.from != mail {
            continue;
        }
        let Some(id) = graph.commit(edge.to)? else { continue };
        if let Some((_, entry)) = history::find(world.data, &id)? {
            found.push((entry.dates.1, hex(&id), entry.subject));
        }
    }
    Ok(found.into_iter().filter(|(date, ..)| *date <= as_of).min())
}

/// When the catalogue has a mechanism merged by a day, where an attached tree has that commit.
fn merged_by(world: &World<'_>, slug: &MechanismId, today: Day) -> Look<Option<(i64, String, String)>> {
    let merges = world.catalogue.events_of(slug).filter(|e| e.recorded() <= today && e.kind == Kind::Merge);
    for event in merges {
        for source in event.evidence.iter().filter_map(|evidence| evidence.source()) {
            let Source::Commit(id) = source else { continue };
            for full in history::beginning(world.data, &id.to_string(), 2)? {
                if let Some((_, entry)) = history::find(world.data, &full)? {
                    return Ok(Some((entry.dates.1, hex(&full), entry.subject)));
                }
            }
        }
    }
    Ok(None)
}

/// Events of the catalogue that are there for the same.
fn of_catalogue(case: &Case<'_>) -> Look<Option<Finding>> {
    let (target, world) = (case.target, case.world);
    let author = target.message.from.first();
    let same = |name: &str| author.is_some_and(|a| a.name.as_deref() == Some(name));
    let mut events: Vec<_> = case.kin().similar.iter().filter(|s| !s.event.authors.iter().any(|a| same(a))).collect();
    events.sort_by_key(|s| s.event.happened);
    let Some(first) = events.first() else { return Ok(None) };
    let mut finding = Finding::new(RULE, Severity::Note, "similar, earlier").key("catalogue");
    for similar in events.iter().take(MOST) {
        let event = similar.event;
        let what = event.subject.as_ref().map_or_else(|| event.text.clone(), |subject| format!("\"{subject}\""));
        finding = finding.fact(Fact::Event { on: event.happened.0, what, who: event.authors.first().cloned() });
        mail_of(event).into_iter().for_each(|id| finding.cite(Evidence::Mail(id.to_owned())));
    }
    finding = finding.fact(Fact::Matched(first.matched.clone()));
    let slug = &first.event.mechanism;
    let today = Day(day(target.as_of));
    let posting = world.catalogue.events_of(slug).filter(|e| e.recorded() <= today && e.kind == Kind::Posting);
    if let Some(posted) = posting.min_by_key(|e| e.happened) {
        finding = finding.fact(Fact::Posted { mechanism: slug.clone(), on: posted.happened.0 });
        mail_of(posted).into_iter().for_each(|id| finding.cite(Evidence::Mail(id.to_owned())));
    }
    if let Some((date, id, subject)) = merged_by(world, slug, today)? {
        finding = finding.fact(Fact::Merged { mechanism: Some(slug.clone()), on: day(date) });
        finding.cite(Evidence::Commit(id, subject));
    }
    Ok(Some(finding))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_a_word_of_ones_own() {
        assert_eq!(nak("Hi,\n\nthis is a NAK from me.\n").as_deref(), Some("this is a NAK from me."));
        assert_eq!(
            nak("Nacked-by: Ada Example <ada@example.org>\n").as_deref(),
            Some("Nacked-by: Ada Example <ada@example.org>")
        );
        for other in ["> NAK\n", "+\tNAK = 1,\n", "snack\n", "-- \nNAK\n", "I would not nak it\n"] {
            assert_eq!(nak(other), None, "{other}");
        }
    }
}
