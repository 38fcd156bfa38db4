//! Findings as text, JSON, b4's CI array, a reply, and addresses.

mod b4;
pub mod prose;
mod reply;
mod tools;

use provenance_index::reader::Reader;
use serde_json::{Value, json};

use super::outcome::{Missing, NotRun, Why};
use super::{Evidence, Finding, Report, Severity};
pub use b4::{b4, b4_failed};
pub use reply::reply;
pub use tools::{checkpatch, editor, sarif};

use crate::look::{Look, Style};
use crate::{dates, horizon, json as format, text};

/// One patch and what was found.
#[derive(Default)]
pub struct Checked {
    /// Its Message-ID.
    pub message_id: String,
    /// Its subject.
    pub subject: String,
    /// Who sent it.
    pub author: String,
    /// Findings that were dismissed and are not shown.
    pub dismissed: usize,
    /// As of when it was read.
    pub as_of: i64,
    /// What was found, the gravest first.
    pub findings: Vec<Finding>,
    /// Rules that ran.
    pub ran: Vec<&'static str>,
    /// What was not looked at.
    pub not_run: Vec<NotRun>,
}

impl Checked {
    /// A patch of which one finding is told.
    pub fn of_one(finding: Finding, as_of: i64) -> Checked {
        Checked { as_of, findings: vec![finding], ..Checked::default() }
    }

    /// Takes over what the rules came to.
    pub fn report(self, report: Report) -> Checked {
        Checked { findings: report.findings, ran: report.ran, not_run: report.not_run, ..self }
    }
}

/// Lines of the patch that are quoted.
const QUOTED: usize = 5;

/// Findings for a reader, and below all of them what was not looked at.
pub fn text(all: &[Checked], look: &Look, reader: Option<&Reader>) -> String {
    let mut out = all.iter().map(|checked| draw(checked, look, reader)).collect::<Vec<_>>().join("\n");
    for line in unseen(all) {
        for line in text::wrap(&line, look.width, 4) {
            out.push_str(&format!("{line}\n"));
        }
    }
    if let Some(line) = absent(all) {
        out.push_str(&look.paint(Style::Dim, &format!("{line}\n")));
    }
    out
}

