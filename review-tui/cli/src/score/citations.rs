//! `__score citations`: of each finding over the indexed patches, whether the mail that it cites says what the finding says of
//! it: its sender, day and subject, and the very line that is quoted. What a finding says of a mail without citing it fails too.

use std::collections::BTreeMap;
use std::io::Write;

use provenance_corpus::message::Message;
use provenance_corpus::patch::{LineKind, Patch};
use provenance_corpus::trailer;
use provenance_index::hash;
use provenance_index::reader::Reader;
use provenance_review::check::fact::{Ended, Knows};
use provenance_review::check::{Evidence, Fact, Finding, day};
use provenance_review::text;

use super::{Context, Exit, Failure, Letters, patches};
use crate::terminal::Output;

/// Of one rule: citations that hold, that do not, and whose mail is not indexed.
#[derive(Default)]
struct Tally {
    findings: u64,
    hold: u64,
    fail: u64,
    absent: u64,
}

/// Runs the subcommand; one that fails ends it with exit code 1.
pub fn run(context: &Context, reader: &Reader, every: u64, verbose: bool) -> Result<Exit, Failure> {
    let mut letters = Letters::open(context.place.data(), reader)?;
    let mut tallies: BTreeMap<&str, Tally> = BTreeMap::new();
    let mut failures: Vec<String> = Vec::new();
    let checked = patches::each(context, reader, every, |target, _, report| {
        for finding in &report.findings {
            let tally = tallies.entry(finding.rule).or_default();
            tally.findings += 1;
            for (at, fact) in finding.facts.iter().enumerate() {
                let mails: Vec<&String> = finding.rests_on(Some(at)).filter_map(mail).collect();
                let id = &target.message.message_id;
                if mails.is_empty() && speaks_of_a_mail(fact) {
                    tally.fail += 1;
                    failures.push(format!("{id} {}: nothing is cited for {fact:?}", finding.id));
                }
                for cited in mails {
                    let Some(copy) = letters.copy(hash::message_id(cited))? else {
                        tally.absent += 1;
                        continue;
                    };
                    let bytes = letters.bytes(&copy)?;
                    match holds(finding, fact, &Message::parse(&bytes)) {
                        Ok(()) => tally.hold += 1,
                        Err(why) => {
                            tally.fail += 1;
                            failures.push(format!("{id} {} <{cited}>: {why}: {fact:?}", finding.id));
                        }
                    }
                }
            }
        }
        Ok(())
    })?;
    let mut out = Output::plain();
    writeln!(out, "patches {checked}")?;
    writeln!(out, "rule            findings    hold    fail   not indexed")?;
    for (rule, t) in &tallies {
        writeln!(out, "{rule:<14} {:>9} {:>7} {:>7} {:>13}", t.findings, t.hold, t.fail, t.absent)?;
    }
    let sum = |of: fn(&Tally) -> u64| tallies.values().map(of).sum::<u64>();
    writeln!(out, "citations that hold {}\nfailures {}", sum(|t| t.hold), sum(|t| t.fail))?;
    for failure in failures.iter().take(if verbose { usize::MAX } else { 20 }) {
        writeln!(out, "  {}", text::line(failure))?;
    }
    out.finish()?;
    Ok(if failures.is_empty() { Exit::Done } else { Exit::Findings })
}

fn mail(evidence: &Evidence) -> Option<&String> {
    match evidence {
        Evidence::Mail(id) => Some(id),
        _ => None,
    }
}

/// Facts that are about a mail, and have to cite it.
fn speaks_of_a_mail(fact: &Fact) -> bool {
    matches!(
        fact,
        Fact::Answers { .. }
            | Fact::Habit { .. }
            | Fact::Person { .. }
            | Fact::Mail { .. }
            | Fact::Pieces { .. }
            | Fact::Given(_)
            | Fact::Remark { .. }
            | Fact::Ended(Ended::Nak { .. } | Ended::Answers { .. })
    )
}

