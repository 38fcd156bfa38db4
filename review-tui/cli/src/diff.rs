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
    message: Option<String>,
    /// The versions to compare: `-v 2` compares v2 with the version of MSGID, `-v 2 4` or `-v 2..4` v2 with v4,
    /// in this order
    /// [default: MSGID's version with the one before it]
    #[arg(short = 'v', long = "versions", num_args = 1..=3, value_names = ["A", "B"])]
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
    let (message, versions) = asked(arguments.message, arguments.versions)?;
    let id = message_id::typed(&message)?;
    let reader = context.place.required_reader()?;
    let mut letters = Letters::open(context.place.data(), &reader)?;
    let comparison = diff::compare(&mut letters, &id, &versions, arguments.all)?;
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
