//! Sendings: the mails that were sent together as one version of a series, whether threaded or not.

use provenance_corpus::series::{self, Mail};
use rustc_hash::FxHashMap;

use super::fact::Fact;

/// Mails of one sender, version and total that answer nothing were sent together if no gap is longer (seconds).
const GAP: i64 = 1_800;

/// No sending.
pub const NONE: u32 = u32::MAX;

/// One version of a series. Mails are places in the facts.
#[derive(Clone, Debug)]
pub struct Sending {
    /// Cover letter, or the first part that is there.
    pub head: u32,
    /// Whether the head is a cover letter.
    pub covered: bool,
    /// `v5.1` is (5, 1).
    pub version: (u32, u32),
    /// Hash of the older kernel that it is for; 0 for the newest.
    pub stable: u64,
    /// Marked `RFC`.
    pub rfc: bool,
    /// Parts that its subjects promise.
    pub total: u32,
    /// Oldest date.
    pub date: i64,
    /// Mails with their numbers, the cover letter first.
    pub members: Vec<(u32, u32)>,
    /// A reroll of some parts of this sending.
    pub rerolls: Option<u32>,
}

/// All sendings, and which one a mail belongs to.
#[derive(Clone, Debug, Default)]
pub struct Sendings {
    /// By date.
    pub all: Vec<Sending>,
    /// For each fact its sending, or [`NONE`].
    pub of: Vec<u32>,
}

/// Finds the sendings of all patches and cover letters. `roots` names the thread of each fact.
pub fn find(facts: &[Fact], roots: &[u64]) -> Sendings {
    let mut groups: FxHashMap<u64, Vec<u32>> = FxHashMap::default();
    for (at, root) in groups_of(facts, roots) {
        groups.entry(root).or_default().push(at);
    }
    let mut groups: Vec<Vec<u32>> = groups.into_values().collect();
    groups.iter_mut().for_each(|group| group.sort_unstable());
    groups.sort_unstable();
    let mut found = Sendings { all: Vec::new(), of: vec![NONE; facts.len()] };
    for group in groups {
        add(&mut found.all, facts, &group);
    }
    let mut order: Vec<u32> = (0..found.all.len() as u32).collect();
    order.sort_by_key(|at| (found.all[*at as usize].date, found.all[*at as usize].head));
    let mut place = vec![0u32; order.len()];
    order.iter().enumerate().for_each(|(new, old)| place[*old as usize] = new as u32);
    found.all = order.iter().map(|at| found.all[*at as usize].clone()).collect();
    for (number, sending) in found.all.iter_mut().enumerate() {
        sending.rerolls = sending.rerolls.map(|at| place[at as usize]);
        for (mail, _) in &sending.members {
            found.of[*mail as usize] = number as u32;
        }
    }
    found
}

/// Each mail that may be part of a series with the group in which its series is looked for: its thread, joined with those
/// whose ids have the same stem and, for mails that answer nothing, with what the same hand sent in one go. Each group is
/// found by the buckets of its own mails: no rule looks at the whole archive.
fn groups_of(facts: &[Fact], roots: &[u64]) -> Vec<(u32, u64)> {
    let mut loose = FxHashMap::default();
    let mut stems: FxHashMap<(u64, u32), u64> = FxHashMap::default();
    let mut above: FxHashMap<u64, u64> = FxHashMap::default();
    let relevant = |f: &Fact| (f.flags.patch || f.flags.cover || f.part.is_some()) && !f.flags.reply && !f.flags.told;
    for (at, fact) in facts.iter().enumerate().filter(|(_, f)| relevant(f)) {
        let Some((_, total)) = fact.part.filter(|(_, total)| *total > 1) else { continue };
        if fact.stem != 0 {
            let group = *stems.entry((fact.stem, total)).or_insert(roots[at]);
            join(&mut above, group, roots[at]);
        }
        if fact.parent != 0 {
            continue;
        }
        match loose.get_mut(&(fact.sender, total)) {
            Some((last, group)) if fact.date - *last <= GAP => {
                *last = fact.date;
                join(&mut above, *group, roots[at]);
            }
            _ => {
                loose.insert((fact.sender, total), (fact.date, roots[at]));
            }
        }
    }
    let relevant = facts.iter().enumerate().filter(|(_, f)| relevant(f));
    relevant.map(|(at, _)| (at as u32, top(&mut above, roots[at]))).collect()
}

/// The group of a thread, by the threads that were joined with it.
fn top(above: &mut FxHashMap<u64, u64>, mut at: u64) -> u64 {
    while let Some(up) = above.get(&at).copied() {
        if let Some(next) = above.get(&up).copied() {
            above.insert(at, next);
        }
        at = up;
    }
    at
}

fn join(above: &mut FxHashMap<u64, u64>, one: u64, other: u64) {
    let (a, b) = (top(above, one), top(above, other));
    if a != b {
        above.insert(a.max(b), a.min(b));
    }
}

fn add(all: &mut Vec<Sending>, facts: &[Fact], group: &[u32]) {
    let name = |n: u64| format!("{n:016x}");
    let names: Vec<[String; 5]> = group
        .iter()
        .map(|at| &facts[*at as usize])
        .map(|f| {
            let stem = if f.stem == 0 { String::new() } else { name(f.stem) };
            [name(f.id), name(f.parent), name(f.sender), name(f.title), stem]
        })
        .collect();
    let mails: Vec<Mail<'_>> = group
        .iter()
        .zip(&names)
        .map(|(at, [id, parent, sender, title, stem])| {
            let fact = &facts[*at as usize];
            Mail {
                message_id: id,
                stem,
                in_reply_to: (fact.parent != 0).then_some(parent.as_str()),
                author: sender,
                date: fact.date,
                reply: fact.flags.reply,
                version: fact.version,
                number: fact.part.map(|(number, _)| number),
                total: fact.part.map(|(_, total)| total),
                title,
                rfc: fact.flags.rfc,
                resend: fact.flags.resend,
                diff: fact.flags.patch,
            }
        })
        .collect();
    let first = all.len() as u32;
    for series in series::find(&mails) {
        let Some(head) = series.head() else { continue };
        let covers = series.cover.iter().chain(&series.more_covers).map(|at| (*at, 0));
        let parts = series.parts.iter().chain(&series.beyond);
        let parts = parts.flat_map(|(number, mails)| mails.iter().map(move |at| (*at, *number)));
        all.push(Sending {
            head: group[head as usize],
            covered: series.cover.is_some(),
            version: series.version,
            stable: facts[group[head as usize] as usize].stable,
            rfc: series.rfc,
            total: series.total,
            date: series.date,
            members: covers.chain(parts).map(|(at, number)| (group[at as usize], number)).collect(),
            // Every series that `find` returns has a head, so that places and series agree.
            rerolls: series.rerolls.map(|at| first + at),
        });
    }
}
