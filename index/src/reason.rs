//! The thread that a commit came out of - a report, an answer that asks for it - where none of its lines names one.
//!
//! What is looked at is what a person would: the answers to the commit that is fixed, and what those wrote whom the commit thanks
//! for the report or the idea, in the weeks before it. Each clue is kept, so that a reader can judge; a thread is named only where
//! clues of two kinds meet in it, and no other thread comes near.

use rustc_hash::{FxHashMap, FxHashSet};
use tantivy::collector::DocSetCollector;
use tantivy::query::{BooleanQuery, Occur, Query};

use provenance_corpus::message::Message;
use provenance_corpus::trailer::{self, Kind as Trailer};

use crate::guard::guarded;
use crate::history::kin;
use crate::links::edge::{Kind, commit_node};
use crate::people::{Columns, identity, phrase, words};
use crate::raw::Raw;
use crate::reader::{Reader, ReaderError};

/// A report is at most so old (seconds).
const WINDOW: i64 = 60 * 86_400;

/// Commits of `Fixes:`, people, and names that are asked for.
const FIXED: usize = 4;
const PEOPLE: usize = 6;
const NAMES: usize = 12;

/// Mails of one person, or with one name, that are looked at, the latest; and mails that are read in all.
const MAILS: usize = 60;
const READ: usize = 160;

/// A name that more mails have in the window says nothing.
const COMMON: usize = 24;

/// What the role of a reporter weighs.
const REPORTER: f32 = 3.0;

/// What a thread must weigh, and by how much more than the next.
const ENOUGH: f32 = 5.0;
const CLEAR: f32 = 1.5;

/// What is asked.
#[derive(Clone, Debug, Default)]
pub struct Question<'q> {
    /// The message of the commit, with its title.
    pub message: &'q str,
    /// Name and address of its author.
    pub author: (&'q str, &'q str),
    /// When its author wrote it and when it was committed, seconds since 1970: nothing later counts.
    pub dates: (i64, i64),
    /// Mails that are the commit's own: its posting, and what tells of it. Hashes of Message-IDs.
    pub own: Vec<u64>,
}

/// Why a mail is thought to have led to the commit.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Clue {
    /// It is in the thread of a commit that this one says it fixes or reverts: the commit.
    Fixes(String),
    /// It is in the thread of a commit that this one names otherwise.
    Mentions(String),
    /// Its author is named in this trailer.
    Named(String, String),
    /// Both say this name or line.
    Says(String),
    /// The commit's author wrote it, or took part in its thread.
    Author,
}

impl std::fmt::Display for Clue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Clue::Fixes(commit) => write!(f, "in the thread of {commit}, which it fixes or reverts"),
            Clue::Mentions(commit) => write!(f, "in the thread of {commit}, which it names"),
            Clue::Named(trailer, name) => write!(f, "by {name}, who is named in its {trailer}"),
            Clue::Says(text) => write!(f, "both say {text}"),
            Clue::Author => write!(f, "the commit's author writes in that thread"),
        }
    }
}

/// A mail that may be the reason, with its clues.
#[derive(Clone, Debug, Default)]
pub struct Reason {
    /// Hash of its Message-ID.
    pub id: u64,
    /// Date, seconds since 1970.
    pub date: i64,
    /// Why.
    pub clues: Vec<Clue>,
    /// How much they weigh.
    pub weight: f32,
}

/// A person whom a commit names.
struct Thanked {
    who: String,
    address: String,
    name: String,
    trailer: String,
    weight: f32,
}

/// What a role says of having caused a commit.
fn role(name: &str) -> Option<f32> {
    let name = name.to_ascii_lowercase();
    let weight = match name.as_str() {
        "reported-by" | "reported-and-tested-by" | "bisected-by" => REPORTER,
        "suggested-by" | "requested-by" | "diagnosed-by" | "debugged-by" | "analyzed-by" | "originally-by" => 2.5,
        _ if name.starts_with("reported-") || name.contains("suggested") => 2.5,
        _ => return None,
    };
    Some(weight)
}

fn thanked(message: &str) -> Vec<Thanked> {
    let mut found: Vec<Thanked> = Vec::new();
    for trailer in trailer::parse(message) {
        let (Some(weight), Some(person)) = (role(trailer.name), trailer.address()) else { continue };
        let name = person.name.clone().unwrap_or_default();
        let who = identity(&name, &person.address);
        if found.len() < PEOPLE && !found.iter().any(|known| known.who == who) {
            found.push(Thanked { who, address: person.address, name, trailer: trailer.name.to_owned(), weight });
        }
    }
    found
}

