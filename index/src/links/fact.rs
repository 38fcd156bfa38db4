//! What one mail says that links are made of: who wrote which patch, what it changes, which mails and commits it
//! names. Small and fixed in form, because all of it is looked at each time that links are derived.

use provenance_corpus::address;
use provenance_corpus::citation::citations;
use provenance_corpus::message::Message;
use provenance_corpus::patch::{Defect, Patch};
use provenance_corpus::patch_id;
use provenance_corpus::subject::Subject;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use std::collections::hash_map::Entry;
use xxhash_rust::xxh3::xxh3_64;

use super::told;
use crate::document::Document;
use crate::hash;
use crate::sections::{SEPARATOR, Sections};

/// Changed lines that are kept of a patch, as hashes: those with the smallest, which of two patches are comparable
/// (a bottom-k sketch, Broder 1997). Most patches have fewer lines, so that nothing is lost.
pub const SKETCH: usize = 96;

/// Citations that are kept of one mail.
const CITATIONS: usize = 200;

/// Files, blobs and commits that are kept of one mail.
const NAMED: usize = 100;

/// What a mail is, for links.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flags {
    /// Holds an unquoted diff.
    pub patch: bool,
    /// A cover letter.
    pub cover: bool,
    /// A reply.
    pub reply: bool,
    /// `RFC` in the subject.
    pub rfc: bool,
    /// `RESEND` in the subject.
    pub resend: bool,
    /// A robot's mail that tells of a commit.
    pub told: bool,
    /// `[tip: branch]` in the subject, and not from the robot: a word about a commit.
    pub notice: bool,
    /// Read from a web page.
    pub page: bool,
}

/// How a mail names another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Cited {
    /// In its text.
    Text,
    /// As what is closed: `Closes:`, `BugLink:`.
    Closes,
    /// In a `Link:` or `Message-ID:` trailer.
    Trailer,
    /// As an earlier version: `Link to v2: URL`.
    Version,
}

/// How a mail tells of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Told {
    /// The mail is the commit: `Commit-ID:` of the tip tree's robot.
    Merged,
    /// The mail is a backport of it: `commit ID upstream.`, `[ Upstream commit ID ]`.
    Backport,
    /// The mail's patch was cherry-picked from it.
    Picked,
    /// Of a commit of a tree: it reverts that one, of whose id these are the first bytes.
    Reverts,
}

/// A blob id as far as a mail gives it, in the most significant bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Blob {
    /// Up to sixteen digits, left-aligned.
    pub bits: u64,
    /// How many digits are known.
    pub digits: u8,
}

impl Blob {
    /// Reads an abbreviated id; an id of zeros is no blob.
    pub fn parse(text: &str) -> Option<Blob> {
        let digits = text.len().min(16);
        let bits = u64::from_str_radix(text.get(..digits)?, 16).ok()?;
        (digits >= 7 && bits != 0).then(|| Blob { bits: bits << ((64 - 4 * digits as u32) % 64), digits: digits as u8 })
    }

    /// Whether both may be the same blob.
    pub fn meets(self, other: Blob) -> bool {
        let digits = u32::from(self.digits.min(other.digits));
        (self.bits ^ other.bits) >> ((64 - 4 * digits) % 64) == 0 || self.bits == other.bits
    }

    /// The seven digits that every abbreviation has.
    pub fn short(self) -> u32 {
        (self.bits >> 36) as u32
    }
}

