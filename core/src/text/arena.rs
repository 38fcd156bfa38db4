//! Chunks: one memfd, mapped twice. The writable alias and the executable view are two types, and no
//! mapping is both. Nothing needs mprotect or a TLB flush to be patched.
//!
//! memmap2 makes the alias; the view is placed by libc, because memmap2 takes no address. Low addresses
//! matter: every rel32 reaches every other, and `cmp rdx, imm32` can name a function.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::{AsRawFd, FromRawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use memmap2::{MmapOptions, MmapRaw};

use super::bits::Bits;
use super::error::TextError;
use super::region::Region;
use crate::isa::{Bytes, INT3};
use crate::plan::Span;
use crate::poke::lock::TextLock;
use crate::poke::trap;

/// Where executable views go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Placement {
    /// In the low 2 GiB, or an error.
    Low,
    /// In the low 2 GiB if the kernel allows it, else anywhere.
    PreferLow,
    /// At this address, or an error. Only the first chunk.
    At(u64),
}

/// How an arena is made.
#[derive(Debug, Clone, Copy)]
pub struct ArenaOptions {
    /// Where in the address space it may lie.
    pub placement: Placement,
    /// Bytes in a chunk; rounded up to whole pages.
    pub chunk_len: usize,
}

impl Default for ArenaOptions {
    fn default() -> Self {
        Self { placement: Placement::PreferLow, chunk_len: 1 << 20 }
    }
}

/// The writable alias. Holds no executable permission; private to the engine.
///
/// Everything goes through aligned words of eight bytes: accesses of different sizes to the same bytes are a race of
/// their own. A shorter store is a read, a merge and a store of the word, so there is one writer at a time: whoever
/// holds the text lock. The other bytes of the word are written as they were, which an instruction fetch cannot tell.
pub(crate) struct Writable {
    /// Gone only when it is dropped.
    map: Option<MmapRaw>,
    /// The process in which it is mapped; it is not inherited.
    pid: u32,
}

impl Drop for Writable {
    fn drop(&mut self) {
        // In a child of fork something else may be mapped there.
        if std::process::id() != self.pid {
            std::mem::forget(self.map.take());
        }
    }
}

impl Writable {
    fn map(&self) -> &MmapRaw {
        self.map.as_ref().unwrap_or_else(|| unreachable!("only dropping takes it"))
    }

    fn quad(&self, offset: usize) -> &AtomicU64 {
        assert!(offset.is_multiple_of(8) && offset < self.map().len());
        // SAFETY: in bounds and aligned: the mapping begins at a page and has whole pages, `offset` is a multiple of 8.
        // It lives as long as `self`, and is only accessed through this function, except by the negative controls of
        // `store_naive`. The executable view of the same memory is read by aligned atomic words and by fetches.
        unsafe { &*self.map().as_ptr().add(offset).cast::<AtomicU64>() }
    }

    /// Eight bytes from anywhere; zeroes behind the end.
    fn load(&self, offset: usize) -> u64 {
        let (base, shift) = (offset & !7, 8 * (offset & 7));
        let low = self.quad(base).load(Ordering::Relaxed) >> shift;
        if shift == 0 || base + 8 >= self.map().len() {
            return low;
        }
        low | self.quad(base + 8).load(Ordering::Relaxed) << (64 - shift)
    }

    /// Merges `len` bytes of `word` in, 1 to 8, from the lowest. The caller holds the text lock.
    fn store(&self, offset: usize, word: u64, len: usize) {
        let mask = u64::MAX >> (64 - 8 * len);
        let (base, shift) = (offset & !7, 8 * (offset & 7));
        self.merge(base, word << shift, mask << shift);
        if (offset & 7) + len > 8 {
            self.merge(base + 8, word >> (64 - shift), mask >> (64 - shift));
        }
    }

    fn merge(&self, base: usize, word: u64, mask: u64) {
        let quad = self.quad(base);
        quad.store(quad.load(Ordering::Relaxed) & !mask | word & mask, Ordering::Release);
    }

