//! The shape of threads: who answers whom, as rows from top to bottom.

use super::{Id, Node};
use rustc_hash::FxHashMap;

/// One line of a thread, in the order in which it is drawn: a mail, then its answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row<I> {
    /// Its Message-ID.
    pub id: I,
    /// 0 at the top.
    pub depth: u32,
    /// The mail, as an index of the nodes given; `None` if it is missing and only known from References.
    pub present: Option<u32>,
    /// The row of the mail that it answers.
    pub parent: Option<u32>,
    /// Whether no answer to the same mail follows (at the top: no other thread), so that its branch is
    /// drawn as `└` and nothing is drawn below.
    pub last: bool,
    /// Rows below it.
    pub below: u32,
}

/// A mail whose id another one has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Duplicate {
    /// The mail that got no row, as an index of the nodes given.
    pub node: u32,
    /// The mail that stands for it: the older, then the one with fewer, then smaller references.
    pub of: u32,
}

/// Threads, one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forest<I> {
    /// All rows; a row with depth 0 begins a thread. Siblings are in order of date, then id. A missing
    /// mail has the date of the oldest mail that names it.
    pub rows: Vec<Row<I>>,
    /// Mails that share an id with one that has a row.
    pub duplicates: Vec<Duplicate>,
}

/// No parent, or no node.
const NONE: u32 = u32::MAX;

/// An id, whether its mail is here or not.
struct Entry<I> {
    id: I,
    /// The node, or [`NONE`].
    node: u32,
    /// What it answers, or [`NONE`].
    parent: u32,
    /// Whether the mail itself says so; else others say it of it.
    own: bool,
    /// Its date, or that of the oldest mail that names it.
    date: i64,
}

