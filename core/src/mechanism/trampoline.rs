//! BPF trampolines: programs before, instead of and after a function, in one image that its entry calls.
//!
//! Rules of `kernel/bpf/trampoline.c`, v5.17 (20191114185720.1641606-1-ast@kernel.org). Where ftrace knows the entry it
//! is asked (`register_ftrace_direct()`); elsewhere five bytes are compared and written. Every change of the set of
//! programs is a new image; the old one is retired when nobody is in it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::ftrace::{Direct, Ftrace};
use super::{Errno, MechanismError};
use crate::engine::{Engine, Retired};
use crate::holder::{HolderId, MechanismId};
use crate::isa::{Bytes, Insn, PATCH_SIZE};
use crate::ledger::Sharing;
use crate::plan::{Change, PlanError};
use crate::site::Site;
use crate::text::Region;

mod image;
mod program;

pub use program::{Context, Kind, Program};

/// Programs around one function (`BPF_MAX_TRAMP_PROGS`); v5.17 counts those before and after, here all kinds count.
pub const MAX_PROGS: usize = 38;
/// Arguments that are passed in registers.
pub const MAX_ARGS: usize = 6;

const LINK: &str = "kernel/bpf/trampoline.c: bpf_trampoline_link_prog(), v5.17";
const REGISTER: &str = "kernel/bpf/trampoline.c: register_fentry(), v5.17";
const POKE: &str = "arch/x86/net/bpf_jit_comp.c: bpf_arch_text_poke(), v5.17";
const SHARE: &str = "kernel/trace/ftrace.c: __ftrace_hash_update_ipmodify(), v5.5";
const ACCEPTS: &str = "nothing while a program is attached";

/// What happens where a livepatch or another user of IPMODIFY has the same function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Ipmodify {
    /// v5.5 to v5.19: a direct call counts as one more user of IPMODIFY, and one is all.
    Refuse,
    /// Since v6.0 (20220720002126.803253-1-song@kernel.org): the trampoline is asked to call what its return address says, and
    /// not the function that it was built for.
    Negotiate,
    /// The mistake of 2025 (20251027175023.1521602-1-song@kernel.org): it is not asked, and calls the old body.
    Unasked,
}

struct Image {
    region: Region,
    /// The nop behind the call of the original, and where it is to jump when the image is retired.
    after_call: Option<(u64, u64)>,
}

#[derive(Default)]
struct State {
    programs: Vec<Program>,
    replaced: Option<Program>,
    image: Option<Image>,
    /// The body is what the return address says.
    orig_stack: bool,
    retired: Vec<(Retired, Vec<Program>)>,
    generation: u64,
}

/// The trampoline of one function (`struct bpf_trampoline`).
pub struct Trampoline {
    engine: Engine,
    holder: HolderId,
    ftrace: Option<Arc<Ftrace>>,
    site: Site,
    ipmodify: Ipmodify,
    state: Mutex<State>,
}

fn fail<T>(errno: Errno, rule: &'static str, why: impl Into<String>) -> Result<T, MechanismError> {
    Err(MechanismError::kernel(errno, rule, why))
}

