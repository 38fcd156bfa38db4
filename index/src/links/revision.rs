//! Revisions: which patch is a later form of which, and which sendings are versions of one series.
//!
//! Sendings are judged whole. They are joined by what their authors say of them (change-id, `Link to vN`, a next version that
//! answers the one before), by the same cover letter, or because most of what both carry corresponds. A patch is linked to the
//! nearest earlier form of it in its own series; one that turns up in another series was taken from there, which is a link of
//! its own kind and joins nothing, as is a backport. All of it is decided in buckets (a title, a change-id, the patches that
//! correspond), so that a new mail touches its own buckets alone.

use rustc_hash::{FxHashMap, FxHashSet};

use super::edge::{Class, Edge, Kind};
use super::fact::{Cited, Fact};
use super::sending::{NONE, Sending, Sendings};
use super::similar::{Candidates, Match, same_author};

/// Versions of one series follow each other within this time (seconds): three years.
const SPAN: i64 = 3 * 366 * 86_400;

/// What the joining of sendings weighs. The defaults were chosen by `provenance __score tune`, on one list and tested on
/// another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rules {
    /// A series with a new title goes on within this time (seconds).
    pub continued: i64,
    /// Versions above this are told apart by their number alone.
    pub high: u32,
    /// Two sendings are one series if this share of the patches of the smaller correspond, and more than it of the larger.
    pub most: f32,
    /// The same for the larger where the sender numbers the later one as a next version: series grow.
    pub grown: f32,
}

impl Default for Rules {
    fn default() -> Rules {
        Rules { continued: 200 * 86_400, high: 4, most: 0.5, grown: 0.25 }
    }
}

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

/// Which patches of two sendings correspond: those of the later, those of the earlier, and the strongest reason.
struct Between {
    later: FxHashSet<u32>,
    earlier: FxHashSet<u32>,
    class: Class,
}

type Pairs = FxHashMap<(u32, u32), Between>;

fn strong(class: Class) -> bool {
    !matches!(class, Class::Lines | Class::Text | Class::Masked)
}

/// Links patches and joins sendings. `place` finds a fact by the hash of its Message-ID.
pub fn find(
    facts: &[Fact],
    sendings: &Sendings,
    known: &Candidates<'_>,
    place: &FxHashMap<u64, u32>,
    rules: &Rules,
) -> Revisions {
    let mut found = Revisions::default();
    let mut between: Pairs = FxHashMap::default();
    let mut forms: Vec<(u32, Vec<(u32, Match)>)> = Vec::new();
    for (at, fact) in facts.iter().enumerate().filter(|(_, f)| f.flags.patch && !f.flags.told) {
        let (at, own) = (at as u32, sendings.of[at]);
        let earlier = |p: u32| {
            let other = &facts[p as usize];
            let apart = own == NONE || sendings.of[p as usize] != own;
            apart && (other.date, p) < (fact.date, at) && fact.date - other.date < SPAN
        };
        let candidates: Vec<(u32, Match)> = known.of(fact).into_iter().filter(|(p, _)| earlier(*p)).collect();
        for (p, m) in &candidates {
            let theirs = sendings.of[*p as usize];
            if own != NONE && theirs != NONE {
                let entry = between.entry((own, theirs)).or_insert_with(|| Between {
                    later: FxHashSet::default(),
                    earlier: FxHashSet::default(),
                    class: m.class,
                });
                entry.later.insert(at);
                entry.earlier.insert(*p);
                entry.class = entry.class.min(m.class);
            }
        }
        if !candidates.is_empty() {
            forms.push((at, candidates));
        }
    }
    let mut joins = told(facts, sendings, place, &between);
    // Of the earlier sendings that may be the one before, the one of which most is found again; the others are joined to it
    // where they are of its series, and not to this one by a patch that was in two.
    let mut best: FxHashMap<u32, ((u32, u32), u32, Class)> = FxHashMap::default();
    for ((later, earlier), shared) in &between {
        let (new, old) = (&sendings.all[*later as usize], &sendings.all[*earlier as usize]);
        if new.stable == old.stable
            && let Some(share) = share(facts, new, old, shared, rules)
        {
            let found = ((share, *earlier), *earlier, shared.class);
            let known = best.entry(*later).or_insert(found);
            if found.0 > known.0 {
                *known = found;
            }
        }
    }
    joins.extend(best.into_iter().map(|(later, (_, earlier, class))| (later, earlier, class)));
    for (later, sending) in sendings.all.iter().enumerate() {
        if let Some(earlier) = sending.rerolls {
            joins.push((later as u32, earlier, Class::Reply));
        }
    }
    // A backport stands beside the series that it comes from, whatever says that they are alike.
    let beside = |a: u32, b: u32| sendings.all[a as usize].stable != sendings.all[b as usize].stable;
    joins.retain(|(later, earlier, _)| !beside(*later, *earlier));
    joins.extend(continued(facts, sendings, &joins, rules));
    joins.sort_unstable();
    joins.dedup_by_key(|(later, earlier, _)| (*later, *earlier));
    found.chain = chains(sendings.all.len(), &joins);
    let chain_of = |at: u32| Some(sendings.of[at as usize]).filter(|of| *of != NONE).map(|of| found.chain[of as usize]);
    for (at, candidates) in forms {
        let rank = |p: u32, m: &Match| (chain_of(p) == chain_of(at), strong(m.class), facts[p as usize].date, p);
        let best = candidates.iter().max_by(|(p, m), (q, n)| rank(*p, m).cmp(&rank(*q, n)));
        if let Some((p, m)) = best {
            let apart = chain_of(*p).zip(chain_of(at)).is_some_and(|(one, other)| one != other);
            found.edges.push(Edge {
                kind: if apart { Kind::Taken } else { Kind::Revision },
                from: facts[at as usize].id,
                to: facts[*p as usize].id,
                class: m.class,
                confidence: m.confidence,
                similarity: (m.similarity * 1000.0) as u16,
            });
        }
    }
    heads(facts, sendings, &joins, &mut found.edges);
    found.joins = joins;
    found
}

