//! What is of one process. A child of fork inherits a copy of everything static: a lock that a thread of its parent holds
//! for ever, and text that is not mapped there. So each process has such a thing of its own.

use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, Ordering};

struct Of<T> {
    pid: u32,
    value: T,
}

/// A static that begins anew in a child of fork. That of the parent is left as it is, unlooked at and never freed.
pub(crate) struct PerProcess<T>(AtomicPtr<Of<T>>);

// SAFETY: `T` is reached by a shared reference from every thread, and none of them gets it by value.
unsafe impl<T: Send + Sync> Sync for PerProcess<T> {}

impl<T: Default> PerProcess<T> {
    pub(crate) const fn new() -> Self {
        Self(AtomicPtr::new(null_mut()))
    }

    pub(crate) fn get(&'static self) -> &'static T {
        let pid = std::process::id();
        loop {
            let known = self.0.load(Ordering::Acquire);
            // SAFETY: null, or from a box that is never freed once it was stored.
            if let Some(of) = unsafe { known.as_ref() }
                && of.pid == pid
            {
                return &of.value;
            }
            let new = Box::into_raw(Box::new(Of { pid, value: T::default() }));
            if self.0.compare_exchange(known, new, Ordering::AcqRel, Ordering::Acquire).is_err() {
                // SAFETY: made above, and nobody else has seen it.
                drop(unsafe { Box::from_raw(new) });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn all_threads_of_a_process_see_one() {
        static COUNT: PerProcess<Mutex<u32>> = PerProcess::new();
        std::thread::scope(|scope| {
            (0..8).for_each(|_| drop(scope.spawn(|| *COUNT.get().lock().unwrap() += 1)));
        });
        assert_eq!(*COUNT.get().lock().unwrap(), 8);
    }
}
