//! Live patching: a function's traced entry leads to its replacement, thread by thread.
//!
//! Rules of `kernel/livepatch/{core,patch,transition}.c`, v5.17: an ops of ftrace with IPMODIFY for each function, a
//! stack of replacements on it, and a transition in which each task is in the old or in the new universe until all have
//! passed a point where they are in neither.

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use super::ftrace::{Flags, Ftrace, Ops, Save};
use super::trampoline::Trampoline;
use super::{Errno, MechanismError};

const ENABLE: &str = "kernel/livepatch/core.c: klp_enable_patch(), v5.17";
const DISABLE: &str = "kernel/livepatch/core.c: enabled_store(), v5.17";
const PATCH: &str = "kernel/livepatch/patch.c: klp_patch_func(), v5.17";

/// In which universe a task is (`task->patch_state`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
#[non_exhaustive]
pub enum Universe {
    /// The old functions.
    Unpatched = 0,
    /// The new ones.
    Patched = 1,
}

fn universe(state: u8) -> Universe {
    if state == 0 { Universe::Unpatched } else { Universe::Patched }
}

struct Entry {
    new: u64,
    patch: u64,
    /// Whoever is not yet where the transition goes takes the entry below.
    transition: AtomicBool,
}

/// One function's replacements, the newest last, and the ops that leads to them (`struct klp_ops`).
struct Patched {
    site: u64,
    ops: Ops,
    stack: Arc<RwLock<Vec<Arc<Entry>>>>,
}

struct Patch {
    id: u64,
    name: String,
    enabled: bool,
}

struct State {
    functions: Vec<Patched>,
    patches: Vec<Patch>,
    transition: Option<u64>,
    target: Universe,
    last: u64,
}

struct Seat {
    domain: usize,
    state: Arc<AtomicU8>,
}

thread_local! {
    static SEATS: RefCell<Vec<Seat>> = const { RefCell::new(Vec::new()) };
}

type Tasks = Mutex<Vec<(String, Arc<AtomicU8>)>>;

/// The live patches of one engine's text.
pub struct Livepatch {
    ftrace: Arc<Ftrace>,
    trampolines: Mutex<Vec<Arc<Trampoline>>>,
    /// A function's site may stand behind its `endbr64` (d15cb3dab1e4, v5.18).
    search: bool,
    tasks: Arc<Tasks>,
    state: Mutex<State>,
}

/// A function and what is to run in its place.
#[derive(Debug, Clone, Copy)]
pub struct Replacement {
    /// `sym+0`.
    pub old: u64,
    /// Takes the same arguments.
    pub new: u64,
}

/// A patch, once enabled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PatchId(u64);

fn fail<T>(errno: Errno, rule: &'static str, why: impl Into<String>) -> Result<T, MechanismError> {
    Err(MechanismError::kernel(errno, rule, why))
}

/// A thread that takes part in transitions. Bound to its thread.
pub struct Task {
    domain: usize,
    tasks: Arc<Tasks>,
    state: Arc<AtomicU8>,
    here: std::marker::PhantomData<*const ()>,
}

impl Task {
    /// The universe that its calls go to.
    #[must_use]
    pub fn universe(&self) -> Universe {
        universe(self.state.load(Ordering::Acquire))
    }

    /// Passes a point where it is in no patched function: what the kernel does on the way back to user space
    /// (`klp_update_patch_state()`).
    pub fn checkpoint(&self, of: &Livepatch) {
        let state = of.lock();
        self.state.store(state.target as u8, Ordering::Release);
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        SEATS.with_borrow_mut(|seats| seats.retain(|s| s.domain != self.domain));
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).retain(|(_, s)| !Arc::ptr_eq(s, &self.state));
    }
}

impl Livepatch {
    /// Patches through `ftrace`.
    #[must_use]
    pub fn new(ftrace: Arc<Ftrace>) -> Self {
        let state = State {
            functions: Vec::new(),
            patches: Vec::new(),
            transition: None,
            target: Universe::Unpatched,
            last: 0,
        };
        Self { ftrace, trampolines: Mutex::default(), search: true, tasks: Arc::default(), state: Mutex::new(state) }
    }

    /// Trampolines that are asked before one of their functions is patched (`ops_func`, v6.0).
    #[must_use]
    pub fn beside(self, trampoline: Arc<Trampoline>) -> Self {
        self.ask(trampoline);
        self
    }

