//! The one path that every write takes: Site, Claim, Plan, poke.

mod region;

use std::collections::BTreeMap;
use std::io;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::entry::{self, Entry};
use crate::grace::Grace;
use crate::holder::{HolderId, MechanismId};
use crate::isa::Bytes;
use crate::ledger::{Ask, Consent, Kind, Ledger, Policy, Sharing, journal};
use crate::plan::{Change, Patch, Plan};
use crate::poke::int3::Batch;
use crate::poke::variant::Variant;
use crate::poke::{
    Applied, Cursor, Phase, PokeError, Poked, Probe, Protocol, Stats, TextLock, lock, quad, stop, sync, trap,
};
use crate::preflight;
use crate::process::PerProcess;
use crate::site::Site;
use crate::text::{ArenaOptions, Text, foreign};

pub use region::{Loaded, Retired};

/// How an engine is made.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Its memory.
    pub arena: ArenaOptions,
    /// Whether its ledger refuses.
    pub policy: Policy,
    /// How plans are written unless said otherwise.
    pub protocol: Protocol,
}

impl Default for Options {
    fn default() -> Self {
        Self { arena: ArenaOptions::default(), policy: Policy::Enforce, protocol: Protocol::Auto }
    }
}

struct Inner {
    text: Text,
    ledger: Mutex<Ledger>,
    grace: Grace,
    protocol: Protocol,
    pid: u32,
    stats: Mutex<Stats>,
    pending: Mutex<Option<Batch>>,
    /// Where each holder's tables lead: site and target. Its text looks there, and its sites do not show it.
    tables: Mutex<BTreeMap<HolderId, Vec<(u64, u64)>>>,
}

/// Batches whose engine was dropped before they could be finished, with their text. Whoever patches next finishes them.
static ORPHANS: PerProcess<Mutex<Vec<(Text, Batch)>>> = PerProcess::new();

fn orphans() -> MutexGuard<'static, Vec<(Text, Batch)>> {
    ORPHANS.get().lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs the steps that are left, with nobody watching.
fn finish(batch: &mut Batch, text: &Text, lock: &TextLock) -> Result<Poked, PokeError> {
    batch.run(text, lock, &mut |_: Phase| -> io::Result<()> { Ok(()) })
}

/// Finishes what dropped engines left, so that nobody else is stuck for it.
fn finish_orphans(lock: &TextLock) -> Result<(), PokeError> {
    let mut left = std::mem::take(&mut *orphans());
    let mut result = Ok(());
    left.retain_mut(|(text, batch)| match finish(batch, text, lock) {
        Ok(_) => false,
        Err(e) => {
            result = Err(e);
            true
        }
    });
    orphans().append(&mut left);
    result
}

impl Drop for Inner {
    /// Finishes what was left unfinished, before the text goes; what cannot be finished now keeps its text.
    fn drop(&mut self) {
        let pending = self.pending.get_mut().unwrap_or_else(PoisonError::into_inner);
        let Some(mut batch) = pending.take() else { return };
        // A child of fork has neither the text nor the handler's table.
        if entry::same_process(self.pid).is_err() {
            return;
        }
        let done = lock().is_ok_and(|lock| finish(&mut batch, &self.text, &lock).is_ok());
        if !done {
            orphans().push((self.text.clone(), batch));
        }
    }
}

/// The ledger, to be read. While it is held its thread is inside the engine: another call is refused with
/// [`PokeError::Reentered`], as it would wait for this very one.
pub struct Books<'a> {
    ledger: MutexGuard<'a, Ledger>,
    /// Left when the lock is free again.
    _entry: Entry,
}

impl Deref for Books<'_> {
    type Target = Ledger;
    fn deref(&self) -> &Ledger {
        &self.ledger
    }
}

/// Executable memory, its ledger, and the means to patch it. Clones share all of it.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

