//! The BPF dispatcher: an indirect call turned into a search over known targets and direct jumps.
//!
//! Two forms. 2019 (20191213175112.30208-1-bjorn.topel@gmail.com, 75ccbef6369e, v5.6): the image is entered by a
//! jump poked over the function's `__fentry__` nop, bytes that ftrace records. 2022
//! (20221103120012.717020618@infradead.org, c86df29d11df, v6.1): the function's body is a tail call through a
//! static call.
//!
//! The page has two halves of 2048 bytes: one is run while the other is written. Two updates in a row would write the half
//! that a slow reader is still in; since 4121d4481b72 (20221214123542.1389719-1-jolsa@kernel.org) there is a grace
//! period between them, here [`crate::grace`].

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::static_call::{Func, StaticCall};
use super::{Errno, MechanismError};
use crate::engine::{Engine, GRACE_LIMIT};
use crate::grace::Stamp;
use crate::holder::{HolderId, MechanismId};
use crate::isa::{Bytes, INT3, Insn, PATCH_SIZE};
use crate::ledger::Sharing;
use crate::plan::{Change, Plan};
use crate::poke::PokeError;
use crate::site::Site;
use crate::text::builder::Assembled;
use crate::text::{Builder, Label, Region};

pub mod calibrate;
pub mod emit;
pub mod shape;

pub use calibrate::Choice;
pub use emit::{EmitError, Fallback, emit};
pub use shape::Shape;

/// Slots with 16-byte alignment: what fits in half a page, as the authors counted (52 would).
pub const MAX: usize = 48;
/// Slots without alignment (v3 2/6 to v5 5/6).
pub const MAX_UNALIGNED: usize = 64;
const HALF: usize = 2048;
const RULE: &str = "arch/x86/net/bpf_jit_comp.c: bpf_arch_text_poke(), v5.6";
const ACCEPTS: &str = "nothing while a program is attached";

/// What the function's callers meet.
enum Door {
    /// The fentry nop, poked to a jump.
    Fentry(Site),
    /// A static call in the body.
    Call(Box<StaticCall>),
}

/// How the function is laid out.
#[derive(Debug, Clone, Copy)]
pub struct Layout {
    /// The function; callers come here with the target in RDX.
    pub function: Label,
    /// Its fentry site.
    pub fentry: Label,
    /// The static call's trampoline, 2022 only.
    pub trampoline: Option<Label>,
    /// The fallback, `jmp *rdx` by a retpoline.
    pub thunk: Label,
}

/// Lays out a retpoline for RDX (`call; int3; mov [rsp], rdx; ret`).
pub fn retpoline(b: &mut Builder) -> Label {
    b.at(32, 0);
    let thunk = b.here();
    let over = b.forward();
    b.call(over);
    b.code(&[INT3]);
    b.place(over);
    b.code(&[0x48, 0x89, 0x14, 0x24]).ret();
    thunk
}

impl Layout {
    /// The function of 2019: a nop that ftrace records, then the indirect jump.
    pub fn fentry(b: &mut Builder, name: &str) -> Self {
        let thunk = retpoline(b);
        b.at(16, 0);
        let function = b.function(name);
        let fentry = b.fentry(crate::text::builder::Fentry::Nop);
        b.jmp(thunk);
        Self { function, fentry, trampoline: None, thunk }
    }

    /// The function of 2022: the same nop, then a tail call through a static call.
    pub fn static_call(b: &mut Builder, name: &str) -> Self {
        let thunk = retpoline(b);
        b.at(8, 0);
        let trampoline = b.function(&format!("__SCT__{name}"));
        b.jmp(thunk);
        b.data(&crate::isa::TRAMP_SIGNATURE);
        b.at(16, 0);
        let function = b.function(name);
        let fentry = b.fentry(crate::text::builder::Fentry::Nop);
        b.jmp(trampoline);
        Self { function, fentry, trampoline: Some(trampoline), thunk }
    }
}

struct Slot {
    target: u64,
    users: u32,
}

struct State {
    slots: Vec<Option<Slot>>,
    page: Option<Region>,
    offset: usize,
    /// Grace period since the last update.
    stamp: Option<Stamp>,
    /// The site is claimed.
    claimed: bool,
    last: Vec<u8>,
    shape: Shape,
    /// Targets of a trace, the most frequent first.
    hot: Vec<u64>,
    recording: Option<Arc<Trace>>,
    /// Traces that a slow reader may still write to; kept as long as the dispatcher.
    unread: Vec<Arc<Trace>>,
}

