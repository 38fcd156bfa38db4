//! Claimants that go through ftrace, or around it: probes, trampolines, live patches.

use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};

use super::claimant::{Claimant, Denied, JUMP_LABEL, STATIC_CALL, SUCCESS};
use super::era::Era;
use super::subject::Subject;
use crate::runner::ScenarioError;
use provenance_engine::mechanism::ftrace::{Flags, Ftrace, Ops};
use provenance_engine::mechanism::kprobe::{Kprobe, Kprobes, Optimised};
use provenance_engine::mechanism::livepatch::{Livepatch, PatchId, Replacement};
use provenance_engine::mechanism::trampoline::{Ipmodify, Kind, Program, Trampoline};

pub(super) fn claimant(era: Era, subject: &Subject, index: usize) -> Result<Box<dyn Claimant>, ScenarioError> {
    Ok(match era {
        Era::Kprobe | Era::Optprobe => Box::new(Probe::new(era, subject)?),
        Era::KprobePost => {
            Box::new(PostProbe { ftrace: subject.ftrace()?, ops: None, retired: 0, entry: subject.entry })
        }
        Era::Trampoline2019 | Era::Trampoline2022 => Box::new(Programs::new(era, subject)?),
        _ => {
            let ((counter, to), ftrace) = (subject.effects[index], subject.ftrace()?);
            let klp = subject.one.livepatch.get_or_init(|| Arc::new(Livepatch::new(ftrace.clone()))).clone();
            Box::new(Patch { era, subject: subject.share(), klp, ftrace, asked: false, id: None, to, counter, turn: 0 })
        }
    })
}

/// A probe at the entry, or behind it where it can become a jump.
struct Probe {
    era: Era,
    at: u64,
    entry: u64,
    kprobes: Arc<Kprobes>,
    ftrace: Option<Arc<Ftrace>>,
    probes: Vec<Kprobe>,
    retired: u64,
}

impl Probe {
    fn new(era: Era, subject: &Subject) -> Result<Self, ScenarioError> {
        // Where the entry is a branch or a call of its own, it is no site of ftrace's.
        let own = subject.eras.iter().any(|e| matches!(e, Era::StaticCall | Era::JumpLabel));
        let ftrace = if own { None } else { Some(subject.ftrace()?) };
        let mut kprobes = Kprobes::new(&subject.engine, ftrace.clone())?;
        let kprobes = subject.one.kprobes.get_or_init(|| {
            for question in [JUMP_LABEL, STATIC_CALL] {
                let reserved = subject.reserved.clone();
                kprobes = kprobes.ask(question, move |from, to| {
                    let reserved = reserved.lock().unwrap_or_else(PoisonError::into_inner);
                    reserved.iter().any(|&(q, at)| q == question && at <= to && at + 5 > from)
                });
            }
            Arc::new(kprobes)
        });
        let kprobes = kprobes.clone();
        let at = if era == Era::Optprobe { subject.behind } else { subject.entry };
        Ok(Self { era, at, entry: subject.entry, kprobes, ftrace, probes: Vec::new(), retired: 0 })
    }
}

impl Claimant for Probe {
    fn label(&self) -> String {
        self.era.label()
    }
    fn rule(&self) -> &'static str {
        if self.era == Era::Optprobe {
            "arch/x86/kernel/kprobes/opt.c: can_optimize(), v5.17"
        } else {
            "kernel/kprobes.c: check_kprobe_address_safe(), v5.17"
        }
    }
    fn install(&mut self) -> Result<String, Denied> {
        let probe = Kprobe::new("probe", |_| {});
        self.kprobes.register(self.at, &probe)?;
        self.probes.push(probe);
        if self.era == Era::Kprobe {
            return Ok(SUCCESS.into());
        }
        Ok(match self.kprobes.optimise(self.at)? {
            Optimised::Yes => "success; a jump after five jiffies".into(),
            Optimised::No(why) => format!("success; stays a breakpoint: {why}"),
            other => format!("success; {other:?}"),
        })
    }
    /// Another probe comes to the same place, and goes.
    fn update(&mut self) -> Result<String, Denied> {
        let probe = Kprobe::new("other", |_| {});
        self.kprobes.register(self.at, &probe)?;
        self.kprobes.unregister(&probe)?;
        Ok(SUCCESS.into())
    }
    fn remove(&mut self) -> Result<String, Denied> {
        for probe in self.probes.drain(..) {
            self.kprobes.unregister(&probe)?;
            self.retired += probe.hits();
        }
        Ok(SUCCESS.into())
    }
    fn hits(&self) -> u64 {
        self.retired + self.probes.iter().map(Kprobe::hits).sum::<u64>()
    }
    fn health(&self) -> Option<String> {
        self.ftrace.as_ref().filter(|_| self.era == Era::Kprobe)?.bug().map(|b| b.message)
    }
    fn place(&self) -> u64 {
        self.at - self.entry
    }
    fn sharing(&self) -> &'static str {
        "ftrace's list of ops"
    }
}

/// A probe at the entry that wants to run behind it too: kprobes keeps a second ftrace_ops for those, with IPMODIFY, and arms
/// the probe by registering it.
struct PostProbe {
    ftrace: Arc<Ftrace>,
    ops: Option<Ops>,
    retired: u64,
    entry: u64,
}

