//! The mechanisms as rivals for the same bytes, one per era.

use std::cell::Cell;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::beside;
use super::era::Era;
use super::subject::Subject;
use crate::runner::ScenarioError;
use provenance_engine::ledger::Policy;
use provenance_engine::mechanism::dispatcher::{Dispatcher, Update};
use provenance_engine::mechanism::ftrace::{Direct, Flags, Ftrace, Ops};
use provenance_engine::mechanism::static_call::{CallSite, Func, StaticCall};
use provenance_engine::mechanism::static_key::{Entry, StaticKey};
use provenance_engine::mechanism::{Errno, MechanismError};
use provenance_engine::poke::PokeError;

impl Era {
    pub(super) fn claimant(self, subject: &Subject, index: usize) -> Result<Box<dyn Claimant>, ScenarioError> {
        let engine = &subject.engine;
        let counter: &'static AtomicU64 = subject.effects[index].0;
        let effect = subject.effects[index].1;
        let kernel = engine.ledger()?.policy() == Policy::Observe;
        Ok(match self {
            Self::Ftrace => Box::new(Tracer {
                ftrace: subject.ftrace()?,
                ops: Vec::new(),
                retired: 0,
                kernel,
                entry: subject.entry,
            }),
            Self::FtraceDirect => Box::new(DirectCall {
                ftrace: subject.ftrace()?,
                direct: Direct { target: effect[0], jmp: false },
                other: Direct { target: effect[1], jmp: false },
                counter,
                entry: subject.entry,
            }),
            Self::StaticCall => Box::new(Call { subject: subject.share(), key: None, effect, counter, turn: 0 }),
            Self::JumpLabel => {
                Box::new(Label { subject: subject.share(), key: None, target: subject.taken[index], counter })
            }
            Self::Dispatcher2019 | Self::Poke2022 => Box::new(Dispatch {
                dispatcher: Dispatcher::fentry(engine, &format!("d{index}"), subject.site, subject.body_at)?,
                era: self,
                programs: subject.programs[index],
                extra: false,
                direct: subject.direct[index].clone(),
            }),
            Self::Dispatcher2022 => Box::new(LateDispatch { subject: subject.share(), index, inner: None }),
            _ => return beside::claimant(self, subject, index),
        })
    }
}

/// How a claimant was told no.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Denied {
    /// An error to its caller.
    Refused {
        /// Who refused: a kernel function, or the ledger.
        by: String,
        /// The error.
        error: String,
    },
    /// An error that its caller never sees.
    Swallowed(String),
    /// The kernel stops.
    Bug(String),
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { error, .. } => f.write_str(error),
            Self::Swallowed(error) => write!(f, "nothing ({error})"),
            Self::Bug(why) => write!(f, "the kernel stops: {why}"),
        }
    }
}

impl From<MechanismError> for Denied {
    fn from(e: MechanismError) -> Self {
        match e {
            MechanismError::Kernel { rule, .. } => Self::Refused { by: rule.into(), error: e.to_string() },
            MechanismError::Bug { .. } => Self::Bug(e.to_string()),
            MechanismError::Poke(PokeError::Ledger(_) | PokeError::Refused(_)) => {
                Self::Refused { by: "the ledger".into(), error: e.to_string() }
            }
            _ => Self::Refused { by: "the engine".into(), error: e.to_string() },
        }
    }
}

/// A mechanism that wants the function's bytes, and can be watched.
pub trait Claimant {
    /// Slug and version.
    fn label(&self) -> String;
    /// Where its deciding rule stands.
    fn rule(&self) -> &'static str;
    /// Takes the bytes. What its caller is told.
    ///
    /// # Errors
    /// [`Denied`].
    fn install(&mut self) -> Result<String, Denied>;
    /// Changes what it has put there.
    ///
    /// # Errors
    /// [`Denied`].
    fn update(&mut self) -> Result<String, Denied>;
    /// Gives the bytes back.
    ///
    /// # Errors
    /// [`Denied`].
    fn remove(&mut self) -> Result<String, Denied>;
    /// How often its effect has run.
    fn hits(&self) -> u64;
    /// Why it is out of order, if it is.
    fn health(&self) -> Option<String> {
        None
    }
    /// The offset of its bytes in the function.
    fn place(&self) -> u64 {
        0
    }
    /// Whether the newest of its kind runs in place of the one before, by design.
    fn stacks(&self) -> bool {
        false
    }
    /// How it lets others in.
    fn sharing(&self) -> &'static str {
        "nothing"
    }
}

pub(super) const SUCCESS: &str = "success";
/// Whose bytes kprobes ask about.
pub(super) const STATIC_CALL: &str = "static_call_text_reserved";
pub(super) const JUMP_LABEL: &str = "jump_label_text_reserved";

struct Tracer {
    ftrace: Arc<Ftrace>,
    ops: Vec<Ops>,
    retired: u64,
    kernel: bool,
    entry: u64,
}

