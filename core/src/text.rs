//! Executable memory: where text lives, what it is called and where its instructions begin.
//!
//! [`Text`] is a cheap handle on an arena. Reading is open to everybody; writing is the engine's alone
//! (see [`crate::engine::Engine::apply`]).

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use crate::entry;
use crate::holder::HolderId;
use crate::isa::{self, Bytes};
use crate::site::Site;

pub mod arena;
pub(crate) mod bits;
pub mod builder;
pub(crate) mod error;
pub(crate) mod foreign;
mod region;

pub use arena::{ArenaOptions, Placement};
pub use builder::{Builder, Label, Target};
pub use error::TextError;
pub use region::{Region, Symbol};

use arena::Chunk;

struct Live {
    len: usize,
    generation: u32,
    holder: HolderId,
}

#[derive(Default)]
struct Allocation {
    live: BTreeMap<u64, Live>,
    free: BTreeSet<(usize, u64)>,
}

impl Allocation {
    /// The live region around these bytes: its range and generation.
    fn around(&self, addr: u64, len: usize) -> Option<(Range<u64>, u32)> {
        let (&start, live) = self.live.range(..=addr).next_back()?;
        let end = start + live.len as u64;
        (addr.checked_add(len as u64)? <= end).then_some((start..end, live.generation))
    }
}

pub(crate) struct Inner {
    options: ArenaOptions,
    pid: u32,
    chunks: RwLock<Vec<Arc<Chunk>>>,
    symbols: RwLock<BTreeMap<u64, Symbol>>,
    allocation: Mutex<Allocation>,
}

/// An arena of executable memory. Clones share it; it is unmapped with the last clone.
#[derive(Clone)]
pub struct Text(Arc<Inner>);

/// The next region's generation; unlike those of all other regions of the process.
fn generation() -> Result<u32, TextError> {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    NEXT.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_add(1)).map_err(|_| TextError::Generations)
}

impl Text {
    /// An empty arena; chunks are mapped when first needed.
    #[must_use]
    pub fn new(options: ArenaOptions) -> Self {
        Self(Arc::new(Inner {
            options,
            pid: std::process::id(),
            chunks: RwLock::default(),
            symbols: RwLock::default(),
            allocation: Mutex::default(),
        }))
    }

    fn allocation(&self) -> MutexGuard<'_, Allocation> {
        self.0.allocation.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reserves `len` bytes at a multiple of `align` (a power of two up to a page). Fresh text is breakpoints.
    pub(crate) fn alloc(&self, len: usize, align: usize, holder: HolderId) -> Result<Region, TextError> {
        let chunk_len = self.0.options.chunk_len;
        if !align.is_power_of_two() || align > 4096 {
            return Err(TextError::Align(align));
        }
        if len > chunk_len {
            return Err(TextError::TooLarge { len, chunk: chunk_len });
        }
        let generation = generation()?;
        let mut allocation = self.allocation();
        let reusable = allocation.free.range((len, 0)..(len + 1, 0)).copied().find(|key| key.1 % align as u64 == 0);
        let addr = match reusable {
            Some(key) => {
                allocation.free.remove(&key);
                key.1
            }
            None => {
                let mut chunks = self.0.chunks.write().unwrap_or_else(PoisonError::into_inner);
                match chunks.last().and_then(|chunk| chunk.bump(len, align)) {
                    Some(addr) => addr,
                    None => {
                        let chunk = Arc::new(Chunk::map(&self.0.options)?);
                        let addr = chunk.bump(len, align).ok_or(TextError::TooLarge { len, chunk: chunk_len })?;
                        chunks.push(chunk);
                        addr
                    }
                }
            }
        };
        allocation.live.insert(addr, Live { len, generation, holder });
        let region = Region::new(addr, len, generation);
        if let Some(chunk) = self.chunk(addr, len) {
            chunk.live(region);
        }
        Ok(region)
    }

    /// Whether the region is allocated, and this holder's.
    pub(crate) fn check_live(&self, region: Region, holder: HolderId) -> Result<(), TextError> {
        match self.allocation().live.get(&region.addr()) {
            Some(live) if live.len != region.len() || live.generation != region.generation() => {
                Err(TextError::DoubleFree { addr: region.addr() })
            }
            Some(live) if live.holder != holder => Err(TextError::NotYours { addr: region.addr() }),
            Some(_) => Ok(()),
            None => Err(TextError::DoubleFree { addr: region.addr() }),
        }
    }

