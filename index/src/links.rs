//! What is derived from all mails together: which thread a mail belongs to, and which web page shows
//! which mail. Sorted, immutable tables keyed by the hash of the Message-ID, written whole for each generation
//! of the index beside the tables of the one before. They can be thrown away and rebuilt.

pub mod cited;
pub mod commit;
pub mod derive;
pub mod edge;
pub mod fact;
pub mod halves;
pub mod pairing;
mod plain;
pub mod records;
pub mod revision;
pub mod score;
pub mod sending;
pub mod similar;
pub mod store;
pub mod table;
pub mod told;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustc_hash::FxHashMap;

use self::records::Facts;
use self::store::Graph;
use self::table::Table;
use crate::container::{Damage, Kind};

/// Why the links could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LinksError {
    /// The file system said no.
    #[error("the links in {path} cannot be {what}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Read or written.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

impl LinksError {
    /// The file.
    pub fn path(&self) -> &Path {
        let LinksError::Io { path, .. } = self;
        path
    }

    /// What the system said, or the damage.
    pub fn into_io(self) -> io::Error {
        let LinksError::Io { source, .. } = self;
        source
    }

    /// Whether a file is not as it was written, and not merely refused by the system.
    pub fn is_damage(&self) -> bool {
        let LinksError::Io { source, .. } = self;
        source.kind() == io::ErrorKind::InvalidData
    }
}

/// What the links are derived from: one row per indexed copy.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// See [`crate::hash::origin`].
    pub origin: u64,
    /// Hash of the Message-ID.
    pub id: u64,
    /// Hashes of References and In-Reply-To, the parent last.
    pub references: Vec<u64>,
    /// Date header, seconds since 1970.
    pub date: i64,
    /// See `provenance_corpus::twin`.
    pub fingerprint: u64,
    /// Read from a web archive's page.
    pub page: bool,
}

/// The links of one generation, open for reading.
#[derive(Debug, Default)]
pub struct Links {
    table: Option<Table<2>>,
    /// Page -> the mail that it shows.
    twins: FxHashMap<u64, u64>,
    /// Revisions, commits and citations.
    pub graph: Graph,
    /// What the links were derived from.
    pub facts: Facts,
}

/// The file of threads and twins: pairs (mail, thread), the same turned round, and pairs (page, mail).
const KIND: Kind = Kind { name: *b"links\0\0\0", version: 1 };

fn file(dir: &Path, generation: u64) -> PathBuf {
    dir.join(format!("{generation:08}.links"))
}

/// Where the facts of mails are.
fn facts_dir(dir: &Path) -> PathBuf {
    dir.join("facts")
}

impl Links {
    /// Derives the threads from all rows and writes them, with the pairs of page and mail, sorted.
    ///
    /// # Errors
    /// What the file system says.
    pub fn write(dir: &Path, generation: u64, rows: &[Row], twins: &[[u64; 2]]) -> Result<(), LinksError> {
        let path = file(dir, generation);
        let roots = provenance_corpus::thread::roots(rows.iter().map(|r| (r.id, r.references.as_slice())));
        let mut by_id: Vec<[u64; 2]> = rows.iter().zip(&roots).map(|(row, root)| [row.id, *root]).collect();
        by_id.sort_unstable();
        by_id.dedup();
        let mut by_root: Vec<[u64; 2]> = by_id.iter().map(|[id, root]| [*root, *id]).collect();
        by_root.sort_unstable();
        table::write(&path, KIND, generation, &[&by_id, &by_root, twins]).map_err(|source| LinksError::Io {
            path,
            what: "written",
            source,
        })
    }

    /// Opens the links of a generation; generation 0 has none.
    ///
    /// # Errors
    /// What the file system says, or damage.
    pub fn open(dir: &Path, generation: u64) -> Result<Links, LinksError> {
        let links = Links::open_derived(dir, generation)?;
        let facts = Links::open_facts(dir, generation).map_err(|source| LinksError::Io {
            path: facts_dir(dir),
            what: "read",
            source,
        })?;
        Ok(Links { facts, ..links })
    }

    /// What the links are derived from.
    ///
    /// # Errors
    /// As [`Links::open`].
    pub fn open_facts(dir: &Path, generation: u64) -> io::Result<Facts> {
        Facts::open(&facts_dir(dir), generation)
    }

    /// The links alone.
    ///
    /// # Errors
    /// As [`Links::open`].
    pub fn open_derived(dir: &Path, generation: u64) -> Result<Links, LinksError> {
        if generation == 0 {
            return Ok(Links::default());
        }
        let path = file(dir, generation);
        let read = |source| LinksError::Io { path: path.clone(), what: "read", source };
        let table = Table::open(&path, KIND)
            .map_err(|e| if e.kind() == io::ErrorKind::NotFound { Damage::error(&path, "it is missing") } else { e })
            .map_err(read)?;
        let twins = table.all(2).map_err(read)?.into_iter().map(|[page, mail]| (page, mail)).collect();
        let graph = Graph::open(dir, generation).map_err(read)?;
        Ok(Links { table: Some(table), twins, graph, facts: Facts::default() })
    }

    /// Reads all files of the links, of the facts not, and checks every block.
    ///
    /// # Errors
    /// What the file system says, or damage.
    pub fn verify(&self) -> io::Result<()> {
        self.table.as_ref().map_or(Ok(()), |table| table.container().verify())?;
        self.graph.verify()
    }

    /// Removes the tables of older generations but the last, which a reader that opened the index a moment
    /// ago may still want. What cannot be removed now is removed on another run.
    pub fn remove_older(dir: &Path, generation: u64) {
        let keep = generation.saturating_sub(1);
        for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let number = name.to_str().and_then(|n| n.strip_suffix(".links").or_else(|| n.strip_suffix(".graph")));
            if number.and_then(|n| n.parse::<u64>().ok()).is_some_and(|n| n < keep) {
                let _ = fs::remove_file(entry.path());
            }
        }
        Facts::remove_older(&facts_dir(dir), generation);
    }

    /// The thread that a mail belongs to, named by the hash of one of its ids.
    pub fn root(&self, id: u64) -> io::Result<Option<u64>> {
        match &self.table {
            Some(table) => Ok(table.first(0, id)?.map(|row| row[1])),
            None => Ok(None),
        }
    }

    /// All indexed mails of a thread.
    pub fn members(&self, root: u64) -> io::Result<Vec<u64>> {
        match &self.table {
            Some(table) => Ok(table.rows(1, root)?.into_iter().map(|row| row[1]).collect()),
            None => Ok(Vec::new()),
        }
    }

    /// All (mail, thread) pairs, for questions about very many mails.
    pub fn all_roots(&self) -> io::Result<Vec<[u64; 2]>> {
        match &self.table {
            Some(table) => table.all(0),
            None => Ok(Vec::new()),
        }
    }

    /// The mail that a web page shows.
    pub fn mail_of_page(&self, page: u64) -> Option<u64> {
        self.twins.get(&page).copied()
    }

    /// The web pages that show a mail.
    pub fn pages_of_mail(&self, mail: u64) -> Vec<u64> {
        let mut pages: Vec<u64> = self.twins.iter().filter(|(_, m)| **m == mail).map(|(page, _)| *page).collect();
        pages.sort_unstable();
        pages
    }

    /// Whether any page is known to show a mail.
    pub fn has_twins(&self) -> bool {
        !self.twins.is_empty()
    }
}