/// Whether one person wrote or sent both: who numbers the versions of a series need not be the author of its first patch.
fn same_hand(one: &Fact, other: &Fact) -> bool {
    same_author(one, other) || one.sender != 0 && one.sender == other.sender
}

/// The share of the larger sending, in per mille, that corresponds, if that is most of what both carry. One patch of a series that is sent alone, or again in a larger
/// series, is a patch that moved; a reroll that its author numbers as the next version may be smaller or larger.
fn share(facts: &[Fact], later: &Sending, earlier: &Sending, shared: &Between, rules: &Rules) -> Option<u32> {
    let parts = |sending: &Sending| {
        let numbers: FxHashSet<u32> = sending.members.iter().map(|(_, number)| *number).filter(|n| *n > 0).collect();
        numbers.len().max(1)
    };
    let (a, b) = (parts(later), parts(earlier));
    let links = shared.later.len().min(shared.earlier.len()) as f32;
    let (smaller, larger) = (a.min(b) as f32, a.max(b) as f32);
    let (head, theirs) = (&facts[later.head as usize], &facts[earlier.head as usize]);
    let grown = later.version > earlier.version && same_hand(head, theirs);
    let most = if grown { links >= rules.grown * larger } else { links > rules.most * larger };
    (links >= rules.most * smaller && most).then_some((1000.0 * links / larger) as u32)
}

/// Whether two sendings change a file in common, as far as that is known: where one of them has no patch, nothing speaks
/// against it. A series for the kernel and the one for its tools have one title and no file in common.
fn meet(facts: &[Fact], one: &Sending, other: &Sending) -> bool {
    let files = |sending: &Sending| -> FxHashSet<u32> {
        sending.members.iter().flat_map(|(mail, _)| facts[*mail as usize].files.iter().copied()).collect()
    };
    let (one, other) = (files(one), files(other));
    one.is_empty() || other.is_empty() || one.iter().any(|file| other.contains(file))
}

/// Joins that the mails speak of themselves.
fn told(facts: &[Fact], sendings: &Sendings, place: &FxHashMap<u64, u32>, between: &Pairs) -> Vec<(u32, u32, Class)> {
    let mut joins = Vec::new();
    let mut changes: FxHashMap<u64, u32> = FxHashMap::default();
    let mut covers: FxHashMap<(u64, u64), [Option<u32>; 2]> = FxHashMap::default();
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
                    if same_hand(cited, head) || cited.title == head.title || shares(other) {
                        joins.push((later, earlier, Class::VersionLink));
                    }
                }
            }
        }
        if let Some(other) = sending_of(head.parent).filter(|other| *other != number) {
            let answered = &sendings.all[other as usize];
            let theirs = &facts[answered.head as usize];
            let grows = sending.version > answered.version && same_hand(theirs, head);
            let next = sending.version.0 == answered.version.0 + 1
                && sending.covered == answered.covered
                && meet(facts, sending, answered);
            if grows && (theirs.title == head.title || shares(other) || next) {
                let (later, earlier) = order(other);
                joins.push((later, earlier, Class::Reply));
            }
        }
        if sending.covered && head.title != 0 {
            // The last one of the same title and author, and the last of another version than that.
            for person in [head.author.0, head.author.1].into_iter().filter(|person| *person != 0) {
                let last = covers.entry((head.title, person)).or_default();
                let fits = |other: &u32| {
                    let theirs = &facts[sendings.all[*other as usize].head as usize];
                    let differs = sendings.all[*other as usize].version != sending.version;
                    let meet = || differs && meet(facts, sending, &sendings.all[*other as usize]);
                    head.date - theirs.date < SPAN && (shares(*other) || meet())
                };
                if let Some(other) = last.iter().flatten().copied().find(fits) {
                    joins.push((number, other, Class::Subject));
                }
                if last[0].is_some_and(|other| sendings.all[other as usize].version != sending.version) {
                    last[1] = last[0];
                }
                last[0] = Some(number);
            }
        }
    }
    joins
}

/// A version that nothing joins to an earlier one continues the version before it, of the same author, that nothing
/// continues and whose title is most alike: series get new titles as they grow.
fn continued(
    facts: &[Fact],
    sendings: &Sendings,
    joins: &[(u32, u32, Class)],
    rules: &Rules,
) -> Vec<(u32, u32, Class)> {
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
                let within = if sending.version.0 > rules.high { SPAN } else { rules.continued };
                let near = (1..within).contains(&(head.date - theirs.date)) && theirs.stable == head.stable;
                let meet = || sending.version.0 > rules.high || meet(facts, sending, &all[*other as usize]);
                (near && 2 * shared >= smaller && shared > 0 && meet()).then_some((shared * 1000 / smaller, *other))
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
