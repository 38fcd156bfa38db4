//! The patches of two versions of a series, paired as `git range-diff` pairs commits: so that the sum of what differs is
//! least (the assignment problem, Kuhn 1955), and then what became of each.

use super::edge::Class;
use super::fact::Fact;
use super::similar::{judge, lines};

/// Series with more patches than this are paired greedily, since assignment takes cubic time.
const MOST: usize = 200;

/// Two patches less alike are not one.
const LEAST: f32 = 0.3;

/// Of a part's changed lines so many are in the patch that it was split from.
const SPLIT: f32 = 0.6;

/// What became of a patch.
#[derive(Clone, Debug, PartialEq)]
pub enum Fate {
    /// Nothing changed in its diff.
    Same,
    /// Some of its changed lines are others; the share that is the same.
    Changed(f32),
    /// It is new.
    Added,
    /// It is part of what was one patch: that one's place among the older.
    Split(usize),
    /// It is gone.
    Dropped,
    /// It is gone, and its lines are in this one of the newer.
    Merged(usize),
}

/// A patch of the newer version with its forerunner, or one of either that has no other half. Places in the slices given.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    /// Place among the older.
    pub older: Option<usize>,
    /// Place among the newer.
    pub newer: Option<usize>,
    /// What became of it.
    pub fate: Fate,
    /// On what the pairing rests.
    pub class: Option<Class>,
}

/// How well two patches fit, and on what that rests.
fn weight(older: &Fact, newer: &Fact) -> Option<(f32, Class)> {
    let title = older.title != 0 && older.title == newer.title;
    if let Some(found) = judge(older, newer) {
        let sure = if matches!(found.class, Class::PatchId) { 1.0 } else { 0.9 * found.similarity };
        return Some((sure + if title { 1.0 } else { 0.0 }, found.class));
    }
    let similarity = lines(older, newer);
    match (title, similarity >= LEAST) {
        (true, _) => Some((1.0 + similarity, Class::Subject)),
        (false, true) => Some((similarity, Class::Lines)),
        (false, false) => None,
    }
}

/// Pairs the patches of two versions; in the order of the newer, then what was dropped.
pub fn pair(older: &[Fact], newer: &[Fact]) -> Vec<Pair> {
    let weights: Vec<Vec<Option<(f32, Class)>>> =
        newer.iter().map(|n| older.iter().map(|o| weight(o, n)).collect()).collect();
    let chosen = if older.len().max(newer.len()) <= MOST { assign(&weights, older.len()) } else { greedy(&weights) };
    let mut taken = vec![false; older.len()];
    let mut pairs: Vec<Pair> = Vec::new();
    for (at, forerunner) in chosen.iter().enumerate() {
        let (fate, class) = match forerunner {
            Some(o) => {
                taken[*o] = true;
                let (a, b) = (&older[*o], &newer[at]);
                let similarity = lines(a, b);
                let same = a.patch_id != 0 && a.patch_id == b.patch_id || (a.lines == b.lines && similarity >= 1.0);
                (if same { Fate::Same } else { Fate::Changed(similarity) }, weights[at][*o].map(|(_, class)| class))
            }
            None => (Fate::Added, None),
        };
        pairs.push(Pair { older: *forerunner, newer: Some(at), fate, class });
    }
    for pair in pairs.iter_mut().filter(|pair| pair.older.is_none()) {
        let Some(at) = pair.newer else { continue };
        if let Some(whole) = container(&newer[at], older) {
            (pair.fate, pair.class) = (Fate::Split(whole), Some(Class::Lines));
        }
    }
    for (at, _) in taken.iter().enumerate().filter(|(_, taken)| !**taken) {
        let merged = container(&older[at], newer);
        let fate = merged.map_or(Fate::Dropped, Fate::Merged);
        pairs.push(Pair { older: Some(at), newer: None, fate, class: merged.map(|_| Class::Lines) });
    }
    pairs
}

/// The patch that holds most of the changed lines of `part`.
fn container(part: &Fact, whole: &[Fact]) -> Option<usize> {
    if part.lines < 3 || part.lines as usize > super::fact::SKETCH {
        return None;
    }
    let held = |fact: &Fact| {
        // Above the sketch's length only a share of the lines is known, and what is not known is no evidence.
        let held = part.sketch.iter().filter(|line| fact.sketch.binary_search(line).is_ok()).count();
        held as f32 / part.sketch.len().max(1) as f32
    };
    let best = whole.iter().enumerate().map(|(at, fact)| (at, held(fact))).max_by(|a, b| a.1.total_cmp(&b.1))?;
    (best.1 >= SPLIT).then_some(best.0)
}

