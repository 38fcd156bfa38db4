//! Commits read by libgit2.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use git2::{Oid, Repository, Sort};
use provenance_corpus::archive::public_inbox_v2::relax_libgit2;
use provenance_corpus::trailer;
use rustc_hash::FxHashSet;

use super::changes::Trees;
use super::command::Link;
use super::{Entry, HistoryError, Tree, kin};
use crate::document::unhex;
use crate::links::fact::{Blob, Told, cited};
use crate::links::told;
use crate::progress::Progress;

/// Paths that are kept of one commit; a commit that moves a whole tree says nothing by more.
const PATHS: usize = 512;

/// Commits that a thread takes at a time.
const CHUNK: usize = 256;

/// Commits that are read before they are written, at least: a kernel's million would fill gigabytes. Each part is a file of
/// records, of which there may be a few.
const PART: usize = if cfg!(test) { 3 } else { 50_000 };
const PARTS: usize = 8;

/// The new commits of a tree, to be read.
pub struct Walk {
    path: PathBuf,
    ids: Vec<Oid>,
    /// The tips now.
    pub tips: Vec<String>,
    /// The history ends before its beginning.
    pub shallow: bool,
}

/// The git directory of a repository that libgit2 opens: what a linked worktree shares with the others.
pub fn place(path: &Path) -> Result<PathBuf, HistoryError> {
    let open = |path: &Path| Repository::discover(path).map(|repository| repository.commondir().to_owned());
    open(path)
        .and_then(|common| std::path::absolute(&common).map_err(|e| git2::Error::from_str(&e.to_string())))
        .map_err(|e| HistoryError::Open { path: path.to_owned(), reason: e.message().to_owned() })
}

/// The full id that a name stands for.
pub fn resolve(path: &Path, name: &str) -> Option<Vec<u8>> {
    let repository = Repository::discover(path).ok()?;
    let commit = repository.revparse_single(name).and_then(|object| object.peel_to_commit()).ok()?;
    Some(commit.id().as_bytes().to_vec())
}

/// The message of a commit.
pub(super) fn message(path: &Path, id: &[u8]) -> Option<String> {
    let repository = Repository::open(path).ok()?;
    let commit = repository.find_commit(Oid::from_bytes(id).ok()?).ok()?;
    Some(String::from_utf8_lossy(commit.message_bytes()).into_owned())
}

/// Finds the commits that are new since the last time, where it is told which are known; an error is libgit2's reason.
pub fn find(tree: &Tree, mut is_known: impl FnMut(&[u8]) -> bool) -> Result<Walk, String> {
    let say = |e: git2::Error| e.message().to_owned();
    relax_libgit2();
    let repository = Repository::open(&tree.path).map_err(say)?;
    let mut tips: Vec<Oid> = Vec::new();
    for reference in repository.references().map_err(say)?.flatten() {
        let name = reference.name().unwrap_or_default();
        if ["refs/heads/", "refs/remotes/", "refs/tags/"].iter().any(|head| name.starts_with(head)) {
            tips.extend(reference.peel_to_commit().map(|commit| commit.id()));
        }
    }
    tips.extend(repository.head().and_then(|head| head.peel_to_commit()).map(|commit| commit.id()));
    tips.sort_unstable();
    tips.dedup();
    let ids: Vec<Oid> = if tree.tips.is_empty() {
        let mut walk = repository.revwalk().map_err(say)?;
        walk.set_sorting(Sort::NONE).map_err(say)?;
        for tip in &tips {
            walk.push(*tip).map_err(say)?;
        }
        // A parent that is missing ends the walk there, as in a shallow clone.
        walk.flatten().collect()
    } else {
        let known: FxHashSet<Oid> = tree.tips.iter().filter_map(|tip| Oid::from_str(tip).ok()).collect();
        let new: Vec<&[u8]> = tips.iter().filter(|tip| !known.contains(tip)).map(Oid::as_bytes).collect();
        let is_read = |id: &[u8]| Oid::from_bytes(id).is_ok_and(|id| known.contains(&id)) || is_known(id);
        graph(tree, &new, is_read)?.into_iter().filter_map(|(id, ..)| Oid::from_bytes(&id).ok()).collect()
    };
    let tips = tips.iter().map(Oid::to_string).collect();
    Ok(Walk { path: tree.path.clone(), ids, tips, shallow: repository.is_shallow() })
}

