//! `provenance check`: findings on a patch, for a reader, a script, b4, a reply, or `git send-email --cc-cmd`.

pub mod form;

use std::io::{Read, Write};
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use provenance_corpus::archive;
use provenance_corpus::citation;
use provenance_corpus::message::Message;
use provenance_corpus::patch::Patch;

use self::form::Checked;
use super::failure::{Exit, Failure};
use super::letters::{Letters, id_of};
use super::{Context, show};
use crate::check::{self, Finding, Severity, Target, World};

/// `check [MSGID|FILE|-]...`
#[derive(Args)]
pub struct Arguments {
    /// A patch: a message-id or lore link, a file with a mail or a mbox, - for stdin
    #[arg(value_name = "MSGID|FILE", default_value = "-")]
    what: Vec<String>,
    /// Form of the output
    #[arg(short, long, value_enum, default_value_t)]
    format: Format,
    /// Show also what is in order: uses of a mechanism by its interface
    #[arg(short, long)]
    verbose: bool,
    /// Run no experiment of the engine
    #[arg(long)]
    no_engine: bool,
}

/// The forms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For a reader.
    #[default]
    Text,
    /// For a script.
    Json,
    /// b4's CI protocol: a JSON array, always, exit 0.
    B4,
    /// Plain text to paste under the quote.
    Reply,
    /// `Name <address>` lines.
    Addresses,
}

/// Runs the subcommand.
pub fn run(context: &Context, arguments: Arguments) -> Result<Exit, Failure> {
    let catalogue = context.place.catalogue()?;
    // A message that is not indexed is still answered, and so is one where nothing is.
    let reader = context.place.reader()?;
    let engine = !arguments.no_engine && matches!(arguments.format, Format::Text | Format::Json | Format::Reply);
    let world = World { catalogue: &catalogue, reader: reader.as_ref(), data: context.place.data(), engine };
    let mut all = Vec::new();
    for what in &arguments.what {
        for bytes in mails(context, &world, what)? {
            if let Some(checked) = one(&world, &bytes) {
                all.push(checked);
                break;
            }
        }
    }
    if arguments.format != Format::B4 && all.is_empty() {
        return Err(Failure::new(Exit::Usage, format!("no diff was found in {}", arguments.what.join(", ")))
            .hint("name a patch mail; of several mails in a file the first one with a diff is checked"));
    }
    if !arguments.verbose {
        for checked in &mut all {
            checked.findings.retain(|finding: &Finding| finding.severity > Severity::Silent);
        }
    }
    let mut out = context.paged();
    out.write_all(form::print(&all, arguments.format, context, reader.as_ref())?.as_bytes())?;
    out.finish()?;
    let grave = all.iter().flat_map(|checked| &checked.findings).any(|f| f.severity >= Severity::Warning);
    let quiet = matches!(arguments.format, Format::B4 | Format::Addresses);
    Ok(if grave && !quiet { Exit::Findings } else { Exit::Done })
}

/// Mails at what the user names, oldest first as they lie there.
fn mails(context: &Context, world: &World<'_>, what: &str) -> Result<Vec<Vec<u8>>, Failure> {
    if what == "-" {
        let mut bytes = Vec::new();
        std::io::stdin().take(64 << 20).read_to_end(&mut bytes)?;
        return Ok(vec![bytes]);
    }
    let path = PathBuf::from(what);
    if !path.exists()
        && let (Some(id), Some(reader)) = (citation::message_name(what), world.reader)
    {
        let mut letters = Letters::open(context, reader)?;
        let Some(copy) = letters.copy(id_of(reader, &id))? else { return Err(show::not_indexed(&id, reader)) };
        return Ok(vec![letters.bytes(&copy)?]);
    }
    let found = archive::detect(&path).map_err(|e| Failure::from_error(Exit::Usage, &e))?;
    let mut mails = Vec::new();
    for source in &found.sources {
        let each = source.mails().map_err(|e| Failure::from_error(Exit::Unreadable, &e))?;
        for mail in each.take(1_000) {
            let mail = mail.map_err(|e| Failure::from_error(Exit::Unreadable, &e))?;
            let has_diff = Message::parse(&mail.bytes).text().contains("\n@@ ");
            mails.push(mail.bytes.to_vec());
            if has_diff {
                return Ok(mails);
            }
        }
    }
    Ok(mails)
}

/// Checks one mail; `None` where there is no diff in it.
fn one(world: &World<'_>, bytes: &[u8]) -> Option<Checked> {
    let message = Message::parse(bytes);
    let text = message.text();
    let patch = Patch::parse(&text)?;
    let as_of = message.date.map(|d| d.seconds).or(message.received).unwrap_or(i64::MAX);
    let target = Target { message: &message, text: &text, patch, as_of };
    let findings = check::run(&target, world);
    Some(Checked {
        message_id: message.message_id.to_string(),
        subject: message.subject.to_string(),
        author: message.from.first().map_or_else(String::new, |a| a.who().to_owned()),
        as_of,
        findings,
    })
}
