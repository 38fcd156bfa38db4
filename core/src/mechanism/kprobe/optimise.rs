//! A jump in place of a breakpoint: five bytes, whatever instructions they were
//! (`arch/x86/kernel/kprobes/opt.c`, v5.17).

use iced_x86::{FlowControl, OpKind};

use super::detour::{self, Detour};
use super::{ACCEPTS, Kprobes, State, Way};
use crate::isa::{Bytes, Insn, PATCH_SIZE};
use crate::ledger::Sharing;
use crate::mechanism::MechanismError;
use crate::plan::Change;
use crate::poke::breakpoint;

/// Whether a breakpoint became a jump.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Optimised {
    /// It is one now, or was.
    Yes,
    /// It stays a breakpoint, because of this.
    No(String),
}

fn no(why: impl Into<String>) -> Result<Optimised, MechanismError> {
    Ok(Optimised::No(why.into()))
}

impl Kprobes {
    /// What the optimiser does five jiffies after a probe was armed: where five bytes allow it, the breakpoint
    /// becomes a jump, after a grace period, because somebody may have been preempted between its instructions.
    ///
    /// # Errors
    /// Those of the engine. What the kernel leaves a breakpoint is [`Optimised::No`].
    pub fn optimise(&self, addr: u64) -> Result<Optimised, MechanismError> {
        let mut state = self.lock();
        let Some(place) = state.places.get(&addr) else { return no("no probe is there") };
        let (stub, single) = match place.way {
            Way::Ftrace => return no("it goes through ftrace"),
            Way::Breakpoint { jump: Some(_), .. } => return Ok(Optimised::Yes),
            Way::Breakpoint { stubs: [Some(stub), _], detour, .. } => (stub, detour.region.addr()),
            Way::Breakpoint { .. } => return no("it has no handler"),
        };
        let post = |k: &super::Kprobe| k.0.post.is_some();
        if place.probes.read().unwrap_or_else(std::sync::PoisonError::into_inner).iter().any(post) {
            return no("a post handler wants to be called behind the instruction");
        }
        let detour = match self.can(&state, addr, stub.addr())? {
            Ok(detour) => detour,
            Err(why) => return Ok(Optimised::No(why)),
        };
        // Nobody may be between the instructions that the jump replaces: from now on the breakpoint leads around all of
        // them (`setup_detour_execution()`), and who went between them before has left when the grace period is over.
        breakpoint::set(addr, detour.region.addr());
        if let Err(e) = self.settled() {
            breakpoint::set(addr, single);
            state.retired.push((self.engine.retire(detour.region, self.holder)?, None));
            return Err(e);
        }
        let (one, five) = (self.engine.text().site_over(addr, 1)?, self.engine.text().site_over(addr, PATCH_SIZE)?);
        self.engine.release(one, self.holder)?;
        let found = self.engine.text().bytes(addr, PATCH_SIZE)?;
        let done =
            self.engine.claim(five, found, self.holder, Sharing::Exclusive, ACCEPTS).map_err(MechanismError::from);
        let done = done.and_then(|_| {
            self.apply(Change::new(five, found, Insn::Jmp(detour.region.addr())))
                .inspect_err(|_| drop(self.engine.release(five, self.holder)))
        });
        if let Err(e) = done {
            self.engine.claim(one, Bytes::new(&found.as_slice()[..1]), self.holder, Sharing::Exclusive, ACCEPTS)?;
            breakpoint::set(addr, single);
            state.retired.push((self.engine.retire(detour.region, self.holder)?, None));
            return no(e.to_string());
        }
        if let Some(Way::Breakpoint { jump, .. }) = state.places.get_mut(&addr).map(|p| &mut p.way) {
            *jump = Some(detour);
        }
        Ok(Optimised::Yes)
    }

