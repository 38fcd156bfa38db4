//! What real kernels did with a pair: rows that point into the records of [`crate::witness`].

use serde::{Deserialize, Serialize};

use super::era::Era;
use crate::witness::{Kernel, record};

/// A recorded outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Witness {
    /// Which kernel, and where it was run.
    pub kernel: String,
    /// The day on which it was recorded; empty where the record has none.
    #[serde(default)]
    pub date: String,
    /// The scenario whose record has it.
    #[serde(default)]
    pub scenario: String,
    /// What it did.
    pub outcome: String,
    /// The [`crate::conflict::Finding`]'s word that this amounts to.
    pub word: String,
}

type Row = (Era, Era, Kernel, &'static str, &'static str, &'static str);

const ROWS: &[Row] = &[
    (
        Era::Dispatcher2019,
        Era::Ftrace,
        Kernel::V5_10,
        "xdp-then-tracer",
        "broken",
        "the write to current_tracer returns success; WARNING in ftrace_verify_code, actual e9, expected the nop; ENODEV from every \
         use of ftrace until reboot; XDP goes on",
    ),
    (
        Era::Ftrace,
        Era::Dispatcher2019,
        Kernel::V5_10,
        "tracer-then-xdp",
        "silent",
        "attach returns 0, no message; the site stays e8, the program runs by the indirect call; tracer off: the site is a nop and \
         stays one until the last program is detached; attached again it is a jump",
    ),
    (
        Era::Dispatcher2022,
        Era::Ftrace,
        Kernel::V6_1,
        "xdp-then-tracer",
        "composes",
        "no warning; bytes 0-4 are ftrace's, 5-9 the dispatcher's, and both change independently",
    ),
    (
        Era::Ftrace,
        Era::Dispatcher2022,
        Kernel::V6_1,
        "tracer-then-xdp",
        "composes",
        "no warning; bytes 0-4 are ftrace's, 5-9 the dispatcher's, and both change independently",
    ),
    (
        Era::Dispatcher2019,
        Era::Kprobe,
        Kernel::V5_10,
        "kprobe-sets-it-off",
        "broken",
        "enabling the probe at +0 returns ENODEV and kills ftrace; a probe at +5 is still accepted, as a breakpoint",
    ),
    (
        Era::Dispatcher2022,
        Era::Kprobe,
        Kernel::V6_1,
        "kprobe-sets-it-off",
        "composes",
        "the probe at +0 goes through ftrace and counts; one at +5, on the static call, is EINVAL",
    ),
    (Era::Kprobe, Era::Ftrace, Kernel::V5_10, "kprobe-around-entry", "composes", SHARE),
    (Era::Ftrace, Era::Kprobe, Kernel::V6_1, "enabled-off-tracer-kprobe", "composes", SHARE),
    (Era::Ftrace, Era::Trampoline2019, Kernel::V5_10, "tracer-fentry-kprobe", "composes", SHARE),
    (Era::Ftrace, Era::Trampoline2022, Kernel::V6_1, "tracer-fentry-kprobe", "composes", SHARE),
    (Era::Kprobe, Era::Trampoline2019, Kernel::V5_10, "kprobe-fentry-tracer", "composes", SHARE),
    (Era::Kprobe, Era::Trampoline2022, Kernel::V6_1, "kprobe-fentry-tracer", "composes", SHARE),
    (Era::Trampoline2019, Era::Ftrace, Kernel::V5_10, "kprobe-fentry-tracer", "composes", SHARE),
    (Era::Trampoline2022, Era::Ftrace, Kernel::V6_1, "kprobe-fentry-tracer", "composes", SHARE),
    (Era::Trampoline2019, Era::Kprobe, Kernel::V5_10, "armed-when-it-dies", "composes", SHARE),
    (Era::Trampoline2022, Era::Kprobe, Kernel::V6_1, "armed-when-it-dies", "composes", SHARE),
    (
        Era::Kprobe,
        Era::Optprobe,
        Kernel::V5_10,
        "kprobe-around-entry",
        "composes",
        "the probe at +0 is ftrace's, the one at +5 a jump; both count",
    ),
    (
        Era::Ftrace,
        Era::Optprobe,
        Kernel::V6_1,
        "kprobe-around-entry",
        "composes",
        "the site is the tracer's call, the probe at +5 a jump; both count",
    ),
    (
        Era::JumpLabel,
        Era::Kprobe,
        Kernel::V6_1,
        "static-key-under-kprobe",
        "refused",
        "EINVAL at the branch and inside it, whether the key is on or off; the key goes on working",
    ),
    (
        Era::Livepatch,
        Era::Trampoline2019,
        Kernel::V5_10,
        "livepatch-then-others",
        "refused",
        "attaching the program returns EBUSY; the patched function runs",
    ),
    (
        Era::Trampoline2019,
        Era::Livepatch,
        Kernel::V5_10,
        "fexit-then-livepatch",
        "refused",
        "loading the patch returns EBUSY while the program is attached, and succeeds when it has left",
    ),
    (
        Era::Livepatch2022,
        Era::Trampoline2022,
        Kernel::V6_1,
        "livepatch-then-others",
        "composes",
        "the patched function runs, and the program behind it",
    ),
    (
        Era::Trampoline2022,
        Era::Livepatch2022,
        Kernel::V6_1,
        "fexit-then-livepatch",
        "composes",
        "the patched function runs, and the program behind it",
    ),
    (
        Era::Livepatch,
        Era::Kprobe,
        Kernel::V5_10,
        "livepatch-then-others",
        "composes",
        "the probe goes through ftrace and counts; the patched function runs",
    ),
    (
        Era::Livepatch2022,
        Era::Kprobe,
        Kernel::V6_1,
        "livepatch-then-others",
        "composes",
        "the probe goes through ftrace and counts; the patched function runs",
    ),
];

const SHARE: &str = "both count every call, in either order of leaving; the last to leave leaves a nop";

pub(super) fn find(first: Era, second: Era) -> Option<Witness> {
    let &(_, _, kernel, scenario, word, outcome) = ROWS.iter().find(|r| (r.0, r.1) == (first, second))?;
    let record = record(kernel, scenario)?;
    Some(Witness {
        kernel: format!("{} ({})", record.kernel, record.machine),
        date: record.date,
        scenario: scenario.into(),
        outcome: outcome.into(),
        word: word.into(),
    })
}
