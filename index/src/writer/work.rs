//! Reading: several threads take chunks of the plan, read each mail from its repository, parse it and hand the
//! document to tantivy's own threads. A chunk is a run of neighbours, because mails that arrived together lie
//! together in a pack.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use provenance_corpus::archive::public_inbox_v2::{Item as Mail, Reader};
use provenance_corpus::message::Message;
use rustc_hash::{FxHashMap, FxHashSet};
use tantivy::IndexWriter;

use super::Progress;
use super::plan::{Item, Task};
use crate::document::Document;
use crate::document::read::Origin;
use crate::hash;
use crate::links;
use crate::row::Row;
use crate::schema::Fields;
use crate::state::{Failure, Tally};

/// Mails that a thread takes at a time.
const CHUNK: usize = 128;

/// What is remembered of a new copy until the commit.
pub struct Added {
    /// See [`hash::origin`].
    pub origin: u64,
    /// Task and item: the order of history.
    pub at: (usize, usize),
    /// What the threads are derived from.
    pub row: links::Row,
    /// What all other links are derived from.
    pub fact: links::fact::Fact,
    /// The blob id of the raw mail.
    pub blob: git2::Oid,
    /// Number of the repository.
    pub repository: u32,
    lists: Vec<Arc<str>>,
    defects: Vec<Arc<str>>,
    received: i64,
}

impl Added {
    /// Counts the copy.
    pub fn count(&self, tally: &mut Tally) {
        *tally.mails.entry(self.repository).or_default() += 1;
        for list in &self.lists {
            tally.lists.entry(list.to_string()).or_default().add(self.received);
        }
        for defect in &self.defects {
            *tally.defects.entry(defect.to_string()).or_default() += 1;
        }
    }
}

/// What reading found.
#[derive(Default)]
pub struct Found {
    /// New copies.
    pub added: Vec<Added>,
    /// Origins that a deletion names, and where in history it stands.
    pub deleted: Vec<(u64, (usize, usize))>,
    /// Origins that are still there, of repositories that are read whole.
    pub seen: FxHashSet<u64>,
    /// Mails that could not be read.
    pub failures: BTreeMap<u32, Vec<Failure>>,
    /// Raw bytes read.
    pub bytes: u64,
}

impl Found {
    fn join(&mut self, other: Found) {
        self.added.extend(other.added);
        self.deleted.extend(other.deleted);
        self.seen.extend(other.seen);
        for (repository, failures) in other.failures {
            self.failures.entry(repository).or_default().extend(failures);
        }
        self.bytes += other.bytes;
    }
}

/// Reads all tasks and hands their documents to the writer.
pub fn read(
    tasks: &[Task],
    known: &FxHashMap<u32, FxHashSet<u64>>,
    fields: &Fields,
    writer: &IndexWriter<Row>,
    threads: usize,
    progress: &dyn Progress,
) -> tantivy::Result<Found> {
    let chunks: Vec<(usize, usize)> = tasks
        .iter()
        .enumerate()
        .flat_map(|(task, t)| (0..t.items.len()).step_by(CHUNK).map(move |start| (task, start)))
        .collect();
    let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let work = || {
        let mut readers = FxHashMap::default();
        let mut worker = Worker { tasks, known, fields, writer, names: Names::default(), found: Found::default() };
        while let Some((task, start)) = chunks.get(next.fetch_add(1, Ordering::Relaxed)) {
            if failed.load(Ordering::Relaxed) {
                break;
            }
            let before = worker.found.bytes;
            let end = (start + CHUNK).min(tasks[*task].items.len());
            let path = &tasks[*task].repository.path;
            let reader = readers.entry(*task).or_insert_with(|| Reader::open(path).map_err(|e| crate::chain(&e)));
            for item in *start..end {
                worker.item(reader, (*task, item)).inspect_err(|_| failed.store(true, Ordering::Relaxed))?;
            }
            progress.advance((end - start) as u64, worker.found.bytes - before);
        }
        Ok(worker.found)
    };
    let results: Vec<tantivy::Result<Found>> = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads.min(chunks.len()).max(1)).map(|_| scope.spawn(work)).collect();
        handles
            .into_iter()
            .map(|handle| handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    let mut found = Found::default();
    for result in results {
        found.join(result?);
    }
    // Threads finish in any order; the links and what is counted must not depend on it.
    found.added.sort_unstable_by_key(|added| added.at);
    Ok(found)
}

