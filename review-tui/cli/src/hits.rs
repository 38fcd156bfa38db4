//! Hits as lines: date, author, mark, subject, lists, what the mail is, and below or beside it its id.

use provenance_index::search::{EventHit, Hit, Mail};
use provenance_review::kind::kind;
use provenance_review::look::{Look, Style};
use provenance_review::{dates, text};

const AUTHOR: usize = 20;
/// Where no width is known nothing is cut, and a single long subject does not push all the others' ids away.
const SUBJECT: usize = 100;
/// Width of a date and the two blanks after it.
const DATE: usize = 12;

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

/// All hits as text: one line each where everything fits, else a second one with lists, kind and id, so that the
/// subject keeps the width. The id is what the next command wants, and is never cut.
pub fn lines(hits: &[Hit], look: &Look) -> String {
    let lines: Vec<Line> = hits.iter().map(line).collect();
    let longest = |column: fn(&Line) -> &str| lines.iter().map(|l| text::width(column(l))).max().unwrap_or(0);
    let author = longest(|l| &l.author).min(AUTHOR);
    let (subject, lists, kind) = (longest(|l| &l.subject), longest(|l| &l.lists), longest(|l| &l.kind));
    let before = DATE + author + 3;
    let one = before + subject + 2 + lists + 2 + kind + 2 + longest(|l| &l.id);
    let beside = look.width.is_none_or(|width| one <= width);
    let subject = match look.width {
        Some(width) if !beside => width.saturating_sub(before).max(20),
        Some(_) => subject,
        None => subject.min(SUBJECT),
    };
    let mut out = String::new();
    for l in &lines {
        let shown = if beside { text::pad(&l.subject, subject) } else { text::cut(&l.subject, subject).into_owned() };
        out.push_str(&format!(
            "{}  {} {} {}",
            look.paint(Style::Dim, &l.date),
            text::fit(&l.author, author),
            look.paint(Style::Mark, if l.mark.is_empty() { " " } else { l.mark }),
            look.paint(Style::Strong, &shown),
        ));
        let id = look.paint(Style::Name, &l.id);
        if beside {
            let tail = format!("  {}  {}  ", text::fit(&l.lists, lists), text::fit(&l.kind, kind));
            out.push_str(&format!("{}{id}\n", look.paint(Style::Dim, &tail)));
        } else {
            let words: Vec<&str> = [l.lists.as_str(), l.kind.as_str()].into_iter().filter(|w| !w.is_empty()).collect();
            let tail = if words.is_empty() { String::new() } else { words.join("  ") + "  " };
            out.push_str(&format!("\n{}{}{id}\n", " ".repeat(DATE), look.paint(Style::Dim, &tail)));
        }
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
