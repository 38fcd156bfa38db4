//! The graph of a tree's commits, as kept and as it changes, and the walks over it.

use std::collections::BinaryHeap;
use std::collections::hash_map::Entry;
use std::io;

use rustc_hash::{FxHashMap, FxHashSet};

use super::{Branch, Place, Tag};
use crate::history::command::Link;
use crate::links::edge::commit_node;
use crate::links::records::Records;

/// A name does not follow from what it was: all has to be painted anew.
#[derive(Debug)]
pub(super) struct Rewound;

/// What is kept, and over it what was read or changed.
pub(super) struct Graph {
    kept: Records<Place>,
    /// `None` for one that is not in this tree, as below a shallow clone.
    over: FxHashMap<u64, Option<Place>>,
    changed: FxHashSet<u64>,
    whole: bool,
}

impl Graph {
    pub(super) fn new(kept: Records<Place>) -> Graph {
        Graph { kept, over: FxHashMap::default(), changed: FxHashSet::default(), whole: false }
    }

    /// Adds commits, in any order.
    pub(super) fn add(&mut self, commits: Vec<Link>) -> io::Result<()> {
        let mut open: Vec<u64> = Vec::with_capacity(commits.len());
        for (id, parents, date) in commits {
            let node = commit_node(&id);
            if self.get(node)?.is_none() {
                let parents = parents.iter().map(|parent| commit_node(parent)).collect();
                self.over.insert(node, Some(Place { node, parents, date, ..Place::default() }));
                open.push(node);
            }
        }
        // Parents first, without recursion: their dates bound those of their children from below. Grafts may make a circle of what
        // hashes cannot.
        let (mut entered, mut done): (FxHashSet<u64>, FxHashSet<u64>) = Default::default();
        let new: FxHashSet<u64> = open.iter().copied().collect();
        while let Some(node) = open.pop() {
            if done.contains(&node) {
                continue;
            }
            let Some(place) = self.get(node)? else { continue };
            let (parents, mut date) = (place.parents.clone(), place.date);
            if entered.insert(node) {
                open.push(node);
                open.extend(parents.iter().filter(|parent| new.contains(parent) && !entered.contains(parent)));
                continue;
            }
            for parent in &*parents {
                date = date.max(self.get(*parent)?.map_or(i64::MIN, |place| place.date.saturating_add(1)));
            }
            self.change(node)?.date = date;
            done.insert(node);
        }
        Ok(())
    }