    /// `can_optimize()` and `copy_optimized_instructions()`.
    fn can(&self, state: &State, addr: u64, stub: u64) -> Result<Result<Detour, String>, MechanismError> {
        let Some(symbol) = self.engine.text().symbol(addr)? else { return Ok(Err("it is in no function".into())) };
        let (code, end) = self.original(state, symbol.addr, symbol.len as usize)?;
        let here = &code[(addr - symbol.addr) as usize..];
        let Some(insns) = detour::instructions(here, addr, PATCH_SIZE) else {
            return Ok(Err(format!("fewer than {PATCH_SIZE} bytes are left of the function")));
        };
        let next = insns.last().map_or(addr, iced_x86::Instruction::next_ip);
        if next > end {
            return Ok(Err(format!("fewer than {PATCH_SIZE} bytes are left of the function")));
        }
        // What a jump of five bytes would cover of others: they are asked, and so is the next probe.
        let last = addr + PATCH_SIZE as u64 - 1;
        if let Some((&other, _)) = state.places.range(addr + 1..next).next() {
            return Ok(Err(format!("another probe stands at {other:#x}")));
        }
        if let Some((name, _)) = self.questions.iter().find(|(_, reserved)| reserved(addr, last)) {
            return Ok(Err(format!("{name}({addr:#x}, {last:#x}) says no")));
        }
        if let Some(site) = self.ftrace.as_ref().and_then(|f| f.around(last)) {
            return Ok(Err(format!("ftrace has a site at {site:#x}")));
        }
        let mut at = 0;
        while at < code.len() {
            let Some(insn) =
                detour::instructions(&code[at..], symbol.addr + at as u64, 1).and_then(|v| v.first().copied())
            else {
                // Padding behind the function's last instruction.
                at += 1;
                continue;
            };
            let target = insn.op0_kind() == OpKind::NearBranch64;
            if target && (addr + 1..next).contains(&insn.near_branch_target()) {
                return Ok(Err(format!("{:#x} jumps to {:#x}, inside", insn.ip(), insn.near_branch_target())));
            }
            if insn.flow_control() == FlowControl::IndirectBranch {
                return Ok(Err(format!("an indirect jump at {:#x} could go inside", insn.ip())));
            }
            at += insn.len();
        }
        let leaves = |i: &iced_x86::Instruction| i.flow_control() != FlowControl::Next;
        if insns.iter().any(leaves) {
            return Ok(Err("a branch is among the instructions".into()));
        }
        let built = detour::build(&self.engine, self.holder, (&insns, here), stub, None)?;
        Ok(built.ok_or_else(|| "an instruction cannot run elsewhere".to_owned()))
    }

    /// A breakpoint again: before another probe is put inside, or this one leaves.
    pub(super) fn unoptimise(&self, state: &mut State, addr: u64) -> Result<(), MechanismError> {
        let Some(place) = state.places.get_mut(&addr) else { return Ok(()) };
        let Way::Breakpoint { jump, detour: single, .. } = &mut place.way else { return Ok(()) };
        let Some(detour) = jump.take() else { return Ok(()) };
        let single = single.region.addr();
        let five = self.engine.text().site_over(addr, PATCH_SIZE)?;
        let found = self.engine.text().bytes(addr, PATCH_SIZE)?;
        // In one batch: whoever traps meanwhile runs the copies of all the instructions that were covered.
        let back = Change::new(five, found, Insn::Raw(place.original));
        self.apply(Change { emulate: Some(Insn::Jmp(detour.region.addr())), ..back })?;
        self.engine.release(five, self.holder)?;
        let one = self.engine.text().site_over(addr, 1)?;
        let first = Bytes::new(&place.original.as_slice()[..1]);
        self.engine.claim(one, first, self.holder, Sharing::Exclusive, ACCEPTS)?;
        breakpoint::set(addr, single);
        self.apply(Change::new(one, first, Insn::Int3))?;
        state.retired.push((self.engine.retire(detour.region, self.holder)?, None));
        Ok(())
    }
}