    /// One more that is asked.
    pub fn ask(&self, trampoline: Arc<Trampoline>) {
        self.trampolines.lock().unwrap_or_else(PoisonError::into_inner).push(trampoline);
    }

    /// As before v5.18: the site is at `sym+0` or nowhere.
    #[must_use]
    pub fn before_ibt(mut self) -> Self {
        self.search = false;
        self
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn domain(&self) -> usize {
        Arc::as_ptr(&self.tasks) as usize
    }

    /// Has the calling thread take part in transitions; one that does not goes where they go at once.
    #[must_use]
    pub fn task(&self, name: &str) -> Task {
        let state = Arc::new(AtomicU8::new(self.lock().target as u8));
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).push((name.to_owned(), state.clone()));
        SEATS.with_borrow_mut(|seats| seats.push(Seat { domain: self.domain(), state: state.clone() }));
        Task { domain: self.domain(), tasks: self.tasks.clone(), state, here: std::marker::PhantomData }
    }

    /// Enables a patch: each function's entry leads to its replacement, for tasks in the new universe.
    ///
    /// # Errors
    /// `-EBUSY` in a transition, with `ftrace_enabled` off, or where another user of IPMODIFY has a function; `-EINVAL` where
    /// there is no traced entry; `-ENODEV` ftrace is dead. No function is patched then.
    pub fn enable(&self, name: &str, functions: &[Replacement]) -> Result<PatchId, MechanismError> {
        let mut state = self.lock();
        if let Some(id) = state.transition {
            let other = state.patches.iter().find(|p| p.id == id).map_or("", |p| p.name.as_str());
            return fail(Errno::EBUSY, ENABLE, format!("{other} is in transition"));
        }
        state.last += 1;
        let id = state.last;
        state.target = Universe::Patched;
        // Everybody begins in the old universe.
        self.tasks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .for_each(|(_, s)| s.store(0, Ordering::Release));
        for function in functions {
            if let Err(e) = self.patch(&mut state, id, *function) {
                self.unpatch(&mut state, id)?;
                return Err(e);
            }
        }
        state.patches.push(Patch { id, name: name.to_owned(), enabled: true });
        state.transition = Some(id);
        self.try_complete(&mut state)?;
        Ok(PatchId(id))
    }

    fn patch(&self, state: &mut State, id: u64, function: Replacement) -> Result<(), MechanismError> {
        let found = if self.search {
            self.ftrace.entry(function.old)
        } else {
            Some(function.old).filter(|&a| self.ftrace.location(a))
        };
        let Some(site) = found else {
            return fail(Errno::EINVAL, PATCH, format!("failed to find location for function at {:#x}", function.old));
        };
        let entry = Arc::new(Entry { new: function.new, patch: id, transition: AtomicBool::new(true) });
        if let Some(have) = state.functions.iter().find(|f| f.site == site) {
            have.stack.write().unwrap_or_else(PoisonError::into_inner).push(entry);
            return Ok(());
        }
        let trampolines = self.trampolines.lock().unwrap_or_else(PoisonError::into_inner);
        for trampoline in trampolines.iter().filter(|t| t.site() == site) {
            trampoline.share_with_ipmodify()?;
        }
        let stack = Arc::new(RwLock::new(vec![entry]));
        let ops = handler(stack.clone(), self.domain());
        self.ftrace.set_filter_ip(&ops, site, false)?;
        if !self.ftrace.enabled() {
            let why = "a permanent ops cannot be registered while ftrace_enabled is 0";
            return fail(Errno::EBUSY, PATCH, why);
        }
        self.ftrace.register(&ops)?;
        state.functions.push(Patched { site, ops, stack });
        Ok(())
    }

    /// Takes a patch's replacements off all stacks; an empty stack's ops goes.
    fn unpatch(&self, state: &mut State, id: u64) -> Result<(), MechanismError> {
        let mut failed = Ok(());
        state.functions.retain(|f| {
            let left = {
                let mut stack = f.stack.write().unwrap_or_else(PoisonError::into_inner);
                stack.retain(|e| e.patch != id);
                stack.len()
            };
            if left > 0 {
                return true;
            }
            match self.ftrace.unregister(&f.ops) {
                Ok(()) => {
                    let trampolines = self.trampolines.lock().unwrap_or_else(PoisonError::into_inner);
                    for trampoline in trampolines.iter().filter(|t| t.site() == f.site) {
                        // cleanup_direct_functions_after_ipmodify() looks at no result either.
                        let _ = trampoline.unshare_ipmodify();
                    }
                    false
                }
                // ftrace has died: the site stays armed, and the handler finds an empty stack.
                Err(e) => {
                    failed = Err(e);
                    true
                }
            }
        });
        failed
    }

