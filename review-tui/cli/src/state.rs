//! `provenance state`: a backup of what nothing could make anew, and its restore.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use provenance_index::upkeep::backup;

use super::Context;
use provenance_review::failure::{Exit, Failure};
use provenance_review::text::plural;

/// `state backup|restore FILE`
#[derive(Args)]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Write verdicts, notes, drafts, your own facts, and what is attached into one file
    Backup {
        /// Where to; nothing is written over
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Put them back, into a data directory that has none of them; nothing is written over
    Restore {
        /// A file that `state backup` wrote
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

/// Runs the subcommand.
///
/// # Errors
/// What the file system says; a damaged backup; a file that is there already.
pub fn run(context: &Context, arguments: &Arguments) -> Result<Exit, Failure> {
    match &arguments.what {
        What::Backup { file } => {
            let files = backup::backup(context.place.data(), file).map_err(|e| {
                Failure::from_error(Exit::Unreadable, &e).hint("name a file that is not there yet, where there is room")
            })?;
            context.say(&format!("{} written to {}", plural(files as u64, "file", "files"), file.display()));
            context.say("imported mail is not in it: back up `mail` in the data directory as any git repository");
        }
        What::Restore { file } => {
            let lock = context.place.lock(Duration::from_secs(30), &|_| {})?;
            let files = backup::restore(&lock, file).map_err(|e| {
                Failure::from_error(Exit::Unreadable, &e)
                    .hint("restore into a data directory of its own (--data-dir), or move away what is there first")
            })?;
            context.say(&format!(
                "{} restored; `provenance index` reads the archives",
                plural(files as u64, "file", "files")
            ));
        }
    }
    Ok(Exit::Done)
}
