//! How good the links are: what the mails say of themselves is hidden from the linker, and its claims are compared with it.

pub mod clusters;

use std::collections::BTreeMap;
use std::fmt::Write;

use rustc_hash::{FxHashMap, FxHashSet};

use self::clusters::Measures;
use super::derive::{Derived, derive, derive_by};
use super::edge::{Class, Kind, commit_node};
use super::fact::{Cited, Fact, Told};
use super::revision::Rules;
use super::sending::NONE;

/// Claims of one class: how many, how many are right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Links that were claimed.
    pub claims: u32,
    /// Right ones.
    pub right: u32,
}

impl Count {
    fn add(&mut self, right: bool) {
        self.claims += 1;
        self.right += u32::from(right);
    }

    /// Share of right claims; 1 where there is none.
    pub fn share(self) -> f64 {
        if self.claims == 0 { 1.0 } else { f64::from(self.right) / f64::from(self.claims) }
    }

    /// Wilson's interval of the share at 95 % (Wilson 1927).
    pub fn interval(self) -> (f64, f64) {
        if self.claims == 0 {
            return (0.0, 1.0);
        }
        let (n, p, z) = (f64::from(self.claims), self.share(), 1.96);
        let middle = p + z * z / (2.0 * n);
        let half = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
        let scale = 1.0 + z * z / n;
        (((middle - half) / scale).max(0.0), ((middle + half) / scale).min(1.0))
    }
}

/// How commits are found, with everything hidden that names their mails.
#[derive(Clone, Debug, Default)]
pub struct Dig {
    /// Commits told of whose mail has a `Link:`.
    pub linked: u32,
    /// Of these, those whose target is an indexed patch.
    pub pairs: u32,
    /// Pairs for which the target or another revision of it was claimed.
    pub found: u32,
    /// Pairs whose target is a patch of its own and no draft inside a reply.
    pub postings: u32,
    /// Of these, pairs that were found.
    pub postings_found: u32,
    /// Patches that were put together into the commit, or of which it is a part: hashes of the robot's mail and of the patch,
    /// the kind, and whether the patch, or a mail of its thread, is the target.
    pub parts: Vec<(u64, u64, Kind, bool)>,
    /// Pairs that were missed: hashes of the robot's mail and of the target.
    pub missed: Vec<(u64, u64)>,
    /// Claims that are wrong: hashes of the robot's mail and of the claimed patch.
    pub wrong: Vec<(u64, u64, Class)>,
    /// Claims by class.
    pub classes: BTreeMap<&'static str, Count>,
    /// All claims.
    pub all: Count,
    /// Commits and patches as clusters.
    pub measures: Measures,
}

/// How revisions are found, with change-ids and `Link to vN` hidden.
#[derive(Clone, Debug, Default)]
pub struct Revisions {
    /// Sendings that bear a mark.
    pub marked: u32,
    /// Pairs of sendings that the marks say are versions of one series.
    pub pairs: u32,
    /// Of these, pairs that were found.
    pub found: u32,
    /// Pairs of marked sendings that were claimed.
    pub claims: Count,
    /// Missed pairs, by the ids of their heads.
    pub missed: Vec<(u64, u64)>,
    /// Wrong pairs.
    pub wrong: Vec<(u64, u64)>,
    /// Sendings as clusters.
    pub measures: Measures,
}

/// Whether the parts of a cover letter are in its series.
#[derive(Clone, Debug, Default)]
pub struct Covers {
    /// Cover letters with parts that are indexed.
    pub covers: u32,
    /// Those whose series has every number that an indexed part bears.
    pub whole: Count,
    /// Cover letters that lack a part, with one that they lack.
    pub broken: Vec<(u64, u64)>,
}

