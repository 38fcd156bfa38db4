//! The names in a repository under which commits are found: branches, tags, and which branch is the main line.

use git2::{ErrorCode, Repository};
use serde::{Deserialize, Serialize};

use super::{Tree, command};
use crate::document::unhex;

/// Branches and tags that are kept, each; of more, the newest.
const MOST: usize = 4_096;

/// A branch or a tag.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Name {
    /// As people write it: `v6.1`, `main`, `origin/main`.
    pub name: String,
    /// Full id of the commit.
    pub tip: Vec<u8>,
}

/// The names in a repository, sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refs {
    /// Branches, of this repository and of its remotes.
    pub branches: Vec<Name>,
    /// Tags of commits.
    pub tags: Vec<Name>,
    /// The main line: one of the branches, or a detached `HEAD`.
    pub main: Option<Name>,
    /// How many names were too many.
    pub left_out: usize,
}

impl Refs {
    /// Reads them; `None` where git says no.
    pub fn read(tree: &Tree) -> Option<Refs> {
        let raw = if tree.by_command.is_some() { by_command(tree) } else { by_libgit2(tree) }?;
        Some(raw.sorted())
    }

    /// All commits that have a name.
    pub fn tips(&self) -> Vec<&[u8]> {
        let all = self.branches.iter().chain(&self.tags).chain(&self.main);
        let mut tips: Vec<&[u8]> = all.map(|name| name.tip.as_slice()).collect();
        tips.sort_unstable();
        tips.dedup();
        tips
    }
}

/// What a repository says, in no order: full names with their commits and dates.
#[derive(Default)]
struct Raw {
    refs: Vec<(String, Vec<u8>, i64)>,
    /// Full name of what `HEAD` points to, and its commit.
    head: Option<(String, Vec<u8>)>,
    /// Full name of the branch that the remote `origin` has for its own.
    origin: Option<String>,
}

const LOCAL: &str = "refs/heads/";
const REMOTE: &str = "refs/remotes/";
const TAG: &str = "refs/tags/";

impl Raw {
    fn sorted(mut self) -> Refs {
        // What a remote calls its HEAD is a second name of one of its branches.
        self.refs.retain(|(name, ..)| !(name.starts_with(REMOTE) && name.ends_with("/HEAD")));
        self.refs.sort_unstable_by(|a, b| b.2.cmp(&a.2).then_with(|| a.0.cmp(&b.0)));
        let main = self.main();
        let mut refs = Refs { main, ..Refs::default() };
        for (name, tip, _) in self.refs {
            let branch = name.strip_prefix(LOCAL).or_else(|| name.strip_prefix(REMOTE));
            let (list, name) = match (branch, name.strip_prefix(TAG)) {
                (Some(name), _) => (&mut refs.branches, name),
                (None, Some(name)) => (&mut refs.tags, name),
                (None, None) => continue,
            };
            if list.len() < MOST {
                list.push(Name { name: name.to_owned(), tip });
            } else {
                refs.left_out += 1;
            }
        }
        refs.branches.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        refs.tags.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        refs
    }

    /// The branch that a clone's origin has for its own; else `master` or `main`, first of the origin; else what is checked out. Whoever works
    /// in a tree has a branch of their own checked out, and what is there alone has not become part of the project.
    fn main(&self) -> Option<Name> {
        let known = ["refs/remotes/origin/master", "refs/remotes/origin/main", "refs/heads/master", "refs/heads/main"];
        let wanted = self.origin.iter().map(String::as_str).chain(known);
        let named = |full: &str| self.refs.iter().find(|(name, ..)| name == full);
        if let Some((full, tip, _)) = wanted.into_iter().find_map(named) {
            let name = full.strip_prefix(LOCAL).or_else(|| full.strip_prefix(REMOTE)).unwrap_or(full);
            return Some(Name { name: name.to_owned(), tip: tip.clone() });
        }
        let (name, tip) = self.head.clone()?;
        Some(Name { name: name.strip_prefix(LOCAL).unwrap_or(&name).to_owned(), tip })
    }
}

fn by_libgit2(tree: &Tree) -> Option<Raw> {
    let repository = Repository::open(&tree.path).ok()?;
    let mut raw = Raw::default();
    for reference in repository.references().ok()?.flatten() {
        let Ok(name) = reference.name() else { continue };
        if ![LOCAL, REMOTE, TAG].iter().any(|head| name.starts_with(head)) {
            continue;
        }
        if name == "refs/remotes/origin/HEAD" {
            raw.origin = reference.symbolic_target().ok().flatten().map(str::to_owned);
        }
        if let Ok(commit) = reference.peel_to_commit() {
            raw.refs.push((name.to_owned(), commit.id().as_bytes().to_vec(), commit.time().seconds()));
        }
    }
    raw.head = match repository.head() {
        Ok(head) => {
            let id = head.peel_to_commit().ok().map(|commit| commit.id().as_bytes().to_vec());
            id.map(|id| (head.name().unwrap_or("HEAD").to_owned(), id))
        }
        Err(e) if e.code() == ErrorCode::UnbornBranch || e.code() == ErrorCode::NotFound => None,
        Err(_) => return None,
    };
    Some(raw)
}

