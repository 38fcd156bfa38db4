//! Runs jobs one after another in lab processes, and tells what becomes of them.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use provenance_lab::bench;
use provenance_lab::conflict::Rules;
use provenance_lab::episode::{self, Episode};
use provenance_lab::runner::{Cancel, Message, Outcome, Request, Runner};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{Job, News, Run};

/// What the desk tells the lab.
#[derive(Clone, Debug)]
pub enum Order {
    /// Run this too.
    Run(Job),
    /// Stop, and forget what waits.
    Stop,
}

/// How a lab process is started.
#[derive(Clone, Debug)]
pub struct Command {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// How long it may be silent.
    pub silence: Duration,
}

/// Figures that are shown while a run goes on.
const MOST_ROWS: usize = 1_000;

/// Serves orders until the desk is gone. `tell` returns whether anybody still listens.
pub fn serve(command: &Command, orders: &Receiver<Order>, tell: &(impl Fn(News) -> bool + Sync)) {
    let mut waiting: VecDeque<Job> = VecDeque::new();
    loop {
        if waiting.is_empty() {
            match orders.recv() {
                Ok(Order::Run(job)) => waiting.push_back(job),
                Ok(Order::Stop) => continue,
                Err(_) => return,
            }
        }
        let Some(job) = waiting.pop_front() else { continue };
        let runner = Runner::new(&command.program, command.arguments.iter()).silence(command.silence);
        let cancel = runner.cancel();
        let gone = std::thread::scope(|scope| {
            let run = scope.spawn(|| execute(&runner, job, tell));
            let gone = attend(&cancel, orders, &mut waiting, tell, || run.is_finished());
            let run = run.join().unwrap_or_else(|_| Run::Ended("failed: the run's thread panicked".into()));
            gone || !tell(News { job, run })
        });
        if gone {
            return;
        }
    }
}

/// Listens for orders while a job runs; returns whether the desk is gone.
fn attend(
    cancel: &Cancel,
    orders: &Receiver<Order>,
    waiting: &mut VecDeque<Job>,
    tell: &impl Fn(News) -> bool,
    finished: impl Fn() -> bool,
) -> bool {
    loop {
        match orders.recv_timeout(Duration::from_millis(20)) {
            Ok(Order::Run(job)) if !waiting.contains(&job) => waiting.push_back(job),
            Ok(Order::Run(_)) => {}
            Ok(Order::Stop) => {
                cancel.cancel();
                for job in waiting.drain(..) {
                    tell(News { job, run: Run::Ended("cancelled before it began".into()) });
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                cancel.cancel();
                return true;
            }
        }
        if finished() {
            return false;
        }
    }
}

fn execute(runner: &Runner, job: Job, tell: &impl Fn(News) -> bool) -> Run {
    let one = |scenario: &str, params: Value| scenario_of(runner, job, &Request::new(scenario, params), tell);
    match job {
        Job::Pair(first, second, rules) => {
            let params = json!({ "first": first, "second": second, "rules": rules });
            one("conflict", params).and_then(|value| read(value, Run::Pair))
        }
        Job::Episode(at) => told(runner, job, &episode::all()[at], tell),
        Job::Steps => one("steps", Value::Null).and_then(|value| read(value, Run::Steps)),
        Job::Bench(at) => one("bench", json!({ "name": bench::ALL[at].0 })).and_then(|value| read(value, Run::Bench)),
        Job::Mistake => one("stress", json!({ "mistake": "naive-store", "offset": 62, "millis": 2000 }))
            .map(|value| Run::Value(serde_json::to_string_pretty(&value).unwrap_or_default())),
    }
    .unwrap_or_else(Run::Ended)
}

/// Runs one scenario; how it ended in words where it has no result.
fn scenario_of(runner: &Runner, job: Job, request: &Request, tell: &impl Fn(News) -> bool) -> Result<Value, String> {
    tell(News { job, run: Run::Running(String::new(), Vec::new()) });
    let (mut said, mut rows) = (String::new(), Vec::new());
    let ended = runner.run(request, |message| {
        match message {
            Message::Progress(text) => said.clone_from(text),
            // Figures are drawn as they come; a sample of another kind is a sign of life.
            Message::Sample(value) if rows.len() < MOST_ROWS => rows.extend(serde_json::from_value(value.clone()).ok()),
            Message::Sample(_) | Message::Outcome(_) => return,
        }
        tell(News { job, run: Run::Running(said.clone(), rows.clone()) });
    });
    match ended {
        Err(error) => Err(format!("failed: {error}")),
        Ok(Outcome::Done { result }) => Ok(result),
        Ok(other) => Err(describe(&other)),
    }
}

/// Runs an episode by both rules.
fn told(runner: &Runner, job: Job, episode: &Episode, tell: &impl Fn(News) -> bool) -> Result<Run, String> {
    tell(News { job, run: Run::Running(episode.title.to_owned(), Vec::new()) });
    let told = episode::run(runner, episode).map_err(|error| format!("failed: {error}"))?;
    if runner.cancel().is_cancelled() { Err(describe(&Outcome::Cancelled)) } else { Ok(Run::Told(Box::new(told))) }
}

fn read<T: DeserializeOwned>(value: Value, run: impl FnOnce(Box<T>) -> Run) -> Result<Run, String> {
    serde_json::from_value(value)
        .map(|result| run(Box::new(result)))
        .map_err(|e| format!("failed: its result cannot be read: {e}"))
}

/// An end without a result, in words.
pub fn describe(outcome: &Outcome) -> String {
    let tail = |stderr: &str| {
        let last = stderr.lines().next_back().unwrap_or_default();
        if last.is_empty() { String::new() } else { format!("; it said: {last}") }
    };
    match outcome {
        Outcome::Done { .. } => "done".into(),
        Outcome::Crashed { signal, stderr } => format!("crashed by {}{}", signal_name(*signal), tail(stderr)),
        Outcome::Failed { code, stderr } => format!("failed with exit code {code}{}", tail(stderr)),
        Outcome::Hung { after } => format!("hung: silent for {} s, and was killed", after.as_secs_f32()),
        Outcome::BadOutput { line } => format!("failed: unexpected output: {line}"),
        Outcome::Cancelled => "cancelled".into(),
    }
}

fn signal_name(signal: i32) -> String {
    let name = match signal {
        4 => "SIGILL",
        5 => "SIGTRAP",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        15 => "SIGTERM",
        other => return format!("signal {other}"),
    };
    name.into()
}

/// By whose rules, for a heading.
pub fn rules(rules: Rules) -> &'static str {
    match rules {
        Rules::Kernel => "by the kernel's rules",
        Rules::Ledger => "with the ledger",
    }
}
