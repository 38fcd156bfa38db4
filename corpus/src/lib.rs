//! Mail bytes become messages, messages become patches, patches become threads and series;
//! beside them stands the catalogue: curated facts on each mechanism that patches kernel text.
//!
//! Data flows one way: `archive` finds raw mails, `message` reads one, `patch` reads the diff in it,
//! `thread` and `series` put many together. Nothing here searches, and nothing knows machine code.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod address;
pub mod archive;
pub mod catalogue;
pub mod citation;
pub mod maintainers;
pub mod message;
pub mod patch;
pub mod patch_id;
pub mod robot;
pub mod series;
pub mod store;
pub mod subject;
pub mod thread;
pub mod trailer;
pub mod twin;
