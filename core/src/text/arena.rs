//! Chunks: one memfd, mapped twice. The writable alias and the executable view are two types, and no
//! mapping is both. Nothing needs mprotect or a TLB flush to be patched.
//!
//! memmap2 makes the alias; the view is placed by libc, because memmap2 takes no address. Low addresses
//! matter: every rel32 reaches every other, and `cmp rdx, imm32` can name a function.

use std::fs::File;
use std::io;
use std::marker::PhantomData;
use std::os::fd::{AsRawFd, FromRawFd};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};

use memmap2::{MmapMut, MmapOptions};

use super::error::TextError;
use super::region::Region;
use crate::isa::{Bytes, INT3};
use crate::plan::{Patch, Span};
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
    /// Where.
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
pub(crate) struct Writable {
    map: MmapMut,
}

impl Writable {
    /// A pointer through which the other view's readers are raced against, so every access is atomic.
    fn byte(&self, offset: usize) -> &AtomicU8 {
        assert!(offset < self.map.len());
        // SAFETY: in bounds; the mapping lives as long as `self`; all accesses through it are atomic, so shared
        // access to the byte is no data race.
        unsafe { &*self.map.as_ptr().add(offset).cast::<AtomicU8>() }
    }

    fn store(&self, offset: usize, byte: u8) {
        self.byte(offset).store(byte, Ordering::Relaxed);
    }

    fn quad(&self, offset: usize) -> &AtomicU64 {
        assert!(offset.is_multiple_of(8) && offset + 8 <= self.map.len());
        // SAFETY: in bounds and aligned, since the mapping is page-aligned and `offset` a multiple of 8; as `byte`.
        unsafe { &*self.map.as_ptr().add(offset).cast::<AtomicU64>() }
    }

    /// One store of `N` bytes at any alignment: what a naive patcher does. For negative controls only.
    fn store_unaligned(&self, offset: usize, bytes: &[u8]) {
        assert!(offset + bytes.len() <= self.map.len());
        let at = self.map.as_ptr().cast_mut();
        // SAFETY: in bounds; volatile stores by the one patcher that holds the text lock; the executable view's
        // readers are instruction fetches and volatile loads, outside the memory model.
        unsafe {
            let at = at.add(offset);
            if bytes.len() >= 5 {
                at.cast::<u32>().write_unaligned(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
                at.add(4).write_volatile(bytes[4]);
                bytes[5..].iter().enumerate().for_each(|(i, &b)| at.add(5 + i).write_volatile(b));
            } else {
                bytes.iter().enumerate().for_each(|(i, &b)| at.add(i).write_volatile(b));
            }
        }
    }
}

/// The executable view: readable and executable, never writable.
pub(crate) struct Executable {
    base: u64,
    len: usize,
    /// Never unmapped again, because mseal(2) forbids it.
    sealed: AtomicBool,
}

impl Drop for Executable {
    fn drop(&mut self) {
        if !*self.sealed.get_mut() {
            // SAFETY: `base..base+len` is the mapping that `map_view` made and nobody else unmaps; the contract of
            // calling generated code is that its arena outlives the call.
            unsafe { libc::munmap(self.base as *mut libc::c_void, self.len) };
        }
    }
}

/// One bit for each byte of a chunk.
struct Bits(Box<[AtomicU64]>);

impl Bits {
    fn new(len: usize) -> Self {
        Self((0..len.div_ceil(64)).map(|_| AtomicU64::new(0)).collect())
    }
    fn set(&self, i: usize) {
        self.0[i / 64].fetch_or(1 << (i % 64), Ordering::Release);
    }
    fn clear(&self, i: usize) {
        self.0[i / 64].fetch_and(!(1 << (i % 64)), Ordering::Release);
    }
    fn get(&self, i: usize) -> bool {
        self.0[i / 64].load(Ordering::Acquire) >> (i % 64) & 1 == 1
    }
}

pub(crate) struct Chunk {
    // Declared first, so dropped first: the handler forgets the chunk before it is unmapped.
    registration: trap::Registration,
    rw: Writable,
    rx: Executable,
    sites: Bits,
    boundaries: Bits,
    used: AtomicUsize,
}

impl Chunk {
    pub(crate) fn map(options: &ArenaOptions) -> Result<Self, TextError> {
        let len = options.chunk_len.next_multiple_of(4096).max(4096);
        let file = memfd(len)?;
        let map_err = |what, at: String| move |source| TextError::Map { what, len, at, source };
        // SAFETY: the file is a fresh memfd that nobody else holds; it is sealed against shrinking below, so the
        // mapping can not be truncated away.
        let mut map =
            unsafe { MmapOptions::new().len(len).map_mut(&file) }.map_err(map_err("writable", "any address".into()))?;
        map.fill(INT3);
        seal(&file)?;
        let base = place(&file, len, options.placement).map_err(|(at, source)| TextError::Map {
            what: "executable",
            len,
            at,
            source,
        })?;
        let rx = Executable { base, len, sealed: AtomicBool::new(false) };
        for (addr, what) in
            [(base as usize, "MADV_DONTFORK on text"), (map.as_ptr() as usize, "MADV_DONTFORK on the alias")]
        {
            // SAFETY: both ranges are mappings of ours of `len` bytes.
            if unsafe { libc::madvise(addr as *mut libc::c_void, len, libc::MADV_DONTFORK) } != 0 {
                return Err(TextError::Seal { what, source: io::Error::last_os_error() });
            }
        }
        let sites = Bits::new(len);
        let registration = trap::register(base, len, &sites.0)?;
        Ok(Self {
            registration,
            rw: Writable { map },
            rx,
            sites,
            boundaries: Bits::new(len),
            used: AtomicUsize::new(0),
        })
    }

