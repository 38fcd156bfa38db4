//! Earlier mails that do something like a patch: in one place of each stand at least three rare things that both have, whole
//! lines or names. What is rare is counted as of the patch's day, over all lists and authors; all revisions of the patch's own
//! series, and what is sent in their threads, are left out. A line is rare where a name on it is: `mutex_lock(&a->lock)` is
//! everybody's, however seldom somebody called it `a`.
//!
//! A name counts where both patches define it or both use it: who calls what another patch made does not do the same. Where
//! both are alike for the greater part, or of one author and title, the earlier one is an earlier posting of this work and not
//! prior art: [`Found::own`]. What is of the same author, has the same title or makes the same file is neither.

use provenance_corpus::message::Message;
use provenance_corpus::patch::{LineKind, Patch};
use provenance_corpus::robot;
use rustc_hash::{FxHashMap, FxHashSet};
use tantivy::collector::DocSetCollector;

use crate::guard::guarded;
use crate::links::edge::{Class, Kind};
use crate::links::fact::title_hash;
use crate::people::{Columns, identity, phrase, words};
use crate::raw::Raw;
use crate::reader::{Reader, ReaderError};
use provenance_corpus::subject::Subject;

/// Fewer matches are chance.
pub const ENOUGH: usize = 3;

/// What more earlier patches have is not rare.
const COMMON: usize = 16;

/// What is rare is at least so rare: the natural logarithm of all patches over those that have it.
const RARE: f32 = 2.0;

/// Names and lines that are asked for; of a patch with more, the longest.
const ASKED: usize = 96;

/// A line with fewer letters and digits is everybody's.
const LETTERS: usize = 18;

/// A shorter name is everybody's.
const SHORTEST: usize = 8;

/// Earlier patches that are read and compared.
const READ: usize = 10;

/// What is asked.
#[derive(Clone, Debug, Default)]
pub struct Question<'q> {
    /// Added lines, without their signs.
    pub lines: Vec<&'q str>,
    /// The same without comments and strings: names are taken from these.
    pub code: Vec<&'q str>,
    /// Removed lines and context lines, without their signs: what stood there before is not the patch's.
    pub before: Vec<&'q str>,
    /// Files that the patch makes.
    pub makes: Vec<&'q str>,
    /// Hash of the patch's Message-ID.
    pub own: u64,
    /// Hashes of the mails that it answers, for a patch that is not indexed.
    pub parents: Vec<u64>,
    /// Its subject.
    pub subject: &'q str,
    /// Name and address of its author.
    pub author: (&'q str, &'q str),
    /// Nothing later counts, seconds since 1970.
    pub as_of: i64,
}

/// Added lines between the first and the last of the rare things in one place.
const PLACE: usize = 12;

/// Equal lines of all added ones, in per cent, from which on two patches are two forms of one.
const SAME: usize = 50;

/// Added lines from which on that says something of patches of two authors.
const LARGE: usize = 20;

/// Earlier postings of the same work that are handed back.
const OWN: usize = 8;

/// What was found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// Of others, the most alike first.
    pub alike: Vec<Likeness>,
    /// Earlier postings of this work that no link of a version leads to: hashes of their Message-IDs, the last first.
    pub own: Vec<(i64, u64)>,
}

/// An earlier patch.
#[derive(Clone, Debug, PartialEq)]
pub struct Likeness {
    /// Hash of its Message-ID.
    pub id: u64,
    /// Its date, seconds since 1970.
    pub date: i64,
    /// Lines that both add, as the patch has them.
    pub lines: Vec<String>,
    /// Names that both define or both use, outside of these lines.
    pub names: Vec<String>,
    /// The place in the patch: added lines, without their signs.
    pub here: Vec<String>,
    /// The place in the earlier one.
    pub there: Vec<String>,
    /// Sum of how rare each is.
    pub weight: f32,
}

/// Something that both may have.
#[derive(Clone, Copy, Debug)]
struct Key<'q> {
    text: &'q str,
    is_line: bool,
    rare: f32,
}

/// Names of a line of C. One that could be a word of a language is none: it must be of two parts.
fn names(line: &str) -> impl Iterator<Item = &str> {
    let name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let parted = |word: &&str| word.trim_matches('_').contains('_') && !word.as_bytes()[0].is_ascii_digit();
    line.split(move |c| !name(c)).filter(|word| word.len() >= SHORTEST).filter(parted)
}

