//! Where the commits of a tree are: on the main line, on which other branches, and in which tag first.
//!
//! Kept for each commit, and added to as names move: a name that went on costs the commits that it newly holds, not the whole
//! history. What makes that possible is that a commit is held by whatever holds one of its children, so that a walk from a tip
//! may stop where it meets what it already holds. Only a main line that was rewound, or a tag that is gone, has all painted
//! anew, from the graph that is kept.
//!
//! The main line is a line of first parents, of which each step is numbered. A commit on it, or merged by it, bears the number of
//! the step that holds it first. Of another branch the commits are kept that the main line's first parents do not hold, and the
//! last step that it holds: all before that it holds too.

mod paint;
#[cfg(test)]
mod tests;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use self::paint::{Graph, Rewound};
use super::refs::{self, Refs};
use super::{Tree, command, tree_dir, walk};
use crate::container::{self, Container, Kind};
use crate::links::commit::Commit;
use crate::links::edge::commit_node;
use crate::links::records::{self, FILES, Record, Records};

/// The file of the names; what is kept of each commit lies beside it.
const KIND: Kind = Kind { name: *b"names\0\0\0", version: 1 };

/// Sets of branches beyond which all is painted anew: most of them are of branches that are gone.
const SETS: usize = 50_000;

/// What is kept of a commit. Commits are named by the first eight bytes of their ids.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    node: u64,
    /// Its parents, the first first.
    parents: Box<[u64]>,
    /// Committer date in seconds since 1970; where the clocks were wrong, a second after its newest parent's: always after those.
    date: i64,
    /// Number of the step of the main line that holds it first; 0 where none does.
    step: u32,
    /// Whether it is that step itself.
    first: bool,
    /// Number of the first tag that holds it; 0 where none does.
    tag: u32,
    /// Which set of branches has it: a place in [`State::sets`].
    set: u32,
}

impl Record for Place {
    fn key(&self) -> u64 {
        self.node
    }

    fn one(&self) -> u64 {
        0
    }
}

/// A branch beside the main line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Branch {
    name: String,
    tip: u64,
    /// Never given out twice: sets may name branches that are gone.
    number: u32,
    /// The last step of the main line that it holds; 0 for none.
    upto: u32,
}

/// A tag.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Tag {
    name: String,
    tip: u64,
    rank: Rank,
}

/// The order of tags, of which the first that holds a commit is named: releases on the main line, other tags there, releases
/// elsewhere, other tags; then by date, which follows ancestry; then by version and name.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Rank {
    aside: bool,
    unversioned: bool,
    date: i64,
    version: Vec<u32>,
    released: bool,
    name: String,
}

/// What is kept of a tree beside its commits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct State {
    /// Of the commits' records.
    generation: u64,
    refs: Refs,
    /// Number of the main line's last step.
    steps: u32,
    branches: Vec<Branch>,
    /// The first is none.
    tags: Vec<Tag>,
    /// Sorted numbers of branches; the first is the empty set.
    sets: Vec<Vec<u32>>,
    /// The next branch's number.
    next: u32,
}

/// A commit, and the nodes of its parents.
pub(super) type Child<'c> = (&'c Commit, Box<[u64]>);

/// Where a commit is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// The tree's main line.
    pub main: String,
    /// Whether the main line holds it.
    pub merged: bool,
    /// The other branches that hold it, sorted.
    pub branches: Vec<String>,
    /// The first tag that holds it: a release on the main line before all others.
    pub tag: Option<String>,
}

fn dir(data: &Path, tree: &Tree) -> PathBuf {
    tree_dir(data, tree.number).join("places")
}

fn load(dir: &Path) -> io::Result<Option<State>> {
    let file = match Container::open(&dir.join("names"), KIND) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e),
    };
    postcard::from_bytes(&file.all(0)?).map(Some).map_err(|e| file.damaged(e.to_string()))
}

