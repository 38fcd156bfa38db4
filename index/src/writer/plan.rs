//! What is to be read: each repository's history since its cursor, or all of it where the history was rewritten.

use git2::Oid;

use provenance_corpus::archive::public_inbox_v1;
use provenance_corpus::archive::public_inbox_v2::Epoch;

use crate::sources::{Layout, Repository, Sources};
use crate::state::State;

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
        let mut plan = Plan::default();
        for repository in sources.repositories() {
            let cursor = state.repositories.get(&repository.number).and_then(|r| r.cursor.as_deref());
            let task = match repository.layout {
                Layout::PublicInboxV2 => v2(repository, cursor),
                Layout::PublicInboxV1 => v1(repository, cursor),
            };
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

fn v2(repository: &Repository, cursor: Option<&str>) -> Result<Option<Task>, String> {
    let epoch = Epoch::open(&repository.path).map_err(|e| crate::chain(&e))?;
    let Some(tip) = epoch.tip().map_err(|e| crate::chain(&e))? else { return Ok(None) };
    let tip = tip.to_string();
    if cursor == Some(tip.as_str()) {
        return Ok(None);
    }
    let since = cursor.and_then(|c| Oid::from_str(c).ok());
    let history = epoch.commits(since).map_err(|e| crate::chain(&e))?;
    let items = history
        .commits
        .iter()
        .map(|c| Item::Commit { commit: c.commit, tree: c.tree, arrival: c.arrival })
        .collect();
    Ok(Some(Task {
        repository: repository.clone(),
        items,
        cursor: Some(tip),
        whole: history.rewritten,
        rewritten: history.rewritten,
        last: true,
    }))
}

/// A v1 inbox is the tree of its tip; what is in it and what is indexed are compared.
fn v1(repository: &Repository, cursor: Option<&str>) -> Result<Option<Task>, String> {
    let inbox = public_inbox_v1::Inbox::open(&repository.path).map_err(|e| crate::chain(&e))?;
    let Some(tip) = inbox.tip().map_err(|e| crate::chain(&e))? else { return Ok(None) };
    let tip = tip.to_string();
    if cursor == Some(tip.as_str()) {
        return Ok(None);
    }
    let blobs = inbox.blobs().map_err(|e| crate::chain(&e))?;
    Ok(Some(Task {
        repository: repository.clone(),
        items: blobs.into_iter().map(Item::Blob).collect(),
        cursor: Some(tip),
        whole: true,
        rewritten: false,
        last: true,
    }))
}
