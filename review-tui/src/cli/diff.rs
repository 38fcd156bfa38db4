//! `provenance diff`: one version of a series against another, from the text of the mails alone: nothing has to apply.

pub mod compare;

use std::io::Write;

use clap::{Args, ValueEnum};
use provenance_corpus::patch::Patch;
use provenance_index::links::pairing::{Fate, Pair};
use serde_json::json;

use self::compare::{Change, FileChange, Line, Side};
use super::failure::{Exit, Failure};
use super::letters::{Letters, id_of};
use super::series::gather::{self, Part, Version};
use super::series::{no_series, reason};
use super::terminal::{Look, Style};
use super::{Context, json, show, text};

/// `diff MSGID [-v A [B]]`
#[derive(Args)]
pub struct Arguments {
    /// Any mail of the series; a patch shows that patch alone, a cover letter the whole series
    #[arg(value_name = "MSGID")]
    message: Option<String>,
    /// The versions to compare: `-v 2` the second with the one that MSGID is part of, `-v 2 4` or `-v 2..4` these two, in
    /// this order [default: the one that MSGID is part of with the one before it]
    #[arg(short = 'v', long = "versions", num_args = 1..=3, value_names = ["A", "B"])]
    versions: Vec<String>,
    /// All patches, though MSGID is one of them
    #[arg(short, long)]
    all: bool,
    /// Form of the output
    #[arg(short, long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    #[default]
    Text,
    Json,
}

/// A pair of patches and what differs.
struct Compared {
    older: Option<Part>,
    newer: Option<Part>,
    pair: Pair,
    message: Vec<Line>,
    files: Vec<FileChange>,
    /// Why the diffs could not be compared.
    refused: Option<String>,
}

/// Runs the subcommand.
pub fn run(context: &Context, arguments: Arguments) -> Result<Exit, Failure> {
    let (message, versions) = asked(arguments.message, arguments.versions)?;
    let id = show::message_id(&message)?;
    let reader = context.place.required_reader()?;
    let mut letters = Letters::open(context.place.data(), &reader)?;
    let comparison = compare(&mut letters, &id, &versions, arguments.all)?;
    let mut out = context.paged();
    match arguments.format {
        Format::Text => out.write_all(draw(&comparison, &context.look).as_bytes())?,
        Format::Json => {
            serde_json::to_writer_pretty(&mut out, &value(&comparison)).map_err(std::io::Error::from)?;
            writeln!(out)?;
        }
    }
    out.finish()?;
    Ok(Exit::Done)
}

/// The mail and the versions, wherever they stood: `-v 2 MSGID` takes the mail for a version, and `1..2` is two.
fn asked(message: Option<String>, mut versions: Vec<String>) -> Result<(String, Vec<String>), Failure> {
    let message = match message {
        Some(message) => message,
        None => {
            let is_mail = |last: &mut String| last.contains('@') || last.contains("://");
            versions.pop_if(is_mail).ok_or_else(|| {
                Failure::new(Exit::Usage, "no mail is named")
                    .hint("name one of the series: provenance diff MSGID -v 1 2")
            })?
        }
    };
    let versions: Vec<String> = versions
        .iter()
        .flat_map(|one| match one.split_once("..") {
            Some((from, to)) if !from.is_empty() && !to.is_empty() => vec![from.to_owned(), to.to_owned()],
            _ => vec![one.clone()],
        })
        .collect();
    if versions.len() > 2 {
        return Err(Failure::new(Exit::Usage, "more than two versions are named")
            .hint("two are compared: provenance diff MSGID -v 1 2"));
    }
    Ok((message, versions))
}

/// Two versions, and what differs.
struct Comparison {
    older: Version,
    newer: Version,
    all: Vec<Compared>,
}

/// What changed since the version before, as text: in the series of a mail or, unless `all`, in its patch alone.
///
/// # Errors
/// A mail of no series, a version that is not there, mails that cannot be read.
pub fn compared(
    letters: &mut Letters<'_>,
    id: &str,
    versions: &[String],
    all: bool,
    look: &Look,
) -> Result<String, Failure> {
    Ok(draw(&compare(letters, id, versions, all)?, look))
}

