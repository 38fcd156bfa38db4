//! Brings the index up to date: what is new in each repository is read, parsed and indexed in parallel;
//! what was deleted, purged or rewritten goes; then one commit makes all of it visible, with the cursors and the
//! links that belong to it. A crash at any moment leaves the commit before.

pub mod plan;
mod twins;
pub mod work;

use std::path::{Path, PathBuf};

use rustc_hash::{FxHashMap, FxHashSet};
use tantivy::indexer::{IndexWriterOptions, LogMergePolicy};
use tantivy::{IndexWriter, Searcher, Term};

use self::plan::{Item, Plan, Task};
use self::work::{Added, Found};
pub use crate::progress::Progress;

use crate::guard::caught;
use crate::hash;
use crate::links::{self, Links, LinksError};
use crate::row::Row;
use crate::sources::Sources;
use crate::state::{Failure, State, Tally};
use crate::store::{Lock, Store, StoreError, links_dir};

/// Mails between two commits. A run that is killed loses at most this much work, and what is remembered of
/// each new mail until its commit stays small.
const BATCH: usize = 150_000;

/// Below this many new mails one indexing thread is enough, and starts faster than several.
const SMALL: usize = 2_000;

/// How a run uses the machine.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Threads that read and parse; as many index.
    pub threads: usize,
    /// Bytes that all indexing threads together may fill before they write a segment.
    pub memory: usize,
    /// Derive all links anew although there may be no new mail: a tree brought commits.
    pub relink: bool,
}

impl Default for Options {
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, |n| n.get().min(8));
        Options { threads, memory: 224 << 20, relink: false }
    }
}

/// What a run did.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Copies that were added.
    pub added: u64,
    /// Copies that were deleted, because their list or their repository says so.
    pub deleted: u64,
    /// Repositories whose history was rewritten: name, and how many of their mails are gone.
    pub rewritten: Vec<(String, u64)>,
    /// Mails that could not be read.
    pub failed: u64,
    /// Repositories that could not be read at all: name and reason.
    pub refused: Vec<(String, String)>,
    /// Raw bytes read.
    pub bytes: u64,
}

/// Why a run stopped.
#[derive(Debug, thiserror::Error)]
pub enum WriterError {
    /// The index could not be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The links could not be written.
    #[error(transparent)]
    Links(#[from] LinksError),
    /// What is to be read would not fit; nothing was begun.
    #[error("{mails} mails may need {} MB, and {} MB are free in {data}", needed / 1_000_000, free / 1_000_000)]
    Space {
        /// The data directory.
        data: PathBuf,
        /// Mails to be read.
        mails: u64,
        /// Bytes that they may need.
        needed: u64,
        /// Bytes that are free.
        free: u64,
    },
    /// The index could not be written; the last commit stands.
    #[error("the index in {data} cannot be written; what was there before is unharmed")]
    Tantivy {
        /// The data directory.
        data: PathBuf,
        /// What tantivy said.
        source: tantivy::TantivyError,
    },
}

/// Brings the index of a data directory up to date with its sources, which were read under the same lock.
///
/// # Errors
/// What the file system says, or an index that is damaged; the last commit stands.
pub fn update(
    lock: &Lock,
    sources: &Sources,
    options: Options,
    progress: &dyn Progress,
) -> Result<Report, WriterError> {
    caught(|| bring_up_to_date(lock, sources, options, progress)).unwrap_or_else(|panic| {
        let source = tantivy::TantivyError::InternalError(panic);
        Err(WriterError::Tantivy { data: lock.data().to_owned(), source })
    })
}

fn bring_up_to_date(
    lock: &Lock,
    sources: &Sources,
    options: Options,
    progress: &dyn Progress,
) -> Result<Report, WriterError> {
    let data = lock.data();
    let store = Store::open_or_create(lock)?;
    let mut run = Run {
        data,
        sources,
        store,
        progress,
        report: Report::default(),
        seen: FxHashSet::default(),
        forgotten: Vec::new(),
    };
    let mut plan = Plan::make(sources, &run.store.state);
    run.note_refusals(&mut plan)?;
    run.forgotten = sources.forgotten().filter(|number| run.store.state.repositories.contains_key(number)).collect();
    if plan.tasks.is_empty() && !options.relink && run.forgotten.is_empty() {
        return Ok(run.report);
    }
    look_for_space(data, plan.items() as u64)?;
    progress.begin(plan.items() as u64);
    run.execute(plan, options)?;
    Ok(run.report)
}

struct Run<'a> {
    data: &'a Path,
    sources: &'a Sources,
    store: Store,
    progress: &'a dyn Progress,
    report: Report,
    /// Origins met while a repository is read whole again.
    seen: FxHashSet<u64>,
    /// Repositories whose mails have to go, because the user said so.
    forgotten: Vec<u32>,
}

