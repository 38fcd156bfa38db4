//! Where a commit is, and which commits of the attached trees belong to it: its twins, its backports, what takes it back.

use std::path::Path;

use provenance_index::document::hex;
use provenance_index::history::kin::{self, Word};
use provenance_index::history::place::{self, Standing};
use provenance_index::history::{self, Entry, Tree, Trees, weigh};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::session::letters::links_failure;

/// Commits of one kind that are named, and commits that are compared with one for being its twin.
const MOST: usize = 64;
const TWINS: usize = 8;

/// Branches that a line names.
const BRANCHES: usize = 3;

/// A commit in one attached tree.
#[derive(Clone, Debug)]
pub struct Place {
    /// The repository.
    pub tree: Tree,
    /// Where in it; `None` where that was not read yet.
    pub standing: Option<Standing>,
}

/// A commit that belongs to another.
#[derive(Clone, Debug)]
pub struct Relative {
    /// Its full id, or as much of it as is known.
    pub id: Vec<u8>,
    /// First line of its message; empty where no tree has it.
    pub subject: String,
    /// What one says of the other.
    pub word: Word,
    /// In which trees it is.
    pub places: Vec<Place>,
    /// Commits that revert it.
    pub reverted: Vec<Vec<u8>>,
}

/// All that the attached trees know of a commit.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// In which trees it is.
    pub places: Vec<Place>,
    /// Commits that it says something of: what it was picked from, what it reverts.
    pub says: Vec<Relative>,
    /// Commits that were picked from it.
    pub backports: Vec<Relative>,
    /// Commits that revert it.
    pub reverts: Vec<Relative>,
    /// The same patch of the same author and moment, on other ground.
    pub twins: Vec<Relative>,
}

/// The trees that have a commit, and where it is in each.
///
/// # Errors
/// What is kept of a tree cannot be read.
pub fn places(data: &Path, id: &[u8]) -> Result<Vec<Place>, Failure> {
    let read = || {
        let mut found = Vec::new();
        for tree in Trees::load(data)?.trees {
            if tree.entry(data, id)?.is_some() {
                let standing = place::find(data, &tree, id)?;
                found.push(Place { tree, standing });
            }
        }
        Ok(found)
    };
    read().map_err(|e| links_failure(&e))
}

/// What the attached trees know of a commit.
///
/// # Errors
/// As [`places`].
pub fn about(data: &Path, id: &[u8]) -> Result<About, Failure> {
    let fail = |e| links_failure(&e);
    let mut about = About { places: places(data, id)?, ..About::default() };
    let entry = history::find(data, id).map_err(fail)?;
    for (other, word) in entry.iter().flat_map(|(_, entry)| kin::named_by(data, entry)).flatten() {
        about.says.push(relative(data, other, word)?);
    }
    // What was picked from a backport was picked from it too.
    let mut open = vec![id.to_vec()];
    let mut seen = open.clone();
    while let Some(at) = open.pop() {
        for (other, word) in kin::of(data, &at).map_err(fail)? {
            let list = match word {
                Word::Reverts if at == id => &mut about.reverts,
                Word::Upstream | Word::Picked => &mut about.backports,
                Word::Reverts | Word::Written => continue,
            };
            if list.len() < MOST && !seen.contains(&other) {
                list.push(relative(data, other.clone(), word)?);
                seen.push(other.clone());
                open.extend((word != Word::Reverts).then_some(other));
            }
        }
    }
    if let Some((tree, entry)) = &entry {
        about.twins = twins(data, tree, entry, &about)?;
    }
    Ok(about)
}

fn relative(data: &Path, id: Vec<u8>, word: Word) -> Result<Relative, Failure> {
    let fail = |e| links_failure(&e);
    let subject = history::find(data, &id).map_err(fail)?.map(|(_, entry)| entry.subject).unwrap_or_default();
    let mut reverted: Vec<Vec<u8>> = Vec::new();
    reverted
        .extend(kin::of(data, &id).map_err(fail)?.into_iter().filter(|(_, w)| *w == Word::Reverts).map(|(id, _)| id));
    Ok(Relative { places: places(data, &id)?, id, subject, word, reverted })
}

