//! Revisions: which patch is a later form of which, and which sendings are versions of one series.
//!
//! A patch is linked to the nearest earlier patch that is a form of the same change. Sendings are joined by what their
//! authors say of them (change-id, `Link to vN`, a cover letter that answers the one before), by the same cover letter,
//! or because enough of their patches are linked; one patch of many that turns up elsewhere has moved and joins nothing.

use rustc_hash::{FxHashMap, FxHashSet};

use super::edge::{Class, Edge, Kind};
use super::fact::{Cited, Fact};
use super::sending::{NONE, Sendings};
use super::similar::{Candidates, Match, same_author};

/// Versions of one series follow each other within this time (seconds): three years.
const SPAN: i64 = 3 * 366 * 86_400;

/// A series with a new title goes on within this time (seconds): two hundred days.
const CONTINUED: i64 = 200 * 86_400;

/// Versions above this are told apart by their number alone.
const HIGH: u32 = 4;

/// Of the smaller sending's patches this share must be linked to join two sendings that nothing else joins.
const SHARE: f32 = 0.34;

/// Sendings and patches by what they are versions of.
#[derive(Clone, Debug, Default)]
pub struct Revisions {
    /// Patch to earlier patch, head to earlier head.
    pub edges: Vec<Edge>,
    /// For each sending the oldest of its chain.
    pub chain: Vec<u32>,
    /// Joins between sendings: later, earlier, and why.
    pub joins: Vec<(u32, u32, Class)>,
}

fn strong(class: Class) -> bool {
    !matches!(class, Class::Lines | Class::Text | Class::Masked)
}

/// Links patches and joins sendings. `place` finds a fact by the hash of its Message-ID.
pub fn find(facts: &[Fact], sendings: &Sendings, known: &Candidates<'_>, place: &FxHashMap<u64, u32>) -> Revisions {
    let mut found = Revisions::default();
    let mut between: FxHashMap<(u32, u32), (u32, Class)> = FxHashMap::default();
    for (at, fact) in facts.iter().enumerate().filter(|(_, f)| f.flags.patch && !f.flags.told) {
        let own = sendings.of[at];
        let earlier = |p: u32| {
            let other = &facts[p as usize];
            let apart = own == NONE || sendings.of[p as usize] != own;
            apart && (other.date, p) < (fact.date, at as u32) && fact.date - other.date < SPAN
        };
        let candidates: Vec<(u32, Match)> = known.of(fact).into_iter().filter(|(p, _)| earlier(*p)).collect();
        for (p, m) in &candidates {
            let theirs = sendings.of[*p as usize];
            if own != NONE && theirs != NONE {
                let entry = between.entry((own, theirs)).or_insert((0, m.class));
                entry.0 += 1;
                entry.1 = entry.1.min(m.class);
            }
        }
        let best = candidates.iter().max_by(|(p, m), (q, n)| {
            let rank = |p: u32, m: &Match| (strong(m.class), facts[p as usize].date, p);
            rank(*p, m).cmp(&rank(*q, n))
        });
        if let Some((p, m)) = best {
            found.edges.push(Edge {
                kind: Kind::Revision,
                from: fact.id,
                to: facts[*p as usize].id,
                class: m.class,
                confidence: m.confidence,
                similarity: (m.similarity * 1000.0) as u16,
            });
        }
    }
    let mut joins = told(facts, sendings, place, &between);
    for ((later, earlier), (links, class)) in &between {
        let size = |at: u32| sendings.all[at as usize].members.iter().filter(|(_, n)| *n > 0).count();
        let smaller = size(*later).min(size(*earlier));
        if *links as f32 >= (SHARE * smaller as f32).max(1.0) {
            joins.push((*later, *earlier, *class));
        }
    }
    for (later, sending) in sendings.all.iter().enumerate() {
        if let Some(earlier) = sending.rerolls {
            joins.push((later as u32, earlier, Class::Reply));
        }
    }
    joins.extend(continued(facts, sendings, &joins));
    joins.sort_unstable();
    joins.dedup_by_key(|(later, earlier, _)| (*later, *earlier));
    found.chain = chains(sendings.all.len(), &joins);
    heads(facts, sendings, &joins, &mut found.edges);
    found.joins = joins;
    found
}

