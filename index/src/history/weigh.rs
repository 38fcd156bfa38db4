//! The changed lines and patch-ids of commits that may be a mail's patch. Diffs are dear, so that only those commits
//! are compared, and each only once: what was found is kept.

use std::io;
use std::path::Path;

use git2::{DiffFindOptions, DiffFormat, DiffOptions, Oid, Repository};
use provenance_corpus::patch_id;
use rustc_hash::{FxHashMap, FxHashSet};
use serde::{Deserialize, Serialize};

use super::changes::Trees;
use super::{Tree, command};
use crate::document::hex;
use crate::links::commit::Commit;
use crate::links::edge::commit_node;
use crate::links::fact::{SKETCH, line_hash};
use crate::links::records::{self, FILES, Record, Records};

/// A patch above this many bytes is not compared: nobody sent it by mail.
const LONGEST: usize = 4 << 20;

/// A commit that changes more files than this is not compared either.
const MOST: usize = 1_000;

/// What the lines of a commit say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Weight {
    id: Vec<u8>,
    /// First halves of the patch-ids by the algorithms that people use, each once; myers first.
    patch_ids: Vec<u64>,
    lines: u32,
    sketch: Vec<u32>,
}

impl Record for Weight {
    fn key(&self) -> u64 {
        commit_node(&self.id)
    }

    fn one(&self) -> u64 {
        0
    }
}

/// The generation of the newest file; 0 where there is none.
fn newest(dir: &Path) -> u64 {
    records::generations(dir).last().copied().unwrap_or(0)
}

/// Reads what is kept of the lines of a tree's commits and checks every block.
///
/// # Errors
/// What the file system says, or damage.
pub fn verify(tree: &Path) -> io::Result<()> {
    let dir = tree.join("weights");
    Records::<Weight>::open(&dir, newest(&dir))?.verify()
}

/// Fills in the lines and patch-ids of these commits, from what is kept or from the tree. Where mails have one of the
/// patch-ids, that one is taken. Returns the commits of which files are not there.
pub(super) fn all(
    place: &Path,
    tree: &Tree,
    wanted: &[Vec<u8>],
    mails: &FxHashSet<u64>,
    commits: &mut FxHashMap<Vec<u8>, Commit>,
) -> io::Result<Vec<Vec<u8>>> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let dir = place.join("weights");
    let generation = newest(&dir);
    let kept = Records::<Weight>::open(&dir, generation)?;
    let mut known: FxHashMap<Vec<u8>, Weight> = FxHashMap::default();
    kept.each(|_| true, |weight| drop(known.insert(weight.id.clone(), weight)))?;
    let repository = Repository::open(&tree.path).ok();
    let mut trees = repository.as_ref().and_then(|repository| repository.odb().ok()).map(Trees::new);
    let (mut new, mut absent): (Vec<Weight>, Vec<Vec<u8>>) = Default::default();
    for id in wanted.iter().filter(|id| !known.contains_key(*id)) {
        let found = match (&repository, &mut trees) {
            (Some(repository), Some(trees)) => by_libgit2(repository, trees, id),
            _ => by_command(&tree.path, id),
        };
        match found {
            Compared::Weighed(weight) => new.push(weight),
            Compared::TooLarge => {}
            // Files of it may be there later, as in a partial clone.
            Compared::Absent => absent.push(id.clone()),
        }
    }
    if !new.is_empty() {
        let whole = kept.files() >= FILES;
        let all: Vec<Weight> =
            if whole { known.values().cloned().chain(new.iter().cloned()).collect() } else { new.clone() };
        records::write(&dir, generation + 1, &all, if whole { 0 } else { kept.newest() })?;
        Records::<Weight>::remove_older(&dir, generation + 1);
    }
    known.extend(new.into_iter().map(|weight| (weight.id.clone(), weight)));
    for id in wanted {
        if let (Some(weight), Some(commit)) = (known.get(id), commits.get_mut(id)) {
            let equal = weight.patch_ids.iter().find(|id| mails.contains(id));
            commit.fact.patch_id = equal.or(weight.patch_ids.first()).copied().unwrap_or_default();
            commit.fact.lines = weight.lines;
            commit.fact.sketch = weight.sketch.as_slice().into();
        }
    }
    Ok(absent)
}

