//! Who knows the code that a patch touches: those who wrote or answered earlier patches to the same files, functions and
//! rare names, the nearer the patch and the later the mail the more. Only what was there at the moment of the question
//! counts.

use rustc_hash::{FxHashMap, FxHashSet};
use tantivy::collector::DocSetCollector;
use tantivy::query::{PhraseQuery, Query, TermQuery};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::tokenizer::{TokenStream, Tokenizer};
use tantivy::{DocAddress, Term};

use crate::guard::guarded;
use crate::reader::{Reader, ReaderError};
use crate::terms::ExactTokenizer;

/// Files, functions and names that are asked for; of a patch with more, the first.
const KEYS: usize = 48;

/// A key that more mails have says nothing of anybody.
const COMMON: usize = 6_000;

/// Earlier patches whose threads are read.
const PATCHES: usize = 48;

/// Mails of one thread that are read, and of all threads together.
const MAILS: usize = 250;
const ALL_MAILS: usize = 3_000;

/// An answer says so much more than a patch of one's own.
const ANSWER: f32 = 4.0;

/// Seconds after which a mail counts half.
const HALF: f32 = 270.0 * 86_400.0;

/// What is asked.
#[derive(Clone, Debug, Default)]
pub struct Question<'q> {
    /// Files that the patch touches.
    pub files: Vec<&'q str>,
    /// Functions that it changes, and names on its changed lines.
    pub names: Vec<&'q str>,
    /// The moment of the question, seconds since 1970: nothing later counts.
    pub as_of: i64,
    /// The patch itself: hash of its Message-ID.
    pub own: u64,
    /// How many people are wanted.
    pub most: usize,
}

/// One who knows it.
#[derive(Clone, Debug)]
pub struct Person {
    /// As in From.
    pub name: String,
    /// As in From of the last mail.
    pub address: String,
    /// How well, for comparison only.
    pub weight: f32,
    /// The mail that says so: hash of its Message-ID.
    pub why: u64,
    /// What that mail's thread shares with the patch.
    pub shared: String,
    /// Date of the last mail that was met, seconds since 1970.
    pub last: i64,
}

/// One who is known by a hash of the name, or of the address.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    weight: f32,
    why: u64,
    last: i64,
    shared: usize,
}

/// An earlier patch.
#[derive(Clone, Debug, Default)]
struct Related {
    weight: f32,
    best: (f32, usize),
    id: u64,
    date: i64,
}

/// By what a person is known: people change their addresses more than their names.
pub fn identity(name: &str, address: &str) -> String {
    let plain = name.trim().to_lowercase();
    if plain.contains(' ') { plain } else { address.to_lowercase() }
}

/// The words of a text as they are indexed.
pub(crate) fn words(text: &str) -> Vec<String> {
    let mut tokenizer = ExactTokenizer::default();
    let mut stream = tokenizer.token_stream(text);
    let mut words = Vec::new();
    while let Some(token) = stream.next() {
        words.push(token.text.clone());
    }
    words
}

/// The mails that have these words one after another in a field.
pub(crate) fn phrase(field: Field, words: &[String]) -> Option<Box<dyn Query>> {
    let mut terms: Vec<Term> = words.iter().map(|word| Term::from_field_text(field, word)).collect();
    match terms.len() {
        0 => None,
        1 => Some(Box::new(TermQuery::new(terms.remove(0), IndexRecordOption::Basic))),
        _ => Some(Box::new(PhraseQuery::new(terms))),
    }
}

/// Date and Message-ID of documents, from the columns.
pub(crate) struct Columns {
    segments: Vec<(tantivy::columnar::Column<i64>, tantivy::columnar::Column<u64>)>,
}

impl Columns {
    pub(crate) fn open(reader: &Reader) -> tantivy::Result<Columns> {
        let open = |segment: &tantivy::SegmentReader| {
            Ok((segment.fast_fields().i64("date")?, segment.fast_fields().u64("mid_hash")?))
        };
        Ok(Columns { segments: reader.searcher.segment_readers().iter().map(open).collect::<tantivy::Result<_>>()? })
    }

    /// Seconds since 1970, and the hash of the Message-ID.
    pub(crate) fn of(&self, doc: DocAddress) -> (i64, u64) {
        let (dates, ids) = &self.segments[doc.segment_ord as usize];
        (dates.first(doc.doc_id).unwrap_or(i64::MAX), ids.first(doc.doc_id).unwrap_or_default())
    }
}

