//! Episodes of history: accidents with running text, each run twice: by the rule of its day, which fails, and by the rule that
//! came of it, which does not.
//!
//! An *incident* happened to somebody; a *hazard* was named before it did. The evidence is in the catalogue, by the
//! ids of its events. Each run is a process of its own, because the old rule may end it.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::runner::{Message, Outcome as Ended, Reporter, Request, Runner, ScenarioError, StartError};

mod broken_array;
mod dispatcher_nop;
mod endbr_entry;
mod freed_site;
mod half_page;
mod ipmodify_direct;
mod lost_question;
mod red_zone;
mod skipped_call;
mod story;
mod two_nops;

use story::Log;
pub use story::{Episode, Kind, Rule, Step, Verdict};

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
        libc::SIGTRAP => "SIGTRAP, an unknown breakpoint".into(),
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

#[derive(Deserialize)]
struct Params {
    name: String,
    rule: Rule,
}

pub(crate) fn scenario(params: &Value, reporter: &mut Reporter) -> Result<Value, ScenarioError> {
    let Params { name, rule } = serde_json::from_value(params.clone())?;
    let episode = find(&name).ok_or_else(|| format!("no episode is called {name:?}"))?;
    Ok(serde_json::to_value((episode.story)(rule, &mut Log::new(reporter))?)?)
}
