//! A comparison as rows for a reader, and as JSON.

use serde_json::json;

use super::compare::{Change, Line, Side};
use super::{Compared, Comparison};
use crate::json;
use crate::look::{Painted, Style};
use crate::series::{Part, Version, reason};
use crate::text;

/// What a row of the comparison is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The title of the series and the two versions.
    Title,
    /// The Message-ID of a version's head.
    Head,
    /// What one of the versions lacks.
    Problem,
    /// A pair of patches, with its mark as `git range-diff` has it.
    Pair(char),
    /// Why two diffs could not be compared.
    Refused,
    /// A part of a patch: its message, or a file.
    Part,
    /// A line of a patch.
    Line(Side),
}

/// One row.
pub struct Row {
    /// What it is.
    pub kind: Kind,
    /// Its text, clean.
    pub text: Painted,
}

impl Row {
    fn new(kind: Kind, style: Style, text: impl Into<String>) -> Row {
        Row { kind, text: Painted::of(style, text) }
    }
}

/// The comparison from its title down.
pub fn rows(comparison: &Comparison) -> Vec<Row> {
    let Comparison { older, newer, all } = comparison;
    let title = format!("{}: {} against {}", text::line(&newer.title()), older.name(), newer.name());
    let mut out = vec![Row { kind: Kind::Title, text: Painted::plain(title) }];
    for version in [older, newer] {
        out.push(Row::new(Kind::Head, Style::Dim, text::line(version.head_id())));
    }
    for version in [older, newer] {
        if let Some(problem) = version.problem() {
            out.push(Row::new(Kind::Problem, Style::Warning, format!("{}: {problem}", version.name())));
        }
    }
    for one in all {
        out.push(pair(one, older, newer));
        if let Some(refused) = &one.refused {
            let said = format!("      not all of it was read: {}", text::line(refused));
            out.push(Row::new(Kind::Refused, Style::Warning, said));
        }
        if !one.message.is_empty() {
            out.push(Row::new(Kind::Part, Style::Mark, "    message"));
            out.extend(one.message.iter().map(line));
        }
        for file in &one.files {
            let word = match file.change {
                Change::Lines => "",
                Change::Context => "   only context changed",
                Change::Moved => "   moved",
                Change::Added => "   not in the older",
                Change::Removed => "   not in the newer",
            };
            let section =
                if file.section.is_empty() { String::new() } else { format!(" @@ {}", text::line(&file.section)) };
            let head = format!("    {}{section}{word}", text::line(&file.path));
            out.push(Row::new(Kind::Part, Style::Mark, head));
            out.extend(file.lines.iter().map(line));
        }
    }
    out
}

fn pair(one: &Compared, older: &Version, newer: &Version) -> Row {
    if one.older.is_none() && one.newer.is_none() {
        let said = format!("!: {} 0/{} ! {} 0/{}  cover letter", older.name(), older.total, newer.name(), newer.total);
        return Row { kind: Kind::Pair('!'), text: Painted::plain(said) };
    }
    let side = |version: &Version, part: &Option<Part>| match part {
        Some(part) => format!("{} {}", version.name(), part.number()),
        None => "-".to_owned(),
    };
    let mark = one.mark();
    let title = one.newer.as_ref().or(one.older.as_ref()).map_or("", |part| part.title.as_str());
    let (style, why) = match mark {
        '=' => (Style::Dim, String::new()),
        '!' => {
            (Style::Warning, one.pair.class.map_or_else(String::new, |class| format!("   paired by {}", reason(class))))
        }
        '<' => (Style::Removed, "   not paired with any of the newer".to_owned()),
        _ => (Style::Added, "   not paired with any of the older".to_owned()),
    };
    let numbers = format!("{} {mark} {}", side(older, &one.older), side(newer, &one.newer));
    let text = Painted::of(style, numbers).then(None, format!("  {}", text::line(title))).then(Some(Style::Dim), why);
    Row { kind: Kind::Pair(mark), text }
}

fn line(line: &Line) -> Row {
    let (sign, style) = match line.side {
        Side::Older => ('-', Some(Style::Removed)),
        Side::Newer => ('+', Some(Style::Added)),
        Side::Both => (' ', None),
        Side::Folded => return Row::new(Kind::Line(Side::Folded), Style::Dim, format!("      … {}", line.text)),
    };
    let body = format!("    {sign} {}", text::line(&line.text.replace('\t', "        ")));
    Row { kind: Kind::Line(line.side), text: Painted::default().then(style, body.trim_end()) }
}

/// The comparison as JSON.
pub fn value(comparison: &Comparison) -> serde_json::Value {
    let Comparison { older, newer, all } = comparison;
    let lines = |list: &[Line]| {
        let line = |line: &Line| json!({ "side": line.side.as_str(), "text": line.text });
        list.iter().map(line).collect::<Vec<_>>()
    };
    let pairs: Vec<_> = all
        .iter()
        .map(|one| {
            json!({
                "cover": one.older.is_none() && one.newer.is_none(),
                "older": one.older.as_ref().map(|part| &part.message_id),
                "newer": one.newer.as_ref().map(|part| &part.message_id),
                "mark": one.mark().to_string(),
                "class": one.pair.class.map(|class| class.as_str()),
                "not_read": one.refused,
                "message": lines(&one.message),
                "hunks": one.files.iter().map(|file| json!({
                    "file": file.path,
                    "section": file.section,
                    "change": file.change.as_str(),
                    "lines": lines(&file.lines),
                })).collect::<Vec<_>>(),
            })
        })
        .collect();
    json!({
        "format": json::FORMAT,
        "older": { "version": older.name(), "head": older.head_id() },
        "newer": { "version": newer.name(), "head": newer.head_id() },
        "pairs": pairs,
    })
}
