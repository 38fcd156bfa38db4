//! Stop-the-world, for hosts without membarrier(2): a real-time signal to every thread until two listings of the
//! process agree; each parks in the handler, and serialises before it goes on.
//!
//! From the first parked thread to the release nothing here allocates or takes a lock that a parked thread
//! may hold. A thread that does not park in [`LIMIT`] is an error, and everybody goes on with the text unchanged.

use std::arch::x86_64::__cpuid;
use std::io;
use std::mem::MaybeUninit;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use super::lock::TextLock;
use super::{Phase, PokeError, Poked, Probe, sync};
use crate::entry;
use crate::plan::Plan;
use crate::text::arena::Chunk;
use crate::text::error::TextError;

/// How long a thread may take to park.
pub const LIMIT: Duration = Duration::from_millis(100);
const MAX_THREADS: usize = 4096;

/// The stop in progress, 0 for none.
static EPOCH: AtomicU32 = AtomicU32::new(0);
static NEXT: AtomicU32 = AtomicU32::new(0);
/// Who is parked, with the stop that it is parked for.
static PARKED: [AtomicU64; MAX_THREADS] = [const { AtomicU64::new(0) }; MAX_THREADS];
static COUNT: AtomicUsize = AtomicUsize::new(0);
static INSIDE: AtomicUsize = AtomicUsize::new(0);

/// Waits while the epoch is `value`, or wakes that many waiters.
fn futex(operation: libc::c_int, value: u32) {
    let none = std::ptr::null::<libc::timespec>();
    // SAFETY: futex(2) on a static of four bytes, without a time limit; it changes no memory of ours.
    unsafe { libc::syscall(libc::SYS_futex, EPOCH.as_ptr(), operation | libc::FUTEX_PRIVATE_FLAG, value, none) };
}

/// In a child of fork: the stop that its parent was in, if it was in one, is not its own.
pub(super) fn begin_anew() {
    EPOCH.store(0, Ordering::SeqCst);
    COUNT.store(0, Ordering::SeqCst);
    INSIDE.store(0, Ordering::SeqCst);
}

extern "C" fn park(_: libc::c_int, _: *mut libc::siginfo_t, _: *mut libc::c_void) {
    let epoch = EPOCH.load(Ordering::SeqCst);
    if epoch == 0 {
        return;
    }
    INSIDE.fetch_add(1, Ordering::SeqCst);
    // SAFETY: the calling thread's own. The interrupted code may be about to look at what its last system call left there.
    let (place, errno) = unsafe { (libc::__errno_location(), *libc::__errno_location()) };
    // The stop may have been given up between the two reads; then nobody resets the list under us.
    if EPOCH.load(Ordering::SeqCst) == epoch {
        // SAFETY: gettid takes nothing and cannot fail.
        let tid = unsafe { libc::syscall(libc::SYS_gettid) } as i32;
        let slot = COUNT.fetch_add(1, Ordering::SeqCst);
        if let Some(place) = PARKED.get(slot) {
            place.store(entry_of(epoch, tid), Ordering::SeqCst);
        }
        while EPOCH.load(Ordering::SeqCst) == epoch {
            futex(libc::FUTEX_WAIT, epoch);
        }
    }
    // Serialises this core after the last store to the text.
    std::hint::black_box(__cpuid(0));
    // SAFETY: as above.
    unsafe { *place = errno };
    INSIDE.fetch_sub(1, Ordering::SeqCst);
}

