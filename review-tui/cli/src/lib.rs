//! The command line: one file per subcommand, and the one match that is the program's table of contents.
//!
//! It knows of the review desk no more than its options: whoever starts the program hands the desk in.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod bench;
pub mod check;
pub mod conflicts;
pub mod deliver;
pub mod diff;
pub mod dig;
pub mod fetch;
pub mod hits;
pub mod import;
pub mod index;
pub mod lineage;
pub mod manual;
pub mod progress;
pub mod query;
pub mod review;
pub mod scan;
pub mod score;
pub mod series;
pub mod show;
pub mod status;
pub mod terminal;
pub mod thread;
pub mod trees;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand};
use provenance_review::failure::{Exit, Failure};
use provenance_review::look::Look;
use provenance_review::session::place::Place;
use provenance_review::{lab, text};

use self::terminal::{Colour, Output};

/// Search kernel mailing lists, read threads, and see the history of each mechanism that patches kernel text.
///
/// Nothing but `fetch` touches the network. No signature is verified: `From` is a claim.
#[derive(Parser)]
#[command(name = "provenance", version, max_term_width = 100, after_help = AFTER_HELP)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "\
Start: provenance query mech:bpf-dispatcher      answers from the built-in catalogue
       provenance index PATH                     a clone from lore, a mbox, a maildir
       provenance query 's:\"static call\" f:peterz d:2020..'

Exit codes: 0 done; 1 findings, or nothing found under --exit-code; 2 usage, a query that does not parse;
3 part or all of a source could not be read; 11 index of another schema; 19 index locked; 130 interrupted.";

/// Options of every subcommand.
#[derive(Args, Clone, Debug)]
pub struct Global {
    /// Where index, imported mail and state lie [default: $XDG_DATA_HOME/provenance]
    #[arg(long, global = true, env = "PROVENANCE_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Run as if started in DIR
    #[arg(short = 'C', global = true, value_name = "DIR")]
    directory: Option<PathBuf>,
    /// Say nothing on stderr but errors
    #[arg(short, long, global = true)]
    quiet: bool,
    /// Say on stderr what is done and how long it took
    #[arg(short, long)]
    debug: bool,
    /// Colour the output
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    color: Colour,
    /// Lay out for so many columns [default: the terminal's; on a pipe nothing is cut]
    #[arg(long, global = true, value_name = "COLUMNS")]
    width: Option<usize>,
    /// Never start a pager
    #[arg(long, global = true)]
    no_pager: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Attach or import archives, and bring the index up to date
    Index(index::Arguments),
    /// Fetch a thread or a list from lore, or another public-inbox server, and index it
    Fetch(fetch::Arguments),
    /// Search, in the language of public-inbox
    Query(query::Arguments),
    /// Show one mail
    Show(show::Arguments),
    /// Show the thread of a mail
    Thread(thread::Arguments),
    /// Show the versions of a series, and what became of each patch
    Series(series::Arguments),
    /// Show what changed from one version of a series to another, from the mails alone
    Diff(diff::Arguments),
    /// Show from which mails a commit came, or which commits a mail became
    Dig(dig::Arguments),
    /// Check a patch: who owns the bytes that it writes, who should have been asked, what was there before
    Check(check::Arguments),
    /// Show the history of a mechanism, or of all
    Lineage(lineage::Arguments),
    /// Run mechanisms against each other on the same bytes, in every order
    Conflicts(conflicts::Arguments),
    /// Measure what patching and dispatching cost here
    Bench(bench::Arguments),
    /// Read, judge and answer patches in a terminal: search, threads, lineage, the lab
    Review(review::Arguments),
    /// Show who owns each patchable byte of a kernel image
    Scan(scan::Arguments),
    /// Show what is indexed, and what could not be read
    Status(status::Arguments),
    /// Measure the links on what is indexed
    #[command(name = "__score", hide = true)]
    Score(score::Arguments),
    /// Print completions for a shell
    Completions(manual::CompletionsArguments),
    /// Write the manual pages into a directory
    Man(manual::ManArguments),
}

