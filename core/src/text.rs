//! Executable memory: where text lives, what it is called and where its instructions begin.
//!
//! [`Text`] is a cheap handle on an arena. Reading is open to everybody; writing is the engine's alone
//! (see [`crate::engine::Engine::apply`]).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use crate::isa::{self, Bytes};
use crate::site::Site;

pub mod arena;
pub mod builder;
pub(crate) mod error;
mod region;

pub use arena::{ArenaOptions, Placement};
pub use builder::{Builder, Label, Target};
pub use error::TextError;
pub use region::{Region, Symbol};

use arena::Chunk;

#[derive(Default)]
struct Allocation {
    live: BTreeMap<u64, usize>,
    free: BTreeMap<(usize, u64), ()>,
}

pub(crate) struct Inner {
    options: ArenaOptions,
    chunks: RwLock<Vec<Arc<Chunk>>>,
    symbols: RwLock<BTreeMap<u64, Symbol>>,
    allocation: Mutex<Allocation>,
}

/// An arena of executable memory. Clones share it; it is unmapped with the last clone.
#[derive(Clone)]
pub struct Text(Arc<Inner>);

impl Text {
    /// An empty arena; chunks are mapped when first needed.
    #[must_use]
    pub fn new(options: ArenaOptions) -> Self {
        Self(Arc::new(Inner {
            options,
            chunks: RwLock::default(),
            symbols: RwLock::default(),
            allocation: Mutex::default(),
        }))
    }

    /// Reserves `len` bytes at a multiple of `align` (a power of two up to a page). Fresh text is breakpoints.
    pub(crate) fn alloc(&self, len: usize, align: usize) -> Result<Region, TextError> {
        let chunk_len = self.0.options.chunk_len;
        if len > chunk_len {
            return Err(TextError::TooLarge { len, chunk: chunk_len });
        }
        let mut allocation = self.0.allocation.lock().unwrap_or_else(PoisonError::into_inner);
        let reusable =
            allocation.free.range((len, 0)..(len + 1, 0)).map(|(&key, ())| key).find(|key| key.1 % align as u64 == 0);
        if let Some(key) = reusable {
            allocation.free.remove(&key);
            allocation.live.insert(key.1, len);
            return Ok(Region { addr: key.1, len });
        }
        let mut chunks = self.0.chunks.write().unwrap_or_else(PoisonError::into_inner);
        let found = chunks.last().and_then(|chunk| chunk.bump(len, align));
        let addr = match found {
            Some(addr) => addr,
            None => {
                let chunk = Arc::new(Chunk::map(&self.0.options)?);
                let addr = chunk.bump(len, align).ok_or(TextError::TooLarge { len, chunk: chunk_len })?;
                chunks.push(chunk);
                addr
            }
        };
        allocation.live.insert(addr, len);
        Ok(Region { addr, len })
    }

    pub(crate) fn check_live(&self, region: Region) -> Result<(), TextError> {
        let allocation = self.0.allocation.lock().unwrap_or_else(PoisonError::into_inner);
        match allocation.live.get(&region.addr) {
            Some(&len) if len == region.len => Ok(()),
            _ => Err(TextError::DoubleFree { addr: region.addr }),
        }
    }