/// Commits of the same author and moment whose patch-id is equal, that are no backports of one another.
fn twins(data: &Path, tree: &Tree, entry: &Entry, about: &About) -> Result<Vec<Relative>, Failure> {
    let known = |id: &[u8]| [&about.says, &about.backports].into_iter().flatten().any(|relative| relative.id == id);
    let mut found = Vec::new();
    let mut own: Option<Vec<u64>> = None;
    let moment = kin::same_moment(data, entry).map_err(|e| links_failure(&e))?;
    for id in moment.into_iter().filter(|id| !known(id)).take(TWINS) {
        let Some((other_tree, other)) = history::find(data, &id).map_err(|e| links_failure(&e))? else { continue };
        // Backports of one commit are as alike, and say what they are.
        if other.tells.iter().any(|told| entry.tells.contains(told)) {
            continue;
        }
        let own = own.get_or_insert_with(|| weigh::patch_ids(tree, &entry.id));
        let theirs = if own.is_empty() { Vec::new() } else { weigh::patch_ids(&other_tree, &id) };
        if theirs.iter().any(|patch| own.contains(patch)) {
            found.push(relative(data, id, Word::Written)?);
        }
    }
    Ok(found)
}

impl Place {
    /// What the repository is called: its directory, or that in which its `.git` lies.
    pub fn name(&self) -> String {
        let path = &self.tree.path;
        let named =
            if path.file_name().is_some_and(|name| name == ".git") { path.parent() } else { Some(path.as_path()) };
        named.and_then(Path::file_name).unwrap_or_default().to_string_lossy().into_owned()
    }

    /// `main, first in v6.2-rc1; also on next`; `topic, not on main`
    pub fn line(&self) -> String {
        let Some(standing) = &self.standing else {
            return "branches not read yet: `provenance index` reads them".to_owned();
        };
        let tag = standing.tag.as_ref().map_or_else(String::new, |tag| format!(", first in {tag}"));
        // `origin/main` beside `main` says nothing new.
        let last = |name: &str| name.rsplit('/').next().unwrap_or(name).to_owned();
        let others: Vec<&str> = standing.branches.iter().map(String::as_str).collect();
        let others: Vec<&str> = match standing.merged {
            true => others.into_iter().filter(|name| last(name) != last(&standing.main)).collect(),
            false => others,
        };
        let list = |names: &[&str]| {
            let named = names.iter().take(BRANCHES).copied().collect::<Vec<_>>().join(", ");
            let more = names.len().saturating_sub(BRANCHES);
            if more > 0 { format!("{named} and {more} more") } else { named }
        };
        match (standing.merged, others.is_empty()) {
            (true, true) => format!("{}{tag}", standing.main),
            (true, false) => format!("{}{tag}; also on {}", standing.main, list(&others)),
            (false, false) => format!("{}{tag}; not on {}", list(&others), standing.main),
            (false, true) if tag.is_empty() => format!("no branch of it any more; not on {}", standing.main),
            (false, true) => format!("no branch{tag}; not on {}", standing.main),
        }
    }

    /// As JSON.
    pub fn value(&self) -> Value {
        let standing = self.standing.as_ref();
        json!({
            "tree": self.tree.path.display().to_string(),
            "main": standing.map(|s| &s.main),
            "merged": standing.map(|s| s.merged),
            "branches": standing.map(|s| &s.branches),
            "first_tag": standing.and_then(|s| s.tag.as_ref()),
        })
    }
}

/// Whether a main line holds a commit that is in these places; `None` where that is not known.
pub fn is_merged(places: &[Place]) -> Option<bool> {
    let known: Vec<bool> = places.iter().filter_map(|place| Some(place.standing.as_ref()?.merged)).collect();
    (!known.is_empty()).then(|| known.contains(&true))
}

impl Relative {
    /// As JSON.
    pub fn value(&self) -> Value {
        json!({
            "commit": hex(&self.id),
            "subject": (!self.subject.is_empty()).then_some(&self.subject),
            "by": self.word.as_str(),
            "where": self.places.iter().map(Place::value).collect::<Vec<_>>(),
            "reverted_by": self.reverted.iter().map(|id| hex(id)).collect::<Vec<_>>(),
        })
    }
}

impl About {
    /// Whether it was picked from another commit.
    pub fn is_backport(&self) -> bool {
        self.says.iter().any(|relative| matches!(relative.word, Word::Upstream | Word::Picked))
    }

    /// Adds what is known to an object.
    pub fn add_to(&self, value: &mut Value) {
        let list = |relatives: &[Relative]| relatives.iter().map(Relative::value).collect::<Vec<_>>();
        value["where"] = self.places.iter().map(Place::value).collect();
        value["says"] = list(&self.says).into();
        value["backport_commits"] = list(&self.backports).into();
        value["reverted_by"] = list(&self.reverts).into();
        value["twins"] = list(&self.twins).into();
    }
}
