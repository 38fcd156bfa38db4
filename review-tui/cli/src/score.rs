//! `provenance __score`: how good the links are, measured on what is indexed. Hidden: it is for those who work on them.

pub mod cc;
pub mod citations;
mod happened;
mod maintainers;
mod patches;
pub mod reasons;
pub mod tune;

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use provenance_corpus::message::Message;
use provenance_corpus::patch::Patch;
use provenance_index::links::score;
use provenance_index::reader::Reader;
use provenance_review::check::verdict::{self, Verdicts};
use provenance_review::check::{Case, Rule, Severity, Target, World, deeds, ownership};
use provenance_review::failure::{Exit, Failure};
use provenance_review::session::letters::Letters;
use provenance_review::session::place::reader_failure;
use provenance_review::text;

use super::Context;
use super::terminal::Output;

/// `__score WHAT`
#[derive(Args)]
pub struct Arguments {
    /// What to measure
    #[arg(value_enum)]
    what: What,
    /// Name each miss and each mistake
    #[arg(short, long)]
    verbose: bool,
    /// The tree
    #[arg(long, value_name = "DIR")]
    tree: Option<PathBuf>,
    /// With tune: test the rules that are best here on the index of this data directory
    #[arg(long, value_name = "DATA_DIR")]
    against: Option<PathBuf>,
    /// Take one patch of so many, where each is checked whole
    #[arg(long, default_value_t = 1, value_name = "N")]
    every: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum What {
    /// From a commit to its patch
    Dig,
    /// From a version of a series to the others
    Revisions,
    /// From a cover letter to its parts
    Covers,
    /// Which rules for joining versions are best here, and what they are worth elsewhere
    Tune,
    /// From a patch to the people who joined its thread without being in Cc
    Cc,
    /// From a commit to the mail that it came out of, with the lines hidden that name it
    Reasons,
    /// Ownership warnings over every indexed patch, as of its date, and what each is about
    Alarms,
    /// Whether each mail that a finding cites says what the finding says of it
    Citations,
    /// Whether those whom a finding names turn up within thirty days
    Happened,
    /// Whom the MAINTAINERS of a tree names for each indexed patch, a line each: Message-ID, then addresses
    Maintainers,
}

/// Runs the subcommand.
pub fn run(context: &Context, arguments: Arguments) -> Result<Exit, Failure> {
    let reader = context.place.required_reader()?;
    match arguments.what {
        What::Alarms => return alarms(context, &reader),
        What::Cc => return cc::run(context, &reader, arguments.verbose),
        What::Tune => return tune::run(&reader, arguments.against.as_deref()),
        What::Reasons => return reasons::run(context, &reader, arguments.verbose),
        What::Citations => return citations::run(context, &reader, arguments.every, arguments.verbose),
        What::Happened => return happened::run(context, &reader, arguments.every),
        What::Maintainers => {
            let tree =
                arguments.tree.ok_or_else(|| Failure::new(Exit::Usage, "which tree?".to_owned()).hint("--tree DIR"))?;
            return maintainers::run(context, &reader, arguments.every, &tree);
        }
        What::Dig | What::Revisions | What::Covers => {}
    }
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
            pairs.extend(score.parts.iter().map(|(a, b, kind, right)| (kind.as_str(), *a, *b, right.to_string())));
            pairs.extend(score.wrong.iter().map(|(a, b, class)| ("wrong", *a, *b, class.as_str().to_owned())));
        }
        What::Alarms | What::Cc | What::Tune | What::Reasons | What::Citations | What::Happened | What::Maintainers => {
        }
        What::Covers => {
            let score = score::covers(facts, &roots);
            out.write_all(score.text().as_bytes())?;
            pairs.extend(score.broken.iter().map(|(a, b)| ("broken", *a, *b, String::new())));
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

/// The ownership rule over every diff of the indexed lists.
fn alarms(context: &Context, reader: &Reader) -> Result<Exit, Failure> {
    let catalogue = context.place.catalogue()?;
    let world = World::new(&catalogue, None, context.place.data());
    let verdicts = Verdicts::load(context.place.data()).map_err(|e| Failure::from_error(Exit::Unreadable, &e))?;
    let mut letters = Letters::open(context.place.data(), reader)?;
    let (facts, _) = reader.facts().map_err(|e| reader_failure(&e))?;
    let mut ids: Vec<u64> = facts.iter().filter(|f| f.flags.patch).map(|f| f.id).collect();
    ids.sort_unstable();
    ids.dedup();
    let (mut diffs, mut notes) = (0u64, 0u64);
    let mut alarms = Vec::new();
    for id in ids {
        let Some(copy) = letters.copy(id)? else { continue };
        let bytes = letters.bytes(&copy)?;
        let message = Message::parse(&bytes);
        let text = message.text();
        if !deeds::suspect(&text, &catalogue, copy.stored.date) {
            diffs += 1;
            continue;
        }
        let Some(patch) = Patch::parse(&text) else { continue };
        diffs += 1;
        let target = Target { message: &message, text: &text, patch, as_of: copy.stored.date };
        for finding in ownership::Ownership.check(&Case::new(&target, &world)).findings {
            notes += u64::from(finding.severity == Severity::Note);
            if finding.severity >= Severity::Warning {
                let id = verdict::id(&finding, target.text);
                let judged = verdicts.of(&id).map_or_else(String::new, |why| format!("; dismissed: {why}"));
                alarms.push(format!(
                    "{}  {}, {}:{}, {id}{judged}",
                    copy.stored.message_id, copy.stored.subject, finding.path, finding.line
                ));
            }
        }
    }
    let mut out = Output::plain();
    writeln!(out, "diffs {diffs}\nnotes {notes}\nwarnings {}", alarms.len())?;
    for alarm in alarms {
        writeln!(out, "  {}", text::line(&alarm))?;
    }
    out.finish()?;
    Ok(Exit::Done)
}