/// The commits that these tips hold and are not known, in no order; an error is git's reason. The walk ends at what is known, so that
/// it costs what is new: libgit2's own walks through all that is hidden, a million commits for one.
pub(super) fn graph(tree: &Tree, tips: &[&[u8]], mut is_known: impl FnMut(&[u8]) -> bool) -> Result<Vec<Link>, String> {
    let say = |e: git2::Error| e.message().to_owned();
    let repository = Repository::open(&tree.path).map_err(say)?;
    let mut open: Vec<Oid> = tips.iter().filter_map(|tip| Oid::from_bytes(tip).ok()).collect();
    let mut seen: FxHashSet<Oid> = open.iter().copied().collect();
    let mut links = Vec::new();
    while let Some(id) = open.pop() {
        if is_known(id.as_bytes()) {
            continue;
        }
        // A parent that is missing ends the walk there, as in a shallow clone.
        let Ok(commit) = repository.find_commit(id) else { continue };
        open.extend(commit.parent_ids().filter(|parent| seen.insert(*parent)));
        let parents = commit.parent_ids().map(|id| id.as_bytes().to_vec()).collect();
        links.push((id.as_bytes().to_vec(), parents, commit.time().seconds()));
    }
    Ok(links)
}

impl Walk {
    /// Number of commits.
    pub fn commits(&self) -> u64 {
        self.ids.len() as u64
    }

    /// Reads them, part by part.
    pub fn parts<'w>(&'w self, progress: &'w dyn Progress) -> impl Iterator<Item = Result<Vec<Entry>, String>> + 'w {
        self.ids.chunks(PART.max(self.ids.len() / PARTS)).map(move |ids| parallel(&self.path, ids, progress))
    }
}

fn parallel(path: &Path, ids: &[Oid], progress: &dyn Progress) -> Result<Vec<Entry>, String> {
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get().min(8)).min(ids.len() / CHUNK + 1);
    let next = AtomicUsize::new(0);
    let work = || -> Result<Vec<Entry>, String> {
        let say = |e: git2::Error| e.message().to_owned();
        let repository = Repository::open(path).map_err(say)?;
        let mut trees = Trees::new(repository.odb().map_err(say)?);
        let mut entries = Vec::new();
        loop {
            let start = next.fetch_add(CHUNK, Ordering::Relaxed);
            let Some(chunk) = ids.get(start..ids.len().min(start + CHUNK)).filter(|chunk| !chunk.is_empty()) else {
                return Ok(entries);
            };
            entries.extend(chunk.iter().filter_map(|id| entry(&repository, &mut trees, *id)));
            progress.advance(chunk.len() as u64, 0);
        }
    };
    let mut entries = Vec::with_capacity(ids.len());
    let results: Vec<_> = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        handles
            .into_iter()
            .map(|handle| handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    for result in results {
        entries.extend(result?);
    }
    Ok(entries)
}

/// One commit; `None` where it cannot be read, as in a partial clone: nothing is ever fetched.
fn entry(repository: &Repository, trees: &mut Trees<'_>, id: Oid) -> Option<Entry> {
    let commit = repository.find_commit(id).ok()?;
    let (author, message) = (commit.author(), String::from_utf8_lossy(commit.message_bytes()).into_owned());
    let mut entry = of_message(id.as_bytes(), &message);
    entry.author = (
        String::from_utf8_lossy(author.name_bytes()).into_owned(),
        String::from_utf8_lossy(author.email_bytes()).into_owned(),
    );
    entry.dates = (author.when().seconds(), commit.time().seconds());
    entry.merge = commit.parent_count() > 1;
    if !entry.merge {
        touched(trees, &commit, &mut entry);
    }
    Some(entry)
}

