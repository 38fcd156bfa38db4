//! One question, answered: the query is parsed and lowered once, run over the mails and over the catalogue's
//! events, and both are joined by message-id into hits.

use provenance_corpus::catalogue::{Catalogue, Event, Kind, Source};
use rustc_hash::FxHashMap;
use tantivy::DocAddress;

use crate::collapse::{Dedup, Entry, Sort};
use crate::events::{Events, start_of};
use crate::hash;
use crate::newest::{self, Cut, LARGEST_PAGE, Newest};
use crate::query::lower::{Lowered, lower};
use crate::query::{Ast, QueryError, explain, parse};
use crate::reader::{Copy, Reader, ReaderError, Wanted};
use crate::scope::Scope;

/// What is asked.
#[derive(Clone, Debug)]
pub struct Question {
    /// In public-inbox's language with our additions.
    pub query: String,
    /// Only what could be known by then, seconds since 1970.
    pub as_of: Option<i64>,
    /// What makes two copies one mail.
    pub dedup: Dedup,
    /// By what.
    pub sort: Sort,
    /// Oldest or worst first.
    pub reverse: bool,
    /// Add all mails of the threads of the hits.
    pub threads: bool,
    /// How many hits are wanted; all where `None`, none but their number where 0.
    pub limit: Option<usize>,
    /// How many are passed over.
    pub offset: usize,
    /// Seconds since 1970 now, for relative dates.
    pub now: i64,
    /// Leave the catalogue's events out.
    pub mail_only: bool,
}

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// The query makes no sense.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// The index cannot be read.
    #[error(transparent)]
    Reader(#[from] ReaderError),
    /// The catalogue's events cannot be searched.
    #[error("the catalogue cannot be searched")]
    Events(#[from] tantivy::TantivyError),
}

/// A mail with all its copies.
#[derive(Clone, Debug)]
pub struct Mail {
    /// The matching copy first.
    pub copies: Vec<Copy>,
    /// Another hit has the same Message-ID and other content.
    pub other_content: bool,
}

impl Mail {
    /// The copy that is shown: a real mail rather than a web page of it.
    pub fn shown(&self) -> &Copy {
        self.copies.iter().find(|c| !c.stored.kinds.page).unwrap_or(&self.copies[0])
    }

    /// Short names of the lists that the copies came by.
    pub fn lists(&self) -> Vec<String> {
        let mut lists: Vec<String> = Vec::new();
        for list in self.copies.iter().flat_map(|c| &c.stored.lists) {
            let short = list.split('.').next().unwrap_or(list).to_owned();
            if !lists.contains(&short) {
                lists.push(short);
            }
        }
        lists
    }
}

/// What a result needs of an event.
#[derive(Clone, Debug)]
pub struct EventHit {
    /// Position in [`Catalogue::events`].
    pub at: usize,
    /// `2019-12-13`
    pub happened: String,
    /// The first author.
    pub author: String,
    /// The subject of a posting or commit, our own sentence for anything else.
    pub subject: String,
    /// Short names of lists.
    pub lists: Vec<String>,
    /// Message-ID, commit or page.
    pub evidence: String,
}

/// A mail, an event, or a mail that is an event.
#[derive(Clone, Debug)]
pub struct Hit {
    /// The mail, where it is indexed.
    pub mail: Option<Mail>,
    /// The event, where it is one.
    pub event: Option<EventHit>,
    /// Date (or arrival) in seconds since 1970.
    pub time: i64,
    /// BM25 where it was asked for.
    pub score: f32,
}

/// The answer.
#[derive(Debug)]
pub struct Answer {
    /// The hits asked for, in order.
    pub hits: Vec<Hit>,
    /// How many there are in all; where it is not exact, there are at least so many.
    pub total: usize,
    /// Whether all were counted. The first page of a broad query is made of the newest hits alone; a question for none
    /// ([`Question::limit`] 0), for all, for a later page, for threads or the best counts them.
    pub is_exact: bool,
    /// The moment of knowledge, from the question or from the query's `as-of:`.
    pub as_of: Option<i64>,
}

/// What of a hit is known before it is fetched.
enum Candidate {
    Mail(Entry, Option<usize>),
    Event(usize, i64, f32),
}

/// Matching mails; where they are not all, from where on they are missing, and what was asked for.
type Mails = (Vec<Candidate>, Option<(Cut, Newest)>);

/// Where the copies of each mail are.
type Places = FxHashMap<u64, Vec<DocAddress>>;

impl Candidate {
    /// The mail that it is or that is its evidence.
    fn mid_hash(&self, catalogue: &Catalogue) -> Option<u64> {
        match self {
            Candidate::Mail(entry, _) => Some(entry.mid_hash),
            Candidate::Event(at, ..) => mail_of(&catalogue.events()[*at]).map(hash::message_id),
        }
    }

    fn order(&self) -> (i64, f32, u64) {
        match self {
            Candidate::Mail(entry, _) => (entry.time, entry.score, entry.mid_hash),
            Candidate::Event(at, time, score) => (*time, *score, *at as u64),
        }
    }
}

/// Answers a question from the mails, where there is an index, and from the catalogue.
///
/// # Errors
/// A query that does not parse, or an index that cannot be read.
pub fn search(question: &Question, reader: Option<&Reader>, catalogue: &Catalogue) -> Result<Answer, SearchError> {
    // Which words a prefix stands for is asked of the index while the query is understood.
    crate::guard::caught(|| answer(question, reader, catalogue)).unwrap_or_else(|panic| {
        let panic = tantivy::TantivyError::InternalError(panic);
        Err(reader.map_or(SearchError::Events(panic.clone()), |reader| reader.tantivy(panic).into()))
    })
}

fn answer(question: &Question, reader: Option<&Reader>, catalogue: &Catalogue) -> Result<Answer, SearchError> {
    let ast = parse(&question.query)?;
    if let Some(keep) = first_page(question)
        && let Some(answer) = attempt(question, &ast, reader, catalogue, Some(keep))?
    {
        return Ok(answer);
    }
    let whole = attempt(question, &ast, reader, catalogue, None)?;
    Ok(whole.expect("where all hits are looked at nothing is left open"))
}

/// Hits of which the answer is made, where it is a page of the newest or oldest.
fn first_page(question: &Question) -> Option<usize> {
    let page = question.limit.filter(|limit| (1..=LARGEST_PAGE).contains(limit))?;
    let by_time = question.sort != Sort::Relevance && !question.threads && question.offset == 0;
    by_time.then_some(page)
}

/// Answers from all hits, or from those that come first; `None` where these do not decide what is on the page.
fn attempt(
    question: &Question,
    ast: &Ast,
    reader: Option<&Reader>,
    catalogue: &Catalogue,
    keep: Option<usize>,
) -> Result<Option<Answer>, SearchError> {
    let mut as_of = question.as_of;
    let (mut candidates, mut cut) = (Vec::new(), None);
    if let Some(reader) = reader {
        let lowered = lower(ast, &mail_scope(reader, catalogue, question.now))?;
        as_of = [as_of, lowered.as_of].into_iter().flatten().min();
        (candidates, cut) = mails(question, &lowered, reader, as_of, keep)?;
    }
    if !question.mail_only {
        as_of = add_events(question, ast, reader, catalogue, as_of, &mut candidates)?;
    }
    if question.threads
        && let Some(reader) = reader
    {
        add_threads(&mut candidates, reader, as_of)?;
    }
    sort(&mut candidates, question);
    let total = cut.as_ref().map_or(candidates.len(), |(cut, _)| cut.mails.max(candidates.len()));
    let wanted = candidates.into_iter().skip(question.offset).take(question.limit.unwrap_or(usize::MAX));
    let wanted: Vec<Candidate> = wanted.collect();
    let ids: Vec<u64> = wanted.iter().filter_map(|c| c.mid_hash(catalogue)).collect();
    let places = reader.map_or(Ok(Places::default()), |reader| reader.places(&ids))?;
    if let (Some((cut, newest)), Some(reader)) = (&cut, reader) {
        // A mail on the page of which another copy may match is an older hit than it seems, or an event's own.
        let short = wanted.len() < newest.keep;
        if short || reader.any_beyond(cut, newest, places.values().flatten())? {
            return Ok(None);
        }
    }
    let hits = wanted.into_iter().map(|c| hit(c, reader, &places, catalogue)).collect::<Result<Vec<_>, _>>()?;
    Ok(Some(Answer { hits: mark_other_content(hits), total, is_exact: cut.is_none(), as_of }))
}

/// Tells how a query is understood, and runs nothing.
///
/// # Errors
/// As [`search`].
pub fn explained(query: &str, reader: Option<&Reader>, catalogue: &Catalogue, now: i64) -> Result<String, SearchError> {
    let ast = parse(query)?;
    let lowered = match reader {
        Some(reader) => lower(&ast, &mail_scope(reader, catalogue, now))?,
        None => {
            let events = Events::open(catalogue, None)?;
            lower(&ast, &event_scope(&events, catalogue, now, None))?
        }
    };
    Ok(explain::explain(&ast, &lowered))
}

fn mail_scope<'a>(reader: &'a Reader, catalogue: &'a Catalogue, now: i64) -> Scope<'a> {
    let (searcher, fields) = (&reader.searcher, &reader.fields);
    Scope { searcher, reader: Some(reader), fields, catalogue, now, commits: false, ident_in_default: false }
}

fn event_scope<'a>(events: &'a Events, catalogue: &'a Catalogue, now: i64, mails: Option<&Reader>) -> Scope<'a> {
    let (searcher, fields) = (events.searcher(), events.fields());
    let commits = mails.is_some_and(|reader| reader.links.graph.has_commits().unwrap_or(false));
    Scope { searcher, reader: None, fields, catalogue, now, commits, ident_in_default: false }
}

fn mails(
    question: &Question,
    lowered: &Lowered,
    reader: &Reader,
    as_of: Option<i64>,
    keep: Option<usize>,
) -> Result<Mails, SearchError> {
    let candidates = |entries: Vec<Entry>| entries.into_iter().map(|entry| Candidate::Mail(entry, None)).collect();
    if let Some(keep) = keep {
        let Question { dedup, sort, reverse, .. } = *question;
        let newest = Newest { dedup, sort, reverse, as_of, keep, few: newest::FEW };
        let (entries, cut) = reader.first_entries(lowered.query.as_ref(), &newest)?;
        return Ok((candidates(entries), cut.map(|cut| (cut, newest))));
    }
    let wanted = Wanted { dedup: question.dedup, sort: question.sort, reverse: question.reverse, as_of };
    let entries = reader.entries(lowered.query.as_ref(), wanted)?;
    Ok((candidates(entries), None))
}

/// An event whose mail matched as well marks that mail; an event whose mail is indexed but did not match brings
/// the mail in; any other event is a hit of its own.
fn add_events(
    question: &Question,
    ast: &Ast,
    reader: Option<&Reader>,
    catalogue: &Catalogue,
    as_of: Option<i64>,
    candidates: &mut Vec<Candidate>,
) -> Result<Option<i64>, SearchError> {
    let events = Events::open(catalogue, reader.map(Reader::data))?;
    let lowered = lower(ast, &event_scope(&events, catalogue, question.now, reader))?;
    let as_of = [as_of, lowered.as_of].into_iter().flatten().min();
    let found = events.search(lowered.query.as_ref(), question.sort, as_of)?;
    if found.is_empty() {
        return Ok(as_of);
    }
    let mut by_mail: FxHashMap<u64, usize> = FxHashMap::default();
    for (place, candidate) in candidates.iter().enumerate() {
        if let Candidate::Mail(entry, _) = candidate {
            by_mail.entry(entry.mid_hash).or_insert(place);
        }
    }
    for (at, score) in found {
        let event = &catalogue.events()[at];
        let place = mail_of(event).and_then(|id| by_mail.get(&hash::message_id(id)).copied());
        match place.map(|place| &mut candidates[place]) {
            Some(Candidate::Mail(_, marked)) => *marked = Some(at),
            _ => candidates.push(Candidate::Event(at, start_of(event.happened.0), score)),
        }
    }
    Ok(as_of)
}

fn add_threads(candidates: &mut Vec<Candidate>, reader: &Reader, as_of: Option<i64>) -> Result<(), SearchError> {
    let ids: Vec<u64> = candidates
        .iter()
        .filter_map(|c| match c {
            Candidate::Mail(entry, _) => Some(entry.mid_hash),
            Candidate::Event(..) => None,
        })
        .collect();
    let present: rustc_hash::FxHashSet<u64> = ids.iter().copied().collect();
    for entry in reader.thread_entries(&ids, as_of)? {
        if !present.contains(&entry.mid_hash) {
            candidates.push(Candidate::Mail(entry, None));
        }
    }
    Ok(())
}

fn sort(candidates: &mut [Candidate], question: &Question) {
    candidates.sort_by(|a, b| {
        let ((a_time, a_score, a_id), (b_time, b_score, b_id)) = (a.order(), b.order());
        let order = match question.sort {
            Sort::Relevance => b_score.total_cmp(&a_score).then(b_time.cmp(&a_time)),
            Sort::Date | Sort::Received => b_time.cmp(&a_time),
        };
        let order = if question.reverse { order.reverse() } else { order };
        order.then(a_id.cmp(&b_id))
    });
}

fn hit(
    candidate: Candidate,
    reader: Option<&Reader>,
    places: &Places,
    catalogue: &Catalogue,
) -> Result<Hit, SearchError> {
    let (time, score, _) = candidate.order();
    let id = candidate.mid_hash(catalogue);
    let docs = id.and_then(|id| places.get(&id)).map_or(&[][..], Vec::as_slice);
    let (mail, event) = match (candidate, reader) {
        (Candidate::Mail(entry, at), Some(reader)) => (Some(mail(&entry, docs, reader)?), at),
        // The event's own words matched; where its mail is indexed, the mail is what is shown.
        (Candidate::Event(at, ..), Some(reader)) => {
            let copies = docs.iter().map(|doc| reader.copy(*doc)).collect::<Result<Vec<_>, _>>()?;
            let mail = (!copies.is_empty()).then_some(Mail { copies, other_content: false });
            (mail, Some(at))
        }
        (Candidate::Event(at, ..), None) => (None, Some(at)),
        (Candidate::Mail(..), None) => unreachable!("mails come from a reader"),
    };
    Ok(Hit { mail, event: event.map(|at| event_hit(at, &catalogue.events()[at])), time, score })
}

fn mail(entry: &Entry, docs: &[DocAddress], reader: &Reader) -> Result<Mail, ReaderError> {
    let shown = reader.copy(entry.doc)?;
    let (key, page) = (shown.key, shown.stored.kinds.page);
    let mut copies = vec![shown];
    for doc in docs.iter().filter(|doc| **doc != entry.doc) {
        let copy = reader.copy(*doc)?;
        if copy.key == key || copy.stored.kinds.page != page {
            copies.push(copy);
        }
    }
    Ok(Mail { copies, other_content: false })
}

fn mark_other_content(mut hits: Vec<Hit>) -> Vec<Hit> {
    let mut seen: FxHashMap<String, u32> = FxHashMap::default();
    for mail in hits.iter().filter_map(|hit| hit.mail.as_ref()) {
        *seen.entry(mail.copies[0].stored.message_id.clone()).or_default() += 1;
    }
    for mail in hits.iter_mut().filter_map(|hit| hit.mail.as_mut()) {
        mail.other_content = seen.get(&mail.copies[0].stored.message_id).is_some_and(|n| *n > 1);
    }
    hits
}

fn mail_of(event: &Event) -> Option<&str> {
    event.evidence.iter().find_map(|evidence| match evidence.source() {
        Some(Source::Mail(mail)) => Some(mail.as_str()),
        _ => None,
    })
}

fn event_hit(at: usize, event: &Event) -> EventHit {
    let evidence = event.evidence.iter().find_map(|evidence| evidence.source());
    EventHit {
        at,
        happened: event.happened.to_string(),
        author: event.authors.first().cloned().unwrap_or_default(),
        subject: title(event),
        lists: event.lists.clone(),
        evidence: match evidence {
            Some(Source::Mail(mail)) => mail.to_string(),
            Some(Source::Commit(commit)) => format!("commit {}", commit.short()),
            Some(Source::Page(url)) => url.to_owned(),
            None => String::new(),
        },
    }
}

/// What an event is shown as: the subject of what was sent or merged, our own sentence for everything else, whose
/// subject says little (`Re: ...`).
fn title(event: &Event) -> String {
    match (&event.subject, event.kind) {
        (Some(subject), Kind::Posting | Kind::Revision | Kind::Merge) => subject.clone(),
        (_, Kind::Claim) => format!("claim: {}", event.text),
        _ => event.text.clone(),
    }
}
