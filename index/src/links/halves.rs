//! Patches that were put together into one commit, and patches that became several commits.
//!
//! Only the changed lines say so, and only where all of them are known: of a patch above the sketch's length nothing is claimed.

use rustc_hash::FxHashMap;

use super::edge::{Class, Edge, Kind};
use super::fact::{Fact, SKETCH};
use super::similar::{Candidates, same_author};

/// What is put together was sent within this time before the commit (seconds), or so much after it: clocks.
const FRESH: i64 = 90 * 86_400;
const LATE: i64 = 3_600;

/// Of a part's lines so many are in the whole.
const HELD: f32 = 0.8;

/// Of the whole's lines so many are in the parts together.
const WHOLE: f32 = 0.8;

/// Each part has so many lines that no other has.
const OWN: usize = 3;

/// How sure it is, in per mille.
const CONFIDENCE: u16 = 930;

/// A commit that holds a part of a patch: place of the patch, the commit's node, its lines.
pub type Half = (u32, u64, Box<[u32]>);

fn is_known(fact: &Fact) -> bool {
    (OWN..=SKETCH).contains(&(fact.lines as usize)) && fact.sketch.len() == fact.lines as usize
}

fn shared<'l>(a: &'l [u32], b: &'l [u32]) -> impl Iterator<Item = u32> + 'l {
    a.iter().copied().filter(|line| b.binary_search(line).is_ok())
}

/// Share of the first's lines that the second has.
fn held(part: &Fact, whole: &[u32]) -> f32 {
    shared(&part.sketch, whole).count() as f32 / part.sketch.len().max(1) as f32
}

fn fresh(mail: &Fact, commit: &Fact) -> bool {
    (-LATE..FRESH).contains(&(commit.date - mail.date))
}

fn below(part: &Fact, whole: &Fact) -> bool {
    part.files.iter().all(|file| whole.files.binary_search(file).is_ok())
}

/// The patches that were put together into a commit, where `best` is the one that is most like it, if any is: the others, and
/// itself where it is wholly a part. None unless at least two make up the commit.
pub fn squashed(node: u64, commit: &Fact, best: Option<u32>, facts: &[Fact], known: &Candidates<'_>) -> Vec<Edge> {
    if !is_known(commit) {
        return Vec::new();
    }
    let part = |at: u32| {
        let mail = &facts[at as usize];
        let fits = is_known(mail) && fresh(mail, commit) && below(mail, commit) && !mail.flags.told;
        (fits && held(mail, &commit.sketch) >= HELD).then_some(at)
    };
    let mut parts: Vec<u32> = known.sharing(commit).into_iter().filter_map(part).collect();
    // What is most like it first, then the largest, then the newest form.
    parts.sort_by_key(|at| {
        let mail = &facts[*at as usize];
        (std::cmp::Reverse((Some(*at) == best, mail.lines)), std::cmp::Reverse((mail.date, *at)))
    });
    let mut chosen: Vec<(u32, f32)> = Vec::new();
    let mut covered: Vec<u32> = Vec::new();
    for at in parts {
        let mail = &facts[at as usize];
        let related = |other: &Fact| {
            same_author(mail, commit)
                || mail.parent == other.id
                || other.parent == mail.id
                || mail.stem != 0 && mail.stem == other.stem
        };
        // Another form of what is there already is no other part.
        let form = |other: &Fact| mail.title != 0 && mail.title == other.title && same_author(mail, other);
        let others = || chosen.iter().map(|(at, _)| &facts[*at as usize]);
        let new: Vec<u32> =
            shared(&mail.sketch, &commit.sketch).filter(|line| covered.binary_search(line).is_err()).collect();
        let own = new.len() >= OWN && new.len() * 2 > mail.sketch.len();
        let fits =
            if chosen.is_empty() { same_author(mail, commit) } else { others().any(related) && !others().any(form) };
        if own && fits {
            chosen.push((at, held(mail, &commit.sketch)));
            covered.extend(new);
            covered.sort_unstable();
        }
    }
    if chosen.len() < 2 || (covered.len() as f32) < WHOLE * commit.sketch.len() as f32 {
        return Vec::new();
    }
    chosen.into_iter().map(|(at, share)| edge(Kind::Squashed, facts[at as usize].id, node, share)).collect()
}

fn edge(kind: Kind, from: u64, to: u64, share: f32) -> Edge {
    Edge { kind, from, to, class: Class::Lines, confidence: CONFIDENCE, similarity: (share * 1000.0) as u16 }
}