impl Trampoline {
    /// For the function whose patchable entry is `site`, with `args` integer arguments. Where `ftrace` knows the site, it is
    /// ftrace that writes.
    ///
    /// # Errors
    /// `-ENOTSUPP` more than six arguments; `-EFAULT` an address inside a site of ftrace.
    pub fn new(
        engine: &Engine,
        ftrace: Option<&Arc<Ftrace>>,
        site: Site,
        args: usize,
        ipmodify: Ipmodify,
    ) -> Result<Self, MechanismError> {
        if args > MAX_ARGS {
            let rule = "arch/x86/net/bpf_jit_comp.c: arch_prepare_bpf_trampoline(), v5.17";
            return fail(Errno::ENOTSUPP, rule, format!("{args} arguments, {MAX_ARGS} are in registers"));
        }
        let around = ftrace.and_then(|f| f.around(site.addr()));
        if let Some(other) = around.filter(|&a| a != site.addr()) {
            return fail(Errno::EFAULT, REGISTER, format!("{:#x} is inside ftrace's site {other:#x}", site.addr()));
        }
        Ok(Self {
            holder: engine.holder(MechanismId::BPF_TRAMPOLINE, &engine.text().describe(site.addr())?)?,
            engine: engine.clone(),
            ftrace: around.and(ftrace).cloned(),
            site,
            ipmodify,
            state: Mutex::default(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether ftrace writes its site.
    #[must_use]
    pub fn ftrace_managed(&self) -> bool {
        self.ftrace.is_some()
    }

    /// The holder of its bytes, where it writes them itself.
    #[must_use]
    pub fn holder(&self) -> HolderId {
        self.holder
    }

    /// Its site's address.
    #[must_use]
    pub fn site(&self) -> u64 {
        self.site.addr()
    }

    /// How many programs are attached.
    #[must_use]
    pub fn attached(&self) -> usize {
        let state = self.lock();
        state.programs.len() + usize::from(state.replaced.is_some())
    }

    /// Images that somebody may still be in.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.lock().retired.len()
    }

    /// Attaches a program. Of a kind the newest runs first.
    ///
    /// # Errors
    /// `-EBUSY` attached already, or a replacement and others exclude each other, or another user of IPMODIFY, or the bytes
    /// are not as expected; `-E2BIG` the 39th; `-ENODEV` ftrace is dead. Nothing is changed then.
    pub fn attach(&self, program: &Program) -> Result<(), MechanismError> {
        let mut state = self.lock();
        if state.replaced.is_some() {
            return fail(Errno::EBUSY, LINK, "the function is replaced");
        }
        if program.kind() == Kind::Replace {
            if !state.programs.is_empty() {
                return fail(Errno::EBUSY, LINK, format!("{} programs are attached", state.programs.len()));
            }
            let image = image::replacement(&self.engine, self.holder, program)?;
            if let Err(e) = self.turn(None, Some(Insn::Jmp(image.addr()))) {
                // Kept if the turn is half done and leads there; what is said is why the turn failed.
                let _ = self.engine.discard(image, self.holder);
                return Err(e);
            }
            state.image = Some(Image { region: image, after_call: None });
            state.replaced = Some(program.clone());
            return Ok(());
        }
        if state.programs.len() >= MAX_PROGS {
            return fail(Errno::E2BIG, LINK, format!("{MAX_PROGS} programs are attached"));
        }
        if state.programs.iter().any(|p| p.is(program)) {
            return fail(Errno::EBUSY, LINK, format!("{} is attached already", program.name()));
        }
        self.share(&mut state)?;
        state.programs.insert(0, program.clone());
        self.update(&mut state).inspect_err(|_| {
            state.programs.remove(0);
        })
    }

    /// Detaches a program.
    ///
    /// # Errors
    /// `-ENOENT` if it is not attached; `-EBUSY` the bytes are not as expected; `-ENODEV` ftrace is dead.
    pub fn detach(&self, program: &Program) -> Result<(), MechanismError> {
        let mut state = self.lock();
        if state.replaced.as_ref().is_some_and(|p| p.is(program)) {
            let old = state.image.as_ref().map(|i| Insn::Jmp(i.region.addr()));
            self.turn(old, None)?;
            let gone = state.replaced.take().into_iter().collect();
            self.retire(&mut state, None, gone)?;
            return Ok(());
        }
        let Some(at) = state.programs.iter().position(|p| p.is(program)) else {
            return fail(Errno::ENOENT, LINK, format!("{} is not attached", program.name()));
        };
        let gone = state.programs.remove(at);
        self.update(&mut state).inspect_err(|_| state.programs.insert(at, gone))
    }

    /// Asked by a livepatch that wants the same function (`FTRACE_OPS_CMD_ENABLE_SHARE_IPMODIFY_PEER`).
    ///
    /// # Errors
    /// `-EBUSY` where the rules of its time refuse.
    pub(crate) fn share_with_ipmodify(&self) -> Result<(), MechanismError> {
        let mut state = self.lock();
        if self.ipmodify != Ipmodify::Refuse
            && let Some(ftrace) = &self.ftrace
        {
            ftrace.share_direct(self.site.addr());
        }
        if state.programs.is_empty() || self.ipmodify == Ipmodify::Unasked {
            return Ok(());
        }
        if self.ipmodify == Ipmodify::Refuse {
            return fail(Errno::EBUSY, SHARE, "a direct call holds IPMODIFY on the same function");
        }
        state.orig_stack = true;
        self.update(&mut state)
    }

    fn share(&self, state: &mut State) -> Result<(), MechanismError> {
        let Some(other) = self.ftrace.as_ref().and_then(|f| f.ipmodify(self.site.addr())) else { return Ok(()) };
        match self.ipmodify {
            Ipmodify::Refuse => fail(Errno::EBUSY, SHARE, format!("{other} holds IPMODIFY on the same function")),
            by => {
                if let Some(ftrace) = &self.ftrace {
                    ftrace.share_direct(self.site.addr());
                }
                state.orig_stack = by == Ipmodify::Negotiate;
                Ok(())
            }
        }
    }

    /// `bpf_trampoline_update()`: a new image for the programs there are, then the site, then the old image.
    fn update(&self, state: &mut State) -> Result<(), MechanismError> {
        self.collect(state);
        let old = state.image.as_ref().map(|i| i.region.addr());
        let new = if state.programs.is_empty() {
            None
        } else {
            state.generation += 1;
            let name = format!("bpf_trampoline_{:x}_{}", self.site.addr(), state.generation);
            let body = if state.orig_stack { None } else { Some(self.site.addr() + PATCH_SIZE as u64) };
            Some(image::build(&self.engine, self.holder, &name, &state.programs, body)?)
        };
        let call = |addr: Option<u64>| addr.map(Insn::Call);
        if let Err(e) = self.turn(call(old), call(new.as_ref().map(|i| i.region.addr()))) {
            if let Some(image) = new {
                let _ = self.engine.discard(image.region, self.holder);
            }
            return Err(e);
        }
        let running = state.programs.clone();
        self.retire(state, new, running)?;
        if state.programs.is_empty() {
            state.orig_stack = false;
        }
        Ok(())
    }

    /// Puts `new` in the place of the present image, which skips its programs for whoever comes back to it, and is freed when
    /// everybody has left. It keeps alive the programs that it calls.
    fn retire(&self, state: &mut State, new: Option<Image>, programs: Vec<Program>) -> Result<(), MechanismError> {
        let Some(old) = std::mem::replace(&mut state.image, new) else { return Ok(()) };
        if let Some((nop, end)) = old.after_call {
            let site = self.engine.text().site(nop, PATCH_SIZE)?;
            self.engine.claim(site, Bytes::nop5(), self.holder, Sharing::Exclusive, ACCEPTS)?;
            self.engine.poke(self.holder, [Change::new(site, Bytes::nop5(), Insn::Jmp(end))])?;
        }
        state.retired.push((self.engine.retire(old.region, self.holder)?, programs));
        self.collect(state);
        Ok(())
    }

    fn collect(&self, state: &mut State) {
        for (retired, programs) in std::mem::take(&mut state.retired) {
            if let Err((retired, _)) = self.engine.try_reclaim(retired) {
                state.retired.push((retired, programs));
            }
        }
    }

    /// Changes the site, through ftrace or by itself.
    fn turn(&self, old: Option<Insn>, new: Option<Insn>) -> Result<(), MechanismError> {
        let Some(ftrace) = &self.ftrace else { return self.poke(old, new) };
        let direct = |insn: Insn| match insn {
            Insn::Jmp(target) => Direct { target, jmp: true },
            Insn::Call(target) => Direct { target, jmp: false },
            _ => Direct { target: 0, jmp: false },
        };
        let ip = self.site.addr();
        match (old.map(direct), new.map(direct)) {
            (None, Some(new)) => ftrace.register_direct(ip, new),
            (Some(old), Some(new)) => ftrace.modify_direct(ip, old, new),
            (Some(old), None) => ftrace.unregister_direct(ip, old),
            (None, None) => Ok(()),
        }
    }

    /// `bpf_arch_text_poke()`: compares, and is refused by `-EBUSY`.
    fn poke(&self, old: Option<Insn>, new: Option<Insn>) -> Result<(), MechanismError> {
        let (addr, insn) = (self.site.addr(), |i: Option<Insn>| i.unwrap_or(Insn::Nop(5)));
        let expect = insn(old).encode(addr).map_err(PlanError::from)?;
        if old.is_none() {
            self.engine.claim(self.site, expect, self.holder, Sharing::Exclusive, ACCEPTS)?;
        }
        let found = self.engine.text().bytes(addr, PATCH_SIZE)?;
        let done = if found == expect {
            self.engine.poke(self.holder, [Change::new(self.site, expect, insn(new))]).map(drop).map_err(Into::into)
        } else {
            let symbol = self.engine.text().describe(addr)?;
            let refusal = self.engine.ledger()?.refusal(addr, expect, found, self.holder, &symbol);
            fail(Errno::EBUSY, POKE, refusal.to_string())
        };
        let keep = if done.is_ok() { new.is_some() } else { old.is_some() };
        if !keep {
            self.engine.release(self.site, self.holder)?;
        }
        done
    }
}

#[cfg(test)]
mod tests;
