//! Which files a commit changes: two trees, compared.
//!
//! libgit2's own comparison walks through every entry of both trees, 70,000 files of a kernel for each commit; git's, and this
//! one, passes over what has the same id.

use std::cmp::Ordering;
use std::rc::Rc;

use git2::{ObjectType, Odb, Oid};
use rustc_hash::FxHashMap;

/// Trees that are compared for one commit: a tree that names one subtree a thousand times, and that again, is a trap.
const TREES: usize = 20_000;

/// Bytes of trees that are remembered: a commit's trees are those of its parent, but for a few.
const REMEMBERED: usize = 16 << 20;

/// Reads trees, of which neighbours in history share most.
pub struct Trees<'r> {
    odb: Odb<'r>,
    known: FxHashMap<Oid, Rc<[u8]>>,
    bytes: usize,
}

/// One line of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Line<'t> {
    mode: &'t [u8],
    name: &'t [u8],
    id: &'t [u8],
}

impl Line<'_> {
    fn is_tree(&self) -> bool {
        self.mode == b"40000"
    }

    /// A commit of another repository.
    fn is_submodule(&self) -> bool {
        self.mode == b"160000"
    }

    fn oid(&self) -> Option<Oid> {
        Oid::from_bytes(self.id).ok()
    }

    /// git's order: a directory stands where its name with a `/` behind it would.
    fn order(&self, other: &Line<'_>) -> Ordering {
        let end = |line: &Line<'_>| if line.is_tree() { b'/' } else { 0 };
        let shared = self.name.len().min(other.name.len());
        self.name[..shared].cmp(&other.name[..shared]).then_with(|| {
            let next = |line: &Line<'_>| line.name.get(shared).copied().unwrap_or_else(|| end(line));
            next(self).cmp(&next(other)).then(self.name.len().cmp(&other.name.len()))
        })
    }
}

/// The lines of a tree, up to where it is damaged: `MODE NAME\0` and twenty bytes of an id, each.
fn lines(mut tree: &[u8]) -> impl Iterator<Item = Line<'_>> {
    std::iter::from_fn(move || {
        let space = tree.iter().position(|byte| *byte == b' ')?;
        let end = space + 1 + memchr::memchr(0, &tree[space + 1..])?;
        let id = tree.get(end + 1..end + 21)?;
        let line = Line { mode: &tree[..space], name: &tree[space + 1..end], id };
        tree = &tree[end + 21..];
        Some(line)
    })
}

/// A file that was added, changed or removed; its blob after that, where there is one.
pub type Change = (Vec<u8>, Option<Oid>);

