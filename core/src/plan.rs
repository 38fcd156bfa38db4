//! What will be written, validated before the first store. Building a plan is pure: it touches no text.
//!
//! The order of sites does not matter to the caller; the plan sorts them, because the trap handler searches
//! it by bisection.

use std::ops::Range;
use std::sync::Arc;

use crate::holder::HolderId;
use crate::isa::{Bytes, Emulation, Insn, IsaError};
use crate::site::Site;

/// One site's change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patch {
    site: Site,
    old: Bytes,
    new: Bytes,
}

impl Patch {
    /// First byte.
    #[must_use]
    pub fn addr(&self) -> u64 {
        self.site.addr()
    }

    /// Length in bytes; at least one.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a site has at least one byte")]
    pub fn len(&self) -> usize {
        self.site.len()
    }

    /// The site.
    #[must_use]
    pub fn site(&self) -> Site {
        self.site
    }

    /// Bytes before.
    #[must_use]
    pub fn before(&self) -> &[u8] {
        self.old.as_slice()
    }

    /// Bytes after.
    #[must_use]
    pub fn after(&self) -> &[u8] {
        self.new.as_slice()
    }

    pub(crate) fn old_bytes(&self) -> Bytes {
        self.old
    }

    pub(crate) fn new_bytes(&self) -> Bytes {
        self.new
    }
}

/// A change that somebody asks for.
#[derive(Debug, Clone, Copy)]
pub struct Change {
    /// The site that is written.
    pub site: Site,
    /// The bytes that must be there.
    pub expect: Bytes,
    /// The instruction to be there.
    pub new: Insn,
    /// What a trapped thread does, if not `new` itself: the kernel emulates an inline "return 0" as the call that it
    /// replaces (`arch/x86/kernel/static_call.c`, v5.17).
    pub emulate: Option<Insn>,
}

impl Change {
    /// Replaces `expect` by `new`.
    #[must_use]
    pub fn new(site: Site, expect: Bytes, new: Insn) -> Self {
        Self { site, expect, new, emulate: None }
    }
}

/// Why a plan is no plan. Nothing was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// Nothing to do.
    #[error("the plan is empty")]
    Empty,
    /// An instruction does not fit.
    #[error(transparent)]
    Isa(#[from] IsaError),
    /// A site is named twice.
    #[error("{addr:#x} is in the plan twice; merge the two changes")]
    Duplicate {
        /// The address of the site.
        addr: u64,
    },
    /// Two sites share bytes.
    #[error("{first:#x}+{len} and {second:#x} overlap")]
    Overlap {
        /// The lower site.
        first: u64,
        /// Its length.
        len: usize,
        /// The upper site.
        second: u64,
    },
    /// The expected bytes have another length than the site.
    #[error("{addr:#x} has {len} bytes, but {expect} is expected there")]
    Expect {
        /// The address of the site.
        addr: u64,
        /// The site's length.
        len: usize,
        /// The bytes.
        expect: Bytes,
    },
    /// A call where the red zone may be live.
    #[error(
        "{addr:#x} is not known to be a call or a function's entry; a call there could overwrite the red zone (declare it with Site::as_call)"
    )]
    RedZone {
        /// The address of the site.
        addr: u64,
    },
}

/// What the passes over running text read, an array for each question: with thousands of sites a pass is bound by memory.
#[derive(Debug, Default)]
struct Stores {
    addrs: Vec<u64>,
    heads: Vec<u8>,
    new: Vec<u64>,
    /// Bytes behind the first that change; 0 if none does.
    tails: Vec<u8>,
}

/// The stores of some neighbouring sites, in address order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span<'a> {
    pub(crate) addrs: &'a [u64],
    /// The new first bytes.
    pub(crate) heads: &'a [u8],
    /// The new bytes, little-endian.
    pub(crate) new: &'a [u64],
    /// Bytes behind the first; 0 if none of them changes.
    pub(crate) tails: &'a [u8],
}

#[derive(Debug)]
struct Inner {
    holder: HolderId,
    patches: Vec<Patch>,
    stores: Stores,
    /// Apart, because only the trap handler reads them: the passes over a large batch stay in the cache.
    emulations: Vec<Option<Emulation>>,
    calls: bool,
    /// Sites and where they would lead, new instructions and what is done in their place; neighbours alike are one.
    targets: Vec<(u64, u64)>,
}

/// What one change comes to.
struct Validated {
    patch: Patch,
    emulation: Option<Emulation>,
    targets: [Option<u64>; 2],
}

/// A sorted, validated set of changes by one holder. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Plan(Arc<Inner>);

