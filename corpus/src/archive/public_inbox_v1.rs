//! public-inbox v1 (also ssoma's): one git tree with every mail at `xx/38 hex`, a path made from its Message-ID.
//!
//! Few lists still have that form, so little is done for it: the mails are those of the newest tree, and what changed
//! since an older commit is the difference of the two trees. Mails are read with the
//! [`Reader`](super::public_inbox_v2::Reader) of v2, by [`blob`](super::public_inbox_v2::Reader::blob).

use std::collections::BTreeMap;
use std::path::Path;

use git2::{ObjectType, Oid, Repository};

use super::public_inbox_v2::{Epoch, EpochError, git_directory, is_hex};

/// What the tip holds, compared with an older commit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// The newest commit: the cursor for next time. `None` in an empty repository.
    pub tip: Option<Oid>,
    /// Names of the bytes of mails that are new, in the order of their paths.
    pub added: Vec<Oid>,
    /// Names of the bytes of mails that are gone.
    pub removed: Vec<Oid>,
    /// The older commit is not to be had any more: `added` is everything.
    pub rewritten: bool,
    /// Directories of the tree that cannot be read.
    pub damaged: Vec<Oid>,
}

/// Compares the tip with the commit that was the tip before; with `None`, everything is new.
pub fn changes(path: &Path, since: Option<Oid>) -> Result<Changes, EpochError> {
    let epoch = Epoch::open(path)?;
    let Some(tip) = epoch.tip()? else {
        return Ok(Changes { rewritten: since.is_some(), ..Changes::default() });
    };
    let mut found = Changes { tip: Some(tip), ..Changes::default() };
    if since == Some(tip) {
        return Ok(found);
    }
    let directory = git_directory(path).ok_or_else(|| EpochError::NotGit { path: path.to_owned() })?;
    let repository =
        Repository::open_bare(directory).map_err(|source| EpochError::Refused { path: path.to_owned(), source })?;
    let new = directories(&repository, tip)
        .map_err(|e| epoch.damaged(format!("the tree of the newest commit {tip} cannot be read"), Some(e)))?;
    let old = since.and_then(|it| directories(&repository, it).ok());
    found.rewritten = since.is_some() && old.is_none();
    let old = old.unwrap_or_default();
    // A directory that did not change has the same name, so an increment reads only those that did.
    for (name, &tree) in &new {
        let before = old.get(name).copied();
        if before != Some(tree) {
            compare(&repository, before, Some(tree), &mut found);
        }
    }
    for (_, &tree) in old.iter().filter(|it| !new.contains_key(it.0)) {
        compare(&repository, Some(tree), None, &mut found);
    }
    Ok(found)
}

fn directories(repository: &Repository, commit: Oid) -> Result<BTreeMap<Vec<u8>, Oid>, git2::Error> {
    let tree = repository.find_commit(commit)?.tree()?;
    let is_one = |it: &git2::TreeEntry<'_>| it.kind() == Some(ObjectType::Tree) && is_hex(it.name_bytes(), 2);
    Ok(tree.iter().filter(is_one).map(|it| (it.name_bytes().to_vec(), it.id())).collect())
}

/// A path's blob may change without the path: then one mail is gone and one is new.
fn compare(repository: &Repository, old: Option<Oid>, new: Option<Oid>, found: &mut Changes) {
    let mut mails = |tree: Option<Oid>| -> Option<BTreeMap<Vec<u8>, Oid>> {
        let Some(tree) = tree else { return Some(BTreeMap::new()) };
        let Ok(tree) = repository.find_tree(tree) else {
            found.damaged.push(tree);
            return None;
        };
        let is_mail = |it: &git2::TreeEntry<'_>| it.kind() == Some(ObjectType::Blob) && is_hex(it.name_bytes(), 38);
        Some(tree.iter().filter(is_mail).map(|it| (it.name_bytes().to_vec(), it.id())).collect())
    };
    // Of a directory that cannot be read nothing is known to be gone.
    let (Some(old), Some(new)) = (mails(old), mails(new)) else { return };
    found.added.extend(new.iter().filter(|it| old.get(it.0) != Some(it.1)).map(|it| *it.1));
    found.removed.extend(old.iter().filter(|it| new.get(it.0) != Some(it.1)).map(|it| *it.1));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commit(repository: &Repository, mails: &[(&str, &str)], parent: Option<Oid>) -> Oid {
        let mut directories: BTreeMap<&str, Vec<(&str, Oid)>> = BTreeMap::new();
        for (path, text) in mails {
            let (directory, file) = path.split_once('/').unwrap();
            directories.entry(directory).or_default().push((file, repository.blob(text.as_bytes()).unwrap()));
        }
        let mut root = repository.treebuilder(None).unwrap();
        for (name, files) in directories {
            let mut tree = repository.treebuilder(None).unwrap();
            for (file, blob) in files {
                tree.insert(file, blob, 0o100_644).unwrap();
            }
            root.insert(name, tree.write().unwrap(), 0o40_000).unwrap();
        }
        let tree = repository.find_tree(root.write().unwrap()).unwrap();
        let who = git2::Signature::new("a", "a@example.org", &git2::Time::new(1, 0)).unwrap();
        let parents: Vec<_> = parent.iter().map(|it| repository.find_commit(*it).unwrap()).collect();
        let parents: Vec<_> = parents.iter().collect();
        repository.commit(Some("refs/heads/master"), &who, &who, "s", &tree, &parents).unwrap()
    }

    #[test]
    fn an_increment_is_the_difference_of_two_trees() {
        let dir = tempfile::tempdir().unwrap();
        let repository = Repository::init_bare(dir.path()).unwrap();
        assert_eq!(changes(dir.path(), None).unwrap(), Changes::default());
        let (a, b, c) = (format!("0a/{:038}", 1), format!("0a/{:038}", 2), format!("ff/{:038}", 3));
        let first = commit(&repository, &[(&a, "one"), (&b, "two")], None);
        let all = changes(dir.path(), None).unwrap();
        assert_eq!((all.tip, all.added.len(), all.rewritten), (Some(first), 2, false));

        let second = commit(&repository, &[(&a, "one, edited"), (&c, "three")], Some(first));
        let some = changes(dir.path(), Some(first)).unwrap();
        let name = |text: &str| Oid::hash_object(ObjectType::Blob, text.as_bytes()).unwrap();
        assert_eq!(some.added, [name("one, edited"), name("three")]);
        assert_eq!(some.removed, [name("one"), name("two")]);

        let same = changes(dir.path(), Some(second)).unwrap();
        assert!(same.added.is_empty() && same.removed.is_empty());
        let gone = changes(dir.path(), Some(name("never a commit"))).unwrap();
        assert!(gone.rewritten && gone.added.len() == 2);
    }
}