impl Tracer {
    fn arm(&mut self) -> Result<String, Denied> {
        let ops = Ops::new("function", Flags::default(), |_| {});
        if self.ftrace.bug().is_none() {
            self.ftrace.set_filter_ip(&ops, self.entry, false)?;
        }
        let result = if self.kernel {
            // The tracer's start looks at no result; only a dead ftrace shows.
            if self.ftrace.start_tracer(&ops) {
                Ok("success: the write to current_tracer returns no error".to_owned())
            } else {
                Err(Denied::Refused { by: "ftrace".into(), error: format!("{}: ftrace is dead", Errno::ENODEV) })
            }
        } else {
            self.ftrace.register(&ops).map(|()| SUCCESS.to_owned()).map_err(Denied::from)
        };
        if result.is_ok() {
            self.ops.push(ops);
        }
        result
    }
}

impl Claimant for Tracer {
    fn label(&self) -> String {
        Era::Ftrace.label()
    }
    fn rule(&self) -> &'static str {
        "arch/x86/kernel/ftrace.c: ftrace_verify_code(), v5.4"
    }
    fn install(&mut self) -> Result<String, Denied> {
        self.arm()
    }
    /// A second ops comes and goes: the site changes to the list function and back.
    fn update(&mut self) -> Result<String, Denied> {
        let second = Ops::new("second", Flags::default(), |_| {});
        self.ftrace.set_filter_ip(&second, self.entry, false)?;
        self.ftrace.register(&second)?;
        self.ftrace.unregister(&second)?;
        Ok(SUCCESS.into())
    }
    fn remove(&mut self) -> Result<String, Denied> {
        for ops in std::mem::take(&mut self.ops) {
            self.retired += ops.hits();
            self.ftrace.unregister(&ops)?;
        }
        Ok(SUCCESS.into())
    }
    fn hits(&self) -> u64 {
        self.retired + self.ops.iter().map(Ops::hits).sum::<u64>()
    }
    fn health(&self) -> Option<String> {
        self.ftrace.bug().map(|b| b.message)
    }
    fn sharing(&self) -> &'static str {
        "ftrace's list of ops"
    }
}

struct DirectCall {
    ftrace: Arc<Ftrace>,
    direct: Direct,
    other: Direct,
    counter: &'static AtomicU64,
    entry: u64,
}

impl Claimant for DirectCall {
    fn label(&self) -> String {
        Era::FtraceDirect.label()
    }
    fn rule(&self) -> &'static str {
        "kernel/trace/ftrace.c: register_ftrace_direct(), v5.5"
    }
    fn install(&mut self) -> Result<String, Denied> {
        self.ftrace.register_direct(self.entry, self.direct)?;
        Ok(SUCCESS.into())
    }
    fn update(&mut self) -> Result<String, Denied> {
        self.ftrace.modify_direct(self.entry, self.direct, self.other)?;
        std::mem::swap(&mut self.direct, &mut self.other);
        Ok(SUCCESS.into())
    }
    fn remove(&mut self) -> Result<String, Denied> {
        self.ftrace.unregister_direct(self.entry, self.direct)?;
        Ok(SUCCESS.into())
    }
    fn hits(&self) -> u64 {
        self.counter.load(Ordering::Relaxed)
    }
    fn health(&self) -> Option<String> {
        self.ftrace.bug().map(|b| b.message)
    }
    fn sharing(&self) -> &'static str {
        "ftrace's list of ops, the direct call after it"
    }
}

struct Call {
    subject: Subject,
    key: Option<StaticCall>,
    effect: [u64; 2],
    counter: &'static AtomicU64,
    turn: usize,
}

impl Claimant for Call {
    fn label(&self) -> String {
        Era::StaticCall.label()
    }
    fn rule(&self) -> &'static str {
        "arch/x86/kernel/static_call.c: __static_call_validate(), v5.17"
    }
    fn install(&mut self) -> Result<String, Denied> {
        let key = StaticCall::new(&self.subject.engine, "subject", None, Func::To(self.effect[0]))?;
        key.add_sites(&[CallSite { site: self.subject.site, tail: false }])?;
        self.subject.reserve(STATIC_CALL, self.subject.entry);
        self.key = Some(key);
        Ok(SUCCESS.into())
    }
    fn update(&mut self) -> Result<String, Denied> {
        self.turn ^= 1;
        if let Some(key) = &self.key {
            key.update(Func::To(self.effect[self.turn]))?;
        }
        Ok(SUCCESS.into())
    }
    fn remove(&mut self) -> Result<String, Denied> {
        if let Some(key) = self.key.take() {
            key.update(Func::Null)?;
            key.remove()?;
            self.subject.unreserve(STATIC_CALL);
        }
        Ok(SUCCESS.into())
    }
    fn hits(&self) -> u64 {
        self.counter.load(Ordering::Relaxed)
    }
}

