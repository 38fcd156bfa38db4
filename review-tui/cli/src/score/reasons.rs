//! `__score reasons`: commits that robots' mails tell of, whose `Link:` or `Closes:` leads to a mail that posts no patch. Those lines
//! are hidden, and the reason is looked for. Where the mail that they name is not indexed, every claim counts as wrong.

use std::io::Write;

use provenance_corpus::subject::Subject;
use provenance_index::links::fact::{Cited, Fact, Told};
use provenance_index::links::score::Count;
use provenance_index::links::told;
use provenance_index::reader::Reader;
use provenance_index::reason::Question;
use provenance_review::session::place::reader_failure;
use provenance_review::text;
use rustc_hash::FxHashMap;

use super::{Context, Exit, Failure, Letters};
use crate::terminal::Output;

/// Lines that name the mail.
const NAMING: [&str; 5] = ["link:", "closes:", "buglink:", "message-id:", "references:"];

/// The message without the lines that name mails, and without addresses of mails in its prose.
fn hidden(message: &str) -> String {
    let names = |line: &str| {
        let lower = line.trim_start().to_ascii_lowercase();
        NAMING.iter().any(|name| lower.starts_with(name))
            || lower.contains("://lore.kernel.org")
            || lower.contains("://lkml")
    };
    message.lines().filter(|line| !names(line)).fold(String::new(), |all, line| all + line + "\n")
}

/// `__score reasons`
pub fn run(context: &Context, reader: &Reader, verbose: bool) -> Result<Exit, Failure> {
    let mut letters = Letters::open(context.place.data(), reader)?;
    let (facts, roots) = reader.facts().map_err(|e| reader_failure(&e))?;
    let known: FxHashMap<u64, &Fact> = facts.iter().map(|fact| (fact.id, fact)).collect();
    let root = |id: u64| roots.get(&id).copied().unwrap_or(id);
    let mut out = Output::plain();
    let (mut indexed, mut found, mut absent) = (0u32, Count::default(), Count::default());
    let mut robots: Vec<&&Fact> = known.values().filter(|fact| fact.flags.told).collect();
    robots.sort_by_key(|fact| (fact.date, fact.id));
    for robot in robots {
        if !robot.tells.iter().any(|(_, told)| *told == Told::Merged) {
            continue;
        }
        let Some(copy) = letters.copy(robot.id)? else { continue };
        let named =
            robot.cites.iter().filter(|(_, cited, masked)| matches!(cited, Cited::Trailer | Cited::Closes) && !masked);
        let mut targets: Vec<u64> = Vec::new();
        let mut own = vec![robot.id];
        let mut closes = false;
        for (id, cited, _) in named {
            closes |= *cited == Cited::Closes;
            match known.get(id) {
                Some(fact) if is_posting(&letters, fact)? => own.push(*id),
                Some(fact) if !fact.flags.told => targets.push(*id),
                _ => {}
            }
        }
        if targets.is_empty() && !closes {
            continue;
        }
        let commit = told::commit_of(&letters.text(&copy)?);
        let message = hidden(&commit.message);
        let date = copy.stored.date;
        let dates = (commit.authored.unwrap_or(date), date);
        let question = Question { message: &message, author: (&commit.author.0, &commit.author.1), dates, own };
        let claim = letters.reason(&question)?;
        let right = claim.as_ref().is_some_and(|claim| targets.iter().any(|id| root(*id) == root(claim.id)));
        let tally = if targets.is_empty() { &mut absent } else { &mut found };
        indexed += u32::from(!targets.is_empty());
        if claim.is_some() {
            tally.claims += 1;
            tally.right += u32::from(right);
        } else if targets.is_empty() {
            absent.right += 1;
        }
        if verbose && (claim.is_some() || !targets.is_empty()) {
            let word = match (&claim, right) {
                (None, _) => "missed",
                (Some(_), true) => "found",
                (Some(_), false) if targets.is_empty() => "claimed, the mail is not indexed",
                (Some(_), false) => "wrong",
            };
            writeln!(out, "{word}\n  {}  {}", copy.stored.message_id, text::line(&copy.stored.subject))?;
            for id in &targets {
                let stored = letters.stored(*id)?.unwrap_or_default();
                writeln!(out, "  is     {}  {}", stored.message_id, text::line(&stored.subject))?;
            }
            if claim.is_none() {
                for near in letters.reasons(&question)?.iter().take(3) {
                    let stored = letters.stored(near.id)?.unwrap_or_default();
                    writeln!(
                        out,
                        "  near   {}  {}  {:.2}",
                        stored.message_id,
                        text::line(&stored.subject),
                        near.weight
                    )?;
                }
            }
            if let Some(claim) = claim {
                let stored = letters.stored(claim.id)?.unwrap_or_default();
                writeln!(out, "  said   {}  {}  {:.2}", stored.message_id, text::line(&stored.subject), claim.weight)?;
                for clue in &claim.clues {
                    writeln!(out, "           {}", text::line(&clue.to_string()))?;
                }
            }
        }
    }
    let share = |count: Count| {
        let (low, high) = count.interval();
        format!("{:.4} ({low:.4}..{high:.4})", count.share())
    };
    let recall = Count { claims: indexed, right: found.right };
    writeln!(out, "commits whose reason is indexed: {indexed}; found {}, recall {}", found.right, share(recall))?;
    writeln!(
        out,
        "claims about them: {}; wrong {}, precision {}",
        found.claims,
        found.claims - found.right,
        share(found)
    )?;
    writeln!(
        out,
        "commits whose reason is not indexed: {}; claims, all wrong: {}",
        absent.claims + absent.right,
        absent.claims
    )?;
    let all = Count { claims: found.claims + absent.claims, right: found.right };
    writeln!(out, "all claims: {}; wrong {}, precision {}", all.claims, all.claims - all.right, share(all))?;
    out.finish()?;
    Ok(Exit::Done)
}

/// Whether a mail posts a patch or a series: what its subject says counts too, where the diff could not be read.
fn is_posting(letters: &Letters<'_>, fact: &Fact) -> Result<bool, Failure> {
    if !fact.flags.reply && (fact.flags.patch || fact.flags.cover) {
        return Ok(true);
    }
    let Some(stored) = letters.stored(fact.id)? else { return Ok(false) };
    let subject = Subject::parse(&stored.subject);
    Ok(!subject.reply && stored.subject.contains("[PATCH"))
}
