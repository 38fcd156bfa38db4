//! A thread as it is drawn: who answered whom, with the mails that are missing named.

use provenance_corpus::thread::{self, Node};
use provenance_index::hash;
use provenance_index::reader::{Copy, Reader};
use provenance_index::search::Mail;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::failure::Failure;
use crate::session::place::reader_failure;

/// A thread in the order in which it is drawn.
pub struct Thread {
    /// From the root down.
    pub rows: Vec<Row>,
    /// How many mails are named and not there.
    pub missing: usize,
}

/// One mail, there or missing.
pub struct Row {
    /// The Message-ID.
    pub id: String,
    /// Steps from the root.
    pub depth: usize,
    /// Whether no sibling follows.
    pub last: bool,
    /// The mail, unless it is missing.
    pub mail: Option<Mail>,
}

/// The thread that a mail belongs to; `None` where neither it nor an answer to it is indexed.
pub fn gather(reader: &Reader, id: &str) -> Result<Option<Thread>, Failure> {
    let other = reader.other_name(id).map_err(|e| reader_failure(&e))?;
    let members = reader.thread(hash::message_id(other.as_deref().unwrap_or(id))).map_err(|e| reader_failure(&e))?;
    let mut mails: Vec<Mail> = Vec::new();
    for member in members {
        let copies: Vec<Copy> = reader.copies(member).map_err(|e| reader_failure(&e))?;
        // A web page is shown with the mail that it shows.
        let is_twin = reader.links.mail_of_page(member).is_some();
        if !copies.is_empty() && !is_twin {
            mails.push(Mail { copies, other_content: false });
        }
    }
    if mails.is_empty() {
        return Ok(None);
    }
    // An answer may name a mail by another of its names.
    let mut names: FxHashMap<String, String> = FxHashMap::default();
    let known: FxHashSet<String> = mails.iter().map(|mail| mail.shown().stored.message_id.clone()).collect();
    for reference in mails.iter().flat_map(|mail| &mail.shown().stored.references) {
        if !known.contains(reference)
            && !names.contains_key(reference)
            && let Some(first) = reader.other_name(reference).map_err(|e| reader_failure(&e))?
        {
            names.insert(reference.clone(), first);
        }
    }
    let name = |id: &'_ String| names.get(id).cloned().unwrap_or_else(|| id.clone());
    let references: Vec<Vec<String>> =
        mails.iter().map(|mail| mail.shown().stored.references.iter().map(name).collect()).collect();
    let nodes: Vec<Node<'_>> = mails
        .iter()
        .zip(&references)
        .map(|(mail, references)| {
            let stored = &mail.shown().stored;
            Node {
                id: &stored.message_id,
                references: references.iter().map(String::as_str).collect(),
                date: stored.date,
            }
        })
        .collect();
    let built = thread::build(&nodes);
    let rows: Vec<Row> = built
        .into_iter()
        .map(|row| Row {
            id: row.id.to_owned(),
            depth: row.depth,
            last: row.last,
            mail: row.node.map(|at| mails[at].clone()),
        })
        .collect();
    let missing = rows.iter().filter(|row| row.mail.is_none()).count();
    Ok(Some(Thread { rows, missing }))
}

/// A subject without `Re:`, however often and in whatever language it was put there.
pub fn plain_subject(subject: &str) -> &str {
    let mut rest = subject.trim_start();
    while let Some((head, tail)) = rest.split_once(':') {
        if !matches!(head.to_ascii_lowercase().as_str(), "re" | "aw" | "fwd" | "fw" | "sv") {
            break;
        }
        rest = tail.trim_start();
    }
    rest
}
