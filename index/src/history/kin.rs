//! How commits of the attached trees belong together by what they say of themselves: who was picked from whom, what was taken back,
//! and what one author wrote at one moment.
//!
//! One small record for each such word, under what it names, written when the commit is read: nothing else is looked at then.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::{Entry, Tree, Trees, tree_dir};
use crate::document::{hex, unhex};
use crate::links::edge::commit_node;
use crate::links::fact::{Told, person_hash};
use crate::links::records::{self, FILES, Record, Records};

/// Digits of an id that a revert has to give, at least: as many as the kernel's rules ask of `Fixes:`.
const DIGITS: usize = 12;

/// Commits that one line may name.
const NAMED: usize = 32;

/// What a commit says of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Word {
    /// `commit ID upstream.`, `[ Upstream commit ID ]`
    Upstream,
    /// `(cherry picked from commit ID)`
    Picked,
    /// `This reverts commit ID.`
    Reverts,
    /// Nothing: both have one author and one author date.
    Written,
}

impl Word {
    /// The word used in outputs.
    pub fn as_str(self) -> &'static str {
        match self {
            Word::Upstream => "upstream",
            Word::Picked => "picked",
            Word::Reverts => "reverts",
            Word::Written => "written",
        }
    }
}

/// A commit that says something of another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Kin {
    key: u64,
    /// Full id of the commit that says it.
    id: Vec<u8>,
    word: Word,
    /// The other's id as it stands there, in hexadecimal; empty for [`Word::Written`].
    other: String,
}

impl Record for Kin {
    fn key(&self) -> u64 {
        self.key
    }

    fn one(&self) -> u64 {
        xxh3_64_with_seed(self.other.as_bytes(), commit_node(&self.id) ^ self.word as u64)
    }
}

/// The key of all that is said of a commit, by the digits that all have to give.
fn said_of(digits: &str) -> u64 {
    xxh3_64(&digits.as_bytes()[..DIGITS.min(digits.len())])
}

/// The key of what an author wrote at a moment; `None` where that is not known.
fn written(entry: &Entry) -> Option<u64> {
    let who = person_hash(&entry.author.1);
    (who != 0 && !entry.merge && entry.dates.0 != 0).then(|| xxh3_64_with_seed(&entry.dates.0.to_le_bytes(), who))
}

fn words(entry: &Entry) -> Vec<Kin> {
    let said = |word: Word, other: String| Kin { key: said_of(&other), id: entry.id.clone(), word, other };
    let mut found: Vec<Kin> = Vec::new();
    for (id, told) in entry.tells.iter().take(2 * NAMED) {
        match told {
            Told::Backport => found.push(said(Word::Upstream, hex(id))),
            Told::Picked => found.push(said(Word::Picked, hex(id))),
            Told::Reverts => found.push(said(Word::Reverts, hex(id))),
            Told::Merged => {}
        }
    }
    found.extend(written(entry).map(|key| Kin {
        key,
        id: entry.id.clone(),
        word: Word::Written,
        other: String::new(),
    }));
    found
}

/// The ids that a message says it reverts, as it gives them: `This reverts commit ID.`, `This reverts commits ID, ID and ID.`
/// (git-revert(1)). Of a merge, the commit to which its changes are reverted is none of them.
pub fn reverts(message: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for line in message.lines() {
        let Some(rest) = line.trim_start().strip_prefix("This reverts commit") else { continue };
        let rest = rest.strip_prefix('s').unwrap_or(rest);
        for word in rest.split([' ', ',']).filter(|word| !word.is_empty()) {
            let digits = word.trim_end_matches(['.', ';', ':']).trim_matches(['"', '(', ')', '<', '>', '\'']);
            let is_id = (DIGITS..=64).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit());
            if is_id && found.len() < NAMED {
                found.push(digits.to_ascii_lowercase());
            }
            if word.ends_with('.') || !is_id && word != "and" && word != "commit" {
                break;
            }
        }
    }
    found
}

fn dir(data: &Path, tree: &Tree) -> PathBuf {
    tree_dir(data, tree.number).join("kin")
}

/// Writes what the commits of a generation say. `whole` says that they are all commits of the tree.
pub(super) fn write(data: &Path, tree: &Tree, entries: &[Entry], whole: bool) -> io::Result<()> {
    let dir = dir(data, tree);
    // Each generation of the tree has a file here too.
    let kept = Records::<Kin>::open(&dir, tree.generation - 1)?;
    let mut said: Vec<Kin> = entries.iter().flat_map(words).collect();
    let base = whole || kept.files() == 0 || kept.files() >= FILES;
    if base && !whole {
        kept.each(|_| true, |kin| said.push(kin))?;
    }
    records::write(&dir, tree.generation, &said, if base { 0 } else { kept.newest() })
}

