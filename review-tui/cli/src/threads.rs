//! `query -f threads`: the threads of the hits, one line each, as `notmuch search` lists them: last activity, how many of the
//! mails were hits, who wrote, the subject, and the first of the hits by its id.

use std::io::Write;

use provenance_index::hash;
use provenance_index::reader::Reader;
use provenance_index::search::Answer;
use provenance_review::failure::Failure;
use provenance_review::look::Style;
use provenance_review::session::place::reader_failure;
use provenance_review::text::{self, plural};
use provenance_review::thread::plain_subject;
use provenance_review::{dates, horizon};
use rustc_hash::FxHashMap;

use super::Context;

/// What of the threads is printed.
pub struct Asked {
    /// At most so many; all where `None`.
    pub limit: Option<usize>,
    /// So many are passed over.
    pub offset: usize,
    /// By their last mails rather than as their hits come.
    pub by_activity: bool,
    /// Oldest first.
    pub reverse: bool,
    /// Only their number.
    pub count: bool,
}

/// A thread with hits.
struct Thread {
    root: u64,
    hits: Vec<u64>,
    /// Date of its newest mail, seconds since 1970.
    last: i64,
    mails: Vec<u64>,
}

/// People that are named; of the others their number is told.
const MOST_PEOPLE: usize = 4;

/// Columns for the people, on a narrow terminal and elsewhere: the subject says more.
const PEOPLE: (usize, usize) = (20, 40);
const NARROW: usize = 160;

/// Prints the threads of an answer that holds all its hits.
///
/// # Errors
/// An index that cannot be read, an output that cannot be written.
pub fn print(context: &Context, answer: &Answer, reader: Option<&Reader>, asked: &Asked) -> Result<(), Failure> {
    let mut threads = match reader {
        Some(reader) => threads(reader, answer)?,
        None => Vec::new(),
    };
    if asked.by_activity {
        threads.sort_by_key(|thread| (std::cmp::Reverse(thread.last), thread.root));
        if asked.reverse {
            threads.reverse();
        }
    }
    if asked.count {
        writeln!(std::io::stdout(), "{}", threads.len())?;
        return Ok(());
    }
    let mut out = context.paged();
    let shown = threads.iter().skip(asked.offset).take(asked.limit.unwrap_or(usize::MAX));
    let mut printed = 0;
    for thread in shown {
        printed += 1;
        if let Some(reader) = reader {
            out.write_all(line(context, reader, thread)?.as_bytes())?;
        }
    }
    let loose = answer.hits.iter().filter(|hit| hit.mail.is_none()).count();
    let loose = match loose {
        0 => String::new(),
        n => format!(
            "; {} of the catalogue {} no mail",
            plural(n as u64, "hit", "hits"),
            if n == 1 { "is" } else { "are" }
        ),
    };
    let footer = format!(
        "{printed} of {}{loose}; {}",
        plural(threads.len() as u64, "thread", "threads"),
        horizon::indexed(reader)
    );
    if context.look.width.is_some() {
        writeln!(out, "{}", context.look.paint(Style::Dim, &format!("# {footer}")))?;
    } else {
        context.say(&footer);
    }
    out.finish()?;
    Ok(())
}

/// The threads of all hits, in the order of the hits.
fn threads(reader: &Reader, answer: &Answer) -> Result<Vec<Thread>, Failure> {
    let root_of = |id: u64| -> Result<u64, Failure> {
        let id = reader.links.mail_of_page(id).unwrap_or(id);
        Ok(reader.links.root(id)?.unwrap_or(id))
    };
    let mut threads: Vec<Thread> = Vec::new();
    let mut places: FxHashMap<u64, usize> = FxHashMap::default();
    for mail in answer.hits.iter().filter_map(|hit| hit.mail.as_ref()) {
        let id = hash::message_id(&mail.shown().stored.message_id);
        let root = root_of(id)?;
        let place = *places.entry(root).or_insert_with(|| {
            threads.push(Thread { root, hits: Vec::new(), last: i64::MIN, mails: Vec::new() });
            threads.len() - 1
        });
        threads[place].hits.push(id);
    }
    let ids: Vec<u64> = threads.iter().filter_map(|thread| thread.hits.first().copied()).collect();
    let mut entries = reader.thread_entries(&ids, answer.as_of).map_err(|e| reader_failure(&e))?;
    entries.sort_by_key(|entry| (entry.time, entry.mid_hash));
    for entry in entries {
        // A web page is no mail more.
        if reader.links.mail_of_page(entry.mid_hash).is_some() {
            continue;
        }
        if let Some(thread) = places.get(&root_of(entry.mid_hash)?).map(|place| &mut threads[*place]) {
            thread.last = thread.last.max(entry.time);
            thread.mails.push(entry.mid_hash);
        }
    }
    Ok(threads)
}

fn line(context: &Context, reader: &Reader, thread: &Thread) -> Result<String, Failure> {
    let look = &context.look;
    let mut people: Vec<String> = Vec::new();
    let mut subject = String::new();
    for id in &thread.mails {
        let copies = reader.copies(*id).map_err(|e| reader_failure(&e))?;
        let Some(copy) = copies.first() else { continue };
        if subject.is_empty() {
            subject = text::line(plain_subject(&copy.stored.subject)).into_owned();
        }
        let who = text::line(&copy.stored.author).into_owned();
        if !people.contains(&who) {
            people.push(who);
        }
    }
    let more = people.len().saturating_sub(MOST_PEOPLE);
    people.truncate(MOST_PEOPLE);
    let width = if look.width.is_some_and(|width| width < NARROW) { PEOPLE.0 } else { PEOPLE.1 };
    let more = if more > 0 { format!(" +{more}") } else { String::new() };
    let people = text::cut(&people.join(", "), width.saturating_sub(text::width(&more))).into_owned() + &more;
    let count = format!("[{}/{}]", thread.hits.len(), thread.mails.len().max(thread.hits.len()));
    let id = match thread.hits.first() {
        Some(id) => reader
            .copies(*id)
            .map_err(|e| reader_failure(&e))?
            .first()
            .map_or_else(String::new, |copy| text::line(&copy.stored.message_id).into_owned()),
        None => String::new(),
    };
    let before = format!("{}  {}  {}  ", dates::day(thread.last), text::pad(&count, 9), text::pad(&people, width));
    let room = look.width.map(|width| width.saturating_sub(text::width(&before) + text::width(&id) + 2).max(20));
    let subject = match room {
        Some(room) => text::cut(&subject, room).into_owned(),
        None => subject,
    };
    Ok(format!(
        "{}{}  {}\n",
        look.paint(Style::Dim, &before),
        look.paint(Style::Strong, &subject),
        look.paint(Style::Name, &id)
    ))
}
