//! Patching under fire: executors run a site without pause while it is changed, and every execution is judged.
//!
//! The site calls variant A, calls variant B, jumps over, or is a nop, at random. A mix of bytes lands in a sled of counters
//! or dies. After each patch returns the patcher raises a mark; an executor that starts after it and runs an older
//! state is *stale*.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::runner::{Reporter, ScenarioError};
use provenance_engine::engine::{Engine, Options};
use provenance_engine::holder::MechanismId;
use provenance_engine::internals::{self, Variant};
use provenance_engine::isa::{Bytes, Insn};
use provenance_engine::ledger::Sharing;
use provenance_engine::mechanism::MechanismError;
use provenance_engine::mechanism::dispatcher::{Dispatcher, Layout};
use provenance_engine::plan::{Change, Plan};
use provenance_engine::poke::{PokeError, Protocol};
use provenance_engine::text::Builder;

/// A mistake to make on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Mistake {
    /// Five bytes stored at once, on a site that crosses a line.
    NaiveStore,
    /// The tail before the breakpoint.
    TailFirst,
    /// Late traps passed on.
    NoRetry,
}

/// What to run.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct Params {
    /// For how long.
    pub millis: u64,
    /// How many threads run the site.
    pub executors: usize,
    /// The site's place in its page: 62 straddles a cache line, 4094 a page.
    pub offset: usize,
    /// How it is written.
    pub protocol: Protocol,
    /// What to get wrong.
    pub mistake: Option<Mistake>,
    /// Random seed.
    pub seed: u64,
}

impl Default for Params {
    fn default() -> Self {
        Self { millis: 1000, executors: 1, offset: 8, protocol: Protocol::Int3, mistake: None, seed: 1 }
    }
}

/// What came of it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Report {
    /// Times the site was run.
    pub executions: u64,
    /// Patches that returned.
    pub patches: u64,
    /// Results that no state of the site gives.
    pub wrong: u64,
    /// Executions that began after a patch returned and ran an older state.
    pub stale: u64,
    /// Times that staleness was checked: the executor began after the patch returned and ended before the next.
    pub checked: u64,
    /// Breakpoint hits.
    pub traps: u64,
    /// Hits that came late.
    pub late: u64,
    /// Handlers that began anew.
    pub retries: u64,
    /// Microseconds for a patch: median, 90th, 99th percentile.
    pub micros: [f64; 3],
}

/// The four states of the site, and what the function then returns: the argument times ten plus one of these.
fn state(n: u64, site: u64, a: u64, b: u64, over: u64) -> (Insn, u64) {
    match n % 4 {
        0 => (Insn::Nop(5), 0),
        1 => (Insn::Call(a), 1),
        2 => (Insn::Call(b), 2),
        _ => {
            let _ = site;
            (Insn::Jmp(over), 3)
        }
    }
}

/// xorshift64*: enough for a sequence that repeats.
pub(crate) fn random(state: &mut u64) -> u64 {
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    state.wrapping_mul(0x2545_f491_4f6c_dd1d)
}

