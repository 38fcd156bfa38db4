//! Hits as JSON, format 1. Fields are only ever added; a change of meaning raises the number. And how all JSON is written: what
//! could disturb a terminal is escaped, which changes no string for a program that reads it.

use std::io::{self, Write};

use provenance_index::reader::{Copy, Reader};
use provenance_index::search::{Answer, Hit, Mail};
use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter};
use serde_json::{Serializer, Value, json};

use crate::{dates, text};

/// The format number of all JSON that the program writes.
pub const FORMAT: u32 = 1;

/// Writes a value on lines of its own, indented, with a line feed at its end.
///
/// # Errors
/// What the output says; a value that has no form in JSON.
pub fn pretty(out: &mut dyn Write, value: &impl Serialize) -> io::Result<()> {
    value
        .serialize(&mut Serializer::with_formatter(&mut *out, Clean(PrettyFormatter::new())))
        .map_err(io::Error::from)?;
    writeln!(out)
}

/// Writes a value on one line, with a line feed at its end.
///
/// # Errors
/// As [`pretty`].
pub fn one_line(out: &mut dyn Write, value: &impl Serialize) -> io::Result<()> {
    value.serialize(&mut Serializer::with_formatter(&mut *out, Clean(CompactFormatter))).map_err(io::Error::from)?;
    writeln!(out)
}

/// A layout that escapes what may not be shown raw (see [`text::harmful`]) as `\u` and four digits, twice for characters beyond
/// U+FFFF (RFC 8259 §7).
struct Clean<F>(F);

macro_rules! as_the_layout_does {
    ($($name:ident($($argument:ident: $kind:ty),*);)*) => {
        $(fn $name<W: ?Sized + Write>(&mut self, out: &mut W $(, $argument: $kind)*) -> io::Result<()> {
            self.0.$name(out $(, $argument)*)
        })*
    };
}

impl<F: Formatter> Formatter for Clean<F> {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, out: &mut W, fragment: &str) -> io::Result<()> {
        let mut from = 0;
        for (at, c) in text::harmful(fragment) {
            out.write_all(&fragment.as_bytes()[from..at])?;
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}")?;
            }
            from = at + c.len_utf8();
        }
        out.write_all(&fragment.as_bytes()[from..])
    }

    as_the_layout_does! {
        begin_array();
        end_array();
        begin_array_value(first: bool);
        end_array_value();
        begin_object();
        end_object();
        begin_object_key(first: bool);
        end_object_key();
        begin_object_value();
        end_object_value();
    }
}

/// The format number of a whole answer: 2 since `total` may be a lower bound (`total_is_exact`).
const ANSWER: u32 = 2;

/// A whole answer.
pub fn answer(answer: &Answer, reader: Option<&Reader>) -> Value {
    json!({
        "format": ANSWER,
        "total": answer.total,
        "total_is_exact": answer.is_exact,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_disturbs_a_terminal_is_escaped_and_read_back_as_it_was() {
        let value = json!({ "a\u{9b}31m": ["\u{202e}gnp", "tab\tfeed\n", "\u{e0041}", "é \u{7f}"], "empty": [] });
        for write in [pretty as fn(&mut dyn Write, &Value) -> io::Result<()>, one_line] {
            let mut out = Vec::new();
            write(&mut out, &value).unwrap();
            let out = String::from_utf8(out).unwrap();
            assert!(text::harmful(out.trim_end()).all(|(_, c)| c == '\n'), "{out:?}");
            assert!(out.contains(r"a\u009b31m") && out.contains(r"\u202e") && out.contains(r"\udb40\udc41"), "{out}");
            assert_eq!(serde_json::from_str::<Value>(&out).unwrap(), value);
        }
        let mut out = Vec::new();
        pretty(&mut out, &json!({ "a": [1, 2] })).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            serde_json::to_string_pretty(&json!({ "a": [1, 2] })).unwrap() + "\n"
        );
    }
}
