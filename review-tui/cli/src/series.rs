//! `provenance series`: the versions of a series, and what became of each patch from one to the next.

use std::io::Write;

use clap::{Args, ValueEnum};
use provenance_index::document::unhex;
use provenance_index::history::kin::{self, Word};
use provenance_index::links::edge::{Class, Kind};
use provenance_index::links::pairing::{Fate, Pair};
use provenance_index::search::Mail;
use provenance_review::commit::{self, Place};
use provenance_review::failure::{Exit, Failure};
use provenance_review::look::{Look, Style};
use provenance_review::series::{self, Part, Version, no_series, reason};
use provenance_review::session::letters::{Letters, id_of, links_failure};
use provenance_review::session::message_id;
use provenance_review::session::place::reader_failure;
use provenance_review::text::{self, plural};
use provenance_review::{dates, horizon, json};
use serde_json::json;

use super::{Context, deliver};

/// `series MSGID`
#[derive(Args)]
pub struct Arguments {
    /// Any mail of the series: a message-id (bare, in angle brackets, or with id: or mid:) or a lore link
    #[arg(value_name = "MSGID")]
    message: String,
    /// Output format
    #[arg(short, long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    #[default]
    Text,
    Json,
    /// The mails of all versions as they are; `provenance am` makes one version ready for git am
    Mboxrd,
}

/// Runs the subcommand.
pub fn run(context: &Context, arguments: Arguments) -> Result<Exit, Failure> {
    let id = message_id::typed(&arguments.message)?;
    let reader = context.place.required_reader()?;
    let letters = Letters::open(context.place.data(), &reader)?;
    let asked = id_of(&reader, &id);
    let mail = series::about(&letters, asked)?;
    let versions = series::versions(&letters, mail)?;
    if versions.is_empty() {
        return Err(no_series(&letters, &id)?);
    }
    if mail != asked
        && let Some(patch) = letters.stored(mail)?
    {
        context.say(&format!("{} is about {}, whose series this is", text::line(&id), text::line(&patch.message_id)));
    }
    if arguments.format == Format::Mboxrd {
        let mut out = context.bytes();
        let exit = deliver::mails(context, &mails(&versions, &letters)?, &mut out)?;
        out.finish()?;
        return Ok(exit);
    }
    let mut out = context.paged();
    match arguments.format {
        Format::Mboxrd => {}
        Format::Text => out.write_all(draw(&versions, &letters, &context.look)?.as_bytes())?,
        Format::Json => {
            let value = value(&versions, &letters)?;
            json::pretty(&mut out, &value)?;
        }
    }
    out.finish()?;
    context.say(&horizon::indexed(Some(&reader)));
    Ok(Exit::Done)
}

/// The mails of all versions, the cover letter of each first.
fn mails(versions: &[Version], letters: &Letters<'_>) -> Result<Vec<Mail>, Failure> {
    let mut mails = Vec::new();
    for version in versions {
        for member in letters.reader.links.graph.members(version.head).map_err(|e| links_failure(&e))? {
            let copies = letters.reader.copies(member.mail).map_err(|e| reader_failure(&e))?;
            if !copies.is_empty() {
                mails.push(Mail { copies, other_content: false });
            }
        }
    }
    Ok(mails)
}

