//! Hits as lines: date, author, mark, subject, lists, what the mail is, and below or beside it its id.

use provenance_index::document::Stored;
use provenance_index::search::{EventHit, Hit, Mail};

use super::terminal::{Look, Style};
use super::{dates, text};

const AUTHOR: usize = 20;

/// One hit, laid out.
struct Line {
    date: String,
    author: String,
    mark: &'static str,
    subject: String,
    lists: String,
    kind: String,
    id: String,
}

/// All hits as text. Columns are as wide as the widest entry, within the width of the terminal.
pub fn lines(hits: &[Hit], look: &Look) -> String {
    let lines: Vec<Line> = hits.iter().map(line).collect();
    let longest = |column: fn(&Line) -> &str| lines.iter().map(|l| text::width(column(l))).max().unwrap_or(0);
    let author = longest(|l| &l.author).min(AUTHOR);
    let lists = longest(|l| &l.lists).min(24);
    let kinds = longest(|l| &l.kind);
    let fixed = 10 + 2 + author + 1 + 2 + 1 + 2 + lists + 2 + kinds;
    let subject = match look.width {
        Some(width) => longest(|l| &l.subject).min(width.saturating_sub(fixed).max(20)),
        None => longest(|l| &l.subject),
    };
    let mut out = String::new();
    for l in &lines {
        let head = format!(
            "{}  {} {} {}",
            look.paint(Style::Dim, &l.date),
            text::fit(&l.author, author),
            look.paint(Style::Mark, if l.mark.is_empty() { " " } else { l.mark }),
            look.paint(Style::Strong, &text::fit(&l.subject, subject)),
        );
        let tail = format!("  {}  {}", text::fit(&l.lists, lists), text::fit(&l.kind, kinds));
        let used = 10 + 2 + author + 3 + subject + text::width(&tail);
        let id = look.paint(Style::Name, &l.id);
        // The id is what the next command wants, so it is never cut: where it does not fit, it takes a line of its own.
        let beside = look.width.is_none_or(|width| used + 2 + text::width(&l.id) <= width);
        let tail = look.paint(Style::Dim, if beside { &tail } else { tail.trim_end() });
        let between = if beside { "  " } else { "\n            " };
        out.push_str(&format!("{head}{tail}{between}{id}\n"));
    }
    out
}

fn line(hit: &Hit) -> Line {
    match (&hit.mail, &hit.event) {
        (Some(mail), event) => mail_line(mail, event.as_ref()),
        (None, Some(event)) => event_line(event),
        (None, None) => unreachable!("a hit is a mail, an event, or both"),
    }
}

fn mail_line(mail: &Mail, event: Option<&EventHit>) -> Line {
    let stored = &mail.shown().stored;
    let mut kind = kind(stored);
    if mail.other_content {
        kind.push_str(" ≠content");
    }
    if mail.copies.iter().any(|c| c.stored.kinds.page) {
        kind.push_str(" web page");
    }
    Line {
        date: dates::day(stored.date),
        author: text::line(&stored.author).into_owned(),
        mark: if event.is_some() { "◆" } else { "" },
        subject: text::line(&stored.subject).into_owned(),
        lists: text::line(&mail.lists().join(" ")).into_owned(),
        kind: kind.trim().to_owned(),
        id: text::line(&stored.message_id).into_owned(),
    }
}

fn event_line(event: &EventHit) -> Line {
    Line {
        date: event.happened.clone(),
        author: text::line(&event.author).into_owned(),
        mark: "◆",
        subject: text::line(&event.subject).into_owned(),
        lists: text::line(&event.lists.join(" ")).into_owned(),
        kind: "catalogue".to_owned(),
        id: text::line(&event.evidence).into_owned(),
    }
}

/// `cover v5`, `patch v4 +338 −0`, nothing for an ordinary mail.
pub fn kind(stored: &Stored) -> String {
    let version = match stored.version {
        Some((1, 0)) | None => String::new(),
        Some((major, 0)) => format!(" v{major}"),
        Some((major, minor)) => format!(" v{major}.{minor}"),
    };
    if stored.kinds.cover {
        format!("cover{version}")
    } else if stored.kinds.patch {
        let (added, removed) = stored.changed;
        format!("patch{version} +{added} −{removed}")
    } else {
        String::new()
    }
}
