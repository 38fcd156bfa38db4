//! Which mails belong to one thread, without its shape: disjoint sets of ids.

use rustc_hash::FxHashMap;

/// Sets of Message-IDs, by hash, that are connected by References. Ids are joined in any order.
#[derive(Clone, Debug, Default)]
pub struct Components {
    index: FxHashMap<u64, u32>,
    /// Per id the id above it, itself at the top.
    above: Vec<u32>,
    /// Per top id how many are below; else unused.
    size: Vec<u32>,
    /// Per top id the smallest hash of the set; else unused.
    least: Vec<u64>,
}

impl Components {
    /// Room for `mails` mails.
    pub fn with_capacity(mails: usize) -> Components {
        let mut components = Components::default();
        components.index.reserve(mails);
        components.above.reserve(mails);
        components
    }

    /// Says that a mail and all that it refers to are one thread. References may be missing mails: two
    /// answers to one missing mail are one thread.
    pub fn join(&mut self, id: u64, references: &[u64]) {
        let mut top = self.insert(id);
        for reference in references {
            let other = self.insert(*reference);
            top = self.unite(top, other);
        }
    }

    /// The name of the thread that `id` is in: the smallest hash in it, so that it is the same whatever
    /// the order was. `None` for an id never seen.
    pub fn root(&mut self, id: u64) -> Option<u64> {
        let at = *self.index.get(&id)?;
        let top = self.find(at);
        Some(self.least[top as usize])
    }

    /// How many ids are known, missing mails included.
    pub fn len(&self) -> usize {
        self.above.len()
    }

    /// Whether no id is known.
    pub fn is_empty(&self) -> bool {
        self.above.is_empty()
    }

    fn insert(&mut self, id: u64) -> u32 {
        let next = self.above.len() as u32;
        let at = *self.index.entry(id).or_insert(next);
        if at == next {
            self.above.push(next);
            self.size.push(1);
            self.least.push(id);
        }
        at
    }

    fn find(&mut self, mut at: u32) -> u32 {
        while self.above[at as usize] != at {
            let up = self.above[self.above[at as usize] as usize];
            self.above[at as usize] = up;
            at = up;
        }
        at
    }

    fn unite(&mut self, one: u32, other: u32) -> u32 {
        let (one, other) = (self.find(one), self.find(other));
        if one == other {
            return one;
        }
        let bigger = self.size[one as usize] >= self.size[other as usize];
        let (top, below) = if bigger { (one, other) } else { (other, one) };
        self.above[below as usize] = top;
        self.size[top as usize] += self.size[below as usize];
        self.least[top as usize] = self.least[top as usize].min(self.least[below as usize]);
        top
    }
}

/// The root of every mail, in the order given: mails with the same root are one thread.
pub fn roots<'a, N>(nodes: N) -> Vec<u64>
where
    N: IntoIterator<Item = (u64, &'a [u64])>,
    N::IntoIter: Clone,
{
    let nodes = nodes.into_iter();
    let mut components = Components::with_capacity(nodes.size_hint().0);
    nodes.clone().for_each(|(id, references)| components.join(id, references));
    nodes.map(|(id, _)| components.root(id).unwrap_or(id)).collect()
}
