//! What the reader has judged of findings. `state/verdicts.jsonl` in the data directory holds one verdict a line, appended
//! and synced when it is made, never rewritten ([`provenance_index::journal`]); a line that a crash cut short is passed over, and of
//! two on one finding the later counts. The key is the rule and the patch-id, so that a verdict survives a reroll that changes nothing.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use provenance_corpus::patch_id;
use provenance_index::journal;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::{Finding, rules};

/// A journal above this size is not read further.
const LONGEST: u64 = 64 << 20;

/// One line of the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Line {
    id: String,
    why: String,
    when: i64,
}

/// Findings that were dismissed, with the reasons.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdicts {
    found: BTreeMap<String, String>,
    damaged: usize,
}

fn path(data: &Path) -> PathBuf {
    data.join("state/verdicts.jsonl")
}

/// Names a finding: its rule and a hash of its key and of the patch-id.
pub fn id(finding: &Finding, text: &str) -> String {
    let patch = patch_id::patch_id(text.as_bytes()).map(|id| id.to_string()).unwrap_or_default();
    let hash = xxh3_64(format!("{}\0{}\0{patch}", finding.rule, finding.key).as_bytes()) >> 32;
    format!("{}-{hash:08x}", finding.rule)
}

/// Whether a text is in the form of [`id`].
pub fn is_id(text: &str) -> bool {
    let Some((name, hash)) = text.rsplit_once('-') else { return false };
    let hex = hash.len() == 8 && hash.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    hex && rules::ALL.iter().any(|known| known.name() == name)
}

impl Verdicts {
    /// Reads the journal; without one nothing was dismissed.
    ///
    /// # Errors
    /// What the file system says.
    pub fn load(data: &Path) -> io::Result<Verdicts> {
        let lines = journal::read::<Line>(&path(data), LONGEST)?;
        let mut found = BTreeMap::new();
        for line in lines.facts {
            // An empty reason takes the verdict back.
            if line.why.is_empty() {
                found.remove(&line.id)
            } else {
                found.insert(line.id, line.why)
            };
        }
        Ok(Verdicts { found, damaged: lines.damaged.len() })
    }

    /// How many lines of the journal are none: cut short by a crash, or damaged. What they dismissed is told again.
    pub fn damaged(&self) -> usize {
        self.damaged
    }

    /// Why a finding was dismissed, where it was.
    pub fn of(&self, id: &str) -> Option<&str> {
        self.found.get(id).map(String::as_str)
    }
}

/// Adds a verdict; an empty reason takes an earlier one back.
///
/// # Errors
/// What the file system says.
pub fn dismiss(data: &Path, id: &str, why: &str, when: i64) -> io::Result<()> {
    journal::append(&path(data), &Line { id: id.to_owned(), why: why.to_owned(), when })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_verdict_is_kept_taken_back_and_outlives_a_cut_line() {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path();
        assert_eq!(Verdicts::load(data).unwrap(), Verdicts::default());
        dismiss(data, "series-00000001", "known", 1).unwrap();
        let mut journal = fs::read(path(data)).unwrap();
        journal.extend_from_slice(b"{\"id\":\"series-0000");
        fs::write(path(data), journal).unwrap();
        dismiss(data, "ownership-00000002", "asked", 2).unwrap();
        let verdicts = Verdicts::load(data).unwrap();
        assert_eq!(verdicts.of("series-00000001"), Some("known"));
        assert_eq!(verdicts.of("ownership-00000002"), Some("asked"));
        dismiss(data, "series-00000001", "", 3).unwrap();
        assert_eq!(Verdicts::load(data).unwrap().of("series-00000001"), None);
    }

    #[test]
    fn ids_of_kept_verdicts_do_not_change() {
        let patch = "why\n---\ndiff --git a/k/x.c b/k/x.c\n--- a/k/x.c\n+++ b/k/x.c\n@@ -1 +1 @@\n-a();\n+b();\n";
        let known = |rule: &'static str, key: &str| {
            id(&Finding::new(rule, crate::check::Severity::Note, "whatever it says").key(key), patch)
        };
        let ids = [known("ownership", ""), known("missing-cc", "history"), known("revision", "remarks")];
        assert_eq!(ids, ["ownership-480a0262", "missing-cc-7c6e4ec7", "revision-f42d76d4"]);
    }

    #[test]
    fn names_of_findings_are_told_from_other_words() {
        assert!(is_id("missing-cc-0123abcd") && is_id("ownership-00000000"));
        for other in ["missing-cc", "nothing-0123abcd", "ownership-0123ABCD", "ownership-0123", ""] {
            assert!(!is_id(other), "{other}");
        }
    }
}
