//! The versions of a series from the links, in order, with their patches and what became of each.

use provenance_corpus::subject::{self, Subject};
use provenance_index::document::Stored;
use provenance_index::hash;
use provenance_index::links::edge::{Class, Kind};
use provenance_index::links::fact::Fact;
use provenance_index::links::pairing::{self, Pair};

use crate::failure::{Exit, Failure};
use crate::session::letters::{Letters, id_of, links_failure};
use crate::session::message_id;
use crate::session::place::reader_failure;
use crate::text::{self, plural};

/// One patch of a version.
#[derive(Clone, Debug)]
pub struct Part {
    /// Hash of its Message-ID.
    pub mail: u64,
    /// Its Message-ID.
    pub message_id: String,
    /// Its number.
    pub place: u32,
    /// How many patches its subject promises.
    pub total: u32,
    /// The subject as sent.
    pub subject: String,
    /// The subject without prefixes.
    pub title: String,
    /// What it changes.
    pub fact: Fact,
}

impl Part {
    /// `2/6`
    pub fn number(&self) -> String {
        format!("{}/{}", subject::place(self.place), self.total)
    }
}

/// One version.
#[derive(Clone, Debug)]
pub struct Version {
    /// Hash of the Message-ID of its head.
    pub head: u64,
    /// `v5.1` is (5, 1).
    pub version: (u32, u32),
    /// Marked `RFC`.
    pub rfc: bool,
    /// Sent again, its subject says.
    pub resend: bool,
    /// Patches that its subjects promise.
    pub total: u32,
    /// Date of its oldest mail.
    pub date: i64,
    /// The head's mail.
    pub stored: Stored,
    /// Whether the head is a cover letter.
    pub covered: bool,
    /// The patches that are indexed, by number; of one that was sent twice, the last.
    pub parts: Vec<Part>,
    /// Numbers that are not indexed.
    pub missing: Vec<u32>,
    /// Numbers that an earlier version has and this one, a reroll of some patches, was not meant to have.
    pub kept: Vec<u32>,
    /// Numbers of this version that mails bear which say otherwise of themselves: number and Message-ID.
    pub elsewhere: Vec<(u32, String)>,
    /// Numbers that were sent more than once.
    pub doubled: Vec<u32>,
    /// The earlier versions that it was joined to, and on what that rests.
    pub joined: Vec<(u64, Class)>,
    /// Which version it is compared with, as a place among the versions.
    pub before: Option<usize>,
    /// What became of each patch since then.
    pub pairs: Vec<Pair>,
    /// All mails of all versions.
    pub chain: Vec<u64>,
}

impl Version {
    /// `v4`, `RFC v2`, `v5.1`
    pub fn name(&self) -> String {
        let (major, minor) = self.version;
        let number = if minor == 0 { format!("v{major}") } else { format!("v{major}.{minor}") };
        let rfc = if self.rfc { "RFC " } else { "" };
        let again = if self.resend { " again" } else { "" };
        format!("{rfc}{number}{again}")
    }

    /// Whether a mail is its cover letter or one of its patches.
    pub fn holds(&self, mail: u64) -> bool {
        self.head == mail || self.parts.iter().any(|part| part.mail == mail)
    }

    /// Message-ID of the head.
    pub fn head_id(&self) -> &str {
        &self.stored.message_id
    }

    /// The head's subject without prefixes.
    pub fn title(&self) -> String {
        Subject::parse(&self.stored.subject).title
    }

    /// Who sent it.
    pub fn author(&self) -> String {
        self.stored.author.clone()
    }

    /// The sender's address.
    pub fn address(&self) -> &str {
        &self.stored.address
    }

    /// `6 patches`, `4 of 6 patches`
    pub fn count(&self) -> String {
        let total = plural(u64::from(self.total), "patch", "patches");
        if self.parts.len() as u32 >= self.total { total } else { format!("{} of {total}", self.parts.len()) }
    }

    /// What is wrong with it.
    pub fn problem(&self) -> Option<String> {
        let list = |numbers: &[u32]| numbers.iter().take(12).map(u32::to_string).collect::<Vec<_>>().join(", ");
        let mut said = Vec::new();
        for (number, id) in self.elsewhere.iter().take(12) {
            said.push(format!("{number} of {} is {id}, which is in another series by its subject", self.total));
        }
        if !self.missing.is_empty() {
            said.push(format!("not indexed: {} of {}", list(&self.missing), self.total));
        }
        if !self.doubled.is_empty() {
            said.push(format!("sent more than once: {}", list(&self.doubled)));
        }
        (!said.is_empty()).then(|| said.join("; "))
    }
}

