//! `provenance query`: hits as text, JSON, or mail.

use std::io::Write;
use std::mem::ManuallyDrop;
use std::process::Command;

use clap::{Args, ValueEnum};
use provenance_corpus::citation;
use provenance_index::collapse::{Dedup, Sort};
use provenance_index::hash;
use provenance_index::query::{dates, join_args, join_words};
use provenance_index::reader::Reader;
use provenance_index::search::{self, Answer, Question, SearchError};
use provenance_review::failure::{Exit, Failure};
use provenance_review::look::Style;
use provenance_review::session::place::reader_failure;
use provenance_review::{horizon, json, text};

use super::deliver::{Folder, FolderKind};
use super::terminal::Output;
use super::{Context, deliver, hits, threads};

/// `query TERMS...`
#[derive(Args)]
pub struct Arguments {
    /// The query, with the prefixes of public-inbox (s: f: d: dfn: dfb: ...) and mech: id: rev: is: trailer: as-of:;
    /// provenance-search-terms(7) lists them
    #[arg(required = true, value_name = "TERMS")]
    terms: Vec<String>,
    /// Output format
    #[arg(short, long, value_enum, default_value_t)]
    format: Format,
    /// Write the mails to maildir:DIR, mboxrd:FILE or FILE.mbox; later runs add only new mails
    #[arg(short, long, value_name = "FOLDER")]
    output: Option<String>,
    /// Open the --output folder in a mail reader (mutt, mail, or a command with %f)
    #[arg(long, value_name = "CMD", requires = "output")]
    mua: Option<String>,
    /// Show at most N hits, 0 for all [default: 50; all when whole mails are written]
    #[arg(short = 'n', long, value_name = "N")]
    limit: Option<usize>,
    /// Skip the first N hits
    #[arg(long, default_value_t = 0, value_name = "N")]
    offset: usize,
    /// Sort order
    #[arg(short, long, value_enum, default_value_t)]
    sort: SortBy,
    /// Reverse the order: oldest first, or least relevant first
    #[arg(short, long)]
    reverse: bool,
    /// Include the whole threads of the hits
    #[arg(short, long)]
    threads: bool,
    /// What makes two mails copies of the same one
    #[arg(short, long, value_enum, default_value_t, value_name = "BY")]
    dedupe: DedupeBy,
    /// Print only the number of hits
    #[arg(long)]
    count: bool,
    /// Show how the query is parsed, and do not run it
    #[arg(long)]
    explain: bool,
    /// Use only what could be known on DATE: mails that had arrived, events that were on record
    #[arg(long, value_name = "DATE")]
    as_of: Option<String>,
    /// Leave out catalogue events, for the same hits as public-inbox
    #[arg(long)]
    mail_only: bool,
    /// Exit with code 1 if nothing is found
    #[arg(long)]
    exit_code: bool,
}

