//! What an episode is, and where its story writes what it does.

use serde::{Deserialize, Serialize};

use crate::runner::{Reporter, ScenarioError};
use provenance_engine::engine::Engine;
use provenance_engine::isa::{disassemble, hex};

/// Whether it happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// To somebody.
    Incident,
    /// Not that anybody told; it was seen to be possible.
    Hazard,
}

impl Kind {
    /// For a label.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Incident => "incident",
            Self::Hazard => "hazard",
        }
    }
}

/// Which rule an episode is run by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// That of its day.
    Old,
    /// That which came of it.
    New,
}

pub(super) type Story = fn(Rule, &mut Log<'_>) -> Result<Verdict, ScenarioError>;

/// One episode.
#[derive(Debug, Clone, Copy)]
pub struct Episode {
    /// For the command line.
    pub name: &'static str,
    /// The year in which it happened.
    pub year: &'static str,
    /// Whether it happened.
    pub kind: Kind,
    /// What went wrong, in a line.
    pub title: &'static str,
    /// The old rule: where it stood and what it said.
    pub old: &'static str,
    /// The new one.
    pub new: &'static str,
    /// Its evidence: ids of events in the catalogue.
    pub events: &'static [&'static str],
    /// What a kernel had and this has not.
    pub not_modelled: &'static str,
    pub(super) story: Story,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", content = "what")]
pub enum Verdict {
    /// Nothing was lost.
    Holds(String),
    /// Somebody's text, call or memory was.
    Broken(String),
}

/// One thing that was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// What was done, in words.
    pub action: String,
    /// What came of it.
    pub told: String,
    /// The bytes in question after it, and their disassembly; empty where there are none.
    pub bytes: String,
}

/// Where a story writes its steps; they reach the parent at once, so that a crash leaves them.
pub(super) struct Log<'a>(&'a mut Reporter);

impl<'a> Log<'a> {
    pub(super) fn new(reporter: &'a mut Reporter) -> Self {
        Self(reporter)
    }

    pub(super) fn step(&mut self, action: impl Into<String>, told: impl Into<String>) {
        self.0.sample(Step { action: action.into(), told: told.into(), bytes: String::new() });
    }

    /// With `len` bytes of text at `addr`.
    pub(super) fn text(
        &mut self,
        action: impl Into<String>,
        told: impl Into<String>,
        engine: &Engine,
        addr: u64,
        len: usize,
    ) {
        let bytes = match engine.text().read(addr, len) {
            Ok(bytes) => {
                let lines: Vec<_> = disassemble(&bytes, addr).into_iter().map(|l| l.text).collect();
                format!("{}   {}", hex(&bytes), lines.join("; "))
            }
            Err(e) => e.to_string(),
        };
        self.0.sample(Step { action: action.into(), told: told.into(), bytes });
    }
}

/// "success", or the error.
pub(super) fn told<T, E: std::fmt::Display>(result: &Result<T, E>) -> String {
    result.as_ref().map_or_else(ToString::to_string, |_| "success".to_owned())
}

/// Calls generated text that takes one integer.
pub(super) fn call(addr: u64, arg: u64) -> u64 {
    // SAFETY: stories call what they laid out: functions of at most one integer that return in RAX.
    let f: extern "C" fn(u64) -> u64 = unsafe { std::mem::transmute(addr as usize) };
    f(arg)
}