/// Names of functions, files and options in prose: of two parts, or called, or a path.
fn names(text: &str) -> Vec<&str> {
    let mut found: Vec<&str> = Vec::new();
    let mut seen = FxHashSet::default();
    for word in
        text.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '"' | '\'' | '`' | '<' | '>' | '=' | '+'))
    {
        let word = word.trim_matches(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        let word = word.split(['(', '[', '+', ':']).next().unwrap_or(word);
        let named = word.trim_matches('_').contains('_') || word.contains('/') && word.contains('.');
        if named && (6..=80).contains(&word.len()) && !word.contains("://") && !word.contains('@') && seen.insert(word)
        {
            found.push(word);
        }
    }
    found
}

/// Lines of a message that are nobody's own words: what a machine printed.
fn printed(text: &str) -> impl Iterator<Item = String> {
    let squeezed =
        |line: &str| line.trim_start_matches(['>', ' ', '|']).split_whitespace().collect::<Vec<_>>().join(" ");
    text.lines()
        .map(squeezed)
        .filter(|line| line.len() >= 24 && !line.contains("-by:") && !line.contains("@"))
        .filter(|line| !line.starts_with("Link:") && !line.starts_with("Closes:") && !line.starts_with("Fixes:"))
}

/// The prose of a message, without its trailers and the diff.
fn prose(message: &str) -> String {
    let body = message.split("\ndiff --git ").next().unwrap_or(message);
    let spans: Vec<std::ops::Range<usize>> = trailer::parse(body)
        .into_iter()
        .filter(|t| !matches!(t.kind, Trailer::Note | Trailer::Other))
        .map(|t| t.span)
        .collect();
    let mut text = String::new();
    let mut at = 0;
    for span in spans {
        text.push_str(body.get(at..span.start).unwrap_or_default());
        at = span.end.max(at);
    }
    text.push_str(body.get(at..).unwrap_or_default());
    text
}

/// Mails that a query finds in the window, the latest first.
fn within(
    reader: &Reader,
    columns: &Columns,
    query: &dyn Query,
    (from, to): (i64, i64),
) -> tantivy::Result<Vec<(i64, u64)>> {
    let mut found: Vec<(i64, u64)> = Vec::new();
    for doc in reader.searcher.search(query, &DocSetCollector)? {
        let (date, id) = columns.of(doc);
        if (from..=to).contains(&date) {
            found.push((date, id));
        }
    }
    found.sort_unstable_by(|a, b| b.cmp(a));
    found.dedup();
    Ok(found)
}

/// The threads of the mails that posted a commit or tell of it, by the beginning of its id.
fn threads_of_commit(reader: &Reader, digits: &str) -> std::io::Result<Vec<u64>> {
    let graph = &reader.links.graph;
    let mut mails = Vec::new();
    for id in graph.commits(digits)?.into_iter().take(2) {
        let edges = graph.edges(commit_node(&id))?;
        mails.extend(edges.iter().filter(|e| e.kind.is_made() || e.kind == Kind::Tells).map(|e| e.from));
    }
    Ok(mails)
}

/// Commits that a message fixes or reverts, and such as it names otherwise, as it gives their ids.
fn commits(message: &str) -> Vec<Clue> {
    let mut found: Vec<Clue> = Vec::new();
    let trailers = trailer::parse(message);
    let fixed = trailers.iter().filter(|t| t.kind == Trailer::Fixes).filter_map(|t| Some(t.commit()?.to_lowercase()));
    found.extend(fixed.chain(kin::reverts(message)).map(Clue::Fixes));
    let words: Vec<&str> = prose_words(message).collect();
    for pair in words.windows(2).filter(|pair| matches!(pair[0], "commit" | "Commit" | "commits")) {
        let digits = pair[1].trim_matches(|c: char| !c.is_ascii_alphanumeric()).to_lowercase();
        let is_id = (10..=64).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit());
        if is_id
            && !found.iter().any(
                |clue| matches!(clue, Clue::Fixes(known) if known.starts_with(&digits) || digits.starts_with(known)),
            )
        {
            found.push(Clue::Mentions(digits));
        }
    }
    found.truncate(FIXED);
    found
}

fn prose_words(message: &str) -> impl Iterator<Item = &str> {
    message.split("\ndiff --git ").next().unwrap_or(message).split_whitespace()
}

/// The mail that a commit most likely came out of; `None` where none is clear.
///
/// # Errors
/// A damaged index. A mail whose repository is gone is passed over.
pub fn find(reader: &Reader, raw: &mut Raw, question: &Question<'_>) -> Result<Option<Reason>, ReaderError> {
    let found = candidates(reader, raw, question)?;
    let next = found.get(1).map_or(0.0, |reason| reason.weight);
    Ok(found
        .into_iter()
        .next()
        .filter(|first| first.weight >= ENOUGH && first.weight - next >= CLEAR && kinds(first) >= 2))
}

