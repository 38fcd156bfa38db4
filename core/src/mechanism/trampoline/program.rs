//! What a trampoline calls.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Where a program runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// Before the function.
    Fentry,
    /// After it; sees its result.
    Fexit,
    /// Before it: a result other than zero is the function's, which does not run then.
    ModifyReturn,
    /// In its place.
    Replace,
}

/// What a program sees, as the image lays it out in its frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct Context {
    /// Argument registers.
    pub args: [u64; 6],
    /// The traced entry.
    pub ip: u64,
    /// What the function returned; for [`Kind::ModifyReturn`] what the program before it did.
    pub ret: u64,
}

type Run = Box<dyn Fn(&Context) -> u64 + Send + Sync>;

pub(crate) struct Inner {
    name: String,
    kind: Kind,
    run: Run,
    hits: AtomicU64,
}

/// A program; clones share it.
#[derive(Clone)]
pub struct Program(pub(crate) Arc<Inner>);

impl Program {
    /// A program; its result counts for [`Kind::ModifyReturn`] and [`Kind::Replace`] alone.
    pub fn new(name: &str, kind: Kind, run: impl Fn(&Context) -> u64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(Inner { name: name.to_owned(), kind, run: Box::new(run), hits: AtomicU64::new(0) }))
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Where it runs.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// How often it ran.
    #[must_use]
    pub fn hits(&self) -> u64 {
        self.0.hits.load(Ordering::Relaxed)
    }

    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// Called by an image. A panic is a result of 0; it cannot unwind through generated code.
///
/// # Safety
/// `context` is in the image's frame, `program` lives as long as the image.
pub(super) unsafe extern "sysv64" fn enter(context: *const Context, program: *const Inner) -> u64 {
    // SAFETY: see above; the frame is not written while the program runs.
    let (context, program) = unsafe { (&*context, &*program) };
    program.hits.fetch_add(1, Ordering::Relaxed);
    catch_unwind(AssertUnwindSafe(|| (program.run)(context))).unwrap_or(0)
}