fn draw(versions: &[Version], letters: &Letters<'_>, look: &Look) -> Result<String, Failure> {
    let mut out = String::new();
    let (first, last) = (&versions[0], &versions[versions.len() - 1]);
    // A series is called what its newest cover letter says.
    let titled = versions.iter().rev().find(|version| version.covered).unwrap_or(last);
    out.push_str(&format!("{}\n", look.paint(Style::Strong, &text::line(&titled.title()))));
    let span = if versions.len() > 1 {
        format!(", {} to {}", dates::day(first.date), dates::day(last.date))
    } else {
        format!(", {}", dates::day(first.date))
    };
    let count = plural(versions.len() as u64, "version", "versions");
    out.push_str(&format!("{}; {count}{span}\n", text::line(&last.author())));
    for (at, version) in versions.iter().enumerate() {
        let by = match at.checked_sub(1).map(|before| &versions[before]) {
            Some(before) if before.address() != version.address() => format!("   by {}", text::line(&version.author())),
            _ => String::new(),
        };
        out.push_str(&format!(
            "\n{} {}  {}   {}{by}\n",
            look.paint(Style::Strong, &text::pad(&version.name(), 7)),
            dates::day(version.date),
            version.count(),
            look.paint(Style::Name, &text::line(version.head_id())),
        ));
        for (earlier, class) in &version.joined {
            if let Some(other) = versions.iter().find(|v| v.head == *earlier) {
                out.push_str(
                    &look.paint(Style::Dim, &format!("        after {} by {}\n", other.name(), reason(*class))),
                );
            }
        }
        if let Some(problem) = version.problem() {
            out.push_str(&format!("        {}\n", look.paint(Style::Warning, &problem)));
        }
        match version.before.and_then(|before| versions.get(before)) {
            Some(before) => {
                for pair in &version.pairs {
                    out.push_str(&row(pair, before, version, letters, look)?);
                }
                if version.version.1 > 0 || !version.kept.is_empty() {
                    let kept =
                        before.parts.len().saturating_sub(version.pairs.iter().filter(|p| p.older.is_some()).count());
                    if kept > 0 {
                        out.push_str(&format!("        {} not sent again\n", plural(kept as u64, "patch", "patches")));
                    }
                }
            }
            None => {
                for part in &version.parts {
                    let title = text::line(&part.title).into_owned();
                    let from = elsewhere(part, version, letters, true)?;
                    let from = from.map_or_else(String::new, |from| look.paint(Style::Dim, &format!("   {from}")));
                    out.push_str(&format!(
                        "  {} {}{from}{}\n",
                        text::pad(&part.number(), 6),
                        title,
                        landed(part, letters, look)?
                    ));
                }
            }
        }
    }
    Ok(out)
}

fn row(
    pair: &Pair,
    before: &Version,
    version: &Version,
    letters: &Letters<'_>,
    look: &Look,
) -> Result<String, Failure> {
    let older = pair.older.map(|at| &before.parts[at]);
    let newer = pair.newer.map(|at| &version.parts[at]);
    let moved = older.zip(newer).filter(|(o, n)| o.place != n.place).is_some();
    let (word, style) = fate(&pair.fate, moved);
    let title = newer.or(older).map_or("", |part| part.title.as_str());
    let number = newer.map_or_else(|| "-".to_owned(), Part::number);
    let mut tail = match (&pair.fate, older) {
        (Fate::Split(at), _) => format!("from {} {}", before.name(), before.parts[*at].number()),
        (Fate::Merged(at), Some(old)) => {
            format!("was {} {}, now in {}", before.name(), old.number(), version.parts[*at].number())
        }
        (_, Some(old)) => format!("was {} {}", before.name(), old.number()),
        (_, None) => String::new(),
    };
    if let (Some(old), Some(new)) = (older, newer)
        && old.title != new.title
    {
        tail.push_str(&format!(" \"{}\"", text::line(&old.title)));
    }
    if let Some(class) = pair.class {
        tail.push_str(&format!(", by {}", reason(class)));
    }
    let lone = match (older, newer) {
        (None, Some(new)) => elsewhere(new, version, letters, true)?,
        (Some(old), None) => elsewhere(old, before, letters, false)?,
        _ => None,
    };
    if let Some(lone) = lone {
        tail = if tail.is_empty() { lone } else { format!("{tail}; {lone}") };
    }
    let landed = newer.map_or(Ok(String::new()), |part| landed(part, letters, look))?;
    Ok(format!(
        "  {} {} {}   {}{landed}\n",
        text::pad(&number, 6),
        look.paint(style, &text::pad(&word, 20)),
        text::line(title),
        look.paint(Style::Dim, &tail),
    ))
}

fn fate(fate: &Fate, renumbered: bool) -> (String, Style) {
    let (word, style) = match fate {
        Fate::Same if renumbered => return ("same, renumbered".to_owned(), Style::Dim),
        Fate::Same => ("same".to_owned(), Style::Dim),
        Fate::Changed(kept) if renumbered => {
            return (format!("renumbered, {} % kept", (kept * 100.0) as u32), Style::Warning);
        }
        Fate::Changed(kept) => (format!("changed, {} % kept", (kept * 100.0) as u32), Style::Warning),
        Fate::Added => ("added".to_owned(), Style::Added),
        Fate::Split(_) => ("split off".to_owned(), Style::Added),
        Fate::Dropped => ("dropped".to_owned(), Style::Removed),
        Fate::Merged(_) => ("merged".to_owned(), Style::Removed),
    };
    (word, style)
}

