//! Every ordered pair of mechanisms on the same bytes, run.
//!
//! One function is laid out anew for each pair; both claimants want the five bytes at its entry (or say where they go
//! instead). The pair is run twice: by the kernel's rules of an era, where nobody asks anybody, and with the
//! ledger. What came of it is found by calling the function and counting what ran. It is a model of the kernel's
//! rules, not the kernel; where a real kernel was put to the same test, what it did stands beside it.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::runner::{Outcome as Ended, Reporter, Request, Runner, ScenarioError, StartError};
use provenance_engine::engine::{Engine, Options};
use provenance_engine::isa::disassemble;
use provenance_engine::ledger::Policy;

mod beside;
pub mod claimant;
mod era;
mod subject;
mod witness;

pub use claimant::Claimant;
use claimant::Denied;
pub use era::Era;
use subject::Subject;
pub use witness::Witness;

/// By whose rules a pair is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rules {
    /// The kernel's, where each mechanism checks what it checks.
    Kernel,
    /// With the ledger.
    Ledger,
}

/// What was found, in one word and its particulars.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
#[non_exhaustive]
pub enum Finding {
    /// Both work at the same time.
    Composes {
        /// On different bytes, or sharing the same.
        how: String,
    },
    /// The second was told no, and nothing was written.
    Refused {
        /// Who said no.
        by: String,
        /// The error as its caller gets it.
        error: String,
    },
    /// The second was dropped and nobody was told.
    Silent {
        /// The error that was swallowed.
        error: String,
        /// What stays broken after the first has left, if it does.
        after: String,
    },
    /// A mechanism is out of order.
    Broken {
        /// The mechanism.
        what: String,
        /// For how long.
        until: String,
        /// What its caller was told.
        told: String,
    },
    /// The second wrote over the first, which no longer runs.
    Lost {
        /// Whose effect is gone.
        what: String,
    },
    /// The bytes of both are as they should be, but control never reaches one of them.
    Shadowed {
        /// Whose effect does not run.
        what: String,
    },
    /// The kernel would have stopped.
    Bug {
        /// Where and why.
        why: String,
    },
}

impl Finding {
    /// One word for a matrix.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Composes { .. } => "composes",
            Self::Refused { .. } => "refused",
            Self::Silent { .. } => "silent",
            Self::Broken { .. } => "broken",
            Self::Lost { .. } => "lost",
            Self::Shadowed { .. } => "shadowed",
            Self::Bug { .. } => "BUG",
        }
    }

    /// The word in at most seven letters; harm is in capitals.
    #[must_use]
    pub fn short(&self) -> &'static str {
        match self {
            Self::Composes { .. } => "ok",
            Self::Refused { .. } => "refused",
            Self::Silent { .. } => "SILENT",
            Self::Broken { .. } => "BROKEN",
            Self::Lost { .. } => "LOST",
            Self::Shadowed { .. } => "SHADOW",
            Self::Bug { .. } => "BUG",
        }
    }

    /// Whether a reviewer must be shown it: the text or a mechanism is not as its owner believes.
    #[must_use]
    pub fn is_harmful(&self) -> bool {
        !matches!(self, Self::Composes { .. } | Self::Refused { .. })
    }

    /// In a sentence.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Composes { how } => format!("composes: {how}"),
            Self::Refused { by, error } => format!("refused by {by}: {error}"),
            Self::Silent { error, after } if after.is_empty() => format!("dropped, nobody is told: {error}"),
            Self::Silent { error, after } => format!("dropped, nobody is told: {error}; {after}"),
            Self::Broken { what, until, told } => {
                format!("{what} is broken until {until}; its caller was told: {told}")
            }
            Self::Lost { what } => format!("{what} is overwritten and no longer runs"),
            Self::Shadowed { what } => format!("{what} holds its bytes, but control never reaches them"),
            Self::Bug { why } => format!("the kernel stops: {why}"),
        }
    }
}

/// One thing that was done, and the text after it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Step {
    /// What was done, in words.
    pub action: String,
    /// What its caller was told.
    pub told: String,
    /// The entry's bytes after it.
    pub bytes: String,
    /// The site's bytes after it, disassembled.
    pub text: Vec<provenance_engine::isa::Line>,
    /// Calls made, and how many ran each effect: first, second, the function itself.
    pub ran: Ran,
}