/// Whether a line of C defines a name, as far as one line tells.
fn defines(line: &str, name: &str) -> bool {
    let Some(at) = line.find(name) else { return false };
    let (before, after) = (line[..at].trim_end(), line[at + name.len()..].trim_start());
    let tagged = ["struct", "union", "enum"].iter().any(|word| before.ends_with(word)) && after.starts_with('{');
    let function = after.starts_with('(')
        && !line.starts_with(char::is_whitespace)
        && !line.trim_end().ends_with(';')
        && !before.contains(['(', '=']);
    before.ends_with("#define") || tagged || function
}

/// A line as it is compared: white space does not count.
fn squeezed(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn counts_as_line(line: &str) -> bool {
    let trimmed = line.trim_start();
    let said = line.bytes().filter(u8::is_ascii_alphanumeric).count();
    // Comments of licences and lists of headers are copied by everybody.
    let copied = ["#include", "/*", "*", "//", "MODULE_", "EXPORT_SYMBOL"].iter().any(|head| trimmed.starts_with(head));
    said >= LETTERS && !copied
}

/// The most alike earlier patches, and earlier postings of the patch.
///
/// # Errors
/// A damaged index. A mail whose repository is gone is passed over.
pub fn find(reader: &Reader, raw: &mut Raw, question: &Question<'_>) -> Result<Found, ReaderError> {
    let left_out = own_series(reader, question)?;
    let candidates = guarded(|| candidates(reader, question, &left_out)).map_err(|source| reader.tantivy(source))?;
    let own_title = title_hash(Subject::parse(question.subject).title.trim());
    let author = identity(question.author.0, question.author.1);
    let ours: FxHashSet<String> = question.lines.iter().map(|line| squeezed(line)).filter(|l| !l.is_empty()).collect();
    let mut found = Found::default();
    for (id, keys) in candidates {
        let Some(copy) = reader.mail(id)? else { continue };
        let stored = &copy.stored;
        if stored.kinds.page {
            continue;
        }
        let Ok(bytes) = raw.read(&copy) else { continue };
        let message = Message::parse(&bytes);
        let text = message.text();
        let Some(patch) = Patch::parse(&text) else { continue };
        let added: Vec<&str> = (patch.all_lines().iter())
            .filter(|line| line.kind == LineKind::Added)
            .map(|line| patch.slice(line.span))
            .collect();
        let theirs: FxHashSet<String> = added.iter().map(|line| squeezed(line)).filter(|l| !l.is_empty()).collect();
        let same = ours.intersection(&theirs).count();
        let makes = patch.files.iter().any(|file| file.old_path.is_none() && question.makes.contains(&file.path()));
        let titled = title_hash(Subject::parse(&stored.subject).title.trim()) == own_title;
        let by_author = identity(&stored.author, &stored.address) == author;
        // Of two strangers a few equal lines are likeness, and many are one work that changed hands.
        let smaller = ours.len().min(theirs.len());
        let form = same * 100 >= SAME * smaller && (by_author || titled || smaller >= LARGE);
        if form || titled && by_author {
            if !robot::is(&stored.author, &stored.address) {
                found.own.push((stored.date, id));
            }
        } else if titled || makes || by_author {
            // Of one hand or one title, and not alike: it goes on from there.
        } else if let Some(likeness) = compare(question, &keys, &added) {
            found.alike.push(Likeness { id, date: stored.date, ..likeness });
        }
    }
    found.alike.sort_by(|a, b| b.weight.total_cmp(&a.weight).then(a.date.cmp(&b.date)));
    found.own.sort_unstable_by(|a, b| b.cmp(a));
    found.own.truncate(OWN);
    Ok(found)
}

/// Where the rare things stand among lines: the place that has most of them, as its first and last line, and which.
fn place(lines: &[&str], keys: &[Key<'_>]) -> Option<(usize, usize, Vec<usize>)> {
    let has = |line: &str, key: &Key<'_>| match key.is_line {
        true => squeezed(line) == squeezed(key.text),
        false => names(line).any(|name| name == key.text),
    };
    let mut hits: Vec<(usize, usize)> = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        hits.extend(keys.iter().enumerate().filter(|(_, key)| has(line, key)).map(|(key, _)| (at, key)));
    }
    let mut best: Option<(usize, usize, Vec<usize>)> = None;
    for (from, (first, _)) in hits.iter().enumerate() {
        let within = hits[from..].iter().take_while(|(at, _)| *at < first + PLACE);
        let mut which: Vec<usize> = within.clone().map(|(_, key)| *key).collect();
        which.sort_unstable();
        which.dedup();
        let last = within.last().map_or(*first, |(at, _)| *at);
        if best.as_ref().is_none_or(|(_, _, known)| which.len() > known.len()) {
            best = Some((*first, last, which));
        }
    }
    best
}

