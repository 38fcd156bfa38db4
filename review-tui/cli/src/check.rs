//! `provenance check`: findings on a patch, for a reader, a script, b4, a reply, or `git send-email --cc-cmd`.

use std::io::Write;

use clap::{Args, ValueEnum};
use provenance_corpus::message::Message;
use provenance_corpus::patch::Patch;
use provenance_index::reader::Reader;
use provenance_review::check::form::{self, Checked};
use provenance_review::check::gather;
use provenance_review::check::verdict::{self, Verdicts};
use provenance_review::check::{self, Severity, Target, World};
use provenance_review::failure::{Exit, Failure};

use super::Context;

/// `check [MSGID|FILE|DIR|BASE..TIP|-]...`
#[derive(Args)]
pub struct Arguments {
    /// What to check: a message-id or lore link, a file with a mail or an mbox, a directory of patches, a range of
    /// commits in the current repository, or - for stdin. A cover letter stands for its series
    #[arg(value_name = "MSGID|FILE|DIR|BASE..TIP", default_value = "-")]
    what: Vec<String>,
    /// Output format
    #[arg(short, long, value_enum, default_value_t)]
    format: Format,
    /// Also show what is fine and what was dismissed
    #[arg(short, long)]
    verbose: bool,
    /// Do not run the engine
    #[arg(long)]
    no_engine: bool,
    /// Check benchmark figures too: what is missing, and which are repeated
    #[arg(long)]
    claims: bool,
    /// Dismiss the finding with this id, and say why. It stays dismissed as long as the patch does not change, in later
    /// versions of the series too. An empty WHY undoes that
    #[arg(long, num_args = 2, value_names = ["ID", "WHY"])]
    dismiss: Option<Vec<String>>,
}

/// Output formats of `check`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For reading.
    #[default]
    Text,
    /// For scripts.
    Json,
    /// b4's CI protocol: always a JSON array and exit code 0.
    B4,
    /// Plain text to paste below the quoted patch in a reply.
    Reply,
    /// One `Name <address>` per line, for `git send-email --cc-cmd`.
    Addresses,
    /// Plain lines for `b4 am --check`: ERROR: and WARNING:, silence for success.
    Checkpatch,
    /// `file:line: message`, for editors.
    Editor,
    /// SARIF 2.1.0.
    Sarif,
}

/// Runs the subcommand.
pub fn run(context: &Context, arguments: Arguments) -> Result<Exit, Failure> {
    let b4 = arguments.format == Format::B4;
    match answer(context, arguments) {
        // b4 reads an array, whatever happened.
        Err(failure) if b4 => {
            let mut out = context.paged();
            out.write_all(form::b4_failed(&failure.text()).as_bytes())?;
            out.finish()?;
            Ok(Exit::Done)
        }
        other => other,
    }
}

fn answer(context: &Context, arguments: Arguments) -> Result<Exit, Failure> {
    let data = context.place.data();
    if let Some([id, why]) = arguments.dismiss.as_deref() {
        return dismiss(context, &arguments, id, why);
    }
    let catalogue = context.place.catalogue()?;
    // A message that is not indexed is still answered, and so is one where nothing is.
    let reader = context.place.reader()?;
    let mut world = World::new(&catalogue, reader.as_ref(), data);
    world.engine = !arguments.no_engine && matches!(arguments.format, Format::Text | Format::Json | Format::Reply);
    world.claims = arguments.claims;
    world.verdicts = Verdicts::load(data).map_err(|e| Failure::from_error(Exit::Unreadable, &e))?;
    let mut all = gathered(context, &mut world, &arguments)?;
    if arguments.format != Format::B4 && all.is_empty() {
        return Err(Failure::new(Exit::Usage, format!("no diff was found in {}", arguments.what.join(", ")))
            .hint("name a patch; if a file holds several mails, the first one with a diff is checked"));
    }
    let unseen = form::unseen(&all);
    let graves = all.iter().flat_map(|c| &c.findings).any(|f| f.severity >= Severity::Warning && f.dismissed.is_none());
    if !arguments.verbose {
        for checked in &mut all {
            checked.dismissed = checked.findings.iter().filter(|f| f.dismissed.is_some()).count();
            let json = arguments.format == Format::Json;
            checked.findings.retain(|f| f.severity > Severity::Silent && (json || f.dismissed.is_none()));
        }
    }
    let mut out = context.paged();
    out.write_all(print(&all, arguments.format, context, reader.as_ref())?.as_bytes())?;
    out.finish()?;
    // What is pasted, or read by a program, has no room for it.
    if matches!(arguments.format, Format::Reply | Format::Addresses | Format::Editor) {
        unseen.iter().for_each(|line| context.say(line));
    }
    Ok(match arguments.format {
        Format::B4 => Exit::Done,
        _ if !unseen.is_empty() => Exit::Unreadable,
        Format::Addresses => Exit::Done,
        _ if graves => Exit::Findings,
        _ => Exit::Done,
    })
}

