//! Commits: which patch became which commit. Commits come from attached trees, and from mails that tell of them.
//!
//! What names its mail is believed: a robot's mail answers the patch, a commit has a `Link:`. Where that names no mail of
//! the index, the patch is looked for as a revision is, and the newest form that fits is taken.

use rustc_hash::FxHashMap;

use super::edge::{Class, Edge, Kind, commit_node};
use super::fact::{Cited, Fact, Told};
use super::halves::{self, Half};
use super::similar::{Candidates, Match, lines, same_author};

/// A patch may be dated so much later than its commit (seconds): clocks, and patches sent as they are applied.
const LATE: i64 = 3_600;

/// A patch may be so much older than its commit.
const SPAN: i64 = 4 * 366 * 86_400;

/// What was applied was sent within this time before it.
const FRESH: i64 = 60 * 86_400;

/// The date of a commit's author may be so much before the mail that was applied (seconds): clocks on the way.
const CLOCKS: i64 = 600;

/// A patch that is in the commit line by line, under another title, was applied within this time (seconds).
const SOON: i64 = 21 * 86_400;

/// Equal changed lines of a patch that was touched up when it was applied.
const ALMOST: f32 = 0.8;

/// Equal changed lines of the same patch.
const SAME: f32 = 0.99;

/// A commit of a tree, with what of it is compared with mails.
#[derive(Clone, Debug)]
pub struct Commit {
    /// Its full id.
    pub id: Vec<u8>,
    /// Author, title, date, blobs, citations.
    pub fact: Fact,
    /// The main line of its tree does not hold it.
    pub aside: bool,
    /// When its author made it, seconds since 1970, whoever committed it.
    pub authored: i64,
}

/// The links of a commit, and the patch that it may be a part of.
pub struct Found {
    /// Its links.
    pub edges: Vec<Edge>,
    /// See [`halves::split`].
    pub halves: Vec<Half>,
}

/// The links of a mail that tells of commits: with each that it tells of as merged, the patches that became it.
pub fn told(fact: &Fact, facts: &[Fact], known: &Candidates<'_>, place: &FxHashMap<u64, u32>) -> Found {
    let (mut edges, mut halves) = (Vec::new(), Vec::new());
    for (id, told) in &fact.tells {
        let node = commit_node(id);
        match told {
            Told::Merged => {
                edges.push(link(Kind::Tells, fact.id, node, Class::Reply, 1000));
                let found = find((node, fact.authored.abs()), fact, true, facts, known, place);
                edges.extend(found.edges);
                halves.extend(found.halves);
            }
            Told::Backport | Told::Picked => edges.push(link(Kind::Backport, fact.id, node, Class::Text, 1000)),
            Told::Reverts => {}
        }
    }
    Found { edges, halves }
}

fn link(kind: Kind, from: u64, to: u64, class: Class, confidence: u16) -> Edge {
    Edge { kind, from, to, class, confidence, similarity: 0 }
}

/// The patches that became a commit of a tree.
pub fn of_tree(commit: &Commit, facts: &[Fact], known: &Candidates<'_>, place: &FxHashMap<u64, u32>) -> Found {
    find((commit_node(&commit.id), commit.authored), &commit.fact, false, facts, known, place)
}

/// The patches that became a commit, which is `told` by the mail whose facts these are, or of a tree.
fn find(
    (node, authored): (u64, i64),
    fact: &Fact,
    told: bool,
    facts: &[Fact],
    known: &Candidates<'_>,
    place: &FxHashMap<u64, u32>,
) -> Found {
    let mut edges = Vec::new();
    let mut named = false;
    // A mail of the robot answers the patch. One that is not indexed is linked all the same: whoever has it may ask.
    let trailers = || fact.cites.iter().filter(|(_, cited, masked)| *cited == Cited::Trailer && !masked).map(|c| c.0);
    let answered = Some(fact.parent).filter(|parent| told && *parent != 0);
    let last = trailers().next_back();
    for id in trailers() {
        match place.get(&id).map(|at| &facts[*at as usize]) {
            Some(mail) if mail.flags.patch && !mail.flags.told => {
                named = true;
                edges.push(link(Kind::Commit, id, node, Class::Trailer, 1000));
            }
            None if Some(id) == answered || (answered.is_none() && Some(id) == last) => {
                edges.push(link(Kind::Commit, id, node, Class::Trailer, 990));
            }
            _ => {}
        }
    }
    if let Some(id) = answered.filter(|id| !edges.iter().any(|e| e.from == *id)) {
        let mail = place.get(&id).map(|at| &facts[*at as usize]);
        if mail.is_none_or(|mail| mail.flags.patch && !mail.flags.told) {
            named |= mail.is_some();
            edges.push(link(Kind::Commit, id, node, Class::Reply, 995));
        }
    }
    if named {
        return Found { edges, halves: Vec::new() };
    }
    let best = best(fact, facts, known);
    let applied = |(at, m): &(u32, Match)| is_applied(fact, &facts[*at as usize], *m);
    // What is nearer by its lines was applied, whatever its moment.
    let best = match (best.filter(applied), of_moment(fact, authored, facts)) {
        (Some(near), Some(sent)) if near.1.class != Class::PatchId && near.1.similarity < sent.1.similarity => {
            Some(sent)
        }
        (None, sent) => sent.or(best),
        (near, _) => near,
    };
    if let Some((at, m)) = best {
        let mail = &facts[at as usize];
        edges.push(Edge {
            kind: if is_applied(fact, mail, m) { Kind::Commit } else { Kind::Form },
            from: mail.id,
            to: node,
            class: m.class,
            confidence: m.confidence,
            similarity: (m.similarity * 1000.0) as u16,
        });
    }
    let mut halves = Vec::new();
    // What is one whole patch is neither two of them nor half of one.
    if best.is_none_or(|(_, m)| m.class != Class::PatchId && m.similarity < SAME) {
        edges.extend(halves::squashed(node, fact, best.map(|(at, _)| at), facts, known));
        halves.extend(halves::half(node, fact, facts, known));
    }
    Found { edges, halves }
}

