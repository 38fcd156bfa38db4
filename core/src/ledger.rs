//! Who owns which bytes. A claim names a holder, a range, the bytes it expects there and what it would
//! accept from others; a refusal names all of that.
//!
//! *Share*, *transfer* and *consent* are words of this library. The nearest things in the kernel: several
//! `ftrace_ops` on one record, `register_ftrace_direct()`, the `IPMODIFY` negotiation of v6.0. The kernel has
//! no ledger; `*_text_reserved()` is asked by kprobes alone.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::holder::{Holder, HolderId, MechanismId};
use crate::isa::{Bytes, hex};
use crate::plan::Plan;

pub mod journal;
#[cfg(feature = "image")]
mod observed;

pub use journal::{Entry, Event, Journal};

/// How a range is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Sharing {
    /// By one holder.
    Exclusive,
    /// By all who name the same group on exactly the same range: the several ops of one ftrace record.
    Shared(&'static str),
}

/// What is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Kind {
    /// A patch site.
    Site,
    /// Generated code: a trampoline or dispatcher image.
    Image,
}

/// The state of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum State {
    /// Held, the bytes as they were found.
    Held,
    /// The holder has written.
    Written,
}

/// One holder's right to a range.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Claim {
    /// First byte.
    pub addr: u64,
    /// Length in bytes.
    pub len: usize,
    /// Who holds them.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub holder: HolderId,
    /// Whether others may hold them too.
    pub sharing: Sharing,
    /// What the bytes are to the holder.
    pub kind: Kind,
    /// Whether the holder has written them yet.
    pub state: State,
    /// The bytes that the holder believes to be there (the first eight).
    pub expected: Bytes,
    /// The journal's step of the claim.
    pub since: u64,
}

/// A request for a range.
#[derive(Debug, Clone, Copy)]
pub struct Ask {
    /// First byte.
    pub addr: u64,
    /// Length in bytes.
    pub len: usize,
    /// What the asker expects there (the first eight).
    pub expect: Bytes,
    /// For whom.
    pub holder: HolderId,
    /// Whether others may hold them too.
    pub sharing: Sharing,
    /// The kind of site.
    pub kind: Kind,
    /// What the holder will accept from others.
    pub accepts: &'static str,
}

/// A refusal that can be read without the tool.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Refusal {
    /// The site.
    pub addr: u64,
    /// The function and offset.
    pub symbol: String,
    /// The bytes that the asker wanted to find.
    pub wanted: Bytes,
    /// The bytes that are there.
    pub found: Bytes,
    /// The asker.
    pub asker: String,
    /// The present holder and since which step.
    pub held: Option<(String, u64)>,
    /// What the present holder would accept.
    pub accepts: &'static str,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (len, symbol) = (self.wanted.len(), &self.symbol);
        write!(f, "{:#x}+{len} {symbol}: wanted {}, found {}", self.addr, self.wanted, self.found)?;
        match &self.held {
            Some((holder, step)) => {
                write!(f, "; held by {holder} since step {step}")?;
                if !self.accepts.is_empty() {
                    write!(f, "; {holder} would accept: {}", self.accepts)?;
                }
                Ok(())
            }
            None => write!(f, "; held by nobody; {} must ask for what is there", self.asker),
        }
    }
}

impl std::error::Error for Refusal {}

/// Why the ledger said no.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// Somebody else holds the bytes, or they are not what was expected.
    #[error(transparent)]
    Refused(Box<Refusal>),
    /// The holder has it already.
    #[error("{holder} holds {addr:#x}+{len} already, since step {since}")]
    AlreadyHeld {
        /// The name of who holds it.
        holder: String,
        /// The first byte of the range.
        addr: u64,
        /// Length of the held range in bytes.
        len: usize,
        /// The step of the journal at which it was claimed.
        since: u64,
    },
    /// The holder does not hold it.
    #[error("{holder} does not hold {addr:#x}+{len}; claim it first")]
    NotHeld {
        /// The name of who holds it.
        holder: String,
        /// The address of the site.
        addr: u64,
        /// Length in bytes.
        len: usize,
    },
    /// The present holder would not give it up.
    #[error("{holder} does not consent to give {addr:#x}+{len} to {to}")]
    NoConsent {
        /// The present holder.
        holder: String,
        /// The address of the site.
        addr: u64,
        /// Length in bytes.
        len: usize,
        /// The asker.
        to: String,
    },
    /// The callback that was asked for consent panicked; nothing changed.
    #[error("the consent callback of {holder} panicked; {addr:#x}+{len} stays with it")]
    ConsentPanicked {
        /// The present holder.
        holder: String,
        /// The address of the site.
        addr: u64,
        /// Length in bytes.
        len: usize,
    },
    /// A holder of another ledger.
    #[error("holder {0} is unknown to this ledger")]
    UnknownHolder(u32),
}