    pub(crate) fn extent(&self) -> Region {
        Region { addr: self.rx.base, len: self.rx.len }
    }

    pub(crate) fn contains(&self, addr: u64, len: usize) -> bool {
        addr >= self.rx.base
            && (addr - self.rx.base).checked_add(len as u64).is_some_and(|end| end <= self.rx.len as u64)
    }

    fn offset(&self, addr: u64) -> usize {
        (addr - self.rx.base) as usize
    }

    /// Advances the bump pointer; the caller holds the allocation lock.
    pub(crate) fn bump(&self, len: usize, align: usize) -> Option<u64> {
        let start = self.used.load(Ordering::Relaxed).next_multiple_of(align.clamp(1, 4096));
        let end = start.checked_add(len)?;
        (end <= self.rx.len).then(|| {
            self.used.store(end, Ordering::Relaxed);
            self.rx.base + start as u64
        })
    }

    pub(crate) fn read(&self, addr: u64, out: &mut [u8]) {
        let offset = self.offset(addr);
        for (i, b) in out.iter_mut().enumerate() {
            *b = self.rw.byte(offset + i).load(Ordering::Relaxed);
        }
    }

    /// The eight bytes around an aligned address, in one load.
    pub(crate) fn read_quad(&self, addr: u64) -> u64 {
        self.rw.quad(self.offset(addr)).load(Ordering::Relaxed)
    }

    /// The bytes of a run of sites, in order. Bounds are checked once, which the order of a plan allows.
    pub(crate) fn sites<'a>(&'a self, run: &'a [Patch]) -> impl Iterator<Item = (SiteBytes<'a>, &'a Patch)> {
        let inside = |p: Option<&Patch>| p.is_none_or(|p| self.contains(p.addr(), p.len()));
        assert!(inside(run.first()) && inside(run.last()));
        let (base, end, alias) = (self.rx.base, self.rx.base + self.rx.len as u64, self.rw.map.as_ptr().cast_mut());
        run.iter().map(move |p| {
            let (offset, room) = ((p.addr() - base) as usize, (end - p.addr()) as usize);
            (SiteBytes { at: alias.wrapping_add(offset), room, chunk: PhantomData }, p)
        })
    }

    /// Stores the first byte of each site; the addresses are a plan's, so in order. Bounds are checked once.
    pub(crate) fn store_heads(&self, addrs: &[u64], bytes: impl Iterator<Item = u8>) {
        assert!([addrs.first(), addrs.last()].into_iter().flatten().all(|&a| self.contains(a, 1)));
        let (base, alias) = (self.rx.base, self.rw.map.as_ptr().cast_mut());
        for (addr, byte) in addrs.iter().zip(bytes) {
            // SAFETY: inside the chunk, between the first and the last; atomic, as all accesses through the alias.
            unsafe { (*alias.wrapping_add((addr - base) as usize).cast::<AtomicU8>()).store(byte, Ordering::Relaxed) };
        }
    }

    /// Stores the bytes behind the first of each site where they change. Whether any did.
    pub(crate) fn store_tails(&self, span: Span<'_>) -> bool {
        let bounds = span.tails.iter().fold((u8::MAX, 0), |(least, most), &t| (least.min(t), most.max(t)));
        if bounds.0 == bounds.1 {
            self.store_equal_tails(bounds.0, span.addrs, span.new);
        } else {
            let mut done = 0;
            for group in span.tails.chunk_by(|a, b| a == b) {
                let range = done..done + group.len();
                done = range.end;
                self.store_equal_tails(group[0], &span.addrs[range.clone()], &span.new[range]);
            }
        }
        bounds.1 != 0
    }

