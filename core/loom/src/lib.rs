//! Where the engine's threads meet, in every interleaving: `cargo test --manifest-path core/loom/Cargo.toml`.
//!
//! The files are the engine's own, with loom's atomics and locks in the place of the standard library's. Each property has a
//! control that breaks it, which loom must find. membarrier(2) is modelled as a full fence on both sides: it makes one run on
//! every other thread, at some place between two of its instructions.
#![cfg(test)]

#[path = "../../src/grace/epoch.rs"]
mod epoch;
#[path = "../../src/poke/inflight.rs"]
mod inflight;
mod threads {
    pub(crate) use std::sync::PoisonError;

    pub(crate) use loom::sync::Mutex;
    pub(crate) use loom::sync::atomic::{AtomicU64, Ordering};

    pub(crate) fn ordered() {
        loom::sync::atomic::fence(Ordering::SeqCst);
    }
}

use std::sync::atomic::Ordering::{Relaxed, SeqCst};

use epoch::{Epoch, Seen};
use inflight::InFlight;
use loom::cell::UnsafeCell;
use loom::sync::atomic::{AtomicPtr, AtomicU64, fence};
use loom::sync::{Arc, Mutex};
use loom::thread;

/// What a handler looks at; loom reports who reads it while it is dropped.
struct Known(UnsafeCell<u64>);

impl Drop for Known {
    fn drop(&mut self) {
        self.0.with_mut(|value| unsafe { *value = 0 });
    }
}

struct Table {
    readers: InFlight,
    retired: Mutex<Vec<Box<Known>>>,
    slot: AtomicPtr<Known>,
}

/// Two handlers look while a chunk is withdrawn, and perhaps another that was withdrawn before is waiting.
fn handlers_and_one_who_withdraws(withdraw: fn(&Table, Box<Known>)) {
    loom::model(move || {
        let known = Box::into_raw(Box::new(Known(UnsafeCell::new(7))));
        let table = Arc::new(Table {
            readers: InFlight(AtomicU64::new(0)),
            retired: Mutex::new(Vec::new()),
            slot: AtomicPtr::new(known),
        });
        let handlers: Vec<_> = (0..2)
            .map(|_| {
                let table = table.clone();
                thread::spawn(move || {
                    let looking = table.readers.look();
                    let found = table.slot.load(SeqCst);
                    if !found.is_null() {
                        let value = unsafe { &*found }.0.with(|value| unsafe { *value });
                        assert_eq!(value, 7);
                    }
                    drop(looking);
                })
            })
            .collect();
        let old = table.slot.swap(std::ptr::null_mut(), SeqCst);
        withdraw(&table, unsafe { Box::from_raw(old) });
        for handler in handlers {
            handler.join().unwrap();
        }
        // Whatever waited goes with the next that is withdrawn.
        table.readers.retire(&table.retired, Box::new(Known(UnsafeCell::new(0))));
        assert!(table.retired.lock().unwrap().is_empty());
    });
}

#[test]
fn a_chunk_stays_while_a_handler_is_in_flight_and_then_goes() {
    handlers_and_one_who_withdraws(|table, old| table.readers.retire(&table.retired, old));
}

#[test]
#[should_panic]
fn control_a_chunk_that_is_dropped_at_once_is_read_by_a_handler() {
    handlers_and_one_who_withdraws(|_, old| drop(old));
}

struct Grace {
    epoch: Epoch,
    /// Whether the text leads to the image.
    leads: AtomicU64,
    image: UnsafeCell<u64>,
}

/// An executor runs an image twice, or once and is elsewhere then, while it is unpublished and written over as soon as `passed`
/// says that everybody has left.
fn executor_and_reclaimer(elsewhere: bool, passed: fn(&Seen, u64) -> bool) {
    loom::model(move || {
        let grace = Arc::new(Grace {
            epoch: Epoch(AtomicU64::new(0)),
            leads: AtomicU64::new(1),
            image: UnsafeCell::new(7),
        });
        let seen = Arc::new(grace.epoch.seen());
        let executor = {
            let (grace, seen) = (grace.clone(), seen.clone());
            thread::spawn(move || {
                let run = || {
                    if grace.leads.load(Relaxed) == 1 {
                        assert_eq!(grace.image.with(|image| unsafe { *image }), 7);
                    }
                };
                run();
                if elsewhere {
                    seen.leave();
                }
                seen.pass(&grace.epoch);
                fence(SeqCst);
                run();
                seen.leave();
            })
        };
        grace.leads.store(0, Relaxed);
        // The sync that ends a poke.
        fence(SeqCst);
        let stamp = grace.epoch.begin();
        fence(SeqCst);
        if passed(&seen, stamp) {
            grace.image.with_mut(|image| unsafe { *image = 0xcc });
        }
        executor.join().unwrap();
    });
}

#[test]
fn an_image_is_written_over_only_when_its_executor_has_left() {
    for elsewhere in [false, true] {
        executor_and_reclaimer(elsewhere, |seen, stamp| seen.behind(stamp).is_none());
    }
}

#[test]
#[should_panic]
fn control_without_a_grace_period_an_executor_runs_what_is_written_over() {
    executor_and_reclaimer(false, |_, _| true);
}