/// First halves of the patch-ids of a commit, by the algorithms that people use; none where its files are not there, or are too
/// many for anybody to have sent them. Nothing is kept.
pub fn patch_ids(tree: &Tree, id: &[u8]) -> Vec<u64> {
    let repository = Repository::open(&tree.path).ok().filter(|_| tree.by_command.is_none());
    let mut trees = repository.as_ref().and_then(|repository| repository.odb().ok()).map(Trees::new);
    let found = match (&repository, &mut trees) {
        (Some(repository), Some(trees)) => by_libgit2(repository, trees, id),
        _ => by_command(&tree.path, id),
    };
    match found {
        Compared::Weighed(weight) => weight.patch_ids,
        Compared::TooLarge | Compared::Absent => Vec::new(),
    }
}

/// How comparing a commit with its parent went.
enum Compared {
    Weighed(Weight),
    /// Nobody sent it by mail.
    TooLarge,
    /// Not all of it is there.
    Absent,
}

fn by_libgit2(repository: &Repository, trees: &mut Trees<'_>, id: &[u8]) -> Compared {
    let commit = Oid::from_bytes(id).and_then(|id| repository.find_commit(id));
    let Ok((commit, new)) = commit.and_then(|commit| commit.tree().map(|tree| (commit, tree))) else {
        return Compared::Absent;
    };
    let old = commit.parent(0).ok().and_then(|parent| parent.tree().ok());
    // libgit2 would walk through the whole of both trees, three times.
    let changes = trees.changes(old.as_ref().map(git2::Tree::id), Some(new.id()), MOST + 1);
    if changes.len() > MOST {
        return Compared::TooLarge;
    }
    let options = || {
        let mut options = DiffOptions::new();
        options.disable_pathspec_match(true);
        for (path, _) in &changes {
            options.pathspec(path.as_slice());
        }
        options
    };
    let text = |options: &mut DiffOptions| -> Result<Vec<u8>, git2::Error> {
        let mut diff = repository.diff_tree_to_tree(old.as_ref(), Some(&new), Some(options))?;
        diff.find_similar(Some(DiffFindOptions::new().renames(true)))?;
        let mut text = Vec::new();
        diff.print(DiffFormat::Patch, |_, _, line| {
            if matches!(line.origin(), '+' | '-' | ' ') {
                text.push(line.origin() as u8);
            }
            text.extend_from_slice(line.content());
            text.len() < LONGEST
        })?;
        Ok(text)
    };
    let myers = match text(&mut options()) {
        Ok(myers) => myers,
        // It was we who ended it.
        Err(e) if e.code() == git2::ErrorCode::User => return Compared::TooLarge,
        Err(_) => return Compared::Absent,
    };
    let mut weight = of_patch(id, &myers);
    for more in [text(options().minimal(true)), text(options().patience(true))].into_iter().flatten() {
        weight.add(&more);
    }
    Compared::Weighed(weight)
}

fn by_command(path: &Path, id: &[u8]) -> Compared {
    let mut weight: Option<Weight> = None;
    for algorithm in ["myers", "minimal", "patience", "histogram"] {
        match command::patch(path, &hex(id), algorithm) {
            None => return Compared::Absent,
            Some(text) if text.len() >= LONGEST => return Compared::TooLarge,
            Some(text) => match &mut weight {
                None => weight = Some(of_patch(id, text.as_bytes())),
                Some(weight) => weight.add(text.as_bytes()),
            },
        }
    }
    weight.map_or(Compared::TooLarge, Compared::Weighed)
}

fn of_patch(id: &[u8], text: &[u8]) -> Weight {
    let mut hashes: Vec<u32> = Vec::new();
    let mut inside = false;
    for line in String::from_utf8_lossy(text).lines() {
        match line.as_bytes().first() {
            Some(b'd') => inside = false,
            Some(b'@') => inside = true,
            Some(sign @ (b'+' | b'-')) if inside => hashes.extend(line_hash(*sign, &line[1..])),
            _ => {}
        }
    }
    hashes.sort_unstable();
    hashes.dedup();
    let lines = hashes.len() as u32;
    hashes.truncate(SKETCH);
    let mut weight = Weight { id: id.to_vec(), patch_ids: Vec::new(), lines, sketch: hashes };
    weight.add(text);
    weight
}

impl Weight {
    fn add(&mut self, text: &[u8]) {
        let id = patch_id::patch_id(text).and_then(|id| id.0.first_chunk::<8>().map(|head| u64::from_be_bytes(*head)));
        if let Some(id) = id.filter(|id| !self.patch_ids.contains(id)) {
            self.patch_ids.push(id);
        }
    }
}