/// Counts of one round of calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ran {
    /// Calls that were made.
    pub calls: u64,
    /// Of them, those in which the first claimant's effect ran.
    pub first: u64,
    /// The second's.
    pub second: u64,
    /// The function's own body, or the dispatcher's fallback.
    pub body: u64,
}

/// The result of one pair under one set of rules.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Conflict {
    /// First claimant's slug and era.
    pub first: String,
    /// Second's.
    pub second: String,
    /// Whose rules.
    pub rules: Rules,
    /// Where the deciding rule stands: file, function, version.
    pub rule: String,
    /// What was done.
    pub steps: Vec<Step>,
    /// What came of it.
    pub finding: Finding,
    /// What a kernel has and this has not.
    pub not_modelled: String,
    /// What a real kernel did with the same pair.
    pub witness: Option<Witness>,
}

const NOT_MODELLED: &str = "NMI; interrupts off in the handler; module text; preemption of the kernel's own patcher";

/// Calls of the function after each step.
const CALLS: u64 = 100;

impl Conflict {
    /// Columns before the words of [`Conflict::render`].
    pub const INDENT: usize = 16;

    /// As text, one idea a line: rule, text before and after the second came, every step, outcome, what is not modelled.
    #[must_use]
    pub fn render(&self) -> String {
        let by = match self.rules {
            Rules::Kernel => "the kernel's rules",
            Rules::Ledger => "the ledger",
        };
        let Self { first, second, finding, .. } = self;
        let mut out = format!("{first}, then {second}: {}; by {by} (a model)\n", finding.word());
        let mut line = |name: &str, what: &str| {
            let line = format!("  {name:<14}{what}");
            out.push_str(line.trim_end());
            out.push('\n');
        };
        line("rule", &self.rule);
        for (name, at) in [("before", 1), ("after", 2)] {
            if let Some(step) = self.steps.get(at) {
                step.lines().enumerate().for_each(|(i, text)| line(if i == 0 { name } else { "" }, &text));
            }
        }
        for (i, step) in self.steps.iter().enumerate() {
            line(&format!("ran {}", i + 1), &format!("{}: {}", step.action, step.told));
            if i > 0 && self.steps[i - 1].bytes == step.bytes {
                line("", "text unchanged");
            } else {
                step.lines().for_each(|text| line("", &text));
            }
            let Ran { calls, first: a, second: b, body } = step.ran;
            line("", &format!("{calls} calls ran the first {a} times, the second {b}, the function itself {body}"));
        }
        line("outcome", &finding.describe());
        line("not modelled", &self.not_modelled);
        match &self.witness {
            Some(w) => {
                line("witness", &format!("{}: {}", w.kernel, w.outcome));
                line("", &format!("step by step: `provenance conflicts --witness {}`", w.scenario));
            }
            None if self.rules == Rules::Kernel => line("witness", "not run on a kernel"),
            None => {}
        }
        out
    }
}

impl Step {
    /// Address, bytes and disassembly of each instruction.
    fn lines(&self) -> impl Iterator<Item = String> {
        self.text.iter().map(|l| format!("{:#x}  {:<16}  {}", l.addr, l.bytes, l.text))
    }
}

/// The matrix of what was run, and what did not end well.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Matrix {
    /// Version of this form: 1.
    pub format: u32,
    /// Every pair under both rules.
    pub results: Vec<Conflict>,
    /// Pairs whose process crashed or hung.
    pub ended: Vec<String>,
}

/// Runs one pair in a lab process.
///
/// # Errors
/// [`StartError`] if it cannot be started. A crash or a hang is in the outcome.
pub fn run(runner: &Runner, first: Era, second: Era, rules: Rules) -> Result<Result<Conflict, Ended>, StartError> {
    let params = json!({ "first": first, "second": second, "rules": rules });
    let ended = runner.run(&Request::new("conflict", params), |_| {})?;
    Ok(match &ended {
        Ended::Done { result } => match serde_json::from_value(result.clone()) {
            Ok(conflict) => Ok(conflict),
            Err(e) => Err(Ended::BadOutput { line: e.to_string() }),
        },
        _ => Err(ended),
    })
}

