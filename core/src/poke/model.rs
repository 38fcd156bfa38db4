//! The breakpoint protocol on an abstract machine, in every interleaving.
//!
//! Two sites, two executors, one patcher that applies two batches. Each site has a first byte and a tail. Each byte
//! becomes visible to each executor at its own time, in the byte's own order; nothing orders different bytes
//! but a sync. A trap is delivered at any time after it was raised; the handler's reads are steps of their own, and
//! data reads see memory as it is. Returning from the handler serialises.
//!
//! Checked: an executor never runs a mix of two versions (*torn*); never runs, in an execution that began after the first
//! sync of a batch returned, what the batch replaced, and never goes back (*stale*); every trap at a site is emulated or
//! retried (*lost*); no plan is read after it was freed (*freed*).
//!
//! Not modelled: instruction decode across a cache line, caches, NMIs, and that a processor may do worse than fetch a mix when
//! code changes under it (Intel SDM 8.1.3 says "unpredictable").

use std::collections::{HashMap, VecDeque};

use crate::plan::Patch;

const SITES: usize = 2;
const EXECUTORS: usize = 2;
const TRAP: u8 = 9;

/// A protocol, whole or with something left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Variant {
    /// As [`super::int3`] and [`super::trap`] have it.
    Correct,
    /// No sync between breakpoints and tails.
    NoSync1,
    /// No sync between tails and first bytes.
    NoSync2,
    /// No sync after the first bytes.
    NoSync3,
    /// The vector that the handler searches is not sorted.
    Unsorted,
    /// A trap whose breakpoint is gone is passed on.
    NoRetry,
    /// The plan is freed when the batch is over, whoever reads it.
    FreedEarly,
    /// The generation is not read again before the decision takes effect.
    NoRecheck,
    /// The tail before the breakpoint.
    TailFirst,
    /// First byte and tail in plain stores.
    Naive,
}

impl Variant {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Correct,
        Self::NoSync1,
        Self::NoSync2,
        Self::NoSync3,
        Self::Unsorted,
        Self::NoRetry,
        Self::FreedEarly,
        Self::NoRecheck,
        Self::TailFirst,
        Self::Naive,
    ];
}

/// What went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Violation {
    /// First byte of one version, tail of another.
    Torn,
    /// An old version after it was replaced, or back in time.
    Stale,
    /// A trap that nobody took: the process dies of SIGTRAP.
    Lost,
    /// A plan read after it was freed.
    Freed,
}

/// What the search found.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Verdict {
    /// The variant.
    pub variant: Variant,
    /// Different states reached.
    pub states: usize,
    /// The first violation, by number of steps, and the steps to it.
    pub violation: Option<(Violation, Vec<String>)>,
    /// Whether an executor can still fetch a breakpoint after a batch is over: what the third sync is for.
    pub traps_after_batch: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Publish(u8),
    Head(u8, u8),
    Tail(u8, u8),
    /// The sync's number within its batch, and the batch.
    Sync(u8, u8),
    Withdraw,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
struct Executor {
    /// Instructions run; the next is at site `visit % 2`.
    visit: u8,
    /// 0 running, 1 trapped, 2 generation read, 3 byte read, 4 plan loaded, 5 decided.
    stage: u8,
    generation: u8,
    /// The plan loaded, 0 for none.
    plan: u8,
    /// The version decided on, plus one; 0 for "not in the plan".
    decision: u8,
    /// The oldest version that the present execution may run.
    floor: u8,
    /// Positions in each byte's history that this executor has seen: heads, then tails.
    seen: [u8; 2 * SITES],
    last: [u8; SITES],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
struct State {
    step: u8,
    /// Positions in each byte's history that are in memory.
    written: [u8; 2 * SITES],
    floor: [u8; SITES],
    generation: u8,
    current: u8,
    /// Plans that were freed, as bits.
    freed: u8,
    executors: [Executor; EXECUTORS],
}

struct Machine {
    variant: Variant,
    program: Vec<Step>,
    history: [Vec<u8>; 2 * SITES],
    visits: u8,
}

fn program(variant: Variant) -> Vec<Step> {
    let mut program = Vec::new();
    for batch in 1..=2u8 {
        let sites = 0..SITES as u8;
        if variant == Variant::Naive {
            sites.clone().for_each(|s| program.extend([Step::Head(s, batch), Step::Tail(s, batch)]));
            program.push(Step::Sync(1, batch));
            continue;
        }
        program.push(Step::Publish(batch));
        if variant == Variant::TailFirst {
            program.extend(sites.clone().map(|s| Step::Tail(s, batch)));
        }
        program.extend(sites.clone().map(|s| Step::Head(s, TRAP)));
        if variant != Variant::NoSync1 {
            program.push(Step::Sync(1, batch));
        }
        if variant != Variant::TailFirst {
            program.extend(sites.clone().map(|s| Step::Tail(s, batch)));
        }
        if variant != Variant::NoSync2 {
            program.push(Step::Sync(2, batch));
        }
        program.extend(sites.map(|s| Step::Head(s, batch)));
        if variant != Variant::NoSync3 {
            program.push(Step::Sync(3, batch));
        }
        program.push(Step::Withdraw);
    }
    program
}

/// A step in words, cheap to keep by the hundred thousand.
#[derive(Debug, Clone, Copy)]
enum Note {
    Patcher(Step),
    Executor(usize, &'static str, usize),
    Version(usize, &'static str, u8, usize),
}

impl std::fmt::Display for Note {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Patcher(step) => write!(f, "patcher: {step:?}"),
            Self::Executor(i, what, site) => write!(f, "executor {i} at site {site}: {what}"),
            Self::Version(i, what, version, site) => write!(f, "executor {i} at site {site}: {what} {version}"),
        }
    }
}

enum Outcome {
    Next(State, Note),
    Bad(Violation, Note),
}

impl Machine {
    fn new(variant: Variant, visits: u8) -> Self {
        let program = program(variant);
        let mut history: [Vec<u8>; 2 * SITES] = std::array::from_fn(|_| vec![0]);
        for step in &program {
            match *step {
                Step::Head(s, v) => history[s as usize].push(v),
                Step::Tail(s, v) => history[SITES + s as usize].push(v),
                _ => {}
            }
        }
        Self { variant, program, history, visits }
    }

