//! `provenance __score`: how good the links are, measured on what is indexed. Hidden: it is for those who work on them.

use std::io::Write;

use clap::{Args, ValueEnum};
use provenance_index::links::score;

use super::failure::{Exit, Failure};
use super::place::reader_failure;
use super::terminal::Output;
use super::{Context, text};

/// `__score WHAT`
#[derive(Args)]
pub struct Arguments {
    /// What is scored
    #[arg(value_enum)]
    what: What,
    /// Name what was missed and what is wrong
    #[arg(short, long)]
    verbose: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum What {
    /// From a commit to its patch
    Dig,
    /// From a version of a series to the others
    Revisions,
}

/// Runs the subcommand.
pub fn run(context: &Context, arguments: Arguments) -> Result<Exit, Failure> {
    let reader = context.place.required_reader()?;
    let (facts, roots) = reader.facts().map_err(|e| reader_failure(&e))?;
    let name = |id: u64| -> Result<String, Failure> {
        let copy = reader.mail(id).map_err(|e| reader_failure(&e))?;
        Ok(copy.map_or_else(
            || format!("{id:016x}"),
            |c| format!("{}  {}", c.stored.message_id, text::line(&c.stored.subject)),
        ))
    };
    let mut out = Output::plain();
    let mut pairs: Vec<(&str, u64, u64, String)> = Vec::new();
    match arguments.what {
        What::Dig => {
            let score = score::dig(facts, &roots);
            out.write_all(score.text().as_bytes())?;
            pairs.extend(score.missed.iter().map(|(a, b)| ("missed", *a, *b, String::new())));
            pairs.extend(score.wrong.iter().map(|(a, b, class)| ("wrong", *a, *b, class.as_str().to_owned())));
        }
        What::Revisions => {
            let score = score::revisions(facts, &roots);
            out.write_all(score.text().as_bytes())?;
            pairs.extend(score.missed.iter().map(|(a, b)| ("missed", *a, *b, String::new())));
            pairs.extend(score.wrong.iter().map(|(a, b)| ("wrong", *a, *b, String::new())));
        }
    }
    if arguments.verbose {
        for (what, a, b, class) in pairs {
            writeln!(out, "{what} {class}\n  {}\n  {}", name(a)?, name(b)?)?;
        }
    }
    out.finish()?;
    Ok(Exit::Done)
}