impl Engine {
    /// Installs the trap handler and registers for membarrier(2), and chooses the protocol.
    ///
    /// # Errors
    /// [`PokeError::NoMembarrier`] if breakpoints are asked for and cores cannot be serialised;
    /// [`PokeError::Install`].
    pub fn new(options: Options) -> Result<Self, PokeError> {
        let protocol = match (options.protocol, sync::register()) {
            (Protocol::Stop, _) | (Protocol::Auto, Err(_)) => Protocol::Stop,
            (Protocol::Auto, Ok(())) => Protocol::Int3,
            (wanted, Ok(())) => wanted,
            (_, Err(e)) => return Err(PokeError::NoMembarrier(e)),
        };
        trap::install()?;
        Ok(Self(Arc::new(Inner {
            text: Text::new(options.arena),
            ledger: Mutex::new(Ledger::new(options.policy)),
            grace: Grace::default(),
            protocol,
            pid: std::process::id(),
            stats: Mutex::default(),
            pending: Mutex::default(),
            tables: Mutex::default(),
        })))
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> &Text {
        &self.0.text
    }

    /// The grace periods.
    #[must_use]
    pub fn grace(&self) -> &Grace {
        &self.0.grace
    }

    /// The protocol in use.
    #[must_use]
    pub fn protocol(&self) -> Protocol {
        self.0.protocol
    }

    /// The ledger, for questions; not to be held across a call of the engine.
    ///
    /// # Errors
    /// [`PokeError::Forked`], [`PokeError::Reentered`].
    pub fn ledger(&self) -> Result<Books<'_>, PokeError> {
        let _entry = self.enter()?;
        Ok(Books { ledger: self.books(), _entry })
    }

