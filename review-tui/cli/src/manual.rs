//! Completions and manual pages, made from the one definition of the command line.

use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;
use provenance_review::failure::{Exit, Failure};

/// `completions SHELL`
#[derive(Args)]
pub struct CompletionsArguments {
    /// Shell to print completions for
    shell: Shell,
}

/// `man DIR`
#[derive(Args)]
pub struct ManArguments {
    /// Directory for provenance.1, provenance-query.1, ...
    dir: PathBuf,
}

/// Prints the completions of all subcommands and options for a shell.
pub fn completions(mut command: clap::Command, arguments: CompletionsArguments) -> Result<Exit, Failure> {
    let mut text = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, "provenance", &mut text);
    std::io::Write::write_all(&mut std::io::stdout(), &text)?;
    Ok(Exit::Done)
}

/// Writes a manual page for the program and one for each subcommand.
pub fn man(command: clap::Command, arguments: ManArguments) -> Result<Exit, Failure> {
    let write = || {
        std::fs::create_dir_all(&arguments.dir)?;
        clap_mangen::generate_to(command, &arguments.dir)
    };
    write().map_err(|e| {
        let mut failure =
            Failure::new(Exit::Unreadable, format!("cannot write manual pages into {}", arguments.dir.display()));
        failure.causes.push(e.to_string());
        failure
    })?;
    Ok(Exit::Done)
}