/// Runs the product of `eras` under both rules; `on` sees each result as it comes.
///
/// # Errors
/// [`StartError`] if a process cannot be started.
pub fn matrix(runner: &Runner, eras: &[Era], on: impl FnMut(&Conflict)) -> Result<Matrix, StartError> {
    let product: Vec<(Era, Era)> = eras.iter().flat_map(|&a| eras.iter().map(move |&b| (a, b))).collect();
    pairs(runner, &product, on)
}

/// Runs some pairs, first and second, under both rules.
///
/// # Errors
/// As [`matrix`].
pub fn pairs(runner: &Runner, pairs: &[(Era, Era)], mut on: impl FnMut(&Conflict)) -> Result<Matrix, StartError> {
    let mut matrix = Matrix { format: 1, results: Vec::new(), ended: Vec::new() };
    for rules in [Rules::Kernel, Rules::Ledger] {
        for &(first, second) in pairs {
            match run(runner, first, second, rules)? {
                Ok(conflict) => {
                    on(&conflict);
                    matrix.results.push(conflict);
                }
                Err(ended) => matrix.ended.push(format!("{}, then {}: {ended}", first.label(), second.label())),
            }
        }
    }
    Ok(matrix)
}

#[derive(Deserialize)]
struct Params {
    first: Era,
    second: Era,
    rules: Rules,
}

pub(crate) fn scenario(params: &Value, _: &mut Reporter) -> Result<Value, ScenarioError> {
    let Params { first, second, rules } = serde_json::from_value(params.clone())?;
    Ok(serde_json::to_value(pair(first, second, rules)?)?)
}

struct Run {
    subject: Subject,
    claimants: [Box<dyn Claimant>; 2],
    steps: Vec<Step>,
}

impl Run {
    /// Calls the function and notes the text.
    fn note(&mut self, action: String, result: &Result<String, Denied>) -> Result<Ran, ScenarioError> {
        let counts = |claimants: &[Box<dyn Claimant>; 2], subject: &Subject| {
            [claimants[0].hits(), claimants[1].hits(), subject.body()]
        };
        let before = counts(&self.claimants, &self.subject);
        (0..CALLS).for_each(|_| self.subject.call());
        let after = counts(&self.claimants, &self.subject);
        let [first, second, body] = std::array::from_fn(|i| after[i] - before[i]);
        let ran = Ran { calls: CALLS, first, second, body };
        let bytes = self.subject.engine.text().read(self.subject.entry, 10)?;
        self.steps.push(Step {
            action,
            told: match result {
                Ok(told) => told.clone(),
                Err(denied) => denied.to_string(),
            },
            bytes: provenance_engine::isa::hex(&bytes),
            text: disassemble(&bytes, self.subject.entry),
            ran,
        });
        Ok(ran)
    }

    fn act(&mut self, who: usize, what: &str) -> Result<(Result<String, Denied>, Ran), ScenarioError> {
        let label = self.claimants[who].label();
        let result = match what {
            "install" => self.claimants[who].install(),
            "update" => self.claimants[who].update(),
            _ => self.claimants[who].remove(),
        };
        let ran = self.note(format!("{what} {label}"), &result)?;
        Ok((result, ran))
    }
}

/// Installs the first, then the second, then updates the first, then takes the first away, then the second.
fn pair(first: Era, second: Era, rules: Rules) -> Result<Conflict, ScenarioError> {
    let policy = if rules == Rules::Kernel { Policy::Observe } else { Policy::Enforce };
    let engine = Engine::new(Options { policy, ..Options::default() })?;
    let subject = Subject::build(&engine, [first, second])?;
    let claimants = [first.claimant(&subject, 0)?, second.claimant(&subject, 1)?];
    let mut run = Run { subject, claimants, steps: Vec::new() };
    run.note("nothing yet".into(), &Ok("the function as it was compiled".into()))?;
    let (installed, alone) = run.act(0, "install")?;
    let (result, both) = run.act(1, "install")?;
    let finding = if let Err(denied) = &installed {
        Finding::Bug { why: denied.to_string() }
    } else {
        judge(&mut run, &result, alone, both, [first, second])?
    };
    let rule = run.claimants[1].rule().to_owned();
    let witness = witness::find(first, second);
    Ok(Conflict {
        first: first.label(),
        second: second.label(),
        rules,
        rule: if rules == Rules::Ledger { format!("ledger: claim(); {rule}") } else { rule },
        steps: run.steps,
        finding,
        not_modelled: NOT_MODELLED.to_owned(),
        witness: if rules == Rules::Kernel { witness } else { None },
    })
}