/// Removes what was written before the tree's generation.
pub(super) fn remove_older(data: &Path, tree: &Tree) {
    Records::<Kin>::remove_older(&dir(data, tree), tree.generation);
}

/// Reads all that is kept of what a tree's commits say of others, and checks every block.
///
/// # Errors
/// What the file system says, or damage.
pub fn verify(data: &Path, tree: &Tree) -> io::Result<()> {
    Records::<Kin>::open(&dir(data, tree), tree.generation)?.verify()
}

/// The commits of all trees that say something of this one, each once: full id, and the word.
///
/// # Errors
/// Damaged files.
pub fn of(data: &Path, id: &[u8]) -> io::Result<Vec<(Vec<u8>, Word)>> {
    let digits = hex(id);
    let mut found: Vec<(Vec<u8>, Word)> = Vec::new();
    for tree in Trees::load(data)?.trees {
        for kin in Records::<Kin>::open(&dir(data, &tree), tree.generation)?.of(said_of(&digits))? {
            if kin.word != Word::Written && digits.starts_with(&kin.other) && kin.id != id {
                found.push((kin.id, kin.word));
            }
        }
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// The full ids that begin with these digits, of commits that those of the trees say something of, at most `limit`: they need not
/// be in any tree.
///
/// # Errors
/// Damaged files.
pub fn named(data: &Path, digits: &str, limit: usize) -> io::Result<Vec<Vec<u8>>> {
    let mut found: Vec<Vec<u8>> = Vec::new();
    if digits.len() < DIGITS {
        return Ok(found);
    }
    for tree in Trees::load(data)?.trees {
        for kin in Records::<Kin>::open(&dir(data, &tree), tree.generation)?.of(said_of(digits))? {
            let full = matches!(kin.other.len(), 40 | 64) && kin.other.starts_with(digits);
            found.extend(unhex(&kin.other).filter(|id| full && found.len() < limit && !found.contains(id)));
        }
    }
    Ok(found)
}

/// The other commits of all trees that the same author wrote at the same moment, each once.
///
/// # Errors
/// Damaged files.
pub fn same_moment(data: &Path, entry: &Entry) -> io::Result<Vec<Vec<u8>>> {
    let Some(key) = written(entry) else { return Ok(Vec::new()) };
    let mut found: Vec<Vec<u8>> = Vec::new();
    for tree in Trees::load(data)?.trees {
        for kin in Records::<Kin>::open(&dir(data, &tree), tree.generation)?.of(key)? {
            if kin.word == Word::Written && kin.id != entry.id {
                found.push(kin.id);
            }
        }
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// The commits that this one says something of, with what it says; ids as full as the trees know them.
///
/// # Errors
/// Damaged files.
pub fn named_by(data: &Path, entry: &Entry) -> io::Result<Vec<(Vec<u8>, Word)>> {
    let mut found = Vec::new();
    for kin in words(entry).into_iter().filter(|kin| kin.word != Word::Written) {
        let known = if kin.other.len() < 40 { super::beginning(data, &kin.other, 2)? } else { Vec::new() };
        match known.as_slice() {
            [one] => found.push((one.clone(), kin.word)),
            _ => found.extend(unhex(&kin.other).map(|id| (id, kin.word))),
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_reverted() {
        let (a, b) = ("0123456789abcdef0123456789abcdef01234567", "fedcba987654");
        assert_eq!(reverts(&format!("Revert \"x\"\n\nThis reverts commit {a}.\n\nIt broke y.")), [a]);
        assert_eq!(reverts(&format!("This reverts commits {a}, {b} and {a}.")), [a, b, a]);
        assert_eq!(reverts(&format!("This reverts commit {b} (\"x: y\")\nbecause of commit {a}.")), [b]);
        assert_eq!(reverts(&format!("This reverts commit {a}, reversing\nchanges made to {b}.")), [a]);
        assert!(reverts(&format!("> This reverts commit {a}.\nUntil this reverts commit {b}.")).is_empty());
        assert!(reverts("This reverts commit 0123456.").is_empty());
    }

    proptest! {
        #[test]
        fn only_ids_of_the_text_are_reverted(text in "(This reverts commit|s| |[0-9a-f]{12,40}|and|,|\\.|\n|\\PC){0,20}") {
            for id in reverts(&text) {
                prop_assert!(text.to_ascii_lowercase().contains(&id));
            }
        }
    }
}
