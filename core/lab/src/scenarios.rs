//! The table of what a lab process can run.

use crate::runner::Scenario;
use crate::{bench, conflict, episode, hazard, steps, stress, witness};

/// Every scenario by name.
pub const ALL: &[(&str, Scenario)] = &[
    ("stress", stress::run),
    ("late-trap", hazard::late_trap),
    ("hazard", hazard::run),
    ("half-page", stress::half_page),
    ("steps", steps::run),
    ("conflict", conflict::scenario),
    ("episode", episode::scenario),
    ("witness", witness::scenario),
    ("bench", bench::scenario),
];

/// Serves one request from this table; see [`crate::runner::serve`].
#[must_use]
pub fn serve() -> u8 {
    crate::runner::serve(ALL)
}
