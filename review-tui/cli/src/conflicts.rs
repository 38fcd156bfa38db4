//! `conflicts`: mechanisms on the same bytes, run; the matrix of all, one mechanism against all, or one pair with its bytes;
//! the episodes of history; and the experiments on real kernels that say whether the model is right.
//!
//! What is shown is a model of the kernel's rules, and says so.

mod episode;
mod witness;

use std::io::Write;

use clap::{Args, ValueEnum};
use provenance_corpus::catalogue::Catalogue;
use provenance_lab::conflict::{self, Conflict, Era, Finding, Matrix, Rules};
use provenance_review::failure::{Exit, Failure};
use provenance_review::lab;
use provenance_review::look::{Look, Style};
use provenance_review::text;
use provenance_review::text::{pad, plural, width, wrap};

use super::Context;
use super::progress::Bar;

/// `conflicts [A [B]]`, `conflicts --episode [NAME]`, `conflicts --witness [NAME]`
#[derive(Args)]
pub struct Arguments {
    /// The mechanism that is installed first, by name or alias, with @VERSION for the rules of that kernel. Without B, it
    /// is run against all others, in both orders
    #[arg(value_name = "A")]
    first: Option<String>,
    /// The mechanism that comes second; shows the bytes after each step
    #[arg(value_name = "B")]
    second: Option<String>,
    /// Run an accident of history twice: by the rule of its day, and by the rule that came of it [default: all]
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = "", conflicts_with = "first")]
    episode: Option<String>,
    /// Show what real kernels did in an experiment, next to what the model says [default: all]
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = "", conflicts_with_all = ["first", "episode"])]
    witness: Option<String>,
    /// Output format
    #[arg(short, long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    #[default]
    Text,
    Json,
}

/// Runs the subcommand.
///
/// # Errors
/// A mechanism that the catalogue or the engine lacks; a lab process that cannot be started. A pair that crashes or hangs
/// is said on stderr, and the rest is shown.
pub fn run(context: &Context, arguments: &Arguments) -> Result<Exit, Failure> {
    if let Some(name) = &arguments.episode {
        return episode::run(context, name, arguments.format);
    }
    if let Some(name) = &arguments.witness {
        return witness::run(context, name, arguments.format);
    }
    let catalogue = context.place.catalogue()?;
    let eras = |name: &Option<String>| match name {
        Some(name) => named(&catalogue, name),
        None => Ok(Era::ALL.to_vec()),
    };
    let (first, second) = (eras(&arguments.first)?, eras(&arguments.second)?);
    let mut pairs: Vec<(Era, Era)> = first.iter().flat_map(|&a| second.iter().map(move |&b| (a, b))).collect();
    if arguments.first.is_some() && arguments.second.is_none() {
        let others = second.iter().flat_map(|&b| first.iter().map(move |&a| (b, a)));
        pairs.extend(others.filter(|(b, _)| !first.contains(b)));
    }
    let bar = Bar::new(context, 2 * pairs.len() as u64);
    let matrix = conflict::pairs(&lab::runner(), &pairs, |found| {
        bar.show(&format!("{}, then {}", found.first, found.second));
        bar.step();
    })
    .map_err(|e| Failure::from_error(Exit::Unreadable, &e).hint("each pair runs in a process of its own"))?;
    drop(bar);
    let mut out = context.paged();
    match arguments.format {
        Format::Text => {
            let page = match (&arguments.first, &arguments.second) {
                (None, _) => whole(&matrix, &context.look),
                (Some(_), None) => row(&matrix, &first, &context.look),
                (Some(_), Some(_)) => cells(&matrix, &context.look),
            };
            out.write_all(page.as_bytes())?;
        }
        Format::Json => {
            provenance_review::json::pretty(&mut out, &matrix)?;
        }
    }
    out.finish()?;
    matrix.ended.iter().for_each(|how| context.say(&text::line(how)));
    Ok(if matrix.ended.is_empty() { Exit::Done } else { Exit::Unreadable })
}

