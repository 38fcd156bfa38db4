//! Probes: a breakpoint at an instruction, a jump in its place, or a ride on ftrace.
//!
//! Rules of `kernel/kprobes.c` and `arch/x86/kernel/kprobes/{core,opt}.c`, v5.17. A probe at a function's traced entry is
//! an ops of ftrace (ae6aa16fdc16, 20120605102832.27845.63461.stgit@localhost.localdomain). Kprobes are the one
//! mechanism that asks others before it writes; a question that nobody asks is a hole (fa68bd09fc62, in 2021:
//! 20210628113045.167127609@infradead.org).

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::ftrace::{self, Flags, Ftrace, Ops, Regs, Save};
use super::{Errno, MechanismError};
use crate::engine::{Engine, GRACE_LIMIT, Retired};
use crate::holder::{HolderId, MechanismId};
use crate::isa::{Bytes, ENDBR64, Insn, PATCH_SIZE};
use crate::ledger::Sharing;
use crate::plan::{Change, Plan};
use crate::poke::{PokeError, breakpoint};
use crate::text::Region;

mod detour;
mod optimise;

use detour::Detour;
pub use optimise::Optimised;

const SAFE: &str = "kernel/kprobes.c: check_kprobe_address_safe(), v5.17";
const FTRACE: &str = "kernel/kprobes.c: arch_check_ftrace_location(), v5.17";
const PREPARE: &str = "arch/x86/kernel/kprobes/core.c: arch_prepare_kprobe(), v5.17";
const REGISTER: &str = "kernel/kprobes.c: register_kprobe(), v5.17";
const ACCEPTS: &str = "another probe at the same address";

type Handler = Box<dyn Fn(&Regs) + Send + Sync>;
/// Asked with a first and a last address whether bytes in between are somebody's.
type Question = Box<dyn Fn(u64, u64) -> bool + Send + Sync>;

struct Inner {
    name: String,
    pre: Handler,
    post: Option<Handler>,
    hits: AtomicU64,
}

/// A probe (`struct kprobe`).
#[derive(Clone)]
pub struct Kprobe(Arc<Inner>);

impl Kprobe {
    /// Calls `pre` before the probed instruction, with [`Regs::ip`] at the probe.
    pub fn new(name: &str, pre: impl Fn(&Regs) + Send + Sync + 'static) -> Self {
        Self(Arc::new(Inner { name: name.to_owned(), pre: Box::new(pre), post: None, hits: AtomicU64::new(0) }))
    }

    /// One that also wants to be called behind the instruction: it cannot become a jump, and on a traced entry it takes
    /// IPMODIFY. Of a probed branch it is called after the handler, before the branch.
    pub fn with_post(
        name: &str,
        pre: impl Fn(&Regs) + Send + Sync + 'static,
        post: impl Fn(&Regs) + Send + Sync + 'static,
    ) -> Self {
        let (pre, post): (Handler, Option<Handler>) = (Box::new(pre), Some(Box::new(post)));
        Self(Arc::new(Inner { name: name.to_owned(), pre, post, hits: AtomicU64::new(0) }))
    }

    /// How often it was hit.
    #[must_use]
    pub fn hits(&self) -> u64 {
        self.0.hits.load(Ordering::Relaxed)
    }
}

type Chain = Arc<RwLock<Vec<Kprobe>>>;

/// How a place is probed.
enum Way {
    Ftrace,
    Breakpoint { detour: Detour, stubs: [Option<Region>; 2], jump: Option<Detour> },
}

struct Place {
    probes: Chain,
    ops: [Ops; 2],
    way: Way,
    /// What stood there: of the whole jump's length.
    original: Bytes,
}

#[derive(Default)]
struct State {
    places: BTreeMap<u64, Place>,
    retired: Vec<(Retired, Option<Ops>)>,
}

/// How a probe was armed, as the list of kprobes shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Armed {
    /// `[FTRACE]`.
    Ftrace,
    /// A breakpoint.
    Breakpoint,
    /// `[OPTIMIZED]`.
    Jump,
}

/// The probes of one engine's text.
pub struct Kprobes {
    engine: Engine,
    holder: HolderId,
    ftrace: Option<Arc<Ftrace>>,
    questions: Vec<(&'static str, Question)>,
    blacklist: Vec<(u64, u64)>,
    /// `sym+0` means the traced entry behind `endbr64` (cc66bb914578, v5.18).
    skip_endbr: bool,
    state: Mutex<State>,
}

fn fail<T>(errno: Errno, rule: &'static str, why: impl Into<String>) -> Result<T, MechanismError> {
    Err(MechanismError::kernel(errno, rule, why))
}

impl Kprobes {
    /// Probes that ride on `ftrace` where there is a site of its.
    ///
    /// # Errors
    /// As [`Engine::holder`].
    pub fn new(engine: &Engine, ftrace: Option<Arc<Ftrace>>) -> Result<Self, MechanismError> {
        let holder = engine.holder(MechanismId::KPROBES, "")?;
        let (questions, blacklist) = (Vec::new(), Vec::new());
        let (engine, state) = (engine.clone(), Mutex::default());
        Ok(Self { engine, holder, ftrace, questions, blacklist, skip_endbr: true, state })
    }