/// Runs one stress.
///
/// # Errors
/// Whatever the engine refuses.
pub fn run(params: &Value, reporter: &mut Reporter) -> Result<Value, ScenarioError> {
    let params: Params = if params.is_null() { Params::default() } else { serde_json::from_value(params.clone())? };
    let engine = Engine::new(Options::default())?;
    let me = engine.holder(MechanismId::TEXT, "stress")?;
    let mut b = Builder::new();
    // Variants add to RAX, which the function cleared; the sled around them catches jumps to a mix of two targets.
    let variant = |b: &mut Builder, add: u8| {
        let entry = b.here();
        b.code(&[0x83, 0xc0, add]).ret();
        entry
    };
    let sled = |b: &mut Builder| {
        for _ in 0..64 {
            b.code(&[0x83, 0xc0, 0x40]).ret();
        }
    };
    b.at(64, 0);
    sled(&mut b);
    let first = variant(&mut b, 1);
    // Far apart in the low and the high byte of the displacement.
    for _ in 0..0x4c1 {
        b.code(&[0x83, 0xc0, 0x40]).ret();
    }
    let second = variant(&mut b, 2);
    sled(&mut b);
    b.at(4096, (params.offset + 4096 - 11) % 4096);
    let f = b.function("under_fire");
    b.code(&[0x48, 0x83, 0xec, 0x08]); // sub rsp, 8
    b.code(&[0x31, 0xc0]); // xor eax, eax
    b.code(provenance_engine::isa::nop(5));
    let site = b.here();
    b.code(provenance_engine::isa::nop(5));
    let done = b.forward();
    b.jmp(done);
    let over = b.here();
    b.code(&[0x83, 0xc0, 0x03]);
    b.place(done);
    b.code(&[0x48, 0x83, 0xc4, 0x08]).ret();
    let loaded = engine.load(b, me)?;
    let at = |l| loaded.addr(l);
    let (first, second, over) = (at(first)?, at(second)?, at(over)?);
    // SAFETY: the function laid out above has moved the stack pointer below what it keeps.
    let site = unsafe { engine.text().site(at(site)?, 5)?.as_call() };
    engine.claim(site, Bytes::nop5(), me, Sharing::Exclusive, "nothing")?;
    // SAFETY: the function laid out above takes nothing and returns in RAX; the engine outlives the threads.
    let f: extern "C" fn() -> u64 = unsafe { std::mem::transmute(at(f)? as usize) };
    let variant = match params.mistake {
        Some(Mistake::NaiveStore) => Variant::NaiveStore,
        Some(Mistake::TailFirst) => Variant::TailFirst,
        Some(Mistake::NoRetry) => {
            // SAFETY: a lab process may die.
            unsafe { internals::break_retry() };
            Variant::Correct
        }
        None => Variant::Correct,
    };
    let stop = AtomicBool::new(false);
    // Even: (patches << 3) | expected << 1; odd while a patch is under way.
    let mark = AtomicU64::new(0);
    let executions = AtomicU64::new(0);
    let (wrong, stale, checked) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let mut times = Vec::new();
    let mut patches = 0u64;
    let started = AtomicU64::new(0);
    let outcome = std::thread::scope(|scope| -> Result<(), ScenarioError> {
        let (stop, mark, started) = (&stop, &mark, &started);
        let (wrong, stale, checked, executions) = (&wrong, &stale, &checked, &executions);
        for i in 0..params.executors {
            let engine = engine.clone();
            scope.spawn(move || {
                let executor = engine.grace().register(&format!("executor {i}"));
                started.fetch_add(1, Ordering::SeqCst);
                let mut n = 0u64;
                while !stop.load(Ordering::Relaxed) {
                    for _ in 0..64 {
                        let before = mark.load(Ordering::Acquire);
                        let got = black_box(f());
                        let after = mark.load(Ordering::Acquire);
                        if got > 3 {
                            wrong.fetch_add(1, Ordering::Relaxed);
                        } else if before & 1 == 0 && before == after {
                            checked.fetch_add(1, Ordering::Relaxed);
                            if got != before >> 1 & 3 {
                                stale.fetch_add(1, Ordering::Relaxed);
                            }
                        }
                    }
                    n += 64;
                    if let Ok(executor) = &executor {
                        executor.quiescent();
                    }
                }
                executions.fetch_add(n, Ordering::Relaxed);
            });
        }
        while started.load(Ordering::SeqCst) < params.executors as u64 {
            std::thread::yield_now();
        }
        let mut result = Ok(());
        let (mut seed, mut now) = (params.seed.max(1), Bytes::nop5());
        let (begin, mut told) = (Instant::now(), Instant::now());
        while begin.elapsed() < Duration::from_millis(params.millis) {
            let (insn, value) = state(random(&mut seed) >> 33, site.addr(), first, second, over);
            let plan = Plan::new(me, [Change::new(site, now, insn)])?;
            mark.fetch_or(1, Ordering::SeqCst);
            let start = Instant::now();
            // SAFETY: a lab process may die of the mistake that it was asked to make.
            let applied = unsafe { internals::apply_wrongly(&engine, &plan, params.protocol, variant) };
            match applied {
                Ok(_) => {}
                // On a crowded machine a thread may not come to run in time; the text is as it was.
                Err(PokeError::DidNotPark { .. }) => {
                    mark.fetch_and(!1, Ordering::SeqCst);
                    continue;
                }
                Err(e) => {
                    result = Err(e.into());
                    break;
                }
            }
            times.push(start.elapsed().as_nanos() as u64);
            now = insn.encode(site.addr())?;
            patches += 1;
            mark.store(patches << 3 | value << 1, Ordering::SeqCst);
            // Let executors see the state at rest, now and then for longer.
            let rest = if patches.is_multiple_of(16) { 2000 } else { 50 };
            (0..rest).for_each(|_| std::hint::spin_loop());
            if told.elapsed() > Duration::from_secs(1) {
                told = Instant::now();
                reporter.progress(format!("{patches} patches"));
            }
        }
        stop.store(true, Ordering::SeqCst);
        result
    });
    outcome?;
    times.sort_unstable();
    let percentile = |p: usize| times.get(times.len() * p / 100).map_or(0.0, |&n| n as f64 / 1000.0);
    let stats = engine.stats()?;
    let report = Report {
        executions: executions.into_inner(),
        patches,
        wrong: wrong.into_inner(),
        stale: stale.into_inner(),
        checked: checked.into_inner(),
        traps: stats.traps,
        late: stats.late,
        retries: stats.retries,
        micros: [50, 90, 99].map(percentile),
    };
    Ok(serde_json::to_value(report)?)
}

