//! `bench`: what patching and dispatching cost on this machine, beside what others published.

use std::io::Write;

use clap::{Args, ValueEnum};
use provenance_lab::bench::{self, Report};
use provenance_lab::runner::Message;
use provenance_review::failure::{Exit, Failure};
use provenance_review::lab;
use provenance_review::look::Style;
use provenance_review::text;

use super::Context;
use super::progress::Bar;

/// Columns on a pipe.
const WIDTH: usize = 100;

/// `bench [NAME...]`
#[derive(Args)]
pub struct Arguments {
    /// Benchmarks to run
    #[arg(value_name = "NAME", help = format!("Benchmarks to run: {} [default: all]", names().join(", ")))]
    names: Vec<String>,
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
/// A name that no benchmark has; a lab process that cannot be started. A benchmark that crashes is in the report.
pub fn run(context: &Context, arguments: Arguments) -> Result<Exit, Failure> {
    if let Some(name) = arguments.names.iter().find(|n| !names().contains(&n.as_str())) {
        return Err(Failure::new(Exit::Usage, format!("no benchmark is called {name:?}"))
            .hint(format!("there are {}; without a name all are run", names().join(", "))));
    }
    let names: Vec<&str> = arguments.names.iter().map(String::as_str).collect();
    let bar = Bar::new(context, 0);
    let report = bench::run(&lab::runner(), &names, |name, message| {
        if let Message::Progress(what) = message {
            bar.show(&format!("{name}: {what}"));
        }
    })
    .map_err(|e| Failure::from_error(Exit::Unreadable, &e).hint("the benchmarks run in a process of their own"))?;
    drop(bar);
    let mut out = context.paged();
    match arguments.format {
        Format::Text => out.write_all(page(context, &report).as_bytes())?,
        Format::Json => {
            provenance_review::json::pretty(&mut out, &report)?;
        }
    }
    out.finish()?;
    Ok(if report.failed.is_empty() { Exit::Done } else { Exit::Unreadable })
}

fn names() -> Vec<&'static str> {
    bench::ALL.iter().map(|b| b.0).collect()
}

fn page(context: &Context, report: &Report) -> String {
    let look = &context.look;
    let style = |line: &str| match line.trim_start() {
        l if l.starts_with("kept:") => Some(Style::Added),
        l if l.starts_with("MISSED:") || l.starts_with("failed:") => Some(Style::Removed),
        l if l.starts_with("note:") => Some(Style::Warning),
        l if l.starts_with("published") => Some(Style::Dim),
        _ if !line.starts_with(' ') => Some(Style::Strong),
        _ => None,
    };
    let mut out = String::new();
    for line in text::block(&report.render(look.width.unwrap_or(WIDTH))).lines() {
        let painted = style(line);
        for part in text::wrap(line, look.width, indent(line)) {
            out.push_str(&painted.map_or_else(|| part.clone(), |style| look.paint(style, &part)));
            out.push('\n');
        }
    }
    out
}

/// What follows a line that is too long stands below its words.
fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len() + 2
}