/// Where an image that records puts its targets.
struct Trace {
    index: AtomicU64,
    buffer: Box<[AtomicU64]>,
}

impl State {
    fn targets(&self) -> Vec<u64> {
        self.slots.iter().flatten().map(|s| s.target).collect()
    }
}

/// What an update came to. The kernel's function returns nothing.
#[derive(Debug)]
#[non_exhaustive]
pub enum Update {
    /// The set of targets is the same: nothing was generated.
    Same,
    /// The new image, or none, is in use.
    Published,
    /// The table is full; calls to this target take the fallback.
    Full,
    /// Dropped without a word in the kernel: the set is changed, the text is not.
    Dropped(MechanismError),
}

/// A dispatcher over one function.
pub struct Dispatcher {
    engine: Engine,
    holder: HolderId,
    door: Door,
    thunk: u64,
    align: bool,
    /// Left out by a negative control.
    grace: bool,
    state: Mutex<State>,
}

impl Dispatcher {
    /// The form of 2019 over the fentry nop at `site`, with calls to unknown targets going to `thunk`.
    ///
    /// # Errors
    /// As [`Engine::holder`].
    pub fn fentry(engine: &Engine, name: &str, site: Site, thunk: u64) -> Result<Self, MechanismError> {
        Self::with_door(engine, name, Door::Fentry(site), thunk)
    }

    /// The form of 2022, through the static call trampoline at `trampoline`.
    ///
    /// # Errors
    /// As [`StaticCall::new`].
    pub fn static_call(engine: &Engine, name: &str, trampoline: u64, thunk: u64) -> Result<Self, MechanismError> {
        let call = StaticCall::new(engine, name, Some(trampoline), Func::To(thunk))?;
        Self::with_door(engine, name, Door::Call(Box::new(call)), thunk)
    }

    fn with_door(engine: &Engine, name: &str, door: Door, thunk: u64) -> Result<Self, MechanismError> {
        let holder = engine.holder(MechanismId::BPF_DISPATCHER, name)?;
        let slots = (0..MAX).map(|_| None).collect();
        let state = State {
            slots,
            page: None,
            offset: 0,
            stamp: None,
            claimed: false,
            last: Vec::new(),
            shape: Shape::Tree,
            hot: Vec::new(),
            recording: None,
            unread: Vec::new(),
        };
        Ok(Self { engine: engine.clone(), holder, door, thunk, align: true, grace: true, state: Mutex::new(state) })
    }

    /// 64 slots without alignment of branch targets, as before the last patch of the series.
    #[must_use]
    pub fn unaligned(mut self) -> Self {
        self.align = false;
        self.lock().slots.resize_with(MAX_UNALIGNED, || None);
        self
    }