/// What both have, where it is enough and stands together in both.
fn compare(question: &Question<'_>, keys: &[Key<'_>], added: &[&str]) -> Option<Likeness> {
    let role = |lines: &mut dyn Iterator<Item = &str>, name: &str| {
        let mut used = false;
        for line in lines.filter(|line| names(line).any(|word| word == name)) {
            used = true;
            if defines(line, name) {
                return Some(true);
            }
        }
        used.then_some(false)
    };
    let theirs: FxHashSet<String> = added.iter().map(|line| squeezed(line)).collect();
    let mut made = false;
    let mut shared: Vec<Key<'_>> = Vec::new();
    let lines: Vec<String> = keys.iter().filter(|key| key.is_line).map(|key| squeezed(key.text)).collect();
    for key in keys {
        if key.is_line {
            shared.extend(theirs.contains(&squeezed(key.text)).then_some(*key));
            continue;
        }
        // What a shared line has is not counted twice.
        let told = lines.iter().any(|line| theirs.contains(line) && names(line).any(|name| name == key.text));
        let here = role(&mut question.code.iter().copied(), key.text);
        if !told && here.is_some() && here == role(&mut added.iter().copied(), key.text) {
            made |= here == Some(true);
            shared.push(*key);
        }
    }
    let (first, last, there) = place(added, &shared)?;
    let shared: Vec<Key<'_>> = there.into_iter().map(|at| shared[at]).collect();
    let (from, to, both) = place(&question.lines, &shared)?;
    let shared: Vec<Key<'_>> = both.into_iter().map(|at| shared[at]).collect();
    // Names that both only use may be those of an interface that few of the indexed lists are about.
    let enough = if made || shared.iter().any(|key| key.is_line) { ENOUGH } else { 2 * ENOUGH };
    if shared.len() < enough {
        return None;
    }
    let piece =
        |lines: &[&str], first: usize, last: usize| lines[first..=last].iter().map(|l| (*l).to_owned()).collect();
    Some(Likeness {
        id: 0,
        date: 0,
        weight: shared.iter().map(|key| key.rare).sum(),
        lines: shared.iter().filter(|key| key.is_line).map(|key| squeezed(key.text)).collect(),
        names: shared.iter().filter(|key| !key.is_line).map(|key| key.text.to_owned()).collect(),
        here: piece(&question.lines, from, to),
        there: piece(added, first, last),
    })
}

/// An earlier patch and the rare things that it shares with the patch.
type Candidate<'q> = (u64, Vec<Key<'q>>);

/// Earlier patches that share enough, those with most first.
fn candidates<'q>(
    reader: &Reader,
    question: &Question<'q>,
    left_out: &FxHashSet<u64>,
) -> tantivy::Result<Vec<Candidate<'q>>> {
    let keys = keys(reader, question, left_out)?;
    let mut shared: FxHashMap<u64, Vec<Key<'q>>> = FxHashMap::default();
    for (key, docs) in &keys {
        docs.iter().for_each(|id| shared.entry(*id).or_default().push(*key));
    }
    let weight = |keys: &[Key<'_>]| keys.iter().map(|key| key.rare).sum::<f32>();
    let mut found: Vec<Candidate<'q>> = shared.into_iter().filter(|(_, keys)| keys.len() >= ENOUGH).collect();
    found.sort_by(|a, b| weight(&b.1).total_cmp(&weight(&a.1)).then(a.0.cmp(&b.0)));
    found.truncate(READ);
    Ok(found)
}

