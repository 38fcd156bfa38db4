//! Hits as JSON, format 1. Fields are only ever added; a change of meaning raises the number.

use provenance_index::reader::{Copy, Reader};
use provenance_index::search::{Answer, Hit, Mail};
use serde_json::{Value, json};

use crate::dates;

/// The format number of all JSON that the program writes.
pub const FORMAT: u32 = 1;

/// A whole answer.
pub fn answer(answer: &Answer, reader: Option<&Reader>) -> Value {
    json!({
        "format": FORMAT,
        "total": answer.total,
        "as_of": answer.as_of.map(dates::second),
        "hits": answer.hits.iter().map(hit).collect::<Vec<_>>(),
        "indexed": horizon(reader),
    })
}

/// What is indexed: list, mails, oldest and newest arrival.
pub fn horizon(reader: Option<&Reader>) -> Value {
    let lists = reader.map(|r| {
        let list = |(name, list): (&String, &provenance_index::state::ListState)| {
            json!({
                "list": name,
                "mails": list.mails,
                "oldest": dates::second(list.oldest),
                "newest": dates::second(list.newest),
            })
        };
        r.state.lists.iter().map(list).collect::<Vec<_>>()
    });
    json!(lists.unwrap_or_default())
}

/// One hit on a line of its own.
pub fn line(one: &Hit) -> Value {
    let mut value = hit(one);
    value["format"] = json!(FORMAT);
    value
}

fn hit(hit: &Hit) -> Value {
    let mut value = match &hit.mail {
        Some(one) => mail(one),
        None => json!({ "kind": "event" }),
    };
    if let Some(mail) = &hit.mail
        && mail.other_content
    {
        value["other_content"] = json!(true);
    }
    if let Some(event) = &hit.event {
        value["event"] = json!({
            "happened": event.happened,
            "author": event.author,
            "subject": event.subject,
            "lists": event.lists,
            "evidence": event.evidence,
        });
    }
    if hit.score > 0.0 {
        value["score"] = json!(hit.score);
    }
    value
}

/// A mail with its copies.
pub fn mail(mail: &Mail) -> Value {
    let (shown, copies, lists) = (mail.shown(), &mail.copies, mail.lists());
    let stored = &shown.stored;
    json!({
        "kind": "mail",
        "message_id": stored.message_id,
        "date": dates::second(stored.date),
        "received": dates::second(stored.received),
        "from": { "name": stored.author, "address": stored.address },
        "subject": stored.subject,
        "lists": lists,
        "is": kinds(shown),
        "version": stored.version.map(version),
        "part": stored.part.map(|(number, total)| json!({ "number": number, "total": total })),
        "added": stored.changed.0,
        "removed": stored.changed.1,
        "bytes": stored.bytes,
        "references": stored.references,
        "defects": stored.defects,
        "copies": copies.iter().map(copy).collect::<Vec<_>>(),
    })
}

fn version((major, minor): (u32, u32)) -> String {
    if minor == 0 { major.to_string() } else { format!("{major}.{minor}") }
}

fn kinds(copy: &Copy) -> Vec<&'static str> {
    let kinds = copy.stored.kinds;
    [(kinds.patch, "patch"), (kinds.cover, "cover"), (kinds.reply, "reply")]
        .into_iter()
        .filter_map(|(is, name)| is.then_some(name))
        .collect()
}

fn copy(copy: &Copy) -> Value {
    json!({
        "repository": copy.repository,
        "blob": provenance_index::document::hex(&copy.stored.blob),
        "lists": copy.stored.lists,
        "web_page": copy.stored.kinds.page,
    })
}
