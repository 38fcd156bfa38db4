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

/// The kernel's error numbers, as its callers see them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
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
    /// Not any more.
    EOPNOTSUPP,
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
#[non_exhaustive]
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

    /// An error as the kernel's function gives it.
    pub fn kernel(errno: Errno, rule: &'static str, why: impl Into<String>) -> Self {
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
