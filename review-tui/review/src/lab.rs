//! The lab's process is this very program, started anew with a hidden subcommand: what is meant to break breaks there.

use std::process::ExitCode;

use provenance_lab::runner::Runner;

/// The hidden subcommand, which only this program calls.
const NAME: &str = "__lab";

/// Whether this process is such a child.
pub fn asked() -> bool {
    std::env::args_os().nth(1).is_some_and(|first| first == NAME)
}

/// The child's side. It needs no data directory and no home.
pub fn serve() -> ExitCode {
    ExitCode::from(provenance_lab::scenarios::serve())
}

/// Starts this program as its own child.
pub fn runner() -> Runner {
    // Not the path that it was started by: that may name another build by now.
    Runner::new("/proc/self/exe", [NAME])
}