/// Whether it is this form of the patch that was applied, and not one before or after it. An equal patch-id says so. A
/// patch inside a reply is mostly a draft of what was sent later, so that its title says nothing; and what is much older
/// than the commit was sent again. What was sent after its author's date in the commit was not applied, where somebody else
/// than the author did that: an earlier sending was.
fn is_applied(commit: &Fact, mail: &Fact, m: Match) -> bool {
    let title = mail.title == commit.title && same_author(mail, commit);
    let similarity = likeness(mail, commit, m);
    match m.class {
        Class::PatchId | Class::Moment => true,
        _ if commit.date - mail.date > FRESH => false,
        Class::Subject | Class::Lines if commit.authored > 0 && mail.date - commit.authored > CLOCKS => false,
        // Whoever committed it gave it another title.
        Class::Lines if similarity >= SAME && commit.date - mail.date < SOON && !mail.flags.reply => {
            same_author(mail, commit) && !mail.flags.notice
        }
        Class::Blob => similarity >= if title && !mail.flags.reply { ALMOST } else { SAME },
        _ => title && !mail.flags.reply && !mail.flags.notice && similarity >= ALMOST,
    }
}

/// The patch that the author sent at the moment that the commit gives for its own: `git am` takes it from the mail. It has to change
/// one of the same files, by one of the same lines.
fn of_moment(commit: &Fact, authored: i64, facts: &[Fact]) -> Option<(u32, Match)> {
    if authored == 0 {
        return None;
    }
    let start = facts.partition_point(|mail| mail.date < authored);
    let same = facts[start..].iter().take_while(|mail| mail.date == authored).enumerate();
    let found = same.filter_map(|(at, mail)| {
        let flags = mail.flags;
        let file = mail.files.iter().any(|file| commit.files.binary_search(file).is_ok());
        let similarity = lines(mail, commit);
        let fits = flags.patch && !flags.told && !flags.page && file && similarity > 0.0 && same_author(mail, commit);
        fits.then_some(((start + at) as u32, Match { class: Class::Moment, confidence: 990, similarity }))
    });
    found.max_by(|a, b| a.1.similarity.total_cmp(&b.1.similarity))
}

/// How alike two patches are; those without a changed line - binary files, modes, renames - by the files that they change.
fn likeness(mail: &Fact, commit: &Fact, m: Match) -> f32 {
    let empty = mail.lines == 0 && commit.lines == 0 && !mail.files.is_empty();
    if empty && mail.files == commit.files { 1.0 } else { m.similarity }
}

/// The patch that a commit is most likely made from: an equal patch-id before all else, then the newest that fits well.
fn best(fact: &Fact, facts: &[Fact], known: &Candidates<'_>) -> Option<(u32, Match)> {
    let fits = |(at, m): &(u32, Match)| {
        let mail = &facts[*at as usize];
        let age = fact.date - mail.date;
        let alike = likeness(mail, fact, *m) >= if mail.flags.reply { 0.6 } else { 0.3 } || m.class == Class::Subject;
        !mail.flags.told && (-LATE..SPAN).contains(&age) && (alike || m.class == Class::PatchId)
    };
    known.of(fact).into_iter().filter(fits).max_by_key(|(at, m)| {
        let mail = &facts[*at as usize];
        (m.class == Class::PatchId, is_applied(fact, mail, *m), !mail.flags.reply, mail.date, *at)
    })
}