impl Claimant for PostProbe {
    fn label(&self) -> String {
        Era::KprobePost.label()
    }
    fn rule(&self) -> &'static str {
        "kernel/kprobes.c: arm_kprobe_ftrace() with kprobe_ipmodify_ops, v5.17"
    }
    fn install(&mut self) -> Result<String, Denied> {
        let ops = Ops::new("kprobe_ipmodify_ops", Flags { ipmodify: true, ..Flags::default() }, |_| {});
        self.ftrace.set_filter_ip(&ops, self.entry, false)?;
        self.ftrace.register(&ops)?;
        self.ops = Some(ops);
        Ok(SUCCESS.into())
    }
    /// The probe is disabled and enabled again.
    fn update(&mut self) -> Result<String, Denied> {
        self.remove()?;
        self.install()
    }
    fn remove(&mut self) -> Result<String, Denied> {
        if let Some(ops) = self.ops.take() {
            self.ftrace.unregister(&ops)?;
            self.retired += ops.hits();
        }
        Ok(SUCCESS.into())
    }
    fn hits(&self) -> u64 {
        self.retired + self.ops.as_ref().map_or(0, Ops::hits)
    }
    fn health(&self) -> Option<String> {
        self.ftrace.bug().map(|b| b.message)
    }
    fn sharing(&self) -> &'static str {
        "ftrace's list of ops"
    }
}

/// A BPF program before the function.
struct Programs {
    era: Era,
    trampoline: Arc<Trampoline>,
    ftrace: Arc<Ftrace>,
    program: Option<Program>,
    retired: u64,
}

impl Programs {
    fn new(era: Era, subject: &Subject) -> Result<Self, ScenarioError> {
        let ftrace = subject.ftrace()?;
        let old = subject.eras.iter().any(|e| matches!(e, Era::Trampoline2019 | Era::Livepatch));
        let rule = if old { Ipmodify::Refuse } else { Ipmodify::Negotiate };
        let trampoline = match subject.one.trampoline.get() {
            Some(trampoline) => trampoline.clone(),
            None => {
                let new = Arc::new(Trampoline::new(&subject.engine, Some(&ftrace), subject.site, 3, rule)?);
                subject.one.trampoline.get_or_init(|| new).clone()
            }
        };
        Ok(Self { era, trampoline, ftrace, program: None, retired: 0 })
    }
}

impl Claimant for Programs {
    fn label(&self) -> String {
        self.era.label()
    }
    fn rule(&self) -> &'static str {
        "kernel/bpf/trampoline.c: register_fentry(), v5.17: register_ftrace_direct()"
    }
    fn install(&mut self) -> Result<String, Denied> {
        let program = Program::new("fentry", Kind::Fentry, |_| 0);
        self.trampoline.attach(&program)?;
        self.program = Some(program);
        Ok(SUCCESS.into())
    }
    /// A program behind the function comes, and goes: two new images.
    fn update(&mut self) -> Result<String, Denied> {
        let program = Program::new("fexit", Kind::Fexit, |_| 0);
        self.trampoline.attach(&program)?;
        self.trampoline.detach(&program)?;
        Ok(SUCCESS.into())
    }
    fn remove(&mut self) -> Result<String, Denied> {
        if let Some(program) = self.program.take() {
            self.retired += program.hits();
            self.trampoline.detach(&program)?;
        }
        Ok(SUCCESS.into())
    }
    fn hits(&self) -> u64 {
        self.retired + self.program.as_ref().map_or(0, Program::hits)
    }
    fn health(&self) -> Option<String> {
        self.ftrace.bug().map(|b| b.message)
    }
    fn sharing(&self) -> &'static str {
        "ftrace's list of ops, the trampoline after it"
    }
}

/// A live patch of the function.
struct Patch {
    era: Era,
    subject: Subject,
    klp: Arc<Livepatch>,
    ftrace: Arc<Ftrace>,
    asked: bool,
    id: Option<PatchId>,
    to: [u64; 2],
    counter: &'static AtomicU64,
    turn: usize,
}

impl Patch {
    fn enable(&mut self) -> Result<PatchId, Denied> {
        if let Some(trampoline) = self.subject.one.trampoline.get().filter(|_| !self.asked) {
            self.klp.ask(trampoline.clone());
            self.asked = true;
        }
        let replacement = Replacement { old: self.subject.entry, new: self.to[self.turn] };
        Ok(self.klp.enable("patch", &[replacement])?)
    }
}

impl Claimant for Patch {
    fn label(&self) -> String {
        self.era.label()
    }
    fn rule(&self) -> &'static str {
        "kernel/livepatch/patch.c: klp_patch_func(), v5.17: an ops with IPMODIFY"
    }
    fn install(&mut self) -> Result<String, Denied> {
        self.id = Some(self.enable()?);
        Ok(SUCCESS.into())
    }
    /// A second patch on top, then the first leaves.
    fn update(&mut self) -> Result<String, Denied> {
        self.turn ^= 1;
        let next = self.enable()?;
        if let Some(old) = self.id.replace(next) {
            self.klp.disable(old)?;
        }
        Ok(SUCCESS.into())
    }
    fn remove(&mut self) -> Result<String, Denied> {
        if let Some(id) = self.id.take() {
            self.klp.disable(id)?;
        }
        Ok(SUCCESS.into())
    }
    fn hits(&self) -> u64 {
        self.counter.load(Ordering::Relaxed)
    }
    fn health(&self) -> Option<String> {
        self.ftrace.bug().map(|b| b.message)
    }
    fn stacks(&self) -> bool {
        true
    }
    fn sharing(&self) -> &'static str {
        "ftrace's list of ops: the patch changes where the list returns to"
    }
}
