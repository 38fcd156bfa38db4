//! Questions, threads, mails and lineages.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};

use provenance_corpus::message::Message;
use provenance_index::collapse::{Dedup, Sort};
use provenance_index::hash;
use provenance_index::links::edge::Kind;
use provenance_index::search::{self as index, Question, SearchError};
use provenance_review::thread as threads;
use rustc_hash::FxHashMap;

use super::Tell;
use crate::facts::{Brief, HitRow, Tree, TreeRow};
use crate::library::Library;
use crate::library::Shelf;
use crate::msg::{Effect, Msg, Order};
use crate::page::build::{Beside, build, given};
use crate::page::voices::heard;
use crate::text::clean;

/// Hits of the first page, and of each that follows.
const FIRST: usize = 100;
const MORE: usize = 400;
/// Hits that are listed at all.
const MOST: usize = 20_000;

/// Answers questions; the newest counts.
pub(super) fn search(library: &Library, effects: &Receiver<Effect>, tell: &Tell) {
    let mut next = effects.recv().ok();
    while let Some(effect) = next.take() {
        // Whoever types fast asks often; only the last question wants an answer.
        let newest = effects.try_iter().last().unwrap_or(effect);
        let Effect::Search { ask, query, order, threads } = newest else {
            next = effects.recv().ok();
            continue;
        };
        next = answer(library, effects, tell, ask, &query, order, threads);
        if next.is_none() {
            next = effects.recv().ok();
        }
    }
}

/// Answers one question in pieces; a newer one ends it, and is returned.
fn answer(
    library: &Library,
    effects: &Receiver<Effect>,
    tell: &Tell,
    ask: u64,
    query: &str,
    order: Order,
    threads: bool,
) -> Option<Effect> {
    let shelf = library.shelf();
    let mut question = Question {
        query: query.to_owned(),
        as_of: None,
        dedup: Dedup::Content,
        sort: if order == Order::Best { Sort::Relevance } else { Sort::Date },
        reverse: order == Order::Oldest,
        threads: false,
        limit: Some(FIRST),
        offset: 0,
        now: jiff::Timestamp::now().as_second(),
        mail_only: false,
    };
    let mut grouped: FxHashMap<u64, HitRow> = FxHashMap::default();
    loop {
        let found = match index::search(&question, shelf.reader.as_ref(), &shelf.catalogue) {
            Ok(found) => found,
            Err(error) => {
                let at = match &error {
                    SearchError::Query(wrong) => Some((wrong.span.start, wrong.span.end)),
                    _ => None,
                };
                tell(Msg::Unanswered { ask, what: error.to_string(), at });
                return None;
            }
        };
        let (total, is_exact) = (found.total, found.is_exact);
        let rows = found.hits.iter().map(|hit| {
            let event = hit.event.as_ref().map(|e| &shelf.catalogue.events()[e.at]);
            let mut row = HitRow::of(hit, event.map(|e| (e.id.to_string(), e.mechanism.to_string())));
            row.landed =
                hit.mail.as_ref().is_some_and(|mail| mail.shown().stored.kinds.patch) && landed(shelf, &row.id);
            row
        });
        let rows: Vec<HitRow> = match (&shelf.reader, threads) {
            (Some(reader), true) => rows
                .map(|row| {
                    let id = hash::message_id(&row.id);
                    let root = reader.links.root(id).ok().flatten().unwrap_or(id);
                    let first = grouped.entry(root).or_insert(row);
                    first.count += 1;
                    first.clone()
                })
                .collect(),
            _ => rows.collect(),
        };
        let from = question.offset;
        question.offset += found.hits.len();
        let done = found.hits.is_empty() || is_exact && question.offset >= total.min(MOST);
        if !tell(Msg::Hits { ask, from, hits: rows, total, done }) || done {
            return None;
        }
        match effects.try_recv() {
            Ok(newer) => return Some(newer),
            Err(TryRecvError::Disconnected) => return None,
            Err(TryRecvError::Empty) => question.limit = Some(MORE),
        }
    }
}

