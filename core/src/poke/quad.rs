//! One aligned 8-byte store for each site, then one sync.
//!
//! AMD documents that an instruction changed within an aligned quadword is seen old or new by other cores
//! (APM vol. 2, 7.6.1); Intel documents nothing of the kind. So this is on request only, and refused where
//! the vendor or the alignment does not allow it. A site changes for a thread somewhere between the store and
//! the return of the sync.

use std::arch::x86_64::__cpuid;
use std::time::Instant;

use super::lock::TextLock;
use super::{Cursor, Phase, PokeError, Poked, Probe, stop};
use crate::entry;
use crate::plan::Plan;
use crate::text::Text;

/// The processor's vendor string.
#[must_use]
pub fn vendor() -> String {
    let id = __cpuid(0);
    let bytes: Vec<u8> = [id.ebx, id.edx, id.ecx].iter().flat_map(|r| r.to_le_bytes()).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn documented() -> bool {
    static AMD: std::sync::OnceLock<bool> = std::sync::OnceLock::new();
    *AMD.get_or_init(|| matches!(vendor().as_str(), "AuthenticAMD" | "HygonGenuine"))
}

/// Whether every site of the plan may be written this way.
///
/// # Errors
/// [`PokeError::NoQuad`] names the first site that may not.
pub fn check(plan: &Plan) -> Result<(), PokeError> {
    for patch in plan.patches() {
        let refuse = |why| Err(PokeError::NoQuad { addr: patch.addr(), len: patch.len(), why });
        if !documented() {
            return refuse("only AMD documents it as atomic for instruction fetch");
        }
        if patch.site().straddles(8) {
            return refuse("it crosses an aligned 8-byte boundary");
        }
    }
    Ok(())
}

pub(crate) fn run(plan: &Plan, text: &Text, lock: &TextLock, probe: Probe<'_>) -> Result<Poked, PokeError> {
    let stuck = |source| PokeError::Stuck { phase: Phase::Start, source };
    entry::outside(|| probe(Phase::Start)).map_err(stuck)?;
    let began = Instant::now();
    let mut cursor = Cursor::new(text);
    for patch in plan.patches() {
        // Inside one aligned quadword, so it is one store.
        cursor.at(patch.addr(), patch.len())?.store_all(patch.addr(), patch.after(), lock);
    }
    stop::sync_or_stop(lock).map_err(|source| PokeError::Stuck { phase: Phase::Heads, source })?;
    Ok(Poked { syncs: 1, began, ended: Instant::now() })
}