impl<'r> Trees<'r> {
    /// Reads from this store.
    pub fn new(odb: Odb<'r>) -> Trees<'r> {
        Trees { odb, known: FxHashMap::default(), bytes: 0 }
    }

    /// A tree as it is stored; empty where it is not there, as in a partial clone.
    fn read(&mut self, id: Oid) -> Rc<[u8]> {
        if let Some(known) = self.known.get(&id) {
            return known.clone();
        }
        let object = self.odb.read(id).ok().filter(|object| object.kind() == ObjectType::Tree);
        let tree: Rc<[u8]> = object.map_or(Rc::default(), |object| object.data().into());
        if self.bytes + tree.len() > REMEMBERED {
            self.known.clear();
            self.bytes = 0;
        }
        self.bytes += tree.len();
        self.known.insert(id, tree.clone());
        tree
    }

    /// The files in which two trees differ, by path, at least `most` where there are more.
    pub fn changes(&mut self, old: Option<Oid>, new: Option<Oid>, most: usize) -> Vec<Change> {
        let mut found: Vec<Change> = Vec::new();
        let mut open = vec![(Vec::new(), old, new)];
        let mut met = 0;
        while let Some((path, old, new)) = open.pop() {
            met += 1;
            if found.len() >= most || met > TREES {
                break;
            }
            let [old, new] = [old, new].map(|id| id.map_or(Rc::default(), |id| self.read(id)));
            differ(&old, &new, &mut |old, new| {
                let name = new.or(old).map(|line| line.name).unwrap_or_default();
                let below = [path.as_slice(), name].concat();
                let tree = |line: Option<Line<'_>>| line.filter(Line::is_tree).and_then(|line| line.oid());
                if tree(old).is_some() || tree(new).is_some() {
                    open.push(([below.as_slice(), b"/"].concat(), tree(old), tree(new)));
                } else if [old, new].iter().flatten().all(|line| !line.is_submodule()) {
                    found.push((below, new.and_then(|line| line.oid())));
                }
            });
        }
        found.sort_unstable();
        found
    }
}

/// The lines in which two trees differ: those of one name together, a file and a directory of one name apart.
fn differ(old: &[u8], new: &[u8], each: &mut dyn FnMut(Option<Line<'_>>, Option<Line<'_>>)) {
    let (mut old, mut new) = (lines(old).peekable(), lines(new).peekable());
    loop {
        let order = match (old.peek(), new.peek()) {
            (None, None) => return,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(old), Some(new)) => old.order(new),
        };
        match order {
            Ordering::Less => each(old.next(), None),
            Ordering::Greater => each(None, new.next()),
            Ordering::Equal => {
                let (old, new) = (old.next(), new.next());
                if old != new {
                    each(old, new);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use git2::{DiffOptions, FileMode, Repository, Tree};
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    /// A tree with these files: path, content.
    fn tree<'r>(repository: &'r Repository, files: &BTreeMap<String, u8>) -> Tree<'r> {
        let mut index = git2::Index::new().unwrap();
        for (path, content) in files {
            let id = repository.blob(&[*content]).unwrap();
            let mode = if content % 5 == 0 { FileMode::BlobExecutable } else { FileMode::Blob };
            let entry = git2::IndexEntry {
                ctime: git2::IndexTime::new(0, 0),
                mtime: git2::IndexTime::new(0, 0),
                dev: 0,
                ino: 0,
                mode: i32::from(mode) as u32,
                uid: 0,
                gid: 0,
                file_size: 1,
                id,
                flags: 0,
                flags_extended: 0,
                path: path.clone().into_bytes(),
            };
            index.add(&entry).unwrap();
        }
        repository.find_tree(index.write_tree_to(repository).unwrap()).unwrap()
    }

    fn by_libgit2(repository: &Repository, old: &Tree<'_>, new: &Tree<'_>) -> Vec<Change> {
        let mut options = DiffOptions::new();
        let diff = repository.diff_tree_to_tree(Some(old), Some(new), Some(&mut options)).unwrap();
        let mut found: Vec<Change> = diff
            .deltas()
            .map(|delta| {
                let gone = delta.status() == git2::Delta::Deleted;
                let file = if gone { delta.old_file() } else { delta.new_file() };
                (file.path_bytes().unwrap().to_vec(), (!gone).then(|| delta.new_file().id()))
            })
            .collect();
        found.sort_unstable();
        found
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn the_same_files_as_libgit2_finds(
            old in prop::collection::btree_map("[ab.-]{1,2}(/[ab0]{1,2}){0,3}", 0u8..8, 0..12),
            new in prop::collection::btree_map("[ab.-]{1,2}(/[ab0]{1,2}){0,3}", 0u8..8, 0..12),
        ) {
            // A path cannot be a file and a directory at once; `.` and `..` are no names.
            let proper = |files: BTreeMap<String, u8>| -> BTreeMap<String, u8> {
                let all: Vec<String> = files.keys().cloned().collect();
                let clash = |path: &str| all.iter().any(|other| other.starts_with(&format!("{path}/")));
                let named = |path: &str| path.split('/').all(|name| !name.trim_matches('.').is_empty());
                files.into_iter().filter(|(path, _)| !clash(path) && named(path)).collect()
            };
            let dir = tempfile::tempdir().unwrap();
            let repository = Repository::init_bare(dir.path()).unwrap();
            let (old, new) = (tree(&repository, &proper(old)), tree(&repository, &proper(new)));
            let ours = Trees::new(repository.odb().unwrap()).changes(Some(old.id()), Some(new.id()), usize::MAX);
            prop_assert_eq!(ours, by_libgit2(&repository, &old, &new));
        }

        #[test]
        fn any_bytes_are_read(old: Vec<u8>, new: Vec<u8>) {
            differ(&old, &new, &mut |_, _| {});
        }
    }

    #[test]
    fn a_tree_of_the_same_trees_ends() {
        let dir = tempfile::tempdir().unwrap();
        let repository = Repository::init_bare(dir.path()).unwrap();
        let mut id = repository.treebuilder(None).unwrap().write().unwrap();
        for _ in 0..40 {
            let mut level = repository.treebuilder(None).unwrap();
            for name in ["a", "b", "c", "d"] {
                level.insert(name, id, FileMode::Tree.into()).unwrap();
            }
            id = level.write().unwrap();
        }
        assert!(Trees::new(repository.odb().unwrap()).changes(None, Some(id), 512).is_empty());
    }
}