/// Scores the putting together of series. A part of a cover letter is what answers it, or has the stem of its Message-ID, was
/// sent within a day of it, is no reply and bears a number of its total: what a person sees who looks at the thread, whatever
/// version and tags the subject bears.
pub fn covers(facts: Vec<Fact>, roots: &Roots) -> Covers {
    const DAY: i64 = 86_400;
    let full = derive(facts, &[], |id| roots.get(&id).copied().unwrap_or(id));
    let mut below: FxHashMap<u64, Vec<&Fact>> = FxHashMap::default();
    let mut stems: FxHashMap<u64, Vec<&Fact>> = FxHashMap::default();
    let is_part = |f: &&Fact| !f.flags.reply && !f.flags.told && f.part.is_some_and(|(number, _)| number > 0);
    for fact in full.facts.iter().filter(is_part) {
        below.entry(fact.parent).or_default().push(fact);
        if fact.stem != 0 {
            stems.entry(fact.stem).or_default().push(fact);
        }
    }
    let place: FxHashMap<u64, usize> = full.facts.iter().enumerate().map(|(at, f)| (f.id, at)).collect();
    let mut score = Covers::default();
    for (at, cover) in full.facts.iter().enumerate().filter(|(_, f)| f.flags.cover && !f.flags.reply && !f.flags.told) {
        let Some((_, total)) = cover.part else { continue };
        let own = full.sendings.of[at];
        let near = below.get(&cover.id).into_iter().chain(stems.get(&cover.stem).filter(|_| cover.stem != 0));
        // A later version of some parts answers the old cover letter too; its version is higher, and comes later than an hour.
        let parts: Vec<&&Fact> = near
            .flatten()
            .filter(|f| f.part.is_some_and(|(number, of)| of == total && number <= total))
            .filter(|f| {
                (f.date - cover.date).abs() <= DAY && (f.version <= cover.version || f.date - cover.date < 3_600)
            })
            .collect();
        if parts.is_empty() {
            continue;
        }
        score.covers += 1;
        let numbers: FxHashSet<u32> = match full.sendings.all.get(own as usize) {
            Some(sending) => sending.members.iter().map(|(_, number)| *number).collect(),
            None => FxHashSet::default(),
        };
        let lacks =
            parts.iter().find(|f| place.contains_key(&f.id) && f.part.is_some_and(|(n, _)| !numbers.contains(&n)));
        score.whole.add(lacks.is_none());
        score.broken.extend(lacks.map(|lacks| (cover.id, lacks.id)));
    }
    score
}

impl Covers {
    /// The table, for a terminal.
    pub fn text(&self) -> String {
        let (low, high) = self.whole.interval();
        format!(
            "cover letters with parts: {}; series whole: {}, share {:.4} ({low:.4}..{high:.4})\n",
            self.covers,
            self.whole.right,
            self.whole.share()
        )
    }
}

/// Thread roots of mails, by id.
pub type Roots = FxHashMap<u64, u64>;

/// The patches that are forms of one change, by the revisions of all that is known.
fn changes(full: &Derived) -> FxHashMap<u64, u64> {
    let mut above: FxHashMap<u64, u64> = FxHashMap::default();
    fn top(above: &FxHashMap<u64, u64>, mut at: u64) -> u64 {
        while let Some(up) = above.get(&at).filter(|up| **up != at) {
            at = *up;
        }
        at
    }
    for edge in full.edges.iter().filter(|e| matches!(e.kind, Kind::Revision | Kind::Taken)) {
        let (a, b) = (top(&above, edge.from), top(&above, edge.to));
        if a != b {
            above.insert(a.max(b), a.min(b));
        }
    }
    full.facts.iter().map(|f| (f.id, top(&above, f.id))).collect()
}