/// The patch or cover letter that a mail is about: itself, else what became the commit that it tells of, else the nearest of
/// the mails that it answers; itself again where there is none.
pub fn about(letters: &Letters<'_>, id: u64) -> Result<u64, Failure> {
    /// Mails that an answer may be below a patch; References may hold thousands.
    const DEPTH: usize = 100;
    let is_part = |mail| letters.reader.links.graph.sending(mail).map(|found| found.is_some());
    if is_part(id).map_err(|e| links_failure(&e))? {
        return Ok(id);
    }
    let mut others = Vec::new();
    for told in letters.edges(id)?.into_iter().filter(|e| e.kind == Kind::Tells && e.from == id) {
        let made = letters.edges(told.to)?.into_iter().filter(|e| e.kind.is_made());
        others.extend(made.map(|e| e.from));
    }
    let stored = letters.stored(id)?;
    let answered = stored.iter().flat_map(|stored| stored.references.iter().rev()).take(DEPTH);
    others.extend(answered.map(|id| hash::message_id(id)));
    for other in others {
        if is_part(other).map_err(|e| links_failure(&e))? {
            return Ok(other);
        }
    }
    Ok(id)
}

/// All versions of the series that a mail is part of, by date; none where it is part of none.
pub fn versions(letters: &Letters<'_>, id: u64) -> Result<Vec<Version>, Failure> {
    let graph = &letters.reader.links.graph;
    let Some((head, _)) = graph.sending(id).map_err(|e| links_failure(&e))? else { return Ok(Vec::new()) };
    let mut versions = Vec::new();
    let mut chain = Vec::new();
    for found in graph.versions(head).map_err(|e| links_failure(&e))? {
        let members = graph.members(found.head).map_err(|e| links_failure(&e))?;
        let Some(stored) = letters.stored(found.head)? else { continue };
        let covered = members.iter().any(|m| m.number == 0);
        let resend = Subject::parse(&stored.subject).is_resend;
        let mut parts: Vec<Part> = Vec::new();
        let mut doubled: Vec<u32> = Vec::new();
        let mut date = stored.date;
        for member in members {
            chain.push(member.mail);
            if member.number == 0 {
                continue;
            }
            let (Some(stored), Some(fact)) = (letters.stored(member.mail)?, letters.fact(member.mail)?) else {
                continue;
            };
            date = date.min(stored.date);
            let part = Part {
                mail: member.mail,
                message_id: stored.message_id,
                place: member.number,
                total: found.total,
                title: Subject::parse(&stored.subject).title,
                subject: stored.subject,
                fact,
            };
            match parts.last_mut().filter(|last| last.place == part.place) {
                Some(last) => {
                    if doubled.last() != Some(&part.place) {
                        doubled.push(part.place);
                    }
                    if part.fact.date >= last.fact.date {
                        *last = part;
                    }
                }
                None => parts.push(part),
            }
        }
        parts.sort_by_key(|part| subject::order(part.place));
        let mut missing: Vec<u32> =
            (1..=found.total.min(10_000)).filter(|n| !parts.iter().any(|p| p.place == *n)).collect();
        let elsewhere =
            if missing.is_empty() { Vec::new() } else { borne(letters, found.head, found.total, date, &missing)? };
        missing.retain(|number| !elsewhere.iter().any(|(other, _)| other == number));
        let joined = graph.joins(found.head).map_err(|e| links_failure(&e))?;
        versions.push(Version {
            head: found.head,
            version: found.version,
            rfc: found.rfc,
            resend,
            total: found.total,
            date,
            stored,
            covered,
            parts,
            missing,
            kept: Vec::new(),
            elsewhere,
            doubled,
            joined,
            before: None,
            pairs: Vec::new(),
            chain: Vec::new(),
        });
    }
    versions.sort_by_key(|v| (v.date, v.version, v.head));
    for at in 0..versions.len() {
        if is_partial(&versions[at]) {
            let earlier = |number: &u32| {
                let same = versions[..at]
                    .iter()
                    .filter(|v| v.total == versions[at].total && v.address() == versions[at].address());
                same.flat_map(|v| &v.parts).any(|part| part.place == *number)
            };
            let (kept, missing) = versions[at].missing.iter().partition(|number| earlier(number));
            (versions[at].kept, versions[at].missing) = (kept, missing);
        }
        let before = before(&versions, at);
        versions[at].before = before;
        versions[at].chain.clone_from(&chain);
        if let Some(before) = before {
            versions[at].pairs = pairs(&versions[before], &versions[at]);
        }
    }
    Ok(versions)
}

/// The version of this name (`v4`, `4`, `RFC v2`), as a place. Of several that bear one number that of `mail`, else the last,
/// which is the one that was meant to count.
///
/// # Errors
/// There is none of this name.
pub fn named(versions: &[Version], name: &str, mail: u64) -> Result<usize, Failure> {
    let wanted = name.trim_start_matches(['v', 'V']);
    let number = |version: &Version| version.name().rsplit('v').next().unwrap_or_default().to_owned();
    let fits = |v: &Version| v.name().eq_ignore_ascii_case(name) || number(v).trim_end_matches(" again") == wanted;
    let own = versions.iter().position(|v| fits(v) && v.holds(mail));
    let found = own.or_else(|| versions.iter().rposition(fits));
    found.ok_or_else(|| {
        let list = versions.iter().map(Version::name).collect::<Vec<_>>().join(", ");
        Failure::new(Exit::Usage, format!("there is no version {}", text::line(name)))
            .hint(format!("the indexed versions are {list}"))
    })
}