/// Whether a patch became a commit.
fn landed(shelf: &Shelf, id: &str) -> bool {
    let Some(reader) = &shelf.reader else { return false };
    let node = hash::message_id(id);
    let edges = reader.links.graph.edges(node).unwrap_or_default();
    edges.iter().any(|edge| edge.kind == Kind::Commit && edge.from == node)
}

/// Reads threads, mails and lineages. Of mails that were asked for while another was read only the last is read: the
/// reader has gone on.
pub(super) fn read(library: &Library, effects: &Receiver<Effect>, tell: &Tell) {
    if !tell(Msg::Opened(Box::new(library.look_around()))) {
        return;
    }
    while let Ok(first) = effects.recv() {
        let mut all = vec![first];
        all.extend(effects.try_iter());
        let last_page = all.iter().rposition(|e| matches!(e, Effect::Page { .. }));
        for (at, effect) in all.into_iter().enumerate() {
            let msg = match effect {
                Effect::Page { .. } if Some(at) != last_page => continue,
                Effect::Page { id } => page(library, id),
                Effect::Thread { ask, id } => Msg::Thread { ask, tree: tree(library, &id), id },
                Effect::Ask { ask, question } => Msg::Answer { ask, answer: question.answer(library) },
                _ => continue,
            };
            if !tell(msg) {
                return;
            }
        }
    }
}

fn page(library: &Library, id: String) -> Msg {
    let shelf = library.shelf();
    let read = || {
        let copies = shelf.copies(&id)?;
        let bytes = shelf.bytes(&copies)?;
        let mut lists: Vec<String> = copies.iter().flat_map(|c| c.stored.lists.clone()).collect();
        lists.dedup();
        let kinds = copies[0].stored.kinds;
        let mut beside = Beside { lists, ..Beside::default() };
        if (kinds.patch || kinds.cover) && !kinds.reply {
            let message = Message::parse(&bytes);
            let text = message.text();
            for answer in answers(shelf, &id) {
                beside.given.extend(given(&answer));
                beside.voices.extend(heard(&text, &answer));
            }
            beside.given.dedup();
        }
        let mut page = build(&bytes, &beside, &shelf.catalogue);
        // A mail is known to the desk by the id that it was asked for.
        page.id.clone_from(&id);
        Ok(Arc::new(page))
    };
    let page = read();
    Msg::Page { id, page }
}

/// The direct answers to a mail: their endorsements count, as `b4 am` would gather them, and what they say of its lines.
fn answers(shelf: &Shelf, id: &str) -> Vec<Vec<u8>> {
    /// Answers that are read.
    const MOST: usize = 60;
    let Some(reader) = &shelf.reader else { return Vec::new() };
    let members = reader.thread(hash::message_id(id)).unwrap_or_default();
    let copies = members.into_iter().take(2_000).filter_map(|member| {
        let copies = reader.copies(member).ok()?;
        let stored = &copies.first()?.stored;
        let answers = stored.kinds.reply && stored.references.last().is_some_and(|parent| parent == id);
        answers.then_some(copies)
    });
    copies.take(MOST).filter_map(|copies| shelf.bytes(&copies).ok()).collect()
}

fn tree(library: &Library, id: &str) -> Result<Tree, String> {
    let shelf = library.shelf();
    let reader = shelf.reader.as_ref().ok_or("nothing is indexed")?;
    let thread = threads::gather(reader, id).map_err(|e| e.what)?;
    let Some(thread) = thread else {
        return shelf.copies(id).map(|_| Tree::default());
    };
    let missing = thread.missing;
    let rows: Vec<TreeRow> = thread
        .rows
        .into_iter()
        .map(|row| {
            let mail = row.mail.as_ref().map(|mail| {
                let stored = &mail.shown().stored;
                Brief::of(stored, threads::plain_subject(&stored.subject))
            });
            TreeRow { id: row.id, depth: row.depth, last: row.last, mail }
        })
        .collect();
    let subject = rows.iter().find_map(|r| r.mail.as_ref()).map_or_else(String::new, |m| m.subject.clone());
    Ok(Tree { subject: clean(&subject), rows, missing })
}
