//! Mechanisms by their eras: whose rules are run.

use serde::{Deserialize, Serialize};

use crate::mechanism::MechanismId;

/// A mechanism as it was at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Era {
    /// The function tracer.
    Ftrace,
    /// A direct call, registered with ftrace.
    FtraceDirect,
    /// An inline static call, NULL until it is installed.
    StaticCall,
    /// A jump label.
    JumpLabel,
    /// The dispatcher that takes the fentry nop.
    Dispatcher2019,
    /// The dispatcher built on a static call.
    Dispatcher2022,
    /// A probe at the function's entry: it rides on ftrace where that is a site of ftrace's.
    Kprobe,
    /// A probe behind the entry that becomes a jump.
    Optprobe,
    /// A BPF program before the function; a direct call is one more user of IPMODIFY.
    Trampoline2019,
    /// The same; a trampoline can be asked to share.
    Trampoline2022,
    /// A live patch of the function.
    Livepatch,
    /// The same, which asks trampolines to share.
    Livepatch2022,
    /// Whoever writes over an entry with `bpf_arch_text_poke()` after the dispatcher has left it: the kernel has no user like that,
    /// a patch may add one.
    Poke2022,
    /// A probe at the function's entry with a `post_handler`: it is a user of IPMODIFY.
    KprobePost,
}

impl Era {
    /// Those that the kernel has, and that the matrix is made of.
    pub const ALL: [Self; 12] = [
        Self::Ftrace,
        Self::FtraceDirect,
        Self::StaticCall,
        Self::JumpLabel,
        Self::Dispatcher2019,
        Self::Dispatcher2022,
        Self::Kprobe,
        Self::Optprobe,
        Self::Trampoline2019,
        Self::Trampoline2022,
        Self::Livepatch,
        Self::Livepatch2022,
    ];

    /// Those that a patch may bring: run when one does, and not part of the matrix.
    pub const BROUGHT: [Self; 2] = [Self::Poke2022, Self::KprobePost];

    /// The catalogue's slug.
    #[must_use]
    pub fn mechanism(self) -> MechanismId {
        match self {
            Self::Ftrace => MechanismId::FTRACE,
            Self::FtraceDirect => MechanismId("ftrace-direct"),
            Self::StaticCall => MechanismId::STATIC_CALL,
            Self::JumpLabel => MechanismId::JUMP_LABEL,
            Self::Dispatcher2019 | Self::Dispatcher2022 => MechanismId::BPF_DISPATCHER,
            Self::Kprobe | Self::KprobePost => MechanismId::KPROBES,
            Self::Poke2022 => MechanismId::TEXT,
            Self::Optprobe => MechanismId("optprobes"),
            Self::Trampoline2019 | Self::Trampoline2022 => MechanismId::BPF_TRAMPOLINE,
            Self::Livepatch | Self::Livepatch2022 => MechanismId::LIVEPATCH,
        }
    }

    /// The kernel version whose rules it follows.
    #[must_use]
    pub fn version(self) -> &'static str {
        match self {
            Self::Ftrace => "v5.4",
            Self::FtraceDirect => "v5.5",
            Self::StaticCall | Self::JumpLabel | Self::Kprobe | Self::Optprobe => "v5.17",
            Self::Trampoline2019 | Self::Livepatch => "v5.17",
            Self::Trampoline2022 | Self::Livepatch2022 => "v6.0",
            Self::Dispatcher2019 => "v5.6",
            Self::Dispatcher2022 | Self::Poke2022 => "v6.1",
            // Its rule is that of v5.4 (kernel/kprobes.c: arm_kprobe_ftrace()) and still that of v5.17.
            Self::KprobePost => "v5.17 with a post_handler",
        }
    }

    /// The mail that brought this form.
    #[must_use]
    pub fn message_id(self) -> &'static str {
        match self {
            Self::Ftrace => "20191111131252.921588318@infradead.org",
            Self::FtraceDirect => "20191108212834.594904349@goodmis.org",
            Self::StaticCall => "20200818135735.948368560@infradead.org",
            Self::JumpLabel => "cover.1560325897.git.bristot@redhat.com",
            Self::Dispatcher2019 => "20191213175112.30208-1-bjorn.topel@gmail.com",
            Self::Dispatcher2022 | Self::Poke2022 => "20221103120012.717020618@infradead.org",
            Self::Kprobe | Self::KprobePost => "20120605102832.27845.63461.stgit@localhost.localdomain",
            Self::Optprobe => "20191111132458.401696663@infradead.org",
            Self::Trampoline2019 => "20191114185720.1641606-1-ast@kernel.org",
            Self::Trampoline2022 | Self::Livepatch2022 => "20220720002126.803253-1-song@kernel.org",
            Self::Livepatch => "20191016113316.13415-1-mbenes@suse.cz",
        }
    }

    /// Slug and version.
    #[must_use]
    pub fn label(self) -> String {
        format!("{} {}", self.mechanism(), self.version())
    }

    /// The eras of a slug (`bpf-dispatcher` has two), or one of them by `slug@version`.
    #[must_use]
    pub fn named(name: &str) -> Vec<Self> {
        let (slug, version) = name.split_once('@').map_or((name, None), |(s, v)| (s, Some(v)));
        Self::ALL.into_iter().filter(|e| e.mechanism().0 == slug && version.is_none_or(|v| v == e.version())).collect()
    }
}