/// The rare things of the patch, each with the earlier mails that add it too.
fn keys<'q>(
    reader: &Reader,
    question: &Question<'q>,
    left_out: &FxHashSet<u64>,
) -> tantivy::Result<Vec<(Key<'q>, Vec<u64>)>> {
    let columns = Columns::open(reader)?;
    let longest = |mut texts: Vec<&'q str>| {
        texts.sort_unstable_by_key(|text| (std::cmp::Reverse(text.len()), *text));
        texts.dedup();
        texts.truncate(ASKED);
        texts
    };
    let stood: FxHashSet<String> = question.before.iter().map(|line| squeezed(line)).collect();
    let named: FxHashSet<&str> = question.before.iter().flat_map(|line| names(line)).collect();
    let lines = question.lines.iter().copied().filter(|line| counts_as_line(line) && !stood.contains(&squeezed(line)));
    let used = question.code.iter().flat_map(|line| names(line)).filter(|name| !named.contains(name));
    let (lines, used) = (longest(lines.map(str::trim).collect()), longest(used.collect()));
    let all = reader.searcher.num_docs() as f32;
    let mut found = Vec::new();
    // The earlier mails that have these words on added lines; `None` where so many have them that they are not rare.
    let mut known: FxHashMap<&'q str, Option<(f32, Vec<u64>)>> = FxHashMap::default();
    let mut rare = |text: &'q str, least: usize| -> tantivy::Result<Option<(f32, Vec<u64>)>> {
        if let Some(known) = known.get(text) {
            return Ok(known.clone());
        }
        let words = words(text);
        let mut ids: Vec<u64> = Vec::new();
        if let Some(query) = phrase(reader.fields.dfb.exact, &words).filter(|_| words.len() >= least) {
            for doc in reader.searcher.search(&*query, &DocSetCollector)? {
                let (date, id) = columns.of(doc);
                if date <= question.as_of && !left_out.contains(&id) {
                    ids.push(id);
                }
            }
        }
        ids.sort_unstable();
        ids.dedup();
        let rare = (all / ids.len().max(1) as f32).ln();
        let answer = (ids.len() <= COMMON && rare >= RARE).then_some((rare, ids));
        known.insert(text, answer.clone());
        Ok(answer)
    };
    let asked = lines.into_iter().map(|text| (text, true)).chain(used.into_iter().map(|text| (text, false)));
    for (text, is_line) in asked {
        let Some((weight, ids)) = rare(text, if is_line { 3 } else { 1 })?.filter(|(_, ids)| !ids.is_empty()) else {
            continue;
        };
        let mut telling = !is_line;
        for name in names(text).filter(|_| is_line) {
            telling = telling || rare(name, 1)?.is_some();
        }
        if telling {
            found.push((Key { text, is_line, rare: weight }, ids));
        }
    }
    Ok(found)
}

/// The patch, all revisions of its series, other forms of it, and what was sent in their threads.
fn own_series(reader: &Reader, question: &Question<'_>) -> Result<FxHashSet<u64>, ReaderError> {
    let graph = &reader.links.graph;
    let mut open: Vec<u64> = vec![question.own];
    open.extend(&question.parents);
    let mut mails: FxHashSet<u64> = open.iter().copied().collect();
    let mut read = || -> std::io::Result<FxHashSet<u64>> {
        while let Some(id) = open.pop() {
            let mut more: Vec<u64> = Vec::new();
            for edge in graph
                .edges(id)?
                .into_iter()
                .filter(|e| matches!(e.kind, Kind::Revision | Kind::Taken) && e.class != Class::Lines)
            {
                more.extend([edge.from, edge.to]);
            }
            if let Some((head, _)) = graph.sending(id)? {
                for version in graph.versions(head)? {
                    more.extend(graph.members(version.head)?.into_iter().map(|member| member.mail));
                }
            }
            open.extend(more.into_iter().filter(|mail| mails.insert(*mail)));
        }
        Ok(std::mem::take(&mut mails))
    };
    let mails = read().map_err(|source| reader.io_error(source))?;
    let ids: Vec<u64> = mails.iter().copied().collect();
    Ok(reader.threads_of(&ids)?.into_iter().chain(ids).collect())
}
