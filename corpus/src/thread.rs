//! Threads from Message-IDs and References, with the mails that are missing.
//!
//! After Jamie Zawinski's "message threading" (jwz.org/doc/threading.html), with two differences. The result
//! does not depend on the order of the mails: where he takes the first claim met, here the oldest mail's
//! claim counts. And nothing recurses: ten thousand references in one mail make a thread ten thousand deep.
//! Subjects are not looked at.
//!
//! An id is a string or its hash: whatever can be compared and copied.

mod components;
mod forest;

pub use components::{Components, roots};
pub use forest::{Duplicate, Forest, Row};

use std::hash::Hash;

#[cfg(test)]
mod tests;

/// What a thread is keyed by: a Message-ID (`&str`) or a hash of one (`u64`).
pub trait Id: Copy + Eq + Ord + Hash {}

impl<T: Copy + Eq + Ord + Hash> Id for T {}

/// One mail.
#[derive(Clone, Copy, Debug)]
pub struct Node<'a, I> {
    /// Its Message-ID.
    pub id: I,
    /// References, oldest first: the last is the mail that it answers. In-Reply-To goes to the end if it is
    /// not there. Duplicates and the mail itself are passed over.
    pub references: &'a [I],
    /// When it was written, or arrived, in seconds since 1970.
    pub date: i64,
}
