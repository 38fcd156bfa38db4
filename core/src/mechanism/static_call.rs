//! Static calls: a call to a function that can be changed, without an indirect branch.
//!
//! Posted by Rostedt 2018-10-06 (20181006015110.653946300@goodmis.org) after Biesheuvel 2018-10-05
//! (20181005081333.15018-1-ard.biesheuvel@linaro.org); merged from Zijlstra's v7
//! (20200818135735.948368560@infradead.org). Rules of `kernel/static_call_inline.c` and
//! `arch/x86/kernel/static_call.c`, v5.17; Jcc tails from v6.3 (923510c88d2b).
//!
//! What a site becomes:
//!
//! | | function | NULL | return 0 |
//! |---|---|---|---|
//! | call | CALL | nop5 | `xor eax, eax` |
//! | tail | JMP | RET | JMP |
//! | Jcc tail | Jcc | Jcc to a RET | Jcc |
//!
//! The kernel syncs for each site; here an update is one batch. [`StaticCall::update_by_site`] does as the kernel does,
//! to be compared with.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Instant;

use super::MechanismError;
use crate::engine::Engine;
use crate::holder::{HolderId, MechanismId};
use crate::isa::{Bytes, Insn, PATCH_SIZE, TRAMP_SIGNATURE};
use crate::ledger::Sharing;
use crate::plan::{Change, Plan, opcode};
use crate::poke::{Applied, Cursor};
use crate::site::Site;
use crate::text::builder::Builder;

const RULE: &str = "arch/x86/kernel/static_call.c: __static_call_validate(), v5.17";
const ACCEPTS: &str = "nothing; call static_call_text_reserved() and stay away";

/// What a key calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Func {
    /// A function.
    To(u64),
    /// Nothing: calls return with whatever is in RAX; arguments are evaluated all the same.
    Null,
    /// `__static_call_return0`.
    Ret0,
}

/// A place that calls the key.
#[derive(Debug, Clone, Copy)]
pub struct CallSite {
    /// The instruction.
    pub site: Site,
    /// Whether it is a tail call: a jump.
    pub tail: bool,
}

/// The five-byte jump and its signature that out-of-line callers go through, appended to a builder before it is
/// loaded.
#[derive(Debug, Clone, Copy)]
pub struct Trampoline {
    /// Where callers go.
    pub entry: crate::text::Label,
}

impl Trampoline {
    /// Lays out a trampoline to `func`: `jmp func` or `ret`, five bytes, then the signature.
    pub fn build(b: &mut Builder, name: &str, func: Option<u64>) -> Self {
        b.at(8, 0);
        let entry = b.function(&format!("__SCT__{name}"));
        match func {
            Some(func) => {
                b.jmp(func);
            }
            None => {
                b.code(&[0xc3, 0xcc, 0xcc, 0xcc, 0xcc]);
            }
        }
        b.data(&TRAMP_SIGNATURE);
        Self { entry }
    }
}

struct Inner {
    func: Func,
    sites: Vec<CallSite>,
}

/// A key: one function, its trampoline and the sites that call it directly.
pub struct StaticCall {
    engine: Engine,
    holder: HolderId,
    name: String,
    trampoline: Option<Site>,
    /// A function that returns 0, and one that only returns: targets of what cannot be encoded inline.
    stubs: Stubs,
    state: Mutex<Inner>,
}

/// The two functions that every architecture needs.
#[derive(Debug, Clone, Copy)]
struct Stubs {
    return0: u64,
    ret: u64,
}

impl StaticCall {
    /// A key named `name`, with its trampoline at `trampoline` if it has one (`None`: inline sites only).
    ///
    /// # Errors
    /// [`MechanismError::Bug`] if the trampoline lacks the signature; a refusal of the ledger.
    pub fn new(engine: &Engine, name: &str, trampoline: Option<u64>, func: Func) -> Result<Self, MechanismError> {
        let holder = engine.holder(MechanismId::STATIC_CALL, name)?;
        let mut b = Builder::new();
        let return0 = b.here();
        b.code(&[0x31, 0xc0]).ret();
        b.at(16, 0);
        let ret = b.here();
        b.ret();
        let loaded = engine.load(b, holder)?;
        let stubs = Stubs { return0: loaded.addr(return0)?, ret: loaded.addr(ret)? };
        let trampoline = trampoline
            .map(|addr| {
                let signature = engine.text().bytes(addr + PATCH_SIZE as u64, 3)?;
                if signature.as_slice() != TRAMP_SIGNATURE {
                    let why = format!("{addr:#x} is no trampoline: {signature} behind the jump, wanted 0f b9 cc");
                    return Err(MechanismError::Bug { rule: RULE, why });
                }
                let site = engine.text().site(addr, PATCH_SIZE)?;
                let found = engine.text().bytes(addr, PATCH_SIZE)?;
                engine.claim(site, found, holder, Sharing::Exclusive, ACCEPTS)?;
                Ok(site)
            })
            .transpose()?;
        let state = Mutex::new(Inner { func, sites: Vec::new() });
        let key = Self { engine: engine.clone(), holder, name: name.to_owned(), trampoline, stubs, state };
        Ok(key)
    }