impl Plan {
    /// Sorts and validates.
    ///
    /// # Errors
    /// [`PlanError`]; the first fault in address order.
    pub fn new(holder: HolderId, changes: impl IntoIterator<Item = Change>) -> Result<Self, PlanError> {
        let mut patches = changes.into_iter().map(validate).collect::<Result<Vec<_>, _>>()?;
        if patches.is_empty() {
            return Err(PlanError::Empty);
        }
        if !patches.is_sorted_by_key(|p| p.patch.addr()) {
            patches.sort_unstable_by_key(|p| p.patch.addr());
        }
        for pair in patches.windows(2) {
            let (first, len, second) = (pair[0].patch.addr(), pair[0].patch.len(), pair[1].patch.addr());
            if first == second {
                return Err(PlanError::Duplicate { addr: first });
            }
            if second - first < len as u64 {
                return Err(PlanError::Overlap { first, len, second });
            }
        }
        let mut targets: Vec<(u64, u64)> = Vec::new();
        for Validated { patch, targets: leads, .. } in &patches {
            for target in leads.iter().flatten() {
                if targets.last().is_none_or(|last| last.1 != *target) {
                    targets.push((patch.addr(), *target));
                }
            }
        }
        let patches = patches.into_iter().map(|v| (v.patch, v.emulation)).collect();
        Ok(Self::from_sorted(holder, patches, targets))
    }

    fn from_sorted(holder: HolderId, patches: Vec<(Patch, Option<Emulation>)>, targets: Vec<(u64, u64)>) -> Self {
        let (patches, emulations): (Vec<_>, Vec<_>) = patches.into_iter().unzip();
        let calls = emulations.iter().flatten().any(|e: &Emulation| e.touches_stack());
        let tail = |p: &Patch| if (p.old.word() ^ p.new.word()) >> 8 != 0 { p.len() as u8 - 1 } else { 0 };
        let stores = Stores {
            addrs: patches.iter().map(Patch::addr).collect(),
            heads: patches.iter().map(|p| p.new.word() as u8).collect(),
            new: patches.iter().map(|p| p.new.word()).collect(),
            tails: patches.iter().map(tail).collect(),
        };
        Self(Arc::new(Inner { holder, patches, stores, emulations, calls, targets }))
    }

    /// The same plan without the sites that are already as wanted.
    pub(crate) fn without(&self, done: &[u64]) -> Self {
        let all = self.patches().iter().copied().zip(self.0.emulations.iter().copied());
        let left = all.filter(|(p, _)| done.binary_search(&p.addr()).is_err()).collect();
        Self::from_sorted(self.holder(), left, self.0.targets.clone())
    }

    /// On whose behalf.
    #[must_use]
    pub fn holder(&self) -> HolderId {
        self.0.holder
    }

    /// The changes, in address order.
    #[must_use]
    pub fn patches(&self) -> &[Patch] {
        &self.0.patches
    }

    /// Sites and the addresses to which they would lead.
    pub(crate) fn targets(&self) -> &[(u64, u64)] {
        &self.0.targets
    }

    /// The stores of some of the changes.
    pub(crate) fn span(&self, range: Range<usize>) -> Span<'_> {
        let Stores { addrs, heads, new, tails } = &self.0.stores;
        Span {
            addrs: &addrs[range.clone()],
            heads: &heads[range.clone()],
            new: &new[range.clone()],
            tails: &tails[range],
        }
    }

    /// Whether a trapped thread may have to push or pop, which a shadow stack forbids.
    #[must_use]
    pub fn touches_stack(&self) -> bool {
        self.0.calls
    }

    /// How many sites cross a multiple of `unit`.
    #[must_use]
    pub fn straddling(&self, unit: u64) -> usize {
        self.patches().iter().filter(|p| p.site.straddles(unit)).count()
    }

    /// The kernel's vector holds 256 entries (`TP_VEC_MAX`, v5.17): how many broadcasts it would need for this plan.
    #[must_use]
    pub fn kernel_syncs(&self) -> usize {
        3 * self.patches().len().div_ceil(256)
    }

    /// What the trap handler does at a site meanwhile; `None` if it is not in the plan, or the new instruction is a
    /// breakpoint.
    #[must_use]
    pub fn emulation(&self, addr: u64) -> Option<Emulation> {
        let i = self.0.stores.addrs.binary_search(&addr).ok()?;
        self.0.emulations.get(i).copied().flatten()
    }
}

/// Encodes one change, and chooses how it is emulated.
fn validate(change: Change) -> Result<Validated, PlanError> {
    let Change { site, expect, new, emulate } = change;
    let (addr, len) = (site.addr(), site.len());
    if expect.len() != len {
        return Err(PlanError::Expect { addr, len, expect });
    }
    let bytes = new.encode_slot(addr, len)?;
    let acting = emulate.unwrap_or(new);
    if matches!(acting, Insn::Call(_)) && !site.call_ok() {
        return Err(PlanError::RedZone { addr });
    }
    let targets = [new.target(addr), emulate.and_then(|acting| acting.target(addr))];
    Ok(Validated { patch: Patch { site, old: expect, new: bytes }, emulation: acting.emulation(addr, len), targets })
}

/// Reads a site's bytes as an instruction, for validation by opcode as the kernel does.
#[must_use]
pub fn opcode(bytes: &Bytes, addr: u64) -> Option<Insn> {
    Insn::decode(bytes.as_slice(), addr)
}

#[cfg(test)]
mod tests;
