//! The profiler's calls: `call mcount` in every function, made into nops.
//!
//! Two ages. 2008 (d61f82d06672, v2.6.27): a site is learned when it first runs, and a daemon that wakes once a second
//! stops the machine and converts what was learned the time before. Since v2.6.28 (68bf21aa1583) a table made by the
//! compiler is converted before anybody runs the text: [`table`] reads it.
//!
//! A learned address goes stale when its text is freed. Later code forgets it ([`Mcount::forget`], fed1939c64d2) and
//! compares before it writes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::MechanismError;
use super::ftrace::{self, Flags, Ops, Save};
use crate::engine::Engine;
use crate::holder::{HolderId, MechanismId};
use crate::isa::{Bytes, Insn, PATCH_SIZE};
use crate::ledger::Sharing;
use crate::plan::{Change, Plan, PlanError};
use crate::poke::Protocol;
use crate::text::{Builder, Region};

pub mod table;

const ACCEPTS: &str = "nothing: the call belongs to the profiler";

/// What the daemon knows of a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Site {
    /// Ran since the daemon last woke.
    Learned,
    /// Found the time before: to be converted now.
    Due,
    /// A nop.
    Converted,
    /// Not a call to `mcount` when the daemon came to it; left alone.
    Failed,
}

#[derive(Default)]
struct Learned {
    sites: BTreeMap<u64, Site>,
    /// Ranges whose functions are not recorded.
    ignored: Vec<(u64, u64)>,
}

/// `mcount`, and the daemon behind it.
pub struct Mcount {
    engine: Engine,
    holder: HolderId,
    stub: u64,
    ops: Ops,
    learned: Arc<Mutex<Learned>>,
}

/// What one turn of the daemon did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pass {
    /// Sites that are nops now.
    pub converted: Vec<u64>,
    /// Sites that hold something else: what, and how the daemon says it.
    pub failed: Vec<(u64, Bytes)>,
}

fn lock(learned: &Mutex<Learned>) -> MutexGuard<'_, Learned> {
    learned.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Mcount {
    /// Lays out `mcount`: call [`Mcount::addr`] in functions.
    ///
    /// # Errors
    /// If it cannot be laid out.
    pub fn new(engine: &Engine) -> Result<Self, MechanismError> {
        let holder = engine.holder(MechanismId::MCOUNT, "")?;
        let learned = Arc::new(Mutex::new(Learned::default()));
        let table = learned.clone();
        let flags = Flags { save: Save::Regs, ..Flags::default() };
        let ops = Ops::new("mcount", flags, move |regs| {
            let ip = regs.parent - PATCH_SIZE as u64;
            let mut learned = lock(&table);
            if !learned.ignored.iter().any(|&(from, to)| (from..to).contains(&ip)) {
                learned.sites.entry(ip).or_insert(Site::Learned);
            }
        });
        // Called behind a prologue, where the stack is aligned as the stub wants it one call further in.
        let handler = ftrace::stub(engine, holder, &ops)?.addr();
        let mut b = Builder::new();
        let entry = b.function("mcount");
        b.call(handler);
        b.ret();
        let loaded = engine.load(b, holder)?;
        let stub = loaded.addr(entry)?;
        Ok(Self { engine: engine.clone(), holder, stub, ops, learned })
    }

    /// The address that functions call.
    #[must_use]
    pub fn addr(&self) -> u64 {
        self.stub
    }

    /// How often it was called.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.ops.hits()
    }

    /// What is known of a site.
    #[must_use]
    pub fn site(&self, ip: u64) -> Option<Site> {
        lock(&self.learned).sites.get(&ip).copied()
    }

    /// Does not learn sites in this range: `__init` text, which will be freed (fix of October 2008).
    pub fn ignore(&self, region: Region) {
        lock(&self.learned).ignored.push((region.addr(), region.addr() + region.len() as u64));
    }

    /// Forgets the sites of text that is about to be freed (`ftrace_release()`, fed1939c64d2).
    ///
    /// # Errors
    /// Those of the ledger.
    pub fn forget(&self, region: Region) -> Result<usize, MechanismError> {
        let range = region.addr()..region.addr() + region.len() as u64;
        let mut learned = lock(&self.learned);
        let gone: Vec<(u64, Site)> = learned.sites.range(range).map(|(&a, &s)| (a, s)).collect();
        for &(addr, state) in &gone {
            if state == Site::Converted {
                self.engine.release(self.patch_site(addr)?, self.holder)?;
            }
            learned.sites.remove(&addr);
        }
        Ok(gone.len())
    }

    fn patch_site(&self, addr: u64) -> Result<crate::site::Site, MechanismError> {
        Ok(self.engine.text().site(addr, PATCH_SIZE)?)
    }

    /// One turn of the daemon: with the machine stopped, what it found the time before becomes nops, if it still is a call to
    /// `mcount`; what was learned since waits for the next turn.
    ///
    /// # Errors
    /// Those of the engine. A site that holds something else is in [`Pass::failed`], and never written.
    pub fn wake(&self) -> Result<Pass, MechanismError> {
        let mut learned = lock(&self.learned);
        let mut pass = Pass::default();
        let mut changes = Vec::new();
        for (&ip, state) in &mut learned.sites {
            match *state {
                Site::Learned => *state = Site::Due,
                Site::Due => {
                    let call = Insn::Call(self.stub).encode(ip).map_err(PlanError::from)?;
                    let found = self.engine.text().bytes(ip, PATCH_SIZE)?;
                    if found == call {
                        changes.push(Change::new(self.patch_site(ip)?, call, Insn::Nop(5)));
                    } else {
                        pass.failed.push((ip, found));
                        *state = Site::Failed;
                    }
                }
                Site::Converted | Site::Failed => {}
            }
        }
        for change in &changes {
            self.engine.claim(change.site, change.expect, self.holder, Sharing::Exclusive, ACCEPTS)?;
        }
        if !changes.is_empty() {
            self.engine.apply_with(&Plan::new(self.holder, changes.iter().copied())?, Protocol::Stop)?;
        }
        pass.converted = changes.iter().map(|c| c.site.addr()).collect();
        for ip in &pass.converted {
            learned.sites.insert(*ip, Site::Converted);
        }
        Ok(pass)
    }
}

#[cfg(test)]
mod tests;