/// The forms of a mechanism that the engine runs; the catalogue knows the aliases.
fn named(catalogue: &Catalogue, name: &str) -> Result<Vec<Era>, Failure> {
    let known = || Era::ALL.map(|e| e.label().replace(' ', "@")).join(", ");
    let (alias, version) = name.split_once('@').map_or((name, None), |(alias, version)| (alias, Some(version)));
    let slug = match catalogue.mechanism(alias) {
        Ok(mechanism) => mechanism.slug.as_str(),
        Err(e) => return Err(Failure::from_error(Exit::Usage, &e).hint(format!("the engine runs {}", known()))),
    };
    let eras = Era::named(&version.map_or_else(|| slug.to_owned(), |version| format!("{slug}@{version}")));
    if eras.is_empty() {
        let what = match version {
            Some(version) if !Era::named(slug).is_empty() => format!("the engine has no {slug} of {version}"),
            _ => format!("the engine does not run {slug}, only the catalogue knows it"),
        };
        return Err(Failure::new(Exit::Usage, what).hint(format!("it runs {}", known())));
    }
    Ok(eras)
}

const MODEL: &str = "a model of the kernel's rules, not a kernel";

fn style(finding: &Finding) -> Style {
    match finding {
        Finding::Composes { .. } => Style::Added,
        Finding::Refused { .. } => Style::Dim,
        Finding::Silent { .. } => Style::Warning,
        _ => Style::Removed,
    }
}

fn title(rules: Rules) -> &'static str {
    match rules {
        Rules::Kernel => "by the kernel's rules",
        Rules::Ledger => "with a ledger, which the kernel does not have",
    }
}

/// The longest of a finding's words, and the space behind it.
const CELL: usize = 10;

/// The longest of the shorter words, and the space behind it.
const SHORT: usize = 8;

/// A finding in so many columns.
fn word(finding: &Finding, cell: usize) -> &'static str {
    match cell {
        CELL.. => finding.word(),
        SHORT.. => finding.short(),
        _ => finding.word().get(..3).unwrap_or_default(),
    }
}

/// The product under both rules; below it what its owner does not hear of.
fn whole(matrix: &Matrix, look: &Look) -> String {
    let names = Era::ALL.map(Era::label);
    let letter = |at: usize| char::from(b'a' + (at % 26) as u8).to_string();
    let left = names.iter().map(|n| width(n)).max().unwrap_or(0) + 5;
    let mut out = look.paint(Style::Strong, &format!("who meets whom on the same five bytes: {MODEL}")) + "\n";
    for rules in [Rules::Kernel, Rules::Ledger] {
        let found =
            |a: &str, b: &str| matrix.results.iter().find(|c| c.rules == rules && c.first == a && c.second == b);
        // Where the words do not fit, shorter ones or three letters of each still tell them apart.
        let room = look.width.unwrap_or(120);
        let cell = [CELL, SHORT].into_iter().find(|cell| left + cell * names.len() <= room + 1).unwrap_or(5);
        let heads: String = (0..names.len()).map(|at| pad(&letter(at), cell)).collect();
        let line = format!("{}{}", pad("first ↓, second →", left), heads);
        out.push_str(&format!("\n{}\n{}\n", title(rules), look.paint(Style::Dim, line.trim_end())));
        for (at, first) in names.iter().enumerate() {
            let mut line = pad(&format!("{}  {first}", letter(at)), left);
            for second in &names {
                let (word, style) =
                    found(first, second).map_or(("?", Style::Warning), |c| (word(&c.finding, cell), style(&c.finding)));
                line.push_str(&look.paint(style, word));
                line.push_str(&" ".repeat(cell.saturating_sub(width(word))));
            }
            out.push_str(line.trim_end());
            out.push('\n');
        }
        if cell < CELL && rules == Rules::Ledger {
            let mut words: Vec<&str> = matrix.results.iter().map(|c| c.finding.word()).collect();
            words.sort_unstable();
            words.dedup();
            let words: Vec<String> = words.iter().map(|w| format!("{} {w}", w.get(..3).unwrap_or(w))).collect();
            out.push_str(&format!("\n{}\n", look.paint(Style::Dim, &words.join(", "))));
        }
    }
    // The same sentence once, with all whom it befalls.
    let mut harm: Vec<(&Finding, String, Vec<&Conflict>)> = Vec::new();
    for c in matrix.results.iter().filter(|c| c.rules == Rules::Kernel) {
        if let Some(what) = short(&c.finding) {
            match harm.iter_mut().find(|known| known.1 == what) {
                Some(known) => known.2.push(c),
                None => harm.push((&c.finding, what, vec![c])),
            }
        }
    }
    if !harm.is_empty() {
        out.push_str(&format!("\n{}\n", look.paint(Style::Strong, "nobody is told, or too late")));
    }
    for (finding, what, pairs) in harm {
        entry(&mut out, finding, &what, "", look);
        pairs.iter().for_each(|c| out.push_str(&format!("{}{}, then {}\n", " ".repeat(CELL + 4), c.first, c.second)));
    }
    let runs = plural(matrix.results.len() as u64, "run", "runs");
    out.push_str(&format!(
        "\n# {runs}, each in a process of its own; `provenance conflicts A B` shows the bytes of a pair\n"
    ));
    out
}