    /// Asks this before a byte is probed: `jump_label_text_reserved`, `static_call_text_reserved`. Every question
    /// that is not asked is a mechanism whose bytes are written over.
    #[must_use]
    pub fn ask(mut self, name: &'static str, reserved: impl Fn(u64, u64) -> bool + Send + Sync + 'static) -> Self {
        self.questions.push((name, Box::new(reserved)));
        self
    }

    /// Functions that are not to be probed (`NOKPROBE_SYMBOL`): from, and behind the last byte.
    #[must_use]
    pub fn forbid(mut self, from: u64, to: u64) -> Self {
        self.blacklist.push((from, to));
        self
    }

    /// As before v5.18: `sym+0` is the first byte, whatever stands there.
    #[must_use]
    pub fn before_ibt(mut self) -> Self {
        self.skip_endbr = false;
        self
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The holder of its bytes.
    #[must_use]
    pub fn holder(&self) -> HolderId {
        self.holder
    }

    /// What stands in the list of probes at an address.
    #[must_use]
    pub fn armed(&self, addr: u64) -> Option<Armed> {
        self.lock().places.get(&addr).map(|p| match p.way {
            Way::Ftrace => Armed::Ftrace,
            Way::Breakpoint { jump: None, .. } => Armed::Breakpoint,
            Way::Breakpoint { jump: Some(_), .. } => Armed::Jump,
        })
    }

    /// Registers a probe; the address is where it stands then (`sym+0` may become `sym+4`).
    ///
    /// # Errors
    /// `-EILSEQ` inside an instruction or a traced entry; `-EINVAL` on bytes that somebody reserves, in functions not to be
    /// probed, and for a probe that is registered; `-ENODEV` if ftrace is dead; `-EBUSY` if it has no room for IPMODIFY.
    pub fn register(&self, addr: u64, probe: &Kprobe) -> Result<u64, MechanismError> {
        let mut state = self.lock();
        self.collect(&mut state);
        let addr = self.adjust(addr)?;
        let on_ftrace = self.check(&state, addr, probe)?;
        if let Some(place) = state.places.get(&addr) {
            if probe.0.post.is_some() && matches!(place.way, Way::Ftrace) && !place.ops[0].0.flags.ipmodify {
                // arm_kprobe() would have to take IPMODIFY for a site that is armed without it.
                return fail(Errno::EBUSY, REGISTER, format!("a probe at {addr:#x} is armed without a post handler"));
            }
            place.probes.write().unwrap_or_else(PoisonError::into_inner).push(probe.clone());
            return Ok(addr);
        }
        let covered = state.places.range(..addr).next_back().map(|(&a, _)| a).filter(|&a| addr < a + PATCH_SIZE as u64);
        if let Some(other) = covered {
            self.unoptimise(&mut state, other)?;
        }
        let place = if on_ftrace { self.arm_ftrace(addr, probe)? } else { self.arm_breakpoint(&state, addr, probe)? };
        state.places.insert(addr, place);
        Ok(addr)
    }

    /// `arch_adjust_kprobe_addr()`: the first byte of a function with `endbr64` means what follows it.
    fn adjust(&self, addr: u64) -> Result<u64, MechanismError> {
        let at_start = self.engine.text().symbol(addr)?.is_some_and(|s| s.addr == addr);
        let endbr = self.engine.text().bytes(addr, 4).is_ok_and(|b| b.as_slice() == ENDBR64);
        Ok(if self.skip_endbr && at_start && endbr { addr + 4 } else { addr })
    }

    /// `check_kprobe_address_safe()`; true if it is ftrace's.
    fn check(&self, state: &State, addr: u64, probe: &Kprobe) -> Result<bool, MechanismError> {
        let registered = |p: &Place| {
            p.probes.read().unwrap_or_else(PoisonError::into_inner).iter().any(|k| Arc::ptr_eq(&k.0, &probe.0))
        };
        if state.places.values().any(registered) {
            return fail(Errno::EINVAL, REGISTER, format!("{} is registered already", probe.0.name));
        }
        let around = self.ftrace.as_ref().and_then(|f| f.around(addr));
        if let Some(site) = around.filter(|&site| site != addr) {
            let name = self.engine.text().describe(site)?;
            return fail(Errno::EILSEQ, FTRACE, format!("{addr:#x} is inside ftrace's site {name}"));
        }
        if self.engine.text().bytes(addr, 1).is_err() {
            return fail(Errno::EINVAL, SAFE, format!("{addr:#x} is not text"));
        }
        if self.blacklist.iter().any(|&(from, to)| (from..to).contains(&addr)) {
            return fail(Errno::EINVAL, SAFE, format!("{} is not to be probed", self.engine.text().describe(addr)?));
        }
        if let Some((name, _)) = self.questions.iter().find(|(_, reserved)| reserved(addr, addr)) {
            let symbol = self.engine.text().describe(addr)?;
            return fail(Errno::EINVAL, SAFE, format!("{symbol} is reserved: {name}({addr:#x}) says so"));
        }
        let boundary = self.engine.text().chunk(addr, 1).is_some_and(|c| c.is_boundary(addr));
        if around.is_none() && !boundary {
            return fail(Errno::EILSEQ, PREPARE, format!("{addr:#x} is inside an instruction"));
        }
        Ok(around.is_some())
    }

    fn ops(&self, addr: u64, chain: &Chain, ipmodify: bool) -> [Ops; 2] {
        let make = |post: bool| {
            let chain = chain.clone();
            Ops::new("kprobe", Flags { save: Save::Regs, ipmodify, ..Flags::default() }, move |regs| {
                let regs = Regs { ip: addr, ..*regs };
                for probe in chain.read().unwrap_or_else(PoisonError::into_inner).iter() {
                    if !post {
                        (probe.0.pre)(&regs);
                        probe.0.hits.fetch_add(1, Ordering::Relaxed);
                    }
                    // An ops of ftrace is called once, so both handlers run there.
                    if let Some(handler) = probe.0.post.as_ref().filter(|_| post || ipmodify) {
                        handler(&regs);
                    }
                }
            })
        };
        [make(false), make(true)]
    }

    fn arm_ftrace(&self, addr: u64, probe: &Kprobe) -> Result<Place, MechanismError> {
        let Some(ftrace) = &self.ftrace else {
            return fail(Errno::EINVAL, FTRACE, "kprobes on ftrace are not built in");
        };
        let probes: Chain = Arc::new(RwLock::new(vec![probe.clone()]));
        let ops = self.ops(addr, &probes, probe.0.post.is_some());
        ftrace.set_filter_ip(&ops[0], addr, false)?;
        ftrace.register(&ops[0])?;
        Ok(Place { probes, ops, way: Way::Ftrace, original: Bytes::nop5() })
    }

    fn arm_breakpoint(&self, state: &State, addr: u64, probe: &Kprobe) -> Result<Place, MechanismError> {
        let (code, _) = self.original(state, addr, 15)?;
        let Some(insns) = detour::instructions(&code, addr, 1) else {
            return fail(Errno::EILSEQ, PREPARE, format!("{addr:#x} cannot be decoded"));
        };
        let probes: Chain = Arc::new(RwLock::new(vec![probe.clone()]));
        let ops = self.ops(addr, &probes, false);
        let first = ftrace::stub(&self.engine, self.holder, &ops[0])?;
        let second = match &probe.0.post {
            Some(_) => Some(ftrace::stub(&self.engine, self.holder, &ops[1])?),
            None => None,
        };
        let branch = insns.iter().any(|i| i.flow_control() != iced_x86::FlowControl::Next);
        let after = second.map(|r| r.addr()).filter(|_| !branch);
        let built = detour::build(&self.engine, self.holder, (&insns, &code), first.addr(), after)?;
        let Some(detour) = built else {
            return fail(Errno::EINVAL, PREPARE, format!("the instruction at {addr:#x} cannot run elsewhere"));
        };
        let site = self.engine.text().site_over(addr, 1)?;
        let byte = Bytes::new(&code[..1]);
        self.engine.claim(site, byte, self.holder, Sharing::Exclusive, ACCEPTS)?;
        if let Some(chunk) = self.engine.text().chunk(addr, 1) {
            chunk.add_site(addr);
        }
        if !breakpoint::set(addr, detour.region.addr()) {
            self.engine.release(site, self.holder)?;
            return fail(Errno::E2BIG, PREPARE, format!("{} breakpoints are in use", breakpoint::MAX));
        }
        // arch_arm_kprobe() compares nothing: it writes over what is there.
        let found = self.engine.text().bytes(addr, 1)?;
        if let Err(e) = self.engine.poke(self.holder, [Change::new(site, found, Insn::Int3)]) {
            breakpoint::clear(addr);
            self.engine.release(site, self.holder)?;
            return Err(e.into());
        }
        let original = Bytes::new(&code[..PATCH_SIZE.min(code.len())]);
        let way = Way::Breakpoint { detour, stubs: [Some(first), second], jump: None };
        Ok(Place { probes, ops, way, original })
    }

    /// Text as it was before probes, from `addr` to at most the end of its function, and where that ends
    /// (`recover_probed_instruction()`).
    fn original(&self, state: &State, addr: u64, len: usize) -> Result<(Vec<u8>, u64), MechanismError> {
        let text = self.engine.text();
        let end = text.symbol(addr)?.map_or(addr + len as u64, |s| s.addr + s.len);
        let len = len.min((end - addr) as usize);
        let mut code = text.read(addr, len)?;
        for (&at, place) in state.places.range(addr.saturating_sub(PATCH_SIZE as u64)..addr + len as u64) {
            let known = match place.way {
                Way::Ftrace => 0,
                Way::Breakpoint { jump: None, .. } => 1,
                Way::Breakpoint { .. } => PATCH_SIZE,
            };
            for (i, &byte) in place.original.as_slice().iter().take(known).enumerate() {
                if let Some(slot) = (at + i as u64).checked_sub(addr).and_then(|o| code.get_mut(o as usize)) {
                    *slot = byte;
                }
            }
        }
        Ok((code, end))
    }

    /// Removes a probe; with the last one its byte is put back.
    ///
    /// # Errors
    /// `-EINVAL` if it is not registered. That ftrace is dead is told to nobody.
    pub fn unregister(&self, probe: &Kprobe) -> Result<(), MechanismError> {
        const RULE: &str = "kernel/kprobes.c: __unregister_kprobe_top(), v5.17";
        let mut state = self.lock();
        let of = |p: &Place| {
            p.probes.read().unwrap_or_else(PoisonError::into_inner).iter().position(|k| Arc::ptr_eq(&k.0, &probe.0))
        };
        let Some((addr, index)) = state.places.iter().find_map(|(&a, p)| Some((a, of(p)?))) else {
            return fail(Errno::EINVAL, RULE, format!("{} is not registered", probe.0.name));
        };
        let chain = state.places[&addr].probes.clone();
        let last = chain.read().unwrap_or_else(PoisonError::into_inner).len() == 1;
        if last {
            self.disarm(&mut state, addr)?;
        } else {
            chain.write().unwrap_or_else(PoisonError::into_inner).remove(index);
        }
        self.collect(&mut state);
        Ok(())
    }

    fn disarm(&self, state: &mut State, addr: u64) -> Result<(), MechanismError> {
        self.unoptimise(state, addr)?;
        let Some(place) = state.places.get(&addr) else { return Ok(()) };
        let Way::Breakpoint { detour, stubs, .. } = place.way else {
            // unregister_kprobe() returns nothing: if ftrace is dead there is a warning, the site stays armed, and its ops
            // finds nobody to call.
            if let Some(ftrace) = &self.ftrace
                && let Err(e) = ftrace.unregister(&place.ops[0])
                && ftrace.bug().is_none()
            {
                return Err(e);
            }
            place.probes.write().unwrap_or_else(PoisonError::into_inner).clear();
            state.places.remove(&addr);
            return Ok(());
        };
        let site = self.engine.text().site_over(addr, 1)?;
        let first = Bytes::new(&place.original.as_slice()[..1]);
        // arch_disarm_kprobe() writes the byte back without a look at what is there.
        let found = self.engine.text().bytes(addr, 1)?;
        let back = Change { emulate: Some(Insn::Jmp(detour.copy)), ..Change::new(site, found, Insn::Raw(first)) };
        self.engine.poke(self.holder, [back])?;
        breakpoint::clear(addr);
        self.engine.release(site, self.holder)?;
        if let Some(place) = state.places.remove(&addr) {
            state.retired.push((self.engine.retire(detour.region, self.holder)?, None));
            for (stub, ops) in stubs.into_iter().zip(place.ops) {
                if let Some(stub) = stub {
                    state.retired.push((self.engine.retire(stub, self.holder)?, Some(ops)));
                }
            }
        }
        Ok(())
    }

    /// Frees code that everybody has left.
    fn collect(&self, state: &mut State) {
        for (retired, ops) in std::mem::take(&mut state.retired) {
            if let Err((retired, _)) = self.engine.try_reclaim(retired) {
                state.retired.push((retired, ops));
            }
        }
    }

    /// Code of removed probes that somebody may still be in.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.lock().retired.len()
    }

    fn settled(&self) -> Result<(), MechanismError> {
        Ok(self.engine.grace().wait(self.engine.grace().begin(), GRACE_LIMIT).map_err(PokeError::from)?)
    }

    fn apply(&self, change: Change) -> Result<(), MechanismError> {
        self.engine.apply(&Plan::new(self.holder, [change])?)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
