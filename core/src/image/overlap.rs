//! Where two owners meet on the same bytes, and how bad that is.

use super::claims::Span;
use super::owner::{Owner, When};

/// How bad a meeting is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rank {
    /// The kernel knows of it and orders the two.
    ByDesign,
    /// No known harm, and no known arbiter.
    WorthKnowing,
    /// Both write at any time, and nothing stands between them.
    Conflict,
}

impl Rank {
    /// The word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ByDesign => "by design",
            Self::WorthKnowing => "worth knowing",
            Self::Conflict => "conflict",
        }
    }
}

/// Two claims that share bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meeting {
    /// First byte that they share.
    pub addr: u64,
    /// Bytes that they share.
    pub len: u32,
    /// The claim that begins first.
    pub first: Span,
    /// The other.
    pub second: Span,
    /// How bad.
    pub rank: Rank,
    /// Why that.
    pub why: &'static str,
}

/// All meetings, in the order of their addresses. Places that are only named (`__bug_table`) meet nobody. An owner
/// has at most one claim on a byte, so the open claims are never more than there are owners.
pub(crate) fn meetings(spans: &[Span]) -> Vec<Meeting> {
    let mut out = Vec::new();
    let mut open: Vec<Span> = Vec::new();
    for span in spans.iter().filter(|s| s.owner.when() != When::Never) {
        open.retain(|o| o.end() > span.addr);
        for other in &open {
            let end = other.end().min(span.end());
            let (rank, why) = judge(other.owner, span.owner);
            let len = u32::try_from(end - span.addr).unwrap_or(u32::MAX);
            out.push(Meeting { addr: span.addr, len, first: *other, second: *span, rank, why });
        }
        open.push(*span);
    }
    out
}

/// What is known of two owners on the same bytes. Sources: kernel files as of v6.12 where no other is named.
fn judge(a: Owner, b: Owner) -> (Rank, &'static str) {
    use Owner::{
        Alternatives, BpfDispatcher, CallDepth, Cfi, Ftrace, Ibt, Kprobes, Paravirt, Retpoline, ReturnThunk, SmpLocks,
        StaticCall,
    };
    let pair = |x: Owner, y: Owner| (a, b) == (x, y) || (b, a) == (x, y);
    if pair(Ftrace, Kprobes) {
        return (Rank::ByDesign, "a kprobe on a traced entry goes through ftrace: arm_kprobe_ftrace()");
    }
    if pair(StaticCall, BpfDispatcher) {
        return (Rank::ByDesign, "the dispatcher writes through its static call");
    }
    if a.when() == When::Live && b.when() == When::Live {
        return (Rank::Conflict, "both write while the kernel runs, and neither asks the other");
    }
    // What is applied once, in the order of alternative_instructions().
    const ONCE: [Owner; 8] = [Alternatives, Paravirt, Retpoline, ReturnThunk, CallDepth, Ibt, SmpLocks, Cfi];
    if ONCE.contains(&a) && ONCE.contains(&b) {
        return (Rank::ByDesign, "both are applied at boot, one after the other: alternative_instructions()");
    }
    if pair(StaticCall, ReturnThunk) {
        return (Rank::ByDesign, "__static_call_fixup() writes the return that the thunk asks for");
    }
    if pair(StaticCall, CallDepth) {
        return (Rank::ByDesign, "call thunks leave static calls alone: skip_addr()");
    }
    if pair(Ftrace, CallDepth) {
        return (Rank::ByDesign, "call thunks leave calls of __fentry__ alone: skip_addr()");
    }
    if pair(BpfDispatcher, Retpoline) {
        return (Rank::WorthKnowing, "the thunk's call is applied at boot, before a dispatcher is attached");
    }
    (Rank::WorthKnowing, "one writes at boot, the other at any time; no rule between them is known here")
}