/// One mechanism against all, first and second.
fn row(matrix: &Matrix, eras: &[Era], look: &Look) -> String {
    let names: Vec<String> = eras.iter().map(|e| e.label()).collect();
    let mut out = look.paint(Style::Strong, &format!("{}: {MODEL}", names.join(", "))) + "\n";
    for rules in [Rules::Kernel, Rules::Ledger] {
        out.push_str(&format!("\n{}\n", title(rules)));
        matrix.results.iter().filter(|c| c.rules == rules).for_each(|c| {
            entry(&mut out, &c.finding, &format!("{}, then {}", c.first, c.second), &c.finding.describe(), look);
        });
    }
    out.push_str("\n# `provenance conflicts A B` shows the bytes of a pair\n");
    out
}

/// What harm was done, without the bytes, where its doer or its victim does not hear of it.
fn short(finding: &Finding) -> Option<String> {
    match finding {
        Finding::Silent { error, after } => {
            let error = error.split(' ').next().unwrap_or_default();
            Some(format!("the second's {error} is dropped; {after}"))
        }
        Finding::Broken { what, until, told } => {
            let told = told.split([' ', ':']).next().unwrap_or_default();
            Some(format!("{what} is broken until {until}; its caller was told {told}"))
        }
        _ => None,
    }
}

/// A finding's word and a headline; below it the particulars.
fn entry(out: &mut String, finding: &Finding, headline: &str, what: &str, look: &Look) {
    let lines = wrap(headline, look.width.map(|w| w.saturating_sub(CELL + 2)), 0);
    for (at, line) in lines.iter().enumerate() {
        let word = if at == 0 { finding.word() } else { "" };
        out.push_str(&format!("  {}{line}\n", look.paint(style(finding), &pad(word, CELL))));
    }
    if !what.is_empty() {
        for part in wrap(&format!("{}{}", " ".repeat(CELL + 2), text::line(what)), look.width, CELL + 2) {
            out.push_str(&part);
            out.push('\n');
        }
    }
}

/// Every pair, step by step.
fn cells(matrix: &Matrix, look: &Look) -> String {
    let mut out = String::new();
    for (at, c) in matrix.results.iter().enumerate() {
        if at > 0 {
            out.push('\n');
        }
        for (at, line) in text::block(&c.render()).lines().enumerate() {
            let style = match line.trim_start() {
                _ if at == 0 => Some(Style::Strong),
                l if l.starts_with("outcome") => Some(style(&c.finding)),
                l if l.starts_with("not modelled") || l.starts_with("witness") => Some(Style::Dim),
                _ => None,
            };
            for part in wrap(line, look.width, Conflict::INDENT) {
                out.push_str(&style.map_or_else(|| part.clone(), |style| look.paint(style, &part)));
                out.push('\n');
            }
        }
    }
    out
}
