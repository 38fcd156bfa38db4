//! What patching costs: syncs, single pokes, batches, updates of static calls.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::{Goal, Part, row};
use crate::engine::{Engine, Options};
use crate::isa::{Bytes, Insn};
use crate::lab::{Reporter, ScenarioError};
use crate::ledger::{HolderId, Sharing};
use crate::mechanism::MechanismId;
use crate::mechanism::static_call::{CallSite, Func, StaticCall};
use crate::plan::{Change, Plan};
use crate::poke::{Protocol, sync as core};
use crate::site::Site;
use crate::text::Builder;

/// Runs `work` while another thread calls `f` without pause; checks that it did run meanwhile.
pub(super) fn under_fire<R>(
    engine: &Engine,
    f: extern "C" fn() -> u64,
    work: impl FnOnce() -> R,
) -> Result<R, ScenarioError> {
    let (stop, calls) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let executor = engine.grace().register("executor");
            while !stop.load(Ordering::Relaxed) {
                std::hint::black_box(f());
                calls.fetch_add(1, Ordering::Relaxed);
                if let Ok(executor) = &executor {
                    executor.quiescent();
                }
            }
        });
        while calls.load(Ordering::Relaxed) == 0 {
            std::thread::yield_now();
        }
        let before = calls.load(Ordering::Relaxed);
        let result = work();
        let ran = calls.load(Ordering::Relaxed) - before;
        stop.store(true, Ordering::Relaxed);
        if ran == 0 { Err("the executor did not run: the figure would be an idle one".into()) } else { Ok(result) }
    })
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
    let me = engine.holder(MechanismId::TEXT, "bench");
    let mut b = Builder::new();
    b.at(64, 0);
    let f = b.function("field");
    let labels: Vec<_> = (0..n)
        .map(|_| {
            b.nops_until(align, 0);
            let site = b.here();
            b.code(crate::isa::nop(5));
            site
        })
        .collect();
    b.ret();
    let loaded = engine.load(b, me)?;
    let sites = labels
        .iter()
        .map(|&l| Ok(engine.text().site(loaded.addr(l)?, 5)?.as_call()))
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
        let back = there.patches().iter().map(|p| Change::new(p.site(), Bytes::new(p.new()), Insn::Nop(5)));
        Ok([there.clone(), Plan::new(self.me, back)?])
    }
}

/// Microseconds of each of `n` runs.
pub(super) fn micros(
    n: usize,
    mut work: impl FnMut(usize) -> Result<(), ScenarioError>,
) -> Result<Vec<f64>, ScenarioError> {
    (0..n)
        .map(|i| {
            let start = Instant::now();
            work(i)?;
            Ok(start.elapsed().as_nanos() as f64 / 1000.0)
        })
        .collect()
}

pub(super) fn sync(_: &mut Reporter) -> Result<Part, ScenarioError> {
    let field = field(1, 8)?;
    let run = || micros(500, |_| Ok(core::core_sync()?));
    let idle = run()?;
    let fire = under_fire(&field.engine, field.f, run)??;
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
        let run = || {
            micros(if protocol == Protocol::Stop { 20 } else { 300 }, |i| {
                field.engine.apply_with(&plans[i % 2], protocol).map(drop).map_err(Into::into)
            })
        };
        match run() {
            Ok(samples) => part.rows.push(row("poke", format!("{name}, idle"), "us", samples)),
            Err(e) => {
                part.notes.push(format!("{name}: {e}"));
                continue;
            }
        }
        let fire = under_fire(&field.engine, field.f, run)??;
        part.rows.push(row("poke", format!("{name}, under fire"), "us", fire));
    }
    let stats = field.engine.stats();
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
        let mut run = || -> Result<[Vec<f64>; 2], ScenarioError> {
            let (mut poke, mut whole) = (Vec::new(), Vec::new());
            for i in 0..60 {
                let start = Instant::now();
                let applied = field.engine.apply(&plans[i % 2])?;
                whole.push(start.elapsed().as_nanos() as f64 / n as f64);
                poke.push(applied.poke.as_nanos() as f64 / n as f64);
                syncs = (applied.syncs, applied.kernel_syncs);
                // Let the executor come back to speed, so that each batch finds it running.
                let rest = Instant::now();
                while rest.elapsed() < Duration::from_micros(200) {
                    std::hint::spin_loop();
                }
            }
            Ok([poke, whole])
        };
        let [idle, idle_whole] = run()?;
        let [fire, fire_whole] = under_fire(&field.engine, field.f, run)??;
        for (label, samples) in [
            ("first breakpoint to last sync, idle", idle),
            ("whole apply, idle", idle_whole),
            ("first breakpoint to last sync, executor running", fire),
            ("whole apply, executor running", fire_whole),
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
        let run = || -> Result<[Vec<f64>; 2], ScenarioError> {
            let (mut batched, mut by_site) = (Vec::new(), Vec::new());
            // Interleaved.
            for _ in 0..9 {
                batched.extend(micros(4, |i| Ok(key.update(Func::To(targets[(i + 1) % 2])).map(drop)?))?);
                by_site.extend(micros(1, |_| Ok(key.update_by_site(Func::To(targets[1])).map(drop)?))?);
                by_site.extend(micros(1, |_| Ok(key.update_by_site(Func::To(targets[0])).map(drop)?))?);
            }
            Ok([batched, by_site])
        };
        let [batched, by_site] = if fire { under_fire(&field.engine, field.f, run)?? } else { run()? };
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
