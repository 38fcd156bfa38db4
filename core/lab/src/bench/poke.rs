//! What patching costs: syncs, single pokes, batches, updates of static calls.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::report::{Goal, Part, row};
use crate::runner::{Reporter, ScenarioError};
use provenance_engine::engine::{Engine, Options};
use provenance_engine::holder::HolderId;
use provenance_engine::holder::MechanismId;
use provenance_engine::internals;
use provenance_engine::isa::{Bytes, Insn};
use provenance_engine::ledger::Sharing;
use provenance_engine::mechanism::static_call::{CallSite, Func, StaticCall};
use provenance_engine::plan::{Change, Plan};
use provenance_engine::poke::{Protocol, sync as core};
use provenance_engine::site::Site;
use provenance_engine::text::Builder;

/// Says when the executor is on a processor: each sample waits for it, so that none is an idle one.
pub(super) struct Fire<'a>(Option<&'a AtomicU64>);

impl Fire<'_> {
    /// Nobody runs.
    pub(super) const NONE: Self = Self(None);

    /// Waits until the executor has called once more, at most ten seconds: on a crowded machine it has to queue.
    pub(super) fn wait(&self) -> Result<(), ScenarioError> {
        let Some(calls) = self.0 else { return Ok(()) };
        let (before, start) = (calls.load(Ordering::Relaxed), Instant::now());
        while calls.load(Ordering::Relaxed) < before + 2 {
            if start.elapsed() > Duration::from_secs(10) {
                return Err("the executor does not run: the figure would be an idle one".into());
            }
            std::hint::spin_loop();
        }
        Ok(())
    }
}

/// Runs `work` while another thread calls `f` without pause.
pub(super) fn under_fire<R>(
    engine: &Engine,
    f: extern "C" fn() -> u64,
    work: impl FnOnce(&Fire<'_>) -> Result<R, ScenarioError>,
) -> Result<R, ScenarioError> {
    let (stop, calls) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let _there = Pin::to(1);
            let executor = engine.grace().register("executor");
            while !stop.load(Ordering::Relaxed) {
                std::hint::black_box(f());
                calls.fetch_add(1, Ordering::Relaxed);
                if let Ok(executor) = &executor {
                    executor.quiescent();
                }
            }
        });
        // On one processor each: a patcher that shares its own with the executor is never under fire. After the spawn,
        // because a thread inherits its maker's processors.
        let _here = Pin::to(0);
        let result = work(&Fire(Some(&calls)));
        stop.store(true, Ordering::Relaxed);
        result
    })
}

/// Keeps the calling thread on one of its processors, until it is dropped.
struct Pin(libc::cpu_set_t);

impl Pin {
    /// The `nth` that the thread may use; `None` if it has not so many.
    fn to(nth: usize) -> Option<Self> {
        let size = size_of::<libc::cpu_set_t>();
        // SAFETY: plain bit sets on the stack, of the size that is passed.
        unsafe {
            let mut before: libc::cpu_set_t = std::mem::zeroed();
            libc::sched_getaffinity(0, size, &raw mut before);
            let cpu = (0..libc::CPU_SETSIZE as usize).filter(|&c| libc::CPU_ISSET(c, &before)).nth(nth)?;
            let mut one: libc::cpu_set_t = std::mem::zeroed();
            libc::CPU_SET(cpu, &mut one);
            (libc::sched_setaffinity(0, size, &raw const one) == 0).then_some(Self(before))
        }
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        // SAFETY: the set that the thread had before.
        unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const self.0) };
    }
}

pub(super) struct Field {
    pub(super) engine: Engine,
    pub(super) me: HolderId,
    pub(super) sites: Vec<Site>,
    pub(super) f: extern "C" fn() -> u64,
}

/// A function that is `n` sites in a row, then RET; nops, so that they straddle lines as they fall.
pub(super) fn field(n: usize, align: usize) -> Result<Field, ScenarioError> {
    let engine = Engine::new(Options::default())?;
    let me = engine.holder(MechanismId::TEXT, "bench")?;
    let mut b = Builder::new();
    b.at(64, 0);
    let f = b.function("field");
    let labels: Vec<_> = (0..n)
        .map(|_| {
            b.nops_until(align, 0);
            let site = b.here();
            b.code(provenance_engine::isa::nop(5));
            site
        })
        .collect();
    b.ret();
    let loaded = engine.load(b, me)?;
    let sites = labels
        .iter()
        // SAFETY: the function laid out above keeps nothing on the stack.
        .map(|&l| Ok(unsafe { engine.text().site(loaded.addr(l)?, 5)?.as_call() }))
        .collect::<Result<Vec<_>, ScenarioError>>()?;
    // SAFETY: nops, or what is patched in below, which falls through or calls a function that returns; then RET.
    let f: extern "C" fn() -> u64 = unsafe { std::mem::transmute(loaded.addr(f)? as usize) };
    Ok(Field { engine, me, sites, f })
}