/// Output formats of `query`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Aligned lines, for reading
    #[default]
    Text,
    /// One JSON object
    Json,
    /// One JSON object per line
    Jsonl,
    /// One line for each thread with a hit: last activity, hits and mails, people
    Threads,
    /// The mails themselves, for b4 and git am
    Mboxrd,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum SortBy {
    #[default]
    Date,
    Relevance,
    Received,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum DedupeBy {
    Mid,
    #[default]
    Content,
    None,
}

/// Hits of a text or JSON answer, unless asked otherwise: what one reads at a sitting.
const LIMIT: usize = 50;

/// Runs the subcommand.
pub fn run(context: &Context, arguments: Arguments) -> Result<Exit, Failure> {
    let mut query = join_args(&arguments.terms);
    let folder = arguments.output.as_deref().map(Folder::parse).transpose()?;
    let now = jiff::Timestamp::now().as_second();
    let as_of = match &arguments.as_of {
        Some(text) => Some(dates::as_of(text, now).map_err(|e| Failure::from_error(Exit::Usage, &e))?),
        None => None,
    };
    // The process ends with the answer: to take these apart first would be a tenth of its time.
    let reader = ManuallyDrop::new(context.place.reader()?);
    let catalogue = ManuallyDrop::new(context.place.catalogue()?);
    if let Some(id) = named(&query, reader.as_ref()) {
        query = format!("mid:\"{}\"", id.replace('"', "\"\""));
    }
    if arguments.explain {
        let text = search::explained(&query, reader.as_ref(), &catalogue, now).map_err(|e| failure(&e, &query))?;
        let mut out = context.paged();
        out.write_all(text::block(&text).as_bytes())?;
        out.finish()?;
        return Ok(Exit::Done);
    }
    let mails_wanted = folder.is_some() || arguments.format == Format::Mboxrd;
    let threads = arguments.format == Format::Threads && folder.is_none();
    let limit = match arguments.limit {
        Some(0) => None,
        Some(n) => Some(n),
        None if mails_wanted => None,
        None => Some(LIMIT),
    };
    let question = Question {
        query: query.clone(),
        as_of,
        dedup: match arguments.dedupe {
            DedupeBy::Mid => Dedup::MessageId,
            DedupeBy::Content => Dedup::Content,
            DedupeBy::None => Dedup::None,
        },
        sort: match arguments.sort {
            SortBy::Date => Sort::Date,
            SortBy::Relevance => Sort::Relevance,
            SortBy::Received => Sort::Received,
        },
        reverse: arguments.reverse,
        threads: arguments.threads,
        // Threads are counted when all hits are known.
        limit: match (threads, arguments.count) {
            (true, _) => None,
            (false, true) => Some(0),
            (false, false) => limit,
        },
        offset: if threads { 0 } else { arguments.offset },
        now,
        mail_only: arguments.mail_only,
    };
    let answer = search::search(&question, reader.as_ref(), &catalogue).map_err(|e| failure(&e, &query))?;
    if answer.total == 0
        && let Some(words) = join_words(&arguments.terms)
    {
        let question = Question { query: words.clone(), limit: Some(0), offset: 0, ..question };
        let found = search::search(&question, reader.as_ref(), &catalogue).map_or(0, |answer| answer.total);
        let again = if words.contains('(') { format!("'{words}'") } else { words };
        if found > 0 {
            context.say(&format!(
                "an argument with blanks is a phrase, and nothing has it; its words find {found}: provenance query {}",
                text::line(&again)
            ));
        }
    }
    let exit = if arguments.exit_code && answer.total == 0 { Exit::Findings } else { Exit::Done };
    if threads {
        let asked = threads::Asked {
            limit,
            offset: arguments.offset,
            by_activity: arguments.sort != SortBy::Relevance,
            reverse: arguments.reverse,
            count: arguments.count,
        };
        threads::print(context, &answer, reader.as_ref(), &asked)?;
        return Ok(exit);
    }
    let printed = print(context, &arguments, &answer, reader.as_ref(), folder.as_ref())?;
    Ok(if printed == Exit::Done { exit } else { printed })
}

/// The mail that the whole query names: a Message-ID that is indexed (an address looks like one), or a link to an archive.
fn named(query: &str, reader: Option<&Reader>) -> Option<String> {
    let plain = !query.contains(char::is_whitespace) && !query.contains(['"', '(', ')']);
    let id = plain.then(|| citation::message_name(query)).flatten()?;
    let known = |reader: &Reader| {
        reader.has(hash::message_id(&id)) || reader.other_name(&id).is_ok_and(|other| other.is_some())
    };
    (query.contains("://") || id.contains('@') && reader.is_some_and(known)).then_some(id)
}

fn print(
    context: &Context,
    arguments: &Arguments,
    answer: &Answer,
    reader: Option<&Reader>,
    folder: Option<&Folder>,
) -> Result<Exit, Failure> {
    if arguments.count {
        writeln!(std::io::stdout(), "{}", answer.total)?;
        return Ok(Exit::Done);
    }
    if let Some(folder) = folder {
        return to_folder(context, arguments, answer, reader, folder);
    }
    match arguments.format {
        Format::Text => {
            let mut out = context.paged();
            out.write_all(hits::lines(&answer.hits, &context.look).as_bytes())?;
            let footer = horizon::of_answer(answer, reader, arguments.offset);
            // The horizon belongs to the answer: it is printed with it, and as talk where the answer is data for a pipe.
            if context.look.width.is_some() {
                writeln!(out, "{}", context.look.paint(Style::Dim, &format!("# {footer}")))?;
            } else {
                context.say(&footer);
            }
            out.finish()?;
            Ok(Exit::Done)
        }
        Format::Json => {
            let mut out = context.paged();
            json::pretty(&mut out, &json::answer(answer, reader))?;
            out.finish()?;
            Ok(Exit::Done)
        }
        Format::Jsonl => {
            let mut out = Output::plain();
            for hit in &answer.hits {
                json::one_line(&mut out, &json::line(hit))?;
            }
            out.finish()?;
            Ok(Exit::Done)
        }
        // Printed before.
        Format::Threads => Ok(Exit::Done),
        Format::Mboxrd => {
            let mut out = context.bytes();
            let exit = deliver::mboxrd(context, answer, &mut out)?;
            out.finish()?;
            Ok(exit)
        }
    }
}

fn to_folder(
    context: &Context,
    arguments: &Arguments,
    answer: &Answer,
    reader: Option<&Reader>,
    folder: &Folder,
) -> Result<Exit, Failure> {
    let exit = match folder.kind {
        FolderKind::Maildir => deliver::maildir(context, answer, &folder.path)?,
        FolderKind::Mbox => deliver::mboxrd_file(context, answer, &folder.path)?,
    };
    context.say(&horizon::of_answer(answer, reader, arguments.offset));
    if let Some(mua) = &arguments.mua {
        start(mua, folder)?;
    }
    Ok(exit)
}

/// Starts a mail reader as lei does: by name the ones whose options are known, else a command with `%f`.
fn start(mua: &str, Folder { kind, path }: &Folder) -> Result<(), Failure> {
    let mut words = mua.split_whitespace();
    let program = words.next().unwrap_or("mutt");
    let mut command = Command::new(program);
    let rest: Vec<&str> = words.collect();
    if rest.iter().any(|w| w.contains("%f")) {
        command.args(rest.iter().map(|w| w.replace("%f", &path.to_string_lossy())));
    } else {
        command.args(rest).arg("-f").arg(path);
        if *kind == FolderKind::Mbox && program == "mail" {
            command.arg("-R");
        }
    }
    let status = command.status().map_err(|e| {
        let mut failure = Failure::new(Exit::Usage, format!("the mail reader `{mua}` cannot be started"));
        failure.causes.push(e.to_string());
        failure.hint("the mails are in the folder of --output")
    })?;
    if status.success() {
        Ok(())
    } else {
        Err(Failure::new(Exit::Unreadable, format!("the mail reader `{mua}` ended with {status}")))
    }
}

/// A bad query points at the place; a bad index says how to mend it.
pub fn failure(error: &SearchError, query: &str) -> Failure {
    match error {
        SearchError::Query(error) => Failure::new(Exit::Usage, format!("{error}\n{}", error.render(query)))
            .hint("`man provenance-search-terms` lists the prefixes; `provenance man DIR` writes it"),
        SearchError::Reader(error) => reader_failure(error),
        SearchError::Events(_) => Failure::from_error(Exit::Unreadable, error),
    }
}