struct Label {
    subject: Subject,
    key: Option<StaticKey>,
    target: u64,
    counter: &'static AtomicU64,
}

impl Claimant for Label {
    fn label(&self) -> String {
        Era::JumpLabel.label()
    }
    fn rule(&self) -> &'static str {
        "arch/x86/kernel/jump_label.c: __jump_label_patch(), v5.17"
    }
    fn install(&mut self) -> Result<String, Denied> {
        let key = StaticKey::new(&self.subject.engine, "subject", false)?;
        key.add(&[Entry { site: self.subject.site, target: self.target, branch: false }])?;
        self.subject.reserve(JUMP_LABEL, self.subject.entry);
        let on = key.inc().map(|_| SUCCESS.to_owned()).map_err(Denied::from);
        self.key = Some(key);
        on
    }
    fn update(&mut self) -> Result<String, Denied> {
        if let Some(key) = &self.key {
            key.dec()?;
            key.inc()?;
        }
        Ok(SUCCESS.into())
    }
    fn remove(&mut self) -> Result<String, Denied> {
        if let Some(key) = self.key.take() {
            key.dec()?;
            key.remove()?;
            self.subject.unreserve(JUMP_LABEL);
        }
        Ok(SUCCESS.into())
    }
    fn hits(&self) -> u64 {
        self.counter.load(Ordering::Relaxed)
    }
}

/// What the dispatcher asked in v5.6, and whoever calls it still does.
const POKE: &str = "arch/x86/net/bpf_jit_comp.c: bpf_arch_text_poke(), v6.1";

struct Dispatch {
    dispatcher: Dispatcher,
    era: Era,
    programs: [u64; 2],
    /// The second program is in the table.
    extra: bool,
    direct: std::rc::Rc<Cell<u64>>,
}

impl Dispatch {
    fn change(&self, from: Option<u64>, to: Option<u64>) -> Result<String, Denied> {
        match self.dispatcher.change(from, to)? {
            Update::Dropped(mut error) => {
                if let (Era::Poke2022, MechanismError::Kernel { rule, .. }) = (self.era, &mut error) {
                    *rule = POKE;
                }
                Err(Denied::Swallowed(error.to_string()))
            }
            _ => Ok("success (the function returns nothing)".into()),
        }
    }
}

impl Claimant for Dispatch {
    fn label(&self) -> String {
        self.era.label()
    }
    fn rule(&self) -> &'static str {
        if self.era == Era::Poke2022 {
            return POKE;
        }
        "arch/x86/net/bpf_jit_comp.c: bpf_arch_text_poke(), v5.6; its error ends in kernel/bpf/dispatcher.c: bpf_dispatcher_update()"
    }
    fn install(&mut self) -> Result<String, Denied> {
        self.change(None, Some(self.programs[0]))
    }
    fn update(&mut self) -> Result<String, Denied> {
        let second = Some(self.programs[1]);
        let result = if self.extra { self.change(second, None) } else { self.change(None, second) };
        self.extra = !self.extra;
        result
    }
    fn remove(&mut self) -> Result<String, Denied> {
        let mut result = Ok("success".to_owned());
        for program in self.dispatcher.targets() {
            result = self.change(Some(program), None);
        }
        self.extra = false;
        result
    }
    fn hits(&self) -> u64 {
        self.direct.get()
    }
}

/// The form of 2022; its static call is made when it is installed, so that a refusal is the second's.
struct LateDispatch {
    subject: Subject,
    index: usize,
    inner: Option<Dispatch>,
}

impl Claimant for LateDispatch {
    fn label(&self) -> String {
        Era::Dispatcher2022.label()
    }
    fn rule(&self) -> &'static str {
        "kernel/bpf/dispatcher.c: __BPF_DISPATCHER_UPDATE() is static_call_update(), v6.1"
    }
    fn install(&mut self) -> Result<String, Denied> {
        if self.inner.is_none() {
            let s = &self.subject;
            let name = format!("d{}", self.index);
            s.reserve(STATIC_CALL, s.tail);
            let dispatcher = Dispatcher::static_call(&s.engine, &name, s.trampoline, s.body_at)?;
            let (programs, direct) = (s.programs[self.index], s.direct[self.index].clone());
            self.inner = Some(Dispatch { dispatcher, era: Era::Dispatcher2022, programs, extra: false, direct });
        }
        self.inner.as_mut().map_or(Ok(SUCCESS.into()), Claimant::install)
    }
    fn update(&mut self) -> Result<String, Denied> {
        self.inner.as_mut().map_or(Ok(SUCCESS.into()), Claimant::update)
    }
    fn remove(&mut self) -> Result<String, Denied> {
        self.inner.as_mut().map_or(Ok(SUCCESS.into()), Claimant::remove)
    }
    fn hits(&self) -> u64 {
        self.inner.as_ref().map_or(0, Claimant::hits)
    }
    fn place(&self) -> u64 {
        5
    }
}
