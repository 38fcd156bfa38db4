//! Who can hold bytes: mechanisms by their names, and their objects. Ledger and plan know no mechanism beyond these names.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Mutex, PoisonError};

/// A mechanism, by a short name; those of this library are the catalogue's slugs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct MechanismId(pub &'static str);

macro_rules! mechanisms {
    ($($(#[$doc:meta])* $name:ident = $slug:literal;)*) => {
        impl MechanismId {
            $($(#[$doc])* pub const $name: Self = Self($slug);)*

            /// Every mechanism that this library names.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];
        }
    };
}

mechanisms! {
    /// Function tracing by `__fentry__` sites.
    FTRACE = "ftrace";
    /// Calls that are put into ftrace's sites without its trampoline.
    FTRACE_DIRECT = "ftrace-direct";
    /// Direct calls that are patched.
    STATIC_CALL = "static-call";
    /// Branches that are patched.
    JUMP_LABEL = "jump-label";
    /// The BPF dispatcher.
    BPF_DISPATCHER = "bpf-dispatcher";
    /// Breakpoints at any instruction.
    KPROBES = "kprobes";
    /// Jumps in the place of a probe's breakpoint.
    OPTPROBES = "optprobes";
    /// Programs around a function, in one image.
    BPF_TRAMPOLINE = "bpf-trampoline";
    /// Functions replaced while they run.
    LIVEPATCH = "livepatch";
    /// The profiler's calls, learned while they run.
    MCOUNT = "mcount";
    /// Whoever laid out the text.
    TEXT = "text-poke";
}

impl MechanismId {
    /// A mechanism whose name is known only at run time. The name is kept once for the process, and never freed: it is
    /// meant for mechanisms, not for each of their objects, which [`Holder::name`] is for.
    #[must_use]
    pub fn named(name: &str) -> Self {
        static NAMES: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
        if let Some(known) = Self::ALL.iter().copied().find(|id| id.0 == name) {
            return known;
        }
        let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = names.get(name).copied().unwrap_or_else(|| {
            let kept: &'static str = Box::leak(name.into());
            names.insert(kept);
            kept
        });
        Self(kept)
    }
}

impl fmt::Display for MechanismId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// A party that can hold bytes: a mechanism, and which of its objects.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Holder {
    /// The mechanism.
    pub mechanism: MechanismId,
    /// The object: a key, an ops, a function.
    pub name: String,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.is_empty() || self.name == self.mechanism.0 {
            f.write_str(self.mechanism.0)
        } else {
            write!(f, "{} ({})", self.mechanism.0, self.name)
        }
    }
}

/// A holder's number in one ledger; another ledger does not know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HolderId {
    pub(crate) index: u32,
    pub(crate) ledger: u32,
}

impl HolderId {
    /// Before every other.
    pub(crate) const FIRST: Self = Self { index: 0, ledger: 0 };
    /// Behind every other.
    pub(crate) const LAST: Self = Self { index: u32::MAX, ledger: u32::MAX };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_run_time_is_kept_once() {
        let [a, b] = [String::from("mine"), String::from("mine")].map(|name| MechanismId::named(&name));
        assert!(std::ptr::eq(a.0, b.0), "{a:?}, {b:?}");
        assert_eq!(MechanismId::named("ftrace"), MechanismId::FTRACE);
        assert_eq!(a.to_string(), "mine");
    }

    #[test]
    fn the_names_of_this_library_differ() {
        let names: BTreeSet<_> = MechanismId::ALL.iter().collect();
        assert_eq!(names.len(), MechanismId::ALL.len());
    }
}