/// Whether a version may be a reroll of some patches of an earlier one: it has no cover letter and lacks some.
fn is_partial(version: &Version) -> bool {
    !version.covered && !version.missing.is_empty()
}

/// Before a number is said to be missing: who bears it among the mails that answer the head, or whose ids have its stem.
fn borne(
    letters: &Letters<'_>,
    head: u64,
    total: u32,
    date: i64,
    missing: &[u32],
) -> Result<Vec<(u32, String)>, Failure> {
    /// Mails of a thread that are looked at.
    const MOST: usize = 2_000;
    /// A part is sent within this time of its head (seconds).
    const DAY: i64 = 86_400;
    let Some(fact) = letters.fact(head)? else { return Ok(Vec::new()) };
    let members = letters.reader.thread(head).map_err(|e| reader_failure(&e))?;
    let mut found: Vec<(u32, String)> = Vec::new();
    for mail in members.into_iter().take(MOST).filter(|mail| *mail != head) {
        let Some(other) = letters.fact(mail)? else { continue };
        let near = other.parent == head || other.stem != 0 && other.stem == fact.stem;
        let numbered = other.part.filter(|(number, of)| *of == total && missing.contains(number));
        if let Some((number, _)) = numbered.filter(|_| near && !other.flags.reply && (other.date - date).abs() < DAY)
            && !found.iter().any(|(known, _)| *known == number)
            && let Some(stored) = letters.stored(mail)?
        {
            found.push((number, stored.message_id));
        }
    }
    found.sort();
    Ok(found)
}

/// Older versions that are looked at to find the one that a version is compared with.
const LOOK_BACK: usize = 6;

/// The version that one is compared with: the nearest older one of which half the patches are found again, else the one
/// of which most are. A reroll or a resend of some patches is passed over by what follows it.
fn before(versions: &[Version], at: usize) -> Option<usize> {
    let version = &versions[at];
    let older: Vec<usize> = (0..at).rev().take(LOOK_BACK).collect();
    let mut most = None;
    for o in &older {
        let other = &versions[*o];
        let found = pairs(other, version).iter().filter(|pair| pair.older.is_some() && pair.newer.is_some()).count();
        let (smaller, larger) =
            (other.parts.len().min(version.parts.len()), other.parts.len().max(version.parts.len()));
        let partial = other.version.1 > 0 && version.version.1 == 0;
        if 2 * found >= smaller && 4 * smaller >= larger && found > 0 && !partial {
            return Some(*o);
        }
        if most.is_none_or(|(count, _)| found > count) {
            most = Some((found, *o));
        }
    }
    most.map(|(_, o)| o)
}

/// What became of the patches of one version in another.
pub fn pairs(older: &Version, newer: &Version) -> Vec<Pair> {
    let facts = |version: &Version| version.parts.iter().map(|part| part.fact.clone()).collect::<Vec<_>>();
    let mut pairs = pairing::pair(&facts(older), &facts(newer));
    if newer.version.1 > 0 || !newer.kept.is_empty() {
        // What a partial reroll does not hold was not dropped.
        pairs.retain(|pair| pair.newer.is_some());
    }
    pairs
}

/// The answer for a mail that is part of no series.
pub fn no_series(letters: &Letters<'_>, id: &str) -> Result<Failure, Failure> {
    let Some(stored) = letters.stored(id_of(letters.reader, id))? else {
        return Ok(message_id::not_indexed(id, letters.reader));
    };
    if !letters.reader.links.graph.is_derived() {
        return Ok(Failure::new(Exit::Unreadable, "the index has no links: it was made before there were any")
            .hint("move the index.* directory away and run `provenance index`"));
    }
    let hint = match stored.references.first() {
        Some(root) => format!("the thread begins with {root}; `provenance thread {id}` shows it"),
        None => format!("`provenance show {id}` shows the mail"),
    };
    Ok(Failure::new(Exit::Usage, format!("{id} is neither a patch nor a cover letter, nor a reply to one")).hint(hint))
}

/// What a pairing or joining rests on, for a reader.
pub fn reason(class: Class) -> &'static str {
    match class {
        Class::ChangeId => "change-id",
        Class::VersionLink => "its link to the earlier version",
        Class::Reply => "answering it",
        Class::PatchId => "equal patch-id",
        Class::Blob => "equal blob",
        Class::Subject => "title and author",
        Class::Lines => "changed lines",
        Class::Title => "version number and a like title",
        Class::Trailer => "link",
        Class::Moment => "equal author and date",
        Class::Text | Class::Masked => "a citation",
    }
}
