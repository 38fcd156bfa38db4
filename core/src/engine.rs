//! The one path that every write takes: Site, Claim, Plan, poke.

use std::io;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::entry::{self, Entry};
use crate::grace::{Grace, GraceError, Stamp};
use crate::holder::{HolderId, MechanismId};
use crate::isa::{Bytes, INT3, Insn};
use crate::ledger::{Ask, Consent, Event, Kind, Ledger, Policy, Sharing, journal};
use crate::plan::{Change, Patch, Plan};
use crate::poke::int3::Batch;
use crate::poke::variant::Variant;
use crate::poke::{
    Applied, Cursor, Phase, PokeError, Poked, Probe, Protocol, Stats, TextLock, breakpoint, lock, quad, stop, sync,
    trap,
};
use crate::preflight;
use crate::site::Site;
use crate::text::builder::Assembled;
use crate::text::{ArenaOptions, Builder, Region, Symbol, Text, TextError, foreign};

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
}

/// Batches whose engine was dropped before they could be finished, with their text. Whoever patches next finishes them.
static ORPHANS: Mutex<Vec<(Text, Batch)>> = Mutex::new(Vec::new());

fn orphans() -> MutexGuard<'static, Vec<(Text, Batch)>> {
    ORPHANS.lock().unwrap_or_else(PoisonError::into_inner)
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

/// The ledger, to be read. Do not hold it across a call of the engine.
pub struct Books<'a>(MutexGuard<'a, Ledger>);

impl Deref for Books<'_> {
    type Target = Ledger;
    fn deref(&self) -> &Ledger {
        &self.0
    }
}

/// Executable memory, its ledger, and the means to patch it. Clones share all of it.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

/// An image that was unpublished and waits for its readers.
#[derive(Debug)]
pub struct Retired {
    region: Region,
    holder: HolderId,
    stamp: Stamp,
}

impl Retired {
    /// What is waiting.
    #[must_use]
    pub fn region(&self) -> Region {
        self.region
    }
}

/// Functions at their addresses, held by somebody.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// Where.
    pub region: Region,
    assembled: Assembled,
}

impl Loaded {
    /// The address of a label.
    ///
    /// # Errors
    /// [`TextError::Label`] if it was never placed, or belongs to another builder.
    pub fn addr(&self, label: crate::text::Label) -> Result<u64, TextError> {
        self.assembled.addr(label).ok_or_else(|| TextError::Label(label.index()))
    }