/// Those who know it, the best first; robots are among them, and so are those whom the patch was sent to.
///
/// # Errors
/// A damaged index.
pub fn rank(reader: &Reader, question: &Question<'_>) -> Result<Vec<Person>, ReaderError> {
    let found = guarded(|| related(reader, question)).map_err(|source| reader.tantivy(source))?;
    let keys: Vec<&str> = question.files.iter().chain(&question.names).copied().take(KEYS).collect();
    let mut people: FxHashMap<u64, Known> = FxHashMap::default();
    let mut threads: FxHashSet<u64> = FxHashSet::default();
    let mut room = ALL_MAILS;
    for patch in &found {
        let members = reader.thread(patch.id)?;
        // Of one thread the nearest patch counts: a series of twenty says no more than its best part.
        if room == 0 || !threads.insert(members.iter().copied().min().unwrap_or(patch.id)) {
            continue;
        }
        let mut here: FxHashMap<u64, Known> = FxHashMap::default();
        for id in members.into_iter().filter(|id| *id != question.own).take(MAILS.min(room)) {
            room -= 1;
            let facts = reader.links.facts.of(id).map_err(|source| reader.io_error(source))?;
            let Some(mail) = facts.first().filter(|m| m.date <= question.as_of && !m.flags.told && !m.flags.page)
            else {
                continue;
            };
            let key = if mail.author.1 == 0 { mail.sender } else { mail.author.1 };
            let known = here.entry(key).or_default();
            // Who answers cares; each further mail says less.
            let role = if mail.flags.reply { ANSWER } else { 1.0 };
            let fresh = (-(question.as_of - mail.date) as f32 / HALF).exp2();
            known.weight += role * fresh / (1.0 + known.weight);
            if mail.date >= known.last {
                (known.why, known.last, known.shared) = (id, mail.date, patch.best.1);
            }
        }
        for (key, seen) in here {
            let weight = seen.weight * patch.weight;
            let known = people.entry(key).or_insert(Known { weight: 0.0, ..seen });
            known.weight += weight;
            known.last = known.last.max(seen.last);
        }
    }
    let mut people: Vec<Known> = people.into_values().collect();
    people.sort_by(|a, b| b.weight.total_cmp(&a.weight).then(a.why.cmp(&b.why)));
    let mut found = Vec::new();
    for known in people.into_iter().take(question.most) {
        let Some(copy) = reader.mail(known.why)? else { continue };
        found.push(Person {
            name: copy.stored.author,
            address: copy.stored.address,
            weight: known.weight,
            why: known.why,
            shared: keys[known.shared].to_owned(),
            last: known.last,
        });
    }
    Ok(found)
}

/// Earlier patches by what they share with the patch, the nearest first.
fn related(reader: &Reader, question: &Question<'_>) -> tantivy::Result<Vec<Related>> {
    let fields = &reader.fields;
    let columns = Columns::open(reader)?;
    let all = reader.searcher.num_docs() as f32;
    let mut found: FxHashMap<u64, Related> = FxHashMap::default();
    let files = question.files.len();
    for (at, key) in question.files.iter().chain(&question.names).enumerate().take(KEYS) {
        let words = words(key);
        let places: &[Field] =
            if at < files { &[fields.dfn.exact] } else { &[fields.dfa.exact, fields.dfb.exact, fields.dfhh.exact] };
        let mut docs: FxHashMap<u64, i64> = FxHashMap::default();
        for field in places {
            let Some(query) = phrase(*field, &words) else { continue };
            for doc in reader.searcher.search(&*query, &DocSetCollector)? {
                let (date, id) = columns.of(doc);
                if date <= question.as_of && id != question.own {
                    docs.insert(id, date);
                }
            }
        }
        if docs.is_empty() || docs.len() > COMMON {
            continue;
        }
        let rare = (all / docs.len() as f32).ln().max(0.1);
        for (id, date) in docs {
            let entry = found.entry(id).or_insert(Related { id, date, ..Related::default() });
            entry.weight += rare;
            if rare > entry.best.0 {
                entry.best = (rare, at);
            }
        }
    }
    let mut found: Vec<Related> = found.into_values().collect();
    let near = |r: &Related| r.weight * (-(question.as_of - r.date) as f32 / HALF / 2.0).exp2();
    found.sort_by(|a, b| near(b).total_cmp(&near(a)).then(b.id.cmp(&a.id)));
    found.truncate(PATCHES);
    Ok(found)
}

/// Earlier mails with a patch to any of these files: hashes of their Message-IDs.
///
/// # Errors
/// A damaged index.
pub fn touched(reader: &Reader, files: &[&str], as_of: i64, own: u64) -> Result<Vec<u64>, ReaderError> {
    let question = Question { files: files.to_vec(), as_of, own, ..Question::default() };
    let find = || -> tantivy::Result<Vec<u64>> {
        let columns = Columns::open(reader)?;
        let mut ids: Vec<u64> = Vec::new();
        for file in question.files.iter().take(KEYS) {
            let Some(query) = phrase(reader.fields.dfn.exact, &words(file)) else { continue };
            for doc in reader.searcher.search(&*query, &DocSetCollector)? {
                let (date, id) = columns.of(doc);
                if date <= as_of && id != own {
                    ids.push(id);
                }
            }
        }
        ids.sort_unstable();
        ids.dedup();
        Ok(ids)
    };
    guarded(find).map_err(|source| reader.tantivy(source))
}
