//! When may text that nobody can reach any more be reused? When every thread that may still be inside it has
//! left.
//!
//! A thread that runs patched text holds an [`Executor`] and passes quiescent points: places where it is in no
//! generated text. One relaxed store each. An image is reusable when every registered executor has passed
//! one since it was unpublished, and a membarrier after that has returned. Nothing here waits for ever:
//! [`Grace::try_reclaim`] says who is still inside.
//!
//! The nearest things in the kernel: `synchronize_rcu()` between two dispatcher updates (4121d4481b72), and
//! `synchronize_rcu_tasks()` before a trampoline is freed.
//!
//! **Contract.** A thread that runs patched text without an executor is invisible here. Debug builds notice it in
//! the trap handler, and reclaiming is then refused.

use std::marker::PhantomData;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::entry::{self, Entry};
use crate::poke::error::PokeError;
use crate::poke::lock::lock;
use crate::poke::stop;
use crate::preflight;

mod epoch;
pub(crate) mod error;
pub(crate) mod executors;

use epoch::{Epoch, Seen};
pub use error::{GraceError, Inside};

#[derive(Debug)]
struct Slot {
    seen: Seen,
    tid: i32,
    name: String,
}

#[derive(Debug)]
struct Domain {
    pid: u32,
    epoch: Epoch,
    slots: Mutex<Vec<Arc<Slot>>>,
}

/// The grace periods of one engine. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Grace(Arc<Domain>);

/// A point in time after which everybody must have passed a quiescent point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp(u64);

impl Default for Domain {
    fn default() -> Self {
        Self { pid: std::process::id(), epoch: Epoch(AtomicU64::new(0)), slots: Mutex::default() }
    }
}

impl Grace {
    /// Registers the calling thread. Refused where a trap would kill it.
    ///
    /// # Errors
    /// [`GraceError::Poke`] with SIGTRAP blocked, [`GraceError::Twice`], [`GraceError::TooMany`].
    pub fn register(&self, name: &str) -> Result<Executor, GraceError> {
        let _entry = self.enter()?;
        preflight::this_thread()?;
        let tid = preflight::gettid();
        let mut slots = self.0.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.iter().any(|s| s.tid == tid) {
            return Err(GraceError::Twice { tid });
        }
        let index = executors::enter(tid).ok_or(GraceError::TooMany)?;
        let slot = Arc::new(Slot { seen: self.0.epoch.seen(), tid, name: name.to_owned() });
        slots.push(slot.clone());
        Ok(Executor { domain: self.0.clone(), slot, index, here: PhantomData })
    }

    /// Begins a grace period: to be called after the image was unpublished, by a poke that has returned.
    #[must_use]
    pub fn begin(&self) -> Stamp {
        Stamp(self.0.epoch.begin())
    }

    /// Ends it, if everybody has passed.
    ///
    /// # Errors
    /// [`GraceError::StillInside`] with their names; [`GraceError::Poke`] if the membarrier failed.
    pub fn try_reclaim(&self, stamp: Stamp) -> Result<(), GraceError> {
        let _entry = self.enter()?;
        self.passed(stamp)
    }

    fn enter(&self) -> Result<Entry, GraceError> {
        Ok(entry::enter(self.0.pid).map_err(PokeError::from)?)
    }

    /// As [`Grace::try_reclaim`], for the engine.
    pub(crate) fn passed(&self, stamp: Stamp) -> Result<(), GraceError> {
        let slots = self.0.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let inside: Vec<Inside> = slots
            .iter()
            .filter_map(|s| Some(Inside { name: s.name.clone(), tid: s.tid, behind: s.seen.behind(stamp.0)? }))
            .collect();
        drop(slots);
        if !inside.is_empty() {
            return Err(GraceError::StillInside(inside));
        }
        let lock = lock().map_err(PokeError::from)?;
        Ok(stop::sync_or_stop(&lock).map_err(PokeError::NoMembarrier)?)
    }