/// The signal, chosen once: the first real-time signal from the top that nobody handles.
fn signal() -> io::Result<libc::c_int> {
    static SIGNAL: OnceLock<libc::c_int> = OnceLock::new();
    if let Some(&signal) = SIGNAL.get() {
        return Ok(signal);
    }
    for signal in (libc::SIGRTMIN()..=libc::SIGRTMAX()).rev() {
        let mut old = MaybeUninit::<libc::sigaction>::zeroed();
        // SAFETY: asks only, into a valid place; zeroes are a valid sigaction.
        let old = unsafe {
            libc::sigaction(signal, std::ptr::null(), old.as_mut_ptr());
            old.assume_init()
        };
        if old.sa_sigaction != libc::SIG_DFL {
            continue;
        }
        // SAFETY: the handler is async-signal-safe: atomics, gettid, futex, cpuid; it leaves errno as it was.
        let done = unsafe {
            let mut new: libc::sigaction = std::mem::zeroed();
            new.sa_sigaction = park as extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void) as usize;
            new.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESTART;
            libc::sigaction(signal, &raw const new, null_mut())
        };
        return if done == 0 { Ok(*SIGNAL.get_or_init(|| signal)) } else { Err(io::Error::last_os_error()) };
    }
    Err(io::Error::other("every real-time signal is taken"))
}

/// Lists threads without allocating; its errors are numbers for the same reason: E2BIG beyond 4096 threads, EAGAIN where
/// they are made faster than they can be stopped.
struct Tasks {
    dir: libc::c_int,
    buffer: Box<[u8]>,
    tids: Vec<i32>,
}

impl Tasks {
    fn open() -> io::Result<Self> {
        // SAFETY: a NUL-terminated path.
        let dir =
            unsafe { libc::open(c"/proc/self/task".as_ptr(), libc::O_RDONLY | libc::O_DIRECTORY | libc::O_CLOEXEC) };
        if dir < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(Self { dir, buffer: vec![0; 32 << 10].into(), tids: Vec::with_capacity(MAX_THREADS) })
    }

    fn read(&mut self) -> io::Result<()> {
        self.tids.clear();
        // SAFETY: rewinds a directory that is open.
        unsafe { libc::lseek(self.dir, 0, libc::SEEK_SET) };
        loop {
            // SAFETY: fills at most the buffer's length.
            let got =
                unsafe { libc::syscall(libc::SYS_getdents64, self.dir, self.buffer.as_mut_ptr(), self.buffer.len()) };
            if got < 0 {
                return Err(io::Error::last_os_error());
            }
            if got == 0 {
                return Ok(());
            }
            let mut left = &self.buffer[..got as usize];
            // linux_dirent64: ino 8, off 8, reclen 2, type 1, name.
            while let Some((head, _)) = left.split_at_checked(19) {
                let len = u16::from_le_bytes([head[16], head[17]]) as usize;
                if len < 19 || len > left.len() {
                    break;
                }
                let digits = left[19..len].iter().take_while(|b| b.is_ascii_digit());
                let tid = digits.fold(0i32, |n, d| n.wrapping_mul(10).wrapping_add(i32::from(d - b'0')));
                if tid > 0 {
                    if self.tids.len() == MAX_THREADS {
                        return Err(io::Error::from_raw_os_error(libc::E2BIG));
                    }
                    self.tids.push(tid);
                }
                left = &left[len..];
            }
        }
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        // SAFETY: a descriptor of ours, closed once.
        unsafe { libc::close(self.dir) };
    }
}

fn entry_of(epoch: u32, tid: i32) -> u64 {
    u64::from(epoch) << 32 | u64::from(tid as u32)
}

/// Whether a thread is parked for the present stop.
fn parked(tid: i32) -> bool {
    let count = COUNT.load(Ordering::SeqCst).min(MAX_THREADS);
    let wanted = entry_of(EPOCH.load(Ordering::SeqCst), tid);
    PARKED[..count].iter().any(|p| p.load(Ordering::SeqCst) == wanted)
}

/// Releases the world, on every way out.
struct Release;
impl Drop for Release {
    fn drop(&mut self) {
        EPOCH.store(0, Ordering::SeqCst);
        futex(libc::FUTEX_WAKE, i32::MAX as u32);
    }
}