fn compare(letters: &mut Letters<'_>, id: &str, asked: &[String], all: bool) -> Result<Comparison, Failure> {
    let mail = gather::about(letters, id_of(letters.reader, id))?;
    let versions = gather::versions(letters, mail)?;
    if versions.is_empty() {
        return Err(no_series(letters, id)?);
    }
    let (older, newer) = choose(&versions, mail, asked)?;
    let (older, newer) = (versions[older].clone(), versions[newer].clone());
    let mut pairs = gather::pairs(&older, &newer);
    let named = |version: &Version| version.parts.iter().position(|part| part.mail == mail);
    if !all {
        let (old, new) = (named(&older), named(&newer));
        if old.is_some() || new.is_some() {
            pairs.retain(|pair| (old.is_some() && pair.older == old) || (new.is_some() && pair.newer == new));
        }
    }
    let mut compared = Vec::new();
    if newer.covered && older.covered && pairs.len() > 1 {
        compared.extend(covers(letters, &older, &newer)?);
    }
    for pair in pairs {
        compared.push(of_pair(letters, &older, &newer, pair)?);
    }
    Ok(Comparison { older, newer, all: compared })
}

/// Which two versions are compared, as places.
fn choose(versions: &[Version], mail: u64, asked: &[String]) -> Result<(usize, usize), Failure> {
    let list = || versions.iter().map(Version::name).collect::<Vec<_>>().join(", ");
    let find = |name: &str| -> Result<usize, Failure> {
        let wanted = name.trim_start_matches(['v', 'V']);
        let number = |version: &Version| version.name().rsplit('v').next().unwrap_or_default().to_owned();
        // The last of several that bear one number is the one that was meant to count.
        versions
            .iter()
            .rposition(|v| v.name().eq_ignore_ascii_case(name) || number(v).trim_end_matches(" again") == wanted)
            .ok_or_else(|| {
                Failure::new(Exit::Usage, format!("there is no version {}", text::line(name)))
                    .hint(format!("the indexed versions are {}", list()))
            })
    };
    let apart = |one: usize, two: usize| {
        if one != two {
            return Ok(());
        }
        Err(Failure::new(Exit::Usage, format!("{} cannot be compared with itself", versions[one].name()))
            .hint(format!("the indexed versions are {}", list())))
    };
    let own = versions
        .iter()
        .position(|v| v.head == mail || v.parts.iter().any(|part| part.mail == mail))
        .unwrap_or(versions.len() - 1);
    match asked {
        [] => match versions[own].before {
            Some(before) => Ok((before, own)),
            None if versions.len() > 1 => Ok((own, own + 1)),
            None => Err(Failure::new(
                Exit::Unreadable,
                format!("{} is the only version that is indexed", versions[own].name()),
            )
            .hint("import the other versions with `provenance index PATH`")),
        },
        [one] => {
            let one = find(one)?;
            apart(one, own)?;
            Ok((one.min(own), one.max(own)))
        }
        [one, two, ..] => {
            let (one, two) = (find(one)?, find(two)?);
            apart(one, two)?;
            Ok((one, two))
        }
    }
}

fn covers(letters: &mut Letters<'_>, older: &Version, newer: &Version) -> Result<Option<Compared>, Failure> {
    let mut read = |version: &Version| -> Result<Option<String>, Failure> {
        let Some(copy) = letters.copy(version.head)? else { return Ok(None) };
        letters.text(&copy).map(Some)
    };
    let (Some(old), Some(new)) = (read(older)?, read(newer)?) else { return Ok(None) };
    let message = compare::words(compare::letter(&old), compare::letter(&new));
    let pair = Pair { older: None, newer: None, fate: Fate::Changed(0.0), class: None };
    Ok((!message.is_empty()).then_some(Compared {
        older: None,
        newer: None,
        pair,
        message,
        files: Vec::new(),
        refused: None,
    }))
}