/// What one copy of a mail says. Its lists take no more room than they need: a large run holds half a million of these.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// See [`hash::origin`].
    pub origin: u64,
    /// Hash of the Message-ID.
    pub id: u64,
    /// Hash of the Message-ID's part before the `@`: how a masked citation names it.
    pub local: u64,
    /// Hashes of the address and of the name of who wrote the patch, who need not be who sent it.
    pub author: (u64, u64),
    /// Hash of the address of who sent it.
    pub sender: u64,
    /// Hash of the title: letters and digits alone.
    pub title: u64,
    /// Hashes of the words of the title that say something, sorted.
    pub words: Box<[u32]>,
    /// Date header, seconds since 1970.
    pub date: i64,
    /// Of a robot's mail that tells of a commit: when its author made the patch, seconds since 1970; negative where the author
    /// committed it too. `git am` takes that date from the mail that it applies. 0 where it is not told.
    pub authored: i64,
    /// Hash of the parent's Message-ID; 0 where there is none.
    pub parent: u64,
    /// Hash of what its Message-ID shares with those sent with it; 0 where nothing does. See
    /// [`provenance_corpus::message::id::stem`].
    pub stem: u64,
    /// Hash of the older kernel that it is for; 0 for a patch for the newest.
    pub stable: u64,
    /// Version in the subject.
    pub version: (u32, u32),
    /// Whether the subject names the version.
    pub versioned: bool,
    /// Number in the series and their total.
    pub part: Option<(u32, u32)>,
    /// What the mail is.
    pub flags: Flags,
    /// Hash of the change-id; 0 where there is none.
    pub change: u64,
    /// The first half of the patch-id; 0 where there is none.
    pub patch_id: u64,
    /// Distinct changed lines of weight.
    pub lines: u32,
    /// The smallest [`SKETCH`] hashes of changed lines, sorted.
    pub sketch: Box<[u32]>,
    /// Blobs after the patch.
    pub blobs: Box<[Blob]>,
    /// Hashes of the paths of changed files, sorted.
    pub files: Box<[u32]>,
    /// Mails that the text names: hash of the id, or of the part before the `@` where the rest is masked.
    pub cites: Box<[(u64, Cited, bool)]>,
    /// Commits that the mail tells of.
    pub tells: Box<[(Vec<u8>, Told)]>,
}

/// What a title says, whatever its spaces, case and punctuation.
pub fn title_hash(title: &str) -> u64 {
    let said: String = title.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    if said.is_empty() { 0 } else { xxh3_64(said.as_bytes()) }
}

/// Words of titles that tell nothing of what a series is about.
const EMPTY: [&str; 16] = [
    "add",
    "the",
    "for",
    "and",
    "fix",
    "fixes",
    "support",
    "use",
    "with",
    "from",
    "remove",
    "into",
    "make",
    "new",
    "all",
    "introduce",
];

/// The words of a title that say something.
pub fn words(title: &str) -> Vec<u32> {
    let mut words: Vec<u32> = title
        .split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .filter(|word| word.len() >= 3)
        .map(str::to_lowercase)
        .filter(|word| !EMPTY.contains(&word.as_str()))
        .map(|word| xxh3_64(word.as_bytes()) as u32)
        .take(40)
        .collect();
    words.sort_unstable();
    words.dedup();
    words
}

/// Stands for an address or a name, whatever its case.
pub fn person_hash(text: &str) -> u64 {
    let said: String = text.chars().filter(|c| !c.is_whitespace() && *c != '"').flat_map(char::to_lowercase).collect();
    if said.is_empty() { 0 } else { xxh3_64(said.as_bytes()) }
}

/// Stands for a path.
pub fn path_hash(path: &str) -> u32 {
    xxh3_64(path.as_bytes()) as u32
}

/// Stands for a changed line, whatever its white space; `None` for one that says nothing, such as a brace.
pub fn line_hash(sign: u8, line: &str) -> Option<u32> {
    let mut kept = [0u8; 160];
    let (mut len, mut weight) = (0, 0);
    for byte in line.bytes().filter(|b| !b.is_ascii_whitespace()) {
        if len < kept.len() {
            kept[len] = byte;
            len += 1;
        }
        weight += u32::from(byte.is_ascii_alphanumeric() || byte == b'_');
    }
    (weight >= 4).then(|| (xxh3_64(&kept[..len]) as u32) ^ u32::from(sign) << 24)
}

/// Distinct hashes of changed lines: their number, and the smallest of them.
pub fn sketch(removed: &str, added: &str) -> (u32, Vec<u32>) {
    let of =
        |sign: u8, text: &str| text.split(SEPARATOR).filter_map(|line| line_hash(sign, line)).collect::<Vec<u32>>();
    let mut hashes = of(b'-', removed);
    hashes.extend(of(b'+', added));
    hashes.sort_unstable();
    hashes.dedup();
    let lines = hashes.len() as u32;
    hashes.truncate(SKETCH);
    (lines, hashes)
}