/// Whether claims are enforced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Policy {
    /// Overlaps are refused: what this library adds.
    Enforce,
    /// Claims are written down and never refused, as in the kernel, where nobody asks: each mechanism's own checks
    /// are all there is.
    Observe,
}

/// The longest claim that counts as a site; longer ones are looked up apart, so that an overlap query looks back
/// a few bytes and not a page.
const SITE_MAX: u64 = 16;

type Claims = BTreeMap<(u64, HolderId), Claim>;

/// Claims and their journal.
#[derive(Debug)]
pub struct Ledger {
    /// Unlike that of every other ledger of the process.
    id: u32,
    policy: Policy,
    holders: Vec<Holder>,
    /// What each holder said it would accept from others, when it last claimed.
    accepts: Vec<&'static str>,
    sites: Claims,
    images: Claims,
    longest_image: u64,
    /// Sites that were given up with what was written there.
    left: BTreeSet<(u64, usize)>,
    journal: Journal,
}

/// Asked whether a holder gives a range to another.
pub type Consent<'a> = &'a mut dyn FnMut(&Claim, &Holder) -> bool;

impl Ledger {
    /// An empty ledger.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        Self {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            policy,
            holders: Vec::new(),
            accepts: Vec::new(),
            sites: Claims::new(),
            images: Claims::new(),
            longest_image: 0,
            left: BTreeSet::new(),
            journal: Journal::default(),
        }
    }

    /// Whether claims are enforced.
    #[must_use]
    pub fn policy(&self) -> Policy {
        self.policy
    }

    /// Registers a party.
    pub fn holder(&mut self, mechanism: MechanismId, name: &str) -> HolderId {
        self.holders.push(Holder { mechanism, name: name.to_owned() });
        self.accepts.push("");
        HolderId { index: self.holders.len() as u32 - 1, ledger: self.id }
    }

    /// Who that is.
    #[must_use]
    pub fn who(&self, id: HolderId) -> Option<&Holder> {
        self.holders.get(id.index as usize).filter(|_| id.ledger == self.id)
    }

    pub(crate) fn name(&self, id: HolderId) -> String {
        self.who(id).map_or_else(|| format!("holder {} of another ledger", id.index), ToString::to_string)
    }

    /// The journal.
    #[must_use]
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    pub(crate) fn journal_mut(&mut self) -> &mut Journal {
        &mut self.journal
    }

    fn table(&mut self, len: usize) -> &mut Claims {
        if len as u64 > SITE_MAX { &mut self.images } else { &mut self.sites }
    }

    /// Claims that share a byte with `addr..addr+len`, in address order within sites, then images.
    pub fn overlapping(&self, addr: u64, len: usize) -> impl Iterator<Item = &Claim> {
        let end = addr.saturating_add(len as u64);
        let site_from = (addr.saturating_sub(SITE_MAX), HolderId::FIRST);
        let image_from = (addr.saturating_sub(self.longest_image), HolderId::FIRST);
        let sites = self.sites.range(site_from..(end.max(site_from.0), HolderId::FIRST));
        let images = self.images.range(image_from..(end.max(image_from.0), HolderId::FIRST));
        sites.chain(images).map(|(_, c)| c).filter(move |c| c.addr + c.len as u64 > addr && c.addr < end)
    }

    /// Who holds this byte.
    pub fn owners(&self, addr: u64) -> impl Iterator<Item = (&Claim, &Holder)> {
        self.overlapping(addr, 1).filter_map(|c| Some((c, self.who(c.holder)?)))
    }

    /// Address and length of every site that its holder has written, or a former one: its bytes stayed.
    pub(crate) fn written(&self) -> impl Iterator<Item = (u64, usize)> {
        let held = self.sites.values().filter(|c| c.state == State::Written && c.kind == Kind::Site);
        held.map(|c| (c.addr, c.len)).chain(self.left.iter().copied())
    }

    /// Drops what is known of sites that nobody holds, in text that is gone.
    pub(crate) fn forget(&mut self, range: &Range<u64>) {
        self.left.retain(|(addr, _)| !range.contains(addr));
    }

    /// What this holder has.
    pub fn held_by(&self, holder: HolderId) -> impl Iterator<Item = &Claim> {
        self.sites.values().chain(self.images.values()).filter(move |c| c.holder == holder)
    }

    /// How many claims there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sites.len() + self.images.len()
    }

    /// Whether nothing is claimed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A refusal for `holder`, naming whoever else holds the range.
    #[must_use]
    pub fn refusal(&self, addr: u64, wanted: Bytes, found: Bytes, holder: HolderId, symbol: &str) -> Refusal {
        let other = self.overlapping(addr, wanted.len().max(1)).find(|c| c.holder != holder);
        Refusal {
            addr,
            symbol: symbol.to_owned(),
            wanted,
            found,
            asker: self.name(holder),
            held: other.map(|c| (self.name(c.holder), c.since)),
            accepts: other.and_then(|c| self.accepts.get(c.holder.index as usize)).copied().unwrap_or_default(),
        }
    }

    /// Claims a range, given what is found there and what the place is called.
    ///
    /// # Errors
    /// [`LedgerError::Refused`] if another holds part of it on other terms, or the bytes differ from what the asker
    /// expects; [`LedgerError::AlreadyHeld`].
    pub fn claim(&mut self, ask: Ask, found: Bytes, symbol: &str) -> Result<u64, LedgerError> {
        if self.who(ask.holder).is_none() {
            return Err(LedgerError::UnknownHolder(ask.holder.index));
        }
        if let Some(own) = self.overlapping(ask.addr, ask.len).find(|c| c.holder == ask.holder) {
            let (addr, len, since) = (own.addr, own.len, own.since);
            return Err(LedgerError::AlreadyHeld { holder: self.name(ask.holder), addr, len, since });
        }
        if self.policy == Policy::Enforce {
            let compatible = |c: &Claim| {
                c.addr == ask.addr && c.len == ask.len && c.sharing == ask.sharing && c.sharing != Sharing::Exclusive
            };
            let conflict = self.overlapping(ask.addr, ask.len).any(|c| !compatible(c));
            let shared = self.overlapping(ask.addr, ask.len).any(compatible);
            // Those who share a site know its bytes from each other.
            if conflict || (!shared && ask.expect != found) {
                self.journal.push(ask.holder, Event::Refused { addr: ask.addr, wanted: ask.expect, found });
                let refusal = self.refusal(ask.addr, ask.expect, found, ask.holder, symbol);
                return Err(LedgerError::Refused(Box::new(refusal)));
            }
        }
        self.accepts[ask.holder.index as usize] = ask.accepts;
        let since = self.journal.push(ask.holder, Event::Claimed { addr: ask.addr, len: ask.len, found });
        let claim = Claim {
            addr: ask.addr,
            len: ask.len,
            holder: ask.holder,
            sharing: ask.sharing,
            kind: ask.kind,
            state: State::Held,
            expected: found,
            since,
        };
        if ask.len as u64 > SITE_MAX {
            self.longest_image = self.longest_image.max(ask.len as u64);
        }
        self.table(ask.len).insert((ask.addr, ask.holder), claim);
        Ok(since)
    }

    fn own(&self, addr: u64, len: usize, holder: HolderId) -> Result<&Claim, LedgerError> {
        let claims = if len as u64 > SITE_MAX { &self.images } else { &self.sites };
        claims.get(&(addr, holder)).filter(|c| c.len == len).ok_or_else(|| LedgerError::NotHeld {
            holder: self.name(holder),
            addr,
            len,
        })
    }

    /// Gives a range up.
    ///
    /// # Errors
    /// [`LedgerError::NotHeld`].
    pub fn release(&mut self, addr: u64, len: usize, holder: HolderId) -> Result<(), LedgerError> {
        let own = self.own(addr, len, holder)?;
        if own.state == State::Written && own.kind == Kind::Site {
            self.left.insert((addr, len));
        }
        self.table(len).remove(&(addr, holder));
        self.journal.push(holder, Event::Released { addr, len });
        Ok(())
    }

    /// Gives a range to another, if the present holder consents. A panic of the callback is a refusal.
    ///
    /// # Errors
    /// [`LedgerError::NotHeld`], [`LedgerError::NoConsent`], [`LedgerError::ConsentPanicked`].
    pub fn transfer(
        &mut self,
        (addr, len): (u64, usize),
        from: HolderId,
        to: HolderId,
        consent: Consent<'_>,
    ) -> Result<(), LedgerError> {
        let claim = self.own(addr, len, from)?.clone();
        let asker = self.who(to).cloned().ok_or(LedgerError::UnknownHolder(to.index))?;
        if let Some(own) = self.overlapping(addr, len).find(|c| c.holder == to) {
            let since = own.since;
            return Err(LedgerError::AlreadyHeld { holder: asker.to_string(), addr, len, since });
        }
        let holder = self.name(from);
        match catch_unwind(AssertUnwindSafe(|| consent(&claim, &asker))) {
            Err(_) => return Err(LedgerError::ConsentPanicked { holder, addr, len }),
            Ok(false) => return Err(LedgerError::NoConsent { holder, addr, len, to: asker.to_string() }),
            Ok(true) => {}
        }
        let since = self.journal.push(to, Event::Transferred { addr, len, from });
        let table = self.table(len);
        table.remove(&(addr, from));
        table.insert((addr, to), Claim { holder: to, since, ..claim });
        Ok(())
    }

    /// Checks that the plan's holder holds every site of it: one walk over claims and plan side by side, because both
    /// are sorted.
    pub(crate) fn covers(&self, plan: &Plan) -> Result<(), LedgerError> {
        let holder = plan.holder();
        let Some(first) = plan.patches().first() else { return Ok(()) };
        let mut claims = self.sites.range((first.addr(), HolderId::FIRST)..);
        'patches: for patch in plan.patches() {
            for (_, claim) in claims.by_ref() {
                if claim.holder == holder && claim.addr == patch.addr() && claim.len == patch.len() {
                    continue 'patches;
                }
                if claim.addr > patch.addr() {
                    break;
                }
            }
            // Out of step: a site held as part of something else, or by nobody.
            self.own(patch.addr(), patch.len(), holder)?;
            claims = self.sites.range((patch.addr(), HolderId::LAST)..);
        }
        Ok(())
    }

    /// Notes a batch that was written: every claim on a site of it now expects the new bytes.
    pub(crate) fn wrote(&mut self, plan: &Plan, at: u64) -> u64 {
        let holder = plan.holder();
        if let Some(first) = plan.patches().first() {
            let mut patches = plan.patches().iter().peekable();
            for claim in self.sites.range_mut((first.addr(), HolderId::FIRST)..).map(|(_, c)| c) {
                while patches.next_if(|p| p.addr() < claim.addr).is_some() {}
                let Some(patch) = patches.peek() else { break };
                // Under `Observe` another holder's belief is left as it is: that is how it gets surprised.
                let same = claim.holder == holder || matches!(claim.sharing, Sharing::Shared(_));
                if patch.addr() == claim.addr && patch.len() == claim.len && same {
                    claim.expected = patch.new_bytes();
                    claim.state = State::Written;
                }
            }
        }
        self.journal.push_at(at, holder, Event::Written { plan: plan.clone() })
    }

    /// One line per claim: address, bytes, holder.
    #[must_use]
    pub fn render(&self) -> Vec<String> {
        self.sites
            .values()
            .chain(self.images.values())
            .map(|c| {
                format!(
                    "{:#x}+{} {} {} since step {}",
                    c.addr,
                    c.len,
                    hex(c.expected.as_slice()),
                    self.name(c.holder),
                    c.since
                )
            })
            .collect()
    }
}

#[cfg(test)]
mod tests;
