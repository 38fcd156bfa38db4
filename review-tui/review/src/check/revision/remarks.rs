//! Remarks on the last revision that are open: text of a reader below a quoted line of the diff that asks for something, on
//! lines that are the same in this revision. What was answered, agreed to or acted upon is not open: somebody answered or
//! quoted it, the reader gave a trailer then or later, or the changelog names the reader.

use provenance_corpus::patch::{LineKind, Patch};
use provenance_corpus::robot;
use provenance_index::people::identity;
use rustc_hash::FxHashSet;

use super::{RULE, changelog, trailers};
use crate::check::code::names;
use crate::check::earlier::{Answer, Earlier};
use crate::check::outcome::Look;
use crate::check::{Case, Evidence, Fact, Finding, Severity};

/// Remarks that are shown.
const SHOWN: usize = 6;

/// Characters of a remark that are shown.
const LENGTH: usize = 100;

/// Lines around a quoted one that must be the same, on each side.
const AROUND: usize = 3;

/// Shorter names name nothing.
const SHORTEST: usize = 4;

/// A remark: the quoted line of the diff with its sign, and what follows it.
#[derive(Debug, PartialEq, Eq)]
struct Remark<'t> {
    quoted: Vec<&'t str>,
    says: &'t str,
    /// All of it, up to the next quote.
    all: Vec<&'t str>,
}

/// What a reader writes who wants something; whoever only agrees or praises needs none of these.
const WANTS: [&str; 49] = [
    "should",
    "shouldn",
    "could",
    "couldn",
    "would",
    "wouldn",
    "please",
    "pls",
    "why",
    "what",
    "how",
    "need",
    "needs",
    "must",
    "instead",
    "missing",
    "wrong",
    "bug",
    "buggy",
    "typo",
    "don",
    "doesn",
    "can",
    "cannot",
    "isn",
    "better",
    "prefer",
    "suggest",
    "nit",
    "drop",
    "remove",
    "rename",
    "unless",
    "rather",
    "race",
    "racy",
    "leak",
    "leaks",
    "breaks",
    "broken",
    "incorrect",
    "unnecessary",
    "useless",
    "think",
    "who",
    "want",
    "wants",
    "when",
    "where",
];

/// Whether a remark asks for something. A question does, whatever words it has; `s/a/b/` is a wish as well.
fn asks(all: &[&str]) -> bool {
    if all.iter().any(|line| line.contains('?') || line.trim_start().starts_with("s/")) {
        return true;
    }
    let first = all.first().map_or("", |line| line.trim()).to_lowercase();
    let agrees =
        ["agreed", "yes", "right", "ok", "okay", "lgtm", "nice", "good", "thanks", "great", "applied", "ack", "looks"];
    let opens = first.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
    let words = all.iter().flat_map(|line| line.split(|c: char| !c.is_ascii_alphabetic())).map(str::to_lowercase);
    !agrees.contains(&opens) && words.into_iter().any(|word| word.len() > 1 && WANTS.contains(&word.as_str()))
}

/// Remarks in an answer.
fn remarks(text: &str) -> Vec<Remark<'_>> {
    let mut found: Vec<Remark<'_>> = Vec::new();
    let mut quoted: Vec<&str> = Vec::new();
    let mut told = true;
    // The text goes on with the last remark.
    let mut open = false;
    for line in text.lines() {
        let trimmed = line.trim();
        // Below the signature nobody remarks.
        if line == "-- " {
            break;
        }
        if let Some(inside) = line.strip_prefix("> ").or_else(|| line.strip_prefix('>')) {
            // Doubly quoted is somebody else's.
            if inside.starts_with('>') {
                quoted.clear();
            } else if told && !quoted.is_empty() && !trimmed.is_empty() {
                quoted.clear();
                quoted.push(inside);
                told = false;
                continue;
            } else {
                quoted.push(inside);
            }
            told = false;
        } else if !trimmed.is_empty() && told {
            // Signed-off and reviewed lines are no part of it.
            if let Some(last) = found.last_mut().filter(|_| open) {
                last.all.push(trimmed);
            }
        } else if !trimmed.is_empty() && !told {
            told = true;
            // Mailers cut the blank of an empty context line.
            let diff =
                quoted.iter().rev().take_while(|q| q.is_empty() || q.starts_with(['+', '-', ' ', '\t'])).copied();
            let mut lines: Vec<&str> = diff.filter(|q| q.trim().len() > 1).take(AROUND).collect();
            lines.reverse();
            let marked =
                lines.iter().any(|q| q.starts_with(['+', '-']) && !q.starts_with("+++") && !q.starts_with("---"));
            open = marked && trimmed.bytes().filter(u8::is_ascii_alphabetic).count() > 8;
            if open {
                found.push(Remark { quoted: lines, says: trimmed, all: vec![trimmed] });
            }
        }
    }
    found
}