    /// One store of four bytes at any alignment and one of the fifth: what a naive patcher does. For negative controls
    /// only.
    fn store_naive(&self, offset: usize, bytes: [u8; 5]) {
        assert!(offset + bytes.len() <= self.map().len());
        let [a, b, c, d, last] = bytes;
        // SAFETY: in bounds. Written in assembly, because the language has no word for a store that may tear.
        unsafe {
            std::arch::asm!(
                "mov dword ptr [{at}], {head:e}",
                "mov byte ptr [{at} + 4], {last}",
                at = in(reg) self.map().as_mut_ptr().add(offset),
                head = in(reg) u32::from_le_bytes([a, b, c, d]),
                last = in(reg_byte) last,
                options(nostack, preserves_flags),
            );
        }
    }
}

/// The executable view: readable and executable, never writable.
pub(crate) struct Executable {
    base: u64,
    len: usize,
    /// The process in which it is mapped; it is not inherited.
    pid: u32,
    /// Never unmapped again, because mseal(2) forbids it.
    sealed: AtomicBool,
}

impl Drop for Executable {
    fn drop(&mut self) {
        if !*self.sealed.get_mut() && std::process::id() == self.pid {
            // SAFETY: `base..base+len` is the mapping that `place` made in this process and nobody else unmaps; the
            // contract of calling generated code is that its arena outlives the call.
            unsafe { libc::munmap(self.base as *mut libc::c_void, self.len) };
        }
    }
}

/// The two mappings of one chunk. A handler in flight keeps them: see [`trap::register`].
struct Memory {
    rw: Writable,
    rx: Executable,
}

/// What the trap handler, and other engines, know of each byte of a chunk.
pub(crate) struct Marks {
    /// A patch site begins here.
    pub(crate) sites: Bits,
    /// It is in a region that is allocated.
    pub(crate) live: Bits,
    /// Another engine's text leads here.
    pub(crate) led: Bits,
}

impl Marks {
    fn new(len: usize) -> Result<Self, TextError> {
        Ok(Self { sites: Bits::new(len)?, live: Bits::new(len)?, led: Bits::new(len)? })
    }
}

pub(crate) struct Chunk {
    /// Declared first, so dropped first: the handler forgets the chunk before it is unmapped.
    registration: trap::Registration,
    memory: Arc<Memory>,
    marks: Arc<Marks>,
    boundaries: Bits,
    used: AtomicUsize,
}

impl Chunk {
    pub(crate) fn map(options: &ArenaOptions) -> Result<Self, TextError> {
        let asked = options.chunk_len;
        let len = asked.max(1).checked_next_multiple_of(4096).filter(|len| isize::try_from(*len).is_ok());
        let len = len.ok_or(TextError::Memory { what: "a chunk of text", len: asked })?;
        let file = memfd(len)?;
        let map_err = |what, at: String| move |source| TextError::Map { what, len, at, source };
        // The file is a fresh memfd that nobody else holds; it is sealed against shrinking below, so that the mapping
        // cannot be truncated away.
        let map = MmapOptions::new().len(len).map_raw(&file).map_err(map_err("writable", "any address".into()))?;
        let rw = Writable { map: Some(map), pid: std::process::id() };
        (0..len).step_by(8).for_each(|offset| rw.quad(offset).store(u64::from_le_bytes([INT3; 8]), Ordering::Relaxed));
        seal(&file)?;
        let base = place(&file, len, options.placement).map_err(|(at, source)| TextError::Map {
            what: "executable",
            len,
            at,
            source,
        })?;
        let rx = Executable { base, len, pid: std::process::id(), sealed: AtomicBool::new(false) };
        for (addr, what) in
            [(base as usize, "MADV_DONTFORK on text"), (rw.map().as_ptr() as usize, "MADV_DONTFORK on the alias")]
        {
            // SAFETY: both ranges are mappings of ours of `len` bytes.
            if unsafe { libc::madvise(addr as *mut libc::c_void, len, libc::MADV_DONTFORK) } != 0 {
                return Err(TextError::Seal { what, source: io::Error::last_os_error() });
            }
        }
        let (marks, memory) = (Arc::new(Marks::new(len)?), Arc::new(Memory { rw, rx }));
        let registration = trap::register(base..base + len as u64, marks.clone(), memory.clone())?;
        Ok(Self { registration, memory, marks, boundaries: Bits::new(len)?, used: AtomicUsize::new(0) })
    }

