//! Checks patches, rule by rule. It may take seconds, since the engine runs the scenarios of what it finds.

use std::sync::mpsc::Receiver;

use provenance_corpus::message::Message;
use provenance_corpus::patch::{LineKind, Patch};
use provenance_review::check::form::{self, Checked, prose};
use provenance_review::check::verdict::Verdicts;
use provenance_review::check::{self, Evidence, Fact, Finding, Severity, Target, World};
use provenance_review::horizon;

use super::Tell;
use crate::facts::checked::{Beside, Detail, FindingRow, Lead};
use crate::library::Library;
use crate::msg::{Effect, Msg};
use crate::text::clean;

/// Lines of the patch above and below the one that a finding is about.
const AROUND: usize = 40;

/// Serves effects; of several that wait the last counts, since the reader has gone on.
pub(super) fn serve(library: &Library, effects: &Receiver<Effect>, tell: &Tell) {
    while let Ok(first) = effects.recv() {
        let Effect::Check { ask, id } = effects.try_iter().last().unwrap_or(first) else { continue };
        let end = match run(library, ask, &id, tell) {
            Ok(end) => end,
            Err(why) => Msg::Checked { ask, id, said: Err(why) },
        };
        if !tell(end) {
            return;
        }
    }
}

fn run(library: &Library, ask: u64, id: &str, tell: &Tell) -> Result<Msg, String> {
    let shelf = library.shelf();
    let bytes = shelf.bytes(&shelf.copies(id)?)?;
    let message = Message::parse(&bytes);
    let text = message.text();
    let patch = Patch::parse(&text).ok_or("there is no patch in this mail")?;
    let data = library.place().data();
    let mut world = World::new(&shelf.catalogue, shelf.reader.as_ref(), library.shelf_data());
    world.engine = true;
    world.verdicts = Verdicts::load(data).map_err(|e| format!("the verdicts cannot be read: {e}"))?;
    let as_of = message.date.map(|d| d.seconds).or(message.received).unwrap_or(i64::MAX);
    let target = Target { message: &message, text: &text, patch, as_of };
    let mut count = 0;
    let report = check::each(&target, &world, |findings| {
        let rows: Vec<FindingRow> =
            findings.into_iter().filter(|f| f.severity > Severity::Silent).map(|f| row(f, &target)).collect();
        count += rows.len();
        if !rows.is_empty() {
            tell(Msg::Findings { ask, id: id.to_owned(), rows });
        }
    });
    let day = provenance_review::dates::day(as_of);
    let found = if count == 0 {
        "no findings".to_owned()
    } else {
        provenance_review::text::plural(count as u64, "finding", "findings")
    };
    let rules = form::rules(report.ran.len());
    let mut said = format!("{found} as of {day}; {rules}; {}", horizon::indexed(shelf.reader.as_ref()));
    for (not_run, why) in report.broken() {
        said.push_str(&format!("; could not look: {}: {why}", prose::part(not_run)));
    }
    let said = clean(&said);
    Ok(Msg::Checked { ask, id: id.to_owned(), said: Ok(said) })
}

fn row(finding: Finding, target: &Target<'_>) -> FindingRow {
    let plain = |label: &str, text: &str, lead: Lead| Detail { label: clean(label), text: clean(text), lead };
    let mut details = Vec::new();
    let owner = finding.facts.iter().find_map(|fact| match fact {
        Fact::Ran { first, .. } => Some(first.mechanism().to_string()),
        _ => None,
    });
    for line in prose::lines(&finding) {
        let lead = match (&finding.facts[line.fact], &owner) {
            (Fact::Ran { .. }, Some(owner)) => Lead::Scenario(owner.clone()),
            (Fact::Image { .. }, _) => Lead::Image,
            _ => Lead::None,
        };
        details.push(plain(&line.label, &line.text, lead));
        if line.last {
            details.extend(finding.rests_on(Some(line.fact)).map(see));
        }
    }
    if let Some(advice) = &finding.advice {
        details.push(plain("do", advice, Lead::None));
    }
    details.extend(finding.rests_on(None).map(see));
    let beside = beside(&finding, &target.patch);
    let (id, severity, rule) = (finding.id.clone(), finding.severity, finding.rule);
    let (says, path) = (clean(&finding.says), clean(&finding.path));
    let dismissed = finding.dismissed.as_deref().map(clean);
    let reply = form::reply(&Checked::of_one(finding, target.as_of));
    FindingRow {
        id,
        head: format!("{}[{rule}]", severity.as_str()),
        sign: if severity >= Severity::Warning { '!' } else { '·' },
        says,
        dismissed,
        details,
        path,
        beside,
        reply,
    }
}

/// Where it can be checked.
fn see(evidence: &Evidence) -> Detail {
    let (text, lead) = match evidence {
        Evidence::Mail(id) => (id.clone(), Lead::Mail(id.clone())),
        Evidence::Commit(id, subject) => {
            let text = format!("commit {} {subject}", &id[..id.len().min(12)]);
            (text.trim_end().to_owned(), Lead::Told(clean(&text)))
        }
        Evidence::Page(url) => (url.clone(), Lead::Told(clean(url))),
    };
    Detail { label: "see".to_owned(), text: clean(&text), lead }
}

/// The lines around the one that a finding is about; the whole patch's first lines where it is about none.
fn beside(finding: &Finding, patch: &Patch<'_>) -> Vec<Beside> {
    let about = finding.quote.first().map(|line| line.trim_start_matches(['+', '-', ' ']));
    let mut all: Vec<Beside> = Vec::new();
    let mut at = None;
    for file in patch.files.iter().filter(|file| finding.path.is_empty() || file.path() == finding.path) {
        let header = Beside { sign: '@', number: 0, text: clean(file.path()), marked: false };
        all.push(header);
        for hunk in patch.hunks(file) {
            let section = format!("@@ {}", hunk.section.of(patch.text()));
            all.push(Beside { sign: '@', number: 0, text: clean(section.trim_end()), marked: false });
            for line in patch.lines(hunk) {
                let text = patch.slice(line.span);
                let marked = finding.line > 0 && line.new == finding.line && about.is_none_or(|a| a == text);
                if marked && at.is_none() {
                    at = Some(all.len());
                }
                let sign = match line.kind {
                    LineKind::Added => '+',
                    LineKind::Removed => '-',
                    LineKind::Context => ' ',
                };
                let text = clean(&text.chars().take(400).collect::<String>());
                all.push(Beside { sign, number: line.new, text, marked });
            }
            // What lies far behind is not shown.
            if all.len() > at.map_or(200_000, |at| at + AROUND) {
                break;
            }
        }
    }
    let from = at.map_or(0, |at| at.saturating_sub(AROUND));
    all.into_iter().skip(from).take(2 * AROUND).collect()
}