/// The best mail of each thread that a commit may have come out of, the most likely first.
///
/// # Errors
/// As [`find`].
pub fn candidates(reader: &Reader, raw: &mut Raw, question: &Question<'_>) -> Result<Vec<Reason>, ReaderError> {
    let window = (question.dates.0.min(question.dates.1) - WINDOW, question.dates.1);
    let people = thanked(question.message);
    let prose = prose(question.message);
    let names = names(&prose);
    let author = identity(question.author.0, question.author.1);
    let mut clues: FxHashMap<u64, Vec<Clue>> = FxHashMap::default();
    for clue in commits(question.message) {
        let (Clue::Fixes(digits) | Clue::Mentions(digits)) = &clue else { continue };
        let mails = threads_of_commit(reader, digits).map_err(|source| reader.io_error(source))?;
        for id in reader.threads_of(&mails)?.into_iter().filter(|id| !mails.contains(id)) {
            clues.entry(id).or_default().push(clue.clone());
        }
    }
    let search = || -> tantivy::Result<()> {
        let columns = Columns::open(reader)?;
        for person in &people {
            let texts = [&person.address, &person.name].into_iter().filter(|text| !text.is_empty());
            let queries: Vec<(Occur, Box<dyn Query>)> = texts
                .filter_map(|text| Some((Occur::Should, phrase(reader.fields.from.exact, &words(text))?)))
                .collect();
            for (_, id) in within(reader, &columns, &BooleanQuery::new(queries), window)?.into_iter().take(MAILS) {
                clues.entry(id).or_default().push(Clue::Named(person.trailer.clone(), person.name.clone()));
            }
        }
        let mut asked = 0;
        for name in &names {
            let texts = [reader.fields.body.exact, reader.fields.quoted.exact, reader.fields.dfb.exact];
            let queries: Vec<(Occur, Box<dyn Query>)> =
                texts.iter().filter_map(|field| Some((Occur::Should, phrase(*field, &words(name))?))).collect();
            let found = within(reader, &columns, &BooleanQuery::new(queries), window)?;
            if (1..=COMMON).contains(&found.len()) {
                for (_, id) in found {
                    clues.entry(id).or_default();
                }
                asked += 1;
            }
            if asked == NAMES {
                break;
            }
        }
        Ok(())
    };
    guarded(search).map_err(|source| reader.tantivy(source))?;
    judge(reader, raw, question, clues, window, (&people, &names, &author))
}

/// What a mail says, as far as it is compared.
struct Read {
    id: u64,
    root: u64,
    date: i64,
    who: String,
    said: Vec<Clue>,
    clues: Vec<Clue>,
}

type Known<'k> = (&'k [Thanked], &'k [&'k str], &'k str);

fn judge(
    reader: &Reader,
    raw: &mut Raw,
    question: &Question<'_>,
    clues: FxHashMap<u64, Vec<Clue>>,
    window: (i64, i64),
    (people, names, author): Known<'_>,
) -> Result<Vec<Reason>, ReaderError> {
    let lines: FxHashSet<String> = printed(&prose(question.message)).collect();
    let mut order: Vec<(u64, Vec<Clue>)> = clues.into_iter().filter(|(id, _)| !question.own.contains(id)).collect();
    order.sort_by_key(|(id, clues)| (std::cmp::Reverse(clues.len()), *id));
    let mut reads: Vec<Read> = Vec::new();
    for (id, found) in order {
        let Some(copy) = reader.mail(id)? else { continue };
        let stored = &copy.stored;
        let facts = reader.links.facts.of(id).map_err(|source| reader.io_error(source))?;
        if reads.len() >= READ || facts.iter().any(|f| f.flags.told) || !(window.0..=window.1).contains(&stored.date) {
            continue;
        }
        let Ok(bytes) = raw.read(&copy) else { continue };
        let message = Message::parse(&bytes);
        let text = message.text();
        // What is quoted was said by others.
        let own: String =
            text.lines().filter(|line| !line.starts_with('>')).fold(String::new(), |all, line| all + line + "\n");
        let mut said: Vec<Clue> = Vec::new();
        let subject_and_text = format!("{}\n{own}", stored.subject);
        said.extend(
            names.iter().filter(|name| subject_and_text.contains(**name)).map(|name| Clue::Says((*name).to_owned())),
        );
        said.extend(printed(&own).filter(|line| lines.contains(line)).map(Clue::Says));
        said.sort();
        said.dedup();
        let root = reader.links.root(id).map_err(|source| reader.io_error(source))?.unwrap_or(id);
        let who = identity(&stored.author, &stored.address);
        reads.push(Read { id, root, date: stored.date, who, said, clues: found });
    }
    // How many threads say it makes a name rare.
    let mut spread: FxHashMap<&Clue, FxHashSet<u64>> = FxHashMap::default();
    for read in &reads {
        for clue in &read.said {
            spread.entry(clue).or_default().insert(read.root);
        }
    }
    let mut threads: FxHashMap<u64, Vec<&Read>> = FxHashMap::default();
    reads.iter().for_each(|read| threads.entry(read.root).or_default().push(read));
    let mut found: Vec<Reason> = Vec::new();
    for mails in threads.values() {
        let mut best: Option<Reason> = None;
        // Who reported it writes where the report is.
        let reporters = || people.iter().filter(|person| person.weight >= REPORTER);
        if reporters().count() > 0 && !reporters().any(|person| mails.iter().any(|mail| person.wrote(mail))) {
            continue;
        }
        let in_thread = mails.iter().any(|mail| mail.who == author);
        for mail in mails {
            let reason = weigh(mail, &spread, people, in_thread, question.dates.1);
            if best.as_ref().is_none_or(|b| (reason.weight, b.date) > (b.weight, reason.date)) {
                best = Some(reason);
            }
        }
        found.extend(best);
    }
    found.sort_by(|a, b| b.weight.total_cmp(&a.weight).then(a.date.cmp(&b.date)));
    Ok(found)
}