    fn base(&self) -> u64 {
        self.memory.rx.base
    }

    fn len(&self) -> usize {
        self.memory.rx.len
    }

    pub(crate) fn extent(&self) -> Range<u64> {
        self.base()..self.base() + self.len() as u64
    }

    pub(crate) fn contains(&self, addr: u64, len: usize) -> bool {
        addr >= self.base() && (addr - self.base()).checked_add(len as u64).is_some_and(|end| end <= self.len() as u64)
    }

    fn offset(&self, addr: u64) -> usize {
        (addr - self.base()) as usize
    }

    /// Advances the bump pointer; the caller holds the allocation lock.
    pub(crate) fn bump(&self, len: usize, align: usize) -> Option<u64> {
        let start = self.used.load(Ordering::Relaxed).next_multiple_of(align.clamp(1, 4096));
        let end = start.checked_add(len)?;
        (end <= self.len()).then(|| {
            self.used.store(end, Ordering::Relaxed);
            self.base() + start as u64
        })
    }

    pub(crate) fn read(&self, addr: u64, out: &mut [u8]) {
        let offset = self.offset(addr);
        for (i, bytes) in out.chunks_mut(8).enumerate() {
            let len = bytes.len();
            bytes.copy_from_slice(&self.memory.rw.load(offset + 8 * i).to_le_bytes()[..len]);
        }
    }

    /// Whether these bytes stand at an address inside this chunk.
    #[inline]
    pub(crate) fn holds(&self, addr: u64, bytes: Bytes) -> bool {
        let word = self.memory.rw.load(self.offset(addr));
        bytes.is_empty() || (word ^ bytes.word()) << (64 - 8 * bytes.len()) == 0
    }

    /// Stores the first byte of each site.
    pub(crate) fn store_heads(&self, addrs: &[u64], bytes: impl Iterator<Item = u8>, _: &TextLock) {
        for (&addr, byte) in addrs.iter().zip(bytes) {
            self.memory.rw.store(self.offset(addr), byte.into(), 1);
        }
    }

    /// Stores the bytes behind the first of each site where they change. Whether any did.
    pub(crate) fn store_tails(&self, span: Span<'_>, _: &TextLock) -> bool {
        let mut any = false;
        for ((&addr, word), &tail) in span.addrs.iter().zip(span.new).zip(span.tails) {
            if tail > 0 {
                self.memory.rw.store(self.offset(addr) + 1, word >> 8, tail.into());
                any = true;
            }
        }
        any
    }

    pub(crate) fn store_all(&self, addr: u64, bytes: &[u8], _: &TextLock) {
        let offset = self.offset(addr);
        for (i, part) in bytes.chunks(8).enumerate() {
            let mut word = [0; 8];
            word[..part.len()].copy_from_slice(part);
            self.memory.rw.store(offset + 8 * i, u64::from_le_bytes(word), part.len());
        }
    }

    pub(crate) fn store_naive(&self, addr: u64, bytes: &[u8], lock: &TextLock) {
        match <[u8; 5]>::try_from(bytes) {
            Ok(bytes) => self.memory.rw.store_naive(self.offset(addr), bytes),
            Err(_) => self.store_all(addr, bytes, lock),
        }
    }

    pub(crate) fn add_site(&self, addr: u64) {
        self.marks.sites.set(self.offset(addr));
    }

    /// Notes where an instruction begins; a label behind the last byte of the chunk is none.
    pub(crate) fn add_boundary(&self, addr: u64) {
        if self.contains(addr, 1) {
            self.boundaries.set(self.offset(addr));
        }
    }

    pub(crate) fn is_boundary(&self, addr: u64) -> bool {
        self.contains(addr, 1) && self.boundaries.get(self.offset(addr))
    }

    fn run(&self, region: Region) -> Range<usize> {
        let start = self.offset(region.addr());
        start..start + region.len()
    }

