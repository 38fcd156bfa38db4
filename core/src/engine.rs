//! The one path that every write takes: Site, Claim, Plan, poke.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::grace::{Grace, GraceError, Stamp};
use crate::holder::{HolderId, MechanismId};
use crate::isa::{Bytes, INT3};
use crate::ledger::{Ask, Consent, Event, Kind, Ledger, Policy, Sharing, journal};
use crate::plan::{Change, Plan};
use crate::poke::int3::Batch;
use crate::poke::variant::Variant;
use crate::poke::{self, Applied, Cursor, Phase, PokeError, Poked, Probe, Protocol, Stats, quad, stop, sync, trap};
use crate::preflight;
use crate::site::Site;
use crate::text::builder::Assembled;
use crate::text::{ArenaOptions, Builder, Region, Symbol, Text, TextError};

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

impl Drop for Inner {
    /// Finishes what was left unfinished, before the text goes.
    fn drop(&mut self) {
        let pending = self.pending.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(batch) = pending {
            let _text = poke::lock();
            let _ = batch.run(&self.text, &mut |_: Phase| -> io::Result<()> { Ok(()) });
        }
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
    pub fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.0.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Registers a party.
    #[must_use]
    pub fn holder(&self, mechanism: MechanismId, name: &str) -> HolderId {
        self.ledger().holder(mechanism, name)
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
        preflight::same_process(self.0.pid)?;
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
        preflight::same_process(self.0.pid)?;
        let (addr, len) = (site.addr(), site.len());
        let found = self.0.text.bytes(addr, len)?;
        let ask = Ask { addr, len, expect, holder, sharing, kind: Kind::Site, accepts };
        Ok(self.ledger().claim(ask, found, &self.0.text.describe(addr))?)
    }

    /// Gives a site up. Its bytes stay.
    ///
    /// # Errors
    /// [`LedgerError::NotHeld`](crate::ledger::LedgerError::NotHeld).
    pub fn release(&self, site: Site, holder: HolderId) -> Result<(), PokeError> {
        Ok(self.ledger().release(site.addr(), site.len(), holder)?)
    }

    /// Gives a site to another, if `consent`, which speaks for the present holder, says so.
    ///
    /// # Errors
    /// [`LedgerError::NoConsent`](crate::ledger::LedgerError::NoConsent), [`LedgerError::ConsentPanicked`](crate::ledger::LedgerError::ConsentPanicked), [`LedgerError::NotHeld`](crate::ledger::LedgerError::NotHeld).
    pub fn transfer(&self, site: Site, from: HolderId, to: HolderId, consent: Consent<'_>) -> Result<(), PokeError> {
        Ok(self.ledger().transfer((site.addr(), site.len()), from, to, consent)?)
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
        preflight::same_process(self.0.pid)?;
        let region = self.0.text.alloc(len.max(1), align)?;
        let assembled = match emit(region.addr) {
            Ok(assembled) => assembled,
            Err(e) => {
                self.0.text.release(region)?;
                return Err(e.into());
            }
        };
        let found = self.0.text.bytes(region.addr, len.min(8))?;
        let ask = Ask {
            addr: region.addr,
            len: region.len,
            expect: found,
            holder,
            sharing: Sharing::Exclusive,
            kind: Kind::Image,
            accepts: "",
        };
        // Whole functions are not claimed: their sites are, one by one, by whoever wants them.
        let image = assembled.symbols.is_empty();
        if image {
            self.ledger().claim(ask, found, "new image")?;
        }
        self.fill(region, region.addr, &assembled.code, holder)?;
        let chunk = self.0.text.chunk(region.addr, region.len).ok_or(TextError::Foreign { addr: region.addr, len })?;
        assembled.boundaries.iter().for_each(|&addr| chunk.add_boundary(addr));
        assembled.symbols.iter().for_each(|s| self.0.text.name(s.clone()));
        Ok(Loaded { region, assembled })
    }

    /// Writes text that nobody runs: no protocol is needed, only one sync, so that whoever is sent there later does not
    /// have the old bytes in its pipeline.
    fn fill(&self, region: Region, at: u64, bytes: &[u8], holder: HolderId) -> Result<(), PokeError> {
        let _text = poke::lock();
        self.0.text.check_live(region)?;
        let old = self.0.text.read(at, bytes.len())?;
        Cursor::new(&self.0.text).at(at, bytes.len())?.store_all(at, bytes);
        if self.0.protocol != Protocol::Stop {
            sync::core_sync().map_err(PokeError::NoMembarrier)?;
        }
        self.ledger().journal_mut().push(holder, Event::Loaded { addr: at, old: old.into(), new: bytes.into() });
        Ok(())
    }

    /// Rewrites an image that is unpublished and whose grace period is over: a dispatcher's other half.
    pub(crate) fn refill(&self, region: Region, at: u64, bytes: &[u8], holder: HolderId) -> Result<(), PokeError> {
        preflight::same_process(self.0.pid)?;
        self.fill(region, at, bytes, holder)
    }

    /// Gives back an image that was never published, or whose grace period is over: breakpoints again.
    ///
    /// # Errors
    /// [`TextError::DoubleFree`].
    pub fn free(&self, region: Region, holder: HolderId) -> Result<(), PokeError> {
        preflight::same_process(self.0.pid)?;
        self.fill(region, region.addr, &vec![INT3; region.len], holder)?;
        let mut ledger = self.ledger();
        let inside: Vec<_> = ledger.overlapping(region.addr, region.len).map(|c| (c.addr, c.len, c.holder)).collect();
        for (addr, len, holder) in inside {
            ledger.release(addr, len, holder)?;
        }
        drop(ledger);
        Ok(self.0.text.release(region)?)
    }

    /// Starts the grace period of an image that no site leads to any more.
    ///
    /// # Errors
    /// [`TextError::DoubleFree`] if it is not allocated.
    pub fn retire(&self, region: Region, holder: HolderId) -> Result<Retired, PokeError> {
        self.0.text.check_live(region)?;
        Ok(Retired { region, holder, stamp: self.0.grace.begin() })
    }

    /// Frees a retired image if everybody has left it, else gives it back with the names of those who have not.
    ///
    /// # Errors
    /// The image, and [`GraceError`].
    pub fn try_reclaim(&self, retired: Retired) -> Result<(), (Retired, GraceError)> {
        if let Some(tid) = self.breach(retired.region) {
            return Err((retired, GraceError::Unregistered { tid }));
        }
        if let Err(e) = self.0.grace.try_reclaim(retired.stamp) {
            return Err((retired, e));
        }
        let (region, holder) = (retired.region, retired.holder);
        self.free(region, holder).map_err(|e| (retired, e.into()))
    }

    fn breach(&self, region: Region) -> Option<i32> {
        self.0.text.chunk(region.addr, region.len)?.breach()
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
        preflight::same_process(self.0.pid)?;
        let _text = poke::lock();
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
                match batch.run(&self.0.text, probe) {
                    Ok(poked) => poked,
                    Err(e) => {
                        *pending = Some(batch);
                        return Err(e);
                    }
                }
            }
            Protocol::Quad => quad::run(&plan, &self.0.text, probe)?,
            Protocol::Stop => stop::run(&plan, &self.0.text, probe)?,
        };
        self.record(&plan, &poked, &mut applied)?;
        Ok(applied)
    }

    /// Finishes a batch that [`PokeError::Stuck`] left behind.
    ///
    /// # Errors
    /// [`PokeError::Stuck`] again.
    pub fn resume(&self) -> Result<(), PokeError> {
        let _text = poke::lock();
        let mut pending = self.0.pending.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(batch) = pending.as_mut() else { return Ok(()) };
        let poked = batch.run(&self.0.text, &mut |_: Phase| -> io::Result<()> { Ok(()) })?;
        let plan = batch.plan.clone();
        *pending = None;
        self.record(&plan, &poked, &mut Applied { written: plan.patches().len(), ..Applied::default() })
    }

    /// Claims and bytes against the plan; sites that are as wanted already are left out.
    fn check(&self, plan: &Plan) -> Result<(Plan, usize), PokeError> {
        let ledger = self.ledger();
        ledger.covers(plan)?;
        let mut cursor = Cursor::new(&self.0.text);
        let (mut done, mut wrong) = (Vec::new(), None);
        cursor.each(plan.patches(), |site, patch| {
            let as_expected = site.hold(patch.old_bytes());
            if as_expected && patch.old_bytes() != patch.new_bytes() {
                return;
            }
            if as_expected || site.hold(patch.new_bytes()) {
                done.push(patch.addr());
            } else if wrong.is_none() {
                wrong = Some(patch);
            }
        })?;
        if let Some(patch) = wrong {
            let found = self.0.text.bytes(patch.addr(), patch.len())?;
            let symbol = self.0.text.describe(patch.addr());
            let refusal = ledger.refusal(patch.addr(), patch.old_bytes(), found, plan.holder(), &symbol);
            return Err(PokeError::Refused(Box::new(refusal)));
        }
        let unchanged = done.len();
        Ok((if unchanged == 0 { plan.clone() } else { plan.without(&done) }, unchanged))
    }

    fn record(&self, plan: &Plan, poked: &Poked, applied: &mut Applied) -> Result<(), PokeError> {
        let mut wrong = None;
        Cursor::new(&self.0.text).each(plan.patches(), |site, patch| {
            if wrong.is_none() && !site.hold(patch.new_bytes()) {
                wrong = Some(patch);
            }
        })?;
        if let Some(patch) = wrong {
            let found = self.0.text.bytes(patch.addr(), patch.len())?;
            return Err(PokeError::ReadBack { addr: patch.addr(), wrote: patch.new_bytes(), found });
        }
        applied.step = self.ledger().wrote(plan, journal::now());
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