    /// Whether the sites are of text that is still there. In address order, so that a run of sites in one region is
    /// looked up once.
    pub(crate) fn check_sites(&self, sites: impl IntoIterator<Item = Site>) -> Result<(), TextError> {
        let allocation = self.allocation();
        let mut last = (0..0, 0);
        for site in sites {
            let (addr, len) = (site.addr(), site.len());
            if !(last.0.contains(&addr) && addr + len as u64 <= last.0.end) {
                last = allocation.around(addr, len).ok_or(TextError::Stale { addr, len })?;
            }
            if last.1 != site.generation() {
                return Err(TextError::Stale { addr, len });
            }
        }
        Ok(())
    }

    /// Returns a region whose bytes are breakpoints again.
    pub(crate) fn release(&self, region: Region) {
        if let Some(chunk) = self.chunk(region.addr(), region.len()) {
            chunk.forget(region);
        }
        let mut symbols = self.0.symbols.write().unwrap_or_else(PoisonError::into_inner);
        let gone: Vec<u64> = symbols.range(region.range()).map(|(&a, _)| a).collect();
        for addr in gone {
            symbols.remove(&addr);
        }
        drop(symbols);
        let mut allocation = self.allocation();
        if allocation.live.remove(&region.addr()).is_some() {
            allocation.free.insert((region.len(), region.addr()));
        }
    }

    pub(crate) fn chunk(&self, addr: u64, len: usize) -> Option<Arc<Chunk>> {
        let chunks = self.0.chunks.read().unwrap_or_else(PoisonError::into_inner);
        chunks.iter().find(|c| c.contains(addr, len)).cloned()
    }

    pub(crate) fn name(&self, symbol: Symbol) {
        self.0.symbols.write().unwrap_or_else(PoisonError::into_inner).insert(symbol.addr, symbol);
    }

    /// Reads `len` bytes of text at `addr`.
    ///
    /// # Errors
    /// [`TextError::Foreign`] outside the arena; [`TextError::Forked`], [`TextError::Reentered`], [`TextError::Memory`].
    pub fn read(&self, addr: u64, len: usize) -> Result<Vec<u8>, TextError> {
        let _entry = entry::enter(self.0.pid)?;
        self.copy(addr, len)
    }

    /// As [`Text::read`], for the engine.
    pub(crate) fn copy(&self, addr: u64, len: usize) -> Result<Vec<u8>, TextError> {
        let chunk = self.chunk(addr, len).ok_or(TextError::Foreign { addr, len })?;
        let mut out = Vec::new();
        out.try_reserve_exact(len).map_err(|_| TextError::Memory { what: "a copy of text", len })?;
        out.resize(len, 0);
        chunk.read(addr, &mut out);
        Ok(out)
    }

    /// Reads up to eight bytes.
    ///
    /// # Errors
    /// As [`Text::read`].
    pub fn bytes(&self, addr: u64, len: usize) -> Result<Bytes, TextError> {
        let _entry = entry::enter(self.0.pid)?;
        self.peek(addr, len)
    }

    /// As [`Text::bytes`], for the engine.
    pub(crate) fn peek(&self, addr: u64, len: usize) -> Result<Bytes, TextError> {
        let chunk = self.chunk(addr, len).ok_or(TextError::Foreign { addr, len })?;
        let mut out = [0; 8];
        let out = &mut out[..len.min(8)];
        chunk.read(addr, out);
        Ok(Bytes::new(out))
    }

    /// The function or image around an address.
    ///
    /// # Errors
    /// [`TextError::Forked`], [`TextError::Reentered`].
    pub fn symbol(&self, addr: u64) -> Result<Option<Symbol>, TextError> {
        let _entry = entry::enter(self.0.pid)?;
        Ok(self.around(addr))
    }

    /// As [`Text::symbol`], for the engine.
    fn around(&self, addr: u64) -> Option<Symbol> {
        let symbols = self.0.symbols.read().unwrap_or_else(PoisonError::into_inner);
        let (_, symbol) = symbols.range(..=addr).next_back()?;
        (addr < symbol.addr + symbol.len).then(|| symbol.clone())
    }

    /// The address of a named function.
    ///
    /// # Errors
    /// As [`Text::symbol`].
    pub fn lookup(&self, name: &str) -> Result<Option<u64>, TextError> {
        let _entry = entry::enter(self.0.pid)?;
        let symbols = self.0.symbols.read().unwrap_or_else(PoisonError::into_inner);
        Ok(symbols.values().find(|s| s.name == name).map(|s| s.addr))
    }

