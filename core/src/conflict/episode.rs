//! Episodes of history: pairs that met, in the order in which they did.

use super::Era;

/// A named episode.
#[derive(Debug, Clone, Copy)]
pub struct Episode {
    /// For the command line.
    pub name: &'static str,
    /// What it is about.
    pub title: &'static str,
    /// The pairs to run, first and second.
    pub pairs: &'static [(Era, Era)],
    /// Mails, oldest first.
    pub message_ids: &'static [&'static str],
}

/// All episodes.
pub const ALL: &[Episode] = &[
    Episode {
        name: "dispatcher-takes-a-nop",
        title: "2019: the dispatcher pokes a jump over bytes that ftrace records",
        pairs: &[(Era::Dispatcher2019, Era::Ftrace), (Era::Ftrace, Era::Dispatcher2019)],
        message_ids: &[
            "20191211123017.13212-3-bjorn.topel@gmail.com",
            "20220714082316.479181-1-jolsa@kernel.org",
            "20220722110811.124515-1-jolsa@kernel.org",
            "20220815101303.79ace3f8@gandalf.local.home",
        ],
    },
    Episode {
        name: "dispatcher-on-static-call",
        title: "2022: the dispatcher becomes a static call, and both work",
        pairs: &[(Era::Dispatcher2022, Era::Ftrace), (Era::Ftrace, Era::Dispatcher2022)],
        message_ids: &["20221103120012.717020618@infradead.org", "20221103120647.796772565@infradead.org"],
    },
    Episode {
        name: "trampoline-asks-first",
        title: "2019: direct calls share ftrace's record by asking for it",
        pairs: &[(Era::Ftrace, Era::FtraceDirect), (Era::FtraceDirect, Era::Ftrace)],
        message_ids: &["20191108212834.594904349@goodmis.org"],
    },
];

/// The episode of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Episode> {
    ALL.iter().find(|e| e.name == name)
}
