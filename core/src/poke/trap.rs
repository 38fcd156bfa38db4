//! The SIGTRAP handler: a thread that hits one of our breakpoints goes on as if it had run the new
//! instruction.
//!
//! It allocates nothing, takes no lock, cannot panic and uses nothing of iced. In the kernel the handler
//! runs with interrupts off, so the last sync of a batch cannot complete while one is in flight. Here a
//! raised signal may be delivered at any later time: after the first byte was rewritten, after the batch,
//! during the next. So:
//!
//! 1. Read the generation. Is the address a registered site (one bit per byte of each chunk, valid as long as the
//!    chunk)? If not, the signal is not ours: chain.
//! 2. Re-read the byte. No breakpoint any more: *late*; rewind and run what is there now.
//! 3. Search the published plan. Found: emulate on a copy of the registers.
//! 4. Read the generation again. Changed: begin anew, since a decision by an old plan could undo a newer one. Equal: commit. The
//!    decision takes effect at this read, which is before the next batch's first breakpoint.
//!
//! A plan stays allocated until no handler is between entry and exit. Under a debugger RIP may already stand
//! at the site instead of behind it; both are accepted.

use std::cell::UnsafeCell;
use std::io;
use std::mem::MaybeUninit;
use std::ptr::{self, null_mut};
use std::sync::atomic::{AtomicI32, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::breakpoint;
use super::error::PokeError;
use super::gate::{Gate, gate};
use super::lock::lock;
use super::stats::Stats;
use crate::grace::executors;
use crate::isa::{Frame, INT3, Stack};
use crate::plan::Plan;
use crate::text::error::TextError;

const MAX_CHUNKS: usize = 256;
/// `si_code` of a breakpoint instruction.
const SI_KERNEL: i32 = 0x80;
const TRAP_BRKPT: i32 = 1;

struct ChunkSlot {
    base: AtomicU64,
    end: AtomicU64,
    sites: AtomicPtr<AtomicU64>,
    /// A thread without an executor that trapped here, 0 for none (debug builds).
    breach: AtomicI32,
}

static CHUNKS: [ChunkSlot; MAX_CHUNKS] = [const {
    ChunkSlot {
        base: AtomicU64::new(0),
        end: AtomicU64::new(0),
        sites: AtomicPtr::new(null_mut()),
        breach: AtomicI32::new(0),
    }
}; MAX_CHUNKS];
/// Slots ever used; bounds the search.
static CHUNKS_USED: AtomicUsize = AtomicUsize::new(0);
static REGISTER: Mutex<()> = Mutex::new(());

/// Odd while the current plan is being changed.
static GENERATION: AtomicU64 = AtomicU64::new(0);
static CURRENT: AtomicPtr<Plan> = AtomicPtr::new(null_mut());
/// Handlers between entry and exit.
static READERS: AtomicU64 = AtomicU64::new(0);
/// Plans withdrawn while a handler was in flight.
#[expect(clippy::vec_box, reason = "a handler may hold the address of the box")]
static RETIRED: Mutex<Vec<Box<Plan>>> = Mutex::new(Vec::new());

static TRAPS: AtomicU64 = AtomicU64::new(0);
static LATE: AtomicU64 = AtomicU64::new(0);
static RETRIES: AtomicU64 = AtomicU64::new(0);
static FOREIGN: AtomicU64 = AtomicU64::new(0);
static UNREGISTERED: AtomicU64 = AtomicU64::new(0);

/// A chunk that the handler knows; forgotten on drop.
pub(crate) struct Registration(usize);

/// Makes a chunk known. `sites` must outlive the registration: it is a field of the same chunk, dropped later.
pub(crate) fn register(base: u64, len: usize, sites: &[AtomicU64]) -> Result<Registration, TextError> {
    let _guard = REGISTER.lock().unwrap_or_else(PoisonError::into_inner);
    let free = CHUNKS.iter().position(|slot| slot.end.load(Ordering::Relaxed) == 0);
    let index = free.ok_or(TextError::TooManyChunks { limit: MAX_CHUNKS })?;
    let slot = &CHUNKS[index];
    slot.breach.store(0, Ordering::Relaxed);
    slot.sites.store(sites.as_ptr().cast_mut(), Ordering::Relaxed);
    slot.base.store(base, Ordering::Relaxed);
    slot.end.store(base + len as u64, Ordering::Release);
    CHUNKS_USED.fetch_max(index + 1, Ordering::Release);
    Ok(Registration(index))
}

impl Registration {
    /// The last unregistered thread seen in this chunk.
    pub(crate) fn breach(&self) -> Option<i32> {
        let tid = CHUNKS[self.0].breach.load(Ordering::Relaxed);
        (tid != 0).then_some(tid)
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        CHUNKS[self.0].end.store(0, Ordering::SeqCst);
        CHUNKS[self.0].base.store(u64::MAX, Ordering::SeqCst);
        // A handler for another chunk may be in flight; one for this chunk would be the caller's breach.
        let start = Instant::now();
        while READERS.load(Ordering::SeqCst) != 0 && start.elapsed() < Duration::from_millis(100) {
            std::thread::yield_now();
        }
    }
}

fn site_chunk(addr: u64) -> Option<&'static ChunkSlot> {
    let used = CHUNKS_USED.load(Ordering::Acquire).min(MAX_CHUNKS);
    CHUNKS.iter().take(used).find(|slot| {
        let end = slot.end.load(Ordering::Acquire);
        let base = slot.base.load(Ordering::Relaxed);
        if addr < base || addr >= end {
            return false;
        }
        let bit = (addr - base) as usize;
        let bits = slot.sites.load(Ordering::Relaxed);
        // SAFETY: `bits` has one bit for each byte of `base..end`, and lives until the registration is dropped,
        // which waits for handlers in flight.
        unsafe { (*bits.add(bit / 64)).load(Ordering::Acquire) >> (bit % 64) & 1 == 1 }
    })
}

