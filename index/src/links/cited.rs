//! Citations between indexed mails, with masked ids completed where one mail alone fits.

use rustc_hash::{FxHashMap, FxHashSet};

use super::edge::{Class, Edge, Kind};
use super::fact::{Cited, Fact};

/// Links from each mail to those of the index that its text names.
pub fn find(facts: &[Fact], place: &FxHashMap<u64, u32>) -> Vec<Edge> {
    let mut locals: FxHashMap<u64, Option<u64>> = FxHashMap::default();
    for masked in facts.iter().flat_map(|f| &f.cites).filter(|(_, _, masked)| *masked) {
        locals.insert(masked.0, None);
    }
    let mut doubled: FxHashSet<u64> = FxHashSet::default();
    if !locals.is_empty() {
        for fact in facts {
            if let Some(found) = locals.get_mut(&fact.local) {
                if found.is_some_and(|known| known != fact.id) {
                    doubled.insert(fact.local);
                }
                *found = Some(fact.id);
            }
        }
        locals.retain(|local, _| !doubled.contains(local));
    }
    let mut edges = Vec::new();
    for fact in facts {
        for (id, cited, masked) in &fact.cites {
            let (to, class) = match (masked, cited) {
                (true, _) => (locals.get(id).copied().flatten(), Class::Masked),
                (false, Cited::Trailer) => (Some(*id), Class::Trailer),
                (false, Cited::Version) => (Some(*id), Class::VersionLink),
                (false, _) => (Some(*id), Class::Text),
            };
            if let Some(to) = to.filter(|to| *to != fact.id && place.contains_key(to)) {
                let confidence = if class == Class::Masked { 980 } else { 1000 };
                edges.push(Edge { kind: Kind::Cites, from: fact.id, to, class, confidence, similarity: 0 });
            }
        }
    }
    edges
}
