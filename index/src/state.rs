//! What a commit of the index says of itself: how far each repository was read, what was found, which
//! links belong to it. It travels in tantivy's commit payload, so it is never newer or older than the index.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How many unreadable mails are remembered by name for each repository; beyond it they are only counted.
pub const NAMED_FAILURES: usize = 1_000;

/// The state of one commit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Counts commits that changed something; names the links file.
    pub generation: u64,
    /// Indexed copies.
    pub mails: u64,
    /// By repository number.
    pub repositories: BTreeMap<u32, RepositoryState>,
    /// By List-Id; a mail without one counts under the name of its repository.
    pub lists: BTreeMap<String, ListState>,
    /// How many mails had which defect, by the defect's name.
    pub defects: BTreeMap<String, u64>,
}

/// How far a repository was read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepositoryState {
    /// The commit up to which everything is indexed.
    pub cursor: Option<String>,
    /// Indexed copies.
    pub mails: u64,
    /// Mails that could not be read, at most [`NAMED_FAILURES`] of them.
    pub failures: Vec<Failure>,
    /// All mails that could not be read.
    pub failed: u64,
    /// Why the whole repository could not be read on the last run.
    pub refused: Option<String>,
}

/// A mail that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The commit that brought it.
    pub commit: String,
    /// What was wrong.
    pub reason: String,
}

/// What is indexed of one list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListState {
    /// Indexed copies.
    pub mails: u64,
    /// Arrival of the first and the last, seconds since 1970.
    pub oldest: i64,
    /// See `oldest`.
    pub newest: i64,
}

impl ListState {
    /// Counts one mail.
    pub fn add(&mut self, received: i64) {
        if self.mails == 0 {
            (self.oldest, self.newest) = (received, received);
        }
        self.mails += 1;
        self.oldest = self.oldest.min(received);
        self.newest = self.newest.max(received);
    }

    fn join(&mut self, other: &ListState) {
        if other.mails == 0 {
            return;
        }
        let mails = self.mails + other.mails;
        if self.mails == 0 {
            *self = other.clone();
        }
        self.mails = mails;
        self.oldest = self.oldest.min(other.oldest);
        self.newest = self.newest.max(other.newest);
    }
}

/// What one worker found; joined into the state at the end of a batch.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Copies by repository.
    pub mails: BTreeMap<u32, u64>,
    /// By List-Id.
    pub lists: BTreeMap<String, ListState>,
    /// By defect.
    pub defects: BTreeMap<String, u64>,
    /// Unreadable mails by repository.
    pub failures: BTreeMap<u32, Vec<Failure>>,
}

impl State {
    /// Adds what a worker found.
    pub fn add(&mut self, tally: Tally) {
        for (number, mails) in tally.mails {
            self.mails += mails;
            self.repositories.entry(number).or_default().mails += mails;
        }
        for (list, found) in tally.lists {
            self.lists.entry(list).or_default().join(&found);
        }
        for (defect, count) in tally.defects {
            *self.defects.entry(defect).or_default() += count;
        }
        for (number, failures) in tally.failures {
            let repository = self.repositories.entry(number).or_default();
            repository.failed += failures.len() as u64;
            let room = NAMED_FAILURES.saturating_sub(repository.failures.len());
            repository.failures.extend(failures.into_iter().take(room));
        }
    }

    /// Takes away a deleted copy. The dates covered stay: they say what was read.
    pub fn remove(&mut self, repository: u32, lists: &[String], defects: &[String]) {
        self.mails = self.mails.saturating_sub(1);
        if let Some(r) = self.repositories.get_mut(&repository) {
            r.mails = r.mails.saturating_sub(1);
        }
        for list in lists {
            if let Some(l) = self.lists.get_mut(list) {
                l.mails = l.mails.saturating_sub(1);
            }
        }
        self.lists.retain(|_, l| l.mails > 0);
        for defect in defects {
            if let Some(count) = self.defects.get_mut(defect) {
                *count = count.saturating_sub(1);
            }
        }
        self.defects.retain(|_, count| *count > 0);
    }

    /// The newest arrival in any list.
    pub fn newest(&self) -> Option<i64> {
        self.lists.values().map(|l| l.newest).max()
    }
}
