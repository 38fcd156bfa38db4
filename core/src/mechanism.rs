//! The mechanisms that rewrite kernel text, each in one file, all through claim, plan and poke.
//!
//! Each keeps the kernel's own rules of an era: what it checks before it writes, and how it fails. The ledger comes
//! on top; under [`crate::ledger::Policy::Observe`] only the rules are left.

use std::fmt;

use crate::poke::PokeError;

pub mod dispatcher;
pub mod ftrace;
pub mod kprobe;
pub mod livepatch;
pub mod mcount;
pub mod static_call;
pub mod static_key;
pub mod trampoline;

/// A mechanism, by the slug under which the catalogue knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
pub struct MechanismId(pub &'static str);

impl MechanismId {
    /// Function tracing by `__fentry__` sites.
    pub const FTRACE: Self = Self("ftrace");
    /// Direct calls that are patched.
    pub const STATIC_CALL: Self = Self("static-call");
    /// Branches that are patched.
    pub const JUMP_LABEL: Self = Self("jump-label");
    /// The BPF dispatcher.
    pub const BPF_DISPATCHER: Self = Self("bpf-dispatcher");
    /// Breakpoints, and jumps in their place.
    pub const KPROBES: Self = Self("kprobes");
    /// Programs around a function, in one image.
    pub const BPF_TRAMPOLINE: Self = Self("bpf-trampoline");
    /// Functions replaced while they run.
    pub const LIVEPATCH: Self = Self("livepatch");
    /// The profiler's calls, learned while they run.
    pub const MCOUNT: Self = Self("mcount");
    /// Whoever laid out the text.
    pub const TEXT: Self = Self("text-poke");

    /// Every mechanism that this crate names.
    pub const ALL: [Self; 9] = [
        Self::FTRACE,
        Self::STATIC_CALL,
        Self::JUMP_LABEL,
        Self::BPF_DISPATCHER,
        Self::KPROBES,
        Self::BPF_TRAMPOLINE,
        Self::LIVEPATCH,
        Self::MCOUNT,
        Self::TEXT,
    ];
}

impl fmt::Display for MechanismId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// The kernel's error numbers, as its callers see them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub enum Errno {
    /// Already in use.
    EBUSY,
    /// Not as it should be.
    EINVAL,
    /// The facility is dead, or there is no record.
    ENODEV,
    /// There already.
    EEXIST,
    /// Not there.
    ENOENT,
    /// Out of reach.
    ERANGE,
    /// More than fit.
    E2BIG,
    /// Inside an instruction.
    EILSEQ,
    /// Not a place to go to.
    EFAULT,
    /// Not for such a function.
    ENOTSUPP,
    /// Not now, or not like this.
    EPERM,
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "-{self:?}")
    }
}

/// How a mechanism fails.
#[derive(Debug, thiserror::Error)]
pub enum MechanismError {
    /// As the kernel's function would: an error number to the caller.
    #[error("{errno} from {rule}: {why}")]
    Kernel {
        /// The number.
        errno: Errno,
        /// File and function.
        rule: &'static str,
        /// In words, with the bytes.
        why: String,
    },
    /// Where the kernel has `BUG()`: the machine would stop here.
    #[error("BUG in {rule}: {why}")]
    Bug {
        /// File and function.
        rule: &'static str,
        /// In words, with the bytes.
        why: String,
    },
    /// The ledger or the engine refuses; nothing was written.
    #[error(transparent)]
    Poke(#[from] PokeError),
}

impl MechanismError {
    /// The kernel's number, if it is one of its errors.
    #[must_use]
    pub fn errno(&self) -> Option<Errno> {
        match self {
            Self::Kernel { errno, .. } => Some(*errno),
            _ => None,
        }
    }

    pub(crate) fn kernel(errno: Errno, rule: &'static str, why: impl Into<String>) -> Self {
        Self::Kernel { errno, rule, why: why.into() }
    }
}

impl From<crate::text::TextError> for MechanismError {
    fn from(e: crate::text::TextError) -> Self {
        Self::Poke(e.into())
    }
}

impl From<crate::plan::PlanError> for MechanismError {
    fn from(e: crate::plan::PlanError) -> Self {
        Self::Poke(e.into())
    }
}
