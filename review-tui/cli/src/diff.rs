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
    /// Any mail of the series; a patch shows only that patch, a cover letter the whole series
    #[arg(value_name = "MSGID")]
    message: String,
    /// The versions to compare: `-v 2` compares v2 with the version of MSGID, `-v 2 4` compares v2 with v4
    /// [default: MSGID's version with the one before it]
    #[arg(short = 'v', long = "versions", num_args = 1..=2, value_names = ["A", "B"])]
    versions: Vec<String>,
    /// Compare all patches, even if MSGID is a single one
    #[arg(short, long)]
    all: bool,
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
/// As [`diff::compare()`]; and an output that cannot be written.
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