/// Where a patch without its other half came from, or went to: another series.
fn elsewhere(part: &Part, version: &Version, letters: &Letters<'_>, came: bool) -> Result<Option<String>, Failure> {
    for edge in letters.edges(part.mail)?.into_iter().filter(|e| matches!(e.kind, Kind::Revision | Kind::Taken)) {
        let (end, other) = if came { (edge.from, edge.to) } else { (edge.to, edge.from) };
        if end != part.mail || version.chain.contains(&other) {
            continue;
        }
        if let Some(stored) = letters.stored(other)? {
            let verb = if came { "taken from" } else { "moved to" };
            return Ok(Some(format!(
                "{verb} \"{}\" {} ({})",
                text::line(&stored.subject),
                text::line(&stored.message_id),
                reason(edge.class)
            )));
        }
    }
    Ok(None)
}

/// The commit that a patch became: that of a main line before others, with the tag that holds it first and what undid it.
fn landed(part: &Part, letters: &Letters<'_>, look: &Look) -> Result<String, Failure> {
    let mut found: Option<(bool, String, Vec<Place>)> = None;
    for (id, _) in letters.commits(part.mail)?.into_iter().filter(|(_, edge)| edge.kind == Kind::Commit) {
        let places = commit::places(letters.reader.data(), &unhex(&id).unwrap_or_default())?;
        let aside = commit::is_merged(&places) == Some(false);
        if found.as_ref().is_none_or(|(before, ..)| *before && !aside) {
            found = Some((aside, id, places));
        }
    }
    let Some((aside, id, places)) = found else { return Ok(String::new()) };
    let standing = || places.iter().filter_map(|place| place.standing.as_ref());
    let tag = standing().filter(|standing| standing.merged != aside).find_map(|standing| standing.tag.as_deref());
    let mut said = format!("   commit {}", &id[..12.min(id.len())]);
    if let Some(tag) = tag {
        said.push_str(&format!(", {}", text::line(tag)));
    }
    if let Some(standing) = standing().next().filter(|_| aside) {
        said.push_str(&format!(", not on {}", text::line(&standing.main)));
    }
    let undone = kin::of(letters.reader.data(), &unhex(&id).unwrap_or_default()).map_err(|e| links_failure(&e))?;
    if undone.iter().any(|(_, word)| *word == Word::Reverts) {
        said.push_str(", reverted");
    }
    Ok(look.paint(Style::Name, &said))
}

fn value(versions: &[Version], letters: &Letters<'_>) -> Result<serde_json::Value, Failure> {
    let mut list = Vec::new();
    for version in versions {
        let before = version.before.and_then(|at| versions.get(at));
        let mut parts = Vec::new();
        for part in &version.parts {
            let mut commits = Vec::new();
            for (id, edge) in letters.commits(part.mail)? {
                let confidence = f64::from(edge.confidence) / 1000.0;
                let mut commit = json!({ "commit": id, "kind": edge.kind.as_str(), "class": edge.class.as_str(), "confidence": confidence });
                commit::about(letters.reader.data(), &unhex(&id).unwrap_or_default())?.add_to(&mut commit);
                commits.push(commit);
            }
            parts.push(json!({ "number": part.place, "message_id": part.message_id, "subject": part.subject, "commits": commits }));
        }
        let pairs: Vec<_> = version
            .pairs
            .iter()
            .map(|pair| {
                let older = pair.older.zip(before).map(|(at, before)| before.parts[at].message_id.clone());
                let newer = pair.newer.map(|at| version.parts[at].message_id.clone());
                let kept = match pair.fate {
                    Fate::Changed(kept) => Some(kept),
                    _ => None,
                };
                let word = match pair.fate {
                    Fate::Same => "same",
                    Fate::Changed(_) => "changed",
                    Fate::Added => "added",
                    Fate::Split(_) => "split",
                    Fate::Dropped => "dropped",
                    Fate::Merged(_) => "merged",
                };
                json!({ "older": older, "newer": newer, "fate": word, "kept": kept, "class": pair.class.map(Class::as_str) })
            })
            .collect();
        list.push(json!({
            "version": version.name(),
            "rfc": version.rfc,
            "date": dates::second(version.date),
            "from": version.author(),
            "total": version.total,
            "head": version.head_id(),
            "missing": version.missing,
            "not_sent_again": version.kept,
            "doubled": version.doubled,
            "joined": version.joined.iter().filter_map(|(earlier, class)| {
                let other = versions.iter().find(|v| v.head == *earlier)?;
                Some(json!({ "head": other.head_id(), "class": class.as_str() }))
            }).collect::<Vec<_>>(),
            "compared_with": before.map(Version::head_id),
            "patches": parts,
            "pairs": pairs,
        }));
    }
    Ok(json!({ "format": json::FORMAT, "versions": list, "indexed": json::horizon(Some(letters.reader)) }))
}
