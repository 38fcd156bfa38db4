//! Earlier mails that do something like a patch: those whose added lines share at least three rare things with it, whole lines
//! or names. What is rare is counted as of the patch's day, over all lists and authors; all revisions of the patch's own
//! series, and what is sent in their threads, are left out.
//!
//! A name counts where both patches define it or both use it: who calls what another patch made does not do the same.

use provenance_corpus::message::Message;
use provenance_corpus::patch::{LineKind, Patch};
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

/// The most alike earlier patches, the most alike first.
///
/// # Errors
/// A damaged index. A mail whose repository is gone is passed over.
pub fn find(reader: &Reader, raw: &mut Raw, question: &Question<'_>) -> Result<Vec<Likeness>, ReaderError> {
    let left_out = own_series(reader, question)?;
    let found = guarded(|| candidates(reader, question, &left_out)).map_err(|source| reader.tantivy(source))?;
    let own_title = title_hash(Subject::parse(question.subject).title.trim());
    let author = identity(question.author.0, question.author.1);
    let ours: FxHashSet<String> = question.lines.iter().map(|line| squeezed(line)).collect();
    let mut likenesses: Vec<Likeness> = Vec::new();
    for (id, keys) in found {
        let Some(copy) = reader.mail(id)? else { continue };
        let stored = &copy.stored;
        let form = title_hash(Subject::parse(&stored.subject).title.trim()) == own_title
            || identity(&stored.author, &stored.address) == author;
        if form || stored.kinds.page {
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
        if let Some(likeness) = compare(question, &keys, &added, &ours) {
            likenesses.push(Likeness { id, date: stored.date, ..likeness });
        }
    }
    likenesses.sort_by(|a, b| b.weight.total_cmp(&a.weight).then(a.date.cmp(&b.date)));
    Ok(likenesses)
}

/// What both have, where it is enough.
fn compare(question: &Question<'_>, keys: &[Key<'_>], added: &[&str], ours: &FxHashSet<String>) -> Option<Likeness> {
    let theirs: FxHashSet<String> =
        added.iter().map(|line| squeezed(line)).filter(|line| ours.contains(line)).collect();
    let mut likeness = Likeness { id: 0, date: 0, lines: Vec::new(), names: Vec::new(), weight: 0.0 };
    for key in keys.iter().filter(|key| key.is_line) {
        let line = squeezed(key.text);
        if theirs.contains(&line) && !likeness.lines.contains(&line) {
            likeness.lines.push(line);
            likeness.weight += key.rare;
        }
    }
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
    let mut made = false;
    for key in keys.iter().filter(|key| !key.is_line) {
        let told = likeness.lines.iter().any(|line| names(line).any(|name| name == key.text));
        let here = role(&mut question.code.iter().copied(), key.text);
        if !told && here.is_some() && here == role(&mut added.iter().copied(), key.text) {
            made |= here == Some(true);
            likeness.names.push(key.text.to_owned());
            likeness.weight += key.rare;
        }
    }
    // Names that both only use may be those of an interface that few of the indexed lists are about.
    let enough = if likeness.lines.is_empty() && !made { 2 * ENOUGH } else { ENOUGH };
    (likeness.lines.len() + likeness.names.len() >= enough).then_some(likeness)
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
    let asked = lines.into_iter().map(|text| (text, true)).chain(used.into_iter().map(|text| (text, false)));
    for (text, is_line) in asked {
        let words = words(text);
        let Some(query) = phrase(reader.fields.dfb.exact, &words).filter(|_| !is_line || words.len() >= 3) else {
            continue;
        };
        let mut ids: Vec<u64> = Vec::new();
        for doc in reader.searcher.search(&*query, &DocSetCollector)? {
            let (date, id) = columns.of(doc);
            if date <= question.as_of && !left_out.contains(&id) {
                ids.push(id);
            }
        }
        ids.sort_unstable();
        ids.dedup();
        let rare = (all / ids.len().max(1) as f32).ln();
        if (1..=COMMON).contains(&ids.len()) && rare >= RARE {
            found.push((Key { text, is_line, rare }, ids));
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