/// The dispatcher updated while a reader sleeps in it: with the grace period an update waits, without it the half that is
/// being run is overwritten (4121d4481b72). The reader stands in the middle of the image, made to by a target that blocks.
///
/// # Errors
/// Whatever the engine refuses.
pub fn half_page(params: &Value, reporter: &mut Reporter) -> Result<Value, ScenarioError> {
    let grace = params.get("grace").and_then(Value::as_bool).unwrap_or(true);
    let millis = params.get("millis").and_then(Value::as_u64).unwrap_or(500);
    let engine = Engine::new(Options::default())?;
    let me = engine.holder(MechanismId::TEXT, "half page")?;
    let mut b = Builder::new();
    let targets: Vec<_> = (0..48u32)
        .map(|i| {
            b.at(16, 0);
            let target = b.here();
            let mut code = vec![0xb8];
            code.extend_from_slice(&(0x100 + i).to_le_bytes());
            b.code(&code).ret();
            target
        })
        .collect();
    let layout = Layout::static_call(&mut b, "dispatcher_func");
    let loaded = engine.load(b, me)?;
    let targets = targets.into_iter().map(|t| loaded.addr(t)).collect::<Result<Vec<_>, _>>()?;
    let trampoline = layout.trampoline.map(|t| loaded.addr(t)).transpose()?.unwrap_or(0);
    let mut dispatcher = Dispatcher::static_call(&engine, "xdp", trampoline, loaded.addr(layout.thunk)?)?;
    if !grace {
        // SAFETY: a lab process may die of it, which is what is tried.
        dispatcher = unsafe { internals::without_grace(dispatcher) };
    }
    // SAFETY: the function takes the target as its third argument and jumps to it; targets return in EAX.
    let f: extern "C" fn(u64, u64, u64) -> u64 = unsafe { std::mem::transmute(loaded.addr(layout.function)? as usize) };
    let stop = AtomicBool::new(false);
    let (wrong, runs) = (AtomicU64::new(0), AtomicU64::new(0));
    let mut updates = 0u64;
    std::thread::scope(|scope| -> Result<(), ScenarioError> {
        let (stop, wrong, runs, engine, targets) = (&stop, &wrong, &runs, &engine, &targets);
        scope.spawn(move || {
            let executor = engine.grace().register("reader");
            let mut seed = 7;
            while !stop.load(Ordering::Relaxed) {
                let i = random(&mut seed) as usize % targets.len();
                if black_box(f(0, 0, targets[i])) != 0x100 + i as u64 {
                    wrong.fetch_add(1, Ordering::Relaxed);
                }
                runs.fetch_add(1, Ordering::Relaxed);
                if let Ok(executor) = &executor {
                    executor.quiescent();
                }
            }
        });
        let (begin, mut seed, mut told) = (Instant::now(), 3, Instant::now());
        let mut have: Vec<u64> = Vec::new();
        let mut result = Ok(());
        while begin.elapsed() < Duration::from_millis(millis) {
            let target = targets[random(&mut seed) as usize % targets.len()];
            let at = have.iter().position(|&t| t == target);
            let change = match at {
                Some(_) => dispatcher.change(Some(target), None),
                None => dispatcher.change(None, Some(target)),
            };
            match (change, at) {
                (Ok(_), Some(i)) => drop(have.swap_remove(i)),
                (Ok(_), None) => have.push(target),
                // On a crowded machine the reader may not come to run in time; the set is as it was.
                (Err(MechanismError::Poke(PokeError::Grace(_))), _) => continue,
                (Err(e), _) => {
                    result = Err(e.into());
                    break;
                }
            }
            updates += 1;
            if told.elapsed() > Duration::from_secs(1) {
                told = Instant::now();
                reporter.progress(format!("{updates} updates"));
            }
        }
        stop.store(true, Ordering::SeqCst);
        result
    })?;
    let (runs, wrong) = (runs.into_inner(), wrong.into_inner());
    Ok(serde_json::json!({ "updates": updates, "runs": runs, "wrong": wrong, "grace": grace }))
}
