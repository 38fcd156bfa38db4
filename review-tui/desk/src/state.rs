//! What the reader has judged, noted and remarked: the only primary data of the desk.
//!
//! `state/journal.jsonl` in the data directory holds one fact a line, appended and synced when it is made, never
//! rewritten, with a checksum ([`provenance_index::journal`]). A line that a crash cut short, or that is damaged, is passed over and told. All facts after one another make the [`Review`].

use std::collections::{BTreeMap, BTreeSet};
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use provenance_index::journal;
use serde::{Deserialize, Serialize};

/// Queries that are remembered.
const MOST_ASKED: usize = 200;

/// One fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "fact")]
pub enum Fact {
    /// A mail was read.
    Read {
        /// The Message-ID of the mail.
        id: String,
    },
    /// A mail was reviewed, or not after all.
    Reviewed {
        /// The Message-ID of the mail.
        id: String,
        /// Whether it is.
        on: bool,
    },
    /// The tags of a mail, all of them.
    Tags {
        /// The Message-ID of the mail.
        id: String,
        /// The tags.
        tags: Vec<String>,
    },
    /// The private note on a mail; an empty one takes it away.
    Note {
        /// The Message-ID of the mail.
        id: String,
        /// The note.
        text: String,
    },
    /// A remark on a line of a mail; an empty one takes it away.
    Remark {
        /// The Message-ID of the mail.
        id: String,
        /// Line of the text from 0.
        line: u32,
        /// The line itself, to know it by.
        quoted: String,
        /// The remark.
        text: String,
    },
    /// A query that was asked.
    Asked {
        /// The query.
        query: String,
    },
    /// A query under a name; an empty one takes it away.
    Saved {
        /// The name.
        name: String,
        /// The query.
        query: String,
    },
}

/// A remark.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Remark {
    /// The line that it is on.
    pub quoted: String,
    /// What was remarked.
    pub text: String,
}

/// All facts, one after another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Review {
    /// Mails read.
    pub read: BTreeSet<String>,
    /// Mails reviewed.
    pub reviewed: BTreeSet<String>,
    /// Tags by mail.
    pub tags: BTreeMap<String, Vec<String>>,
    /// Notes by mail.
    pub notes: BTreeMap<String, String>,
    /// Remarks by mail and line.
    pub remarks: BTreeMap<String, BTreeMap<u32, Remark>>,
    /// Queries that were asked, each once, the last one last. They are of use here alone.
    #[serde(skip)]
    pub asked: Vec<String>,
    /// Queries by name.
    pub saved: BTreeMap<String, String>,
}

impl Review {
    /// Takes one more fact.
    pub fn take(&mut self, fact: Fact) {
        match fact {
            Fact::Read { id } => {
                self.read.insert(id);
            }
            Fact::Reviewed { id, on: true } => {
                self.reviewed.insert(id);
            }
            Fact::Reviewed { id, on: false } => {
                self.reviewed.remove(&id);
            }
            Fact::Tags { id, tags } => keep(&mut self.tags, id, tags, Vec::is_empty),
            Fact::Note { id, text } => keep(&mut self.notes, id, text, String::is_empty),
            Fact::Asked { query } => {
                self.asked.retain(|known| *known != query);
                self.asked.push(query);
                if self.asked.len() > MOST_ASKED {
                    self.asked.remove(0);
                }
            }
            Fact::Saved { name, query } => keep(&mut self.saved, name, query, String::is_empty),
            Fact::Remark { id, line, quoted, text } => {
                let remarks = self.remarks.entry(id.clone()).or_default();
                keep(remarks, line, Remark { quoted, text }, |remark| remark.text.is_empty());
                if remarks.is_empty() {
                    self.remarks.remove(&id);
                }
            }
        }
    }

    /// The remarks on a mail, by line.
    pub fn remarks_of(&self, id: &str) -> Vec<(u32, String)> {
        let remarks = self.remarks.get(id).into_iter().flatten();
        remarks.map(|(line, remark)| (*line, remark.text.clone())).collect()
    }

    /// The export: one JSON object.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn export(&self, path: &Path) -> io::Result<()> {
        #[derive(Serialize)]
        struct Export<'a> {
            format: u32,
            #[serde(flatten)]
            review: &'a Review,
        }
        let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
        serde_json::to_writer_pretty(&mut file, &Export { format: 1, review: self })?;
        file.write_all(b"\n")?;
        file.sync_all()
    }
}

fn keep<K: Ord, V>(map: &mut BTreeMap<K, V>, key: K, value: V, is_empty: impl Fn(&V) -> bool) {
    if is_empty(&value) {
        map.remove(&key);
    } else {
        map.insert(key, value);
    }
}

/// A journal longer than this is not read whole (256 MiB: millions of verdicts).
const LONGEST: u64 = 256 << 20;

/// The journal of a data directory.
#[derive(Clone, Debug)]
pub struct Journal {
    path: PathBuf,
}

impl Journal {
    /// The journal below `state/`.
    pub fn of(data: &Path) -> Journal {
        Journal { path: data.join("state").join("journal.jsonl") }
    }

    /// All facts, and how many lines are none.
    ///
    /// # Errors
    /// A journal that is there and cannot be read.
    pub fn load(&self) -> io::Result<(Review, usize)> {
        let lines = journal::read(&self.path, LONGEST)?;
        let mut review = Review::default();
        lines.facts.into_iter().for_each(|fact| review.take(fact));
        Ok((review, lines.damaged.len()))
    }

    /// Adds a fact; when this returns it is on the disk.
    ///
    /// # Errors
    /// Where the journal cannot be written.
    pub fn append(&self, fact: &Fact) -> io::Result<()> {
        journal::append(&self.path, fact)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_torn_line_costs_that_line_alone() {
        let dir = tempfile::tempdir().expect("a directory");
        let journal = Journal::of(dir.path());
        let note = |text: &str| Fact::Note { id: "a@b".into(), text: text.into() };
        journal.append(&note("one")).expect("written");
        let path = dir.path().join("state/journal.jsonl");
        let mut bytes = fs::read(&path).expect("there");
        bytes.extend_from_slice(br#"{"fact":"reviewed","id":"a@b","o"#);
        fs::write(&path, &bytes).expect("written");
        journal.append(&note("two\nlines")).expect("written");
        let (review, torn) = journal.load().expect("read");
        assert_eq!((review.notes["a@b"].as_str(), torn), ("two\nlines", 1));
    }

    #[test]
    fn facts_take_one_another_back() {
        let mut review = Review::default();
        let remark = |text: &str| Fact::Remark { id: "a@b".into(), line: 3, quoted: "+x".into(), text: text.into() };
        review.take(remark("why"));
        assert_eq!(review.remarks_of("a@b"), [(3, "why".to_owned())]);
        review.take(remark(""));
        review.take(Fact::Reviewed { id: "a@b".into(), on: true });
        review.take(Fact::Reviewed { id: "a@b".into(), on: false });
        assert_eq!(review, Review::default());
    }

    #[test]
    fn an_export_does_not_overwrite() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("export.json");
        Review::default().export(&path).expect("written");
        assert!(fs::read_to_string(&path).expect("read").contains("\"format\": 1"));
        assert_eq!(Review::default().export(&path).expect_err("there").kind(), io::ErrorKind::AlreadyExists);
    }
}
