//! `provenance show`: one mail, for reading, byte for byte, or as JSON.

use std::io::{Read, Write};

use clap::{Args, ValueEnum};
use provenance_corpus::message::Message;
use provenance_index::hash;
use provenance_index::raw::Raw;
use provenance_index::reader::Copy;
use provenance_index::sources::Sources;
use provenance_review::failure::{Exit, Failure};
use provenance_review::look::{Look, Style};
use provenance_review::session::message_id;
use provenance_review::session::place::reader_failure;
use provenance_review::{dates, json, text};

use super::Context;

/// `show MSGID`
#[derive(Args)]
pub struct Arguments {
    /// A message-id (bare, in angle brackets, or with id: or mid:) or a lore link; - reads a mail from stdin
    #[arg(value_name = "MSGID")]
    message: String,
    /// Output format; raw is what the archive holds, byte for byte
    #[arg(short, long, value_enum, default_value_t)]
    format: Format,
    /// Which copy to show, if the mail came from several lists
    #[arg(long, default_value_t = 1, value_name = "N")]
    copy: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    #[default]
    Text,
    Raw,
    Json,
}

/// Mails on stdin above this size are refused.
const STDIN_LIMIT: u64 = 64 << 20;

/// Runs the subcommand.
pub fn run(context: &Context, arguments: Arguments) -> Result<Exit, Failure> {
    if arguments.message == "-" {
        let mut bytes = Vec::new();
        std::io::stdin().take(STDIN_LIMIT).read_to_end(&mut bytes)?;
        return print(context, arguments.format, &bytes, &[], "stdin");
    }
    let id = message_id::typed(&arguments.message)?;
    let reader = context.place.required_reader()?;
    let other = reader.other_name(&id).map_err(|e| reader_failure(&e))?;
    let named = hash::message_id(other.as_deref().unwrap_or(&id));
    let copies = reader.copies(named).map_err(|e| reader_failure(&e))?;
    if copies.is_empty() {
        return Err(message_id::not_indexed(&id, &reader));
    }
    let Some(copy) = arguments.copy.checked_sub(1).and_then(|at| copies.get(at)) else {
        return Err(Failure::new(
            Exit::Usage,
            format!("there is no copy {}: the mail has {}", arguments.copy, copies.len()),
        ));
    };
    let mut raw = Raw::open(context.place.data()).map_err(|e| Failure::from_error(Exit::Unreadable, &e))?;
    let bytes = raw.read(copy).map_err(|e| {
        Failure::from_error(Exit::Unreadable, &e).hint("put the repository back, or attach the archive again")
    })?;
    let sources = Sources::load(context.place.data()).unwrap_or_default();
    let origin = sources.get(copy.repository).map_or_else(String::new, |r| r.path.display().to_string());
    print(context, arguments.format, &bytes, &copies, &origin)
}

fn print(context: &Context, format: Format, bytes: &[u8], copies: &[Copy], origin: &str) -> Result<Exit, Failure> {
    match format {
        Format::Raw => {
            let mut out = context.bytes();
            out.write_all(bytes)?;
            out.finish()?;
        }
        Format::Text => {
            let mut out = context.paged();
            out.write_all(mail(&Message::parse(bytes), copies, &context.look).as_bytes())?;
            out.finish()?;
        }
        Format::Json => {
            let mut out = context.paged();
            json::pretty(&mut out, &value(&Message::parse(bytes), copies, origin))?;
            out.finish()?;
        }
    }
    Ok(Exit::Done)
}

/// A mail for reading: who, when, where, then the text with its diff coloured.
pub fn mail(message: &Message<'_>, copies: &[Copy], look: &Look) -> String {
    let mut out = String::new();
    let mut header = |name: &str, value: &str| {
        if !value.is_empty() {
            let name = look.paint(Style::Dim, &format!("{name:<8}"));
            out.push_str(&format!("{name} {}\n", text::line(value)));
        }
    };
    let people = |people: &[provenance_corpus::address::Address]| {
        people.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    };
    header("From", &people(&message.from));
    header("Date", &message.date.as_ref().map_or_else(String::new, |d| format!("{} UTC", dates::minute(d.seconds))));
    header("Subject", &message.subject);
    header("To", &people(&message.to));
    header("Cc", &people(&message.cc));
    header("Id", &message.message_id);
    header("Lists", &copies.iter().flat_map(|c| &c.stored.lists).cloned().collect::<Vec<_>>().join(" "));
    if copies.len() > 1 {
        let pages = copies.iter().filter(|c| c.stored.kinds.page).count();
        let pages = if pages > 0 { format!(", {pages} of a web page") } else { String::new() };
        header("Copies", &format!("{}{pages}", copies.len()));
    }
    if !message.defects.is_empty() {
        let names: Vec<String> = message.defects.iter().map(ToString::to_string).collect();
        header("Defects", &names.join(", "));
    }
    out.push('\n');
    body(&text::block(&message.text()), look, &mut out);
    out
}

fn body(text: &str, look: &Look, out: &mut String) {
    let mut in_diff = false;
    for line in text.lines() {
        in_diff = match line {
            _ if line.starts_with("diff ") || line.starts_with("--- a/") || line.starts_with("--- /dev/null") => true,
            "-- " => false,
            _ => in_diff,
        };
        let style = match line.as_bytes().first() {
            Some(b'>') => Some(Style::Quoted),
            _ if !in_diff => None,
            Some(b'+') => Some(Style::Added),
            Some(b'-') => Some(Style::Removed),
            Some(b'@') => Some(Style::Mark),
            Some(b' ') | None => None,
            _ => Some(Style::Strong),
        };
        match style {
            Some(style) => out.push_str(&look.paint(style, line)),
            None => out.push_str(line),
        }
        out.push('\n');
    }
}

fn value(message: &Message<'_>, copies: &[Copy], origin: &str) -> serde_json::Value {
    let people = |people: &[provenance_corpus::address::Address]| {
        people.iter().map(|a| serde_json::json!({ "name": a.name, "address": a.address })).collect::<Vec<_>>()
    };
    serde_json::json!({
        "format": json::FORMAT,
        "message_id": message.message_id,
        "subject": message.subject,
        "from": people(&message.from),
        "to": people(&message.to),
        "cc": people(&message.cc),
        "date": message.date.as_ref().map(|d| dates::second(d.seconds)),
        "in_reply_to": message.in_reply_to,
        "references": message.references,
        "lists": copies.iter().flat_map(|c| &c.stored.lists).collect::<Vec<_>>(),
        "copies": copies.len(),
        "origin": origin,
        "defects": message.defects.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "text": message.text(),
    })
}
