//! The line of first parents of an attached tree, by date: what the tree looked like on a day. Walked once when the tree is
//! read, so that a question about a day costs a look into one small file.

use std::io::{self, Write};
use std::path::Path;
use std::process::Stdio;

use git2::{Oid, Repository, Sort};
use serde::{Deserialize, Serialize};

use super::{Tree, Trees, command, tree_dir};
use crate::container::{self, Container, Kind};
use crate::document::{hex, unhex};

/// The file of a line: its steps in one section.
const KIND: Kind = Kind { name: *b"mainline", version: 1 };

/// A file of the tree is not read beyond this size.
const LONGEST: usize = 8 << 20;

/// A commit of the line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Committer date, seconds since 1970.
    pub date: i64,
    /// Its full id.
    pub id: Vec<u8>,
}

/// Files of a tree as they were on a day.
#[derive(Clone, Debug)]
pub struct Moment {
    /// The tree.
    pub tree: Tree,
    /// The newest commit of its line that is not later than the day.
    pub step: Step,
}

fn file(data: &Path, tree: &Tree) -> std::path::PathBuf {
    tree_dir(data, tree.number).join("mainline")
}

/// Brings the line of a tree up to date.
///
/// # Errors
/// What the file system says.
pub fn update(data: &Path, tree: &Tree) -> io::Result<()> {
    // What cannot be read is walked again.
    let old = load(data, tree).unwrap_or_default();
    if let Some(new) = walk(tree, &old) {
        let bytes = postcard::to_allocvec(&new).expect("plain data serialises");
        container::replace(&file(data, tree), KIND, 1, (tree.generation, 0), |out| out.write_all(&bytes))?;
    }
    Ok(())
}

/// The kept line, the newest first; empty where there is none.
fn load(data: &Path, tree: &Tree) -> io::Result<Vec<Step>> {
    let file = match Container::open(&file(data, tree), KIND) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        file => file?,
    };
    postcard::from_bytes(&file.all(0)?).map_err(|e| file.damaged(e.to_string()))
}

/// Reads what is kept of the line of a tree and checks every block.
///
/// # Errors
/// What the file system says, or damage; a line that was never kept is whole.
pub fn verify(data: &Path, tree: &Tree) -> io::Result<()> {
    match Container::open(&file(data, tree), KIND) {
        Ok(file) => file.verify(),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(e),
    }
}

/// The line from HEAD on; `None` where nothing is new or git says no.
fn walk(tree: &Tree, old: &[Step]) -> Option<Vec<Step>> {
    let mut line: Vec<Step> = Vec::new();
    if tree.by_command.is_some() {
        let out = command::git(&tree.path)
            .args(["log", "--first-parent", "--no-show-signature", "--format=%ct %H", "HEAD", "--"])
            .stderr(Stdio::null())
            .output()
            .ok()?;
        for row in String::from_utf8_lossy(&out.stdout).lines() {
            let (date, id) = row.split_once(' ')?;
            line.push(Step { date: date.parse().ok()?, id: unhex(id)? });
        }
        return (line.first() != old.first()).then_some(line);
    }
    let repository = Repository::open(&tree.path).ok()?;
    let head = repository.head().ok()?.peel_to_commit().ok()?;
    if old.first().is_some_and(|step| step.id == head.id().as_bytes()) {
        return None;
    }
    // Most runs add few commits to many, and looking for each of many in many would not end.
    let index: rustc_hash::FxHashMap<&[u8], usize> =
        old.iter().enumerate().map(|(at, step)| (step.id.as_slice(), at)).collect();
    let mut steps = repository.revwalk().ok()?;
    steps.set_sorting(Sort::NONE).ok()?;
    steps.simplify_first_parent().ok()?;
    steps.push(head.id()).ok()?;
    for id in steps.flatten() {
        if let Some(at) = index.get(id.as_bytes()) {
            line.extend_from_slice(&old[*at..]);
            break;
        }
        let Ok(commit) = repository.find_commit(id) else { break };
        line.push(Step { date: commit.time().seconds(), id: id.as_bytes().to_vec() });
    }
    Some(line)
}

/// The trees as of a moment (seconds since 1970), the one with the nearest commit first.
///
/// # Errors
/// A list of trees that is not ours; a line that is damaged, of a tree that cannot be walked again.
pub fn at(data: &Path, as_of: i64) -> io::Result<Vec<Moment>> {
    let mut found = Vec::new();
    for tree in Trees::load(data)?.trees {
        let kept = load(data, &tree);
        let line = match (&kept, kept.as_ref().is_ok_and(|line| !line.is_empty())) {
            (Ok(line), true) => line.clone(),
            _ => match walk(&tree, &[]) {
                Some(line) => line,
                None => kept?,
            },
        };
        if let Some(step) = line.into_iter().find(|step| step.date <= as_of) {
            found.push(Moment { tree, step });
        }
    }
    found.sort_by_key(|moment| std::cmp::Reverse(moment.step.date));
    Ok(found)
}

impl Moment {
    /// A file of the tree at this moment; `None` where it is not there, or not in this clone: nothing is fetched.
    pub fn file(&self, path: &str) -> Option<Vec<u8>> {
        blob(&self.tree.path, self.tree.by_command.is_some(), &self.step.id, path)
    }

    /// Whether one of these paths is a file or directory of the tree at this moment.
    pub fn has_one<'p>(&self, paths: impl IntoIterator<Item = &'p str>) -> bool {
        let mut paths = paths.into_iter();
        if self.tree.by_command.is_some() {
            let has = |path: &str| {
                let name = format!("{}:{path}", hex(&self.step.id));
                let said = command::git(&self.tree.path).args(["cat-file", "-e", &name]).stderr(Stdio::null()).status();
                said.is_ok_and(|status| status.success())
            };
            return paths.any(has);
        }
        let mut open = || {
            let repository = Repository::open(&self.tree.path)?;
            let id = repository.find_commit(Oid::from_bytes(&self.step.id)?)?.tree_id();
            let tree = repository.find_tree(id)?;
            Ok::<bool, git2::Error>(paths.any(|path| tree.get_path(Path::new(path)).is_ok()))
        };
        open().unwrap_or(false)
    }

    /// First line of the commit's message, where it was read.
    pub fn subject(&self, data: &Path) -> String {
        self.tree.entry(data, &self.step.id).ok().flatten().map(|entry| entry.subject).unwrap_or_default()
    }
}

/// A file as it is in a commit.
pub fn blob(repository: &Path, by_command: bool, id: &[u8], path: &str) -> Option<Vec<u8>> {
    if by_command {
        let name = format!("{}:{path}", hex(id));
        let out = command::git(repository).args(["cat-file", "blob", &name]).stderr(Stdio::null()).output().ok()?;
        return (out.status.success() && out.stdout.len() <= LONGEST).then_some(out.stdout);
    }
    let repository = Repository::open(repository).ok()?;
    let commit = repository.find_commit(Oid::from_bytes(id).ok()?).ok()?;
    let entry = commit.tree().ok()?.get_path(Path::new(path)).ok()?;
    let blob = repository.find_blob(entry.id()).ok()?;
    (blob.size() <= LONGEST).then(|| blob.content().to_vec())
}
