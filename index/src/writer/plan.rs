//! What is to be read: each repository's history since its cursor, or all of it where the history was rewritten.

use std::sync::atomic::{AtomicUsize, Ordering};

use git2::Oid;

use provenance_corpus::archive::public_inbox_v1;
use provenance_corpus::archive::public_inbox_v2::{CommitRef, Epoch};

use crate::sources::{Layout, Repository, Sources};
use crate::state::{RepositoryState, State};

/// One thing to read.
#[derive(Clone, Copy, Debug)]
pub enum Item {
    /// A commit of a v2 epoch.
    Commit {
        /// The commit.
        commit: Oid,
        /// Its tree, with the one file `m` or `d`.
        tree: Oid,
        /// When the mail arrived, seconds since 1970.
        arrival: i64,
    },
    /// A mail of a v1 inbox.
    Blob(Oid),
}

/// What is to be read of one repository.
#[derive(Clone, Debug)]
pub struct Task {
    /// The repository.
    pub repository: Repository,
    /// Oldest first.
    pub items: Vec<Item>,
    /// The cursor once all of it is indexed.
    pub cursor: Option<String>,
    /// Everything is listed: what is indexed and not among it has to go.
    pub whole: bool,
    /// The history was rewritten since the last run.
    pub rewritten: bool,
    /// Mails that are gone, where the repository says so without a commit of its own.
    pub removed: Vec<Oid>,
    /// Commits that cannot be read; each costs its mail.
    pub damaged: Vec<Oid>,
    /// Mails that could not be read on an earlier run and are tried again.
    pub retried: Vec<String>,
    /// No part of this repository comes after this one.
    pub last: bool,
}

/// All tasks of a run.
#[derive(Debug, Default)]
pub struct Plan {
    /// Repositories with something new.
    pub tasks: Vec<Task>,
    /// Repositories that cannot be read, and why.
    pub refused: Vec<(Repository, String)>,
}

impl Plan {
    /// Compares the sources with what is indexed.
    pub fn make(sources: &Sources, state: &State) -> Plan {
        // Each walk waits for one core; a user has as many repositories as lists.
        let next = AtomicUsize::new(0);
        let repositories: Vec<&Repository> = sources.repositories().iter().collect();
        let walk = || {
            let mut tasks = Vec::new();
            while let Some(repository) = repositories.get(next.fetch_add(1, Ordering::Relaxed)) {
                let known = state.repositories.get(&repository.number);
                let task = match repository.layout {
                    Layout::PublicInboxV2 => v2(repository, known),
                    Layout::PublicInboxV1 => v1(repository, known),
                };
                tasks.push((repository.number, task));
            }
            tasks
        };
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(repositories.len());
        let mut walked = std::thread::scope(|scope| {
            let handles: Vec<_> = (1..threads).map(|_| scope.spawn(walk)).collect();
            let mut walked = walk();
            for handle in handles {
                walked.extend(handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            }
            walked
        });
        walked.sort_by_key(|(number, _)| repositories.iter().position(|r| r.number == *number));
        let mut plan = Plan::default();
        for ((_, task), repository) in walked.into_iter().zip(repositories) {
            match task {
                Ok(Some(task)) => plan.tasks.push(task),
                Ok(None) => {}
                Err(reason) => plan.refused.push((repository.clone(), reason)),
            }
        }
        plan
    }

    /// Number of things to read.
    pub fn items(&self) -> usize {
        self.tasks.iter().map(|task| task.items.len()).sum()
    }
}

fn v2(repository: &Repository, known: Option<&RepositoryState>) -> Result<Option<Task>, String> {
    let epoch = Epoch::open(&repository.path).map_err(|e| crate::chain(&e))?;
    let Some(tip) = epoch.tip().map_err(|e| crate::chain(&e))? else { return Ok(None) };
    let cursor = known.and_then(|k| k.cursor.as_deref());
    let retried: Vec<String> = known.into_iter().flat_map(|k| &k.failures).map(|f| f.commit.clone()).collect();
    if cursor == Some(tip.to_string().as_str()) && retried.is_empty() {
        return Ok(None);
    }
    let since = cursor.and_then(|c| Oid::from_str(c).ok());
    let history = epoch.commits(since).map_err(|e| crate::chain(&e))?;
    let again = if history.rewritten { Vec::new() } else { retried };
    let item = |c: &CommitRef| Item::Commit { commit: c.commit, tree: c.tree, arrival: c.arrival };
    let mut damaged = history.damaged;
    let mut items = Vec::with_capacity(again.len() + history.commits.len());
    for commit in again.iter().filter_map(|commit| Oid::from_str(commit).ok()) {
        match epoch.commit_ref(commit) {
            Some(found) => items.push(item(&found)),
            None if damaged.contains(&commit) => {}
            None => damaged.push(commit),
        }
    }
    items.extend(history.commits.iter().map(item));
    Ok(Some(Task {
        repository: repository.clone(),
        items,
        cursor: Some(tip.to_string()),
        whole: history.rewritten,
        rewritten: history.rewritten,
        removed: Vec::new(),
        damaged,
        retried: again,
        last: true,
    }))
}

/// A v1 inbox is the tree of its tip: what changed is the difference of two trees.
fn v1(repository: &Repository, known: Option<&RepositoryState>) -> Result<Option<Task>, String> {
    let cursor = known.and_then(|k| k.cursor.as_deref());
    let since = cursor.and_then(|c| Oid::from_str(c).ok());
    let changes = public_inbox_v1::changes(&repository.path, since).map_err(|e| crate::chain(&e))?;
    let Some(tip) = changes.tip else { return Ok(None) };
    let failed = known.into_iter().flat_map(|k| &k.failures).map(|f| f.commit.clone());
    let retried: Vec<String> = if changes.rewritten { Vec::new() } else { failed.collect() };
    if Some(tip) == since && retried.is_empty() {
        return Ok(None);
    }
    // Its failures are named by their blobs.
    let again = retried.iter().filter_map(|blob| Oid::from_str(blob).ok());
    let again = again.filter(|blob| !changes.removed.contains(blob) && !changes.added.contains(blob));
    let items = again.chain(changes.added.iter().copied()).map(Item::Blob).collect();
    Ok(Some(Task {
        repository: repository.clone(),
        items,
        cursor: Some(tip.to_string()),
        whole: changes.rewritten,
        rewritten: changes.rewritten,
        removed: changes.removed,
        damaged: changes.damaged,
        retried,
        last: true,
    }))
}
