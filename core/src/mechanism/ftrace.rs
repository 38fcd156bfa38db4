//! Function tracing: the nop at a function's entry becomes a call to a trampoline, and back.
//!
//! Rules of `kernel/trace/ftrace.c` and `arch/x86/kernel/ftrace.c`, v5.4 (the era of the dispatcher's first form);
//! poked as one batch since 768ae4406a5c (20191111131252.921588318@infradead.org). Direct calls:
//! 20191108212834.594904349@goodmis.org.
//!
//! Every record is verified before any is written. A mismatch is `ftrace_bug()`: nothing is written, and ftrace is dead
//! until reboot; what was armed before stays armed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Errno, MechanismError};
use crate::engine::{Engine, Retired};
use crate::holder::{HolderId, MechanismId};
use crate::isa::{Bytes, Insn, PATCH_SIZE};
use crate::ledger::Sharing;
use crate::plan::{Change, Plan, PlanError};
use crate::site::Site;
use crate::text::Region;

pub mod ops;
mod query;
mod trampoline;

pub use ops::{Direct, Flags, Ops, Regs, Save};
use ops::{Inner, List, Snapshot};

const GROUP: Sharing = Sharing::Shared("ftrace");
const ACCEPTS: &str = "a call to an ops trampoline, or the direct API";
const VERIFY: &str = "arch/x86/kernel/ftrace.c: ftrace_verify_code(), v5.4";
const REGISTER: &str = "kernel/trace/ftrace.c: register_ftrace_function(), v5.4";
const IPMODIFY: &str = "kernel/trace/ftrace.c: __ftrace_hash_update_ipmodify(), v5.4";
const DIRECT: &str = "kernel/trace/ftrace.c: register_ftrace_direct(), v5.5";

/// The report of `ftrace_bug()`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Bug {
    /// The site.
    pub ip: u64,
    /// What stands there.
    pub actual: Bytes,
    /// What ftrace had written there, or believed.
    pub expected: Bytes,
    /// The whole message.
    pub message: String,
}

/// What ftrace believes of one site (`struct dyn_ftrace`).
struct Record {
    site: Site,
    armed: Option<Direct>,
}

struct Registered {
    ops: Ops,
    trampoline: Region,
}

struct State {
    records: BTreeMap<u64, Record>,
    ops: Vec<Registered>,
    directs: BTreeMap<u64, Direct>,
    dead: Option<Bug>,
    enabled: bool,
    /// `direct_ops` is a permanent ops (v5.5 to v5.19).
    directs_permanent: bool,
    /// Sites whose direct call and IPMODIFY were negotiated.
    shared: BTreeSet<u64>,
    retired: Vec<(Retired, Ops)>,
}

/// The tracer of one engine's text.
pub struct Ftrace {
    engine: Engine,
    holder: HolderId,
    list: Arc<List>,
    /// The trampolines that go through all ops.
    caller: [u64; 2],
    state: Mutex<State>,
}

/// Code that calls an ops' callback with all registers, and comes back: for those who enter it by themselves.
pub(crate) fn stub(engine: &Engine, holder: HolderId, ops: &Ops) -> Result<Region, MechanismError> {
    let data = Arc::as_ptr(&ops.0) as u64;
    let code = trampoline::build(Save::Regs, ops::dispatch_one as *const () as u64, data);
    Ok(engine.load(code, holder)?.region)
}

fn dead(bug: &Bug, rule: &'static str) -> MechanismError {
    MechanismError::kernel(Errno::ENODEV, rule, format!("ftrace is dead until restart: {}", bug.message))
}

/// What a caller gets whose registration failed its verification: not the `-EINVAL` of the check, because the update
/// returns nothing, but what is asked after it.
fn killed(bug: Option<&Bug>, error: MechanismError) -> MechanismError {
    const RULE: &str = "kernel/trace/ftrace.c: ftrace_startup(), v5.10.218";
    match bug {
        Some(bug) => MechanismError::kernel(Errno::ENODEV, RULE, format!("ftrace is dead now: {}", bug.message)),
        None => error,
    }
}