/// What came of it, from what ran and from what comes after.
fn judge(
    run: &mut Run,
    result: &Result<String, Denied>,
    alone: Ran,
    both: Ran,
    eras: [Era; 2],
) -> Result<Finding, ScenarioError> {
    let names = eras.map(Era::label);
    if let Some(broken) = sick(run, result, &names)? {
        return Ok(broken);
    }
    match result {
        Err(Denied::Bug(why)) => return Ok(Finding::Bug { why: why.clone() }),
        Err(Denied::Refused { by, error }) => {
            return Ok(Finding::Refused { by: by.clone(), error: error.clone() });
        }
        Err(Denied::Swallowed(error)) => {
            let (_, gone) = run.act(0, "remove")?;
            let (_, updated) = run.act(1, "update")?;
            let (_, _) = run.act(1, "remove")?;
            let (_, again) = run.act(1, "install")?;
            let after = match (gone.second, updated.second, again.second) {
                (0, 0, 1..) => "it stays off when the first has left, until its last user goes and one comes again",
                (0, 0, 0) => "it stays off for good",
                (0, ..) => "it stays off when the first has left, until its next update",
                _ => "",
            };
            return Ok(Finding::Silent { error: error.clone(), after: after.into() });
        }
        Ok(_) => {}
    }
    let places = [run.claimants[0].place(), run.claimants[1].place()];
    let gone = |who: usize| {
        let what = names[who].clone();
        if places[0] == places[1] { Finding::Lost { what } } else { Finding::Shadowed { what } }
    };
    if both.first < alone.first && run.claimants.iter().all(|c| c.stacks()) && both.second > 0 {
        let (_, left) = run.act(1, "remove")?;
        if left.first == alone.first {
            let how = "stacked: the second runs in the place of the first, until it leaves".into();
            return Ok(Finding::Composes { how });
        }
    }
    if both.first < alone.first {
        return Ok(gone(0));
    }
    if both.second == 0 {
        return Ok(gone(1));
    }
    // Both run; do they still when the first changes, and does each leave cleanly?
    let (updated, after_update) = run.act(0, "update")?;
    if let Some(broken) = sick(run, &updated, &names)? {
        return Ok(broken);
    }
    if let Err(Denied::Bug(why)) = updated {
        return Ok(Finding::Bug { why });
    }
    if after_update.second < both.second {
        return Ok(Finding::Lost { what: names[1].clone() });
    }
    let (removed, left) = run.act(0, "remove")?;
    if let Err(Denied::Bug(why)) = removed {
        return Ok(Finding::Bug { why });
    }
    if left.second < both.second {
        return Ok(Finding::Lost { what: names[1].clone() });
    }
    let _ = run.act(1, "remove")?;
    let how = if places[0] == places[1] {
        format!("both through {}", run.claimants[1].sharing())
    } else {
        format!("on different bytes: {} at +{}, {} at +{}", names[0], places[0], names[1], places[1])
    };
    Ok(Finding::Composes { how })
}

/// Whether one of them is out of order now, and until when: whether it recovers when the other leaves is tried, not assumed.
fn sick(run: &mut Run, result: &Result<String, Denied>, names: &[String; 2]) -> Result<Option<Finding>, ScenarioError> {
    let health = [run.claimants[0].health(), run.claimants[1].health()];
    let Some(sick) = health.iter().position(Option::is_some) else { return Ok(None) };
    let told = result.as_ref().map_or_else(ToString::to_string, Clone::clone);
    let _ = run.act(1 - sick, "remove")?;
    let (again, _) = run.act(sick, "install")?;
    let until = if again.is_err() { "restart: still refused after the other has left" } else { "the other leaves" };
    Ok(Some(Finding::Broken { what: names[sick].clone(), until: until.into(), told }))
}
