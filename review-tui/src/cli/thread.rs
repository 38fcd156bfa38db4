//! `provenance thread`: who answered whom, with the mails that are missing named.

use std::io::Write;

use clap::{Args, ValueEnum};
use provenance_corpus::thread::{self, Node};
use provenance_index::hash;
use provenance_index::reader::{Copy, Reader};
use provenance_index::search::Mail;
use rustc_hash::{FxHashMap, FxHashSet};

use super::failure::{Exit, Failure};
use super::place::reader_failure;
use super::terminal::{Look, Output, Style};
use super::text::{self, plural};
use super::{Context, dates, deliver, hits, json, show};

/// `thread MSGID`
#[derive(Args)]
pub struct Arguments {
    /// Any mail of the thread: a message-id, bare, in angle brackets, as id: or mid:, or any lore link
    #[arg(value_name = "MSGID")]
    message: String,
    /// Form of the output
    #[arg(short, long, value_enum, default_value_t)]
    format: Format,
    /// Print the message-id of every mail, not of the missing ones alone
    #[arg(long)]
    ids: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    #[default]
    Text,
    Json,
    /// The mails themselves, as b4 and git am take them
    Mboxrd,
}

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

/// Runs the subcommand.
pub fn run(context: &Context, arguments: Arguments) -> Result<Exit, Failure> {
    let id = show::message_id(&arguments.message)?;
    let reader = context.place.required_reader()?;
    let thread = gather(&reader, &id)?.ok_or_else(|| show::not_indexed(&id, &reader))?;
    match arguments.format {
        Format::Text => {
            let mut out = context.paged();
            out.write_all(draw(&thread, &id, arguments.ids, &context.look).as_bytes())?;
            out.finish()?;
        }
        Format::Json => {
            let mut out = context.paged();
            serde_json::to_writer_pretty(&mut out, &value(&thread)).map_err(std::io::Error::from)?;
            writeln!(out)?;
            out.finish()?;
        }
        Format::Mboxrd => {
            let mut out = Output::plain();
            let mails: Vec<Mail> = thread.rows.into_iter().filter_map(|row| row.mail).collect();
            let exit = deliver::mails(context, &mails, &mut out)?;
            out.finish()?;
            return Ok(exit);
        }
    }
    Ok(Exit::Done)
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

/// Deeper answers are drawn at this depth: a long argument must not leave the screen.
const DEEPEST: usize = 24;

fn draw(thread: &Thread, asked: &str, ids: bool, look: &Look) -> String {
    let mut out = String::new();
    let first = thread.rows.iter().find_map(|row| row.mail.as_ref());
    let title =
        first.map_or_else(String::new, |mail| text::line(plain_subject(&mail.shown().stored.subject)).into_owned());
    let missing = match thread.missing {
        0 => plural(thread.rows.len() as u64, "mail", "mails"),
        n => format!("{n} of {} missing", plural(thread.rows.len() as u64, "mail", "mails")),
    };
    let width = look.width.unwrap_or(120);
    let title = text::cut(&title, width.saturating_sub(text::width(&missing) + 2)).into_owned();
    let gap = width.saturating_sub(text::width(&title) + text::width(&missing)).max(2);
    out.push_str(&format!(
        "{}{}{}\n",
        look.paint(Style::Strong, &title),
        " ".repeat(gap),
        look.paint(Style::Dim, &missing)
    ));
    let mut shown_subject = title;
    let mut open = Vec::new();
    for row in &thread.rows {
        let branches = branches(row, &mut open);
        out.push_str(&line(row, &branches, asked, ids, &mut shown_subject, look));
    }
    out
}

/// `├─`, `└─` and the lines that go on; `open` holds, for each step above, whether a sibling follows there.
fn branches(row: &Row, open: &mut Vec<bool>) -> String {
    open.truncate(row.depth);
    let mut out = String::new();
    let deepest = row.depth.min(DEEPEST);
    if deepest > 0 {
        // Each row stands below the one above it or below an ancestor of that, so the steps above are known.
        for step in 1..deepest {
            out.push_str(if open.get(step).copied().unwrap_or(false) { "│ " } else { "  " });
        }
        out.push_str(if row.last { "└─" } else { "├─" });
    }
    open.resize(row.depth, false);
    open.push(!row.last);
    out
}

fn line(row: &Row, branches: &str, asked: &str, ids: bool, shown_subject: &mut String, look: &Look) -> String {
    let branches = look.paint(Style::Dim, branches);
    let Some(mail) = &row.mail else {
        let missing = look.paint(Style::Dim, "not indexed");
        return format!("{branches}○ {missing}   {}\n", look.paint(Style::Name, &text::line(&row.id)));
    };
    let stored = &mail.shown().stored;
    let subject = text::line(plain_subject(&stored.subject)).into_owned();
    // The subject is told where it changes: in a thread it hardly ever does.
    let subject = if subject == *shown_subject {
        if stored.kinds.reply { "Re:".to_owned() } else { subject }
    } else {
        shown_subject.clone_from(&subject);
        if stored.kinds.reply { format!("Re: {subject}") } else { subject }
    };
    let mark = if row.id == asked { look.paint(Style::Warning, "◉") } else { "●".to_owned() };
    let origins = match mail.copies.len() {
        1 => String::new(),
        n => {
            let mut kinds = mail.lists();
            if mail.copies.iter().any(|c| c.stored.kinds.page) {
                kinds.push("web page".to_owned());
            }
            format!("   {n} origins: {}", text::line(&kinds.join(", ")))
        }
    };
    let kind = hits::kind(stored);
    let kind = if kind.is_empty() { String::new() } else { format!("   {kind}") };
    let id =
        if ids { format!("   {}", look.paint(Style::Name, &text::line(&stored.message_id))) } else { String::new() };
    format!(
        "{branches}{mark} {}  {}  {}{}{}{id}\n",
        look.paint(Style::Dim, &dates::minute(stored.date)),
        text::fit(&text::line(&stored.author), 20),
        subject,
        look.paint(Style::Mark, &kind),
        look.paint(Style::Dim, &origins),
    )
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

fn value(thread: &Thread) -> serde_json::Value {
    let rows: Vec<_> = thread
        .rows
        .iter()
        .map(|row| match &row.mail {
            None => serde_json::json!({ "message_id": row.id, "depth": row.depth, "indexed": false }),
            Some(mail) => {
                let mut value = json::mail(mail);
                value["depth"] = row.depth.into();
                value["indexed"] = true.into();
                value
            }
        })
        .collect();
    serde_json::json!({ "format": json::FORMAT, "mails": rows, "missing": thread.missing })
}