    pub(crate) fn books(&self) -> MutexGuard<'_, Ledger> {
        self.0.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self) -> Result<Entry, PokeError> {
        Ok(entry::enter(self.0.pid)?)
    }

    /// Registers a party.
    ///
    /// # Errors
    /// [`PokeError::Forked`], [`PokeError::Reentered`].
    pub fn holder(&self, mechanism: MechanismId, name: &str) -> Result<HolderId, PokeError> {
        let _entry = self.enter()?;
        Ok(self.books().holder(mechanism, name))
    }

    /// Totals so far.
    ///
    /// # Errors
    /// [`PokeError::Forked`], [`PokeError::Reentered`].
    pub fn stats(&self) -> Result<Stats, PokeError> {
        let _entry = self.enter()?;
        let mut stats = self.0.stats.lock().unwrap_or_else(PoisonError::into_inner).clone();
        trap::count(&mut stats);
        Ok(stats)
    }

    /// Reads every thread's signal mask and checks all that a poke needs, now.
    ///
    /// # Errors
    /// The [`PokeError`] that the next poke would give.
    pub fn preflight(&self) -> Result<(), PokeError> {
        let _entry = self.enter()?;
        if self.0.protocol == Protocol::Stop { Ok(()) } else { preflight::for_int3(true, true) }
    }

    /// Claims a site; see [`Ledger::claim`].
    ///
    /// # Errors
    /// [`PokeError::Ledger`] with the holder's name, the bytes wanted and the bytes found.
    pub fn claim(
        &self,
        site: Site,
        expect: Bytes,
        holder: HolderId,
        sharing: Sharing,
        accepts: &'static str,
    ) -> Result<u64, PokeError> {
        let _entry = self.enter()?;
        self.0.text.check_sites([site])?;
        let (addr, len) = (site.addr(), site.len());
        let found = self.0.text.peek(addr, len)?;
        let ask = Ask { addr, len, expect, holder, sharing, kind: Kind::Site, accepts };
        let symbol = self.0.text.called(addr);
        Ok(self.books().claim(ask, found, &symbol)?)
    }

    /// Gives a site up. Its bytes stay.
    ///
    /// # Errors
    /// [`LedgerError::NotHeld`](crate::ledger::LedgerError::NotHeld).
    pub fn release(&self, site: Site, holder: HolderId) -> Result<(), PokeError> {
        let _entry = self.enter()?;
        Ok(self.books().release(site.addr(), site.len(), holder)?)
    }

    /// Gives a site to another, if `consent`, which speaks for the present holder, says so.
    ///
    /// # Errors
    /// [`LedgerError::NoConsent`](crate::ledger::LedgerError::NoConsent), [`LedgerError::ConsentPanicked`](crate::ledger::LedgerError::ConsentPanicked), [`LedgerError::NotHeld`](crate::ledger::LedgerError::NotHeld).
    pub fn transfer(&self, site: Site, from: HolderId, to: HolderId, consent: Consent<'_>) -> Result<(), PokeError> {
        let _entry = self.enter()?;
        self.0.text.check_sites([site])?;
        Ok(self.books().transfer((site.addr(), site.len()), from, to, consent)?)
    }

    /// Applies a plan with the engine's protocol.
    ///
    /// # Errors
    /// [`PokeError`]; unless it is [`PokeError::Stuck`] or [`PokeError::ReadBack`] the text is unchanged.
    pub fn apply(&self, plan: &Plan) -> Result<Applied, PokeError> {
        self.apply_with(plan, self.0.protocol)
    }

    /// Applies a plan with a protocol.
    ///
    /// # Errors
    /// As [`Engine::apply`].
    pub fn apply_with(&self, plan: &Plan, protocol: Protocol) -> Result<Applied, PokeError> {
        self.apply_probed(plan, protocol, Variant::Correct, &mut |_| Ok(()))
    }

    /// Builds and applies a plan.
    ///
    /// # Errors
    /// As [`Engine::apply`], and [`PokeError::Plan`].
    pub fn poke(&self, holder: HolderId, changes: impl IntoIterator<Item = Change>) -> Result<Applied, PokeError> {
        // Before anything is allocated: a signal handler is told at once.
        drop(self.enter()?);
        self.apply(&Plan::new(holder, changes)?)
    }

    pub(crate) fn apply_probed(
        &self,
        plan: &Plan,
        protocol: Protocol,
        variant: Variant,
        probe: Probe<'_>,
    ) -> Result<Applied, PokeError> {
        let start = Instant::now();
        let protocol = if protocol == Protocol::Auto { self.0.protocol } else { protocol };
        let _entry = self.enter()?;
        let lock = lock()?;
        if trap::busy() {
            finish_orphans(&lock)?;
        }
        // Whoever waits for this lock waits for the text lock first, and a callback between the steps is refused that.
        let mut pending = self.0.pending.lock().unwrap_or_else(PoisonError::into_inner);
        if pending.is_some() || trap::busy() {
            return Err(PokeError::Unfinished);
        }
        match protocol {
            Protocol::Int3 | Protocol::Auto => preflight::for_int3(plan.touches_stack(), false)?,
            Protocol::Quad => quad::check(plan)?,
            Protocol::Stop => {}
        }
        let (plan, unchanged) = self.check(plan)?;
        let mut applied = Applied {
            written: plan.patches().len(),
            unchanged,
            kernel_syncs: plan.kernel_syncs(),
            ..Applied::default()
        };
        applied.check = start.elapsed();
        if plan.patches().is_empty() {
            return Ok(applied);
        }
        let poked = match protocol {
            Protocol::Int3 | Protocol::Auto => {
                let mut batch = Batch::new(plan.clone(), variant);
                match batch.run(&self.0.text, &lock, probe) {
                    Ok(poked) => poked,
                    Err(e) => {
                        *pending = Some(batch);
                        return Err(e);
                    }
                }
            }
            Protocol::Quad => quad::run(&plan, &self.0.text, &lock, probe)?,
            Protocol::Stop => stop::run(&plan, |addr, len| self.0.text.chunk(addr, len), &lock, probe)?,
        };
        self.record(&plan, &poked, &mut applied)?;
        Ok(applied)
    }

    /// Finishes a batch that [`PokeError::Stuck`] left behind.
    ///
    /// # Errors
    /// [`PokeError::Stuck`] again.
    pub fn resume(&self) -> Result<(), PokeError> {
        let _entry = self.enter()?;
        let lock = lock()?;
        let mut pending = self.0.pending.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(batch) = pending.as_mut() else { return Ok(()) };
        let poked = finish(batch, &self.0.text, &lock)?;
        let plan = batch.plan.clone();
        *pending = None;
        self.record(&plan, &poked, &mut Applied { written: plan.patches().len(), ..Applied::default() })
    }

    /// Whether a site may lead to an address: text that an engine laid out, or an address that somebody vouches for. Text of
    /// another engine, which does not see this one's sites, is not given back from then on. The caller holds the text lock.
    fn check_target(&self, addr: u64, target: u64) -> Result<(), PokeError> {
        let own = self.0.text.chunk(target, 1).is_some();
        if if own { trap::owns(target) } else { trap::lead(target) } || foreign::is_declared(target) {
            Ok(())
        } else {
            Err(PokeError::ForeignTarget { addr, target })
        }
    }

    /// Says where a holder's table leads now, in place of what it said before.
    pub(crate) fn set_table(&self, holder: HolderId, leads: Vec<(u64, u64)>) {
        self.0.tables.lock().unwrap_or_else(PoisonError::into_inner).insert(holder, leads);
    }

    /// As a site is checked: for what a mechanism keeps in a table instead.
    pub(crate) fn check_call(&self, addr: u64, target: u64) -> Result<(), PokeError> {
        let _entry = self.enter()?;
        let _lock = lock()?;
        self.check_target(addr, target)
    }

    /// Claims and bytes against the plan; sites that are as wanted already are left out.
    fn check(&self, plan: &Plan) -> Result<(Plan, usize), PokeError> {
        self.0.text.check_sites(plan.patches().iter().map(Patch::site))?;
        for &(addr, target) in plan.targets() {
            self.check_target(addr, target)?;
        }
        let ledger = self.books();
        ledger.covers(plan)?;
        let mut cursor = Cursor::new(&self.0.text);
        let (mut done, mut wrong) = (Vec::new(), None);
        cursor.each(plan.patches(), |chunk, patch| {
            let as_expected = chunk.holds(patch.addr(), patch.old_bytes());
            if as_expected && patch.old_bytes() != patch.new_bytes() {
                return;
            }
            if as_expected || chunk.holds(patch.addr(), patch.new_bytes()) {
                done.push(patch.addr());
            } else if wrong.is_none() {
                wrong = Some(patch);
            }
        })?;
        if let Some(patch) = wrong {
            let found = self.0.text.peek(patch.addr(), patch.len())?;
            let symbol = self.0.text.called(patch.addr());
            let refusal = ledger.refusal(patch.addr(), patch.old_bytes(), found, plan.holder(), &symbol);
            return Err(PokeError::Refused(Box::new(refusal)));
        }
        let unchanged = done.len();
        Ok((if unchanged == 0 { plan.clone() } else { plan.without(&done) }, unchanged))
    }

    fn record(&self, plan: &Plan, poked: &Poked, applied: &mut Applied) -> Result<(), PokeError> {
        let mut wrong = None;
        Cursor::new(&self.0.text).each(plan.patches(), |chunk, patch| {
            if wrong.is_none() && !chunk.holds(patch.addr(), patch.new_bytes()) {
                wrong = Some(patch);
            }
        })?;
        if let Some(patch) = wrong {
            let found = self.0.text.peek(patch.addr(), patch.len())?;
            return Err(PokeError::ReadBack { addr: patch.addr(), wrote: patch.new_bytes(), found });
        }
        applied.step = self.books().wrote(plan, journal::now());
        applied.syncs = poked.syncs;
        applied.poke = poked.ended - poked.began;
        applied.record = poked.ended.elapsed();
        let mut stats = self.0.stats.lock().unwrap_or_else(PoisonError::into_inner);
        stats.batches += 1;
        stats.sites += plan.patches().len() as u64;
        stats.syncs += poked.syncs as u64;
        for (total, part) in stats.time.iter_mut().zip([applied.check, applied.poke, applied.record]) {
            *total += part;
        }
        Ok(())
    }
}

/// How long retired images are waited for where a caller must have one.
pub(crate) const GRACE_LIMIT: Duration = Duration::from_millis(100);

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("text", &self.0.text).field("protocol", &self.0.protocol).finish()
    }
}