fn by_command(tree: &Tree) -> Option<Raw> {
    let said = |arguments: &[&str]| {
        let out = command::git(&tree.path).args(arguments).output().ok()?;
        out.status.success().then(|| String::from_utf8_lossy(&out.stdout).into_owned())
    };
    let format =
        "--format=%(refname)%00%(objectname)%00%(*objectname)%00%(creatordate:unix)%00%(objecttype)%00%(*objecttype)";
    let mut raw = Raw::default();
    for line in said(&["for-each-ref", format, LOCAL, REMOTE, TAG])?.lines() {
        let words: Vec<&str> = line.split('\0').collect();
        let [name, id, peeled, date, kind, inner] = words[..] else { continue };
        let commit = if kind == "commit" { id } else { peeled };
        if (kind == "commit" || inner == "commit")
            && let Some(tip) = unhex(commit)
        {
            raw.refs.push((name.to_owned(), tip, date.parse().unwrap_or_default()));
        }
    }
    let line = |arguments: &[&str]| said(arguments).map(|text| text.trim().to_owned());
    raw.origin = line(&["symbolic-ref", "--quiet", "refs/remotes/origin/HEAD"]);
    let name = line(&["symbolic-ref", "--quiet", "HEAD"]).unwrap_or_else(|| "HEAD".to_owned());
    raw.head = line(&["rev-parse", "--verify", "--quiet", "HEAD"]).and_then(|id| unhex(&id)).map(|id| (name, id));
    Some(raw)
}

/// What makes a tag that of a release: its numbers, and whether it is one before the release (`-rc3`). `None` for other tags, such
/// as those of a day or of a pull request.
pub fn version(tag: &str) -> Option<(Vec<u32>, bool)> {
    let at = tag.find(|c: char| c.is_ascii_digit())?;
    let (head, rest) = tag.split_at(at);
    let plain = head.len() <= 24 && head.chars().all(|c| c.is_ascii_alphabetic() || matches!(c, '-' | '_' | '/'));
    let end = rest.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(rest.len());
    let numbers: Vec<u32> = rest[..end].split('.').map(|n| n.parse().ok()).collect::<Option<_>>()?;
    let before = rest[end..].trim_start_matches(['-', '_', '.']);
    let known = ["rc", "alpha", "beta", "pre"].iter().find_map(|word| before.strip_prefix(word));
    let early = known.is_some_and(|n| n.trim_start_matches(['-', '.']).chars().all(|c| c.is_ascii_digit()));
    (plain && numbers.len() > 1 && (before.is_empty() || early)).then_some((numbers, early))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_of_releases() {
        assert_eq!(version("v6.1"), Some((vec![6, 1], false)));
        assert_eq!(version("v6.1.55"), Some((vec![6, 1, 55], false)));
        assert_eq!(version("v6.1-rc3"), Some((vec![6, 1], true)));
        assert_eq!(version("release-2.0"), Some((vec![2, 0], false)));
        for other in ["next-20240101", "v6.1.3-rt2", "x86-urgent-2024-01-05", "v6", "99999999999.1", "", "é1.2"] {
            assert_eq!(version(other), None, "{other}");
        }
    }

    #[test]
    fn the_main_line_is_the_origins_and_not_what_is_checked_out() {
        let refs = |names: &[&str], head: &str, origin: Option<&str>| {
            let refs = names.iter().map(|name| ((*name).to_owned(), vec![1], 0)).collect();
            Raw { refs, head: Some((head.to_owned(), vec![1])), origin: origin.map(str::to_owned) }.sorted()
        };
        let main = |refs: Refs| refs.main.unwrap().name;
        assert_eq!(main(refs(&["refs/heads/topic", "refs/heads/main"], "refs/heads/topic", None)), "main");
        assert_eq!(
            main(refs(&["refs/heads/main", "refs/remotes/origin/main"], "refs/heads/main", None)),
            "origin/main"
        );
        let own = refs(
            &["refs/heads/master", "refs/remotes/origin/dev"],
            "refs/heads/master",
            Some("refs/remotes/origin/dev"),
        );
        assert_eq!(main(own), "origin/dev");
        assert_eq!(main(refs(&["refs/heads/trunk"], "refs/heads/trunk", None)), "trunk");
        assert_eq!(main(refs(&[], "HEAD", None)), "HEAD");
    }
}