fn greedy(weights: &[Vec<Option<(f32, Class)>>]) -> Vec<Option<usize>> {
    let mut all: Vec<(f32, usize, usize)> = Vec::new();
    for (n, row) in weights.iter().enumerate() {
        all.extend(row.iter().enumerate().filter_map(|(o, w)| w.map(|(w, _)| (w, n, o))));
    }
    all.sort_by(|a, b| b.0.total_cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
    let mut chosen = vec![None; weights.len()];
    let mut taken = vec![false; weights.first().map_or(0, Vec::len)];
    for (_, n, o) in all {
        if chosen[n].is_none() && !taken[o] {
            (chosen[n], taken[o]) = (Some(o), true);
        }
    }
    chosen
}

/// The assignment of greatest weight, by shortest augmenting paths with potentials.
fn assign(weights: &[Vec<Option<(f32, Class)>>], older: usize) -> Vec<Option<usize>> {
    let rows = weights.len();
    if rows == 0 || older == 0 {
        return vec![None; rows];
    }
    // A column of its own for each row stands for "no forerunner", so that every row finds one.
    let columns = older + rows;
    let cost = |row: usize, column: usize| -> f64 {
        match weights[row].get(column) {
            Some(Some((weight, _))) => 3.0 - f64::from(*weight),
            Some(None) => 1e6,
            None if column - older == row => 3.0,
            None => 1e6,
        }
    };
    let (mut u, mut v) = (vec![0.0; rows + 1], vec![0.0; columns + 1]);
    let mut row_of = vec![0usize; columns + 1];
    for row in 1..=rows {
        row_of[0] = row;
        let mut column = 0;
        let (mut least, mut used) = (vec![f64::INFINITY; columns + 1], vec![false; columns + 1]);
        let mut way = vec![0usize; columns + 1];
        loop {
            used[column] = true;
            let (at, mut delta, mut next) = (row_of[column], f64::INFINITY, 0);
            for other in 1..=columns {
                if used[other] {
                    continue;
                }
                let reduced = cost(at - 1, other - 1) - u[at] - v[other];
                if reduced < least[other] {
                    (least[other], way[other]) = (reduced, column);
                }
                if least[other] < delta {
                    (delta, next) = (least[other], other);
                }
            }
            for other in 0..=columns {
                if used[other] {
                    u[row_of[other]] += delta;
                    v[other] -= delta;
                } else {
                    least[other] -= delta;
                }
            }
            column = next;
            if row_of[column] == 0 {
                break;
            }
        }
        while column != 0 {
            row_of[column] = row_of[way[column]];
            column = way[column];
        }
    }
    let mut chosen = vec![None; rows];
    for (column, row) in row_of.iter().enumerate().skip(1) {
        if *row > 0 && column <= older && cost(row - 1, column - 1) < 1e5 {
            chosen[row - 1] = Some(column - 1);
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn patch(title: u64, lines: &[u32]) -> Fact {
        let mut sketch = lines.to_vec();
        sketch.sort_unstable();
        Fact {
            title,
            author: (7, 0),
            files: [1].into(),
            lines: sketch.len() as u32,
            sketch: sketch.into(),
            ..Fact::default()
        }
    }

    #[test]
    fn a_renamed_patch_is_paired_by_its_lines_and_a_part_knows_its_whole() {
        let older = [patch(1, &[1, 2, 3, 4, 5, 6]), patch(2, &[10, 11, 12, 13]), patch(3, &[20, 21, 22])];
        let newer = [patch(2, &[10, 11, 12, 13]), patch(9, &[1, 2, 3, 99]), patch(8, &[4, 5, 6]), patch(7, &[50, 51])];
        let pairs = pair(&older, &newer);
        assert_eq!((pairs[0].older, &pairs[0].fate), (Some(1), &Fate::Same));
        // Three of the six lines in either: the part without a foreign line is the nearer one.
        assert_eq!(pairs[1].fate, Fate::Split(0), "{pairs:?}");
        assert_eq!(pairs[2].older, Some(0), "{pairs:?}");
        assert_eq!(pairs[3].fate, Fate::Added);
        assert_eq!((pairs[4].older, &pairs[4].fate), (Some(2), &Fate::Dropped));
    }

    proptest! {
        #[test]
        fn every_patch_is_in_one_pair_and_no_assignment_is_better_than_the_greedy_one_by_less(
            older in prop::collection::vec((1u64..6, prop::collection::btree_set(1u32..30, 1..8)), 0..7),
            newer in prop::collection::vec((1u64..6, prop::collection::btree_set(1u32..30, 1..8)), 0..7),
        ) {
            let facts = |list: &[(u64, std::collections::BTreeSet<u32>)]| -> Vec<Fact> {
                list.iter().map(|(title, lines)| patch(*title, &lines.iter().copied().collect::<Vec<_>>())).collect()
            };
            let (older, newer) = (facts(&older), facts(&newer));
            let pairs = pair(&older, &newer);
            let mut seen: Vec<usize> = pairs.iter().filter_map(|p| p.older).collect();
            seen.sort_unstable();
            prop_assert_eq!(seen, (0..older.len()).collect::<Vec<_>>());
            prop_assert_eq!(pairs.iter().filter_map(|p| p.newer).collect::<Vec<_>>(), (0..newer.len()).collect::<Vec<_>>());
            let weights: Vec<Vec<_>> = newer.iter().map(|n| older.iter().map(|o| weight(o, n)).collect()).collect();
            let sum = |chosen: &[Option<usize>]| -> f32 {
                chosen.iter().enumerate().filter_map(|(n, o)| weights[n][(*o)?].map(|(w, _)| w)).sum()
            };
            prop_assert!(sum(&assign(&weights, older.len())) >= sum(&greedy(&weights)) - 1e-3);
        }
    }
}
