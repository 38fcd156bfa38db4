//! `provenance __lab`: the process in which scenarios run that may die. See `provenance_core::lab`.

use super::failure::{Exit, Failure};

/// Serves one request on stdin and ends with the code of the scenario.
///
/// # Errors
/// None: what went wrong stands on stderr, for the one who asked.
pub fn run() -> Result<Exit, Failure> {
    std::process::exit(provenance_core::lab::serve().into())
}
