//! The life of text: laid out and loaded, filled again, retired, reclaimed or freed.

use std::sync::PoisonError;

use super::Engine;
use crate::grace::{GraceError, Stamp};
use crate::holder::HolderId;
use crate::isa::{INT3, Insn};
use crate::ledger::{Ask, Event, Kind, Sharing};
use crate::plan::Patch;
use crate::poke::int3::Batch;
use crate::poke::{Cursor, PokeError, Protocol, TextLock, breakpoint, lock, stop};
use crate::text::builder::Assembled;
use crate::text::{Builder, Region, Symbol, TextError};

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
    /// The memory that it lies in.
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
        self.give_back(region, holder, &lock()?)
    }

    /// Gives back an image that was never published, or that a mechanism has waited for; refused if a site leads there.
    pub(crate) fn discard(&self, region: Region, holder: HolderId) -> Result<(), PokeError> {
        let _entry = self.enter()?;
        let lock = lock()?;
        self.check_unreached(region)?;
        self.give_back(region, holder, &lock)
    }

    fn give_back(&self, region: Region, holder: HolderId, lock: &TextLock) -> Result<(), PokeError> {
        self.check_idle(region)?;
        let mut breakpoints = Vec::new();
        let len = region.len();
        breakpoints.try_reserve_exact(len).map_err(|_| TextError::Memory { what: "breakpoints", len })?;
        breakpoints.resize(len, INT3);
        self.fill(region, region.addr(), &breakpoints, holder, lock)?;
        let mut ledger = self.books();
        let inside: Vec<_> = ledger.overlapping(region.addr(), len).map(|c| (c.addr, c.len, c.holder)).collect();
        for (addr, len, holder) in inside {
            ledger.release(addr, len, holder)?;
        }
        ledger.forget(&region.range());
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
    /// [`TextError::Reached`] if a site or a probe leads there, [`TextError::Led`] if another engine's site did,
    /// [`PokeError::Unfinished`].
    pub fn retire(&self, region: Region, holder: HolderId) -> Result<Retired, PokeError> {
        let _entry = self.enter()?;
        let _lock = lock()?;
        self.0.text.check_live(region, holder)?;
        self.check_idle(region)?;
        self.check_unreached(region)?;
        Ok(Retired { region, holder, stamp: self.0.grace.begin() })
    }

    /// Whether no site outside leads into the region: one that is claimed, one that was given up with what was written
    /// there, one that a mechanism keeps in a table, or one of another engine. The caller holds the text lock.
    fn check_unreached(&self, region: Region) -> Result<(), PokeError> {
        let (addr, range) = (region.addr(), region.range());
        let reached = |site, target| Err(TextError::Reached { addr, site, target }.into());
        if let Some((site, target)) = breakpoint::into(&range) {
            return reached(site, target);
        }
        let tables = self.0.tables.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(&(site, target)) = tables.values().flatten().find(|lead| range.contains(&lead.1)) {
            return reached(site, target);
        }
        drop(tables);
        if let Some(target) = self.0.text.chunk(addr, region.len()).and_then(|chunk| chunk.led(region)) {
            return Err(TextError::Led { addr, target }.into());
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
        // Under one lock, so that nobody leads there between the question and the answer.
        let given = lock().map_err(PokeError::from).and_then(|lock| {
            self.check_unreached(region)?;
            self.give_back(region, holder, &lock)
        });
        given.map_err(|e| (retired, e.into()))
    }

    fn breach(&self, region: Region) -> Option<i32> {
        self.0.text.chunk(region.addr(), region.len())?.breach()
    }
}
