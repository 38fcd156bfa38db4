//! All links, derived from the facts of all mails and from the commits of all attached trees.

use rustc_hash::{FxHashMap, FxHashSet};

use super::cited;
use super::commit::{self, Commit};
use super::edge::{Edge, Kind, commit_node};
use super::fact::Fact;
use super::halves;
use super::revision::{self, Revisions};
use super::sending::{self, Sendings};
use super::similar::Candidates;

/// Everything that follows from the facts.
#[derive(Clone, Debug, Default)]
pub struct Derived {
    /// One fact for each mail, by date.
    pub facts: Vec<Fact>,
    /// See [`sending`].
    pub sendings: Sendings,
    /// See [`revision`].
    pub revisions: Revisions,
    /// All links, sorted.
    pub edges: Vec<Edge>,
    /// Ids of commits, sorted, each once.
    pub commits: Vec<Vec<u8>>,
    /// Patches and cover letters that became commits, in this or a later form.
    pub landed: FxHashSet<u64>,
}

/// Derives all links. `root` names the thread of a mail.
pub fn derive(mut facts: Vec<Fact>, trees: &[Commit], root: impl Fn(u64) -> u64) -> Derived {
    // Copies of one mail say the same; a forged one came later or is a different mail with the same id: the first counts.
    facts.sort_unstable_by_key(|f| (f.date, f.id, f.flags.page, f.origin));
    let mut seen = FxHashSet::default();
    facts.retain(|f| seen.insert(f.id));
    let place: FxHashMap<u64, u32> = facts.iter().enumerate().map(|(at, f)| (f.id, at as u32)).collect();
    let roots: Vec<u64> = facts.iter().map(|f| root(f.id)).collect();
    let sendings = sending::find(&facts, &roots);
    let patches: Vec<u32> = (0..facts.len() as u32)
        .filter(|at| {
            let flags = facts[*at as usize].flags;
            flags.patch && !flags.told && !flags.page
        })
        .collect();
    let known = Candidates::new(&facts, &patches);
    let revisions = revision::find(&facts, &sendings, &known, &place);
    let mut edges = revisions.edges.clone();
    let mut halves = Vec::new();
    let of_trees = trees.iter().map(|commit| commit::of_tree(commit, &facts, &known, &place));
    for found in of_trees.chain(facts.iter().map(|fact| commit::told(fact, &facts, &known, &place))) {
        edges.extend(found.edges);
        halves.extend(found.halves);
    }
    let split = halves::split(halves, &facts);
    // A part of a patch, or a patch that is a part, is no other form of it.
    let parts: FxHashSet<(u64, u64)> = edges
        .iter()
        .chain(&split)
        .filter(|e| matches!(e.kind, Kind::Squashed | Kind::Split))
        .map(|e| (e.from, e.to))
        .collect();
    edges.retain(|e| !(e.kind == Kind::Form && parts.contains(&(e.from, e.to))));
    edges.extend(split);
    edges.extend(cited::find(&facts, &place));
    edges.sort_unstable();
    // Several classes may say the same; the first, which is the strongest, is kept.
    edges.dedup_by_key(|e| (e.kind, e.from, e.to));
    let mut commits: Vec<Vec<u8>> = trees.iter().map(|c| c.id.clone()).collect();
    commits.extend(facts.iter().flat_map(|f| f.tells.iter().map(|(id, _)| id.clone())));
    commits.sort_unstable();
    commits.dedup();
    // What is on a branch beside the main line has not become part of the project.
    let aside: FxHashSet<u64> =
        trees.iter().filter(|commit| commit.aside).map(|commit| commit_node(&commit.id)).collect();
    let landed = landed(&facts, &sendings, &edges, &aside);
    Derived { facts, sendings, revisions, edges, commits, landed }
}

/// What a commit was made from, all earlier forms of it, and the cover letters of both.
fn landed(facts: &[Fact], sendings: &Sendings, edges: &[Edge], aside: &FxHashSet<u64>) -> FxHashSet<u64> {
    let mut earlier: FxHashMap<u64, Vec<u64>> = FxHashMap::default();
    for edge in edges.iter().filter(|e| matches!(e.kind, Kind::Revision | Kind::Taken)) {
        earlier.entry(edge.from).or_default().push(edge.to);
    }
    let mut landed: FxHashSet<u64> = FxHashSet::default();
    let mut open: Vec<u64> =
        edges.iter().filter(|e| e.kind.is_made() && !aside.contains(&e.to)).map(|e| e.from).collect();
    while let Some(id) = open.pop() {
        if landed.insert(id) {
            open.extend(earlier.get(&id).into_iter().flatten());
        }
    }
    for sending in sendings.all.iter().filter(|s| s.covered) {
        let mut parts = sending.members.iter().filter(|(_, number)| *number > 0);
        if parts.any(|(at, _)| landed.contains(&facts[*at as usize].id)) {
            landed.insert(facts[sending.head as usize].id);
        }
    }
    landed
}