fn save(dir: &Path, state: &State) -> io::Result<()> {
    let bytes = postcard::to_allocvec(state).expect("plain data serialises");
    container::replace(&dir.join("names"), KIND, 1, (state.generation, 0), |out| out.write_all(&bytes))
}

/// Brings what is kept of a tree up to date; tells whether the main line has moved.
///
/// # Errors
/// What the file system says. Damage is none: all is read again from the tree.
pub fn update(data: &Path, tree: &Tree) -> io::Result<bool> {
    let Some(refs) = Refs::read(tree) else { return Ok(false) };
    let dir = dir(data, tree);
    let kept = load(&dir).ok().flatten().unwrap_or_default();
    if kept.refs == refs {
        return Ok(false);
    }
    let moved = kept.refs.main != refs.main;
    match advance(&dir, tree, kept, &refs) {
        Err(e) if e.kind() == io::ErrorKind::InvalidData => advance(&dir, tree, State::default(), &refs)?,
        other => other?,
    }
    Ok(moved)
}

fn advance(dir: &Path, tree: &Tree, mut state: State, refs: &Refs) -> io::Result<()> {
    let newest = records::generations(dir).last().copied().unwrap_or(0);
    let mut graph = Graph::new(Records::open(dir, state.generation)?);
    let new = if tree.by_command.is_some() {
        command::graph(tree, &refs.tips(), &state.refs.tips())
    } else {
        walk::graph(tree, &refs.tips(), |id| graph.get(commit_node(id)).is_ok_and(|place| place.is_some()))
    };
    let new = new.map_err(io::Error::other)?;
    graph.add(new)?;
    if state.sets.len() > SETS || state.follow(&mut graph, refs)?.is_err() {
        graph.wipe()?;
        state = State { generation: state.generation, ..State::default() };
        let _: Result<(), Rewound> = state.follow(&mut graph, refs)?;
    }
    state.refs.clone_from(refs);
    let (changed, onto) = graph.into_changed(FILES)?;
    if !changed.is_empty() {
        state.generation = newest + 1;
        records::write(dir, state.generation, &changed, onto)?;
    }
    save(dir, &state)?;
    Records::<Place>::remove_older(dir, state.generation);
    Ok(())
}

/// Where a commit of a tree is; `None` where that is not known of it.
///
/// # Errors
/// What the file system says, or damage.
pub fn find(data: &Path, tree: &Tree, id: &[u8]) -> io::Result<Option<Standing>> {
    let dir = dir(data, tree);
    let Some(state) = load(&dir)? else { return Ok(None) };
    let records = Records::<Place>::open(&dir, state.generation)?;
    Ok(records.of(commit_node(id))?.first().map(|place| state.standing(place)))
}

/// The nodes of the parents of these commits.
///
/// # Errors
/// What the file system says, or damage.
pub(super) fn parents<'c>(data: &Path, tree: &Tree, commits: &[&'c Commit]) -> io::Result<Vec<Child<'c>>> {
    let dir = dir(data, tree);
    let Some(state) = load(&dir)? else { return Ok(Vec::new()) };
    let records = Records::<Place>::open(&dir, state.generation)?;
    let mut found = Vec::new();
    for commit in commits {
        found.extend(records.of(commit_node(&commit.id))?.into_iter().map(|place| (*commit, place.parents)));
    }
    Ok(found)
}

/// Which of these commits, by their nodes, the main line does not hold. A tree of which that is not known has none.
///
/// # Errors
/// What the file system says, or damage.
pub(super) fn aside(data: &Path, tree: &Tree, nodes: &mut dyn Iterator<Item = u64>) -> io::Result<Vec<u64>> {
    let dir = dir(data, tree);
    let Some(state) = load(&dir)?.filter(|state| state.steps > 0) else { return Ok(Vec::new()) };
    let records = Records::<Place>::open(&dir, state.generation)?;
    let mut found = Vec::new();
    for node in nodes {
        if records.of(node)?.first().is_some_and(|place| place.step == 0) {
            found.push(node);
        }
    }
    Ok(found)
}