fn of_pair(letters: &mut Letters<'_>, older: &Version, newer: &Version, pair: Pair) -> Result<Compared, Failure> {
    let old = pair.older.map(|at| older.parts[at].clone());
    let new = pair.newer.map(|at| newer.parts[at].clone());
    let mut compared = Compared { older: old, newer: new, pair, message: Vec::new(), files: Vec::new(), refused: None };
    let (Some(old), Some(new)) = (&compared.older, &compared.newer) else { return Ok(compared) };
    let mut read = |part: &Part| -> Result<String, Failure> {
        let Some(copy) = letters.copy(part.mail)? else { return Ok(String::new()) };
        letters.text(&copy)
    };
    let (old_text, new_text) = (read(old)?, read(new)?);
    match (Patch::parse(&old_text), Patch::parse(&new_text)) {
        (Some(a), Some(b)) => {
            compared.message = compare::words(a.slice(a.message), b.slice(b.message));
            compared.files = compare::files(&a, &b);
            let worst =
                a.defects.first().map(|d| (&old.message_id, d)).or(b.defects.first().map(|d| (&new.message_id, d)));
            compared.refused = worst.map(|(id, defect)| format!("{id}: {defect}"));
        }
        (a, _) => {
            let which = if a.is_none() { &old.message_id } else { &new.message_id };
            compared.refused = Some(format!("{which}: no diff could be read in it"));
            compared.message = compare::words(&old_text, &new_text);
        }
    }
    Ok(compared)
}

impl Compared {
    fn changed(&self) -> bool {
        !self.message.is_empty() || self.files.iter().any(|file| file.change != Change::Context)
    }

    /// As `git range-diff` marks it.
    fn mark(&self) -> char {
        match (&self.older, &self.newer) {
            (Some(_), Some(_)) if self.changed() || self.refused.is_some() => '!',
            (Some(_), Some(_)) => '=',
            (None, Some(_)) => '>',
            (Some(_), None) => '<',
            (None, None) => '!',
        }
    }
}

fn draw(comparison: &Comparison, look: &Look) -> String {
    let Comparison { older, newer, all } = comparison;
    let mut out = format!("{}: {} against {}\n", text::line(&newer.title()), older.name(), newer.name());
    out.push_str(
        &look.paint(Style::Dim, &format!("{}\n{}\n", text::line(older.head_id()), text::line(newer.head_id()))),
    );
    for version in [older, newer] {
        if let Some(problem) = version.problem() {
            out.push_str(&look.paint(Style::Warning, &format!("{}: {problem}\n", version.name())));
        }
    }
    for one in all {
        out.push_str(&head(one, older, newer, look));
        if let Some(refused) = &one.refused {
            out.push_str(
                &look.paint(Style::Warning, &format!("      not all of it was read: {}\n", text::line(refused))),
            );
        }
        if !one.message.is_empty() {
            out.push_str(&look.paint(Style::Mark, "    message\n"));
            lines(&one.message, look, &mut out);
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
            out.push_str(&look.paint(Style::Mark, &format!("    {}{section}{word}\n", text::line(&file.path))));
            lines(&file.lines, look, &mut out);
        }
    }
    out
}

fn head(one: &Compared, older: &Version, newer: &Version, look: &Look) -> String {
    if one.older.is_none() && one.newer.is_none() {
        return format!("!: {} 0/{} ! {} 0/{}  cover letter\n", older.name(), older.total, newer.name(), newer.total);
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
    format!("{}  {}{}\n", look.paint(style, &numbers), text::line(title), look.paint(Style::Dim, &why))
}

fn lines(list: &[Line], look: &Look, out: &mut String) {
    for line in list {
        let (sign, style) = match line.side {
            Side::Older => ('-', Some(Style::Removed)),
            Side::Newer => ('+', Some(Style::Added)),
            Side::Both => (' ', None),
            Side::Folded => {
                out.push_str(&look.paint(Style::Dim, &format!("      … {}\n", line.text)));
                continue;
            }
        };
        let body = format!("    {sign} {}", text::line(&line.text.replace('\t', "        ")));
        let body = body.trim_end();
        out.push_str(&style.map_or_else(|| body.to_owned(), |style| look.paint(style, body)));
        out.push('\n');
    }
}

fn value(comparison: &Comparison) -> serde_json::Value {
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