impl Field {
    fn claim(&self) -> Result<(), ScenarioError> {
        for &site in &self.sites {
            self.engine.claim(site, Bytes::nop5(), self.me, Sharing::Exclusive, "nothing")?;
        }
        Ok(())
    }

    /// Nops to jumps to the next instruction, and back.
    fn plans(&self) -> Result<[Plan; 2], ScenarioError> {
        let jump = |s: &Site| Insn::Jmp(s.addr() + 5);
        let there = self.sites.iter().map(|s| Change::new(*s, Bytes::nop5(), jump(s)));
        let there = Plan::new(self.me, there)?;
        let back = there.patches().iter().map(|p| Change::new(p.site(), Bytes::new(p.after()), Insn::Nop(5)));
        Ok([there.clone(), Plan::new(self.me, back)?])
    }
}

/// Microseconds of each of `n` runs.
pub(super) fn micros(
    n: usize,
    fire: &Fire<'_>,
    mut work: impl FnMut(usize) -> Result<(), ScenarioError>,
) -> Result<Vec<f64>, ScenarioError> {
    (0..n)
        .map(|i| {
            fire.wait()?;
            let start = Instant::now();
            work(i)?;
            Ok(start.elapsed().as_nanos() as f64 / 1000.0)
        })
        .collect()
}

pub(super) fn sync(_: &mut Reporter) -> Result<Part, ScenarioError> {
    let field = field(1, 8)?;
    let run = |fire: &Fire<'_>| micros(500, fire, |_| Ok(core::core_sync()?));
    let idle = run(&Fire::NONE)?;
    let fire = under_fire(&field.engine, field.f, run)?;
    let rows = vec![
        row("sync", "membarrier SYNC_CORE, idle".into(), "us", idle),
        row("sync", "membarrier SYNC_CORE, one thread running".into(), "us", fire),
    ];
    Ok(Part { rows, ..Part::default() })
}

pub(super) fn single(_: &mut Reporter) -> Result<Part, ScenarioError> {
    let field = field(1, 8)?;
    field.claim()?;
    let plans = field.plans()?;
    let mut part = Part::default();
    for (protocol, name) in
        [(Protocol::Int3, "int3"), (Protocol::Quad, "aligned 8-byte store"), (Protocol::Stop, "stop-the-world")]
    {
        let run = |fire: &Fire<'_>| {
            micros(if protocol == Protocol::Stop { 20 } else { 300 }, fire, |i| {
                field.engine.apply_with(&plans[i % 2], protocol).map(drop).map_err(Into::into)
            })
        };
        match run(&Fire::NONE) {
            Ok(samples) => part.rows.push(row("poke", format!("{name}, idle"), "us", samples)),
            Err(e) => {
                part.notes.push(format!("{name}: {e}"));
                continue;
            }
        }
        let fire = under_fire(&field.engine, field.f, run)?;
        part.rows.push(row("poke", format!("{name}, under fire"), "us", fire));
    }
    let stats = field.engine.stats()?;
    part.notes.push(format!("{} traps, {} of them late, {} retries", stats.traps, stats.late, stats.retries));
    Ok(part)
}

const SITES: usize = 10_000;