/// The newest patch that a commit may be a part of.
pub fn half(node: u64, commit: &Fact, facts: &[Fact], known: &Candidates<'_>) -> Option<Half> {
    if !is_known(commit) {
        return None;
    }
    let whole = |at: &u32| {
        let mail = &facts[*at as usize];
        let larger = is_known(mail) && (commit.lines as f32) < WHOLE * mail.lines as f32;
        larger
            && fresh(mail, commit)
            && same_author(mail, commit)
            && !mail.flags.told
            && held(commit, &mail.sketch) >= HELD
    };
    let newest = known.sharing(commit).into_iter().filter(whole).max_by_key(|at| facts[*at as usize].date)?;
    let mail = &facts[newest as usize];
    Some((newest, node, shared(&commit.sketch, &mail.sketch).collect()))
}

/// The patches that became several commits: those whose halves make them up.
pub fn split(halves: Vec<Half>, facts: &[Fact]) -> Vec<Edge> {
    /// Commits, and the lines of the patch that each holds.
    type Parts = Vec<(u64, Box<[u32]>)>;
    let mut of: FxHashMap<u32, Parts> = FxHashMap::default();
    for (mail, node, lines) in halves {
        let parts = of.entry(mail).or_default();
        // A commit of a tree may be told of by a mail too.
        if !parts.iter().any(|(known, _)| *known == node) {
            parts.push((node, lines));
        }
    }
    let mut edges = Vec::new();
    for (mail, mut parts) in of {
        parts.sort_by_key(|(node, lines)| (std::cmp::Reverse(lines.len()), *node));
        let (mut covered, mut chosen): (Vec<u32>, Vec<(u64, usize)>) = Default::default();
        for (node, lines) in parts {
            let new: Vec<u32> = lines.iter().copied().filter(|line| covered.binary_search(line).is_err()).collect();
            if new.len() >= OWN && new.len() * 2 > lines.len() {
                chosen.push((node, lines.len()));
                covered.extend(new);
                covered.sort_unstable();
            }
        }
        let fact = &facts[mail as usize];
        let all = fact.sketch.len().max(1) as f32;
        if chosen.len() >= 2 && covered.len() as f32 >= WHOLE * all {
            edges.extend(chosen.into_iter().map(|(node, lines)| edge(Kind::Split, fact.id, node, lines as f32 / all)));
        }
    }
    edges
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patch(id: u64, title: u64, date: i64, lines: std::ops::Range<u32>) -> Fact {
        let mut fact = Fact { id, title, date, author: (7, 0), files: [1].into(), ..Fact::default() };
        fact.flags.patch = true;
        (fact.lines, fact.sketch) = (lines.len() as u32, lines.collect());
        fact
    }

    fn with<'f>(facts: &'f [Fact]) -> Candidates<'f> {
        Candidates::new(facts, &(0..facts.len() as u32).collect::<Vec<_>>())
    }

    #[test]
    fn two_patches_became_one_commit_and_an_older_form_of_one_is_no_part() {
        let facts =
            [patch(1, 10, 100, 0..6), patch(2, 10, 200, 0..7), patch(3, 11, 210, 7..12), patch(4, 12, 220, 90..99)];
        let commit = patch(0, 10, 1_000, 0..12);
        let ids = |edges: Vec<Edge>| edges.into_iter().map(|e| (e.from, e.similarity)).collect::<Vec<_>>();
        assert_eq!(ids(squashed(5, &commit, Some(1), &facts, &with(&facts))), [(2, 1000), (3, 1000)]);
        // One alone, or two that leave much of it, are none.
        assert!(squashed(5, &commit, Some(1), &facts[..2], &with(&facts[..2])).is_empty());
        assert!(squashed(5, &patch(0, 10, 1_000, 0..20), Some(1), &facts, &with(&facts)).is_empty());
    }

    #[test]
    fn a_patch_became_two_commits() {
        let facts = [patch(1, 10, 100, 0..12)];
        let known = with(&facts);
        let halves = |parts: &[(u64, std::ops::Range<u32>)]| -> Vec<Half> {
            parts
                .iter()
                .filter_map(|(node, lines)| half(*node, &patch(0, 50 + node, 900, lines.clone()), &facts, &known))
                .collect()
        };
        let nodes = |edges: Vec<Edge>| edges.into_iter().map(|e| (e.to, e.similarity)).collect::<Vec<_>>();
        assert_eq!(nodes(split(halves(&[(8, 0..7), (9, 7..12)]), &facts)), [(8, 583), (9, 416)]);
        assert!(split(halves(&[(8, 0..7)]), &facts).is_empty(), "half of it is elsewhere");
        assert!(split(halves(&[(8, 0..7), (9, 30..35)]), &facts).is_empty());
    }
}
