//! Remarks on the last revision: text of a reader below a quoted line of the diff, on lines that are the same in this revision,
//! and nobody answered. A list to look at, no more: a remark may be praise.

use provenance_corpus::patch::{LineKind, Patch};
use provenance_corpus::robot;
use provenance_index::people::identity;
use rustc_hash::FxHashSet;

use super::{Answer, Earlier, RULE};
use crate::check::{Evidence, Fact, Finding, Severity, Target};

/// Remarks that are shown.
const SHOWN: usize = 6;

/// Characters of a remark that are shown.
const LENGTH: usize = 100;

/// Lines around a quoted one that must be the same, on each side.
const AROUND: usize = 3;

/// A remark: the quoted line of the diff with its sign, and what follows it.
#[derive(Debug, PartialEq, Eq)]
struct Remark<'t> {
    quoted: Vec<&'t str>,
    says: &'t str,
}

/// Remarks in an answer.
fn remarks(text: &str) -> Vec<Remark<'_>> {
    let mut found: Vec<Remark<'_>> = Vec::new();
    let mut quoted: Vec<&str> = Vec::new();
    let mut told = true;
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
        } else if !trimmed.is_empty() && !told {
            told = true;
            // Mailers cut the blank of an empty context line.
            let diff =
                quoted.iter().rev().take_while(|q| q.is_empty() || q.starts_with(['+', '-', ' ', '\t'])).copied();
            let mut lines: Vec<&str> = diff.filter(|q| q.trim().len() > 1).take(AROUND).collect();
            lines.reverse();
            let marked =
                lines.iter().any(|q| q.starts_with(['+', '-']) && !q.starts_with("+++") && !q.starts_with("---"));
            if marked && trimmed.bytes().filter(u8::is_ascii_alphabetic).count() > 8 {
                found.push(Remark { quoted: lines, says: trimmed });
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

/// The finding.
pub fn check(target: &Target<'_>, earlier: &Earlier) -> Option<Finding> {
    let now = changed(&target.patch);
    let answered: FxHashSet<&str> = earlier.answers.iter().map(|answer| answer.parent.as_str()).collect();
    let author: Vec<String> =
        (target.message.from.iter()).map(|a| identity(a.name.as_deref().unwrap_or_default(), &a.address)).collect();
    let counts = |answer: &&Answer| {
        let (name, address) = &answer.author;
        !robot::is(name, address)
            && !author.contains(&identity(name, address))
            && !answered.contains(answer.message_id.as_str())
    };
    let mut open: Vec<(&Answer, String, &str)> = Vec::new();
    for answer in earlier.answers.iter().filter(counts) {
        for remark in remarks(&answer.text) {
            let lines = || remark.quoted.iter().filter(|q| q.starts_with(['+', '-']));
            let same = lines().all(|q| {
                let (sign, rest) = q.split_at(1);
                now.contains(&format!("{sign}{}", squeezed(rest)))
            });
            if same && let Some(last) = lines().next_back() {
                open.push((answer, squeezed(last), remark.says));
            }
        }
    }
    if open.is_empty() {
        return None;
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
    Some(finding)
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
    }
}
