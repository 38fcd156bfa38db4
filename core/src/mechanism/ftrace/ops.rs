//! What is called when a traced function is entered.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use crate::isa::PATCH_SIZE;
use crate::poke::trap;
use crate::text::foreign;

/// The registers at the entry of the traced function, in the order in which a trampoline pushes them.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
#[expect(missing_docs, reason = "registers by their names")]
pub struct Regs {
    pub r15: u64,
    pub r14: u64,
    pub r13: u64,
    pub r12: u64,
    pub rbp: u64,
    pub rbx: u64,
    pub r11: u64,
    pub r10: u64,
    pub r9: u64,
    pub r8: u64,
    pub rax: u64,
    pub rcx: u64,
    pub rdx: u64,
    pub rsi: u64,
    pub rdi: u64,
    pub flags: u64,
    /// Where the trampoline goes when it is done: a RET, unless a direct call follows.
    pub(crate) next: u64,
    /// Behind the site: where the traced function goes on. An ops with IPMODIFY may change it.
    pub ip: u64,
    /// The traced function's caller.
    pub parent: u64,
}

/// What an ops asks its trampoline to save.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Save {
    /// Argument registers; the callee-saved ones read as zero (`FTRACE_OPS_FL_SAVE_ARGS`).
    Args,
    /// All of them (`FTRACE_OPS_FL_SAVE_REGS`).
    Regs,
}

/// How an ops behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flags {
    /// Which registers it sees.
    pub save: Save,
    /// It changes the instruction pointer; one such for each function. Implies [`Save::Regs`].
    pub ipmodify: bool,
    /// It may be entered again by what it calls; others are guarded.
    pub recursion_safe: bool,
    /// Tracing cannot be switched off while it is registered.
    pub permanent: bool,
}

impl Default for Flags {
    fn default() -> Self {
        Self { save: Save::Args, ipmodify: false, recursion_safe: false, permanent: false }
    }
}

type Callback = Box<dyn Fn(&mut Regs) + Send + Sync>;

pub(crate) struct Inner {
    pub(crate) name: String,
    pub(crate) flags: Flags,
    /// Sites; empty means all.
    pub(crate) filter: Mutex<BTreeSet<u64>>,
    callback: Callback,
    hits: AtomicU64,
    faulted: AtomicBool,
}

/// A tracer: a callback and the sites that it wants (`struct ftrace_ops`).
#[derive(Clone)]
pub struct Ops(pub(crate) Arc<Inner>);

impl Ops {
    /// A tracer without a filter: it wants every site.
    pub fn new(name: &str, flags: Flags, callback: impl Fn(&mut Regs) + Send + Sync + 'static) -> Self {
        Self(Arc::new(Inner {
            name: name.to_owned(),
            flags: Flags { save: if flags.ipmodify { Save::Regs } else { flags.save }, ..flags },
            filter: Mutex::default(),
            callback: Box::new(callback),
            hits: AtomicU64::new(0),
            faulted: AtomicBool::new(false),
        }))
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// How often it was called.
    #[must_use]
    pub fn hits(&self) -> u64 {
        self.0.hits.load(Ordering::Relaxed)
    }

    /// Whether its callback panicked, or changed the instruction pointer to an address that is no text of an engine and
    /// was not declared with [`Target::foreign`](crate::text::Target::foreign). It is not called again; the traced functions go on.
    #[must_use]
    pub fn faulted(&self) -> bool {
        self.0.faulted.load(Ordering::Relaxed)
    }

    /// Whether it wants the site.
    #[must_use]
    pub fn wants(&self, ip: u64) -> bool {
        let filter = self.0.filter.lock().unwrap_or_else(PoisonError::into_inner);
        filter.is_empty() || filter.contains(&ip)
    }
}

thread_local! {
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

impl Inner {
    fn call(&self, regs: &mut Regs) {
        if self.faulted.load(Ordering::Relaxed) {
            return;
        }
        let guarded = !self.flags.recursion_safe;
        if guarded && INSIDE.replace(true) {
            return;
        }
        let (ip, parent, next) = (regs.ip, regs.parent, regs.next);
        let ended = catch_unwind(AssertUnwindSafe(|| (self.callback)(regs)));
        regs.parent = parent;
        regs.next = next;
        if !self.flags.ipmodify {
            regs.ip = ip;
        }
        // An address that no engine laid out, and nobody vouches for: as a callback that panicked.
        let astray = regs.ip != ip && !trap::owns(regs.ip) && !foreign::is_declared(regs.ip);
        if ended.is_err() || astray {
            regs.ip = ip;
            self.faulted.store(true, Ordering::Relaxed);
        } else {
            self.hits.fetch_add(1, Ordering::Relaxed);
        }
        if guarded {
            INSIDE.set(false);
        }
    }
}

/// A direct call that follows the list function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Direct {
    /// The function that is called.
    pub target: u64,
    /// Entered by JMP: the return address is the traced function's caller (v6.19's `FTRACE_OPS_FL_JMP`).
    pub jmp: bool,
}

#[derive(Default)]
pub(crate) struct Snapshot {
    pub(crate) ops: Vec<(Arc<Inner>, BTreeSet<u64>)>,
    pub(crate) directs: Vec<(u64, Direct)>,
}

/// What the list function goes through.
#[derive(Default)]
pub(crate) struct List(RwLock<Arc<Snapshot>>);

impl List {
    pub(crate) fn set(&self, snapshot: Snapshot) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(snapshot);
    }
}

/// Called by an ops' own trampoline.
///
/// # Safety
/// `regs` is the frame that the trampoline pushed, `ops` lives as long as the trampoline.
pub(crate) unsafe extern "sysv64" fn dispatch_one(regs: *mut Regs, ops: *const Inner) {
    // SAFETY: see above; the frame belongs to this call alone.
    let (regs, ops) = unsafe { (&mut *regs, &*ops) };
    ops.call(regs);
}

/// Called by the list trampoline: every ops that wants the site, then a direct call if there is one.
///
/// # Safety
/// As [`dispatch_one`].
pub(crate) unsafe extern "sysv64" fn dispatch_list(regs: *mut Regs, list: *const List) {
    // SAFETY: see above.
    let (regs, list) = unsafe { (&mut *regs, &*list) };
    let snapshot = list.0.read().unwrap_or_else(PoisonError::into_inner).clone();
    let site = regs.ip - PATCH_SIZE as u64;
    for (ops, filter) in &snapshot.ops {
        if filter.is_empty() || filter.contains(&site) {
            ops.call(regs);
        }
    }
    if let Ok(i) = snapshot.directs.binary_search_by_key(&site, |d| d.0) {
        let direct = snapshot.directs[i].1;
        if direct.jmp {
            regs.ip = direct.target;
        } else {
            regs.next = direct.target;
        }
    }
}