    /// Adds the sites of a module that is coming, and brings them to the present function, in one batch.
    ///
    /// # Errors
    /// [`MechanismError::Bug`] if a site holds another instruction; the ledger's refusal. No site is added then.
    pub fn add_sites(&self, sites: &[CallSite]) -> Result<Applied, MechanismError> {
        let mut state = self.lock();
        let mut changes = Vec::with_capacity(sites.len());
        for (i, s) in sites.iter().enumerate() {
            let claimed = self.claim(s).and_then(|()| {
                self.change(s, state.func, &mut Cursor::new(self.engine.text())).inspect_err(|_| {
                    let _ = self.engine.release(s.site, self.holder);
                })
            });
            match claimed {
                Ok(change) => changes.push(change),
                Err(e) => {
                    for s in &sites[..i] {
                        self.engine.release(s.site, self.holder)?;
                    }
                    return Err(e);
                }
            }
        }
        let plan = Plan::new(self.holder, changes)?;
        match self.engine.apply(&plan) {
            Ok(applied) => {
                state.sites.extend_from_slice(sites);
                Ok(applied)
            }
            Err(e) => {
                for s in sites {
                    self.engine.release(s.site, self.holder)?;
                }
                Err(e.into())
            }
        }
    }

    /// Claims a site, whatever call it holds; if another has it, the refusal names the empty call as what was wanted.
    fn claim(&self, call: &CallSite) -> Result<(), MechanismError> {
        let (addr, len) = (call.site.addr(), call.site.len());
        let found = self.engine.text().bytes(addr, len)?;
        let held = self.engine.ledger()?.overlapping(addr, len).any(|c| c.holder != self.holder);
        let empty = if call.tail { Insn::Ret } else { Insn::Nop(len as u8) };
        let expect = match empty.encode_slot(addr, len) {
            Ok(empty) if held => empty,
            _ => found,
        };
        self.engine.claim(call.site, expect, self.holder, Sharing::Exclusive, ACCEPTS)?;
        Ok(())
    }