pub(super) fn batch(reporter: &mut Reporter) -> Result<Part, ScenarioError> {
    let mut part = Part::default();
    for n in [1, 10, 100, 1_000, SITES] {
        reporter.progress(format!("batch: {n} sites"));
        let field = field(n, 1)?;
        field.claim()?;
        let plans = field.plans()?;
        let mut syncs = (0, 0);
        let mut run = |fire: &Fire<'_>| -> Result<[Vec<f64>; 3], ScenarioError> {
            let (mut poke, mut whole, mut alone) = (Vec::new(), Vec::new(), Vec::new());
            for i in 0..100 {
                fire.wait()?;
                let start = Instant::now();
                for _ in 0..3 {
                    core::core_sync()?;
                }
                alone.push(start.elapsed().as_nanos() as f64 / n as f64);
                fire.wait()?;
                let start = Instant::now();
                let applied = field.engine.apply(&plans[i % 2])?;
                whole.push(start.elapsed().as_nanos() as f64 / n as f64);
                poke.push(applied.poke.as_nanos() as f64 / n as f64);
                syncs = (applied.syncs, applied.kernel_syncs);
            }
            Ok([poke, whole, alone])
        };
        let [idle, idle_whole, _] = run(&Fire::NONE)?;
        let [fire, fire_whole, syncs_alone] = under_fire(&field.engine, field.f, run)?;
        for (label, samples) in [
            ("first breakpoint to last sync, idle", idle),
            ("whole apply, idle", idle_whole),
            ("first breakpoint to last sync, executor running", fire),
            ("whole apply, executor running", fire_whole),
            ("three syncs and nothing else, executor running", syncs_alone),
        ] {
            part.rows.push(row("batch", format!("{n} sites, {label}"), "ns/site", samples));
        }
        part.notes.push(format!("{n} sites: {} syncs; the kernel's vector of 256 would need {}", syncs.0, syncs.1));
        if n == SITES {
            let median = |label: &str| part.rows.iter().find(|r| r.label == label).map_or(f64::NAN, |r| r.median);
            let goal = |what: &str, measured, limit| Goal { what: what.into(), measured, limit, at_least: false };
            part.goals = vec![
                goal("10,000 sites under fire: syncs", syncs.0 as f64, 3.0),
                goal(
                    "10,000 sites under fire, first breakpoint to last sync, ns a site",
                    median("10000 sites, first breakpoint to last sync, executor running"),
                    10.0,
                ),
                goal(
                    "10,000 sites under fire, whole apply, ns a site",
                    median("10000 sites, whole apply, executor running"),
                    60.0,
                ),
            ];
        }
    }
    Ok(part)
}

pub(super) fn static_call(reporter: &mut Reporter) -> Result<Part, ScenarioError> {
    let field = field(1_000, 1)?;
    let mut b = Builder::new();
    let targets = [0, 1].map(|_| {
        b.at(16, 0);
        let target = b.here();
        b.ret();
        target
    });
    let loaded = field.engine.load(b, field.me)?;
    let targets = [loaded.addr(targets[0])?, loaded.addr(targets[1])?];
    let key = StaticCall::new(&field.engine, "bench", None, Func::To(targets[0]))?;
    let sites: Vec<CallSite> = field.sites.iter().map(|&site| CallSite { site, tail: false }).collect();
    key.add_sites(&sites)?;
    let mut part = Part::default();
    for fire in [false, true] {
        let state = if fire { "executor running" } else { "idle" };
        reporter.progress(format!("static call: {state}"));
        let run = |fire: &Fire<'_>| -> Result<[Vec<f64>; 2], ScenarioError> {
            let (mut batched, mut by_site) = (Vec::new(), Vec::new());
            // Interleaved.
            for _ in 0..9 {
                batched.extend(micros(4, fire, |i| Ok(key.update(Func::To(targets[(i + 1) % 2])).map(drop)?))?);
                for to in [targets[1], targets[0]] {
                    // Each site finds the executor running, or there is none.
                    let mut gone = Ok(());
                    let pace = &mut || gone = std::mem::replace(&mut gone, Ok(())).and_then(|()| fire.wait());
                    let applied = internals::update_paced(&key, Func::To(to), pace)?;
                    gone?;
                    by_site.push(applied.poke.as_nanos() as f64 / 1000.0);
                }
            }
            Ok([batched, by_site])
        };
        let [batched, by_site] = if fire { under_fire(&field.engine, field.f, run)? } else { run(&Fire::NONE)? };
        let batched = row("static-call", format!("1,000 sites in one batch, {state}"), "us", batched);
        let by_site = row("static-call", format!("1,000 sites one by one, {state}"), "us", by_site);
        part.goals.push(Goal {
            what: format!("static_call with 1,000 sites, batch against site by site, {state}: times faster"),
            measured: by_site.median / batched.median,
            limit: if fire { 100.0 } else { 10.0 },
            at_least: true,
        });
        part.rows.extend([batched, by_site]);
    }
    Ok(part)
}
