//! What tantivy does with damaged files: now and then it panics. Such a panic is an error of the index, like any other.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use tantivy::TantivyError;

thread_local! {
    static GUARDED: Cell<u32> = const { Cell::new(0) };
}

/// Runs what calls tantivy; its panic becomes an error, and is not printed.
///
/// # Errors
/// Those of `work`, and its panic.
pub fn guarded<T>(work: impl FnOnce() -> tantivy::Result<T>) -> tantivy::Result<T> {
    caught(work).unwrap_or_else(|panic| Err(TantivyError::InternalError(panic)))
}

/// As [`guarded`], for work that fails otherwise: the outer error is the panic's message.
///
/// # Errors
/// The panic of `work`.
pub fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    silence();
    GUARDED.set(GUARDED.get() + 1);
    let done = catch_unwind(AssertUnwindSafe(work));
    GUARDED.set(GUARDED.get() - 1);
    done.map_err(|panic| format!("a file makes no sense ({})", message(panic.as_ref())))
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.and_then(|text| text.lines().next()).unwrap_or("a panic without a message").to_owned()
}

/// Threads that tantivy starts; their panics come back as errors of the writer.
const THREADS: [&str; 4] = ["merge_thread", "segment_updater", "thrd-tantivy-index", "docstore-compressor"];

/// Panics inside are not printed: whoever asked gets the error.
fn silence() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let thread = std::thread::current();
            let theirs = thread.name().is_some_and(|name| THREADS.iter().any(|start| name.starts_with(start)));
            if GUARDED.get() == 0 && !theirs {
                before(info);
            }
        }));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_and_the_next_question_is_answered() {
        let empty: Vec<u32> = Vec::new();
        let error = guarded(|| Ok(empty[3])).unwrap_err();
        assert!(error.to_string().contains("index out of bounds"), "{error}");
        assert_eq!(guarded(|| Ok(1)).unwrap(), 1);
        assert!(guarded::<u32>(|| Err(TantivyError::Poisoned)).is_err());
    }
}
