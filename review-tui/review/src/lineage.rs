//! The history of a mechanism as text, JSON, DOT or SVG.
//!
//! Time runs downwards and each mechanism has a lane. What a drawing shows is decided in
//! [`provenance_index::lineage`]; here it is only drawn.

mod dot;
pub mod graph;
mod json;
mod svg;
#[cfg(test)]
mod tests;
mod text;

pub use dot::dot;
pub use json::json;
pub use svg::svg;
pub use text::{Style, text};

use provenance_corpus::catalogue::{Class, Event, Evidence, Kind, Source};
use provenance_index::lineage::{Lane, Lineage, Role};
use unicode_width::UnicodeWidthChar;

/// A mechanism's heading: its name as the kernel's people write it.
fn heading<'a>(lane: &Lane<'a>) -> &'a str {
    lane.mechanism.name.as_deref().unwrap_or(lane.mechanism.slug.as_str())
}

/// What the drawing is of, in a line.
fn title(lineage: &Lineage<'_>) -> String {
    let name = lineage.mechanism.map_or("all mechanisms", |m| m.name.as_deref().unwrap_or(m.slug.as_str()));
    match lineage.as_of {
        Some(day) => format!("{name}, as of {day}"),
        None => name.to_owned(),
    }
}

/// The id of a piece of evidence, as a reader would pass it on.
fn reference(evidence: &Evidence) -> String {
    match evidence.source() {
        Some(Source::Mail(mail)) => mail.to_string(),
        Some(Source::Commit(commit)) => commit.short().to_owned(),
        Some(Source::Page(url)) => url.to_owned(),
        None => String::new(),
    }
}

/// The best evidence of an event: what was seen before what was only linked, a mail before a commit of equal worth for a
/// posting, the other way round for a merge.
fn best(event: &Event) -> Option<&Evidence> {
    let rank = |e: &&Evidence| {
        let class = match e.class() {
            Class::Seen => 0,
            Class::Linked => 1,
            Class::Secondary => 2,
        };
        let commit = matches!(e.source(), Some(Source::Commit(_)));
        (class, (event.kind == Kind::Merge) != commit)
    };
    event.evidence.iter().min_by_key(rank)
}

/// The text of an event with what a reader must know to weigh it.
fn sentence(event: &Event) -> String {
    match &event.claim {
        Some(claim) if claim.disputed_by.is_empty() => format!("claim: {}", event.text),
        Some(claim) => format!("claim, disputed by {}: {}", claim.disputed_by.join(", "), event.text),
        None => event.text.clone(),
    }
}

/// One word for a role.
fn role(role: Role) -> &'static str {
    match role {
        Role::Subject => "subject",
        Role::Ancestor => "ancestor",
        Role::Relative => "relative",
    }
}

/// Text that came from a file, made safe for a terminal or a document.
fn clean(text: &str) -> String {
    crate::text::line(text).into_owned()
}

/// Columns that a text takes on a terminal.
fn columns(text: &str) -> usize {
    text.chars().map(|c| c.width().unwrap_or(0)).sum()
}

/// Breaks a text into lines of at most `width` columns, at spaces where there are any.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split_whitespace() {
        let length = columns(word);
        if used > 0 && used + 1 + length > width {
            lines.push(String::new());
            used = 0;
        }
        for (i, c) in word.chars().enumerate() {
            let add = c.width().unwrap_or(0);
            if i == 0 && used > 0 {
                lines.last_mut().expect("never empty").push(' ');
                used += 1;
            }
            if used + add > width && used > 0 {
                lines.push(String::new());
                used = 0;
            }
            lines.last_mut().expect("never empty").push(c);
            used += add;
        }
    }
    lines
}
