//! A reply: prose to a colleague below the lines that it is about. The shortest true statement, what would resolve it, and where
//! it can be read. No labels, no grade, no name of a tool.

use super::{Checked, Links, QUOTED};
use crate::check::fact::{Ended, Knows};
use crate::check::{Fact, Finding, Severity, day};
use crate::text;

/// It is written for so many columns.
const COLUMNS: usize = 72;

/// Lines of ours for one patch; what does not fit is left out, the least grave first.
const LINES: usize = 25;

/// Plain text to paste, with numbered links at its end.
pub fn reply(checked: &Checked) -> String {
    let mut out = String::new();
    let mut links = Links::default();
    let mut ours = 0;
    for finding in checked.findings.iter().filter(|f| f.severity > Severity::Silent && f.dismissed.is_none()) {
        let (known, mut said) = (links.0.len(), String::new());
        wrap(&paragraph(finding, &mut links), &mut said);
        // The blank line below, and one above the links.
        let lines = said.lines().count() + 1;
        if ours + lines + links.0.len() + usize::from(!links.0.is_empty()) > LINES {
            links.0.truncate(known);
            continue;
        }
        ours += lines;
        if !finding.path.is_empty() && !finding.quote.is_empty() {
            let path = text::line(&finding.path);
            out.push_str(&format!("> diff --git a/{path} b/{path}\n"));
            if !finding.hunk.is_empty() {
                out.push_str(&format!("> {}\n", text::line(&finding.hunk)));
            }
        }
        for line in finding.quote.iter().take(QUOTED) {
            out.push_str(&format!("> {}\n", text::block(line).trim_end()));
        }
        if !finding.quote.is_empty() {
            out.push('\n');
        }
        out.push_str(&said);
        out.push('\n');
    }
    for (at, link) in links.0.iter().enumerate() {
        out.push_str(&format!("[{}] {link}\n", at + 1));
    }
    out
}

