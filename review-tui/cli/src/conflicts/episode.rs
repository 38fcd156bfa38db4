//! Episodes of history, by the rule of their day and by the one that came of it.

use std::io::Write;

use provenance_corpus::catalogue::{Catalogue, Source};
use provenance_lab::episode::{self, Episode, Rule, Told, Verdict};
use provenance_review::failure::{Exit, Failure};
use provenance_review::lab;
use provenance_review::look::{Look, Style};
use provenance_review::text::{pad, wrap};

use super::Format;
use crate::progress::Bar;
use crate::{Context, text};

/// Columns before the words.
const INDENT: usize = 16;

/// Runs one episode, or all where none is named.
///
/// # Errors
/// An unknown name; a lab process that cannot be started.
pub fn run(context: &Context, name: &str, format: Format) -> Result<Exit, Failure> {
    let catalogue = context.place.catalogue()?;
    let wanted: Vec<&Episode> = match (name, episode::find(name)) {
        ("", _) => episode::all().iter().collect(),
        (_, Some(one)) => vec![one],
        (_, None) => {
            let names: Vec<&str> = episode::all().iter().map(|e| e.name).collect();
            return Err(Failure::new(Exit::Usage, format!("there is no episode `{name}`"))
                .hint(format!("there are {}", names.join(", "))));
        }
    };
    let bar = Bar::new(context, wanted.len() as u64);
    let mut told = Vec::new();
    for episode in &wanted {
        bar.show(episode.title);
        let both = episode::run(&lab::runner(), episode)
            .map_err(|e| Failure::from_error(Exit::Unreadable, &e).hint("each run is a process of its own"))?;
        told.push(both);
        bar.step();
    }
    drop(bar);
    let mut out = context.paged();
    match format {
        Format::Json => {
            provenance_review::json::pretty(&mut out, &told)?;
        }
        Format::Text if name.is_empty() => out.write_all(list(&wanted, &told, &context.look).as_bytes())?,
        Format::Text => {
            for (episode, told) in wanted.iter().zip(&told) {
                out.write_all(whole(episode, told, &catalogue, &context.look).as_bytes())?;
            }
        }
    }
    out.finish()?;
    Ok(Exit::Done)
}

/// Each episode in three lines.
fn list(episodes: &[&Episode], told: &[Told], look: &Look) -> String {
    let head = "ten episodes, each by the rule of its day and by the one that came of it: a model, not a kernel";
    let mut out = look.paint(Style::Strong, head) + "\n";
    for (episode, told) in episodes.iter().zip(told) {
        let title = format!("{}  {} ({}): {}", episode.year, episode.name, episode.kind.word(), episode.title);
        out.push('\n');
        wrap(&title, look.width, 6).iter().for_each(|line| out.push_str(&format!("{line}\n")));
        for run in &told.runs {
            let (word, style, why) = match &run.verdict {
                Verdict::Holds(why) => ("holds", Style::Added, why),
                Verdict::Broken(why) => ("BROKEN", Style::Removed, why),
            };
            let rule = if run.rule == Rule::Old { "old rule" } else { "new rule" };
            let line = format!("      {rule}  {} {}", pad(word, 7), text::line(why));
            for part in wrap(&line, look.width, 24) {
                out.push_str(&part.replacen(word, &look.paint(style, word), 1));
                out.push('\n');
            }
        }
    }
    out.push_str("\n# `provenance conflicts --episode NAME` shows the rules, the steps and the bytes\n");
    out
}

/// One episode with its rules, steps, bytes and evidence.
fn whole(episode: &Episode, told: &Told, catalogue: &Catalogue, look: &Look) -> String {
    let mut out = String::new();
    // The evidence is told below, with dates.
    let rendered = told.render();
    let lines = rendered.lines().filter(|line| !line.starts_with("  evidence"));
    for (at, line) in lines.enumerate() {
        let line = text::line(line);
        let style = match line.trim_start() {
            _ if at == 0 => Some(Style::Strong),
            l if l.starts_with("outcome       holds") => Some(Style::Added),
            l if l.starts_with("outcome") => Some(Style::Removed),
            l if l.starts_with("not modelled") => Some(Style::Dim),
            _ => None,
        };
        for part in wrap(&line, look.width, INDENT) {
            out.push_str(&style.map_or_else(|| part.clone(), |style| look.paint(style, &part)));
            out.push('\n');
        }
    }
    for (at, id) in episode.events.iter().enumerate() {
        let head = if at == 0 { "  evidence      " } else { "                " };
        let event = catalogue.events().iter().find(|e| e.id.as_str() == *id);
        let line = event.map_or_else(
            || format!("{head}{id}, which the catalogue lacks"),
            |e| {
                let source = e.evidence.iter().find_map(|e| e.source()).map_or_else(String::new, |s| match s {
                    Source::Mail(mail) => mail.to_string(),
                    Source::Commit(commit) => format!("commit {}", commit.short()),
                    Source::Page(url) => url.to_owned(),
                });
                format!("{head}{} {source}", e.happened)
            },
        );
        out.push_str(&format!("{line}\n"));
    }
    out
}