impl Fact {
    /// Reads what a mail says.
    pub fn read(message: &Message<'_>, document: &Document, origin: u64) -> Fact {
        let stored = &document.stored;
        let mut subject = Subject::parse(&stored.subject);
        let told =
            subject.tip.is_some() && stored.address.contains("tip-bot") || is_old_tip(&stored.subject, &stored.address);
        let kinds = stored.kinds;
        let text = message.patch_text();
        // Soft line breaks are no part of a patch, and git am undoes them: what is compared is what it takes.
        let unfolded = message.is_flowed().then(|| {
            let mut sections = Sections::default();
            sections.add(&text);
            (sections, patch_id::patch_id(text.as_bytes()).map(|id| id.to_string()))
        });
        let (sections, patch_id) = match &unfolded {
            Some((sections, id)) => (sections, id),
            None => (&document.sections, &document.patch_id),
        };
        let about = kinds.patch || kinds.cover;
        let posting = kinds.reply && kinds.patch && subject.reply && is_posting(&text);
        if posting {
            // What answers a patch with one of its own stands alone, under the subject that it gives itself.
            subject = own_subject(&text)
                .map_or_else(|| Subject { title: subject.title, ..Subject::default() }, Subject::parse);
        }
        let tells: Box<[(Vec<u8>, Told)]> = if kinds.patch || told {
            told::commits(&text, told).into_iter().take(NAMED).collect()
        } else {
            Box::default()
        };
        // `v6.1` of what is a backport by its own words is a kernel.
        if let Some(version) = subject.version.filter(|version| version.1 > 0)
            && tells.iter().any(|(_, told)| *told == Told::Backport)
        {
            subject.stable = Some(format!("{}.{}", version.0, version.1));
            subject.version = None;
        }
        let stem = provenance_corpus::message::id::stem(&stored.message_id);
        let (lines, sketch) = if kinds.patch { self::sketch(&sections.dfa, &sections.dfb) } else { (0, Vec::new()) };
        let mut blobs: Vec<Blob> = sections.dfpost.iter().take(NAMED).filter_map(|id| Blob::parse(id)).collect();
        blobs.sort_unstable();
        blobs.dedup_by_key(|b| b.bits);
        let mut files: Vec<u32> = if kinds.patch {
            sections.dfn.split(SEPARATOR).flat_map(str::split_whitespace).take(NAMED).map(path_hash).collect()
        } else {
            Vec::new()
        };
        files.sort_unstable();
        files.dedup();
        let (name, address) = author(&text, document, told && about);
        let change = document.change_ids.iter().map(String::as_str).next().or_else(|| change_id(&text));
        Fact {
            origin,
            id: hash::message_id(&stored.message_id),
            local: hash::message_id(local(&stored.message_id)),
            author: (person_hash(&address), person_hash(&name)),
            sender: person_hash(&stored.address),
            title: title_hash(title(&subject)),
            words: if about && !kinds.reply { words(title(&subject)).into() } else { Box::default() },
            date: stored.date,
            authored: if told { authored(&text) } else { 0 },
            parent: message
                .in_reply_to
                .first()
                .map(|id| hash::message_id(id))
                .or_else(|| stored.references.last().map(|id| hash::message_id(id)))
                .unwrap_or_default(),
            stem: stem.map_or(0, |stem| xxh3_64(stem.as_bytes())),
            stable: subject.stable.as_deref().map_or(0, |kernel| xxh3_64(kernel.as_bytes())),
            version: (subject.revision().0, subject.revision().1),
            versioned: subject.version.is_some(),
            part: subject.number.zip(subject.total).filter(|_| !subject.is_pull),
            flags: Flags {
                patch: kinds.patch,
                cover: kinds.cover,
                reply: kinds.reply && !posting,
                rfc: subject.is_rfc,
                resend: subject.is_resend,
                told,
                notice: subject.tip.is_some() && !told || subject.trees.iter().any(|tree| tree == "tip:"),
                page: kinds.page,
            },
            change: change.map_or(0, |id| hash::message_id(id.trim())),
            patch_id: patch_id.as_deref().and_then(|id| u64::from_str_radix(id.get(..16)?, 16).ok()).unwrap_or(0),
            lines,
            sketch: sketch.into(),
            blobs: blobs.into(),
            files: files.into(),
            cites: cited(&text, &stored.message_id).into(),
            tells,
        }
    }
}

/// Whether an answer that holds a diff is a patch of its own, and no suggestion: git takes the diff, it is signed off, and a
/// scissors line or a subject stands above it.
fn is_posting(text: &str) -> bool {
    let Some(patch) = Patch::parse(text) else { return false };
    // What git refuses was not meant to be applied. An empty line for an empty line of context it takes.
    if patch.defects.iter().any(|defect| !matches!(defect, Defect::StrippedBlank { .. })) {
        return false;
    }
    let before = text.get(..patch.message.end as usize).unwrap_or_default();
    let signed = patch
        .slice(patch.message)
        .lines()
        .any(|line| line.get(..14).is_some_and(|name| name.eq_ignore_ascii_case("signed-off-by:")));
    signed && (patch.message.start > 0 || own_subject(before).is_some())
}