fn squeezed(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The changed lines of a patch, with their signs.
fn changed(patch: &Patch<'_>) -> FxHashSet<String> {
    let lines = patch.all_lines().iter().filter(|line| line.kind != LineKind::Context);
    lines
        .map(|line| {
            let sign = if line.kind == LineKind::Added { '+' } else { '-' };
            format!("{sign}{}", squeezed(patch.slice(line.span)))
        })
        .collect()
}

/// Whether somebody went on from what a reader wrote: a mail below it, or a later one that quotes its words.
fn answered(answer: &Answer, remark: &Remark<'_>, earlier: &Earlier) -> bool {
    let words = squeezed(remark.says);
    let quotes = |text: &str| {
        text.lines()
            .filter_map(|line| line.strip_prefix('>'))
            .any(|line| squeezed(line.trim_start_matches(['>', ' '])) == words)
    };
    earlier
        .answers
        .iter()
        .any(|other| other.parent == answer.message_id || other.message_id != answer.message_id && quotes(&other.text))
}

/// Whether a reader is content: gave a trailer in this mail or in a later one.
fn content(answer: &Answer, earlier: &Earlier) -> bool {
    let who = identity(&answer.author.0, &answer.author.1);
    let theirs = earlier.answers.iter().filter(|other| identity(&other.author.0, &other.author.1) == who);
    theirs.filter(|other| other.date >= answer.date).any(|other| !trailers::given(&other.text).is_empty())
}

/// Whether a changelog speaks of a person, by a part of the name: who is named there was heard.
fn named(log: &str, name: &str) -> bool {
    let words: FxHashSet<&str> = log.split(|c: char| !c.is_alphanumeric()).collect();
    name.split_whitespace().filter(|part| part.chars().count() > 2).any(|part| words.contains(part))
}

/// The finding.
///
/// # Errors
/// The cover letter cannot be read.
pub fn check(case: &Case<'_>, earlier: &Earlier) -> Look<Option<Finding>> {
    let target = case.target;
    let Some(old) = Patch::parse(&earlier.text) else { return Ok(None) };
    let now = changed(&target.patch);
    let (places, places_now) = (changelog::places(&old), changelog::places(&target.patch));
    let log = changelog::of(case)?;
    // Who says that the comments were addressed is not asked about each.
    if ["comments", "feedback", "review"]
        .iter()
        .any(|word| log.to_lowercase().split_whitespace().any(|w| w.starts_with(word)))
    {
        return Ok(None);
    }
    let told: FxHashSet<&str> = names(&log).map(|(_, name)| name).filter(|name| name.len() >= SHORTEST).collect();
    // A function that reads otherwise now was worked on: in the sense of a remark where the changelog or the new lines have a name
    // that stands in the remark or on its lines.
    let acted = |remark: &Remark<'_>, signed: &[String]| {
        let here = places.iter().filter(|(_, lines)| signed.iter().any(|line| lines.contains(line)));
        here.filter(|(place, lines)| places_now.get(*place) != Some(*lines)).any(|(place, lines)| {
            let came = places_now.get(place).into_iter().flatten().filter(|line| !lines.contains(*line));
            let new: FxHashSet<&str> = came.flat_map(|line| names(line).map(|(_, name)| name)).collect();
            let meant: Vec<&str> = remark.all.iter().flat_map(|line| names(line)).map(|(_, name)| name).collect();
            let of_lines = signed.iter().flat_map(|line| names(line)).map(|(_, name)| name);
            let fits = |name: &str| name.len() >= SHORTEST && name.contains('_') && new.contains(name);
            told.contains(place.1.as_str())
                || of_lines.into_iter().any(|name| told.contains(name))
                || meant.iter().any(|name| fits(name) || name.contains('_') && told.contains(name))
        })
    };
    let author: Vec<String> =
        (target.message.from.iter()).map(|a| identity(a.name.as_deref().unwrap_or_default(), &a.address)).collect();
    let counts = |answer: &&Answer| {
        let (name, address) = &answer.author;
        !robot::is(name, address)
            && !author.contains(&identity(name, address))
            && !content(answer, earlier)
            && !named(&log, name)
    };
    let mut open: Vec<(&Answer, String, &str)> = Vec::new();
    for answer in earlier.answers.iter().filter(counts) {
        for remark in remarks(&answer.text) {
            let lines = || remark.quoted.iter().filter(|q| q.starts_with(['+', '-']));
            let signed = |quoted: &str| {
                let (sign, rest) = quoted.split_at(1);
                format!("{sign}{}", squeezed(rest))
            };
            let signed: Vec<String> = lines().map(|q| signed(q)).collect();
            let same = signed.iter().all(|line| now.contains(line)) && !acted(&remark, &signed);
            let fresh = same && asks(&remark.all) && !answered(answer, &remark, earlier);
            if fresh && let Some(last) = lines().next_back() {
                open.push((answer, squeezed(last), remark.says));
            }
        }
    }
    if open.is_empty() {
        return Ok(None);
    }
    let says = "unanswered remarks on unchanged lines";
    let mut finding = Finding::new(RULE, Severity::Note, says).key("remarks").fact(earlier.fact());
    let more = open.len().saturating_sub(SHOWN);
    for (answer, quoted, says) in open.into_iter().take(SHOWN) {
        let (cut, dots) = match says.char_indices().nth(LENGTH) {
            Some((at, _)) => (&says[..at], "…"),
            None => (says, ""),
        };
        let who = if answer.author.0.is_empty() { &answer.author.1 } else { &answer.author.0 };
        let (date, who, says) = (answer.date, who.clone(), format!("{cut}{dots}"));
        finding = finding.fact(Fact::Remark { on: quoted, date, who, says });
        finding.cite(Evidence::Mail(answer.message_id.clone()));
    }
    if more > 0 {
        finding = finding.fact(Fact::More(more, ""));
    }
    Ok(Some(finding))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remark_is_text_below_a_quoted_line_of_the_diff() {
        let text = "On Monday Ada wrote:\n> why\n\nthis is about the message\n\n> +\tcall(one);\n> +\tcall(two);\n\nwhat if two fails here?\n\
                    more of it\n\n>> +old(stuff);\nnot ours to see here\n> +\tcall(three);\n> \n\nand this one too, please\n-- \n> +\tx(yyyy);\nsignature of mine\n";
        let said: Vec<&str> = remarks(text).iter().map(|r| r.says).collect();
        assert_eq!(said, ["what if two fails here?", "and this one too, please"]);
        assert_eq!(remarks(text)[0].quoted, ["+\tcall(one);", "+\tcall(two);"]);
        assert!(remarks("> +\n>\n\nhm\n").is_empty());
        assert_eq!(remarks(text)[0].all, ["what if two fails here?", "more of it"]);
    }

    #[test]
    fn a_wish_or_a_question_is_open_and_praise_is_not() {
        for wish in ["is this needed?", "this should be static", "s/foo/bar/", "please drop it", "Ok, but why twice?"] {
            assert!(asks(&[wish]), "{wish}");
        }
        for praise in
            ["looks good to me, thanks a lot", "Agreed, that should be it.", "this made the code much shorter"]
        {
            assert!(!asks(&[praise]), "{praise}");
        }
        assert!(asks(&["this made it shorter", "but the lock must be held"]));
    }

    #[test]
    fn who_is_named_in_the_changelog_was_heard() {
        assert!(named("v2: use a mutex (Bob)", "Bob Other") && named("as Other said", "Bob Other"));
        assert!(!named("v2: rebased", "Bob Other") && !named("v2: the other one", "Bob Other"));
    }
}