fn print(all: &[Checked], format: Format, context: &Context, reader: Option<&Reader>) -> Result<String, Failure> {
    let pretty = |value| -> std::io::Result<String> {
        let mut out = Vec::new();
        provenance_review::json::pretty(&mut out, &value)?;
        Ok(String::from_utf8_lossy(&out).into_owned())
    };
    Ok(match format {
        Format::Text => form::text(all, &context.look, reader),
        Format::Json => pretty(form::json(all, reader))?,
        Format::B4 => pretty(form::b4(all))?,
        Format::Reply => form::replies(all),
        Format::Addresses => form::addresses(all),
        Format::Checkpatch => form::checkpatch(all),
        Format::Editor => form::editor(all),
        Format::Sarif => pretty(form::sarif(all))?,
    })
}

/// Every patch that the user names, checked.
fn gathered<'a>(context: &Context, world: &mut World<'a>, arguments: &Arguments) -> Result<Vec<Checked>, Failure> {
    let mut all = Vec::new();
    for what in &arguments.what {
        let reader: Option<&'a Reader> = world.reader;
        let gathered = gather::gather(context.place.data(), reader, what)?;
        world.base = gathered.base;
        // The parts of a series have their own turns with b4; with its cover letter comes what costs little.
        world.brief = gathered.series && arguments.format == Format::B4;
        all.extend(gathered.mails.iter().filter_map(|(bytes, as_of)| one(world, bytes, *as_of)));
    }
    Ok(all)
}

/// Records a verdict. Where patches are named, it must be on a finding of theirs.
fn dismiss(context: &Context, arguments: &Arguments, id: &str, why: &str) -> Result<Exit, Failure> {
    if !verdict::is_id(id) {
        return Err(Failure::new(Exit::Usage, format!("{id} is not the id of a finding"))
            .hint("`provenance check` shows the id of each finding, such as ownership-0123abcd"));
    }
    let data = context.place.data();
    if arguments.what != ["-"] {
        let catalogue = context.place.catalogue()?;
        let reader = context.place.reader()?;
        let mut world = World::new(&catalogue, reader.as_ref(), data);
        world.claims = true;
        let all = gathered(context, &mut world, arguments)?;
        if !all.iter().flat_map(|checked| &checked.findings).any(|finding| finding.id == id) {
            let what = arguments.what.join(", ");
            return Err(Failure::new(Exit::Usage, format!("there is no finding {id} on {what}"))
                .hint("the id changes with the patch: run `provenance check` again and use the id that it shows"));
        }
    }
    let now = jiff::Timestamp::now().as_second();
    verdict::dismiss(data, id, why, now).map_err(|e| Failure::from_error(Exit::Unreadable, &e))?;
    context.say(&if why.is_empty() { format!("{id} counts again") } else { format!("{id} is dismissed") });
    Ok(Exit::Done)
}

/// Checks one mail; `None` where there is no diff in it.
fn one(world: &World<'_>, bytes: &[u8], as_of: Option<i64>) -> Option<Checked> {
    let message = Message::parse(bytes);
    let text = message.text();
    let patch = Patch::parse(&text)?;
    let as_of = as_of.or(message.date.map(|d| d.seconds)).or(message.received).unwrap_or(i64::MAX);
    let target = Target { message: &message, text: &text, patch, as_of };
    let checked = Checked {
        message_id: message.message_id.to_string(),
        subject: message.subject.to_string(),
        author: message.from.first().map_or_else(String::new, |a| a.who().to_owned()),
        as_of,
        ..Checked::default()
    };
    Some(checked.report(check::run(&target, world)))
}
