//! How far a run of experiments is, on a terminal.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Context;

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

    /// Counts one more run as done.
    pub fn step(&self) {
        self.0.inc(1);
    }

    /// Says what is under way.
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