    /// `name` or `name+0x5`, as in an oops.
    ///
    /// # Errors
    /// As [`Text::symbol`].
    pub fn describe(&self, addr: u64) -> Result<String, TextError> {
        let _entry = entry::enter(self.0.pid)?;
        Ok(self.called(addr))
    }

    /// As [`Text::describe`], for the engine.
    pub(crate) fn called(&self, addr: u64) -> String {
        match self.around(addr) {
            Some(s) if s.addr == addr => s.name,
            Some(s) => format!("{}+{:#x}", s.name, addr - s.addr),
            None => "unnamed text".to_owned(),
        }
    }

    /// A patch site of `len` bytes at `addr`, which must be exactly one instruction of this arena's text, or a
    /// RET or jump with breakpoints behind it. From here on the trap handler knows the address as ours.
    ///
    /// # Errors
    /// [`TextError::Foreign`], [`TextError::Boundary`], [`TextError::Forked`], [`TextError::Reentered`].
    pub fn site(&self, addr: u64, len: usize) -> Result<Site, TextError> {
        let _entry = entry::enter(self.0.pid)?;
        let chunk = self.chunk(addr, len).ok_or(TextError::Foreign { addr, len })?;
        let refuse = |why: String| TextError::Boundary { addr, len, function: self.called(addr), why };
        if !(1..=isa::MAX_SITE).contains(&len) {
            return Err(refuse(format!("a site has 1 to {} bytes", isa::MAX_SITE)));
        }
        if !chunk.is_boundary(addr) {
            let why = match (addr.saturating_sub(14)..addr).rev().find(|&start| chunk.is_boundary(start)) {
                Some(start) => format!("the instruction around it begins at {start:#x}"),
                None => "where its instructions begin is not known".into(),
            };
            return Err(refuse(why));
        }
        let Some((_, generation)) = self.allocation().around(addr, len) else {
            return Err(refuse("it ends behind what was laid out".into()));
        };
        let bytes = self.peek(addr, len)?;
        let mut decoder = iced_x86::Decoder::with_ip(64, bytes.as_slice(), addr, iced_x86::DecoderOptions::NONE);
        let insn = decoder.decode();
        let padded = isa::Insn::decode(bytes.as_slice(), addr).is_some();
        if !padded && (insn.is_invalid() || insn.len() != len) {
            return Err(refuse(format!("{bytes} decodes to {} bytes", insn.len())));
        }
        chunk.add_site(addr);
        let call_ok =
            matches!(isa::Insn::decode(bytes.as_slice(), addr), Some(isa::Insn::Call(_))) || self.is_entry(addr);
        Ok(Site::new(addr, len as u8, generation, call_ok))
    }

    /// Whether a function begins here, or did before its `endbr64`: nothing of its own is on the stack yet.
    fn is_entry(&self, addr: u64) -> bool {
        let marked = |start| self.peek(start, 4).is_ok_and(|bytes| bytes.as_slice() == isa::ENDBR64);
        self.around(addr).is_some_and(|s| s.addr == addr || s.addr + 4 == addr && marked(s.addr))
    }

    /// Bytes in a live region as a site, whatever instructions they are: a probe's breakpoint, or the bytes of several
    /// instructions that a jump is to replace.
    pub(crate) fn site_over(&self, addr: u64, len: usize) -> Result<Site, TextError> {
        let (_, generation) = self.allocation().around(addr, len).ok_or(TextError::Foreign { addr, len })?;
        Ok(Site::new(addr, len as u8, generation, false))
    }

    /// Makes the mappings permanent with mseal(2): they can no longer be unmapped, remapped or made writable,
    /// for the life of the process.
    ///
    /// # Errors
    /// [`TextError::Seal`], `ENOSYS` before Linux 6.10.
    pub fn mseal(&self) -> Result<(), TextError> {
        let _entry = entry::enter(self.0.pid)?;
        let chunks = self.0.chunks.read().unwrap_or_else(PoisonError::into_inner);
        chunks.iter().try_for_each(|chunk| chunk.mseal())
    }

    /// Executable address ranges, for tests and humans.
    ///
    /// # Errors
    /// As [`Text::symbol`].
    pub fn extents(&self) -> Result<Vec<Range<u64>>, TextError> {
        let _entry = entry::enter(self.0.pid)?;
        let chunks = self.0.chunks.read().unwrap_or_else(PoisonError::into_inner);
        Ok(chunks.iter().map(|c| c.extent()).collect())
    }
}

impl std::fmt::Debug for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Text").field("pid", &self.0.pid).field("options", &self.0.options).finish()
    }
}

#[cfg(test)]
mod tests;
