//! The lab's process is this very program, started anew with a hidden subcommand: what is meant to break breaks there.

use std::io::IsTerminal;
use std::process::ExitCode;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use provenance_lab::runner::Runner;

use super::Context;

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

/// How many runs are done, on a terminal only.
pub struct Bar(ProgressBar);

impl Bar {
    /// `runs` to come; 0 where their number is not known.
    pub fn new(context: &Context, runs: u64) -> Bar {
        let hidden = context.global.quiet || !std::io::stderr().is_terminal();
        let target = if hidden { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target((runs > 0).then_some(runs), target);
        let form = if runs > 0 { "{pos}/{len} {wide_msg}" } else { "{elapsed} {wide_msg}" };
        if let Ok(style) = ProgressStyle::with_template(form) {
            bar.set_style(style);
        }
        Bar(bar)
    }

    /// One more is done.
    pub fn step(&self) {
        self.0.inc(1);
    }

    /// What is under way.
    pub fn show(&self, what: &str) {
        self.0.set_message(what.to_owned());
        self.0.tick();
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
