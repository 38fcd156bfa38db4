//! `provenance thread`: who answered whom, with the mails that are missing named.

use std::io::Write;

use clap::{Args, ValueEnum};
use provenance_index::search::Mail;
use provenance_review::failure::{Exit, Failure};
use provenance_review::kind::kind;
use provenance_review::look::{Look, Style};
use provenance_review::session::message_id;
use provenance_review::text::{self, plural};
use provenance_review::thread::{self, Row, Thread, plain_subject};
use provenance_review::{dates, json};

use super::{Context, deliver};

/// `thread MSGID`
#[derive(Args)]
pub struct Arguments {
    /// Any mail of the thread: a message-id (bare, in angle brackets, or with id: or mid:) or a lore link
    #[arg(value_name = "MSGID")]
    message: String,
    /// Output format
    #[arg(short, long, value_enum, default_value_t)]
    format: Format,
    /// Print the message-id of every mail, not only of missing ones
    #[arg(long)]
    ids: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    #[default]
    Text,
    Json,
    /// The mails themselves, for b4 and git am
    Mboxrd,
}

/// Runs the subcommand.
pub fn run(context: &Context, arguments: Arguments) -> Result<Exit, Failure> {
    let id = message_id::typed(&arguments.message)?;
    let reader = context.place.required_reader()?;
    let thread = thread::gather(&reader, &id)?.ok_or_else(|| message_id::not_indexed(&id, &reader))?;
    match arguments.format {
        Format::Text => {
            let mut out = context.paged();
            out.write_all(draw(&thread, &id, arguments.ids, &context.look).as_bytes())?;
            out.finish()?;
        }
        Format::Json => {
            let mut out = context.paged();
            json::pretty(&mut out, &value(&thread))?;
            out.finish()?;
        }
        Format::Mboxrd => {
            let mut out = context.bytes();
            let mails: Vec<Mail> = thread.rows.into_iter().filter_map(|row| row.mail).collect();
            let exit = deliver::mails(context, &mails, &mut out)?;
            out.finish()?;
            return Ok(exit);
        }
    }
    Ok(Exit::Done)
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
    let kind = kind(stored);
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