/// What is attached and could not be read, each once, a line each.
pub fn unseen(all: &[Checked]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for not_run in all.iter().flat_map(|checked| &checked.not_run) {
        if let Why::Broken(why) = &not_run.why {
            let line = format!("could not look: {}: {}", prose::part(not_run), text::line(why));
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
    }
    lines
}

/// What would have to be attached for all of the rules to run, on one line.
fn absent(all: &[Checked]) -> Option<String> {
    let of = |missing: Missing| {
        let not_run = all.iter().flat_map(|checked| &checked.not_run);
        let mut parts: Vec<String> = not_run.filter(|n| n.why == Why::NotAttached(missing)).map(prose::part).collect();
        parts.sort();
        parts.dedup();
        (!parts.is_empty()).then(|| format!("{} for {}", prose::missing(missing), parts.join(", ")))
    };
    let kinds: Vec<String> = [Missing::Index, Missing::Tree, Missing::Image].into_iter().filter_map(of).collect();
    (!kinds.is_empty()).then(|| format!("not attached: {}", kinds.join("; ")))
}

/// How many rules ran.
pub fn rules(ran: usize) -> String {
    text::plural(ran as u64, "rule", "rules")
}

/// Findings for a script, with the rules that ran and what was searched.
pub fn json(all: &[Checked], reader: Option<&Reader>) -> Value {
    let checked: Vec<Value> = all.iter().map(value).collect();
    let rules = all.iter().map(|checked| checked.ran.len()).max().unwrap_or_default();
    json!({ "format": format::FORMAT, "checked": checked, "rules": rules, "indexed": format::horizon(reader) })
}

/// Text to paste under the quotes, patch by patch.
pub fn replies(all: &[Checked]) -> String {
    all.iter().map(reply).collect::<Vec<_>>().join("\n")
}

/// The numbers of the links at the foot.
#[derive(Default)]
struct Links(Vec<String>);

impl Links {
    fn number(&mut self, evidence: &Evidence) -> String {
        let link = match evidence {
            Evidence::Mail(id) => format!("https://lore.kernel.org/r/{}", text::line(id)),
            Evidence::Commit(id, subject) if subject.is_empty() => id[..12.min(id.len())].to_owned(),
            Evidence::Commit(id, subject) => format!("{} (\"{}\")", &id[..12.min(id.len())], text::line(subject)),
            Evidence::Page(url) => text::line(url).into_owned(),
        };
        let at = self.0.iter().position(|known| *known == link).unwrap_or_else(|| {
            self.0.push(link);
            self.0.len() - 1
        });
        format!("[{}]", at + 1)
    }

    /// A text with the numbers of what it rests on: of one fact or, for none, of the finding as a whole.
    fn cited(&mut self, said: &str, finding: &Finding, fact: Option<usize>) -> String {
        let numbers = finding.rests_on(fact).map(|evidence| self.number(evidence));
        std::iter::once(text::line(said).into_owned()).chain(numbers).collect::<Vec<_>>().join(" ")
    }
}

impl Links {
    /// A line of a finding; a fact is cited where it ends.
    fn told(&mut self, line: &prose::Line, finding: &Finding) -> String {
        if line.last { self.cited(&line.text, finding, Some(line.fact)) } else { text::line(&line.text).into_owned() }
    }
}

fn draw(checked: &Checked, look: &Look, reader: Option<&Reader>) -> String {
    let mut out = format!(
        "{}\n{}, {}; checked as of that day\n",
        look.paint(Style::Strong, &text::line(&checked.subject)),
        text::line(&checked.author),
        dates::day(checked.as_of)
    );
    let searched = format!("{}; {}", rules(checked.ran.len()), horizon::indexed(reader));
    let dismissed = checked.dismissed as u64;
    let dismissed = if dismissed == 0 { String::new() } else { format!("{dismissed} dismissed; ") };
    if checked.findings.is_empty() {
        return format!("no findings ({dismissed}{searched})\n");
    }
    let mut links = Links::default();
    for finding in &checked.findings {
        let style = if finding.severity >= Severity::Warning { Style::Warning } else { Style::Mark };
        let head = format!("{}[{}]:", finding.severity.as_str(), finding.rule);
        out.push('\n');
        let says = format!("{head} {}", links.cited(&finding.says, finding, None));
        for (at, line) in text::wrap(&says, look.width, 4).into_iter().enumerate() {
            let line = if at == 0 { line.replacen(&head, &look.paint(style, &head), 1) } else { line };
            out.push_str(&format!("{line}\n"));
        }
        if !finding.path.is_empty() {
            out.push_str(&format!("  {}, line {} of the new file\n", text::line(&finding.path), finding.line));
        }
        for line in finding.quote.iter().take(QUOTED) {
            out.push_str(&format!("  | {}\n", text::line(&line.replace('\t', "        ")).trim_end()));
        }
        let lines = prose::lines(finding);
        let width = lines.iter().map(|line| text::width(&line.label)).max().unwrap_or(0).max(6);
        let mut fact = |label: &str, said: &str| {
            let line = format!("  {} {said}", text::pad(label, width));
            for (at, line) in text::wrap(&line, look.width, width + 3).into_iter().enumerate() {
                let line = match line.get(2 + label.len()..).filter(|_| at == 0 && !label.is_empty()) {
                    Some(rest) => format!("  {}{rest}", look.paint(Style::Dim, label)),
                    None => line,
                };
                out.push_str(&format!("{}\n", line.trim_end()));
            }
        };
        for line in &lines {
            fact(&text::line(&line.label), &links.told(line, finding));
        }
        if let Some(advice) = &finding.advice {
            fact("do", advice);
        }
        if let Some(why) = &finding.dismissed {
            out.push_str(&format!(
                "  {} {}\n",
                look.paint(Style::Dim, &text::pad("dismissed", width)),
                text::line(why)
            ));
        }
        out.push_str(&look.paint(Style::Dim, &format!("  {} {}\n", text::pad("id", width), finding.id)));
    }
    if !links.0.is_empty() {
        out.push('\n');
        for (at, link) in links.0.iter().enumerate() {
            out.push_str(&format!("[{}] {link}\n", at + 1));
        }
    }
    let count = |severity: Severity| checked.findings.iter().filter(|f| f.severity == severity).count() as u64;
    let counted = [
        (Severity::Error, "error", "errors"),
        (Severity::Warning, "warning", "warnings"),
        (Severity::Note, "note", "notes"),
    ]
    .into_iter()
    .map(|(severity, one, many)| (count(severity), one, many))
    .filter(|(n, ..)| *n > 0)
    .map(|(n, one, many)| text::plural(n, one, many));
    out.push_str(
        &look.paint(Style::Dim, &format!("{}; {dismissed}{searched}\n", counted.collect::<Vec<_>>().join(", "))),
    );
    out
}

fn evidence(evidence: &Evidence) -> Value {
    match evidence {
        Evidence::Mail(id) => json!({ "message_id": id }),
        Evidence::Commit(id, subject) => json!({ "commit": id, "subject": subject }),
        Evidence::Page(url) => json!({ "url": url }),
    }
}

fn finding(finding: &Finding) -> Value {
    json!({
        "id": finding.id,
        "rule": finding.rule,
        "severity": finding.severity.as_str(),
        "file": finding.path,
        "line": finding.line,
        "quote": finding.quote,
        "says": finding.says,
        "facts": prose::lines(finding).iter().map(|line| {
            let rests = finding.rests_on(Some(line.fact)).filter(|_| line.last).map(evidence);
            json!({ "label": line.label, "text": line.text, "evidence": rests.collect::<Vec<_>>() })
        }).collect::<Vec<_>>(),
        "evidence": finding.evidence.iter().map(evidence).collect::<Vec<_>>(),
        "advice": finding.advice,
        "addresses": finding.addresses,
        "dismissed": finding.dismissed,
    })
}

fn value(checked: &Checked) -> Value {
    json!({
        "message_id": checked.message_id,
        "subject": checked.subject,
        "as_of": dates::second(checked.as_of),
        "findings": checked.findings.iter().map(finding).collect::<Vec<_>>(),
        "ran": checked.ran,
        "not_run": checked.not_run.iter().map(not_run).collect::<Vec<_>>(),
    })
}

/// What was not looked at: `why` is the error's text, or `null` where nothing is attached, and `needs` says what would be.
fn not_run(not_run: &NotRun) -> Value {
    let (why, needs) = match &not_run.why {
        Why::Broken(why) => (Some(why.as_str()), None),
        Why::NotAttached(missing) => (None, Some(prose::missing(*missing))),
    };
    json!({ "rule": not_run.rule, "part": not_run.part, "why": why, "needs": needs })
}

/// Lists before people, each once.
pub fn addresses(all: &[Checked]) -> String {
    let mut seen: Vec<&str> = Vec::new();
    let found = all.iter().flat_map(|checked| &checked.findings).flat_map(|f| &f.addresses);
    for address in found.filter(|address| !address.contains(['\n', '\r'])) {
        if !seen.contains(&address.as_str()) {
            seen.push(address);
        }
    }
    seen.sort_by_key(|address| address.contains('<'));
    seen.iter().map(|address| format!("{}\n", text::line(address))).collect()
}