/// Scores the way from commits to patches.
pub fn dig(facts: Vec<Fact>, roots: &Roots) -> Dig {
    let root = |id: u64| roots.get(&id).copied().unwrap_or(id);
    let full = derive(facts.clone(), &[], root);
    let change = changes(&full);
    let known: FxHashMap<u64, &Fact> = full.facts.iter().map(|f| (f.id, f)).collect();
    let mut hidden = facts;
    for fact in hidden.iter_mut().filter(|f| f.flags.told) {
        fact.parent = 0;
        fact.cites = Box::default();
    }
    // The robot's mails no longer hang below what they answer.
    let robots: FxHashSet<u64> = hidden.iter().filter(|f| f.flags.told).map(|f| f.id).collect();
    let blind = derive(hidden, &[], |id| if robots.contains(&id) { id } else { root(id) });
    let mut claims: FxHashMap<u64, Vec<(u64, Class)>> = FxHashMap::default();
    for edge in blind.edges.iter().filter(|e| e.kind == Kind::Commit) {
        claims.entry(edge.to).or_default().push((edge.from, edge.class));
    }
    let mut parts: FxHashMap<u64, Vec<(u64, Kind)>> = FxHashMap::default();
    for edge in blind.edges.iter().filter(|e| matches!(e.kind, Kind::Squashed | Kind::Split)) {
        parts.entry(edge.to).or_default().push((edge.from, edge.kind));
    }
    let mut score = Dig::default();
    let mut clusters: Vec<(u64, u64)> = Vec::new();
    for robot in full.facts.iter().filter(|f| f.flags.told) {
        let targets: Vec<u64> =
            robot.cites.iter().filter(|(_, c, m)| *c == Cited::Trailer && !m).map(|(id, ..)| *id).collect();
        let Some((id, _)) = robot.tells.iter().find(|(_, told)| *told == Told::Merged) else { continue };
        if targets.is_empty() {
            continue;
        }
        score.linked += 1;
        let node = commit_node(id);
        let patch = targets.iter().find(|id| known.get(id).is_some_and(|f| f.flags.patch && !f.flags.told));
        let same = |claimed: u64| {
            targets.iter().any(|t| *t == claimed || (known.contains_key(t) && change.get(t) == change.get(&claimed)))
        };
        let claimed = claims.get(&node).map(Vec::as_slice).unwrap_or_default();
        for (mail, kind) in parts.get(&node).into_iter().flatten() {
            let right = same(*mail) || targets.iter().any(|target| root(*target) == root(*mail));
            score.parts.push((robot.id, *mail, *kind, right));
        }
        for (mail, class) in claimed {
            let equal = robot.patch_id != 0 && known.get(mail).is_some_and(|f| f.patch_id == robot.patch_id);
            let right = same(*mail) || equal;
            score.classes.entry(class.as_str()).or_default().add(right);
            score.all.add(right);
            if !right {
                score.wrong.push((robot.id, *mail, *class));
            }
        }
        if let Some(target) = patch {
            score.pairs += 1;
            let posting = known.get(target).is_some_and(|f| !f.flags.reply);
            score.postings += u32::from(posting);
            if claimed.iter().any(|(mail, _)| same(*mail)) {
                score.found += 1;
                score.postings_found += u32::from(posting);
            } else {
                score.missed.push((robot.id, *target));
            }
            // Two items for each pair: the commit and its patch; a commit without a claim stands alone.
            let truth = change.get(target).copied().unwrap_or(*target);
            clusters.push((truth, truth));
            clusters.push((
                truth,
                claimed.first().map_or(robot.id, |(mail, _)| change.get(mail).copied().unwrap_or(*mail)),
            ));
        }
    }
    score.measures = Measures::of(&clusters);
    score
}

/// Scores the joining of versions.
pub fn revisions(facts: Vec<Fact>, roots: &Roots) -> Revisions {
    revisions_by(facts, roots, &Rules::default())
}

/// The same by other rules.
pub fn revisions_by(facts: Vec<Fact>, roots: &Roots, rules: &Rules) -> Revisions {
    let root = |id: u64| roots.get(&id).copied().unwrap_or(id);
    let mut hidden = facts.clone();
    for fact in &mut hidden {
        fact.change = 0;
        for cite in fact.cites.iter_mut().filter(|c| c.1 == Cited::Version) {
            cite.1 = Cited::Text;
        }
    }
    let full = derive(facts, &[], root);
    let blind = derive_by(hidden, &[], root, rules);
    let truth = marked(&full);
    let mut score = Revisions { marked: truth.len() as u32, ..Revisions::default() };
    // Both runs find the same sendings: marks join sendings, they make none.
    let items: Vec<(u64, u64, u64)> = truth
        .iter()
        .filter_map(|(head, truth)| {
            let at = blind.sendings.all.iter().position(|s| blind.facts[s.head as usize].id == *head)?;
            let chain = blind.sendings.all[blind.revisions.chain[at] as usize].head;
            Some((*head, *truth, blind.facts[chain as usize].id))
        })
        .collect();
    for (at, (head, truth, chain)) in items.iter().enumerate() {
        for (other, their_truth, their_chain) in &items[..at] {
            let (same, claimed) = (truth == their_truth, chain == their_chain);
            score.pairs += u32::from(same);
            score.found += u32::from(same && claimed);
            if claimed {
                score.claims.add(same);
            }
            match (same, claimed) {
                (true, false) => score.missed.push((*other, *head)),
                (false, true) => score.wrong.push((*other, *head)),
                _ => {}
            }
        }
    }
    score.measures = Measures::of(&items.iter().map(|(_, truth, chain)| (*truth, *chain)).collect::<Vec<_>>());
    score
}

