//! From a message to a document.

use std::borrow::Cow;

use memchr::memmem;
use provenance_corpus::address::Address;
use provenance_corpus::message::Message;
use provenance_corpus::patch::Patch;
use provenance_corpus::subject::Subject;
use provenance_corpus::{patch_id, trailer, twin};

use super::{Document, Kinds, Stored};
use crate::footer::without_footer;
use crate::hash;
use crate::sections::{Sections, separate};

/// References that are kept for drawing a thread; the parser keeps more, but a line of a thread that long is hostile.
const REFERENCES: usize = 200;

/// Where a copy came from.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    /// Number of the repository.
    pub repository: u32,
    /// Its name, which stands for the list where the mail has no List-Id.
    pub name: &'a str,
    /// The blob id of the raw mail.
    pub blob: &'a [u8],
    /// When it arrived, seconds since 1970.
    pub arrival: i64,
}

impl Document {
    /// Reads one mail.
    pub fn read(message: &Message<'_>, origin: Origin<'_>) -> Document {
        let mut sections = Sections::default();
        let mut filenames = String::new();
        let mut patch_id = None;
        // What is a patch, and how many lines it adds and removes, the patch reader knows: it counts hunks, as git does.
        let (mut holds_patch, mut changed) = (false, (0u32, 0u32));
        let mut trailers = Vec::new();
        for part in &message.parts {
            if let Some(name) = &part.file_name {
                separate(&mut filenames);
                filenames.push_str(name);
            }
        }
        for text in texts(message) {
            sections.add(&text);
            if patch_id.is_none() && holds_diff(&text) {
                patch_id = patch_id::patch_id(text.as_bytes()).map(|id| id.to_string());
            }
            // public-inbox searches the text as it was sent; what the patch changes is what git am takes.
            let patch_text = if message.is_flowed() { message.patch_text() } else { Cow::Borrowed(&*text) };
            if let Some(patch) = Patch::parse(&patch_text).filter(|_| !(message.is_flowed() && holds_patch)) {
                holds_patch = true;
                changed.0 = changed.0.saturating_add(u32::try_from(patch.added()).unwrap_or(u32::MAX));
                changed.1 = changed.1.saturating_add(u32::try_from(patch.removed()).unwrap_or(u32::MAX));
            }
            trailers.extend(trailer::parse(&text).into_iter().map(|t| (t.name.to_lowercase(), t.value.into_owned())));
        }
        let subject = Subject::parse(&message.subject);
        let kinds = kinds(message, &subject, holds_patch);
        let date = message.date.map(|d| d.seconds);
        let received = if origin.arrival > 0 { origin.arrival } else { message.received.or(date).unwrap_or_default() };
        let change_ids = trailers
            .iter()
            .filter(|(name, _)| name == "change-id")
            .map(|(_, value)| value.clone())
            .chain(message.header("X-Change-ID").map(|id| fold(&id)))
            .collect();
        let key = key(message, &sections);
        let author = message.author();
        let references = message.references.len().saturating_sub(REFERENCES);
        let stored = Stored {
            blob: origin.blob.to_vec(),
            message_id: message.message_id.to_string(),
            subject: message.subject.to_string(),
            author: author.as_ref().map_or_else(String::new, |a| a.who().to_owned()),
            address: author.map_or_else(String::new, |a| a.address.clone()),
            date: date.unwrap_or(received),
            dated: date.is_some(),
            received,
            bytes: message.raw.len() as u64,
            lists: lists(message, &origin),
            references: message.references[references..].iter().map(ToString::to_string).collect(),
            kinds,
            version: (kinds.patch || kinds.cover).then(|| (subject.revision().0, subject.revision().1)),
            part: subject.number.zip(subject.total),
            changed,
            defects: message.defects.iter().map(|d| d.name().to_owned()).collect(),
        };
        Document {
            repository: origin.repository,
            stored,
            message_ids: message.message_ids.iter().map(ToString::to_string).collect(),
            from: people(&message.from),
            to: people(&message.to),
            cc: people(&message.cc),
            sections,
            filenames,
            patch_id,
            change_ids,
            for_patch_ids: message.header("X-For-Patch-ID").map(|id| fold(&id)).into_iter().collect(),
            trailers,
            key,
            fingerprint: twin::fingerprint(message),
        }
    }
}

/// The text parts; of a mail that has only HTML, the text in it.
fn texts<'m>(message: &'m Message<'_>) -> Vec<Cow<'m, str>> {
    let parts: Vec<Cow<'m, str>> =
        message.text_parts().filter_map(|part| part.text.as_deref()).map(Cow::Borrowed).collect();
    if parts.is_empty() { vec![message.text()] } else { parts }
}

/// As public-inbox decides whether to ask for a patch-id.
fn holds_diff(text: &str) -> bool {
    ["diff ", "--- ", "+++ "]
        .iter()
        .any(|mark| text.starts_with(mark) || memmem::find(text.as_bytes(), format!("\n{mark}").as_bytes()).is_some())
}

fn kinds(message: &Message<'_>, subject: &Subject, diff: bool) -> Kinds {
    let cover = subject.is_cover() && !subject.reply;
    // A reply may carry a patch of its own; a patch that answers its cover letter is no reply.
    let patch = diff && !cover;
    let reply = subject.reply || (!patch && !cover && !subject.is_patch && !message.in_reply_to.is_empty());
    Kinds { patch, cover, reply, page: message.is_web_page() }
}

/// Message-ID and content: what two copies of one mail share, whatever lists they came by.
fn key(message: &Message<'_>, sections: &Sections) -> u64 {
    let author = message.from.first().map_or("", |a| a.address.as_str());
    let parts = [
        author,
        &message.subject,
        without_footer(&sections.body),
        &sections.quoted,
        &sections.dfn,
        &sections.dfa,
        &sections.dfb,
        &sections.dfctx,
    ];
    hash::mail(&message.message_id, &parts)
}

fn lists(message: &Message<'_>, origin: &Origin<'_>) -> Vec<String> {
    if !message.list_ids.is_empty() {
        return message.list_ids.clone();
    }
    if origin.repository == crate::sources::OWN { Vec::new() } else { vec![origin.name.to_lowercase()] }
}

fn people(people: &[Address]) -> String {
    people.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn fold(value: &str) -> String {
    value.split_whitespace().collect::<Vec<_>>().join(" ")
}