/// Publishes a plan for the handler. The caller holds the text lock.
pub(crate) fn publish(plan: &Plan) {
    swap(Box::into_raw(Box::new(plan.clone())));
}

/// Whether a batch of any engine is unfinished. The caller holds the text lock.
pub(crate) fn busy() -> bool {
    !CURRENT.load(Ordering::SeqCst).is_null()
}

/// Withdraws the current plan, and frees it as soon as no handler can be reading it.
pub(crate) fn withdraw() {
    let old = swap(null_mut());
    let mut retired = RETIRED.lock().unwrap_or_else(PoisonError::into_inner);
    if !old.is_null() {
        // SAFETY: made by `publish` from a Box, and swapped out exactly once.
        retired.push(unsafe { Box::from_raw(old) });
    }
    // A handler that enters from here on finds no plan; if none is inside now, none has an old one.
    if READERS.load(Ordering::SeqCst) == 0 {
        retired.clear();
    }
}

fn swap(plan: *mut Plan) -> *mut Plan {
    GENERATION.fetch_add(1, Ordering::SeqCst);
    let old = CURRENT.swap(plan, Ordering::SeqCst);
    GENERATION.fetch_add(1, Ordering::SeqCst);
    old
}

/// Fills in the trap counts of the process.
pub(crate) fn count(stats: &mut Stats) {
    stats.traps = TRAPS.load(Ordering::Relaxed);
    stats.late = LATE.load(Ordering::Relaxed);
    stats.retries = RETRIES.load(Ordering::Relaxed);
    stats.foreign = FOREIGN.load(Ordering::Relaxed);
    stats.unregistered = UNREGISTERED.load(Ordering::Relaxed);
}

/// For the negative control "a late trap is not retried".
static NO_RETRY: AtomicU32 = AtomicU32::new(0);

/// Passes late traps on, from now on: what happens without the retry.
pub(crate) fn break_retry() {
    NO_RETRY.store(1, Ordering::SeqCst);
}

struct Memory;

impl Stack for Memory {
    fn load(&self, at: u64) -> u64 {
        // SAFETY: the interrupted thread's own stack pointer, at an instruction that would load the same eight bytes.
        unsafe { ptr::read_volatile(at as *const u64) }
    }
    fn store(&mut self, at: u64, value: u64) {
        // SAFETY: as `load`; a call is only planned where nothing lives below the stack pointer.
        unsafe { ptr::write_volatile(at as *mut u64, value) };
    }
}

