//! `provenance diff`: one version of a series against another, from the text of the mails alone.

use std::io::Write;

use clap::{Args, ValueEnum};
use provenance_review::diff::{self, form};
use provenance_review::failure::{Exit, Failure};
use provenance_review::session::letters::Letters;
use provenance_review::session::message_id;

use super::Context;

/// `diff MSGID [-v A [B]]`
#[derive(Args)]
pub struct Arguments {
    /// Any mail of the series; a patch shows that patch alone, a cover letter the whole series
    #[arg(value_name = "MSGID")]
    message: String,
    /// The versions to compare: `-v 2` the second with the one that MSGID is part of, `-v 2 4` these two
    /// [default: the one that MSGID is part of with the one before it]
    #[arg(short = 'v', long = "versions", num_args = 1..=2, value_names = ["A", "B"])]
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

/// Runs the subcommand.
///
/// # Errors
/// As [`diff::compare`]; and an output that cannot be written.
pub fn run(context: &Context, arguments: Arguments) -> Result<Exit, Failure> {
    let id = message_id::typed(&arguments.message)?;
    let reader = context.place.required_reader()?;
    let mut letters = Letters::open(context.place.data(), &reader)?;
    let comparison = diff::compare(&mut letters, &id, &arguments.versions, arguments.all)?;
    let mut out = context.paged();
    match arguments.format {
        Format::Text => {
            for row in form::rows(&comparison) {
                writeln!(out, "{}", row.text.paint(&context.look))?;
            }
        }
        Format::Json => {
            provenance_review::json::pretty(&mut out, &form::value(&comparison))?;
        }
    }
    out.finish()?;
    Ok(Exit::Done)
}