    /// Notes that a region is allocated.
    pub(crate) fn live(&self, region: Region) {
        self.marks.live.fill(self.run(region), true);
    }

    /// Drops what is known of a region that was freed.
    pub(crate) fn forget(&self, region: Region) {
        let Marks { sites, live, led } = &*self.marks;
        for bits in [live, sites, led, &self.boundaries] {
            bits.fill(self.run(region), false);
        }
    }

    /// Where in a region another engine's text leads.
    pub(crate) fn led(&self, region: Region) -> Option<u64> {
        self.marks.led.first(self.run(region)).map(|offset| self.base() + offset as u64)
    }

    pub(crate) fn breach(&self) -> Option<i32> {
        self.registration.breach()
    }

    pub(crate) fn mseal(&self) -> Result<(), TextError> {
        for addr in [self.base() as usize, self.memory.rw.map().as_ptr() as usize] {
            // SAFETY: mseal(2) on mappings of ours; they are never unmapped again, see below.
            if unsafe { libc::syscall(MSEAL, addr, self.len(), 0) } != 0 {
                return Err(TextError::Seal { what: "mseal", source: io::Error::last_os_error() });
            }
        }
        self.memory.rx.sealed.store(true, Ordering::Relaxed);
        Ok(())
    }
}

/// mseal(2), Linux 6.10, all architectures.
const MSEAL: libc::c_long = 462;
/// Linux 6.3; older kernels refuse the flag and are asked again without.
const MFD_EXEC: libc::c_uint = 0x10;

fn memfd(len: usize) -> Result<File, TextError> {
    let flags = libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING;
    let name = c"provenance-text";
    let mut fd = -1;
    for flags in [flags | MFD_EXEC, flags] {
        // SAFETY: a NUL-terminated name and plain flags.
        fd = unsafe { libc::memfd_create(name.as_ptr(), flags) };
        if fd >= 0 || io::Error::last_os_error().raw_os_error() != Some(libc::EINVAL) {
            break;
        }
    }
    if fd < 0 {
        return Err(TextError::Memfd(io::Error::last_os_error()));
    }
    // SAFETY: a descriptor just made, owned by nobody else.
    let file = unsafe { File::from_raw_fd(fd) };
    file.set_len(len as u64).map_err(TextError::Memfd)?;
    Ok(file)
}

/// No further writable mapping, no change of size, and no seal taken back.
fn seal(file: &File) -> Result<(), TextError> {
    let seals = libc::F_SEAL_FUTURE_WRITE | libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_SEAL;
    // SAFETY: fcntl with integers on a descriptor that is open.
    if unsafe { libc::fcntl(file.as_raw_fd(), libc::F_ADD_SEALS, seals) } != 0 {
        return Err(TextError::Seal { what: "sealing", source: io::Error::last_os_error() });
    }
    Ok(())
}

fn place(file: &File, len: usize, placement: Placement) -> Result<u64, (String, io::Error)> {
    let view = |addr: u64, flags: libc::c_int, at: &str| {
        // SAFETY: never MAP_FIXED, so no mapping of anybody is replaced; the descriptor is open.
        let got = unsafe {
            libc::mmap(
                addr as *mut libc::c_void,
                len,
                libc::PROT_READ | libc::PROT_EXEC,
                libc::MAP_SHARED | flags,
                file.as_raw_fd(),
                0,
            )
        };
        if got == libc::MAP_FAILED { Err((at.to_owned(), io::Error::last_os_error())) } else { Ok(got as u64) }
    };
    let low = || view(0, libc::MAP_32BIT, "the low 2 GiB");
    match placement {
        Placement::Low => low(),
        Placement::PreferLow => low().or_else(|_| view(0, 0, "any address")),
        // Who may map the first page would get a chunk whose first byte is the null pointer.
        Placement::At(0) => Err(("0x0".to_owned(), io::Error::from_raw_os_error(libc::EINVAL))),
        Placement::At(addr) => view(addr, libc::MAP_FIXED_NOREPLACE, &format!("{addr:#x}")),
    }
}
