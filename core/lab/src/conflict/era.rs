//! Mechanisms by their eras: whose rules are run.

use serde::{Deserialize, Serialize};

use provenance_engine::holder::MechanismId;

macro_rules! eras {
    (
        kernel { $($(#[$doc:meta])* $name:ident: $mechanism:expr, $version:literal, $mail:literal;)* }
        brought { $($(#[$bdoc:meta])* $bname:ident: $bmechanism:expr, $bversion:literal, $bmail:literal;)* }
    ) => {
        /// A mechanism as it was at a time.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        #[non_exhaustive]
        pub enum Era {
            $($(#[$doc])* $name,)*
            $($(#[$bdoc])* $bname,)*
        }

        const COUNT: usize = [$(stringify!($name)),*].len();
        const BROUGHT: usize = [$(stringify!($bname)),*].len();

        impl Era {
            /// Those that the kernel has, and that the matrix is made of.
            pub const ALL: [Self; COUNT] = [$(Self::$name),*];

            /// Those that a patch may bring: run when one does, and not part of the matrix.
            pub const BROUGHT: [Self; BROUGHT] = [$(Self::$bname),*];

            /// The catalogue's slug.
            #[must_use]
            pub fn mechanism(self) -> MechanismId {
                match self {
                    $(Self::$name => $mechanism,)*
                    $(Self::$bname => $bmechanism,)*
                }
            }

            /// The kernel version whose rules it follows.
            #[must_use]
            pub fn version(self) -> &'static str {
                match self {
                    $(Self::$name => $version,)*
                    $(Self::$bname => $bversion,)*
                }
            }

            /// The mail that brought this form.
            #[must_use]
            pub fn message_id(self) -> &'static str {
                match self {
                    $(Self::$name => $mail,)*
                    $(Self::$bname => $bmail,)*
                }
            }
        }
    };
}

// All that is said of an era, once: its mechanism, the version whose rules it follows, the mail that brought this form.
eras! {
    kernel {
        /// The function tracer.
        Ftrace: MechanismId::FTRACE, "v5.4", "20191111131252.921588318@infradead.org";
        /// A direct call, registered with ftrace.
        FtraceDirect: MechanismId::FTRACE_DIRECT, "v5.5", "20191108212834.594904349@goodmis.org";
        /// An inline static call, NULL until it is installed.
        StaticCall: MechanismId::STATIC_CALL, "v5.17", "20200818135735.948368560@infradead.org";
        /// A jump label.
        JumpLabel: MechanismId::JUMP_LABEL, "v5.17", "cover.1560325897.git.bristot@redhat.com";
        /// The dispatcher that takes the fentry nop.
        Dispatcher2019: MechanismId::BPF_DISPATCHER, "v5.6", "20191213175112.30208-1-bjorn.topel@gmail.com";
        /// The dispatcher built on a static call.
        Dispatcher2022: MechanismId::BPF_DISPATCHER, "v6.1", "20221103120012.717020618@infradead.org";
        /// A probe at the function's entry: it goes through ftrace where that is a site of ftrace's.
        Kprobe: MechanismId::KPROBES, "v5.17", "20120605102832.27845.63461.stgit@localhost.localdomain";
        /// A probe behind the entry that becomes a jump.
        Optprobe: MechanismId::OPTPROBES, "v5.17", "20191111132458.401696663@infradead.org";
        /// A BPF program before the function; a direct call is one more user of IPMODIFY.
        Trampoline2019: MechanismId::BPF_TRAMPOLINE, "v5.17", "20191114185720.1641606-1-ast@kernel.org";
        /// The same; a trampoline can be asked to share.
        Trampoline2022: MechanismId::BPF_TRAMPOLINE, "v6.0", "20220720002126.803253-1-song@kernel.org";
        /// A live patch of the function.
        Livepatch: MechanismId::LIVEPATCH, "v5.17", "20191016113316.13415-1-mbenes@suse.cz";
        /// The same, which asks trampolines to share.
        Livepatch2022: MechanismId::LIVEPATCH, "v6.0", "20220720002126.803253-1-song@kernel.org";
    }
    brought {
        /// Whoever writes over an entry with `bpf_arch_text_poke()` after the dispatcher has left it: the kernel has no user
        /// like that, a patch may add one.
        Poke2022: MechanismId::TEXT, "v6.1", "20221103120012.717020618@infradead.org";
        /// A probe at the function's entry with a `post_handler`: it is a user of IPMODIFY. Its rule is that of v5.4
        /// (kernel/kprobes.c: arm_kprobe_ftrace()) and still that of v5.17.
        KprobePost: MechanismId::KPROBES, "v5.17 with a post_handler", "20120605102832.27845.63461.stgit@localhost.localdomain";
    }
}

impl Era {
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
