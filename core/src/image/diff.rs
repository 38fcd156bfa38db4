//! What each owner gained and lost between two images. Addresses move with every build, so functions are compared: how
//! many sites of each owner each one has, and which owners meet in it.

use std::collections::{BTreeMap, BTreeSet};

use super::Image;
use super::overlap::Rank;
use super::owner::Owner;

/// How one owner changed.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Change {
    /// The mechanism whose sites are counted.
    pub owner: Owner,
    /// Sites before and after.
    pub sites: (usize, usize),
    /// Functions with sites that had none, and how many.
    pub gained: Vec<(String, usize)>,
    /// Functions that lost all.
    pub lost: Vec<(String, usize)>,
    /// Functions whose number of sites changed: before, after.
    pub changed: Vec<(String, usize, usize)>,
}

/// Two images compared.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Diff {
    /// Owners whose sites differ.
    pub changes: Vec<Change>,
    /// Owners that meet in a function of the new image and did not in the old one, other than by design.
    pub newly: Vec<(String, Owner, Owner, Rank)>,
    /// Those that no longer meet.
    pub no_longer: Vec<(String, Owner, Owner, Rank)>,
}

type Meets = BTreeSet<(String, Owner, Owner, Rank)>;

fn sites(image: &Image) -> BTreeMap<Owner, BTreeMap<String, usize>> {
    let mut out: BTreeMap<Owner, BTreeMap<String, usize>> = BTreeMap::new();
    for span in image.spans() {
        let name = image.function_name(span.addr).map_or_else(|| image.place(span.addr), |n| n.into_owned());
        *out.entry(span.owner).or_default().entry(name).or_default() += 1;
    }
    out
}

fn meets(image: &Image) -> Meets {
    let told = image.meetings().into_iter().filter(|m| m.rank != Rank::ByDesign);
    told.map(|m| {
        let name = image.function_name(m.addr).map_or_else(|| image.place(m.addr), |n| n.into_owned());
        let (a, b) = (m.first.owner.min(m.second.owner), m.first.owner.max(m.second.owner));
        (name, a, b, m.rank)
    })
    .collect()
}

/// Compares two images.
#[must_use]
pub fn diff(old: &Image, new: &Image) -> Diff {
    let (before, after) = (sites(old), sites(new));
    let none = BTreeMap::new();
    let mut out = Diff::default();
    for owner in Owner::ALL {
        let (a, b) = (before.get(&owner).unwrap_or(&none), after.get(&owner).unwrap_or(&none));
        let mut change = Change {
            owner,
            sites: (a.values().sum(), b.values().sum()),
            gained: Vec::new(),
            lost: Vec::new(),
            changed: Vec::new(),
        };
        for (name, &count) in b {
            match a.get(name) {
                None => change.gained.push((name.clone(), count)),
                Some(&was) if was != count => change.changed.push((name.clone(), was, count)),
                Some(_) => {}
            }
        }
        change.lost = a.iter().filter(|(name, _)| !b.contains_key(*name)).map(|(n, c)| (n.clone(), *c)).collect();
        if !(change.gained.is_empty() && change.lost.is_empty() && change.changed.is_empty()) {
            out.changes.push(change);
        }
    }
    let (before, after) = (meets(old), meets(new));
    out.newly = after.difference(&before).cloned().collect();
    out.no_longer = before.difference(&after).cloned().collect();
    out
}