impl Run<'_> {
    fn wrap(&self, source: tantivy::TantivyError) -> WriterError {
        WriterError::Tantivy { data: self.data.to_owned(), source }
    }

    /// A repository that cannot be opened is remembered as such; one that can again is forgotten.
    fn note_refusals(&mut self, plan: &mut Plan) -> Result<(), WriterError> {
        for (repository, reason) in plan.refused.drain(..) {
            self.store.state.repositories.entry(repository.number).or_default().refused = Some(reason.clone());
            self.report.refused.push((repository.path.display().to_string(), reason));
        }
        Ok(())
    }

    fn execute(&mut self, plan: Plan, options: Options) -> Result<(), WriterError> {
        let items = plan.items();
        let threads = if items < SMALL { 1 } else { options.threads };
        let writer_options = IndexWriterOptions::builder()
            .num_worker_threads(threads)
            .memory_budget_per_thread((options.memory / threads).max(16 << 20))
            .num_merge_threads(threads)
            .build();
        let mut writer: IndexWriter<Row> =
            self.store.index.writer_with_options(writer_options).map_err(|e| self.wrap(e))?;
        writer.set_merge_policy(Box::new(merging(items)));
        let mut tasks = plan.tasks;
        let forgotten = !self.forgotten.is_empty();
        if tasks.is_empty() {
            self.batch(&mut writer, Vec::new(), threads, options.relink)?;
        }
        while !tasks.is_empty() {
            let batch = take_batch(&mut tasks);
            self.batch(&mut writer, batch, threads, options.relink)?;
        }
        self.progress.phase("merging");
        if forgotten {
            self.drop_deleted(&mut writer)?;
        }
        writer.wait_merging_threads().map_err(|e| self.wrap(e))
    }

    /// Writes segments anew without the mails that were deleted from them: what was forgotten is to be gone from the disk, and
    /// a segment keeps it until it is merged, which for a large one may be never.
    fn drop_deleted(&self, writer: &mut IndexWriter<Row>) -> Result<(), WriterError> {
        let segments = self.store.index.searchable_segment_metas().map_err(|e| self.wrap(e))?;
        // Their names alone: while anybody holds what is known of a segment, its files are not collected.
        let worn: Vec<_> = segments.into_iter().filter(|s| s.has_deletes()).map(|s| s.id()).collect();
        for segment in worn {
            writer.merge(&[segment]).wait().map_err(|e| self.wrap(e))?;
        }
        writer.garbage_collect_files().wait().map_err(|e| self.wrap(e))?;
        Ok(())
    }

    fn batch(
        &mut self,
        writer: &mut IndexWriter<Row>,
        tasks: Vec<Task>,
        threads: usize,
        relink: bool,
    ) -> Result<(), WriterError> {
        let reader = self.store.index.reader().map_err(|e| self.wrap(e))?;
        let searcher = reader.searcher();
        let known = self.known(&searcher, &tasks)?;
        let mut found =
            work::read(&tasks, &known, &self.store.fields, writer, threads, self.progress).map_err(|e| self.wrap(e))?;
        if !relink && self.forgotten.is_empty() && changes_nothing(&tasks, &found, &self.store.state) {
            self.report.failed += tasks.iter().map(|task| task.retried.len() as u64).sum::<u64>();
            return Ok(());
        }
        self.progress.phase("linking");
        let mut deleted = self.deletions(&tasks, &known, &found);
        let forgotten = std::mem::take(&mut self.forgotten);
        deleted.extend(of_repositories(&searcher, &forgotten).map_err(|e| self.wrap(e))?);
        self.settle(&searcher, &tasks, &found, &deleted)?;
        self.store.state.repositories.retain(|number, _| !forgotten.contains(number));
        for origin in &deleted {
            writer.delete_term(Term::from_field_u64(self.store.fields.origin, *origin));
        }
        self.store.state.generation += 1;
        let generation = self.store.state.generation;
        let rows = self.link_rows(&searcher, &found, &deleted)?;
        let twins =
            twins::find(&rows, self.sources, &found, &searcher, &self.store.fields).map_err(|e| self.wrap(e))?;
        let facts = std::mem::take(&mut found.added)
            .into_iter()
            .filter(|added| !deleted.contains(&added.origin))
            .map(|added| added.fact)
            .collect();
        let grows = deleted.is_empty() && !relink;
        let data = self.data;
        let payload = serde_json::to_string(&self.store.state).expect("plain data serialises");
        // Tantivy writes its segments while the links are derived; neither counts before the commit, which comes last.
        let (links, prepared) = std::thread::scope(|scope| {
            let links = scope.spawn(move || {
                Links::write(&links_dir(data), generation, &rows, &twins)?;
                links::store::update(data, generation, facts, rows, grows)
            });
            let prepared = writer.prepare_commit();
            (links.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), prepared)
        });
        let mut commit = prepared.map_err(|e| self.wrap(e))?;
        links?;
        self.progress.phase("committing");
        commit.set_payload(&payload);
        commit.commit().map_err(|e| self.wrap(e))?;
        Links::remove_older(&links_dir(self.data), generation);
        Ok(())
    }

    /// Origins that are indexed already, of the repositories that are read whole again.
    fn known(&self, searcher: &Searcher, tasks: &[Task]) -> Result<FxHashMap<u32, FxHashSet<u64>>, WriterError> {
        let mut known: FxHashMap<u32, FxHashSet<u64>> =
            tasks.iter().filter(|task| task.whole).map(|task| (task.repository.number, FxHashSet::default())).collect();
        if known.is_empty() {
            return Ok(known);
        }
        for segment in searcher.segment_readers() {
            let columns = segment.fast_fields();
            let origin = columns.u64("origin").map_err(|e| self.wrap(e))?;
            let repository = columns.u64("repository").map_err(|e| self.wrap(e))?;
            for doc in segment.doc_ids_alive() {
                let number = repository.first(doc).and_then(|n| u32::try_from(n).ok());
                if let Some(set) = number.and_then(|n| known.get_mut(&n)) {
                    set.extend(origin.first(doc));
                }
            }
        }
        Ok(known)
    }

    /// Origins that have to go: named by a deletion and not added again after it, or gone from a rewritten history.
    fn deletions(&mut self, tasks: &[Task], known: &FxHashMap<u32, FxHashSet<u64>>, found: &Found) -> FxHashSet<u64> {
        let mut deleted: FxHashSet<u64> = FxHashSet::default();
        if !found.deleted.is_empty() {
            let mut last_added: FxHashMap<u64, (usize, usize)> = FxHashMap::default();
            for added in &found.added {
                let at = last_added.entry(added.origin).or_default();
                *at = (*at).max(added.at);
            }
            deleted.extend(
                found
                    .deleted
                    .iter()
                    .filter(|(origin, at)| last_added.get(origin).is_none_or(|added| added < at))
                    .map(|(origin, _)| *origin),
            );
        }
        for task in tasks {
            deleted.extend(task.removed.iter().map(|blob| hash::origin(task.repository.number, blob.as_bytes())));
        }
        self.seen.extend(&found.seen);
        for task in tasks.iter().filter(|task| task.whole && task.last) {
            let Some(set) = known.get(&task.repository.number) else { continue };
            let gone: Vec<u64> = set.iter().copied().filter(|origin| !self.seen.contains(origin)).collect();
            if task.rewritten {
                self.report.rewritten.push((task.repository.name.clone(), gone.len() as u64));
            }
            deleted.extend(gone);
        }
        deleted
    }

    /// Brings the state to what the commit will hold.
    fn settle(
        &mut self,
        searcher: &Searcher,
        tasks: &[Task],
        found: &Found,
        deleted: &FxHashSet<u64>,
    ) -> Result<(), WriterError> {
        let mut tally = Tally::default();
        for added in found.added.iter().filter(|a| !deleted.contains(&a.origin)) {
            added.count(&mut tally);
            self.report.added += 1;
        }
        tally.failures = found.failures.clone();
        for task in tasks {
            let number = task.repository.number;
            let damaged = task
                .damaged
                .iter()
                .map(|commit| Failure { commit: commit.to_string(), reason: "the commit is damaged".to_owned() });
            tally.failures.entry(number).or_default().extend(damaged);
            if let Some(known) = self.store.state.repositories.get_mut(&number) {
                known.failures.retain(|f| !task.retried.contains(&f.commit));
                known.failed = known.failed.saturating_sub(task.retried.len() as u64);
            }
        }
        self.report.failed += tally.failures.values().map(|f| f.len() as u64).sum::<u64>();
        self.report.bytes += found.bytes;
        for stored in crate::reader::by_origin(searcher, &self.store.fields, deleted).map_err(|e| self.wrap(e))? {
            let (repository, stored) = stored;
            self.store.state.remove(repository, &stored.lists, &stored.defects);
            self.report.deleted += 1;
        }
        self.store.state.add(tally);
        for task in tasks {
            let repository = self.store.state.repositories.entry(task.repository.number).or_default();
            repository.refused = None;
            if let Some(cursor) = &task.cursor {
                repository.cursor = Some(cursor.clone());
            }
        }
        Ok(())
    }

    /// All rows that the links are derived from: what was indexed and stays, and what is new.
    fn link_rows(
        &self,
        searcher: &Searcher,
        found: &Found,
        deleted: &FxHashSet<u64>,
    ) -> Result<Vec<links::Row>, WriterError> {
        let mut rows = crate::reader::link_rows(searcher, deleted).map_err(|e| self.wrap(e))?;
        let stays = |added: &Added| !deleted.contains(&added.origin);
        rows.extend(found.added.iter().filter(|added| stays(added)).map(|added| added.row.clone()));
        Ok(rows)
    }
}