    pub(super) fn get(&mut self, node: u64) -> io::Result<Option<&Place>> {
        Ok(match self.over.entry(node) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(free) => {
                // Where all was loaded, there is no more.
                free.insert(if self.whole { None } else { self.kept.of(node)?.into_iter().next() })
            }
        }
        .as_ref())
    }

    /// What is known of a commit that is there, to be changed.
    fn change(&mut self, node: u64) -> io::Result<&mut Place> {
        self.get(node)?;
        self.changed.insert(node);
        Ok(self.over.entry(node).or_default().get_or_insert_with(|| Place { node, ..Place::default() }))
    }

    /// Forgets all names.
    pub(super) fn wipe(&mut self) -> io::Result<()> {
        let over = &mut self.over;
        self.kept.each(
            |_| true,
            |place: Place| {
                over.entry(place.node).or_insert(Some(place));
            },
        )?;
        self.whole = true;
        for place in self.over.values_mut().flatten() {
            (place.step, place.first, place.tag, place.set) = (0, false, 0, 0);
            self.changed.insert(place.node);
        }
        Ok(())
    }

    /// What has to be written, and the generation that it adds to: all, and 0, where there are many files.
    pub(super) fn into_changed(mut self, files: usize) -> io::Result<(Vec<Place>, u64)> {
        let whole = !self.changed.is_empty() && (self.whole || self.kept.files() == 0 || self.kept.files() >= files);
        if whole && !self.whole {
            let over = &mut self.over;
            self.kept.each(
                |_| true,
                |place: Place| {
                    over.entry(place.node).or_insert(Some(place));
                },
            )?;
        }
        let onto = if whole { 0 } else { self.kept.newest() };
        let all = self.over.into_values().flatten();
        Ok((all.filter(|place| whole || self.changed.contains(&place.node)).collect(), onto))
    }

    /// Brings the main line from its old tip to a new one, and numbers what its new steps are the first to hold.
    pub(super) fn main(&mut self, tip: u64, before: Option<u64>, steps: &mut u32) -> io::Result<Result<(), Rewound>> {
        let (mut line, mut at) = (Vec::new(), Some(tip));
        let mut met = before.is_none();
        while let Some(node) = at {
            let Some(place) = self.get(node)? else { break };
            if place.first {
                met |= before == Some(node);
                break;
            }
            line.push(node);
            at = place.parents.first().copied();
        }
        if !met {
            return Ok(Err(Rewound));
        }
        for node in line.into_iter().rev() {
            *steps += 1;
            let step = *steps;
            let mut open = vec![node];
            while let Some(held) = open.pop() {
                if self.get(held)?.is_none_or(|place| place.step != 0) {
                    continue;
                }
                let place = self.change(held)?;
                (place.step, place.first) = (step, held == node);
                open.extend(place.parents.iter());
            }
        }
        Ok(Ok(()))
    }

    /// Paints what the last of these tags is the first to hold.
    pub(super) fn tag(&mut self, tags: &[Tag]) -> io::Result<()> {
        let number = tags.len() - 1;
        let mut open = vec![tags[number].tip];
        while let Some(node) = open.pop() {
            let Some(place) = self.get(node)? else { continue };
            if place.tag != 0 && tags[place.tag as usize].rank <= tags[number].rank {
                continue;
            }
            let place = self.change(node)?;
            place.tag = number as u32;
            open.extend(place.parents.iter());
        }
        Ok(())
    }

    /// Brings a branch to its tip. One that does not follow from what it was gets another number: what bears the old one counts
    /// no more.
    pub(super) fn branch(
        &mut self,
        name: &str,
        tip: u64,
        before: Option<Branch>,
        next: &mut u32,
        sets: &mut Vec<Vec<u32>>,
    ) -> io::Result<Branch> {
        if let Some(before) = before {
            let (held, upto, met) = self.beside(tip, Some(&before), sets)?;
            let old = self.get(before.tip)?.map_or((0, false), |place| (place.step, true));
            if met || old.1 && old.0 != 0 && old.0 <= upto {
                self.mark(&held, before.number, sets)?;
                return Ok(Branch { tip, upto, ..before });
            }
        }
        let (held, upto, _) = self.beside(tip, None, sets)?;
        let number = *next;
        *next += 1;
        self.mark(&held, number, sets)?;
        Ok(Branch { name: name.to_owned(), tip, number, upto })
    }

    /// The commits that a tip holds and the steps of the main line that it holds do not, without those that it held `before`; the
    /// last of these steps; and whether the tip before was met.
    fn beside(&mut self, tip: u64, before: Option<&Branch>, sets: &[Vec<u32>]) -> io::Result<(Vec<u64>, u32, bool)> {
        let (mut held, mut upto, mut met) = (Vec::new(), 0, false);
        let mut seen = FxHashSet::default();
        // The newest first, so that the last step is met before what it holds.
        let mut open: BinaryHeap<(i64, u64)> = BinaryHeap::new();
        open.extend(self.get(tip)?.map(|place| (place.date, tip)));
        while let Some((_, node)) = open.pop() {
            let Some(place) = self.get(node)? else { continue };
            met |= before.is_some_and(|before| before.tip == node);
            if place.first {
                upto = upto.max(place.step);
                continue;
            }
            if place.step != 0 && place.step <= upto {
                continue;
            }
            let set = sets.get(place.set as usize).map(Vec::as_slice).unwrap_or_default();
            if let Some(before) = before.filter(|before| set.binary_search(&before.number).is_ok()) {
                upto = upto.max(before.upto);
                continue;
            }
            held.push(node);
            for parent in place.parents.clone() {
                if seen.insert(parent) {
                    open.extend(self.get(parent)?.map(|place| (place.date, parent)));
                }
            }
        }
        Ok((held, upto, met))
    }

    /// Adds a branch to the sets of these commits.
    fn mark(&mut self, nodes: &[u64], number: u32, sets: &mut Vec<Vec<u32>>) -> io::Result<()> {
        // The same few sets grow by the same branch over and over.
        let mut grown: FxHashMap<u32, u32> = FxHashMap::default();
        let mut places: FxHashMap<Vec<u32>, u32> = FxHashMap::default();
        for node in nodes {
            let set = self.get(*node)?.map_or(0, |place| place.set);
            let with = match grown.get(&set) {
                Some(with) => *with,
                None => {
                    if places.is_empty() {
                        places.extend(sets.iter().enumerate().map(|(at, set)| (set.clone(), at as u32)));
                    }
                    let mut larger = sets[set as usize].clone();
                    if let Err(at) = larger.binary_search(&number) {
                        larger.insert(at, number);
                    }
                    let with = *places.entry(larger).or_insert_with_key(|larger| {
                        sets.push(larger.clone());
                        sets.len() as u32 - 1
                    });
                    grown.insert(set, with);
                    with
                }
            };
            self.change(*node)?.set = with;
        }
        Ok(())
    }
}
