//! `provenance status`: what is indexed, what is wrong with it, and how to mend it.

use std::io::Write;

use clap::{Args, ValueEnum};
use provenance_index::history::Trees;
use provenance_index::reader::Reader;
use provenance_index::sources::Sources;
use provenance_index::upkeep::verify::{self, Finding, Part};
use provenance_review::failure::{Exit, Failure};
use provenance_review::look::{Look, Style};
use provenance_review::session::images::Images;
use provenance_review::session::place::reader_failure;
use provenance_review::text::{self, count};
use provenance_review::{dates, json};

use super::{Context, trees};

/// `status`
#[derive(Args)]
pub struct Arguments {
    /// Output format
    #[arg(short, long, value_enum, default_value_t)]
    format: Format,
    /// Read everything in the data directory, check it, and say what is damaged
    #[arg(long)]
    verify: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    #[default]
    Text,
    Json,
}

/// Failures that are named in the text; `-f json` names all that are remembered.
const NAMED: usize = 5;

/// Runs the subcommand.
pub fn run(context: &Context, arguments: Arguments) -> Result<Exit, Failure> {
    if arguments.verify {
        return look_through(context, arguments.format);
    }
    let sources = Sources::load(context.place.data()).map_err(|e| Failure::from_error(Exit::Unreadable, &e))?;
    let reader = context.place.required_reader()?;
    let missing = reader.missing_parents().map_err(|e| reader_failure(&e))?;
    let trees = trees::load(context)?;
    let images = Images::load(context.place.data()).map_err(|e| Failure::from_error(Exit::Unreadable, &e))?;
    let mut out = context.paged();
    match arguments.format {
        Format::Text => {
            out.write_all(report(&reader, &sources, missing, &context.look).as_bytes())?;
            out.write_all(beside(&trees, &images, &context.look).as_bytes())?;
            for line in trees::unread(context)? {
                writeln!(out, "           {line}")?;
            }
        }
        Format::Json => {
            let mut value = value(&reader, &sources, missing);
            value["trees"] = serde_json::json!(trees.trees);
            value["unread"] = serde_json::json!(trees::unread(context)?);
            value["images"] = serde_json::json!(images.images);
            json::pretty(&mut out, &value)?;
        }
    }
    out.finish()?;
    let unreadable = reader.state.repositories.values().any(|r| r.failed > 0 || r.refused.is_some());
    Ok(if unreadable { Exit::Unreadable } else { Exit::Done })
}

/// Everything in the data directory, read and checked.
fn look_through(context: &Context, format: Format) -> Result<Exit, Failure> {
    let data = context.place.data();
    if !data.is_dir() {
        return Err(Failure::new(
            Exit::Unreadable,
            format!("there is nothing to be verified: {} is no directory", data.display()),
        )
        .hint("name the data directory with --data-dir"));
    }
    let found = verify::all(data);
    let mut out = context.paged();
    match format {
        Format::Text if found.is_empty() => {
            writeln!(out, "{}: everything is as it was written", text::line(&data.to_string_lossy()))?;
        }
        Format::Text => {
            for finding in &found {
                let path = finding.path.to_string_lossy();
                let verdict = if finding.refused { "refused" } else { "damaged" };
                writeln!(out, "{verdict}  {}: {}", text::line(&path), text::line(&finding.what))?;
                writeln!(out, "         {}", remedy(finding))?;
            }
        }
        Format::Json => {
            let value = |finding: &Finding| {
                serde_json::json!({
                    "path": finding.path,
                    "what": finding.what,
                    "refused": finding.refused,
                    "remedy": remedy(finding),
                })
            };
            let value = serde_json::json!({
                "format": json::FORMAT,
                "damaged": found.iter().map(value).collect::<Vec<_>>(),
            });
            serde_json::to_writer_pretty(&mut out, &value).map_err(std::io::Error::from)?;
            writeln!(out)?;
        }
    }
    out.finish()?;
    Ok(if found.is_empty() { Exit::Done } else { Exit::Unreadable })
}

/// What to do about something damaged.
fn remedy(finding: &Finding) -> &'static str {
    match finding.part {
        _ if finding.refused => "may this user read it?",
        Part::Mails => "`provenance index` reads the mails again",
        Part::Links => "`provenance index` derives the links anew",
        Part::Events => "`provenance index` makes it anew",
        Part::Tree(_) | Part::Weights(_) => "`provenance index` reads the tree again",
        Part::List => "`provenance index` rebuilds it from its copy, if that is whole",
        Part::Imported => {
            "it lies nowhere else: restore it from a backup, or import the mail again; `git fsck` tells more"
        }
        Part::Journal => "it lies nowhere else: the other lines are read; nothing is written over it",
    }
}