/// Fewer mails than these are not worth a look at the disk: what they need is less than what anybody keeps free.
const MANY: u64 = 10_000;

/// Bytes of the index that a mail may need while segments are merged: twice what kernel lists need, patches included.
const BYTES_A_MAIL: u64 = 16 << 10;

/// A large run is not begun where it could not end.
fn look_for_space(data: &Path, mails: u64) -> Result<(), WriterError> {
    // A file system that does not say how full it is is taken at its word when it is.
    let Some(free) = rustix::fs::statvfs(data).ok().map(|disk| disk.f_bavail * disk.f_frsize) else { return Ok(()) };
    match lacking(mails, free) {
        Some(needed) => Err(WriterError::Space { data: data.to_owned(), mails, needed, free }),
        None => Ok(()),
    }
}

/// What so many mails may need, where it is more than is free.
fn lacking(mails: u64, free: u64) -> Option<u64> {
    let needed = mails.saturating_mul(BYTES_A_MAIL);
    (mails >= MANY && needed > free).then_some(needed)
}

/// Origins of the copies that these repositories have.
fn of_repositories(searcher: &Searcher, numbers: &[u32]) -> tantivy::Result<Vec<u64>> {
    let mut found = Vec::new();
    for segment in searcher.segment_readers().iter().filter(|_| !numbers.is_empty()) {
        let columns = segment.fast_fields();
        let (origin, repository) = (columns.u64("origin")?, columns.u64("repository")?);
        for doc in segment.doc_ids_alive() {
            if repository.first(doc).is_some_and(|n| numbers.iter().any(|number| u64::from(*number) == n)) {
                found.extend(origin.first(doc));
            }
        }
    }
    Ok(found)
}