/// Reads all that is kept of where a tree's commits are, and checks every block.
///
/// # Errors
/// What the file system says, or damage.
pub fn verify(data: &Path, tree: &Tree) -> io::Result<()> {
    let dir = dir(data, tree);
    match load(&dir)? {
        Some(state) => Records::<Place>::open(&dir, state.generation)?.verify(),
        None => Ok(()),
    }
}

impl State {
    fn standing(&self, place: &Place) -> Standing {
        let set = self.sets.get(place.set as usize).map(Vec::as_slice).unwrap_or_default();
        let holds = |branch: &&Branch| {
            set.binary_search(&branch.number).is_ok() || place.step != 0 && place.step <= branch.upto
        };
        Standing {
            main: self.refs.main.as_ref().map_or_else(String::new, |main| main.name.clone()),
            merged: place.step != 0,
            branches: self.branches.iter().filter(holds).map(|branch| branch.name.clone()).collect(),
            tag: self.tags.get(place.tag as usize).filter(|_| place.tag != 0).map(|tag| tag.name.clone()),
        }
    }

    /// Goes on from the names that are known to these.
    fn follow(&mut self, graph: &mut Graph, refs: &Refs) -> io::Result<Result<(), Rewound>> {
        if self.sets.is_empty() {
            (self.sets, self.tags, self.next) = (vec![Vec::new()], vec![Tag::default()], 1);
        }
        let old = self.refs.main.as_ref();
        if let Some(main) = &refs.main {
            let before = old.filter(|_| self.steps > 0).map(|name| commit_node(&name.tip));
            if graph.main(commit_node(&main.tip), before, &mut self.steps)?.is_err() {
                return Ok(Err(Rewound));
            }
        } else if self.steps > 0 {
            return Ok(Err(Rewound));
        }
        if self.follow_tags(graph, refs)?.is_err() {
            return Ok(Err(Rewound));
        }
        let mut known: FxHashMap<String, Branch> =
            self.branches.drain(..).map(|branch| (branch.name.clone(), branch)).collect();
        for name in refs.branches.iter().filter(|name| Some(&name.name) != refs.main.as_ref().map(|main| &main.name)) {
            let tip = commit_node(&name.tip);
            let branch = match known.remove(&name.name) {
                Some(branch) if branch.tip == tip => branch,
                before => graph.branch(&name.name, tip, before, &mut self.next, &mut self.sets)?,
            };
            self.branches.push(branch);
        }
        Ok(Ok(()))
    }

    fn follow_tags(&mut self, graph: &mut Graph, refs: &Refs) -> io::Result<Result<(), Rewound>> {
        let mut new: Vec<Tag> = Vec::new();
        let mut kept = 0;
        let known: FxHashMap<&str, &Tag> = self.tags.iter().skip(1).map(|tag| (tag.name.as_str(), tag)).collect();
        for name in &refs.tags {
            let node = commit_node(&name.tip);
            let Some(place) = graph.get(node)? else { continue };
            let version = refs::version(&name.name);
            let rank = Rank {
                aside: place.step == 0,
                unversioned: version.is_none(),
                date: place.date,
                released: version.as_ref().is_some_and(|(_, early)| !early),
                version: version.map(|(numbers, _)| numbers).unwrap_or_default(),
                name: name.name.clone(),
            };
            match known.get(name.name.as_str()) {
                Some(tag) if tag.tip == node && tag.rank == rank => kept += 1,
                // It moved, or the main line has come to hold it: what it gave way to may have to give way to it.
                Some(_) => return Ok(Err(Rewound)),
                None => new.push(Tag { name: name.name.clone(), tip: node, rank }),
            }
        }
        if kept + 1 < self.tags.len() {
            return Ok(Err(Rewound));
        }
        new.sort_unstable_by(|a, b| a.rank.cmp(&b.rank));
        for tag in new {
            self.tags.push(tag);
            graph.tag(&self.tags)?;
        }
        Ok(Ok(()))
    }
}