fn report(reader: &Reader, sources: &Sources, missing: u64, look: &Look) -> String {
    let state = &reader.state;
    let mut out = String::new();
    let heading = |text: &str| look.paint(Style::Dim, text);
    out.push_str(&heading(&format!("{:<44} {:>9}  {:<10}  {:<10}\n", "list", "mails", "oldest", "newest")));
    for (name, list) in &state.lists {
        out.push_str(&format!(
            "{} {:>9}  {}  {}\n",
            text::fit(&text::line(name), 44),
            count(list.mails),
            dates::day(list.oldest),
            dates::day(list.newest),
        ));
    }
    out.push('\n');
    out.push_str(&heading(&format!("{:>9}  repository\n", "mails")));
    for repository in sources.repositories() {
        let known = state.repositories.get(&repository.number);
        let mails = known.map_or(0, |r| r.mails);
        out.push_str(&format!("{:>9}  {}\n", count(mails), text::line(&repository.path.to_string_lossy())));
        let Some(known) = known else { continue };
        if let Some(reason) = &known.refused {
            out.push_str(&look.paint(Style::Warning, &format!("           not read: {}\n", text::line(reason))));
        }
        if known.failed > 0 {
            let failed = format!("           {} could not be read:\n", text::plural(known.failed, "mail", "mails"));
            out.push_str(&look.paint(Style::Warning, &failed));
            for failure in known.failures.iter().take(NAMED) {
                let commit = failure.commit.get(..12).unwrap_or(&failure.commit);
                out.push_str(&format!("             {commit}  {}\n", text::line(&failure.reason)));
            }
            if known.failures.len() > NAMED {
                out.push_str(&format!("             and {} more (-f json)\n", known.failures.len() - NAMED));
            }
            out.push_str(&format!(
                "           to repair: git -C '{}' fsck, then clone it again; `provenance index` reads what was missing\n",
                repository.path.display()
            ));
        }
    }
    if !state.defects.is_empty() {
        out.push('\n');
        out.push_str(&heading(&format!("{:>9}  defect; the mails are indexed all the same\n", "mails")));
        let mut defects: Vec<(&String, &u64)> = state.defects.iter().collect();
        defects.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
        for (defect, mails) in defects {
            out.push_str(&format!("{:>9}  {defect}\n", count(*mails)));
        }
    }
    out.push_str(&format!(
        "\n{} copies indexed; {} named as parents are not in the indexed lists\n",
        count(state.mails),
        text::plural(missing, "mail", "mails"),
    ));
    out
}

/// Attached trees and images.
fn beside(trees: &Trees, images: &Images, look: &Look) -> String {
    let mut out = String::new();
    if !trees.trees.is_empty() {
        out.push_str(&look.paint(Style::Dim, &format!("\n{:>9}  {:<10}  tree\n", "commits", "newest")));
    }
    for tree in &trees.trees {
        let path = tree.path.to_string_lossy();
        let path = text::line(&path);
        let newest = if tree.commits > 0 { dates::day(tree.newest) } else { "none".to_owned() };
        out.push_str(&format!("{:>9}  {newest:<10}  {path}\n", count(tree.commits)));
        if tree.shallow {
            out.push_str("           shallow: earlier commits are not known\n");
        }
        if let Some(reason) = &tree.by_command {
            out.push_str(&format!("           read by the git command: {}\n", text::line(reason)));
        }
        if let Some(reason) = &tree.refused {
            out.push_str(&look.paint(Style::Warning, &format!("           not read: {}\n", text::line(reason))));
        }
    }
    if !images.images.is_empty() {
        out.push_str(&look.paint(Style::Dim, &format!("\n{:<22} image\n", "kernel")));
    }
    for image in &images.images {
        let gone = if image.path.exists() { "" } else { "  (gone)" };
        let path = image.path.to_string_lossy();
        let path = text::line(&path);
        out.push_str(&format!("{:<22} {path}{gone}\n", text::line(&image.release)));
    }
    out
}

fn value(reader: &Reader, sources: &Sources, missing: u64) -> serde_json::Value {
    let state = &reader.state;
    let repositories: Vec<_> = sources
        .repositories()
        .iter()
        .map(|repository| {
            let known = state.repositories.get(&repository.number).cloned().unwrap_or_default();
            serde_json::json!({
                "number": repository.number,
                "path": repository.path,
                "name": repository.name,
                "mails": known.mails,
                "cursor": known.cursor,
                "refused": known.refused,
                "failed": known.failed,
                "failures": known.failures,
            })
        })
        .collect();
    serde_json::json!({
        "format": json::FORMAT,
        "mails": state.mails,
        "lists": json::horizon(Some(reader)),
        "repositories": repositories,
        "defects": state.defects,
        "parents_missing": missing,
    })
}
