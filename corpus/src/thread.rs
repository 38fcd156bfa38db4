//! Who answered whom: a forest from the References of mails, with the mails that are named and not there in their
//! places. What a mail says of its own parent counts more than what its descendants say; a mail that would be its own
//! ancestor stays where it is. Nothing depends on the order in which mails are given, and nothing recurses.

use rustc_hash::FxHashMap;

#[cfg(test)]
mod tests;

/// One mail that is there.
#[derive(Clone, Debug)]
pub struct Node<'a> {
    /// The Message-ID.
    pub id: &'a str,
    /// References and In-Reply-To, the oldest ancestor first, the parent last.
    pub references: Vec<&'a str>,
    /// Seconds since 1970.
    pub date: i64,
}

/// One line of a thread as it is drawn, from the root down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row<'a> {
    /// The Message-ID.
    pub id: &'a str,
    /// Steps from the root.
    pub depth: usize,
    /// Whether no sibling follows.
    pub last: bool,
    /// Place in the nodes that were given; `None` for a mail that is named and not there.
    pub node: Option<usize>,
}

/// A forest under construction: each mail has at most one parent, and sets of connected mails are known, so that
/// a link that would close a circle is seen at once.
struct Forest {
    parent: Vec<Option<usize>>,
    sets: Sets,
}

impl Forest {
    fn link(&mut self, child: usize, parent: usize) {
        if self.parent[child].is_none() && self.sets.join(child, parent) {
            self.parent[child] = Some(parent);
        }
    }
}

/// Disjoint sets (union by size, path halving).
struct Sets {
    above: Vec<usize>,
    size: Vec<u32>,
}

impl Sets {
    fn new(len: usize) -> Sets {
        Sets { above: (0..len).collect(), size: vec![1; len] }
    }

    fn grow(&mut self) -> usize {
        self.above.push(self.above.len());
        self.size.push(1);
        self.above.len() - 1
    }

    fn find(&mut self, mut at: usize) -> usize {
        while self.above[at] != at {
            self.above[at] = self.above[self.above[at]];
            at = self.above[at];
        }
        at
    }

    /// Whether they were apart.
    fn join(&mut self, a: usize, b: usize) -> bool {
        let (mut a, mut b) = (self.find(a), self.find(b));
        if a == b {
            return false;
        }
        if self.size[a] < self.size[b] {
            (a, b) = (b, a);
        }
        self.above[b] = a;
        self.size[a] += self.size[b];
        true
    }
}

/// The threads of some mails, one after another, each from its root down. Of two mails of one id the first by date
/// is taken. Siblings stand in the order of their dates; a mail that is not there counts as its earliest descendant.
pub fn build<'a>(nodes: &[Node<'a>]) -> Vec<Row<'a>> {
    let mut order: Vec<usize> = (0..nodes.len()).collect();
    order.sort_by(|a, b| {
        let key = |n: &usize| (nodes[*n].date, nodes[*n].id);
        key(a).cmp(&key(b)).then_with(|| nodes[*a].references.cmp(&nodes[*b].references))
    });
    let mut place: FxHashMap<&str, usize> = FxHashMap::default();
    let mut ids: Vec<&str> = Vec::new();
    let mut present: Vec<Option<usize>> = Vec::new();
    for node in &order {
        place.entry(nodes[*node].id).or_insert_with(|| {
            ids.push(nodes[*node].id);
            present.push(Some(*node));
            ids.len() - 1
        });
    }
    let there = ids.len();
    for reference in order.iter().flat_map(|node| &nodes[*node].references) {
        place.entry(reference).or_insert_with(|| {
            ids.push(reference);
            present.push(None);
            ids.len() - 1
        });
    }
    let mut forest = Forest { parent: vec![None; ids.len()], sets: Sets::new(ids.len()) };
    for (child, node) in present.iter().take(there).enumerate() {
        if let Some(parent) = node.and_then(|node| nodes[node].references.last()) {
            forest.link(child, place[parent]);
        }
    }
    for node in present.iter().take(there).flatten() {
        for pair in nodes[*node].references.windows(2) {
            forest.link(place[pair[1]], place[pair[0]]);
        }
    }
    draw(nodes, &ids, &present, &forest.parent)
}

/// Puts the forest in the order of reading.
fn draw<'a>(nodes: &[Node<'a>], ids: &[&'a str], present: &[Option<usize>], parent: &[Option<usize>]) -> Vec<Row<'a>> {
    let date = earliest(nodes, present, parent);
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); ids.len()];
    let mut roots = Vec::new();
    for (at, parent) in parent.iter().enumerate() {
        // What is not there and has nobody below it that is says nothing.
        if date[at].is_some() {
            parent.map_or(&mut roots, |parent| &mut children[parent]).push(at);
        }
    }
    let by_date = |a: &usize, b: &usize| (date[*a], ids[*a]).cmp(&(date[*b], ids[*b]));
    roots.sort_by(by_date);
    for siblings in &mut children {
        siblings.sort_by(by_date);
    }
    let mut rows = Vec::with_capacity(ids.len());
    let mut open: Vec<(usize, usize, bool)> = Vec::new();
    let stack = |open: &mut Vec<(usize, usize, bool)>, siblings: &[usize], depth: usize| {
        let last = siblings.last().copied();
        open.extend(siblings.iter().rev().map(|at| (*at, depth, Some(*at) == last)));
    };
    stack(&mut open, &roots, 0);
    while let Some((at, depth, last)) = open.pop() {
        rows.push(Row { id: ids[at], depth, last, node: present[at] });
        stack(&mut open, &children[at], depth + 1);
    }
    rows
}

/// For each mail its date, or that of its earliest descendant where it is not there; `None` where there is none.
fn earliest(nodes: &[Node<'_>], present: &[Option<usize>], parent: &[Option<usize>]) -> Vec<Option<i64>> {
    let mut date: Vec<Option<i64>> = present.iter().map(|node| node.map(|node| nodes[node].date)).collect();
    let mut waiting = vec![0u32; parent.len()];
    for parent in parent.iter().flatten() {
        waiting[*parent] += 1;
    }
    // Leaves first; a mail is done when all below it are.
    let mut ready: Vec<usize> = (0..parent.len()).filter(|at| waiting[*at] == 0).collect();
    while let Some(at) = ready.pop() {
        let Some(above) = parent[at] else { continue };
        if present[above].is_none() {
            date[above] = [date[above], date[at]].into_iter().flatten().min();
        }
        waiting[above] -= 1;
        if waiting[above] == 0 {
            ready.push(above);
        }
    }
    date
}

/// For each mail, given as hashes of its id and its references, the thread that it belongs to: the smallest hash
/// of the mails that are connected by references, there or not.
pub fn roots<'a>(mails: impl Iterator<Item = (u64, &'a [u64])>) -> Vec<u64> {
    let mut place: FxHashMap<u64, usize> = FxHashMap::default();
    let mut sets = Sets::new(0);
    let mut ids: Vec<u64> = Vec::new();
    let mut at = |id: u64, sets: &mut Sets| {
        *place.entry(id).or_insert_with(|| {
            ids.push(id);
            sets.grow()
        })
    };
    let mut mine = Vec::new();
    for (id, references) in mails {
        let first = at(id, &mut sets);
        mine.push(first);
        for reference in references {
            let other = at(*reference, &mut sets);
            sets.join(first, other);
        }
    }
    let mut smallest = vec![u64::MAX; ids.len()];
    for (at, id) in ids.iter().enumerate() {
        let set = sets.find(at);
        smallest[set] = smallest[set].min(*id);
    }
    mine.into_iter().map(|at| smallest[sets.find(at)]).collect()
}