/// Whether all that a run found is that mails which could not be read before still cannot.
fn changes_nothing(tasks: &[Task], found: &Found, state: &State) -> bool {
    let again = |task: &Task| {
        let number = task.repository.number;
        let known = state.repositories.get(&number);
        let mut failed: Vec<String> = task.damaged.iter().map(ToString::to_string).collect();
        failed.extend(found.failures.get(&number).into_iter().flatten().map(|failure| failure.commit.clone()));
        let mut retried = task.retried.clone();
        failed.sort_unstable();
        retried.sort_unstable();
        let same = known.is_some_and(|known| known.cursor == task.cursor && known.refused.is_none());
        same && !task.whole && task.removed.is_empty() && failed == retried
    };
    // Two tasks of one repository would share their failures: a large one was cut, and is no retry.
    found.added.is_empty() && found.deleted.is_empty() && tasks.iter().all(|task| task.last && again(task))
}

/// Which segments become one. A query looks into each, so that their number is what it costs; merging costs a tenth of what
/// indexing does. Each mail is merged about once: by a large run while it reads on, and what a large run left is not merged
/// by the next small one, which took a minute for half a million mails.
fn merging(items: usize) -> LogMergePolicy {
    let mut policy = LogMergePolicy::default();
    if items < BATCH / 4 {
        policy.set_min_num_segments(6);
        policy.set_min_layer_size(1_000);
        policy.set_max_docs_before_merge(10_000);
    } else {
        policy.set_min_num_segments(8);
        policy.set_min_layer_size(BATCH as u32);
        policy.set_max_docs_before_merge(BATCH / 3);
    }
    policy
}