    /// Begins to disable a patch, or turns back a transition to it.
    ///
    /// # Errors
    /// `-EINVAL` if it is not enabled; `-EBUSY` while another is in transition.
    pub fn disable(&self, patch: PatchId) -> Result<(), MechanismError> {
        let mut state = self.lock();
        let Some(found) = state.patches.iter().find(|p| p.id == patch.0 && p.enabled) else {
            return fail(Errno::EINVAL, DISABLE, "the patch is not enabled");
        };
        if state.transition.is_some_and(|id| id != found.id) {
            return fail(Errno::EBUSY, DISABLE, "another patch is in transition");
        }
        state.patches.iter_mut().filter(|p| p.id == patch.0).for_each(|p| p.enabled = false);
        let reversed = state.transition.is_some();
        state.transition = Some(patch.0);
        state.target = Universe::Unpatched;
        if !reversed {
            let tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
            tasks.iter().for_each(|(_, s)| s.store(Universe::Patched as u8, Ordering::Release));
        }
        self.mark(&state, patch.0, true);
        self.try_complete(&mut state)
    }

    fn mark(&self, state: &State, id: u64, transition: bool) {
        for function in &state.functions {
            let stack = function.stack.read().unwrap_or_else(PoisonError::into_inner);
            stack.iter().filter(|e| e.patch == id).for_each(|e| e.transition.store(transition, Ordering::Release));
        }
    }

    /// Those who have not passed; nobody, and the transition is over.
    ///
    /// # Errors
    /// Those of ftrace, when a patch's ops are removed.
    pub fn waiting_for(&self) -> Result<Vec<String>, MechanismError> {
        let mut state = self.lock();
        self.try_complete(&mut state)?;
        Ok(if state.transition.is_some() { self.behind(&state) } else { Vec::new() })
    }

    fn behind(&self, state: &State) -> Vec<String> {
        let tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks
            .iter()
            .filter(|(_, s)| s.load(Ordering::Acquire) != state.target as u8)
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// `klp_try_complete_transition()`.
    fn try_complete(&self, state: &mut State) -> Result<(), MechanismError> {
        let Some(id) = state.transition else { return Ok(()) };
        if !self.behind(state).is_empty() {
            return Ok(());
        }
        state.transition = None;
        if state.target == Universe::Unpatched {
            state.patches.retain(|p| p.id != id);
            self.unpatch(state, id)?;
            // What remains below is patched for everybody.
            state.target = if state.patches.is_empty() { Universe::Unpatched } else { Universe::Patched };
        }
        self.mark(state, id, false);
        Ok(())
    }

    /// Sends everybody over at once (`force`): who is in an old function may come back to a new one.
    ///
    /// # Errors
    /// As [`Livepatch::waiting_for`].
    pub fn force(&self) -> Result<(), MechanismError> {
        let mut state = self.lock();
        let target = state.target as u8;
        let tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.iter().for_each(|(_, s)| s.store(target, Ordering::Release));
        drop(tasks);
        self.try_complete(&mut state)
    }
}

/// `klp_ftrace_handler()`.
fn handler(stack: Arc<RwLock<Vec<Arc<Entry>>>>, domain: usize) -> Ops {
    let flags = Flags { save: Save::Regs, ipmodify: true, recursion_safe: true, permanent: true };
    Ops::new("livepatch", flags, move |regs| {
        let stack = stack.read().unwrap_or_else(PoisonError::into_inner);
        let Some(top) = stack.last() else { return };
        let mut entry = Some(top);
        if top.transition.load(Ordering::Acquire) {
            let mine = SEATS.with_borrow(|seats| {
                seats.iter().find(|s| s.domain == domain).map(|s| s.state.load(Ordering::Acquire))
            });
            // Who takes no part goes where the transition goes; the entry is marked either way.
            if mine == Some(Universe::Unpatched as u8) {
                entry = stack.len().checked_sub(2).and_then(|i| stack.get(i));
            }
        }
        if let Some(entry) = entry {
            regs.ip = entry.new;
        }
    })
}

#[cfg(test)]
mod tests;
