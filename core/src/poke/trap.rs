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
//! A plan, and a chunk that is unmapped, stay until no handler is between entry and exit. Under a debugger RIP may already stand
//! at the site instead of behind it; both are accepted.

use std::io;
use std::mem::MaybeUninit;
use std::ops::Range;
use std::ptr::{self, null_mut};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::breakpoint;
use super::error::PokeError;
use super::gate::{Gate, gate};
use super::inflight::{InFlight, Looking};
use super::lock::lock;
use super::stats::Stats;
use super::stop;
use crate::grace::executors;
use crate::isa::{Frame, INT3, Stack};
use crate::plan::Plan;
use crate::process::PerProcess;
use crate::text::arena::Marks;
use crate::text::error::TextError;

const MAX_CHUNKS: usize = 256;
/// `si_code` of a breakpoint instruction.
const SI_KERNEL: i32 = 0x80;
const TRAP_BRKPT: i32 = 1;

/// A chunk as the handler sees it. One pointer leads to all of it, so that a handler never sees parts of two.
struct Known {
    range: Range<u64>,
    marks: Arc<Marks>,
    /// A thread without an executor that trapped here, 0 for none (debug builds).
    breach: AtomicI32,
    /// What is to stay mapped as long as a handler may look at it.
    _memory: Arc<dyn Send + Sync>,
}

static CHUNKS: [AtomicPtr<Known>; MAX_CHUNKS] = [const { AtomicPtr::new(null_mut()) }; MAX_CHUNKS];
/// Slots ever used; bounds the search.
static CHUNKS_USED: AtomicUsize = AtomicUsize::new(0);
/// The process whose chunks and plan these are.
static PROCESS: AtomicU32 = AtomicU32::new(0);

/// Odd while the current plan is being changed.
static GENERATION: AtomicU64 = AtomicU64::new(0);
static CURRENT: AtomicPtr<Plan> = AtomicPtr::new(null_mut());
/// Handlers between entry and exit.
static READERS: InFlight = InFlight(AtomicU64::new(0));
/// Plans and chunks that were withdrawn while a handler was in flight; each is dropped when none is.
static RETIRED: PerProcess<Mutex<Retired>> = PerProcess::new();
type Retired = Vec<Box<dyn Send + Sync>>;

static TRAPS: AtomicU64 = AtomicU64::new(0);
static LATE: AtomicU64 = AtomicU64::new(0);
static RETRIES: AtomicU64 = AtomicU64::new(0);
static FOREIGN: AtomicU64 = AtomicU64::new(0);
static UNREGISTERED: AtomicU64 = AtomicU64::new(0);

/// A chunk that the handler knows; forgotten on drop.
pub(crate) struct Registration {
    index: usize,
    known: *mut Known,
}

// SAFETY: the pointer is of a box that this alone frees; what it leads to may be shared between threads, and is.
unsafe impl Send for Registration {}
// SAFETY: as above; through a shared reference an atomic is read.
unsafe impl Sync for Registration {}

/// Makes a chunk known. `memory` is kept as long as a handler that has seen the chunk is in flight.
pub(crate) fn register(
    range: Range<u64>,
    marks: Arc<Marks>,
    memory: Arc<dyn Send + Sync>,
) -> Result<Registration, TextError> {
    let known = Box::into_raw(Box::new(Known { range, marks, breach: AtomicI32::new(0), _memory: memory }));
    let take =
        |slot: &AtomicPtr<Known>| slot.compare_exchange(null_mut(), known, Ordering::SeqCst, Ordering::Relaxed).is_ok();
    let Some(index) = CHUNKS.iter().position(take) else {
        // SAFETY: made above, and in no slot.
        drop(unsafe { Box::from_raw(known) });
        return Err(TextError::TooManyChunks { limit: MAX_CHUNKS });
    };
    CHUNKS_USED.fetch_max(index + 1, Ordering::SeqCst);
    Ok(Registration { index, known })
}

impl Registration {
    /// The last unregistered thread seen in this chunk.
    pub(crate) fn breach(&self) -> Option<i32> {
        // SAFETY: from a box that lives as long as `self`.
        let tid = unsafe { &*self.known }.breach.load(Ordering::Relaxed);
        (tid != 0).then_some(tid)
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        // In a child of fork the slot may be another's by now, or empty.
        let _ = CHUNKS[self.index].compare_exchange(self.known, null_mut(), Ordering::SeqCst, Ordering::Relaxed);
        // SAFETY: made by `register` from a box, and freed here alone.
        retire(unsafe { Box::from_raw(self.known) });
    }
}

/// Drops something when no handler can be looking at it: now, or by a later call. It is out of reach already.
fn retire(what: Box<dyn Send + Sync>) {
    READERS.retire(RETIRED.get(), what);
}