fn squeezed(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether a mail says what a fact says of it; if not, what is missing.
fn holds(finding: &Finding, fact: &Fact, mail: &Message<'_>) -> Result<(), String> {
    let text = mail.text();
    let need = |holds: bool, what: &str| if holds { Ok(()) } else { Err(what.to_owned()) };
    let sender = mail.from.first().map(|from| from.who().to_lowercase()).unwrap_or_default();
    // A robot names whom it writes for: `tip-bot2 for Ada Example`.
    let from = |who: &str| {
        let found = mail.from.iter().any(|from| from.address.eq_ignore_ascii_case(who));
        need(found || sender.contains(&who.to_lowercase()), "it is from somebody else")
    };
    let titled = |title: &str| {
        let plain = |text: &str| squeezed(text.trim_matches('"')).to_lowercase();
        need(plain(&mail.subject).contains(&plain(title)), "it has another subject")
    };
    let dated = |date: i64| {
        need(mail.date.is_none_or(|known| (known.seconds - date).abs() < 3 * 86_400), "it has another date")
    };
    let sent_to = |list: &str| {
        let people = mail.to.iter().chain(&mail.cc).any(|p| p.address.eq_ignore_ascii_case(list));
        let lists = mail.list_ids.iter().any(|id| id.replacen('.', "@", 1).eq_ignore_ascii_case(list));
        need(people || lists, "it did not go to that list")
    };
    // A line of the mail that is its sender's own.
    let says = |wanted: &str| {
        let own = text.lines().filter(|line| !line.starts_with('>'));
        need(own.into_iter().any(|line| squeezed(line).starts_with(wanted)), "it has no such line of its own")
    };
    let patch = Patch::parse(&text);
    let added = |wanted: &str| {
        let patch = patch.as_ref();
        patch.is_some_and(|p| {
            let added = p.all_lines().iter().filter(|line| line.kind == LineKind::Added);
            added.into_iter().any(|line| squeezed(p.slice(line.span)) == squeezed(wanted))
        })
    };
    match fact {
        Fact::Answers { list, .. } => sent_to(list),
        Fact::Habit { list, .. } => {
            sent_to(list)?;
            need(patch.is_some(), "it has no patch")
        }
        Fact::Mail { date, subject, author } => {
            titled(subject)?;
            dated(*date)?;
            from(author)
        }
        Fact::Pieces { there, .. } => {
            let lines = there.iter().filter(|line| !line.trim().is_empty());
            need(lines.into_iter().all(|line| added(line)), "it does not add that piece")
        }
        Fact::Ended(Ended::Nak { who, line, on }) => {
            from(who)?;
            dated(*on)?;
            says(line)
        }
        Fact::Ended(Ended::Answers { who, on, .. }) => {
            from(who)?;
            dated(*on)
        }
        Fact::Person { name, knows, .. } => {
            from(name)?;
            match knows {
                Knows::Code { shared, date, subject, line, changed } => {
                    titled(subject)?;
                    dated(*date)?;
                    says(line)?;
                    let file = patch.as_ref().is_some_and(|p| p.files.iter().any(|file| file.path() == shared));
                    let function = text.contains(shared.as_str());
                    need(function && (!*changed || file || !shared.contains('/')), "it is not about that")?;
                    let known = ["diff ", "index ", "+++", "---", ">"].iter().any(|head| line.starts_with(head));
                    need(!known && !line.contains(" | "), "the line is a header or a diffstat")
                }
                Knows::Owner(_, on, what)
                | Knows::Similar(_, on, what)
                | Knows::Through(_, on, what)
                | Knows::Entry(_, on, what) => {
                    need(mail.date.is_none_or(|d| (day(d.seconds) - *on).get_days().abs() < 3), "it has another date")?;
                    // What has no subject in the catalogue is told in our words.
                    if mail.subject.is_empty() { Ok(()) } else { titled(what) }
                }
                _ => Ok(()),
            }
        }
        Fact::Event { on, what, who } => {
            need(mail.date.is_none_or(|d| (day(d.seconds) - *on).get_days().abs() < 3), "it has another date")?;
            who.as_ref().map_or(Ok(()), |who| from(who))?;
            if what.starts_with('"') { titled(what) } else { Ok(()) }
        }
        Fact::Earlier { subject, date, .. } => {
            titled(subject)?;
            dated(*date)
        }
        Fact::Given(given) => {
            let (name, who) = given.split_once(": ").unwrap_or_default();
            let trailers = trailer::parse(&text);
            let found = trailers.iter().any(|t| {
                t.name.eq_ignore_ascii_case(name) && t.address().is_some_and(|a| a.address.eq_ignore_ascii_case(who))
            });
            need(found, "it has no such trailer")
        }
        Fact::Remark { on, who, says: remark, date } => {
            from(who)?;
            dated(*date)?;
            says(&squeezed(remark.trim_end_matches('…')))?;
            let quoted = text.lines().filter_map(|line| line.strip_prefix('>'));
            need(quoted.into_iter().any(|line| squeezed(line) == *on), "it does not quote that line")
        }
        Fact::Printed { subject, date } => {
            titled(subject)?;
            dated(*date)
        }
        Fact::Posted { on, .. } => {
            need(mail.date.is_none_or(|d| (day(d.seconds) - *on).get_days().abs() < 3), "it has another date")
        }
        _ => need(!finding.says.is_empty(), "it says nothing"),
    }
}