/// How many kinds of clues there are: one kind alone is chance.
fn kinds(reason: &Reason) -> usize {
    let has = |wanted: fn(&Clue) -> bool| usize::from(reason.clues.iter().any(wanted));
    has(|clue| matches!(clue, Clue::Fixes(_) | Clue::Mentions(_)))
        + has(|clue| matches!(clue, Clue::Named(..)))
        + has(|clue| matches!(clue, Clue::Says(_)))
}

fn weigh(
    mail: &Read,
    spread: &FxHashMap<&Clue, FxHashSet<u64>>,
    people: &[Thanked],
    in_thread: bool,
    committed: i64,
) -> Reason {
    let mut reason = Reason { id: mail.id, date: mail.date, ..Reason::default() };
    let commit = mail.clues.iter().filter(|clue| matches!(clue, Clue::Fixes(_) | Clue::Mentions(_))).min();
    if let Some(commit) = commit {
        reason.clues.push(commit.clone());
        reason.weight += if matches!(commit, Clue::Fixes(_)) { 3.0 } else { 2.0 };
    }
    if let Some(person) = people.iter().find(|person| person.wrote(mail)) {
        reason.clues.push(Clue::Named(person.trailer.clone(), person.name.clone()));
        reason.weight += person.weight;
    }
    let mut said = 0.0f32;
    for clue in &mail.said {
        let Clue::Says(text) = clue else { continue };
        let threads = spread.get(clue).map_or(1, FxHashSet::len) as f32;
        let line = if text.contains(' ') { 2.0 } else { 1.0 };
        said += line / threads.sqrt();
        reason.clues.push(clue.clone());
    }
    reason.weight += said.min(4.0);
    if in_thread {
        reason.clues.push(Clue::Author);
        reason.weight += 0.75;
    }
    reason.weight -= (committed - mail.date) as f32 / 86_400.0 * 0.03;
    reason
}

impl Thanked {
    fn wrote(&self, mail: &Read) -> bool {
        let named =
            |clue: &Clue| matches!(clue, Clue::Named(trailer, name) if *trailer == self.trailer && *name == self.name);
        self.who == mail.who || mail.clues.iter().any(named)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_a_name_and_what_is_printed() {
        let text =
            "BUG: in text_poke_bp() at arch/x86/kernel/alternative.c:12, see https://x.org/a_b_c and a@b_c.org; foo_b";
        assert_eq!(names(text), ["text_poke_bp", "arch/x86/kernel/alternative.c"]);
        let lines: Vec<String> =
            printed("> WARNING: CPU: 1 PID: 7 at  kernel/x.c\nshort\nFixes: 0123456789ab (\"a long title\")").collect();
        assert_eq!(lines, ["WARNING: CPU: 1 PID: 7 at kernel/x.c"]);
    }

    #[test]
    fn who_is_thanked() {
        let people = thanked(
            "x: y\n\nwhy\n\nReported-by: Ada Example <ada@x.org>\nReviewed-by: Eve <e@x.org>\nSuggested-by: Bob B <b@x.org>\n",
        );
        let said: Vec<(&str, f32)> = people.iter().map(|p| (p.who.as_str(), p.weight)).collect();
        assert_eq!(said, [("ada example", 3.0), ("bob b", 2.5)]);
    }
}