/// Looks at the chunks as the handler does: none of them goes meanwhile.
impl Looking<'_> {
    fn chunk(&self, addr: u64) -> Option<&Known> {
        let used = CHUNKS_USED.load(Ordering::SeqCst).min(MAX_CHUNKS);
        CHUNKS[..used].iter().find_map(|slot| {
            // SAFETY: null, or from a box that is retired before it is freed, and that is freed when READERS is 0 after
            // the slot was cleared: not while it counts `self`.
            let known = unsafe { slot.load(Ordering::SeqCst).as_ref() }?;
            known.range.contains(&addr).then_some(known)
        })
    }

    /// The chunk in which this is a site.
    fn site(&self, addr: u64) -> Option<&Known> {
        self.chunk(addr).filter(|known| known.marks.sites.get((addr - known.range.start) as usize))
    }

    /// The chunk in which text is laid out there, and where in it.
    fn live(&self, addr: u64) -> Option<(&Known, usize)> {
        let known = self.chunk(addr)?;
        let at = (addr - known.range.start) as usize;
        known.marks.live.get(at).then_some((known, at))
    }
}

/// Whether the address is in text that some engine of this process has laid out.
pub(crate) fn owns(addr: u64) -> bool {
    READERS.look().live(addr).is_some()
}

/// As [`owns`]; notes with the text that another engine's leads there. The caller holds the text lock, as whoever gives text
/// back does.
pub(crate) fn lead(addr: u64) -> bool {
    READERS.look().live(addr).map(|(known, at)| known.marks.led.set(at)).is_some()
}

/// Publishes a plan for the handler. The caller holds the text lock.
pub(crate) fn publish(plan: &Plan) {
    swap(Box::into_raw(Box::new(plan.clone())));
}

/// Whether a batch of any engine is unfinished. The caller holds the text lock.
pub(crate) fn busy() -> bool {
    !CURRENT.load(Ordering::SeqCst).is_null()
}

/// Withdraws the current plan, and frees it as soon as no handler can be reading it. The caller holds the text lock.
pub(crate) fn withdraw() {
    let old = swap(null_mut());
    if !old.is_null() {
        // SAFETY: made by `publish` from a Box, and swapped out exactly once.
        retire(unsafe { Box::from_raw(old) });
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
        // SAFETY: the interrupted thread's own stack pointer, at an instruction that would load the same eight bytes; the
        // processor asks for no alignment, and so does this.
        unsafe { ptr::read_unaligned(at as *const u64) }
    }
    fn store(&mut self, at: u64, value: u64) {
        // SAFETY: as `load`; a call is only planned where nothing lives below the stack pointer.
        unsafe { ptr::write_unaligned(at as *mut u64, value) };
    }
}

extern "C" fn on_trap(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    let looking = READERS.look();
    gate(Gate::Entry);
    // SAFETY: the kernel passes a valid siginfo and ucontext of the interrupted thread, ours alone until we return.
    let (code, regs) = unsafe { ((*info).si_code, &mut (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs) };
    let mine = (code == SI_KERNEL || code == TRAP_BRKPT) && handle(&looking, regs);
    drop(looking);
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
fn handle(looking: &Looking<'_>, regs: &mut [libc::greg_t; 23]) -> bool {
    let ip = regs[libc::REG_RIP as usize] as u64;
    let (chunk, addr) = match (looking.site(ip.wrapping_sub(1)), looking.site(ip)) {
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
        // SAFETY: inside a registered chunk, which is mapped readable in whole pages and stays so while `looking` lives.
        // The writer, through the other mapping, stores aligned words too.
        let word = unsafe { &*((addr & !7) as *const AtomicU64) }.load(Ordering::SeqCst);
        let byte = word.to_le_bytes()[(addr & 7) as usize];
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

static INSTALLED: AtomicBool = AtomicBool::new(false);

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

/// Installs the handler, once for the process; the previous one is chained to. A child of fork begins anew: the chunks and
/// the plan that it inherited are its parent's, whose text is not mapped here.
pub(crate) fn install() -> Result<(), PokeError> {
    let _text = lock()?;
    let pid = std::process::id();
    if PROCESS.swap(pid, Ordering::SeqCst) != pid {
        CHUNKS.iter().for_each(|slot| slot.store(null_mut(), Ordering::SeqCst));
        CURRENT.store(null_mut(), Ordering::SeqCst);
        GENERATION.fetch_add(GENERATION.load(Ordering::SeqCst) & 1, Ordering::SeqCst);
        READERS.0.store(0, Ordering::SeqCst);
        breakpoint::begin_anew();
        executors::begin_anew();
        stop::begin_anew();
    }
    if !INSTALLED.load(Ordering::Relaxed) {
        put()?;
        INSTALLED.store(true, Ordering::Relaxed);
    }
    Ok(())
}

/// Installs the handler again, in front of one that replaced it.
///
/// # Errors
/// [`PokeError::Install`].
pub fn reinstall() -> Result<(), PokeError> {
    let _text = lock()?;
    put()
}

/// Whether the handler is still ours.
pub(crate) fn check() -> Result<(), PokeError> {
    let by = current().map_err(PokeError::Install)?.sa_sigaction;
    if by == ours() { Ok(()) } else { Err(PokeError::TrapTaken { by }) }
}
