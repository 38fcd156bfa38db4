//! Who may rewrite a byte of kernel text, and when.

use crate::holder::MechanismId;

/// When an owner writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum When {
    /// At any time while the kernel runs.
    Live,
    /// While it boots or a module is loaded, and not again.
    Boot,
    /// Never: the table only names the place.
    Never,
}

/// A party that a table, or a rule, gives bytes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Owner {
    /// Function tracing: a call or nop at a function's entry.
    Ftrace,
    /// Direct calls that are redirected.
    StaticCall,
    /// Static keys: a jump or nop.
    JumpLabel,
    /// A function that becomes a jump to a generated comparison chain.
    BpfDispatcher,
    /// Instructions chosen by the processor's features.
    Alternatives,
    /// Indirect calls and jumps through a thunk.
    Retpoline,
    /// Returns through a thunk.
    ReturnThunk,
    /// Calls that count their depth; the padding in front of functions that they use.
    CallDepth,
    /// `endbr64` that nothing needs.
    Ibt,
    /// `lock` prefixes, dropped on one processor.
    SmpLocks,
    /// Calls through the hypervisor's table.
    Paravirt,
    /// Checks of an indirect call's type, rewritten by FineIBT.
    Cfi,
    /// Constants that are known when the kernel has booted.
    RuntimeConst,
    /// Functions on which no kprobe may stand.
    KprobeBlacklist,
    /// Trapping instructions of `BUG()` and `WARN()`.
    Bug,
    /// Instructions whose faults are fixed up.
    Exception,
    /// Breakpoints and jumps of kprobes, on a running kernel.
    Kprobes,
}

impl Owner {
    /// All, those that write at any time first.
    pub const ALL: [Self; 17] = [
        Self::Ftrace,
        Self::StaticCall,
        Self::JumpLabel,
        Self::BpfDispatcher,
        Self::Kprobes,
        Self::Alternatives,
        Self::Retpoline,
        Self::ReturnThunk,
        Self::CallDepth,
        Self::Ibt,
        Self::SmpLocks,
        Self::Paravirt,
        Self::Cfi,
        Self::RuntimeConst,
        Self::KprobeBlacklist,
        Self::Bug,
        Self::Exception,
    ];

    /// The word for it, as in the catalogue where the catalogue has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ftrace => "ftrace",
            Self::StaticCall => "static-call",
            Self::JumpLabel => "jump-label",
            Self::BpfDispatcher => "bpf-dispatcher",
            Self::Alternatives => "alternatives",
            Self::Retpoline => "retpoline",
            Self::ReturnThunk => "return-thunk",
            Self::CallDepth => "call-depth",
            Self::Ibt => "ibt",
            Self::SmpLocks => "smp-locks",
            Self::Paravirt => "paravirt",
            Self::Cfi => "cfi",
            Self::RuntimeConst => "runtime-const",
            Self::KprobeBlacklist => "kprobe-blacklist",
            Self::Bug => "bug",
            Self::Exception => "exception",
            Self::Kprobes => "kprobes",
        }
    }

    /// The mechanism that the catalogue knows: the nearest where it has none. What never writes belongs to nobody.
    #[must_use]
    pub fn mechanism(self) -> Option<MechanismId> {
        match self {
            Self::Paravirt => Some(MechanismId("alternatives")),
            Self::Bug | Self::Exception => None,
            Self::Cfi | Self::RuntimeConst => Some(MechanismId::TEXT),
            Self::KprobeBlacklist => Some(MechanismId("kprobes")),
            other => Some(MechanismId(other.name())),
        }
    }

    /// When it writes.
    #[must_use]
    pub fn when(self) -> When {
        match self {
            Self::Ftrace | Self::StaticCall | Self::JumpLabel | Self::BpfDispatcher | Self::Kprobes => When::Live,
            Self::KprobeBlacklist | Self::Bug | Self::Exception => When::Never,
            _ => When::Boot,
        }
    }
}