impl<I: Id> Forest<I> {
    /// Puts mails into threads. The rows do not depend on the order of `nodes`.
    ///
    /// What a mail answers is the last of its references. A mail that is missing, or that has no
    /// references, is put where the oldest mail that names it has it. If mails claim to answer each other
    /// in a circle, a claim made by others is cut before one of the mails themselves, and among equals
    /// that of the oldest mail. Takes n log n time for n references in all.
    pub fn new(nodes: &[Node<'_, I>]) -> Forest<I> {
        let mut builder = Builder { entries: Vec::with_capacity(nodes.len()), index: FxHashMap::default() };
        builder.index.reserve(nodes.len());
        let duplicates = builder.insert_nodes(nodes);
        builder.link(nodes);
        builder.cut_circles();
        Forest { rows: builder.rows(), duplicates }
    }

    /// The rows of each thread.
    pub fn threads(&self) -> impl Iterator<Item = &[Row<I>]> {
        self.rows.chunk_by(|_, next| next.depth > 0)
    }
}

struct Builder<I> {
    entries: Vec<Entry<I>>,
    index: FxHashMap<I, u32>,
}

impl<I: Id> Builder<I> {
    fn insert_nodes(&mut self, nodes: &[Node<'_, I>]) -> Vec<Duplicate> {
        let mut others = Vec::new();
        for (at, node) in nodes.iter().enumerate() {
            let next = self.entries.len() as u32;
            let entry = *self.index.entry(node.id).or_insert(next);
            if entry == next {
                self.entries.push(Entry { id: node.id, node: at as u32, parent: NONE, own: false, date: node.date });
                continue;
            }
            let rank = |node: &Node<'_, I>| (node.date, node.references.len());
            let entry = &mut self.entries[entry as usize];
            let held = &nodes[entry.node as usize];
            let mut loser = at as u32;
            if rank(node).cmp(&rank(held)).then_with(|| node.references.cmp(held.references)).is_lt() {
                loser = std::mem::replace(&mut entry.node, at as u32);
                entry.date = node.date;
            }
            others.push(loser);
        }
        let of = |node: &u32| self.entries[self.index[&nodes[*node as usize].id] as usize].node;
        others.iter().map(|node| Duplicate { node: *node, of: of(node) }).collect()
    }

    /// Reads the references of all mails, the oldest first, so that the first claim met is the one to keep.
    fn link(&mut self, nodes: &[Node<'_, I>]) {
        let mut order: Vec<u32> = (0..self.entries.len() as u32).collect();
        order.sort_unstable_by_key(|at| self.key(*at));
        for at in order {
            let Entry { id, node, date, .. } = self.entries[at as usize];
            let mut above = NONE;
            for reference in nodes[node as usize].references.iter().filter(|reference| **reference != id) {
                let next = self.entries.len() as u32;
                let entry = *self.index.entry(*reference).or_insert(next);
                if entry == next {
                    self.entries.push(Entry { id: *reference, node: NONE, parent: NONE, own: false, date });
                }
                let claimed = &mut self.entries[entry as usize];
                if claimed.parent == NONE && above != NONE && above != entry {
                    claimed.parent = above;
                }
                above = entry;
            }
            if above != NONE {
                let entry = &mut self.entries[at as usize];
                (entry.parent, entry.own) = (above, true);
            }
        }
    }

    /// What siblings, and the claims to cut, are sorted by.
    fn key(&self, at: u32) -> (i64, I) {
        let entry = &self.entries[at as usize];
        (entry.date, entry.id)
    }

    /// Every entry has at most one parent, so each walk upwards ends at the top, in ground already known,
    /// or in one circle; that is cut at once.
    fn cut_circles(&mut self) {
        let mut walk_of = vec![NONE; self.entries.len()];
        for start in 0..self.entries.len() as u32 {
            let mut at = start;
            while at != NONE && walk_of[at as usize] == NONE {
                walk_of[at as usize] = start;
                at = self.entries[at as usize].parent;
            }
            if at == NONE || walk_of[at as usize] != start {
                continue;
            }
            let first = at;
            let mut cut = at;
            loop {
                let rank = |at: u32| (self.entries[at as usize].own, self.key(at));
                if rank(at) < rank(cut) {
                    cut = at;
                }
                at = self.entries[at as usize].parent;
                if at == first {
                    break;
                }
            }
            self.entries[cut as usize].parent = NONE;
        }
    }

    fn rows(&self) -> Vec<Row<I>> {
        let kept = self.kept();
        let count = self.entries.len();
        let mut order: Vec<u32> = (0..count as u32).filter(|at| kept[*at as usize]).collect();
        order.sort_unstable_by_key(|at| self.key(*at));

        // The answers to each entry lie together, sorted because they are put there in order.
        let mut starts = vec![0u32; count + 2];
        let slot = |at: u32| {
            if self.entries[at as usize].parent == NONE { count } else { self.entries[at as usize].parent as usize }
        };
        order.iter().for_each(|at| starts[slot(*at) + 1] += 1);
        (0..=count).for_each(|at| starts[at + 1] += starts[at]);
        let mut free = starts.clone();
        let mut children = vec![0u32; order.len()];
        for at in order {
            let free = &mut free[slot(at)];
            children[*free as usize] = at;
            *free += 1;
        }
        let children_of = |slot: usize| starts[slot] as usize..starts[slot + 1] as usize;

        let mut rows: Vec<Row<I>> = Vec::with_capacity(children.len());
        // What is still to be visited: a range of siblings, and the row above them.
        let mut stack = vec![(children_of(count), None::<u32>)];
        while let Some((siblings, parent)) = stack.last_mut() {
            let Some(next) = siblings.next() else {
                if let Some(parent) = *parent {
                    rows[parent as usize].below = rows.len() as u32 - parent - 1;
                }
                stack.pop();
                continue;
            };
            let at = children[next] as usize;
            let entry = &self.entries[at];
            let row = Row {
                id: entry.id,
                depth: parent.map_or(0, |parent| rows[parent as usize].depth + 1),
                present: (entry.node != NONE).then_some(entry.node),
                parent: *parent,
                last: std::ops::Range::is_empty(siblings),
                below: 0,
            };
            stack.push((children_of(at), Some(rows.len() as u32)));
            rows.push(row);
        }
        rows
    }

    /// Leaves out missing mails that nobody answers: one was named by a mail that has its place elsewhere.
    fn kept(&self) -> Vec<bool> {
        let mut kept = vec![false; self.entries.len()];
        for start in (0..self.entries.len()).filter(|at| self.entries[*at].node != NONE) {
            let mut at = start as u32;
            while at != NONE && !kept[at as usize] {
                kept[at as usize] = true;
                at = self.entries[at as usize].parent;
            }
        }
        kept
    }
}