    /// The functions.
    #[must_use]
    pub fn symbols(&self) -> &[Symbol] {
        &self.assembled.symbols
    }
}

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

    /// The ledger, for questions. Do not hold it across a call of the engine.
    #[must_use]
    pub fn ledger(&self) -> Books<'_> {
        Books(self.books())
    }

    fn books(&self) -> MutexGuard<'_, Ledger> {
        self.0.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self) -> Result<Entry, PokeError> {
        Ok(entry::enter(self.0.pid)?)
    }

    /// Registers a party.
    #[must_use]
    pub fn holder(&self, mechanism: MechanismId, name: &str) -> HolderId {
        self.books().holder(mechanism, name)
    }

    /// Totals so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let mut stats = self.0.stats.lock().unwrap_or_else(PoisonError::into_inner).clone();
        trap::count(&mut stats);
        stats
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
        let symbol = self.0.text.describe(addr);
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

    /// Gives a builder an address and fills it in. Nothing runs the text yet.
    ///
    /// # Errors
    /// [`PokeError::Text`].
    pub fn load(&self, builder: Builder, holder: HolderId) -> Result<Loaded, PokeError> {
        self.load_with(holder, builder.len(), builder.alignment(), |base| builder.assemble(base))
    }

    /// Fills in raw code whose bytes depend on its address: a dispatcher's image.
    ///
    /// # Errors
    /// Those of `emit`, and [`PokeError::Text`].
    pub fn load_with<E: From<TextError>>(
        &self,
        holder: HolderId,
        len: usize,
        align: usize,
        emit: impl FnOnce(u64) -> Result<Assembled, E>,
    ) -> Result<Loaded, PokeError>
    where
        PokeError: From<E>,
    {
        let entry = self.enter()?;
        let region = self.0.text.alloc(len.max(1), align, holder)?;
        drop(entry);
        let emitted = emit(region.addr()).map_err(PokeError::from);
        let _entry = self.enter()?;
        let loaded = emitted.and_then(|assembled| {
            assembled.check(region)?;
            self.lay(region, &assembled, holder)?;
            Ok(assembled)
        });
        match loaded {
            Ok(assembled) => Ok(Loaded { region, assembled }),
            Err(e) => {
                self.0.text.release(region);
                Err(e)
            }
        }
    }

    /// Puts assembled code into its region, and notes what is known of it.
    fn lay(&self, region: Region, assembled: &Assembled, holder: HolderId) -> Result<(), PokeError> {
        let (addr, len) = (region.addr(), region.len());
        let chunk = self.0.text.chunk(addr, len).ok_or(TextError::Foreign { addr, len })?;
        // Whole functions are not claimed: their sites are, one by one, by whoever wants them.
        let image = assembled.symbols.is_empty();
        if image {
            let found = self.0.text.peek(addr, len.min(8))?;
            let (sharing, kind) = (Sharing::Exclusive, Kind::Image);
            self.books().claim(
                Ask { addr, len, expect: found, holder, sharing, kind, accepts: "" },
                found,
                "new image",
            )?;
        }
        if let Err(e) = self.fill(region, addr, &assembled.code, holder, &lock()?) {
            if image {
                self.books().release(addr, len, holder)?;
            }
            return Err(e);
        }
        assembled.boundaries.iter().for_each(|&addr| chunk.add_boundary(addr));
        assembled.symbols.iter().for_each(|s| self.0.text.name(s.clone()));
        Ok(())
    }

    /// Writes text that nobody runs: no protocol is needed, only one sync, so that whoever is sent there later does not
    /// have the old bytes in its pipeline. If that fails the old bytes are put back.
    fn fill(&self, region: Region, at: u64, bytes: &[u8], holder: HolderId, lock: &TextLock) -> Result<(), PokeError> {
        self.0.text.check_live(region, holder)?;
        let len = bytes.len();
        if at < region.addr() || at.checked_add(len as u64).is_none_or(|end| end > region.range().end) {
            return Err(TextError::Oversize { addr: region.addr(), len: region.len(), got: len }.into());
        }
        let old = self.0.text.copy(at, len)?;
        let mut cursor = Cursor::new(&self.0.text);
        cursor.at(at, len)?.store_all(at, bytes, lock);
        if self.0.protocol != Protocol::Stop
            && let Err(e) = stop::sync_or_stop(lock)
        {
            cursor.at(at, len)?.store_all(at, &old, lock);
            return Err(PokeError::NoMembarrier(e));
        }
        self.books().journal_mut().push(holder, Event::Loaded { addr: at, old: old.into(), new: bytes.into() });
        Ok(())
    }

    /// Rewrites an image that is unpublished and whose grace period is over: a dispatcher's other half.
    pub(crate) fn refill(&self, region: Region, at: u64, bytes: &[u8], holder: HolderId) -> Result<(), PokeError> {
        let _entry = self.enter()?;
        self.fill(region, at, bytes, holder, &lock()?)
    }

    /// Gives back an image that nobody runs: breakpoints again. [`Engine::retire`] and [`Engine::try_reclaim`] do that
    /// with a proof.
    ///
    /// # Errors
    /// [`TextError::DoubleFree`], [`TextError::NotYours`]; [`PokeError::Unfinished`] if a batch that is not finished has
    /// a site in it or leads there. The image is as it was then.
    ///
    /// # Safety
    /// The image was never published, or no thread is in it and nothing leads to it.
    pub unsafe fn free(&self, region: Region, holder: HolderId) -> Result<(), PokeError> {
        let _entry = self.enter()?;
        self.give_back(region, holder)
    }

    /// Gives back an image that was never published, or that a mechanism has waited for; refused if a site leads there.
    pub(crate) fn discard(&self, region: Region, holder: HolderId) -> Result<(), PokeError> {
        let _entry = self.enter()?;
        self.check_unreached(region)?;
        self.give_back(region, holder)
    }

    fn give_back(&self, region: Region, holder: HolderId) -> Result<(), PokeError> {
        let lock = lock()?;
        self.check_idle(region)?;
        let mut breakpoints = Vec::new();
        let len = region.len();
        breakpoints.try_reserve_exact(len).map_err(|_| TextError::Memory { what: "breakpoints", len })?;
        breakpoints.resize(len, INT3);
        self.fill(region, region.addr(), &breakpoints, holder, &lock)?;
        let mut ledger = self.books();
        let inside: Vec<_> = ledger.overlapping(region.addr(), len).map(|c| (c.addr, c.len, c.holder)).collect();
        for (addr, len, holder) in inside {
            ledger.release(addr, len, holder)?;
        }
        drop(ledger);
        self.0.text.release(region);
        Ok(())
    }

    /// Whether no unfinished batch has a site in the region, or leads there. The caller holds the text lock.
    fn check_idle(&self, region: Region) -> Result<(), PokeError> {
        let pending = self.0.pending.lock().unwrap_or_else(PoisonError::into_inner);
        let range = region.range();
        let inside = |batch: &Batch| {
            let sites = batch.plan.patches().iter().map(Patch::addr);
            sites.chain(batch.plan.targets().iter().map(|t| t.1)).any(|addr| range.contains(&addr))
        };
        if pending.as_ref().is_some_and(inside) { Err(PokeError::Unfinished) } else { Ok(()) }
    }

    /// Starts the grace period of an image that no site leads to any more.
    ///
    /// # Errors
    /// [`TextError::DoubleFree`] if it is not allocated, [`TextError::NotYours`] if another holder loaded it,
    /// [`TextError::Reached`] if a claimed site or a probe leads there, [`PokeError::Unfinished`].
    pub fn retire(&self, region: Region, holder: HolderId) -> Result<Retired, PokeError> {
        let _entry = self.enter()?;
        let _lock = lock()?;
        self.0.text.check_live(region, holder)?;
        self.check_idle(region)?;
        self.check_unreached(region)?;
        Ok(Retired { region, holder, stamp: self.0.grace.begin() })
    }

    /// Whether no site outside leads into the region, as far as sites are claimed.
    fn check_unreached(&self, region: Region) -> Result<(), PokeError> {
        let (addr, range) = (region.addr(), region.range());
        let reached = |site, target| Err(TextError::Reached { addr, site, target }.into());
        if let Some((site, target)) = breakpoint::into(&range) {
            return reached(site, target);
        }
        for (site, len) in self.books().written().filter(|claim| !range.contains(&claim.0)) {
            let bytes = self.0.text.peek(site, len)?;
            let target = Insn::decode(bytes.as_slice(), site).and_then(|insn| insn.target(site));
            if let Some(target) = target.filter(|target| range.contains(target)) {
                return reached(site, target);
            }
        }
        Ok(())
    }

    /// Frees a retired image if everybody has left it, else gives it back with the names of those who have not.
    ///
    /// # Errors
    /// The image, and [`GraceError`].
    pub fn try_reclaim(&self, retired: Retired) -> Result<(), (Retired, GraceError)> {
        let _entry = match self.enter() {
            Ok(entry) => entry,
            Err(e) => return Err((retired, e.into())),
        };
        if let Some(tid) = self.breach(retired.region) {
            return Err((retired, GraceError::Unregistered { tid }));
        }
        if let Err(e) = self.0.grace.passed(retired.stamp) {
            return Err((retired, e));
        }
        let (region, holder) = (retired.region, retired.holder);
        let led = lock().map_err(PokeError::from).and_then(|_lock| self.check_unreached(region));
        led.and_then(|()| self.give_back(region, holder)).map_err(|e| (retired, e.into()))
    }

    fn breach(&self, region: Region) -> Option<i32> {
        self.0.text.chunk(region.addr(), region.len())?.breach()
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
            Protocol::Stop => stop::run(&plan, &self.0.text, &lock, probe)?,
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

    /// Whether a site may lead to an address: text that an engine laid out, or an address that somebody vouches for.
    pub(crate) fn check_target(&self, addr: u64, target: u64) -> Result<(), PokeError> {
        let text = &self.0.text;
        let own = text.chunk(target, 1).is_some();
        if if own { text.is_live(target) } else { trap::owns(target) } || foreign::is_declared(target) {
            Ok(())
        } else {
            Err(PokeError::ForeignTarget { addr, target })
        }
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
            let symbol = self.0.text.describe(patch.addr());
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