fn stop(tasks: &mut Tasks, signalled: &mut Vec<i32>, signal: libc::c_int) -> Result<(), PokeError> {
    // SAFETY: both take nothing and cannot fail.
    let (pid, me) = unsafe { (libc::getpid(), libc::syscall(libc::SYS_gettid) as i32) };
    let mut since = Instant::now();
    loop {
        tasks.read().map_err(PokeError::Threads)?;
        let mut all = true;
        let mut new = false;
        for &tid in tasks.tids.iter().filter(|&&t| t != me) {
            if !signalled.contains(&tid) {
                if signalled.len() == signalled.capacity() {
                    return Err(PokeError::Threads(io::Error::from_raw_os_error(libc::EAGAIN)));
                }
                new = true;
                signalled.push(tid);
                // SAFETY: a signal to a thread of this process whose handler is installed; ESRCH if it has ended.
                unsafe { libc::syscall(libc::SYS_tgkill, pid, tid, signal) };
            }
            all &= parked(tid);
        }
        if new {
            since = Instant::now();
        } else if all {
            // This listing equals the one before, and all of it is parked: nobody is left who could start a thread.
            return Ok(());
        }
        if since.elapsed() > LIMIT {
            let tid = tasks.tids.iter().copied().find(|&t| t != me && !parked(t)).unwrap_or(0);
            return Err(PokeError::DidNotPark { tid, limit: LIMIT, signal });
        }
        // SAFETY: a bare system call.
        unsafe { libc::sched_yield() };
    }
}

/// Stops every other thread, runs `f`, and lets them go; each of them serialises on its way out.
fn stopped<R>(_: &TextLock, f: impl FnOnce() -> R) -> Result<R, PokeError> {
    let signal = signal().map_err(PokeError::Threads)?;
    let mut tasks = Tasks::open().map_err(PokeError::Threads)?;
    let mut signalled = Vec::with_capacity(MAX_THREADS);
    // Who is on its way out of an earlier stop takes a place of this one's list, which is short; it does not pass for parked,
    // because its entry says for which stop.
    let start = Instant::now();
    while INSIDE.load(Ordering::SeqCst) != 0 && start.elapsed() < LIMIT {
        std::thread::yield_now();
    }
    COUNT.store(0, Ordering::SeqCst);
    PARKED.iter().for_each(|p| p.store(0, Ordering::SeqCst));
    // Never 0, which means that no stop is in progress.
    EPOCH.store(NEXT.fetch_add(1, Ordering::SeqCst) | 1 << 31, Ordering::SeqCst);
    let _release = Release;
    stop(&mut tasks, &mut signalled, signal)?;
    let done = f();
    std::hint::black_box(__cpuid(0));
    Ok(done)
}

/// Serialises every other thread: by membarrier(2), or where that is denied - by a filter that came later, or by one of
/// this thread alone - by stopping them.
pub(crate) fn sync_or_stop(lock: &TextLock) -> io::Result<()> {
    sync::core_sync().or_else(|denied| stopped(lock, || ()).map_err(|_| denied))
}

/// Writes a plan while all other threads stand still; `chunk` finds the memory of an address and a length.
pub(crate) fn run(
    plan: &Plan,
    chunk: impl Fn(u64, usize) -> Option<Arc<Chunk>>,
    lock: &TextLock,
    probe: Probe<'_>,
) -> Result<Poked, PokeError> {
    let stuck = |source| PokeError::Stuck { phase: Phase::Start, source };
    entry::outside(|| probe(Phase::Start)).map_err(stuck)?;
    // Everything that may allocate or lock happens before the stop.
    let mut writes = Vec::with_capacity(plan.patches().len());
    for patch in plan.patches() {
        let chunk =
            chunk(patch.addr(), patch.len()).ok_or(TextError::Foreign { addr: patch.addr(), len: patch.len() })?;
        writes.push((chunk, patch));
    }
    let began = stopped(lock, || {
        let began = Instant::now();
        for (chunk, patch) in &writes {
            chunk.store_all(patch.addr(), patch.after(), lock);
        }
        began
    })?;
    Ok(Poked { syncs: 1, began, ended: Instant::now() })
}
