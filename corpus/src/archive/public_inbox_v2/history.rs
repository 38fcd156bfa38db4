//! From the tip back to the root, or to where the last walk ended.
//!
//! A commit that cannot be read breaks the chain, and what lies behind it is found through the object database: all
//! commits are listed, and the newest fragment that is older than the break and joins nothing else is the rest of the
//! chain. This is repeated until a root is met or no fragment is left.

use git2::Oid;
use rustc_hash::{FxHashMap, FxHashSet};

use super::commit::RawCommit;
use super::{Epoch, EpochError};

/// One commit of an epoch: one mail that arrived, or one that was removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommitRef {
    /// The commit.
    pub commit: Oid,
    /// Its tree, which [`Reader::mail`](super::Reader::mail) takes.
    pub tree: Oid,
    /// When the mail arrived: the committer's time in seconds since 1970, UTC.
    pub arrival: i64,
}

/// What a walk found.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// The newest commit: the cursor for the next walk. `None` in an empty epoch.
    pub tip: Option<Oid>,
    /// Oldest first.
    pub commits: Vec<CommitRef>,
    /// The cursor was not met on the way: history was purged or force-pushed, and `commits` is the whole of it.
    pub rewritten: bool,
    /// Commits that are named as a parent and cannot be read; each costs the one mail it added.
    pub damaged: Vec<Oid>,
    /// The clone is shallow: older mails were never fetched.
    pub shallow: bool,
}

pub(super) fn walk(epoch: &Epoch, tip: Oid, since: Option<Oid>) -> Result<History, EpochError> {
    let mut found = History { tip: Some(tip), ..History::default() };
    if since == Some(tip) {
        return Ok(found);
    }
    let shallow = shallow_commits(epoch);
    let mut walk = Walk { since, ..Walk::default() };
    walk.follow(tip, |oid| epoch.commit(oid), &shallow);
    if !walk.broken.is_empty() {
        let fragments = Fragments::collect(epoch, &walk.seen)?;
        if walk.commits.is_empty() && fragments.commits.is_empty() {
            let what = format!("the newest commit {tip} cannot be read, nor any other");
            return Err(epoch.damaged(what, epoch.loose.check(tip).and_then(|()| epoch.odb.read(tip).map(drop)).err()));
        }
        fragments.join(&mut walk, &shallow);
    }
    walk.commits.reverse();
    found.commits = walk.commits;
    found.rewritten = since.is_some() && !walk.met;
    found.damaged = walk.broken;
    found.shallow = walk.shallow;
    Ok(found)
}

/// git lists there the commits whose parents it did not fetch.
fn shallow_commits(epoch: &Epoch) -> FxHashSet<Oid> {
    let text = std::fs::read_to_string(epoch.repository.path().join("shallow")).unwrap_or_default();
    text.lines().filter_map(|it| Oid::from_str(it).ok()).collect()
}

#[derive(Default)]
struct Walk {
    since: Option<Oid>,
    met: bool,
    shallow: bool,
    seen: FxHashSet<Oid>,
    /// Newest first.
    commits: Vec<CommitRef>,
    broken: Vec<Oid>,
}

impl Walk {
    fn follow(&mut self, tip: Oid, read: impl Fn(Oid) -> Option<RawCommit>, shallow: &FxHashSet<Oid>) {
        let mut next = vec![tip];
        while let Some(oid) = next.pop() {
            if Some(oid) == self.since {
                self.met = true;
                continue;
            }
            if !self.seen.insert(oid) {
                continue;
            }
            let Some(commit) = read(oid) else {
                self.broken.push(oid);
                continue;
            };
            self.commits.push(CommitRef { commit: oid, tree: commit.tree, arrival: commit.arrival });
            if shallow.contains(&oid) {
                self.shallow = true;
            } else {
                next.extend(commit.parents.iter().rev());
            }
        }
    }
}

/// Commits that the walk did not reach.
struct Fragments {
    commits: FxHashMap<Oid, RawCommit>,
}

impl Fragments {
    fn collect(epoch: &Epoch, reached: &FxHashSet<Oid>) -> Result<Self, EpochError> {
        let mut names = Vec::new();
        let listed = epoch.odb.foreach(|oid| {
            names.push(*oid);
            true
        });
        listed.map_err(|e| epoch.damaged("the index of its pack cannot be read".into(), Some(e)))?;
        let is_commit = |oid: &Oid| {
            epoch.loose.check(*oid).is_ok() && matches!(epoch.odb.read_header(*oid), Ok((_, git2::ObjectType::Commit)))
        };
        let unreached = names.into_iter().filter(|oid| !reached.contains(oid) && is_commit(oid));
        Ok(Self { commits: unreached.filter_map(|oid| Some((oid, epoch.commit(oid)?))).collect() })
    }

    fn join(self, walk: &mut Walk, shallow: &FxHashSet<Oid>) {
        let mut heads = self.heads();
        // Newest last.
        heads.sort_unstable_by_key(|oid| (self.commits[oid].arrival, *oid));
        // Each break allows one more fragment: what is left over was cut off by a rewrite, and stays out.
        let mut open = walk.broken.len();
        while open > 0 {
            // Where the broken commit is the tip, nothing is newer than the fragment.
            let limit = walk.commits.last().map_or(i64::MAX, |it| it.arrival);
            let fits = |oid: &Oid| self.commits[oid].arrival <= limit && !self.joins(*oid, walk);
            let Some(at) = heads.iter().rposition(fits) else { break };
            let head = heads.remove(at);
            let before = walk.broken.len();
            walk.follow(head, |oid| self.commits.get(&oid).cloned(), shallow);
            open = walk.broken.len() - before + open - 1;
        }
    }

    /// Commits that no other names as its parent.
    fn heads(&self) -> Vec<Oid> {
        let parents: FxHashSet<Oid> = self.commits.values().flat_map(|it| it.parents.iter().copied()).collect();
        self.commits.keys().filter(|oid| !parents.contains(oid)).copied().collect()
    }

    /// Does this fragment end in the history that is known? Then it is a branch that was left, not the missing part.
    fn joins(&self, head: Oid, walk: &Walk) -> bool {
        let mut at = head;
        while let Some(parent) = self.commits.get(&at).and_then(|it| it.parents.first()) {
            if walk.seen.contains(parent) && !walk.broken.contains(parent) {
                return true;
            }
            at = *parent;
        }
        false
    }
}