    fn memory(&self, state: &State, byte: usize) -> u8 {
        self.history[byte][state.written[byte] as usize]
    }

    fn patch(&self, state: &State) -> Option<(State, Note)> {
        let step = *self.program.get(state.step as usize)?;
        let mut next = *state;
        next.step += 1;
        match step {
            Step::Publish(batch) => {
                next.current = batch;
                next.generation += 1;
            }
            Step::Head(s, _) => next.written[s as usize] += 1,
            Step::Tail(s, _) => next.written[SITES + s as usize] += 1,
            Step::Sync(number, batch) => {
                next.executors.iter_mut().for_each(|e| e.seen = state.written);
                if number == 1 {
                    next.floor = [batch; SITES];
                }
            }
            Step::Withdraw => {
                let reading = state.executors.iter().any(|e| e.stage > 0);
                if self.variant == Variant::FreedEarly || !reading {
                    next.freed |= 1 << state.current;
                }
                next.current = 0;
                next.generation += 1;
            }
        }
        Some((next, Note::Patcher(step)))
    }

    /// Every way in which executor `i` may take its next step.
    fn execute(&self, state: &State, i: usize, out: &mut Vec<Outcome>, after: &mut bool) {
        let executor = state.executors[i];
        let site = (executor.visit as usize + i) % SITES;
        let note = |what| Note::Executor(i, what, site);
        let mut go = |change: &dyn Fn(&mut Executor), what: Note| {
            let mut next = *state;
            change(&mut next.executors[i]);
            out.push(Outcome::Next(next, what));
        };
        let ran = |e: &mut Executor, version: u8| {
            *e = Executor { visit: e.visit + 1, seen: e.seen, last: e.last, ..Executor::default() };
            e.last[site] = version;
        };
        match executor.stage {
            0 if executor.visit == self.visits => {}
            0 => {
                for head in executor.seen[site]..=state.written[site] {
                    for tail in executor.seen[SITES + site]..=state.written[SITES + site] {
                        let (h, t) = (self.history[site][head as usize], self.history[SITES + site][tail as usize]);
                        let saw = |e: &mut Executor| {
                            e.seen[site] = head;
                            e.seen[SITES + site] = tail;
                        };
                        if h == TRAP {
                            *after |= state.current == 0;
                            go(
                                &|e| {
                                    saw(e);
                                    e.stage = 1;
                                    e.floor = state.floor[site];
                                },
                                note("traps"),
                            );
                        } else if h != t {
                            out.push(Outcome::Bad(
                                Violation::Torn,
                                Note::Version(i, "runs the tail of another version than", h, site),
                            ));
                            return;
                        } else if h < state.floor[site] || h < executor.last[site] {
                            out.push(Outcome::Bad(Violation::Stale, Note::Version(i, "runs version", h, site)));
                            return;
                        } else {
                            go(
                                &|e| {
                                    saw(e);
                                    ran(e, h);
                                },
                                Note::Version(i, "runs version", h, site),
                            );
                        }
                    }
                }
            }
            1 => go(
                &|e| {
                    e.stage = 2;
                    e.generation = state.generation;
                },
                note("handler reads the generation"),
            ),
            2 if self.memory(state, site) == TRAP => go(&|e| e.stage = 3, note("handler reads a breakpoint")),
            2 if self.variant == Variant::NoRetry => {
                out.push(Outcome::Bad(Violation::Lost, note("passes a late trap on")));
            }
            2 => go(
                &|e| *e = Executor { visit: e.visit, seen: state.written, last: e.last, ..Executor::default() },
                note("late: sent back to the site"),
            ),
            3 => go(
                &|e| {
                    e.stage = 4;
                    e.plan = state.current;
                },
                note("handler loads the plan"),
            ),
            4 if executor.plan != 0 && state.freed >> executor.plan & 1 == 1 => {
                out.push(Outcome::Bad(Violation::Freed, note("reads a plan that was freed")));
            }
            4 => {
                let vector: [usize; SITES] = if self.variant == Variant::Unsorted { [1, 0] } else { [0, 1] };
                let found = executor.plan != 0 && vector.binary_search(&site).is_ok();
                let decision = if found { executor.plan + 1 } else { 0 };
                go(
                    &|e| {
                        e.stage = 5;
                        e.decision = decision;
                    },
                    note("handler searches the plan"),
                );
            }
            _ if self.variant != Variant::NoRecheck && state.generation != executor.generation => {
                go(
                    &|e| {
                        e.stage = 1;
                        e.plan = 0;
                        e.decision = 0;
                    },
                    note("handler begins anew"),
                );
            }
            _ if executor.decision == 0 => {
                out.push(Outcome::Bad(Violation::Lost, note("does not find the site in the plan")));
            }
            _ => {
                let version = executor.decision - 1;
                if version < state.floor[site].min(executor.floor)
                    || version < executor.last[site]
                    || version < executor.floor
                {
                    out.push(Outcome::Bad(Violation::Stale, Note::Version(i, "emulates version", version, site)));
                } else {
                    go(
                        &|e| {
                            e.seen = state.written;
                            ran(e, version);
                        },
                        Note::Version(i, "emulates version", version, site),
                    );
                }
            }
        }
    }
}

/// Searches every interleaving breadth first, so that the shortest way to a violation is found. `visits`
/// instructions are run by each executor.
#[must_use]
pub fn check(variant: Variant, visits: u8) -> Verdict {
    let machine = Machine::new(variant, visits);
    let start = State::default();
    let mut parents: HashMap<State, Option<(State, Note)>> = HashMap::from([(start, None)]);
    let mut queue = VecDeque::from([start]);
    let mut traps_after_batch = false;
    let mut out = Vec::new();
    while let Some(state) = queue.pop_front() {
        out.clear();
        if let Some((next, what)) = machine.patch(&state) {
            out.push(Outcome::Next(next, what));
        }
        for i in 0..EXECUTORS {
            machine.execute(&state, i, &mut out, &mut traps_after_batch);
        }
        for outcome in out.drain(..) {
            match outcome {
                Outcome::Bad(violation, what) => {
                    let mut trace = vec![what.to_string()];
                    let mut at = &state;
                    while let Some(Some((before, what))) = parents.get(at) {
                        trace.push(what.to_string());
                        at = before;
                    }
                    trace.reverse();
                    return Verdict {
                        variant,
                        states: parents.len(),
                        violation: Some((violation, trace)),
                        traps_after_batch,
                    };
                }
                Outcome::Next(next, what) => {
                    if let std::collections::hash_map::Entry::Vacant(place) = parents.entry(next) {
                        place.insert(Some((state, what)));
                        queue.push_back(next);
                    }
                }
            }
        }
    }
    Verdict { variant, states: parents.len(), violation: None, traps_after_batch }
}

/// What the third sync buys, found by leaving it out.
#[must_use]
pub fn third_sync(visits: u8) -> String {
    let (with, without) = (check(Variant::Correct, visits), check(Variant::NoSync3, visits));
    let after = |v: &Verdict| if v.traps_after_batch { "can" } else { "cannot" };
    let safe = if without.violation.is_none() { "nothing goes wrong" } else { "executors go wrong" };
    format!(
        "without the third sync {safe}, because late traps are retried, but an executor {} still fetch a breakpoint after the batch \
         is over; with it, it {}",
        after(&without),
        after(&with),
    )
}

/// The model and the engine search the same way.
const _: fn(&[Patch], u64) -> bool = |patches, addr| patches.binary_search_by_key(&addr, Patch::addr).is_ok();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_protocol_survives_every_interleaving() {
        let verdict = check(Variant::Correct, 2);
        println!("{} states", verdict.states);
        assert_eq!(verdict.violation, None);
        assert!(!verdict.traps_after_batch && verdict.states > 10_000);
    }

    #[test]
    fn each_mistake_is_found() {
        for (variant, violation) in [
            (Variant::NoSync1, Violation::Torn),
            (Variant::NoSync2, Violation::Torn),
            (Variant::Unsorted, Violation::Lost),
            (Variant::NoRetry, Violation::Lost),
            (Variant::FreedEarly, Violation::Freed),
            (Variant::NoRecheck, Violation::Lost),
            (Variant::TailFirst, Violation::Torn),
            (Variant::Naive, Violation::Torn),
        ] {
            let verdict = check(variant, 2);
            assert_eq!(verdict.violation.as_ref().map(|v| v.0), Some(violation), "{verdict:#?}");
        }
    }

    #[test]
    fn the_third_sync_is_for_the_quiet_after_a_batch() {
        assert!(third_sync(1).starts_with("without the third sync nothing goes wrong"), "{}", third_sync(1));
        assert!(third_sync(1).contains("can still fetch a breakpoint after the batch is over; with it, it cannot"));
    }
}