/// Joins that the mails speak of themselves.
fn told(
    facts: &[Fact],
    sendings: &Sendings,
    place: &FxHashMap<u64, u32>,
    between: &FxHashMap<(u32, u32), (u32, Class)>,
) -> Vec<(u32, u32, Class)> {
    let mut joins = Vec::new();
    let mut changes: FxHashMap<u64, u32> = FxHashMap::default();
    let mut covers: FxHashMap<u64, Vec<u32>> = FxHashMap::default();
    let sending_of = |id: u64| place.get(&id).map(|at| sendings.of[*at as usize]).filter(|s| *s != NONE);
    for (number, sending) in sendings.all.iter().enumerate() {
        let number = number as u32;
        let head = &facts[sending.head as usize];
        let shares = |other: u32| between.contains_key(&(number, other)) || between.contains_key(&(other, number));
        let order = |other: u32| (number.max(other), number.min(other));
        for (mail, _) in &sending.members {
            let fact = &facts[*mail as usize];
            if fact.change != 0
                && let Some(earlier) = changes.insert(fact.change, number).filter(|earlier| *earlier != number)
            {
                joins.push((number, earlier, Class::ChangeId));
            }
            for (id, _, _) in fact.cites.iter().filter(|(_, cited, masked)| *cited == Cited::Version && !masked) {
                if let Some(other) = sending_of(*id).filter(|other| *other != number) {
                    let (later, earlier) = order(other);
                    let cited = &facts[sendings.all[other as usize].head as usize];
                    if same_author(cited, head) || cited.title == head.title || shares(other) {
                        joins.push((later, earlier, Class::VersionLink));
                    }
                }
            }
        }
        if let Some(other) = sending_of(head.parent).filter(|other| *other != number) {
            let answered = &sendings.all[other as usize];
            let theirs = &facts[answered.head as usize];
            let grows = sending.version > answered.version && same_author(theirs, head);
            if grows && (theirs.title == head.title || shares(other) || sending.covered == answered.covered) {
                let (later, earlier) = order(other);
                joins.push((later, earlier, Class::Reply));
            }
        }
        if sending.covered && head.title != 0 {
            let same = covers.entry(head.title).or_default();
            for other in same.iter().rev().take(8) {
                let theirs = &facts[sendings.all[*other as usize].head as usize];
                let differs = sendings.all[*other as usize].version != sending.version;
                if same_author(theirs, head) && head.date - theirs.date < SPAN && (differs || shares(*other)) {
                    joins.push((number, *other, Class::Subject));
                    break;
                }
            }
            same.push(number);
        }
    }
    joins
}

/// A version that nothing joins to an earlier one continues the version before it, of the same author, that nothing
/// continues and whose title is most alike: series get new titles as they grow.
fn continued(facts: &[Fact], sendings: &Sendings, joins: &[(u32, u32, Class)]) -> Vec<(u32, u32, Class)> {
    let all = &sendings.all;
    let mut continues: FxHashSet<u32> = FxHashSet::default();
    let mut is_continued: FxHashSet<u32> = FxHashSet::default();
    for (later, earlier, _) in joins {
        if all[*later as usize].version > all[*earlier as usize].version {
            continues.insert(*later);
            is_continued.insert(*earlier);
        }
    }
    let mut open: FxHashMap<(u64, u32), Vec<u32>> = FxHashMap::default();
    let mut found = Vec::new();
    for (number, sending) in all.iter().enumerate() {
        let number = number as u32;
        let head = &facts[sending.head as usize];
        if sending.version.0 > 1 && !continues.contains(&number) {
            let before = open.get_mut(&(head.author.0, sending.version.0 - 1));
            let alike = |other: &u32| {
                let theirs = &facts[all[*other as usize].head as usize];
                let smaller = theirs.words.len().min(head.words.len()).max(1);
                let shared = theirs.words.iter().filter(|word| head.words.binary_search(word).is_ok()).count();
                // High numbers are rare: an author has no two series at their nineteenth version.
                let within = if sending.version.0 > HIGH { SPAN } else { CONTINUED };
                let near = (1..within).contains(&(head.date - theirs.date));
                (near && 2 * shared >= smaller && shared > 0).then_some((shared * 1000 / smaller, *other))
            };
            if let Some(before) = before
                && let Some((_, earlier)) = before.iter().filter_map(alike).max()
            {
                before.retain(|other| *other != earlier);
                found.push((number, earlier, Class::Title));
            }
        }
        if !is_continued.contains(&number) {
            open.entry((head.author.0, sending.version.0)).or_default().push(number);
        }
    }
    found
}

/// The oldest sending of each one's chain: a forest with path halving.
fn chains(sendings: usize, joins: &[(u32, u32, Class)]) -> Vec<u32> {
    let mut above: Vec<u32> = (0..sendings as u32).collect();
    fn top(above: &mut [u32], mut at: u32) -> u32 {
        while above[at as usize] != at {
            above[at as usize] = above[above[at as usize] as usize];
            at = above[at as usize];
        }
        at
    }
    for (later, earlier, _) in joins {
        let (a, b) = (top(&mut above, *later), top(&mut above, *earlier));
        let (low, high) = (a.min(b), a.max(b));
        above[high as usize] = low;
    }
    (0..sendings as u32).map(|at| top(&mut above, at)).collect()
}

/// Cover letters are linked as their sendings are joined, each to the nearest earlier one.
fn heads(facts: &[Fact], sendings: &Sendings, joins: &[(u32, u32, Class)], edges: &mut Vec<Edge>) {
    let mut nearest: FxHashMap<u32, (u32, Class)> = FxHashMap::default();
    for (later, earlier, class) in joins {
        let entry = nearest.entry(*later).or_insert((*earlier, *class));
        if *earlier > entry.0 {
            *entry = (*earlier, *class);
        }
    }
    for (later, (earlier, class)) in nearest {
        let (later, earlier) = (&sendings.all[later as usize], &sendings.all[earlier as usize]);
        if later.covered && earlier.covered {
            edges.push(Edge {
                kind: Kind::Revision,
                from: facts[later.head as usize].id,
                to: facts[earlier.head as usize].id,
                class,
                confidence: 990,
                similarity: 0,
            });
        }
    }
}
