//! Static keys: a branch that costs a nop while it is not taken (jump labels). Rules of `kernel/jump_label.c`
//! and `arch/x86/kernel/jump_label.c`, v5.17; two-byte sites since ab3257042c26
//! (20210506194158.216763632@infradead.org), batches since c0213b0ac03c
//! (cover.1560325897.git.bristot@redhat.com).
//!
//! A key counts its users. `0 → -1 → text → 1`: whoever reads a positive count also sees the text. The
//! instruction is a jump where `enabled XOR branch`, else a nop of the same length.

use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::MechanismError;
use crate::engine::Engine;
use crate::holder::{HolderId, MechanismId};
use crate::isa::{Bytes, Insn};
use crate::ledger::{LedgerError, Sharing};
use crate::plan::{Change, Plan, PlanError};
use crate::poke::{Applied, PokeError};
use crate::site::Site;

const RULE: &str = "arch/x86/kernel/jump_label.c: __jump_label_patch(), v5.17";
const ACCEPTS: &str = "nothing; call jump_label_text_reserved() and stay away";

/// One branch on a key: an entry of `__jump_table`.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// The nop or jump, of two or five bytes.
    pub site: Site,
    /// Where the jump goes.
    pub target: u64,
    /// Whether the branch was laid out for the likely case of a true key (the jump is then taken while false).
    pub branch: bool,
}

impl Entry {
    fn insn(&self, enabled: bool) -> Insn {
        match (enabled != self.branch, self.site.len()) {
            (true, 2) => Insn::Jmp8(self.target),
            (true, _) => Insn::Jmp(self.target),
            (false, len) => Insn::Nop(len as u8),
        }
    }
}

/// The branches, and the two plans that turn all of them: made when first needed, since a key is turned more often than it
/// gets branches.
#[derive(Default)]
struct Entries {
    list: Vec<Entry>,
    plans: Option<[Plan; 2]>,
}

/// A counted key with any number of branches.
pub struct StaticKey {
    engine: Engine,
    holder: HolderId,
    /// Positive: enabled by so many. -1: the first is being enabled.
    enabled: AtomicI32,
    entries: Mutex<Entries>,
}

impl StaticKey {
    /// A key that begins `on` or off.
    ///
    /// # Errors
    /// As [`Engine::holder`].
    pub fn new(engine: &Engine, name: &str, on: bool) -> Result<Self, MechanismError> {
        let holder = engine.holder(MechanismId::JUMP_LABEL, name)?;
        Ok(Self { engine: engine.clone(), holder, enabled: AtomicI32::new(on.into()), entries: Mutex::default() })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The holder of its bytes.
    #[must_use]
    pub fn holder(&self) -> HolderId {
        self.holder
    }

    /// The number of users; a key that is just being enabled counts as one (`static_key_count()`).
    #[must_use]
    pub fn count(&self) -> i32 {
        let n = self.enabled.load(Ordering::Acquire);
        if n < 0 { 1 } else { n }
    }

    /// Whether anybody wants it on.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.count() > 0
    }

    fn bug(&self, entry: &Entry, found: Bytes, wanted: impl std::fmt::Display) -> MechanismError {
        let (addr, len) = (entry.site.addr(), entry.site.len());
        let name = self.engine.text().called(addr);
        MechanismError::Bug {
            rule: RULE,
            why: format!("unexpected op at {addr:#x} {name}: found {found}, wanted {wanted}, size {len}"),
        }
    }

    /// Adds branches and brings them to the key's state, in one batch. Each must hold its nop or its jump.
    ///
    /// # Errors
    /// [`MechanismError::Bug`] for any other instruction; the ledger's refusal. No branch is added then.
    pub fn add(&self, entries: &[Entry]) -> Result<Applied, MechanismError> {
        let mut list = self.lock();
        let on = self.is_enabled();
        let mut changes: Vec<Change> = Vec::with_capacity(entries.len());
        for entry in entries {
            match self.claim(entry, on) {
                Ok(change) => changes.push(change),
                Err(e) => {
                    for change in &changes {
                        self.engine.release(change.site, self.holder)?;
                    }
                    return Err(e);
                }
            }
        }
        let applied = self.engine.poke(self.holder, changes.iter().copied());
        match applied {
            Ok(applied) => {
                list.list.extend_from_slice(entries);
                list.plans = None;
                Ok(applied)
            }
            Err(e) => {
                for change in &changes {
                    self.engine.release(change.site, self.holder)?;
                }
                Err(e.into())
            }
        }
    }

    /// Claims a branch and checks that it holds its nop or its jump: the object file may have either.
    fn claim(&self, entry: &Entry, on: bool) -> Result<Change, MechanismError> {
        let (addr, len) = (entry.site.addr(), entry.site.len());
        let found = self.engine.text().bytes(addr, len)?;
        let states = [entry.insn(on), entry.insn(!on)].map(|i| i.encode_slot(addr, len));
        let fits = matches!(len, 2 | 5) && states.iter().any(|s| s.as_ref().is_ok_and(|b| *b == found));
        let expect = match &states[0] {
            Ok(state) if !fits => *state,
            _ => found,
        };
        let claimed = self.engine.claim(entry.site, expect, self.holder, Sharing::Exclusive, ACCEPTS);
        let held_by_other = matches!(&claimed, Err(PokeError::Ledger(LedgerError::Refused(r))) if r.held.is_some());
        if !fits && !held_by_other {
            if claimed.is_ok() {
                self.engine.release(entry.site, self.holder)?;
            }
            return Err(self.bug(entry, found, "its nop or its jump"));
        }
        claimed?;
        Ok(Change::new(entry.site, found, entry.insn(on)))
    }