    /// Tries for at most `limit`.
    ///
    /// # Errors
    /// As [`Grace::try_reclaim`], when the time is over.
    pub fn wait(&self, stamp: Stamp, limit: Duration) -> Result<(), GraceError> {
        let start = Instant::now();
        loop {
            match self.try_reclaim(stamp) {
                Err(GraceError::StillInside(_)) if start.elapsed() < limit => std::thread::yield_now(),
                other => return other,
            }
        }
    }

    /// How many executors are registered.
    ///
    /// # Errors
    /// [`GraceError::Poke`] in a child of fork, and from a signal handler that came upon its thread inside the engine.
    pub fn executors(&self) -> Result<usize, GraceError> {
        let _entry = self.enter()?;
        Ok(self.0.slots.lock().unwrap_or_else(PoisonError::into_inner).len())
    }
}

/// The right of one thread to run patched text. Bound to its thread.
#[derive(Debug)]
pub struct Executor {
    domain: Arc<Domain>,
    slot: Arc<Slot>,
    index: usize,
    /// Not `Send`: it stands for the thread that made it.
    here: PhantomData<*const ()>,
}

impl Executor {
    /// Declares that this thread is in no patched text now.
    pub fn quiescent(&self) {
        self.slot.seen.pass(&self.domain.epoch);
    }

    /// Runs something that may block and runs no patched text; nobody waits for this thread meanwhile.
    pub fn offline<R>(&self, f: impl FnOnce() -> R) -> R {
        struct Online<'a>(&'a Executor);
        impl Drop for Online<'_> {
            fn drop(&mut self) {
                // A patch that this thread does not see yet has a sync ahead of it, which makes this store visible
                // before the patcher looks; no fence is needed here.
                self.0.quiescent();
            }
        }
        self.slot.seen.leave();
        let _online = Online(self);
        f()
    }

    /// The thread.
    #[must_use]
    pub fn tid(&self) -> i32 {
        self.slot.tid
    }
}

impl Drop for Executor {
    fn drop(&mut self) {
        // A child of fork has neither this thread's parent in its table, nor perhaps a lock that is ever free.
        if entry::same_process(self.domain.pid).is_err() {
            return;
        }
        entry::inside(|| {
            let mut slots = self.domain.slots.lock().unwrap_or_else(PoisonError::into_inner);
            slots.retain(|s| !Arc::ptr_eq(s, &self.slot));
            executors::leave(self.index);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_registered_means_nothing_to_wait_for() {
        let grace = Grace::default();
        assert!(grace.try_reclaim(grace.begin()).is_ok());
    }

    #[test]
    fn the_one_inside_is_named_until_it_passes() {
        let grace = Grace::default();
        let executor = grace.register("worker").unwrap();
        let stamp = grace.begin();
        let GraceError::StillInside(inside) = grace.try_reclaim(stamp).unwrap_err() else { panic!("not inside") };
        assert_eq!((inside[0].name.as_str(), inside[0].behind), ("worker", 1));
        assert!(grace.wait(stamp, Duration::from_millis(1)).is_err());
        executor.quiescent();
        assert!(grace.try_reclaim(stamp).is_ok());
        let next = grace.begin();
        executor.offline(|| assert!(grace.try_reclaim(next).is_ok()));
        drop(executor);
        assert_eq!(grace.executors().unwrap(), 0);
    }

    #[test]
    fn a_panic_while_offline_comes_back_online() {
        let grace = Grace::default();
        let executor = grace.register("worker").unwrap();
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| executor.offline(|| panic!("inside"))));
        assert!(caught.is_err());
        assert!(grace.try_reclaim(grace.begin()).is_err());
    }

    #[test]
    fn a_thread_registers_once() {
        let grace = Grace::default();
        let _first = grace.register("a").unwrap();
        assert!(matches!(grace.register("b"), Err(GraceError::Twice { .. })));
    }
}