/// Heads of the sendings that bear a change-id or name an earlier version, each with what names its series.
fn marked(full: &Derived) -> Vec<(u64, u64)> {
    let place: FxHashMap<u64, u32> = full.facts.iter().enumerate().map(|(at, f)| (f.id, at as u32)).collect();
    let count = full.sendings.all.len();
    let mut above: Vec<usize> = (0..count).collect();
    fn top(above: &[usize], mut at: usize) -> usize {
        while above[at] != at {
            at = above[at];
        }
        at
    }
    let mut marks: Vec<bool> = vec![false; count];
    let mut changes: FxHashMap<u64, usize> = FxHashMap::default();
    for (number, sending) in full.sendings.all.iter().enumerate() {
        for (mail, _) in &sending.members {
            let fact = &full.facts[*mail as usize];
            let mut others: Vec<usize> = Vec::new();
            if fact.change != 0 {
                marks[number] = true;
                others.push(*changes.entry(fact.change).or_insert(number));
            }
            for (id, ..) in fact.cites.iter().filter(|c| c.1 == Cited::Version && !c.2) {
                let cited = place.get(id).map(|at| full.sendings.of[*at as usize]).filter(|s| *s != NONE);
                others.extend(cited.map(|s| s as usize));
            }
            for other in others {
                marks[number] = true;
                marks[other] = true;
                let (a, b) = (top(&above, number), top(&above, other));
                above[a.max(b)] = a.min(b);
            }
        }
    }
    let head = |at: usize| full.facts[full.sendings.all[at].head as usize].id;
    (0..count).filter(|at| marks[*at]).map(|at| (head(at), head(top(&above, at)))).collect()
}

impl Dig {
    /// The table, for a terminal.
    pub fn text(&self) -> String {
        let mut out = String::new();
        let _ = writeln!(out, "commits told of by mails with a Link: {}", self.linked);
        let _ = writeln!(
            out,
            "pairs with both mails indexed: {}, found {}, missed {}",
            self.pairs,
            self.found,
            self.missed.len()
        );
        let _ = writeln!(out, "postings among them: {}, found {}", self.postings, self.postings_found);
        let _ = writeln!(out, "class         claims   right  precision  95 %");
        let mut row = |name: &str, count: Count| {
            let (low, high) = count.interval();
            let _ = writeln!(
                out,
                "{name:<12} {:>7} {:>7}     {:.4}  {low:.4}..{high:.4}",
                count.claims,
                count.right,
                count.share()
            );
        };
        for (name, count) in &self.classes {
            row(name, *count);
        }
        row("all", self.all);
        for kind in [Kind::Squashed, Kind::Split] {
            let of = || self.parts.iter().filter(|part| part.2 == kind);
            let right = of().filter(|part| part.3).count();
            let _ = writeln!(out, "{}: {} claims, {right} in the thread of the target", kind.as_str(), of().count());
        }
        out + &self.measures.text()
    }
}

impl Revisions {
    /// Share of the pairs that were found.
    pub fn recall(&self) -> f64 {
        if self.pairs == 0 { 1.0 } else { f64::from(self.found) / f64::from(self.pairs) }
    }

    /// The table, for a terminal.
    pub fn text(&self) -> String {
        let (low, high) = self.claims.interval();
        format!(
            "marked sendings: {}; pairs: {}\nprecision {:.4} ({low:.4}..{high:.4}) of {} claims, recall {:.4}\n{}",
            self.marked,
            self.pairs,
            self.claims.share(),
            self.claims.claims,
            self.recall(),
            self.measures.text()
        )
    }
}
