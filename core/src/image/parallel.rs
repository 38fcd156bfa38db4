//! Work on one image that is worth further threads: a kernel's hundreds of thousands of records, not a module's. Where no
//! thread can be had, the caller's does all of it.

use std::num::NonZero;
use std::sync::{Mutex, PoisonError};
use std::thread::{self, Builder};

/// Items from which on a thread costs less than it saves: it starts in some 30 us, and a record takes 100 ns or more.
pub(crate) const WORTH: usize = 1 << 14;
/// Items that a thread takes at once.
const CHUNK: usize = 1 << 12;
/// Threads of one image; memory is the limit of more.
const MOST: usize = 8;

/// Does something to every item, in any order.
pub(crate) fn each<T: Send>(items: &mut [T], work: impl Fn(&mut T) + Sync) {
    let threads =
        if items.len() < WORTH { 1 } else { thread::available_parallelism().map_or(1, NonZero::get).min(MOST) };
    let chunks = Mutex::new(items.chunks_mut(CHUNK));
    let run = || loop {
        let chunk = chunks.lock().unwrap_or_else(PoisonError::into_inner).next();
        let Some(chunk) = chunk else { break };
        chunk.iter_mut().for_each(&work);
    };
    thread::scope(|scope| {
        for _ in 1..threads {
            let _ = Builder::new().spawn_scoped(scope, run);
        }
        run();
    });
}

/// Does two things at once, or one after the other where the first is not worth a thread.
pub(crate) fn both<A: Send, B>(worth: bool, first: impl FnOnce() -> A + Send, second: impl FnOnce() -> B) -> (A, B) {
    if !worth {
        return (first(), second());
    }
    let waiting = Mutex::new(Some(first));
    let take = || waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
    thread::scope(|scope| {
        let other = Builder::new().spawn_scoped(scope, || take().map(|first| first()));
        let second = second();
        let done = other.ok().and_then(|other| other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        let first = done.or_else(|| take().map(|first| first()));
        (first.expect("it is done by the other thread or else here"), second)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_is_done_once_however_many_there_are() {
        for len in [0, 1, WORTH - 1, WORTH, 3 * WORTH + 7] {
            let mut items: Vec<usize> = (0..len).collect();
            each(&mut items, |n| *n += 1);
            assert!(items.iter().enumerate().all(|(at, n)| *n == at + 1), "{len}");
        }
    }

    #[test]
    fn two_things_are_done_and_handed_back_in_their_order() {
        for worth in [false, true] {
            assert_eq!(both(worth, || 1, || "two"), (1, "two"));
        }
    }

    #[test]
    #[should_panic(expected = "of the first")]
    fn a_panic_of_the_first_is_the_callers() {
        both(true, || panic!("of the first"), || ());
    }
}