/// What a finding says to a colleague.
fn paragraph(finding: &Finding, links: &mut Links) -> String {
    let facts = finding.facts.iter();
    let mut cite = |fact: Option<usize>| {
        let numbers: Vec<String> = finding.rests_on(fact).map(|evidence| links.number(evidence)).collect();
        numbers.iter().map(|number| format!(" {number}")).collect::<String>()
    };
    let said = match (finding.rule, finding.key.as_str()) {
        ("ownership", "" | "excludes") if finding.severity < Severity::Warning => {
            format!("This {}. Who else may own those bytes, and is asked?", finding.says)
        }
        ("ownership", "") => {
            let mut said = format!("This {}:", finding.says);
            for fact in facts {
                match fact {
                    Fact::Entry { address, function, owner, .. } => said.push_str(&format!(
                        " {address} is the entry of {function}(), which is not notrace, and {owner} is not asked."
                    )),
                    Fact::OnConflict { then, .. } => said.push_str(&format!(" When it finds other bytes: {then}.")),
                    _ => {}
                }
            }
            said.push_str(" Could it be notrace, go through register_ftrace_direct(), or be a static_call?");
            said
        }
        ("ownership", _) => {
            let mut said = format!("This {}.", finding.says);
            for (at, fact) in facts.enumerate() {
                match fact {
                    Fact::Excludes { because, .. } => said.push_str(&format!(" Here {because}.")),
                    Fact::Declared { declares: false, does: Some(name) } => {
                        said.push_str(&format!(" It moves the instruction pointer ({name}) and does not declare it."));
                    }
                    Fact::Event { on, .. } => said.push_str(&format!(" That was discussed on {on}{}.", cite(Some(at)))),
                    _ => {}
                }
            }
            said.push_str(" What should happen to those who were there first?");
            said
        }
        ("missing-cc", "history") => {
            let mut people = Vec::new();
            for (at, fact) in facts.enumerate() {
                let Fact::Person { name, knows, .. } = fact else { continue };
                let why = match knows {
                    Knows::Owner(slug, ..) | Knows::Entry(slug, ..) | Knows::Through(slug, ..) => slug.to_string(),
                    Knows::Similar(slug, ..) => format!("{slug}, which does something similar"),
                    Knows::Code { shared, .. } => shared.clone(),
                };
                people.push(format!("{name} ({why}{})", cite(Some(at))));
            }
            format!("Adding to Cc, since they worked on this: {}.", people.join(", "))
        }
        ("missing-cc", _) => {
            let mut said = format!("Please add {} to Cc", finding.addresses.join(", "));
            for (at, fact) in facts.enumerate() {
                match fact {
                    Fact::Habit { list, threads, of, path, .. } => said.push_str(&format!(
                        "; {list} since {threads} of {of} threads with patches to {path} went there{}",
                        cite(Some(at))
                    )),
                    Fact::MaintainersOf(date) => {
                        said.push_str(&format!(", by MAINTAINERS of {}{}", day(*date), cite(Some(at))));
                    }
                    Fact::Answers { list, mechanism, .. } => {
                        said.push_str(&format!("; {list} for {mechanism}{}", cite(Some(at))));
                    }
                    _ => {}
                }
            }
            said + "."
        }
        ("prior-art", "history") => {
            let mut said = "This was posted before".to_owned();
            for (at, fact) in facts.enumerate() {
                match fact {
                    Fact::Mail { date, .. } => said.push_str(&format!(", on {}{}", day(*date), cite(Some(at)))),
                    Fact::Ended(Ended::Nak { who, on, .. }) => {
                        said.push_str(&format!("; {who} refused it on {}{}", day(*on), cite(Some(at))));
                    }
                    Fact::Ended(Ended::Answers { who, on, .. }) => {
                        said.push_str(&format!("; {who} was the last to answer, on {}{}", day(*on), cite(Some(at))));
                    }
                    Fact::Ended(Ended::Unanswered) => said.push_str(", and I found no answer to it"),
                    _ => {}
                }
            }
            said + ". What has changed since?"
        }
        ("prior-art", _) => {
            let mut earlier = Vec::new();
            for (at, fact) in facts.enumerate() {
                match fact {
                    Fact::Event { on, who, .. } => {
                        let who = who.as_deref().unwrap_or("somebody");
                        earlier.push(format!("by {who} on {on}{}", cite(Some(at))));
                    }
                    Fact::Mail { date, author, .. } => {
                        earlier.push(format!("by {author} on {}{}", day(*date), cite(Some(at))));
                    }
                    _ => {}
                }
            }
            format!("Something similar was posted {}. How does this differ?", earlier.join(", "))
        }
        ("revision", "remarks") => {
            let mut said = String::new();
            for (at, fact) in facts.enumerate() {
                if let Fact::Remark { date, who, says, .. } = fact {
                    said.push_str(&format!("{who} wrote on {}: \"{says}\"{} ", day(*date), cite(Some(at))));
                }
            }
            said + "I found no answer to that; is it settled?"
        }
        ("revision", "trailers") => {
            let mut given = Vec::new();
            for (at, fact) in facts.enumerate() {
                if let Fact::Given(trailer) = fact {
                    given.push(format!("{trailer}{}", cite(Some(at))));
                }
            }
            format!("The last version was given these, which are not here any more: {}.", given.join("; "))
        }
        ("revision", _) => {
            let places = facts.filter_map(|fact| match fact {
                Fact::Changed { path, function, .. } if function.is_empty() => Some(path.clone()),
                Fact::Changed { function, .. } => Some(format!("{function}()")),
                _ => None,
            });
            let places: Vec<String> = places.collect();
            format!("This has changed since the last version and is not in the changelog: {}.", places.join(", "))
        }
        _ => {
            let mut said = finding.says.clone();
            for fact in facts {
                if let Fact::Titles { says, is } = fact {
                    said.push_str(&format!(": it says \"{says}\", the commit is \"{is}\""));
                }
            }
            said + "."
        }
    };
    let rest = cite(None);
    let mut letters = said.chars();
    let first = letters.next().map(|c| c.to_uppercase().collect::<String>()).unwrap_or_default();
    text::line(&format!("{first}{}{rest}", letters.as_str())).into_owned()
}

/// Breaks at blanks; a word that is longer than a line stays whole.
fn wrap(said: &str, out: &mut String) {
    let mut used = 0;
    for word in said.split_whitespace() {
        let wide = text::width(word);
        if used > 0 && used + 1 + wide > COLUMNS {
            out.push('\n');
            used = 0;
        }
        if used > 0 {
            out.push(' ');
            used += 1;
        }
        out.push_str(word);
        used += wide;
    }
    out.push('\n');
}
