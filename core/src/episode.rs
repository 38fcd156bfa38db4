//! Episodes of history: accidents with running text, each run twice: by the rule of its day, which fails, and by the rule that
//! came of it, which does not.
//!
//! An *incident* happened to somebody; a *hazard* was named before it did. The evidence is in the catalogue, by the
//! ids of its events. Each run is a process of its own, because the old rule may end it.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::engine::Engine;
use crate::isa::{disassemble, hex};
use crate::lab::{Message, Outcome as Ended, Reporter, Request, Runner, ScenarioError, StartError};

mod broken_array;
mod dispatcher_nop;
mod endbr_entry;
mod freed_site;
mod half_page;
mod ipmodify_direct;
mod lost_question;
mod red_zone;
mod skipped_call;
mod two_nops;

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

type Story = fn(Rule, &mut Log<'_>) -> Result<Verdict, ScenarioError>;

/// One episode.
#[derive(Debug, Clone, Copy)]
pub struct Episode {
    /// For the command line.
    pub name: &'static str,
    /// When.
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
    story: Story,
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
    /// What.
    pub action: String,
    /// What came of it.
    pub told: String,
    /// The bytes in question after it, and their disassembly; empty where there are none.
    pub bytes: String,
}

/// One run of an episode.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// By which rule.
    pub rule: Rule,
    /// What was done.
    pub steps: Vec<Step>,
    /// How it ended; the end of the process by a signal is [`Verdict::Broken`].
    pub verdict: Verdict,
}

impl Run {
    /// Whether it failed.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        matches!(self.verdict, Verdict::Broken(_))
    }
}

/// An episode by both rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Version of this form: 1.
    pub format: u32,
    /// The episode's name.
    pub name: String,
    /// By the old rule, then by the new.
    pub runs: [Run; 2],
}

const ALL: &[Episode] = &[
    freed_site::EPISODE,
    two_nops::EPISODE,
    skipped_call::EPISODE,
    dispatcher_nop::EPISODE,
    half_page::EPISODE,
    lost_question::EPISODE,
    endbr_entry::EPISODE,
    ipmodify_direct::EPISODE,
    broken_array::EPISODE,
    red_zone::EPISODE,
];

/// Every episode, oldest first.
#[must_use]
pub fn all() -> &'static [Episode] {
    ALL
}

/// The episode of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Episode> {
    ALL.iter().find(|e| e.name == name)
}

/// Runs an episode by both rules, each in a lab process.
///
/// # Errors
/// [`StartError`] if a process cannot be started.
pub fn run(runner: &Runner, episode: &Episode) -> Result<Told, StartError> {
    let runs = [by(runner, episode, Rule::Old)?, by(runner, episode, Rule::New)?];
    Ok(Told { format: 1, name: episode.name.to_owned(), runs })
}

fn by(runner: &Runner, episode: &Episode, rule: Rule) -> Result<Run, StartError> {
    let mut steps = Vec::new();
    let request = Request::new("episode", json!({ "name": episode.name, "rule": rule }));
    let ended = runner.run(&request, |message| {
        if let Message::Sample(value) = message
            && let Ok(step) = serde_json::from_value(value.clone())
        {
            steps.push(step);
        }
    })?;
    let verdict = match &ended {
        Ended::Done { result } => {
            serde_json::from_value(result.clone()).unwrap_or_else(|e| Verdict::Broken(format!("bad output: {e}")))
        }
        Ended::Crashed { signal, .. } => Verdict::Broken(format!("the process was ended by {}", signal_name(*signal))),
        Ended::Failed { stderr, .. } => Verdict::Broken(stderr.trim().to_owned()),
        Ended::Hung { after } => Verdict::Broken(format!("nothing moved for {after:?}")),
        other => Verdict::Broken(format!("{other:?}")),
    };
    Ok(Run { rule, steps, verdict })
}

fn signal_name(signal: i32) -> String {
    match signal {
        libc::SIGSEGV => "SIGSEGV, a bad access".into(),
        libc::SIGILL => "SIGILL, no instruction".into(),
        libc::SIGTRAP => "SIGTRAP, a breakpoint that nobody knew".into(),
        libc::SIGBUS => "SIGBUS".into(),
        other => format!("signal {other}"),
    }
}

impl Told {
    /// As text, one idea a line.
    #[must_use]
    pub fn render(&self) -> String {
        let Some(episode) = find(&self.name) else { return format!("{}: unknown episode\n", self.name) };
        let mut out = format!("{} ({}, {}): {}\n", episode.name, episode.year, episode.kind.word(), episode.title);
        for run in &self.runs {
            let (word, rule) = match run.rule {
                Rule::Old => ("old rule", episode.old),
                Rule::New => ("new rule", episode.new),
            };
            out.push_str(&format!("  {word:<12}  {rule}\n"));
            for (i, step) in run.steps.iter().enumerate() {
                out.push_str(&format!("  ran {:<8}  {}: {}\n", i + 1, step.action, step.told));
                if !step.bytes.is_empty() {
                    out.push_str(&format!("                {}\n", step.bytes));
                }
            }
            match &run.verdict {
                Verdict::Holds(why) => out.push_str(&format!("  outcome       holds: {why}\n")),
                Verdict::Broken(why) => out.push_str(&format!("  outcome       BROKEN: {why}\n")),
            }
        }
        out.push_str(&format!("  not modelled  {}\n", episode.not_modelled));
        out.push_str(&format!("  evidence      {}\n", episode.events.join(", ")));
        out
    }
}

/// Where a story writes its steps; they reach the parent at once, so that a crash leaves them.
pub(crate) struct Log<'a>(&'a mut Reporter);

impl Log<'_> {
    fn step(&mut self, action: impl Into<String>, told: impl Into<String>) {
        self.0.sample(Step { action: action.into(), told: told.into(), bytes: String::new() });
    }

    /// With `len` bytes of text at `addr`.
    fn text(&mut self, action: impl Into<String>, told: impl Into<String>, engine: &Engine, addr: u64, len: usize) {
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
fn told<T, E: std::fmt::Display>(result: &Result<T, E>) -> String {
    result.as_ref().map_or_else(ToString::to_string, |_| "success".to_owned())
}

#[derive(Deserialize)]
struct Params {
    name: String,
    rule: Rule,
}

pub(crate) fn scenario(params: &Value, reporter: &mut Reporter) -> Result<Value, ScenarioError> {
    let Params { name, rule } = serde_json::from_value(params.clone())?;
    let episode = find(&name).ok_or_else(|| format!("no episode is called {name:?}"))?;
    Ok(serde_json::to_value((episode.story)(rule, &mut Log(reporter))?)?)
}

/// Calls generated text that takes one integer.
fn call(addr: u64, arg: u64) -> u64 {
    // SAFETY: stories call what they laid out: functions of at most one integer that return in RAX.
    let f: extern "C" fn(u64) -> u64 = unsafe { std::mem::transmute(addr as usize) };
    f(arg)
}