/// What every subcommand gets.
pub struct Context {
    /// Options of every subcommand.
    pub global: Global,
    /// Where things lie.
    pub place: Place,
    /// How output looks.
    pub look: Look,
}

impl Context {
    /// A line on stderr, in the form that lei uses for talk; nothing under `-q`.
    pub fn say(&self, what: &str) {
        if !self.global.quiet {
            // stderr may be closed; there is nobody left to tell.
            let _ = writeln!(std::io::stderr(), "# {what}");
        }
    }

    /// A line on stderr under `-d`.
    pub fn debug(&self, what: &str) {
        if self.global.debug {
            let _ = writeln!(std::io::stderr(), "# {what}");
        }
    }

    /// Output for reading: through a pager on a terminal.
    pub fn paged(&self) -> Output {
        Output::paged(!self.global.no_pager)
    }

    /// Output for mail as its archive holds it: bytes on a pipe, and harmless through a pager on a terminal.
    pub fn bytes(&self) -> Output {
        Output::bytes(!self.global.no_pager)
    }
}

/// The review desk, as the command line sees it.
///
/// # Errors
/// What the desk could not do: no terminal, keys that make no sense.
pub type Desk = fn(&Context, review::Arguments) -> Result<Exit, Failure>;

/// Parses the command line, runs it, and says how it went.
pub fn main(desk: Desk) -> ExitCode {
    // Before anything else: an experiment depends on nothing of the user's, and completions need not offer it.
    if lab::asked() {
        return lab::serve();
    }
    // `git provenance` calls us as `git-provenance`; nothing else depends on the name.
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Printing to a closed pipe fails, and then there is nothing to say.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { Exit::Usage.code() } else { Exit::Done.code() });
        }
    };
    let exit = match prepare(cli.global).and_then(|context| run(&context, cli.command, desk)) {
        Ok(exit) => exit,
        Err(failure) => {
            if failure.exit != Exit::Done {
                let _ = write!(std::io::stderr(), "{}", text::block(&failure.text()));
            }
            failure.exit
        }
    };
    ExitCode::from(exit.code())
}

fn prepare(global: Global) -> Result<Context, Failure> {
    if let Some(directory) = &global.directory {
        std::env::set_current_dir(directory).map_err(|e| {
            let mut failure = Failure::new(Exit::Usage, format!("cannot change to {}", directory.display()));
            failure.causes.push(e.to_string());
            failure
        })?;
    }
    let place = Place::find(global.data_dir.clone())?;
    let look = terminal::look(global.color, global.width);
    Ok(Context { global, place, look })
}

fn run(context: &Context, command: Command, desk: Desk) -> Result<Exit, Failure> {
    match command {
        Command::Index(arguments) => index::run(context, arguments),
        Command::Fetch(arguments) => fetch::run(context, &arguments),
        Command::Query(arguments) => query::run(context, arguments),
        Command::Show(arguments) => show::run(context, arguments),
        Command::Thread(arguments) => thread::run(context, arguments),
        Command::Series(arguments) => series::run(context, arguments),
        Command::Diff(arguments) => diff::run(context, arguments),
        Command::Dig(arguments) => dig::run(context, arguments),
        Command::Check(arguments) => check::run(context, arguments),
        Command::Lineage(arguments) => lineage::run(context, &arguments),
        Command::Conflicts(arguments) => conflicts::run(context, &arguments),
        Command::Bench(arguments) => bench::run(context, arguments),
        Command::Review(arguments) => desk(context, arguments),
        Command::Scan(arguments) => scan::run(context, &arguments),
        Command::Status(arguments) => status::run(context, arguments),
        Command::Score(arguments) => score::run(context, arguments),
        Command::Completions(arguments) => manual::completions(Cli::command(), arguments),
        Command::Man(arguments) => manual::man(Cli::command(), arguments),
    }
}