    /// As many bytes for each site. Bounds are checked once, and the loop asks nothing: it is most of what a large batch costs.
    fn store_equal_tails(&self, tail: u8, addrs: &[u64], new: &[u64]) {
        let tail = usize::from(tail);
        assert!([addrs.first(), addrs.last()].into_iter().flatten().all(|&a| self.contains(a, 1 + tail)));
        let (base, alias) = (self.rx.base, self.rw.map.as_ptr().cast_mut());
        for (addr, word) in addrs.iter().zip(new) {
            let at = alias.wrapping_add((addr - base) as usize + 1);
            if tail == 4 {
                // SAFETY: inside the chunk, between the first and the last. Unaligned, so not atomic; it races with
                // instruction fetch alone, for which the language's memory model has no words. It tears at worst, and
                // nobody runs these bytes.
                unsafe { at.cast::<Unaligned>().write_volatile(Unaligned((word >> 8) as u32)) };
                continue;
            }
            for (i, &byte) in word.to_le_bytes()[1..].iter().enumerate().take(tail) {
                // SAFETY: inside the chunk; atomic.
                unsafe { (*at.wrapping_add(i).cast::<AtomicU8>()).store(byte, Ordering::Relaxed) };
            }
        }
    }

    pub(crate) fn store_all(&self, addr: u64, bytes: &[u8]) {
        bytes.iter().enumerate().for_each(|(i, &b)| self.rw.store(self.offset(addr) + i, b));
    }

    pub(crate) fn store_quad(&self, addr: u64, value: u64) {
        self.rw.quad(self.offset(addr)).store(value, Ordering::Release);
    }

    pub(crate) fn store_naive(&self, addr: u64, bytes: &[u8]) {
        self.rw.store_unaligned(self.offset(addr), bytes);
    }

    pub(crate) fn add_site(&self, addr: u64) {
        self.sites.set(self.offset(addr));
    }

    pub(crate) fn add_boundary(&self, addr: u64) {
        self.boundaries.set(self.offset(addr));
    }

    pub(crate) fn is_boundary(&self, addr: u64) -> bool {
        self.boundaries.get(self.offset(addr))
    }

    /// Drops what is known of a region that was freed.
    pub(crate) fn forget(&self, region: Region) {
        let start = self.offset(region.addr);
        for i in start..start + region.len {
            self.sites.clear(i);
            self.boundaries.clear(i);
        }
    }

    pub(crate) fn breach(&self) -> Option<i32> {
        self.registration.breach()
    }

    pub(crate) fn mseal(&self) -> Result<(), TextError> {
        for addr in [self.rx.base as usize, self.rw.map.as_ptr() as usize] {
            // SAFETY: mseal(2) on mappings of ours; they are never unmapped again, see below.
            if unsafe { libc::syscall(MSEAL, addr, self.rx.len, 0) } != 0 {
                return Err(TextError::Seal { what: "mseal", source: io::Error::last_os_error() });
            }
        }
        self.rx.sealed.store(true, Ordering::Relaxed);
        Ok(())
    }
}

/// Four bytes that may lie anywhere.
#[repr(C, packed)]
struct Unaligned(u32);

/// The bytes of one site through the alias; made by [`Chunk::sites`], which checked that they are inside.
pub(crate) struct SiteBytes<'a> {
    at: *mut u8,
    /// Bytes from here to the end of the chunk: at least the site's length.
    room: usize,
    chunk: PhantomData<&'a Chunk>,
}

impl SiteBytes<'_> {
    /// Whether they are these: one load where eight bytes can be read.
    #[inline]
    pub(crate) fn hold(&self, bytes: Bytes) -> bool {
        let word = if self.room >= 8 {
            // SAFETY: eight bytes inside the chunk; text is only written by the holder of the text lock, the caller.
            unsafe { self.at.cast::<u64>().read_unaligned() }
        } else {
            let mut word = [0; 8];
            for (i, b) in word.iter_mut().enumerate().take(self.room) {
                // SAFETY: inside the chunk; atomic.
                *b = unsafe { (*self.at.wrapping_add(i).cast::<AtomicU8>()).load(Ordering::Relaxed) };
            }
            u64::from_le_bytes(word)
        };
        bytes.is_empty() || (word ^ bytes.word()) << (64 - 8 * bytes.len()) == 0
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
        Placement::At(addr) => view(addr, libc::MAP_FIXED_NOREPLACE, &format!("{addr:#x}")),
    }
}