/// Names of lists and defects, each held once.
#[derive(Default)]
struct Names(FxHashSet<Arc<str>>);

impl Names {
    fn get(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.0.get(name) {
            return known.clone();
        }
        let name: Arc<str> = name.into();
        self.0.insert(name.clone());
        name
    }
}

struct Worker<'a> {
    tasks: &'a [Task],
    known: &'a FxHashMap<u32, FxHashSet<u64>>,
    fields: &'a Fields,
    writer: &'a IndexWriter<Row>,
    names: Names,
    found: Found,
}

impl Worker<'_> {
    fn item(&mut self, reader: &Result<Reader, String>, at: (usize, usize)) -> tantivy::Result<()> {
        let number = self.tasks[at.0].repository.number;
        let item = self.tasks[at.0].items[at.1];
        let (commit, arrival) = match item {
            Item::Commit { commit, arrival, .. } => (commit, arrival),
            Item::Blob(blob) => (blob, 0),
        };
        let reader = match reader {
            Ok(reader) => reader,
            Err(reason) => {
                self.fail(number, commit, reason.clone());
                return Ok(());
            }
        };
        let mail = match item {
            Item::Commit { tree, .. } => reader.mail(tree),
            Item::Blob(blob) => reader.blob(blob).map(|bytes| Mail::Added { blob, bytes }),
        };
        match mail {
            Ok(Mail::Added { blob, bytes }) => {
                let origin = hash::origin(number, blob.as_bytes());
                if let Some(known) = self.known.get(&number) {
                    self.found.seen.insert(origin);
                    if known.contains(&origin) {
                        return Ok(());
                    }
                }
                self.add(at, origin, blob, arrival, &bytes)?;
            }
            Ok(Mail::Deleted { blob }) => self.found.deleted.push((hash::origin(number, blob.as_bytes()), at)),
            Ok(Mail::Nothing) => {}
            Err(e) => self.fail(number, commit, crate::chain(&e)),
        }
        Ok(())
    }

    fn fail(&mut self, repository: u32, commit: git2::Oid, reason: String) {
        let failure = Failure { commit: commit.to_string(), reason };
        self.found.failures.entry(repository).or_default().push(failure);
    }

    fn add(
        &mut self,
        at: (usize, usize),
        origin: u64,
        blob: git2::Oid,
        arrival: i64,
        bytes: &[u8],
    ) -> tantivy::Result<()> {
        let repository = &self.tasks[at.0].repository;
        let message = Message::parse(bytes);
        let place = Origin { repository: repository.number, name: &repository.name, blob: blob.as_bytes(), arrival };
        let document = Document::read(&message, place);
        let stored = &document.stored;
        let mut lists: Vec<Arc<str>> = stored.lists.iter().map(|list| self.names.get(list)).collect();
        if lists.is_empty() {
            lists.push(self.names.get(&repository.name));
        }
        self.found.added.push(Added {
            origin,
            at,
            blob,
            fact: links::fact::Fact::read(&message, &document, origin),
            row: links::Row {
                origin,
                id: hash::message_id(&stored.message_id),
                references: document.related(),
                date: stored.date,
                fingerprint: document.fingerprint,
                page: stored.kinds.page,
            },
            repository: repository.number,
            lists,
            defects: stored.defects.iter().map(|defect| self.names.get(defect)).collect(),
            received: stored.received,
        });
        self.found.bytes += bytes.len() as u64;
        self.writer.add_document(document.to_row(self.fields))?;
        Ok(())
    }
}