extern "C" fn on_trap(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    READERS.fetch_add(1, Ordering::SeqCst);
    gate(Gate::Entry);
    // SAFETY: the kernel passes a valid siginfo and ucontext of the interrupted thread, ours alone until we return.
    let (code, regs) = unsafe { ((*info).si_code, &mut (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs) };
    let mine = (code == SI_KERNEL || code == TRAP_BRKPT) && handle(regs);
    READERS.fetch_sub(1, Ordering::SeqCst);
    if !mine {
        FOREIGN.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the arguments that the kernel gave us.
        unsafe { chain(signal, info, context) };
    }
}

/// Calls the handler as the kernel would for a breakpoint, with RIP and RSP as given; returns them as the handler left
/// them. For what cannot be raised from within: RIP at the site, as under a debugger.
pub(crate) fn deliver(ip: u64, sp: u64) -> (u64, u64) {
    // SAFETY: zeroes are valid for both structures; the handler is given a stack that the caller owns.
    unsafe {
        let mut info: libc::siginfo_t = std::mem::zeroed();
        info.si_code = SI_KERNEL;
        let mut context: libc::ucontext_t = std::mem::zeroed();
        context.uc_mcontext.gregs[libc::REG_RIP as usize] = ip as i64;
        context.uc_mcontext.gregs[libc::REG_RSP as usize] = sp as i64;
        on_trap(libc::SIGTRAP, &raw mut info, (&raw mut context).cast());
        let regs = &context.uc_mcontext.gregs;
        (regs[libc::REG_RIP as usize] as u64, regs[libc::REG_RSP as usize] as u64)
    }
}

/// True if the trap was ours and the registers are set to go on.
fn handle(regs: &mut [libc::greg_t; 23]) -> bool {
    let ip = regs[libc::REG_RIP as usize] as u64;
    let (chunk, addr) = match (site_chunk(ip.wrapping_sub(1)), site_chunk(ip)) {
        (Some(chunk), _) => (chunk, ip - 1),
        (None, Some(chunk)) => (chunk, ip),
        (None, None) => return false,
    };
    if cfg!(debug_assertions) {
        // SAFETY: gettid takes nothing and cannot fail.
        let tid = unsafe { libc::syscall(libc::SYS_gettid) } as i32;
        if !executors::is_executor(tid) {
            UNREGISTERED.fetch_add(1, Ordering::Relaxed);
            chunk.breach.store(tid, Ordering::Relaxed);
        }
    }
    loop {
        let generation = GENERATION.load(Ordering::SeqCst);
        if generation & 1 == 1 {
            std::hint::spin_loop();
            continue;
        }
        // SAFETY: inside a registered chunk, which is mapped readable.
        let byte = unsafe { ptr::read_volatile(addr as *const u8) };
        if byte != INT3 {
            if NO_RETRY.load(Ordering::Relaxed) == 1 {
                return false;
            }
            LATE.fetch_add(1, Ordering::Relaxed);
            regs[libc::REG_RIP as usize] = addr as i64;
            return true;
        }
        let plan = CURRENT.load(Ordering::SeqCst);
        let emulation = if plan.is_null() {
            None
        } else {
            // SAFETY: published, and not freed while READERS counts us.
            unsafe { (*plan).emulation(addr) }
        };
        gate(Gate::Decided);
        if GENERATION.load(Ordering::SeqCst) != generation {
            RETRIES.fetch_add(1, Ordering::Relaxed);
            continue;
        }
        // A probe's, or a breakpoint that nobody here put there: a debugger's.
        let Some(emulation) = emulation.or_else(|| breakpoint::find(addr)) else { return false };
        let mut frame = Frame {
            ip: addr,
            sp: regs[libc::REG_RSP as usize] as u64,
            ax: regs[libc::REG_RAX as usize] as u64,
            flags: regs[libc::REG_EFL as usize] as u64,
        };
        emulation.run(&mut frame, &mut Memory);
        regs[libc::REG_RIP as usize] = frame.ip as i64;
        regs[libc::REG_RSP as usize] = frame.sp as i64;
        regs[libc::REG_RAX as usize] = frame.ax as i64;
        TRAPS.fetch_add(1, Ordering::Relaxed);
        return true;
    }
}

/// The handler that was there before ours.
static PREVIOUS: AtomicPtr<libc::sigaction> = AtomicPtr::new(null_mut());
/// Contexts being passed on, so that a handler that passes them back to us ends in the default action.
static CHAINING: [AtomicUsize; 64] = [const { AtomicUsize::new(0) }; 64];

/// # Safety
/// To be called with a signal handler's own arguments.
unsafe fn chain(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    let key = context as usize;
    let returned = CHAINING.iter().any(|slot| slot.load(Ordering::Relaxed) == key);
    let previous = PREVIOUS.load(Ordering::Acquire);
    // SAFETY: set once by `install` to a leaked sigaction.
    let previous = if previous.is_null() { None } else { Some(unsafe { &*previous }) };
    // SAFETY: the kernel's siginfo.
    let synchronous = unsafe { (*info).si_code } > 0;
    match previous {
        Some(old) if !returned && old.sa_sigaction != libc::SIG_DFL && old.sa_sigaction != libc::SIG_IGN => {
            let slot =
                CHAINING.iter().find(|s| s.compare_exchange(0, key, Ordering::Relaxed, Ordering::Relaxed).is_ok());
            if old.sa_flags & libc::SA_SIGINFO != 0 {
                type Action = extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void);
                // SAFETY: SA_SIGINFO says that the address is a function of this type.
                let action: Action = unsafe { std::mem::transmute(old.sa_sigaction) };
                action(signal, info, context);
            } else {
                // SAFETY: without SA_SIGINFO the address is a function of one integer.
                let action: extern "C" fn(libc::c_int) = unsafe { std::mem::transmute(old.sa_sigaction) };
                action(signal);
            }
            if let Some(slot) = slot {
                slot.store(0, Ordering::Relaxed);
            }
        }
        Some(old) if old.sa_sigaction == libc::SIG_IGN && !synchronous => {}
        _ => {
            // SAFETY: a zeroed sigaction is SIG_DFL without flags; the registers are the interrupted thread's.
            unsafe {
                let default: libc::sigaction = std::mem::zeroed();
                libc::sigaction(signal, &raw const default, null_mut());
                if synchronous {
                    // Run the breakpoint again, and die of it as one should.
                    let regs = &mut (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs;
                    if ptr::read_volatile((regs[libc::REG_RIP as usize] - 1) as *const u8) == INT3 {
                        regs[libc::REG_RIP as usize] -= 1;
                        return;
                    }
                }
                libc::raise(signal);
            }
        }
    }
}

struct Installed(UnsafeCell<bool>);
// SAFETY: only touched under the text lock.
unsafe impl Sync for Installed {}
static INSTALLED: Installed = Installed(UnsafeCell::new(false));

fn current() -> io::Result<libc::sigaction> {
    let mut old = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: asks only; `old` is a valid place.
    if unsafe { libc::sigaction(libc::SIGTRAP, ptr::null(), old.as_mut_ptr()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: filled by the kernel, and valid as zeroes before.
    Ok(unsafe { old.assume_init() })
}

fn ours() -> usize {
    on_trap as extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void) as usize
}

fn put() -> Result<(), PokeError> {
    let old = current().map_err(PokeError::Install)?;
    if old.sa_sigaction != ours() {
        PREVIOUS.store(Box::into_raw(Box::new(old)), Ordering::Release);
    }
    // SAFETY: a zeroed sigaction is valid; the handler is async-signal-safe, see the module's text.
    let done = unsafe {
        let mut new: libc::sigaction = std::mem::zeroed();
        new.sa_sigaction = ours();
        new.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_NODEFER;
        libc::sigaction(libc::SIGTRAP, &raw const new, null_mut())
    };
    if done != 0 { Err(PokeError::Install(io::Error::last_os_error())) } else { Ok(()) }
}

/// Installs the handler, once for the process; the previous one is chained to.
pub(crate) fn install() -> Result<(), PokeError> {
    let _text = lock();
    // SAFETY: under the text lock.
    let installed = unsafe { &mut *INSTALLED.0.get() };
    if !*installed {
        put()?;
        *installed = true;
    }
    Ok(())
}

/// Installs the handler again, in front of one that replaced it.
///
/// # Errors
/// [`PokeError::Install`].
pub fn reinstall() -> Result<(), PokeError> {
    let _text = lock();
    put()
}

/// Whether the handler is still ours.
pub(crate) fn check() -> Result<(), PokeError> {
    let by = current().map_err(PokeError::Install)?.sa_sigaction;
    if by == ours() { Ok(()) } else { Err(PokeError::TrapTaken { by }) }
}
