//! Records become claims: the bytes that each owner holds, in the engine's ledger.

use super::owner::Owner;
use crate::holder::MechanismId;
use crate::isa::Bytes;
use crate::ledger::{Ledger, Policy};

/// A place that a table names.
#[derive(Debug, Clone, Copy)]
pub struct Record {
    /// First byte.
    pub addr: u64,
    /// Key, target, replacement or fixup, as the table's layout has it; 0 where there is none.
    pub other: u64,
    /// Length in bytes.
    pub len: u32,
    /// Flags as the table has them.
    pub flags: u32,
    /// Number of its table.
    pub table: u8,
    /// Who owns it.
    pub owner: Owner,
    /// Whether the bytes are what the owner expects.
    pub fits: bool,
}

/// Bytes that one owner holds: records of one owner that overlap are one claim (an alternative of alternatives).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// First byte.
    pub addr: u64,
    /// Length in bytes.
    pub len: u32,
    /// The mechanism that holds them.
    pub owner: Owner,
    /// The first table that says so.
    pub table: u8,
}

impl Span {
    /// The address behind its last byte.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.addr.saturating_add(u64::from(self.len))
    }
}

/// Sorts records by address and unites those of one owner that overlap.
pub(crate) fn unite(records: &mut [Record]) -> Vec<Span> {
    // Stable, because it is the quicker one: each table is mostly in order by itself.
    records.sort_by_key(|r| (r.addr, r.owner, r.table, r.len));
    let mut spans: Vec<Span> = Vec::with_capacity(records.len());
    let mut last = [usize::MAX; Owner::ALL.len()];
    for record in records.iter() {
        let open = &mut last[record.owner as usize];
        match spans.get_mut(*open) {
            Some(span) if span.end() > record.addr => {
                let end = span.end().max(record.addr.saturating_add(u64::from(record.len)));
                span.len = u32::try_from(end - span.addr).unwrap_or(u32::MAX);
            }
            _ => {
                *open = spans.len();
                let Record { addr, len, owner, table, .. } = *record;
                spans.push(Span { addr, len, owner, table });
            }
        }
    }
    spans
}

/// Writes the claims into a ledger that observes, as in the kernel, where nobody asks.
pub(crate) fn ledger<'a>(spans: &[Span], bytes: impl Fn(&Span) -> &'a [u8]) -> Ledger {
    let mut ledger = Ledger::new(Policy::Observe);
    let holders = Owner::ALL.map(|owner| {
        let mechanism = owner.mechanism().unwrap_or(MechanismId::TEXT);
        (owner, ledger.holder(mechanism, owner.name()))
    });
    let holder = |owner: Owner| holders.iter().find(|(o, _)| *o == owner).map(|(_, id)| *id);
    let held = spans
        .iter()
        .filter_map(|span| Some((span.addr, span.len as usize, holder(span.owner)?, Bytes::new(bytes(span)))));
    ledger.observe(held);
    ledger
}