    /// Returns a region whose bytes are breakpoints again.
    pub(crate) fn release(&self, region: Region) -> Result<(), TextError> {
        self.check_live(region)?;
        if let Some(chunk) = self.chunk(region.addr, region.len) {
            chunk.forget(region);
        }
        let mut symbols = self.0.symbols.write().unwrap_or_else(PoisonError::into_inner);
        let gone: Vec<u64> = symbols.range(region.addr..region.addr + region.len as u64).map(|(&a, _)| a).collect();
        for addr in gone {
            symbols.remove(&addr);
        }
        drop(symbols);
        let mut allocation = self.0.allocation.lock().unwrap_or_else(PoisonError::into_inner);
        allocation.live.remove(&region.addr);
        allocation.free.insert((region.len, region.addr), ());
        Ok(())
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
    /// [`TextError::Foreign`] outside the arena.
    pub fn read(&self, addr: u64, len: usize) -> Result<Vec<u8>, TextError> {
        let chunk = self.chunk(addr, len).ok_or(TextError::Foreign { addr, len })?;
        let mut out = vec![0; len];
        chunk.read(addr, &mut out);
        Ok(out)
    }

    /// Reads up to eight bytes.
    ///
    /// # Errors
    /// As [`Text::read`].
    pub fn bytes(&self, addr: u64, len: usize) -> Result<Bytes, TextError> {
        let chunk = self.chunk(addr, len).ok_or(TextError::Foreign { addr, len })?;
        let mut out = [0; 8];
        let out = &mut out[..len.min(8)];
        chunk.read(addr, out);
        Ok(Bytes::new(out))
    }

    /// The function or image around an address.
    #[must_use]
    pub fn symbol(&self, addr: u64) -> Option<Symbol> {
        let symbols = self.0.symbols.read().unwrap_or_else(PoisonError::into_inner);
        let (_, symbol) = symbols.range(..=addr).next_back()?;
        (addr < symbol.addr + symbol.len).then(|| symbol.clone())
    }

    /// The address of a named function.
    #[must_use]
    pub fn lookup(&self, name: &str) -> Option<u64> {
        let symbols = self.0.symbols.read().unwrap_or_else(PoisonError::into_inner);
        symbols.values().find(|s| s.name == name).map(|s| s.addr)
    }

    /// `name` or `name+0x5`, as in an oops.
    #[must_use]
    pub fn describe(&self, addr: u64) -> String {
        match self.symbol(addr) {
            Some(s) if s.addr == addr => s.name,
            Some(s) => format!("{}+{:#x}", s.name, addr - s.addr),
            None => "unnamed text".to_owned(),
        }
    }

    /// A patch site of `len` bytes at `addr`, which must be exactly one instruction of this arena's text, or a
    /// RET or jump with breakpoints behind it. From here on the trap handler knows the address as ours.
    ///
    /// # Errors
    /// [`TextError::Foreign`], [`TextError::Boundary`].
    pub fn site(&self, addr: u64, len: usize) -> Result<Site, TextError> {
        let chunk = self.chunk(addr, len).ok_or(TextError::Foreign { addr, len })?;
        let refuse = |why: String| TextError::Boundary { addr, len, function: self.describe(addr), why };
        if !(1..=isa::MAX_SITE).contains(&len) {
            return Err(refuse(format!("a site has 1 to {} bytes", isa::MAX_SITE)));
        }
        if !chunk.is_boundary(addr) {
            let mut start = addr;
            while start > addr - 15 && !chunk.is_boundary(start) {
                start -= 1;
            }
            return Err(refuse(format!("the instruction around it begins at {start:#x}")));
        }
        let bytes = self.bytes(addr, len)?;
        let mut decoder = iced_x86::Decoder::with_ip(64, bytes.as_slice(), addr, iced_x86::DecoderOptions::NONE);
        let insn = decoder.decode();
        let padded = isa::Insn::decode(bytes.as_slice(), addr).is_some();
        if !padded && (insn.is_invalid() || insn.len() != len) {
            return Err(refuse(format!("{bytes} decodes to {} bytes", insn.len())));
        }
        chunk.add_site(addr);
        Ok(Site::new(addr, len as u8))
    }

    /// Makes the mappings permanent with mseal(2): they can no longer be unmapped, remapped or made writable,
    /// for the life of the process.
    ///
    /// # Errors
    /// [`TextError::Seal`], `ENOSYS` before Linux 6.10.
    pub fn mseal(&self) -> Result<(), TextError> {
        let chunks = self.0.chunks.read().unwrap_or_else(PoisonError::into_inner);
        chunks.iter().try_for_each(|chunk| chunk.mseal())
    }

    /// Executable address ranges, for tests and humans.
    #[must_use]
    pub fn extents(&self) -> Vec<Region> {
        let chunks = self.0.chunks.read().unwrap_or_else(PoisonError::into_inner);
        chunks.iter().map(|c| c.extent()).collect()
    }
}

impl std::fmt::Debug for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Text").field("extents", &self.extents()).finish()
    }
}

#[cfg(test)]
mod tests;