/// What the message alone says.
pub(super) fn of_message(id: &[u8], message: &str) -> Entry {
    let subject = message.lines().next().unwrap_or_default().trim().to_owned();
    let mut tells = told::commits(message, false);
    tells.extend(kin::reverts(message).iter().filter_map(|digits| Some((reverted(digits)?, Told::Reverts))));
    let trailers = trailer::parse(message).into_iter().map(|t| (t.name.to_owned(), t.value.into_owned())).collect();
    Entry { id: id.to_vec(), subject, trailers, cites: cited(message, ""), tells, ..Entry::default() }
}

/// The bytes of an abbreviated id, of which a last odd digit says no more.
fn reverted(digits: &str) -> Option<Vec<u8>> {
    unhex(&digits[..digits.len() & !1])
}

/// Paths and blobs, by comparing trees: no content is read.
fn touched(trees: &mut Trees<'_>, commit: &git2::Commit<'_>, entry: &mut Entry) {
    let parent = commit.parent(0).ok().map(|parent| parent.tree_id());
    for (path, blob) in trees.changes(parent, Some(commit.tree_id()), PATHS).into_iter().take(PATHS) {
        entry.paths.push(String::from_utf8_lossy(&path).into_owned());
        entry.blobs.extend(blob.and_then(|id| Blob::parse(&id.to_string())));
    }
}

#[cfg(test)]
mod tests {
    use super::super::Trees;
    use git2::{Repository, Signature, Time};

    fn commit(repository: &Repository, at: i64) {
        let who = Signature::new("Ada", "ada@example.org", &Time::new(1_600_000_000 + at * 60, 0)).unwrap();
        let blob = repository.blob(format!("{at}\n").as_bytes()).unwrap();
        let parent = repository.head().and_then(|head| head.peel_to_commit()).ok();
        let mut tree = repository.treebuilder(parent.as_ref().map(|p| p.tree().unwrap()).as_ref()).unwrap();
        tree.insert(format!("file{at}"), blob, 0o100_644).unwrap();
        let tree = repository.find_tree(tree.write().unwrap()).unwrap();
        let parents: Vec<&git2::Commit<'_>> = parent.iter().collect();
        repository.commit(Some("HEAD"), &who, &who, &format!("change {at}"), &tree, &parents).unwrap();
    }

    #[test]
    fn a_tree_is_read_in_parts_and_then_what_is_new() {
        let (dir, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let repository = Repository::init(dir.path()).unwrap();
        (0..40).for_each(|at| commit(&repository, at));
        let lock = crate::store::Lock::take(data.path()).unwrap();
        let mut trees = Trees::default();
        assert!(trees.attach(dir.path()).unwrap());
        assert_eq!(trees.update(&lock, &()).unwrap(), (40, true));
        assert_eq!(trees.update(&lock, &()).unwrap(), (0, false));
        (40..50).for_each(|at| commit(&repository, at));
        let mut trees = Trees::load(data.path()).unwrap();
        assert_eq!(trees.update(&lock, &()).unwrap(), (10, true));
        let all = super::super::beginning(data.path(), "", 1_000).unwrap();
        assert_eq!((all.len(), trees.trees[0].commits), (50, 50));
        let head = repository.head().unwrap().peel_to_commit().unwrap();
        let (_, entry) = super::super::find(data.path(), head.id().as_bytes()).unwrap().unwrap();
        assert_eq!((entry.subject.as_str(), entry.paths.as_slice()), ("change 49", &["file49".to_owned()][..]));
        assert_eq!(trees.trees[0].newest, 1_600_000_000 + 49 * 60);
    }
}