    /// The mistake of v5.6 to v6.1: no grace period between updates.
    pub(crate) fn without_grace(mut self) -> Self {
        self.grace = false;
        self
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The targets in the table.
    #[must_use]
    pub fn targets(&self) -> Vec<u64> {
        self.lock().targets()
    }

    /// Where callers are sent: the half of the page in use; `None` without a page.
    #[must_use]
    pub fn image_addr(&self) -> Option<u64> {
        let state = self.lock();
        state.page.map(|page| page.addr() + state.offset as u64)
    }

    /// The bytes of the image last published.
    #[must_use]
    pub fn image(&self) -> Vec<u8> {
        self.lock().last.clone()
    }

    /// The holder of its bytes.
    #[must_use]
    pub fn holder(&self) -> HolderId {
        self.holder
    }

    /// Replaces a user of `from` by a user of `to` (`bpf_dispatcher_change_prog()`). Targets have users; only a change of
    /// the set generates code.
    ///
    /// # Errors
    /// Those that the kernel does not have: somebody is still in the other half, or the ledger refuses. The set is as before
    /// then. What the kernel drops comes as [`Update::Dropped`].
    pub fn change(&self, from: Option<u64>, to: Option<u64>) -> Result<Update, MechanismError> {
        if from == to {
            return Ok(Update::Same);
        }
        let mut state = self.lock();
        if self.grace
            && let Some(stamp) = state.stamp
        {
            self.engine.grace().wait(stamp, GRACE_LIMIT).map_err(PokeError::from)?;
        }
        let before = state.slots.iter().map(|s| s.as_ref().map(|s| (s.target, s.users))).collect::<Vec<_>>();
        let old_count = state.targets().len();
        let mut changed = from.is_some_and(|from| remove(&mut state.slots, from));
        let mut full = false;
        match to.map(|to| add(&mut state.slots, to)) {
            Some(Added::New) => changed = true,
            Some(Added::Full) => full = true,
            Some(Added::Known) | None => {}
        }
        if !changed {
            return Ok(if full { Update::Full } else { Update::Same });
        }
        match self.update(&mut state, old_count) {
            Ok(()) => Ok(if full { Update::Full } else { Update::Published }),
            Err(e @ MechanismError::Kernel { .. }) => Ok(Update::Dropped(e)),
            Err(e) => {
                state.slots = before.into_iter().map(|s| s.map(|(target, users)| Slot { target, users })).collect();
                Err(e)
            }
        }
    }

    /// Generates into the other half and turns the door.
    fn update(&self, state: &mut State, old_count: usize) -> Result<(), MechanismError> {
        let page = match state.page {
            Some(page) => page,
            None => {
                let blank = Assembled::raw(vec![INT3; 2 * HALF]);
                let loaded =
                    self.engine.load_with(self.holder, 2 * HALF, 4096, |_| Ok::<_, crate::text::TextError>(blank))?;
                *state.page.insert(loaded.region)
            }
        };
        let half = |offset: usize| page.addr() + offset as u64;
        let (old, next) = if old_count == 0 { (None, 0) } else { (Some(half(state.offset)), state.offset ^ HALF) };
        let targets = state.targets();
        let new = if targets.is_empty() {
            None
        } else {
            let dropped = |e: EmitError| {
                MechanismError::kernel(
                    Errno::EINVAL,
                    "arch/x86/net/bpf_jit_comp.c: emit_bpf_dispatcher(), v5.6",
                    e.to_string(),
                )
            };
            let mut code = match &state.recording {
                Some(t) => calibrate::recorder(t.index.as_ptr() as u64, t.buffer.as_ptr() as u64, t.buffer.len()),
                None => Vec::new(),
            };
            let order = shape::by_frequency(&targets, &state.hot);
            let (base, thunk) = (half(next) + code.len() as u64, Fallback::Thunk(self.thunk));
            code.extend(state.shape.emit(base, &order, self.align, thunk).map_err(dropped)?);
            if code.len() > HALF {
                let why = format!("{} targets need {} bytes, half a page is {HALF}", targets.len(), code.len());
                return Err(MechanismError::kernel(Errno::EINVAL, RULE, why));
            }
            self.engine.refill(page, half(next), &code, self.holder)?;
            state.last = code;
            Some(half(next))
        };
        match &self.door {
            Door::Fentry(site) => self.turn_fentry(state, *site, old, new)?,
            Door::Call(call) => {
                call.update(new.map_or(Func::To(self.thunk), Func::To))?;
            }
        }
        state.stamp = Some(self.engine.grace().begin());
        if new.is_some() {
            state.offset = next;
        }
        Ok(())
    }

    /// `bpf_arch_text_poke()` with `BPF_MOD_JUMP`: compares the five bytes, and is refused by -EBUSY.
    fn turn_fentry(
        &self,
        state: &mut State,
        site: Site,
        old: Option<u64>,
        new: Option<u64>,
    ) -> Result<(), MechanismError> {
        let insn = |to: Option<u64>| to.map_or(Insn::Nop(5), Insn::Jmp);
        let expect = insn(old).encode(site.addr()).map_err(crate::plan::PlanError::from)?;
        if !state.claimed {
            self.engine.claim(site, expect, self.holder, Sharing::Exclusive, ACCEPTS)?;
            state.claimed = true;
        }
        let result = self.poke(site, expect, insn(new));
        if new.is_none() {
            self.engine.release(site, self.holder)?;
            state.claimed = false;
        }
        result
    }

    fn poke(&self, site: Site, expect: Bytes, new: Insn) -> Result<(), MechanismError> {
        let found = self.engine.text().bytes(site.addr(), PATCH_SIZE)?;
        if found != expect {
            let symbol = self.engine.text().describe(site.addr())?;
            let refusal = self.engine.ledger()?.refusal(site.addr(), expect, found, self.holder, &symbol);
            return Err(MechanismError::kernel(Errno::EBUSY, RULE, refusal.to_string()));
        }
        let plan = Plan::new(self.holder, [Change::new(site, expect, new)])?;
        self.engine.apply(&plan)?;
        Ok(())
    }

    /// Publishes an image that writes down the next `calls` targets; [`Dispatcher::calibrate`] ends it.
    ///
    /// # Errors
    /// As [`Dispatcher::change`].
    pub fn record(&self, calls: usize) -> Result<(), MechanismError> {
        let mut state = self.lock();
        let buffer = (0..calls).map(|_| AtomicU64::new(0)).collect();
        state.recording = Some(Arc::new(Trace { index: AtomicU64::new(0), buffer }));
        self.again(&mut state)
    }

    /// The targets written down so far.
    #[must_use]
    pub fn trace(&self) -> Vec<u64> {
        let state = self.lock();
        let Some(trace) = &state.recording else { return Vec::new() };
        let len = trace.index.load(Ordering::Acquire).min(trace.buffer.len() as u64) as usize;
        // A slot that was counted and not yet written is zero.
        trace.buffer[..len].iter().map(|t| t.load(Ordering::Acquire)).filter(|&t| t != 0).collect()
    }

    /// Takes the form that is fastest for the recorded targets.
    ///
    /// # Errors
    /// As [`Dispatcher::change`], and if stand-ins cannot be laid out.
    pub fn calibrate(&self) -> Result<Choice, MechanismError> {
        let trace = self.trace();
        let targets = self.targets();
        let choice = calibrate::calibrate(&self.engine, self.holder, &targets, &trace, self.align)?;
        let mut state = self.lock();
        state.shape = choice.shape;
        state.hot = trace;
        let recorded = state.recording.take();
        self.again(&mut state)?;
        // The image that records may still be run until the next grace period.
        if let (Some(trace), Some(stamp)) = (recorded, state.stamp)
            && self.engine.grace().wait(stamp, GRACE_LIMIT).is_err()
        {
            state.unread.push(trace);
        }
        Ok(choice)
    }

    /// The form in use.
    #[must_use]
    pub fn shape(&self) -> Shape {
        self.lock().shape
    }

    /// Generates the image anew for the same targets.
    fn again(&self, state: &mut State) -> Result<(), MechanismError> {
        let count = state.targets().len();
        if count == 0 {
            return Ok(());
        }
        if let Some(stamp) = state.stamp {
            self.engine.grace().wait(stamp, GRACE_LIMIT).map_err(PokeError::from)?;
        }
        self.update(state, count)
    }

    /// Gives the page back, once nobody is in it and no target is left.
    ///
    /// # Errors
    /// If the table is not empty, or somebody is still inside.
    pub fn close(&self) -> Result<(), MechanismError> {
        let mut state = self.lock();
        if !state.targets().is_empty() {
            return Err(MechanismError::kernel(Errno::EBUSY, "Dispatcher::close()", "targets are left in the table"));
        }
        if let Some(stamp) = state.stamp {
            self.engine.grace().wait(stamp, GRACE_LIMIT).map_err(PokeError::from)?;
        }
        if let Some(page) = state.page.take() {
            self.engine.discard(page, self.holder)?;
        }
        if let Door::Call(call) = &self.door {
            call.remove()?;
        }
        Ok(())
    }
}

enum Added {
    New,
    Known,
    Full,
}

fn add(slots: &mut [Option<Slot>], target: u64) -> Added {
    if let Some(slot) = slots.iter_mut().flatten().find(|s| s.target == target) {
        slot.users += 1;
        return Added::Known;
    }
    match slots.iter_mut().find(|s| s.is_none()) {
        Some(free) => {
            *free = Some(Slot { target, users: 1 });
            Added::New
        }
        None => Added::Full,
    }
}

/// True if the last user left.
fn remove(slots: &mut [Option<Slot>], target: u64) -> bool {
    for entry in slots {
        if let Some(slot) = entry
            && slot.target == target
        {
            slot.users -= 1;
            let gone = slot.users == 0;
            if gone {
                *entry = None;
            }
            return gone;
        }
    }
    false
}

#[cfg(test)]
mod tests;