/// The subject that a patch inside of a mail gives itself: `Subject: [PATCH] x` at the start of a line (git-am(1)).
fn own_subject(text: &str) -> Option<&str> {
    let line = text.lines().take(400).find_map(|line| line.strip_prefix("Subject:"))?;
    Some(line.trim()).filter(|subject| !subject.is_empty())
}

/// The part of a Message-ID before its last `@`.
pub fn local(id: &str) -> &str {
    id.rsplit_once('@').map_or(id, |(local, _)| local)
}

/// The title of a patch, with a `tip:` that older robots left in it.
fn title(subject: &Subject) -> &str {
    subject.title.trim()
}

/// The tip tree's robot before 2019: `[tip:x86/urgent] x86/...` from the committer's `tipbot@` address.
fn is_old_tip(subject: &str, address: &str) -> bool {
    subject.starts_with("[tip:") && address.starts_with("tipbot")
}

/// Name and address of who wrote the patch: the robot's `Author:`, the text's first `From:`, else the header's From.
fn author(text: &str, document: &Document, told: bool) -> (String, String) {
    let named = if told {
        text.lines().take(12).find_map(|line| line.strip_prefix("Author:"))
    } else {
        text.lines().take(4).find(|line| !line.trim().is_empty()).and_then(|line| line.strip_prefix("From:"))
    };
    match named.and_then(|named| address::parse_one(named.trim())) {
        Some(person) => (person.name.clone().unwrap_or_default(), person.address.clone()),
        None => (document.stored.author.clone(), document.stored.address.clone()),
    }
}

/// The robot's `AuthorDate:`, negative where author and committer are one.
fn authored(text: &str) -> i64 {
    let line = |name: &str| text.lines().take(16).find_map(|line| line.strip_prefix(name)).map(str::trim);
    match (line("Author:"), line("Committer:"), line("AuthorDate:")) {
        (Some(author), Some(committer), Some(date)) => {
            let seconds = provenance_corpus::message::date::parse(date.as_bytes()).map_or(0, |date| date.seconds);
            if author == committer { -seconds } else { seconds }
        }
        _ => 0,
    }
}

/// A `change-id:` line anywhere: b4 puts it below the diffstat of a cover letter, beside lines that are no trailers.
fn change_id(text: &str) -> Option<&str> {
    let at = memchr::memmem::find(text.as_bytes(), b"\nchange-id:")?;
    text[at + 11..].lines().next().map(str::trim).filter(|id| id.len() > 8)
}

/// Mails that the text names, each once by its strongest way of naming, in the order of the text.
pub fn cited(text: &str, own: &str) -> Vec<(u64, Cited, bool)> {
    let mut found: Vec<(u64, Cited, bool)> = Vec::new();
    let mut places: FxHashMap<(u64, bool), usize> = FxHashMap::default();
    for citation in citations(text).take(CITATIONS) {
        if citation.message_id == own {
            continue;
        }
        let line = text[..citation.span.start].rfind('\n').map_or(0, |at| at + 1);
        let key = hash::message_id(if citation.masked { local(&citation.message_id) } else { &citation.message_id });
        let way = way(&text[line..citation.span.start]);
        match places.entry((key, citation.masked)) {
            Entry::Occupied(place) => found[*place.get()].1 = found[*place.get()].1.max(way),
            Entry::Vacant(place) => {
                place.insert(found.len());
                found.push((key, way, citation.masked));
            }
        }
    }
    found
}

/// What stands before a citation on its line says how it is meant.
fn way(before: &str) -> Cited {
    let word = before.trim_start_matches([' ', '\t', '-', '*']);
    let named = |name: &str| word.get(..name.len()).is_some_and(|head| head.eq_ignore_ascii_case(name));
    if before.starts_with('>') {
        Cited::Text
    } else if named("link to v") || is_version_label(word) {
        Cited::Version
    } else if ["link:", "message-id:"].iter().any(|name| named(name)) {
        Cited::Trailer
    } else if ["closes:", "buglink:"].iter().any(|name| named(name)) {
        Cited::Closes
    } else {
        Cited::Text
    }
}

/// `v2: URL`, `[v2] URL`, `v2 - URL`: how people write it by hand.
fn is_version_label(word: &str) -> bool {
    let label =
        word.trim_matches(|c: char| c.is_whitespace() || matches!(c, '[' | ']' | ':' | '(' | ')' | '-' | '<' | '='));
    let digits = label.strip_prefix(['v', 'V']);
    digits.is_some_and(|d| !d.is_empty() && d.len() <= 3 && d.bytes().all(|b| b.is_ascii_digit()))
}
