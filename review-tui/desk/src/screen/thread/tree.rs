//! The tree of a thread: what is seen of it, and where it stands.

use rustc_hash::FxHashSet;

use super::Brief;
use crate::facts::{Tree, TreeRow};
use crate::lines::Place;

/// Deeper answers are drawn at this depth.
const DEEPEST: usize = 12;

/// The left pane: the tree, as far as it is unfolded.
#[derive(Debug, Default)]
pub(super) struct TreePane {
    pub(super) tree: Tree,
    /// Rows that are seen, each with its branches and how many answers are folded under it.
    pub(super) seen: Vec<(usize, String, usize)>,
    pub(super) place: Place,
    folded: FxHashSet<usize>,
}

impl TreePane {
    pub(super) fn take(&mut self, tree: Tree, id: &str) {
        self.tree = tree;
        self.folded.clear();
        self.lay();
        let at = self.seen.iter().position(|(row, ..)| self.tree.rows[*row].id == id);
        let first = || self.seen.iter().position(|(row, ..)| self.tree.rows[*row].mail.is_some());
        self.place = Place { at: at.or_else(first).unwrap_or(0), top: 0 };
    }

    fn lay(&mut self) {
        self.seen.clear();
        let mut open: Vec<bool> = Vec::new();
        let mut row = 0;
        while row < self.tree.rows.len() {
            let branches = branches(&self.tree.rows[row], &mut open);
            let answers = if self.folded.contains(&row) { self.answers(row) } else { 0 };
            self.seen.push((row, branches, answers));
            row += 1 + answers;
        }
    }

    /// How many rows stand below a row, as its answers and theirs.
    fn answers(&self, row: usize) -> usize {
        let depth = self.tree.rows[row].depth;
        self.tree.rows[row + 1..].iter().take_while(|r| r.depth > depth).count()
    }

    pub(super) fn row(&self) -> Option<&TreeRow> {
        self.tree.rows.get(self.seen.get(self.place.at)?.0)
    }

    pub(super) fn brief(&self) -> Option<&Brief> {
        self.row()?.mail.as_ref()
    }

    pub(super) fn step(&mut self, by: isize) {
        self.place.step(by, self.seen.len());
    }

    /// Goes to the next patch, or the one before; whether there is one.
    pub(super) fn patch(&mut self, forward: bool) -> bool {
        let here = self.seen.get(self.place.at).map_or(0, |(row, ..)| *row);
        let is_patch =
            |at: &usize| self.tree.rows[*at].mail.as_ref().is_some_and(|m| !m.is_reply && (m.is_patch || m.is_cover));
        let found =
            if forward { (here + 1..self.tree.rows.len()).find(is_patch) } else { (0..here).rev().find(is_patch) };
        if let Some(row) = found {
            self.go(row);
        }
        found.is_some()
    }

    /// Goes to a row, which is unfolded if need be.
    fn go(&mut self, row: usize) {
        if !self.seen.iter().any(|(seen, ..)| *seen == row) {
            self.folded.clear();
            self.lay();
        }
        if let Some(at) = self.seen.iter().position(|(seen, ..)| *seen == row) {
            self.place.at = at;
        }
    }

    /// Goes to the parent, or to the first reply.
    pub(super) fn family(&mut self, down: bool) {
        let Some((row, ..)) = self.seen.get(self.place.at) else { return };
        let depth = self.tree.rows[*row].depth;
        let found = if down {
            (row + 1..self.tree.rows.len()).take(1).find(|at| self.tree.rows[*at].depth > depth)
        } else {
            (0..*row).rev().find(|at| self.tree.rows[*at].depth < depth)
        };
        if let Some(row) = found {
            self.go(row);
        }
    }

    /// Folds or opens what is under the cursor; or all threads of answers.
    pub(super) fn fold(&mut self, all: bool) {
        let Some((here, ..)) = self.seen.get(self.place.at).cloned() else { return };
        if all {
            if self.folded.is_empty() {
                // What stands at the depth of patches keeps its answers folded.
                let rows = &self.tree.rows;
                let folded =
                    (0..rows.len()).filter(|at| rows[*at].depth == 1 && rows.get(at + 1).is_some_and(|n| n.depth > 1));
                self.folded = folded.collect();
            } else {
                self.folded.clear();
            }
        } else if !self.folded.remove(&here) && self.answers(here) > 0 {
            self.folded.insert(here);
        }
        self.lay();
        let at = self.seen.iter().rposition(|(row, ..)| *row <= here);
        self.place.at = at.unwrap_or(0);
    }

    pub(super) fn seek(&mut self, search: &str, forward: bool) {
        if search.is_empty() {
            return;
        }
        let holds = |at: &usize| {
            let row = &self.tree.rows[self.seen[*at].0];
            row.id.to_lowercase().contains(search)
                || row
                    .mail
                    .as_ref()
                    .is_some_and(|m| format!("{} {}", m.author, m.subject).to_lowercase().contains(search))
        };
        let found = if forward {
            (self.place.at + 1..self.seen.len()).find(holds)
        } else {
            (0..self.place.at).rev().find(holds)
        };
        self.place.at = found.unwrap_or(self.place.at);
    }
}

/// `├─`, `└─` and the lines that go on; `open` holds, for each step above, whether a sibling follows there.
fn branches(row: &TreeRow, open: &mut Vec<bool>) -> String {
    open.truncate(row.depth);
    let mut out = String::new();
    let deepest = row.depth.min(DEEPEST);
    if deepest > 0 {
        for step in 1..deepest {
            out.push(if open.get(step).copied().unwrap_or(false) { '│' } else { ' ' });
        }
        out.push(if row.last { '└' } else { '├' });
    }
    open.resize(row.depth, false);
    open.push(!row.last);
    out
}
