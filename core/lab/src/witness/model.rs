//! The steps of a scenario on the mechanisms of this library, with the rules of a kernel.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::record::{Kernel, Seen};
use crate::runner::ScenarioError;
use provenance_engine::engine::{Engine, Options};
use provenance_engine::grace::Executor;
use provenance_engine::holder::MechanismId;
use provenance_engine::isa::hex;
use provenance_engine::ledger::Policy;
use provenance_engine::mechanism::dispatcher::{Dispatcher, Layout};
use provenance_engine::mechanism::ftrace::{Flags, Ftrace, Ops};
use provenance_engine::mechanism::kprobe::{Kprobe, Kprobes};
use provenance_engine::mechanism::livepatch::{Livepatch, PatchId, Replacement};
use provenance_engine::mechanism::static_key::{Entry, StaticKey};
use provenance_engine::mechanism::trampoline::{Ipmodify, Kind, Program, Trampoline};
use provenance_engine::mechanism::{Errno, MechanismError};
use provenance_engine::text::Builder;
use provenance_engine::text::builder::Fentry;

const DISPATCHER: &str = "bpf_dispatcher_xdp_func";
const SHOWN: &str = "version_proc_show";

struct World {
    engine: Engine,
    ftrace: Arc<Ftrace>,
    kprobes: Kprobes,
    klp: Livepatch,
    key: Arc<StaticKey>,
    key_site: u64,
    dispatcher: Dispatcher,
    trampolines: BTreeMap<&'static str, Arc<Trampoline>>,
    /// Name, first byte, site.
    functions: [(&'static str, u64, u64); 2],
    patch: u64,
    xdp_program: u64,
    patched: &'static AtomicU64,
    me: Executor,
    // What a scenario has on.
    site: &'static str,
    tracer: Option<Ops>,
    attached: BTreeMap<&'static str, Program>,
    probes: BTreeMap<u64, Kprobe>,
    enabled_patch: Option<PatchId>,
    xdp: Option<u64>,
}

impl World {
    fn build(kernel: Kernel) -> Result<Self, ScenarioError> {
        let engine = Engine::new(Options { policy: Policy::Observe, ..Options::default() })?;
        let me = engine.grace().register("experiment")?;
        let holder = engine.holder(MechanismId::TEXT, "kernel")?;
        let patched: &'static AtomicU64 = Box::leak(Box::new(AtomicU64::new(0)));
        let mut b = Builder::new();
        let layout = match kernel {
            Kernel::V5_10 => Layout::fentry(&mut b, DISPATCHER),
            Kernel::V6_1 => Layout::static_call(&mut b, DISPATCHER),
        };
        b.at(16, 0);
        let program = b.function("bpf_prog");
        b.ret();
        b.at(16, 0);
        let shown = b.function(SHOWN);
        let pad = b.fentry(Fentry::Nop);
        b.code(&[0x48, 0x8d, 0x44, 0x37, 0x01]); // lea rax, [rdi+rsi+1]
        b.code(&[0x48, 0x85, 0xc0]).ret();
        b.at(16, 0);
        let patch = b.function("patched_version_proc_show");
        b.count(patched).ret();
        b.at(16, 0);
        b.function("ttwu_stat");
        let branch = b.here();
        b.code(provenance_engine::isa::nop(5));
        let taken = b.here();
        b.ret();
        let loaded = engine.load(b, holder)?;
        let at = |l| loaded.addr(l);
        let ftrace = Arc::new(Ftrace::new(&engine)?);
        let sites = [at(layout.fentry)?, at(pad)?];
        let table = sites.iter().map(|&s| engine.text().site(s, 5)).collect::<Result<Vec<_>, _>>()?;
        ftrace.add_sites(&table, 0)?;
        if kernel == Kernel::V6_1 {
            ftrace.let_directs_be_switched_off();
        }
        let dispatcher = match layout.trampoline {
            None => Dispatcher::fentry(&engine, "xdp", table[0], at(layout.thunk)?)?,
            Some(t) => Dispatcher::static_call(&engine, "xdp", at(t)?, at(layout.thunk)?)?,
        };
        let key = Arc::new(StaticKey::new(&engine, "sched_schedstats", false)?);
        key.add(&[Entry { site: engine.text().site(at(branch)?, 5)?, target: at(taken)?, branch: false }])?;
        let asked = key.clone();
        let kprobes = Kprobes::new(&engine, Some(ftrace.clone()))?
            .ask("jump_label_text_reserved", move |from, to| asked.text_reserved(from, to));
        // The dispatcher's tail call is an inline site of its static call; here the trampoline is patched instead.
        let tail = sites[0] + 5;
        let kprobes = match kernel {
            Kernel::V5_10 => kprobes,
            Kernel::V6_1 => kprobes.ask("static_call_text_reserved", move |from, to| from < tail + 5 && to >= tail),
        };
        let rule = if kernel == Kernel::V5_10 { Ipmodify::Refuse } else { Ipmodify::Negotiate };
        let mut klp = Livepatch::new(ftrace.clone());
        let mut trampolines = BTreeMap::new();
        for (name, site) in [DISPATCHER, SHOWN].into_iter().zip(&table) {
            let trampoline = Arc::new(Trampoline::new(&engine, Some(&ftrace), *site, 6, rule)?);
            klp = klp.beside(trampoline.clone());
            trampolines.insert(name, trampoline);
        }
        Ok(Self {
            functions: [(DISPATCHER, at(layout.function)?, sites[0]), (SHOWN, at(shown)?, sites[1])],
            patch: at(patch)?,
            xdp_program: at(program)?,
            key_site: at(branch)?,
            engine,
            ftrace,
            kprobes,
            klp,
            key,
            dispatcher,
            trampolines,
            patched,
            me,
            site: SHOWN,
            tracer: None,
            attached: BTreeMap::new(),
            probes: BTreeMap::new(),
            enabled_patch: None,
            xdp: None,
        })
    }

    fn function(&self, name: &str) -> Result<(&'static str, u64, u64), ScenarioError> {
        Ok(*self.functions.iter().find(|f| f.0 == name).ok_or_else(|| format!("no function is called {name:?}"))?)
    }

    fn step(&mut self, line: &str) -> Result<Result<(), MechanismError>, ScenarioError> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let on = words.get(1) == Some(&"on");
        let number = |i: usize| words.get(i).and_then(|w| w.parse::<u64>().ok()).ok_or("a number is missing");
        Ok(match words[0] {
            "site" => {
                self.site = self.function(words.get(1).copied().unwrap_or_default())?.0;
                Ok(())
            }
            "touch" => {
                self.touch(number(1)?)?;
                Ok(())
            }
            "tracer" => self.tracer(on)?,
            "xdp" => {
                let program = Some(self.xdp_program);
                let change = if on { (None, program) } else { (program, None) };
                self.xdp = on.then_some(0);
                self.dispatcher.change(change.0, change.1).map(drop)
            }
            "fentry" => self.program("fentry", Kind::Fentry, on),
            "fexit" => self.program("fexit", Kind::Fexit, on),
            "enabled" => self.ftrace.set_enabled(number(1)? == 1),
            "schedstats" if number(1)? == 1 => self.key.enable().map(drop),
            "schedstats" => self.key.disable().map(drop),
            "kprobe" if words.get(1) == Some(&"key") => self.probe(self.key_site + number(2)?, true),
            "kprobe" => {
                let at = self.function(words.get(2).copied().unwrap_or_default())?.1 + number(3)?;
                self.probe(at, on)
            }
            "livepatch" if on && self.enabled_patch.is_some() => Err(MechanismError::kernel(
                Errno::EEXIST,
                "kernel/module/main.c: add_unformed_module()",
                "loaded already",
            )),
            "livepatch" if on => {
                let old = self.function(SHOWN)?.1;
                self.klp
                    .enable("patch", &[Replacement { old, new: self.patch }])
                    .map(|id| self.enabled_patch = Some(id))
            }
            "livepatch" => match self.enabled_patch.take() {
                Some(id) => self.klp.disable(id),
                None => Err(MechanismError::kernel(Errno::ENOENT, "sysfs", "no such patch")),
            },
            other => return Err(format!("unknown step {other:?}").into()),
        })
    }

    /// Writes the filter, then the tracer's name: an error comes from the filter alone.
    fn tracer(&mut self, on: bool) -> Result<Result<(), MechanismError>, ScenarioError> {
        if !on {
            if let Some(ops) = self.tracer.take() {
                // Whether it can be removed is not told.
                let _ = self.ftrace.unregister(&ops);
            }
            return Ok(Ok(()));
        }
        let ops = Ops::new("function", Flags::default(), |_| {});
        if let Err(e) = self.ftrace.set_filter_ip(&ops, self.function(self.site)?.2, false) {
            return Ok(Err(e));
        }
        self.ftrace.start_tracer(&ops);
        self.tracer = Some(ops);
        Ok(Ok(()))
    }

    fn program(&mut self, name: &'static str, kind: Kind, on: bool) -> Result<(), MechanismError> {
        let trampoline = self.trampolines[self.site].clone();
        if on {
            let program = Program::new(name, kind, |_| 0);
            trampoline.attach(&program)?;
            self.attached.insert(name, program);
        } else if let Some(program) = self.attached.remove(name) {
            // Closing a descriptor tells nothing.
            let _ = trampoline.detach(&program);
        }
        Ok(())
    }

    fn probe(&mut self, at: u64, on: bool) -> Result<(), MechanismError> {
        if on {
            let probe = Kprobe::new("w", |_| {});
            let at = self.kprobes.register(at, &probe)?;
            self.probes.insert(at, probe);
            return Ok(());
        }
        match self.probes.remove(&at) {
            Some(probe) => self.kprobes.unregister(&probe),
            None => Err(MechanismError::kernel(Errno::ENOENT, "kernel/trace/trace_kprobe.c", "no such probe")),
        }
    }

    fn touch(&mut self, times: u64) -> Result<(), ScenarioError> {
        let at = self.function(self.site)?.1;
        for _ in 0..times {
            // SAFETY: laid out in `build`: takes three integers, or jumps to the third; all of it returns.
            let f: extern "C" fn(u64, u64, u64) -> u64 = unsafe { std::mem::transmute(at as usize) };
            if self.site == SHOWN {
                f(0, 0, 0);
            } else if let Some(runs) = &mut self.xdp {
                f(0, 0, self.xdp_program);
                *runs += 1;
            }
            self.me.quiescent();
        }
        Ok(())
    }
}

pub(super) fn run(kernel: Kernel, steps: &str) -> Result<Vec<Seen>, ScenarioError> {
    let mut world = World::build(kernel)?;
    let mut out = Vec::new();
    for line in steps.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#')) {
        let before = world.tracer.as_ref().map_or(0, Ops::hits);
        let result = world.step(line)?;
        world.me.quiescent();
        let site = world.function(world.site)?.2;
        let runs = |name: &str| world.attached.get(name).map_or(0, Program::hits);
        out.push(Seen {
            step: line.to_owned(),
            errno: match &result {
                Ok(()) => String::new(),
                Err(e) => e.errno().map_or_else(|| e.to_string(), |n| format!("{n:?}")),
            },
            bytes: hex(&world.engine.text().read(site, 10)?),
            dead: world.ftrace.bug().is_some(),
            tracer: world.tracer.as_ref().map_or(0, |ops| ops.hits() - before),
            kprobe: world.probes.values().map(Kprobe::hits).sum(),
            fentry: runs("fentry"),
            fexit: runs("fexit"),
            xdp: world.xdp.unwrap_or(0),
            patched: world.patched.load(Ordering::Relaxed),
            log: world.ftrace.bug().map(|b| b.message).into_iter().collect(),
        });
    }
    Ok(out)
}