    /// Brings all branches to a state. Every byte is compared first (`BUG()` in the kernel), and all before any is
    /// written.
    fn patch(&self, entries: &mut Entries, on: bool) -> Result<Applied, MechanismError> {
        let Entries { list, plans } = entries;
        if list.is_empty() {
            return Ok(Applied::default());
        }
        let plans = match plans {
            Some(plans) => plans,
            None => plans.insert([self.plan(list, false)?, self.plan(list, true)?]),
        };
        self.engine.apply(&plans[usize::from(on)]).map_err(|e| match e {
            PokeError::Refused(r) => match list.iter().find(|entry| entry.site.addr() == r.addr) {
                Some(entry) => self.bug(entry, r.found, r.wanted),
                None => PokeError::Refused(r).into(),
            },
            e => e.into(),
        })
    }

    fn plan(&self, list: &[Entry], on: bool) -> Result<Plan, PlanError> {
        let changes = list.iter().map(|entry| {
            let expect = entry.insn(!on).encode_slot(entry.site.addr(), entry.site.len())?;
            Ok(Change::new(entry.site, expect, entry.insn(on)))
        });
        Plan::new(self.holder, changes.collect::<Result<Vec<_>, PlanError>>()?)
    }

    /// One user more; the first turns the branches (`static_key_slow_inc()`).
    ///
    /// # Errors
    /// As `patch`: the count is as before then.
    pub fn inc(&self) -> Result<Applied, MechanismError> {
        let positive = |n: i32| (n > 0).then(|| n.saturating_add(1));
        if self.enabled.try_update(Ordering::AcqRel, Ordering::Acquire, positive).is_ok() {
            return Ok(Applied::default());
        }
        let mut list = self.lock();
        if self.enabled.try_update(Ordering::AcqRel, Ordering::Acquire, positive).is_ok() {
            return Ok(Applied::default());
        }
        self.enabled.store(-1, Ordering::Release);
        let done = self.patch(&mut list, true);
        self.enabled.store(i32::from(done.is_ok()), Ordering::Release);
        done
    }

    /// One user less; the last turns the branches back (`static_key_slow_dec()`).
    ///
    /// # Errors
    /// [`MechanismError::Bug`] below zero, where the kernel warns; as `patch`.
    pub fn dec(&self) -> Result<Applied, MechanismError> {
        let above_one = |n: i32| (n > 1).then(|| n - 1);
        if self.enabled.try_update(Ordering::AcqRel, Ordering::Acquire, above_one).is_ok() {
            return Ok(Applied::default());
        }
        let mut list = self.lock();
        if self.enabled.try_update(Ordering::AcqRel, Ordering::Acquire, above_one).is_ok() {
            return Ok(Applied::default());
        }
        if self.enabled.load(Ordering::Acquire) != 1 {
            let rule = "kernel/jump_label.c: __static_key_slow_dec_cpuslocked(), v5.17";
            return Err(MechanismError::Bug { rule, why: "negative count: dec without inc".into() });
        }
        self.enabled.store(0, Ordering::Release);
        let done = self.patch(&mut list, false);
        if done.is_err() {
            self.enabled.store(1, Ordering::Release);
        }
        done
    }

    /// On, if it is off (`static_key_enable()`): for keys that are not counted.
    ///
    /// # Errors
    /// As [`StaticKey::inc`].
    pub fn enable(&self) -> Result<Applied, MechanismError> {
        if self.is_enabled() { Ok(Applied::default()) } else { self.inc() }
    }

    /// Off, if it is on with one user.
    ///
    /// # Errors
    /// As [`StaticKey::dec`].
    pub fn disable(&self) -> Result<Applied, MechanismError> {
        if self.is_enabled() { self.dec() } else { Ok(Applied::default()) }
    }

    /// Whether one of the branches lies in `start..=end` (`jump_label_text_reserved()`).
    #[must_use]
    pub fn text_reserved(&self, start: u64, end: u64) -> bool {
        self.lock().list.iter().any(|e| e.site.addr() <= end && e.site.addr() + e.site.len() as u64 > start)
    }

    /// Releases all branches; the text keeps its state.
    ///
    /// # Errors
    /// Those of the ledger.
    pub fn remove(&self) -> Result<(), MechanismError> {
        let mut entries = self.lock();
        entries.plans = None;
        for entry in entries.list.drain(..) {
            self.engine.release(entry.site, self.holder)?;
        }
        Ok(())
    }
}

/// A key whose last `dec` waits: `static_key_slow_dec_deferred()`, a limit on how often text is patched for one that
/// goes on and off.
pub struct Deferred {
    key: Arc<StaticKey>,
    timeout: Duration,
    due: Mutex<Option<Instant>>,
}

impl Deferred {
    /// Decrements at least `timeout` after they were asked for.
    #[must_use]
    pub fn new(key: Arc<StaticKey>, timeout: Duration) -> Self {
        Self { key, timeout, due: Mutex::new(None) }
    }

    /// The key, for `inc`.
    #[must_use]
    pub fn key(&self) -> &StaticKey {
        &self.key
    }

    /// Asks for a decrement. If one is pending, this one is done at once, since it is not the last.
    ///
    /// # Errors
    /// As [`StaticKey::dec`].
    pub fn dec(&self) -> Result<(), MechanismError> {
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        if due.is_some() || self.key.count() > 1 {
            return self.key.dec().map(drop);
        }
        *due = Some(Instant::now() + self.timeout);
        Ok(())
    }

    /// Does what is due, or everything pending with `flush`. True if a decrement was done.
    ///
    /// # Errors
    /// As [`StaticKey::dec`].
    pub fn run(&self, flush: bool) -> Result<bool, MechanismError> {
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        if due.is_some_and(|at| flush || Instant::now() >= at) {
            *due = None;
            return self.key.dec().map(|_| true);
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests;