impl Ftrace {
    /// A tracer that knows no site yet.
    ///
    /// # Errors
    /// If its trampolines cannot be laid out.
    pub fn new(engine: &Engine) -> Result<Self, MechanismError> {
        let holder = engine.holder(MechanismId::FTRACE, "")?;
        let list = Arc::new(List::default());
        let data = Arc::as_ptr(&list) as u64;
        let dispatch = ops::dispatch_list as *const () as u64;
        let load = |save| engine.load(trampoline::build(save, dispatch, data), holder).map(|l| l.region.addr());
        let caller = [load(Save::Args)?, load(Save::Regs)?];
        let state = State {
            records: BTreeMap::new(),
            ops: Vec::new(),
            directs: BTreeMap::new(),
            dead: None,
            enabled: true,
            directs_permanent: true,
            shared: BTreeSet::new(),
            retired: Vec::new(),
        };
        Ok(Self { engine: engine.clone(), holder, list, caller, state: Mutex::new(state) })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the sites of a `__mcount_loc` table: a call to `fentry` becomes a nop, a nop stays.
    ///
    /// # Errors
    /// `-EINVAL` and death on anything else; `-ENODEV` when dead.
    pub fn add_sites(&self, sites: &[Site], fentry: u64) -> Result<(), MechanismError> {
        let mut state = self.lock();
        if let Some(bug) = &state.dead {
            return Err(dead(bug, REGISTER));
        }
        let mut changes = Vec::new();
        for site in sites {
            let call = Insn::Call(fentry).encode(site.addr()).map_err(PlanError::from)?;
            let found = self.engine.text().bytes(site.addr(), PATCH_SIZE)?;
            if found == call {
                changes.push(Change::new(*site, call, Insn::Nop(5)));
            } else if found != Bytes::nop5() {
                return Err(self.die(&mut state, site.addr(), found, call, "initialising a call site"));
            }
        }
        for change in &changes {
            self.engine.claim(change.site, change.expect, self.holder, GROUP, ACCEPTS)?;
        }
        if !changes.is_empty() {
            self.engine.poke(self.holder, changes.iter().copied())?;
        }
        for change in &changes {
            self.engine.release(change.site, self.holder)?;
        }
        state.records.extend(sites.iter().map(|s| (s.addr(), Record { site: *s, armed: None })));
        Ok(())
    }

    /// Whether the address begins a site that ftrace knows (`ftrace_location()`).
    #[must_use]
    pub fn location(&self, addr: u64) -> bool {
        self.lock().records.contains_key(&addr)
    }

    fn die(&self, state: &mut State, ip: u64, actual: Bytes, expected: Bytes, doing: &str) -> MechanismError {
        let name = self.engine.text().called(ip);
        let refusal = self.engine.books().refusal(ip, expected, actual, self.holder, &name);
        let message = format!("ftrace bug: {doing} {ip:#x} {name}, actual: {actual}, expected: {expected}; {refusal}");
        let error = MechanismError::kernel(Errno::EINVAL, VERIFY, message.clone());
        state.dead = Some(Bug { ip, actual, expected, message });
        error
    }

    /// Registers an ops: its sites are armed in one batch.
    ///
    /// # Errors
    /// `-EBUSY` registered already, IPMODIFY taken, or a permanent ops while tracing is off; `-EINVAL` IPMODIFY without a
    /// filter; `-ENODEV` dead, or killed by the verification of just this call. The ledger's refusal comes before the
    /// verification, and kills nothing.
    pub fn register(&self, ops: &Ops) -> Result<(), MechanismError> {
        let mut state = self.lock();
        if let Some(bug) = &state.dead {
            return Err(dead(bug, REGISTER));
        }
        let fail = |errno, rule, why: String| Err(MechanismError::kernel(errno, rule, why));
        if state.ops.iter().any(|r| Arc::ptr_eq(&r.ops.0, &ops.0)) {
            return fail(Errno::EBUSY, REGISTER, format!("{} is registered already", ops.name()));
        }
        if ops.0.flags.permanent && !state.enabled {
            return fail(Errno::EBUSY, REGISTER, "a permanent ops while ftrace_enabled is 0".into());
        }
        self.check_ipmodify(&state, ops, None)?;
        let data = Arc::as_ptr(&ops.0) as u64;
        let code = trampoline::build(ops.0.flags.save, ops::dispatch_one as *const () as u64, data);
        let trampoline = self.engine.load(code, self.holder)?.region;
        state.ops.push(Registered { ops: ops.clone(), trampoline });
        self.publish_list(&state);
        self.update(&mut state).map_err(|error| {
            // Rolled back, as after a refused IPMODIFY; nothing was written.
            if let Some(gone) = state.ops.pop() {
                self.publish_list(&state);
                let _ = self.engine.retire(gone.trampoline, self.holder).map(|r| state.retired.push((r, gone.ops)));
            }
            killed(state.dead.as_ref(), error)
        })
    }

    fn check_ipmodify(&self, state: &State, ops: &Ops, extra: Option<u64>) -> Result<(), MechanismError> {
        if !ops.0.flags.ipmodify {
            return Ok(());
        }
        let mut filter = ops.0.filter.lock().unwrap_or_else(PoisonError::into_inner).clone();
        filter.extend(extra);
        if filter.is_empty() {
            let why = "IPMODIFY on every function: set a filter first";
            return Err(MechanismError::kernel(Errno::EINVAL, IPMODIFY, why));
        }
        let taken = |r: &&Registered| {
            r.ops.0.flags.ipmodify && !Arc::ptr_eq(&r.ops.0, &ops.0) && filter.iter().any(|&ip| r.ops.wants(ip))
        };
        if let Some(ip) = filter.iter().find(|&ip| state.directs.contains_key(ip) && !state.shared.contains(ip)) {
            let why = format!("a direct call at {ip:#x} is a user of IPMODIFY, and was not asked to share");
            return Err(MechanismError::kernel(Errno::EBUSY, IPMODIFY, why));
        }
        match state.ops.iter().find(taken) {
            Some(r) => {
                let why = format!("{} modifies the instruction pointer of the same function", r.ops.name());
                Err(MechanismError::kernel(Errno::EBUSY, IPMODIFY, why))
            }
            None => Ok(()),
        }
    }

    /// Removes an ops; sites that nobody wants any more become nops.
    ///
    /// # Errors
    /// `-ENOENT` if it is not registered; `-ENODEV` when dead, and the sites stay as they are.
    pub fn unregister(&self, ops: &Ops) -> Result<(), MechanismError> {
        let mut state = self.lock();
        if let Some(bug) = &state.dead {
            return Err(dead(bug, "kernel/trace/ftrace.c: unregister_ftrace_function(), v5.4"));
        }
        let Some(at) = state.ops.iter().position(|r| Arc::ptr_eq(&r.ops.0, &ops.0)) else {
            let rule = "kernel/trace/ftrace.c: __unregister_ftrace_function(), v5.4";
            return Err(MechanismError::kernel(Errno::ENOENT, rule, format!("{} is not registered", ops.name())));
        };
        let gone = state.ops.remove(at);
        if let Err(e) = self.update(&mut state) {
            state.ops.insert(at, gone);
            return Err(e);
        }
        self.publish_list(&state);
        let retired = self.engine.retire(gone.trampoline, self.holder)?;
        state.retired.push((retired, gone.ops));
        self.collect(&mut state);
        Ok(())
    }

    /// Frees trampolines that everybody has left; the others stay for the next time.
    fn collect(&self, state: &mut State) {
        for (retired, ops) in std::mem::take(&mut state.retired) {
            if let Err((retired, _)) = self.engine.try_reclaim(retired) {
                state.retired.push((retired, ops));
            }
        }
    }

    /// Adds a site to an ops' filter, or removes it (`ftrace_set_filter_ip()`).
    ///
    /// # Errors
    /// `-EINVAL` not a site; `-ENOENT` removing what is not in the filter; as [`Ftrace::register`] when registered.
    pub fn set_filter_ip(&self, ops: &Ops, ip: u64, remove: bool) -> Result<(), MechanismError> {
        const RULE: &str = "kernel/trace/ftrace.c: ftrace_match_addr(), v5.4";
        let mut state = self.lock();
        if let Some(bug) = &state.dead {
            return Err(dead(bug, RULE));
        }
        if !state.records.contains_key(&ip) {
            return Err(MechanismError::kernel(Errno::EINVAL, RULE, format!("{ip:#x} is not a site")));
        }
        let registered = state.ops.iter().any(|r| Arc::ptr_eq(&r.ops.0, &ops.0));
        if registered && !remove {
            self.check_ipmodify(&state, ops, Some(ip))?;
        }
        {
            let mut filter = ops.0.filter.lock().unwrap_or_else(PoisonError::into_inner);
            if remove && !filter.remove(&ip) {
                return Err(MechanismError::kernel(Errno::ENOENT, RULE, format!("{ip:#x} is not in the filter")));
            } else if !remove {
                filter.insert(ip);
            }
        }
        if registered {
            self.publish_list(&state);
            self.update(&mut state)?;
        }
        Ok(())
    }

    /// Puts a direct call on a site.
    ///
    /// # Errors
    /// `-ENODEV` dead, killed by this call, or no record; `-EBUSY` another direct call.
    pub fn register_direct(&self, ip: u64, direct: Direct) -> Result<(), MechanismError> {
        let mut state = self.lock();
        self.direct_record(&state, ip)?;
        if state.directs.contains_key(&ip) {
            return Err(MechanismError::kernel(Errno::EBUSY, DIRECT, format!("{ip:#x} has a direct call")));
        }
        let modifies = state.ops.iter().any(|r| r.ops.0.flags.ipmodify && r.ops.wants(ip));
        if modifies && !state.shared.contains(&ip) {
            return Err(MechanismError::kernel(
                Errno::EBUSY,
                IPMODIFY,
                format!("{ip:#x} is held by a user of IPMODIFY"),
            ));
        }
        if state.directs_permanent && !state.enabled {
            return Err(MechanismError::kernel(Errno::EBUSY, DIRECT, "a permanent ops while ftrace_enabled is 0"));
        }
        self.engine.check_call(ip, direct.target)?;
        self.set_direct(&mut state, ip, Some(direct))
    }

    /// Replaces a direct call; both old and new are run by somebody meanwhile, never neither.
    ///
    /// # Errors
    /// `-ENODEV` dead or none there; `-EINVAL` it is another.
    pub fn modify_direct(&self, ip: u64, old: Direct, new: Direct) -> Result<(), MechanismError> {
        let mut state = self.lock();
        self.attached(&state, ip, old)?;
        self.engine.check_call(ip, new.target)?;
        self.set_direct(&mut state, ip, Some(new))
    }

    /// Removes a direct call.
    ///
    /// # Errors
    /// As [`Ftrace::modify_direct`].
    pub fn unregister_direct(&self, ip: u64, old: Direct) -> Result<(), MechanismError> {
        let mut state = self.lock();
        self.attached(&state, ip, old)?;
        self.set_direct(&mut state, ip, None)
    }

    fn direct_record(&self, state: &State, ip: u64) -> Result<(), MechanismError> {
        if let Some(bug) = &state.dead {
            return Err(dead(bug, DIRECT));
        }
        if !state.records.contains_key(&ip) {
            return Err(MechanismError::kernel(Errno::ENODEV, DIRECT, format!("{ip:#x} has no record")));
        }
        Ok(())
    }

    fn attached(&self, state: &State, ip: u64, old: Direct) -> Result<(), MechanismError> {
        self.direct_record(state, ip)?;
        match state.directs.get(&ip) {
            None => Err(MechanismError::kernel(Errno::ENODEV, DIRECT, format!("{ip:#x} has no direct call"))),
            Some(have) if *have != old => {
                let why = format!("{ip:#x} calls {:#x} directly, not {:#x}", have.target, old.target);
                Err(MechanismError::kernel(Errno::EINVAL, DIRECT, why))
            }
            Some(_) => Ok(()),
        }
    }

    fn set_direct(&self, state: &mut State, ip: u64, direct: Option<Direct>) -> Result<(), MechanismError> {
        let before = match direct {
            Some(direct) => state.directs.insert(ip, direct),
            None => state.directs.remove(&ip),
        };
        self.publish_list(state);
        self.update(state).map_err(|error| {
            match before {
                Some(before) => state.directs.insert(ip, before),
                None => state.directs.remove(&ip),
            };
            self.publish_list(state);
            killed(state.dead.as_ref(), error)
        })
    }

    /// The sysctl `kernel.ftrace_enabled`: all sites to nops, or back.
    ///
    /// # Errors
    /// `-EBUSY` while a permanent ops is registered; `-ENODEV` when dead.
    pub fn set_enabled(&self, on: bool) -> Result<(), MechanismError> {
        const RULE: &str = "kernel/trace/ftrace.c: ftrace_enable_sysctl(), v5.5";
        let mut state = self.lock();
        if let Some(bug) = &state.dead {
            return Err(dead(bug, RULE));
        }
        let direct = state.directs_permanent && !state.directs.is_empty();
        if !on && (direct || state.ops.iter().any(|r| r.ops.0.flags.permanent)) {
            return Err(MechanismError::kernel(Errno::EBUSY, RULE, "a permanent ops is registered"));
        }
        let before = std::mem::replace(&mut state.enabled, on);
        self.update(&mut state).inspect_err(|_| state.enabled = before)
    }

    fn publish_list(&self, state: &State) {
        let filter = |ops: &Inner| ops.filter.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.engine.set_table(self.holder, state.directs.iter().map(|(&ip, direct)| (ip, direct.target)).collect());
        self.list.set(Snapshot {
            ops: state.ops.iter().map(|r| (r.ops.0.clone(), filter(&r.ops.0))).collect(),
            directs: state.directs.iter().map(|(&ip, &d)| (ip, d)).collect(),
        });
    }

    /// What the site should be: the order of `ftrace_get_addr_new()`: direct alone, an ops' own trampoline, or the list.
    fn wanted(&self, state: &State, ip: u64) -> Option<Direct> {
        if !state.enabled {
            return None;
        }
        let ops: Vec<&Registered> = state.ops.iter().filter(|r| r.ops.wants(ip)).collect();
        let regs = ops.iter().any(|r| r.ops.0.flags.save == Save::Regs);
        let call = |target| Some(Direct { target, jmp: false });
        match (state.directs.get(&ip), &ops[..]) {
            (None, []) => None,
            (Some(direct), []) => Some(*direct),
            (None, [one]) => call(one.trampoline.addr()),
            _ => call(self.caller[usize::from(regs)]),
        }
    }

    fn insn(armed: Option<Direct>) -> Insn {
        match armed {
            None => Insn::Nop(5),
            Some(Direct { target, jmp: false }) => Insn::Call(target),
            Some(Direct { target, jmp: true }) => Insn::Jmp(target),
        }
    }

    /// Two passes: claims and bytes of every record that changes, then one batch.
    fn update(&self, state: &mut State) -> Result<(), MechanismError> {
        let mut changes = Vec::new();
        let mut steps = Vec::new();
        for (&ip, record) in &state.records {
            let wanted = self.wanted(state, ip);
            if wanted != record.armed {
                let expect = Self::insn(record.armed).encode(ip).map_err(PlanError::from)?;
                changes.push(Change::new(record.site, expect, Self::insn(wanted)));
                steps.push((ip, record.armed.is_none(), wanted));
            }
        }
        if changes.is_empty() {
            return Ok(());
        }
        let mut claimed = Vec::new();
        for (change, step) in changes.iter().zip(&steps).filter(|(_, step)| step.1) {
            if let Err(e) = self.engine.claim(change.site, change.expect, self.holder, GROUP, ACCEPTS) {
                for &site in &claimed {
                    self.engine.release(site, self.holder)?;
                }
                let _ = step;
                return Err(e.into());
            }
            claimed.push(change.site);
        }
        for change in &changes {
            let found = self.engine.text().bytes(change.site.addr(), PATCH_SIZE)?;
            if found != change.expect {
                for &site in &claimed {
                    self.engine.release(site, self.holder)?;
                }
                return Err(self.die(state, change.site.addr(), found, change.expect, "updating"));
            }
        }
        let plan = Plan::new(self.holder, changes.iter().copied())?;
        if let Err(e) = self.engine.apply(&plan) {
            for &site in &claimed {
                self.engine.release(site, self.holder)?;
            }
            return Err(e.into());
        }
        for (ip, _, wanted) in steps {
            if let Some(record) = state.records.get_mut(&ip) {
                record.armed = wanted;
                if wanted.is_none() {
                    self.engine.release(record.site, self.holder)?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