/// Cuts off what is read before the next commit. A repository that is read whole keeps its old cursor until its
/// last part, so that a killed run starts it again; what it had committed is then known and skipped.
fn take_batch(tasks: &mut Vec<Task>) -> Vec<Task> {
    let mut room = BATCH;
    let mut batch = Vec::new();
    while room > 0 && !tasks.is_empty() {
        if tasks[0].items.len() <= room {
            room -= tasks[0].items.len();
            batch.push(tasks.remove(0));
        } else {
            let rest = tasks[0].items.split_off(room);
            let items = std::mem::replace(&mut tasks[0].items, rest);
            let cursor = match items.last() {
                Some(Item::Commit { commit, .. }) if !tasks[0].whole => Some(commit.to_string()),
                _ => None,
            };
            let part = Task {
                repository: tasks[0].repository.clone(),
                items,
                cursor,
                last: false,
                removed: std::mem::take(&mut tasks[0].removed),
                damaged: std::mem::take(&mut tasks[0].damaged),
                retried: std::mem::take(&mut tasks[0].retried),
                ..tasks[0]
            };
            batch.push(part);
            room = 0;
        }
    }
    batch
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_run_asks_for_room_and_a_small_one_does_not() {
        assert_eq!(lacking(22_503, 31_000_000), Some(22_503 * BYTES_A_MAIL));
        assert_eq!(lacking(22_503, 400_000_000), None);
        assert_eq!(lacking(MANY - 1, 0), None);
        assert_eq!(lacking(u64::MAX, 1), Some(u64::MAX));
    }
}
