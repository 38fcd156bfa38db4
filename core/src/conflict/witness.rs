//! What two real kernels did when the dispatcher met ftrace: recorded runs of Debian's kernels under qemu (TCG), three
//! identical runs each. Site: `bpf_dispatcher_xdp_func`.

use serde::{Deserialize, Serialize};

use super::Era;

/// A recorded outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Witness {
    /// Which kernel.
    pub kernel: String,
    /// What it did.
    pub outcome: String,
    /// The [`super::Finding`]'s word that this amounts to.
    pub word: String,
}

const OLD: &str = "Debian 5.10.218 (also 5.10.262)";
const NEW: &str = "Debian 6.1.192";

pub(super) fn find(first: Era, second: Era) -> Option<Witness> {
    let (kernel, word, outcome) = match (first, second) {
        (Era::Dispatcher2019, Era::Ftrace) => (
            OLD,
            "broken",
            "the write to current_tracer returns success; WARNING in ftrace_verify_code, actual e9, expected the nop; \
             ENODEV from every use of ftrace until reboot; XDP goes on",
        ),
        (Era::Ftrace, Era::Dispatcher2019) => (
            OLD,
            "silent",
            "attach returns 0, no message; the site stays e8, the program runs by the indirect call; tracer off: the site is a \
             nop and stays one until the last program is detached; attached again it is a jump",
        ),
        (Era::Ftrace, Era::Dispatcher2022) | (Era::Dispatcher2022, Era::Ftrace) => {
            (NEW, "composes", "no warning; bytes 0-4 are ftrace's, 5-9 the dispatcher's, and both change independently")
        }
        _ => return None,
    };
    Some(Witness { kernel: kernel.into(), outcome: outcome.into(), word: word.into() })
}
