//! The function that two claimants want, laid out anew for each pair.

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::era::Era;
use crate::runner::ScenarioError;
use provenance_engine::engine::Engine;
use provenance_engine::holder::MechanismId;
use provenance_engine::mechanism::ftrace::Ftrace;
use provenance_engine::mechanism::kprobe::Kprobes;
use provenance_engine::mechanism::livepatch::Livepatch;
use provenance_engine::mechanism::trampoline::Trampoline;
use provenance_engine::site::Site;
use provenance_engine::text::builder::Fentry;
use provenance_engine::text::{Builder, Label};

/// What two claimants of the same mechanism share.
#[derive(Default)]
pub(super) struct One {
    pub(super) kprobes: OnceCell<Arc<Kprobes>>,
    pub(super) trampoline: OnceCell<Arc<Trampoline>>,
    pub(super) livepatch: OnceCell<Arc<Livepatch>>,
}

/// The function that both want: five bytes of nop, a jump, and the body that counts.
pub struct Subject {
    pub(super) engine: Engine,
    pub(super) entry: u64,
    pub(super) site: Site,
    pub(super) body_at: u64,
    pub(super) trampoline: u64,
    /// For each claimant: its counter, and two functions that count on it.
    pub(super) effects: [(&'static AtomicU64, [u64; 2]); 2],
    /// For each claimant: where its jump label goes, which counts and comes back.
    pub(super) taken: [u64; 2],
    pub(super) programs: [[u64; 2]; 2],
    body: &'static AtomicU64,
    /// Calls that reached a claimant's program without passing the body.
    pub(super) direct: [Rc<Cell<u64>>; 2],
    /// The claimants that dispatch.
    dispatching: Vec<usize>,
    ftrace: Rc<RefCell<Option<Arc<Ftrace>>>>,
    /// Bytes that their owners answer for when a probe asks: question and address.
    pub(super) reserved: Arc<Mutex<Vec<(&'static str, u64)>>>,
    /// The instruction behind the site on which a probe can become a jump, if one of the two wants that.
    pub(super) behind: u64,
    /// The jump at the end.
    pub(super) tail: u64,
    /// What the other claimants of this pair are.
    pub(super) eras: [Era; 2],
    /// Of these there is one for the function, or one at all, whoever uses it.
    pub(super) one: Rc<One>,
    /// Runs of each claimant's programs.
    ran: [&'static AtomicU64; 2],
    turn: Cell<usize>,
}

impl Subject {
    pub(super) fn build(engine: &Engine, eras: [Era; 2]) -> Result<Self, ScenarioError> {
        // Counters live as long as the process, which is as long as the text that names them.
        let counter = || &*Box::leak(Box::new(AtomicU64::new(0)));
        let (body, counters) = (counter(), [counter(), counter()]);
        let holder = engine.holder(MechanismId::TEXT, "subject")?;
        let mut b = Builder::new();
        let leaf = |b: &mut Builder, counter: &'static AtomicU64| {
            b.at(16, 0);
            let entry = b.here();
            b.count(counter).ret();
            entry
        };
        let effects = counters.map(|c| [leaf(&mut b, c), leaf(&mut b, c)]);
        let ran = [counter(), counter()];
        let programs = ran.map(|c| [leaf(&mut b, c), leaf(&mut b, c)]);
        let (taken, after) = ([b.forward(), b.forward()], b.forward());
        let thunk = b.forward();
        b.at(8, 0);
        let trampoline = b.function("__SCT__bpf_dispatcher_xdp_func");
        b.jmp(thunk);
        b.data(&provenance_engine::isa::TRAMP_SIGNATURE);
        b.at(16, 0);
        let entry = b.function("bpf_dispatcher_xdp_func");
        b.fentry(Fentry::Nop);
        b.place(after);
        let behind = b.here();
        if eras.contains(&Era::Optprobe) {
            b.code(&[0x48, 0x8d, 0x7f, 0x00, 0x48, 0x8d, 0x76, 0x00]); // lea rdi, [rdi+0]; lea rsi, [rsi+0]
        }
        let tail = b.here();
        if eras.contains(&Era::Dispatcher2022) {
            b.jmp(trampoline);
        } else {
            b.jmp(thunk);
        }
        for (label, counter) in taken.iter().zip(counters) {
            b.place(*label);
            b.count(counter);
            b.jmp(after);
        }
        b.at(16, 0);
        b.function("fallback");
        b.place(thunk);
        b.count(body);
        b.code(&[0xff, 0xe2]); // jmp rdx
        let loaded = engine.load(b, holder)?;
        let at = |l| loaded.addr(l);
        let pair = |l: [Label; 2]| -> Result<[u64; 2], ScenarioError> { Ok([at(l[0])?, at(l[1])?]) };
        let dispatching = (0..2)
            .filter(|&i| eras[i].mechanism() == MechanismId::BPF_DISPATCHER || eras[i] == Era::Poke2022)
            .collect();
        Ok(Self {
            engine: engine.clone(),
            entry: at(entry)?,
            site: engine.text().site(at(entry)?, 5)?,
            body_at: at(thunk)?,
            trampoline: at(trampoline)?,
            effects: [(counters[0], pair(effects[0])?), (counters[1], pair(effects[1])?)],
            taken: pair(taken)?,
            programs: [pair(programs[0])?, pair(programs[1])?],
            body,
            direct: Default::default(),
            dispatching,
            ftrace: Default::default(),
            reserved: Arc::default(),
            behind: at(behind)?,
            tail: at(tail)?,
            eras,
            one: Rc::default(),
            ran,
            turn: Cell::new(0),
        })
    }

    pub(super) fn share(&self) -> Self {
        Self {
            engine: self.engine.clone(),
            direct: self.direct.clone(),
            dispatching: self.dispatching.clone(),
            ftrace: self.ftrace.clone(),
            reserved: self.reserved.clone(),
            one: self.one.clone(),
            turn: Cell::new(0),
            ..*self
        }
    }

    /// There is one ftrace, whoever uses it.
    pub(super) fn ftrace(&self) -> Result<Arc<Ftrace>, ScenarioError> {
        let mut ftrace = self.ftrace.borrow_mut();
        if let Some(ftrace) = &*ftrace {
            return Ok(ftrace.clone());
        }
        let new = Arc::new(Ftrace::new(&self.engine)?);
        new.add_sites(&[self.site], 0)?;
        Ok(ftrace.insert(new).clone())
    }

    /// Calls the function once, for the program of each dispatching claimant in turn.
    pub(super) fn call(&self) {
        let turn = self.turn.replace(self.turn.get() + 1);
        let who = self.dispatching.get(turn % self.dispatching.len().max(1)).copied().unwrap_or(0);
        // SAFETY: laid out above: jumps to its third argument, or to what a claimant put in between, all of
        // which return.
        let f: extern "C" fn(u64, u64, u64) = unsafe { std::mem::transmute(self.entry as usize) };
        let (before, ran) = (self.body(), self.ran[who].load(Ordering::Relaxed));
        f(0, 0, self.programs[who][0]);
        // Not through the fallback, and not somewhere else altogether, as under a live patch.
        if self.body() == before && self.ran[who].load(Ordering::Relaxed) > ran {
            self.direct[who].set(self.direct[who].get() + 1);
        }
    }

    pub(super) fn body(&self) -> u64 {
        self.body.load(Ordering::Relaxed)
    }

    /// Answers a probe's question for five bytes.
    pub(super) fn reserve(&self, question: &'static str, addr: u64) {
        self.reserved.lock().unwrap_or_else(PoisonError::into_inner).push((question, addr));
    }

    pub(super) fn unreserve(&self, question: &'static str) {
        self.reserved.lock().unwrap_or_else(PoisonError::into_inner).retain(|r| r.0 != question);
    }
}
