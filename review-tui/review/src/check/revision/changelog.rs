//! What changed since the last revision and no changelog names: functions whose changed lines are others, files that came or
//! went. A changelog is what stands below the `---`, in the message below a word of the version, or in the cover letter.

use std::collections::BTreeMap;

use provenance_corpus::patch::{LineKind, Patch};
use provenance_index::hash;
use rustc_hash::FxHashSet;

use super::RULE;
use crate::check::code::names;
use crate::check::earlier::Earlier;
use crate::check::functions;
use crate::check::outcome::Look;
use crate::check::{Case, Evidence, Fact, Finding, Severity};

/// Places that are shown.
const SHOWN: usize = 5;

/// Shorter names name nothing.
const SHORTEST: usize = 4;

/// A place in the source: the file, and the function around the line, as far as the hunk tells.
type Place = (String, String);

/// The changed lines of each place, with their signs.
pub(super) fn places(patch: &Patch<'_>) -> BTreeMap<Place, FxHashSet<String>> {
    let mut found: BTreeMap<Place, FxHashSet<String>> = BTreeMap::new();
    for file in &patch.files {
        for hunk in patch.hunks(file) {
            let around = functions::around(patch, hunk);
            let changed = patch.lines(hunk).iter().zip(around).filter(|(line, _)| line.kind != LineKind::Context);
            for (line, function) in changed {
                let lines = found.entry((file.path().to_owned(), function.unwrap_or_default())).or_default();
                let squeezed = patch.slice(line.span).split_whitespace().collect::<Vec<_>>().join(" ");
                if squeezed.bytes().any(|b| b.is_ascii_alphanumeric()) {
                    let sign = if line.kind == LineKind::Added { '+' } else { '-' };
                    lines.insert(format!("{sign}{squeezed}"));
                }
            }
        }
    }
    found
}

/// The finding.
///
/// # Errors
/// The cover letter cannot be read.
pub fn check(case: &Case<'_>, earlier: &Earlier) -> Look<Option<Finding>> {
    let Some(old) = Patch::parse(&earlier.text) else { return Ok(None) };
    let (old, new) = (places(&old), places(&case.target.patch));
    let all = |of: &BTreeMap<Place, FxHashSet<String>>| of.values().flatten().cloned().collect::<FxHashSet<String>>();
    let (old_lines, new_lines) = (all(&old), all(&new));
    let log = of(case)?;
    let told = |words: &FxHashSet<&str>, place: &Place| {
        let file = place.0.rsplit('/').next().unwrap_or_default();
        let stem = file.split('.').next().unwrap_or_default();
        words.contains(place.1.as_str()) || (log.contains(file) || stem.len() >= SHORTEST && words.contains(stem))
    };
    let words: FxHashSet<&str> = names(&log).map(|(_, name)| name).filter(|name| name.len() >= SHORTEST).collect();
    let mut untold: Vec<(Place, usize, usize)> = Vec::new();
    let every: FxHashSet<&Place> = old.keys().chain(new.keys()).collect();
    let mut every: Vec<&Place> = every.into_iter().collect();
    every.sort_unstable();
    for place in every {
        let lines = |of: &BTreeMap<Place, FxHashSet<String>>, other: &FxHashSet<String>| -> Vec<String> {
            // What stands elsewhere in the other revision has moved.
            of.get(place).into_iter().flatten().filter(|line| !other.contains(*line)).cloned().collect()
        };
        let (came, went) = (lines(&new, &old_lines), lines(&old, &new_lines));
        let named = came.iter().chain(&went).any(|line| names(line).any(|(_, name)| words.contains(name)));
        if came.len() + went.len() > 0 && !named && !told(&words, place) {
            untold.push((place.clone(), came.len(), went.len()));
        }
    }
    if untold.is_empty() {
        return Ok(None);
    }
    let says = if log.trim().is_empty() {
        "changed since the earlier revision, and there is no changelog"
    } else {
        "changed since the last version, but not in the changelog"
    };
    let mut finding = Finding::new(RULE, Severity::Note, says).key("changelog").fact(earlier.fact());
    finding.cite(Evidence::Mail(earlier.message_id.clone()));
    let more = untold.len().saturating_sub(SHOWN);
    untold.sort_by_key(|(_, came, went)| std::cmp::Reverse(came + went));
    for ((path, function), came, went) in untold.into_iter().take(SHOWN) {
        finding = finding.fact(Fact::Changed { path, function, came, went });
    }
    if more > 0 {
        finding = finding.fact(Fact::More(more, "places"));
    }
    Ok(Some(finding))
}

/// What the patch and its cover letter say of changes.
///
/// # Errors
/// The cover letter cannot be read.
pub(super) fn of(case: &Case<'_>) -> Look<String> {
    let patch = &case.target.patch;
    let mut log = format!("{}\n{}", of_message(patch.slice(patch.message)), of_notes(patch.slice(patch.notes)));
    if let Some(cover) = cover(case)? {
        log.push('\n');
        log.push_str(of_message(&cover));
    }
    Ok(log)
}

/// The text of the cover letter, where it is indexed.
fn cover(case: &Case<'_>) -> Look<Option<String>> {
    let Some(reader) = case.world.reader else { return Ok(None) };
    let graph = &reader.links.graph;
    let own = hash::message_id(&case.target.message.message_id);
    let Some((head, number)) = graph.sending(own)? else { return Ok(None) };
    let member = graph.members(head)?.into_iter().find(|member| member.number == 0 && number != 0);
    let Some(copy) = member.map(|cover| reader.mail(cover.mail)).transpose()?.flatten() else { return Ok(None) };
    case.text(&copy).map(Some)
}

/// What stands below the `---` and is no diffstat.
fn of_notes(notes: &str) -> String {
    let stat = |line: &&str| {
        !line.contains(" | ") && !line.contains("changed, ") && !line.trim_start().starts_with("create mode")
    };
    notes.lines().filter(stat).collect::<Vec<_>>().join("\n")
}

/// From the first line that is headed with a version on: `v2:`, `Changes since v1:`, `[v3]`.
fn of_message(message: &str) -> &str {
    let mut at = 0;
    for line in message.split_inclusive('\n') {
        if heads(line) {
            return &message[at..];
        }
        at += line.len();
    }
    ""
}

fn heads(line: &str) -> bool {
    let lower = line.trim().to_lowercase();
    let version = |word: &str| {
        let word = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        word.strip_prefix('v').is_some_and(|n| (1..=3).contains(&n.len()) && n.bytes().all(|b| b.is_ascii_digit()))
    };
    let first = lower.split_whitespace().next().unwrap_or_default();
    let changes = ["change", "differences", "diff ", "v2", "new in"].iter().any(|word| lower.starts_with(word));
    version(first) || changes && lower.split_whitespace().any(version) || lower.starts_with("changelog")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_changelog_begins_where_a_version_is_named() {
        assert_eq!(of_message("why\n\nChanges since v1:\n - one\n"), "Changes since v1:\n - one\n");
        assert_eq!(of_message("why\n\n[v3] two\n"), "[v3] two\n");
        assert_eq!(of_message("why\nthe v2 of this was better\n"), "");
        assert_eq!(of_message("v2 -> v3:\n* x\n"), "v2 -> v3:\n* x\n");
        assert_eq!(of_notes("v2: x\n a.c | 2 +-\n 1 file changed, 1 insertion(+)\n"), "v2: x");
    }
}
