//! `provenance lineage`: which mechanism, as of when, drawn how.

use std::io::Write;

use clap::{Args, ValueEnum};
use provenance_corpus::catalogue::Day;
use provenance_index::hash;
use provenance_index::lineage::Lineage;
use provenance_index::query::dates;
use provenance_review::failure::{Exit, Failure};
use provenance_review::lineage::{Style, dot, json, svg, text};

use super::Context;

/// `lineage [MECHANISM]`
#[derive(Args)]
pub struct Arguments {
    /// A mechanism, by name or alias (static-call, "static key", fentry, ...) [default: all]
    #[arg(value_name = "MECHANISM")]
    mechanism: Option<String>,
    /// Output format
    #[arg(short, long, value_enum, default_value_t)]
    format: Format,
    /// Use only what could be known on DATE
    #[arg(long, value_name = "DATE")]
    as_of: Option<String>,
    /// Draw with ASCII characters only
    #[arg(long)]
    ascii: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    #[default]
    Text,
    Json,
    Dot,
    Svg,
}

/// Columns on a pipe.
const WIDTH: usize = 100;

/// Runs the subcommand.
///
/// # Errors
/// A mechanism that the catalogue lacks, a date that makes no sense, an index that cannot be read.
pub fn run(context: &Context, arguments: &Arguments) -> Result<Exit, Failure> {
    let catalogue = context.place.catalogue()?;
    let mechanism = match &arguments.mechanism {
        Some(name) => Some(catalogue.mechanism(name).map_err(|e| {
            Failure::from_error(Exit::Usage, &e).hint("`provenance lineage` without a name shows all mechanisms")
        })?),
        None => None,
    };
    let as_of = match &arguments.as_of {
        Some(typed) => Some(day(typed)?),
        None => None,
    };
    let mut lineage = Lineage::new(&catalogue, mechanism.map(|m| &m.slug), as_of);
    if let Some(reader) = context.place.reader()? {
        lineage.mark_indexed(|mail| reader.has(hash::message_id(mail.as_str())));
    }
    let mut out = context.paged();
    match arguments.format {
        Format::Text => {
            let style = Style { colour: context.look.colour, ascii: arguments.ascii };
            out.write_all(text(&lineage, context.look.width.unwrap_or(WIDTH), style).as_bytes())?;
        }
        Format::Json => {
            provenance_review::json::pretty(&mut out, &json(&lineage))?;
        }
        Format::Dot => out.write_all(dot(&lineage).as_bytes())?,
        Format::Svg => out.write_all(svg(&lineage).as_bytes())?,
    }
    out.finish()?;
    Ok(Exit::Done)
}

fn day(typed: &str) -> Result<Day, Failure> {
    let now = jiff::Timestamp::now().as_second();
    let end = dates::as_of(typed, now).map_err(|e| Failure::from_error(Exit::Usage, &e))?;
    let moment = jiff::Timestamp::from_second(end).map_err(|e| Failure::from_error(Exit::Usage, &e))?;
    Ok(Day(moment.to_zoned(jiff::tz::TimeZone::UTC).date()))
}
