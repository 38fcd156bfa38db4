//! The command line: one file per subcommand, and the one match that is the program's table of contents.
//!
//! It knows of the review desk no more than its options: whoever starts the program hands the desk in.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod am;
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
pub mod state;
pub mod status;
pub mod terminal;
pub mod thread;
pub mod threads;
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

/// Search kernel mailing lists, review patches, and see who owns the kernel text that they rewrite.
///
/// Only `fetch` uses the network. Signatures are not verified: `From` is what the mail claims.
#[derive(Parser)]
#[command(name = "provenance", version, max_term_width = 100, after_help = AFTER_HELP)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "\
First steps:
  provenance query mech:bpf-dispatcher    the built-in catalogue, no mail needed
  provenance fetch MSGID                  one thread, from lore
  provenance index PATH                   a clone from lore, an mbox, a maildir
  provenance query 's:\"static call\" f:peterz d:2020..'

Exit codes:
    0  done
    1  findings; or nothing found, with --exit-code
    2  bad usage, or a query that does not parse
    3  a source could not be read, in part or at all
   11  the index has another schema version
   19  the index is locked
  130  interrupted";

/// The options that every subcommand takes.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// Directory of the index, imported mail and state [default: $XDG_DATA_HOME/provenance]
    #[arg(long, global = true, env = "PROVENANCE_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Run as if started in DIR
    #[arg(short = 'C', global = true, value_name = "DIR")]
    directory: Option<PathBuf>,
    /// Print nothing but errors on stderr
    #[arg(short, long, global = true)]
    quiet: bool,
    /// Print on stderr what is done and how long it takes
    #[arg(short, long)]
    debug: bool,
    /// When to use colours
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    color: Colour,
    /// Format for this many columns [default: the width of the terminal; unlimited on a pipe]
    #[arg(long, global = true, value_name = "COLUMNS")]
    width: Option<usize>,
    /// Never start a pager
    #[arg(long, global = true)]
    no_pager: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Attach or import mail archives, and update the index
    Index(index::Arguments),
    /// Fetch a thread or a list from lore or another public-inbox server
    Fetch(fetch::Arguments),
    /// Search mails and the catalogue, in public-inbox's query language
    Query(query::Arguments),
    /// Show one mail
    Show(show::Arguments),
    /// Show the thread of a mail
    Thread(thread::Arguments),
    /// Show the versions of a series and the fate of each patch
    Series(series::Arguments),
    /// Make a series ready for git am, with the trailers that it was given, and try whether it applies
    Am(am::Arguments),
    /// Show what changed between two versions of a series
    Diff(diff::Arguments),
    /// Find the mails behind a commit, or the commits from a mail
    Dig(dig::Arguments),
    /// Check a patch: whose bytes it writes, who is missing from Cc
    Check(check::Arguments),
    /// Show the history of one mechanism or of all
    Lineage(lineage::Arguments),
    /// Run two mechanisms on the same bytes and show who breaks whom
    Conflicts(conflicts::Arguments),
    /// Measure the cost of patching and dispatching on this machine
    Bench(bench::Arguments),
    /// Review patches in a full-screen terminal interface
    Review(review::Arguments),
    /// Show which mechanism owns each patchable byte of a kernel image
    Scan(scan::Arguments),
    /// Show what is indexed and what could not be read
    Status(status::Arguments),
    /// Back up your verdicts, notes and drafts, or restore them
    State(state::Arguments),
    /// Measure how good the links and rules are on what is indexed
    #[command(name = "__score", hide = true)]
    Score(score::Arguments),
    /// Print shell completions
    Completions(manual::CompletionsArguments),
    /// Write the manual pages to a directory
    Man(manual::ManArguments),
}

/// What every subcommand is given besides its own arguments.
pub struct Context {
    /// The global options, as given.
    pub global: Global,
    /// The data directory and what is in it.
    pub place: Place,
    /// Width, colours and alphabet of the output.
    pub look: Look,
}

impl Context {
    /// Prints a line on stderr in the style of lei, `# ...`; nothing with `-q`.
    pub fn say(&self, what: &str) {
        if !self.global.quiet {
            // stderr may be closed; there is nobody left to tell.
            let _ = writeln!(std::io::stderr(), "# {what}");
        }
    }

    /// Prints a line on stderr with `-d`.
    pub fn debug(&self, what: &str) {
        if self.global.debug {
            let _ = writeln!(std::io::stderr(), "# {what}");
        }
    }

    /// Output that goes through a pager on a terminal.
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
        Command::Am(arguments) => am::run(context, arguments),
        Command::Diff(arguments) => diff::run(context, arguments),
        Command::Dig(arguments) => dig::run(context, arguments),
        Command::Check(arguments) => check::run(context, arguments),
        Command::Lineage(arguments) => lineage::run(context, &arguments),
        Command::Conflicts(arguments) => conflicts::run(context, &arguments),
        Command::Bench(arguments) => bench::run(context, arguments),
        Command::Review(arguments) => desk(context, arguments),
        Command::Scan(arguments) => scan::run(context, &arguments),
        Command::Status(arguments) => status::run(context, arguments),
        Command::State(arguments) => state::run(context, &arguments),
        Command::Score(arguments) => score::run(context, arguments),
        Command::Completions(arguments) => manual::completions(Cli::command(), arguments),
        Command::Man(arguments) => manual::man(Cli::command(), arguments),
    }
}