    /// Forgets sites of a module that goes.
    ///
    /// # Errors
    /// If one of them is not this key's.
    pub fn remove_sites(&self, sites: &[CallSite]) -> Result<(), MechanismError> {
        let mut state = self.lock();
        for s in sites {
            self.engine.release(s.site, self.holder)?;
        }
        state.sites.retain(|have| !sites.iter().any(|s| s.site == have.site));
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The present function.
    #[must_use]
    pub fn func(&self) -> Func {
        self.lock().func
    }

    /// The key's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The holder of its bytes.
    #[must_use]
    pub fn holder(&self) -> HolderId {
        self.holder
    }

    /// The kernel's check by opcode, and the transform.
    fn change(&self, call: &CallSite, func: Func, text: &mut Cursor<'_>) -> Result<Change, MechanismError> {
        let (addr, len) = (call.site.addr(), call.site.len());
        let now = text.bytes(addr, len)?;
        let insn = opcode(&now, addr);
        let cond = match insn {
            Some(Insn::Jcc(cond, _)) => Some(cond),
            _ => None,
        };
        let fits = match insn {
            Some(Insn::Call(_)) => !call.tail,
            Some(Insn::Nop(5)) | Some(Insn::Ret0) => !call.tail,
            Some(Insn::Jmp(_) | Insn::Ret | Insn::Jcc(..)) => call.tail,
            _ => false,
        };
        if !fits {
            let kind = if call.tail { "tail: jmp, ret or jcc" } else { "call: call, nop5 or xor5" };
            let name = self.engine.text().describe(addr)?;
            return Err(MechanismError::Bug {
                rule: RULE,
                why: format!("{addr:#x} {name}: found {now}, wanted a {kind}"),
            });
        }
        let change = |new| Change::new(call.site, now, new);
        Ok(match (call.tail, cond, func) {
            (true, Some(cond), Func::To(to)) => change(Insn::Jcc(cond, to)),
            (true, Some(cond), Func::Null) => change(Insn::Jcc(cond, self.stubs.ret)),
            (true, Some(cond), Func::Ret0) => change(Insn::Jcc(cond, self.stubs.return0)),
            (true, None, Func::To(to)) => change(Insn::Jmp(to)),
            (true, None, Func::Null) => change(Insn::Ret),
            (true, None, Func::Ret0) => change(Insn::Jmp(self.stubs.return0)),
            (false, _, Func::To(to)) => change(Insn::Call(to)),
            (false, _, Func::Null) => change(Insn::Nop(5)),
            (false, _, Func::Ret0) => Change { emulate: Some(Insn::Call(self.stubs.return0)), ..change(Insn::Ret0) },
        })
    }

    fn changes(&self, state: &Inner, func: Func) -> Result<Vec<Change>, MechanismError> {
        let mut text = Cursor::new(self.engine.text());
        let trampoline = self.trampoline.map(|site| CallSite { site, tail: true });
        trampoline.iter().chain(&state.sites).map(|s| self.change(s, func, &mut text)).collect()
    }

    /// Makes every call go to `func`: trampoline and sites in one batch, three syncs.
    ///
    /// # Errors
    /// [`MechanismError::Bug`] where the kernel would stop; nothing is written then.
    pub fn update(&self, func: Func) -> Result<Applied, MechanismError> {
        let mut state = self.lock();
        let changes = self.changes(&state, func)?;
        if changes.is_empty() || state.func == func {
            state.func = func;
            return Ok(Applied::default());
        }
        let applied = self.engine.poke(self.holder, changes)?;
        state.func = func;
        Ok(applied)
    }

    /// As [`StaticCall::update`], but one poke for each site, trampoline first, as `__static_call_update()` does.
    ///
    /// # Errors
    /// As [`StaticCall::update`]; sites before the failing one are changed.
    pub fn update_by_site(&self, func: Func) -> Result<Applied, MechanismError> {
        self.update_paced(func, &mut || ())
    }

    /// Calls `pace` before each site, outside of the time that is counted: a benchmark waits there for its executor.
    pub(crate) fn update_paced(&self, func: Func, pace: &mut dyn FnMut()) -> Result<Applied, MechanismError> {
        let mut state = self.lock();
        let mut total = Applied::default();
        for change in self.changes(&state, func)? {
            pace();
            let start = Instant::now();
            let applied = self.engine.poke(self.holder, [change])?;
            total.poke += start.elapsed();
            total.written += applied.written;
            total.unchanged += applied.unchanged;
            total.syncs += applied.syncs;
            total.kernel_syncs += applied.kernel_syncs;
        }
        state.func = func;
        Ok(total)
    }

    /// Whether one of the sites lies in `start..=end`: `static_call_text_reserved()`, whose end is inclusive. The
    /// kernel's kprobes ask this before they write.
    #[must_use]
    pub fn text_reserved(&self, start: u64, end: u64) -> bool {
        let state = self.lock();
        state.sites.iter().any(|s| s.site.addr() <= end && s.site.addr() + PATCH_SIZE as u64 > start)
    }

    /// The bytes of a site now, and what they are.
    ///
    /// # Errors
    /// If the site is not in this engine's text.
    pub fn probe(&self, call: &CallSite) -> Result<(Bytes, Option<Insn>), MechanismError> {
        let bytes = self.engine.text().bytes(call.site.addr(), call.site.len())?;
        Ok((bytes, opcode(&bytes, call.site.addr())))
    }

    /// Releases all that the key holds. The text keeps its last state.
    ///
    /// # Errors
    /// Those of the ledger.
    pub fn remove(&self) -> Result<(), MechanismError> {
        let mut state = self.lock();
        for s in state.sites.drain(..) {
            self.engine.release(s.site, self.holder)?;
        }
        if let Some(site) = self.trampoline {
            self.engine.release(site, self.holder)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
