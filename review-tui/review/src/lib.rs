//! What the command line and the review desk share: one session on the index, the catalogue and the attached images; what is
//! asked of it (threads, series, comparisons, lineage, checks); and the words in which it is answered.
//!
//! It neither prints nor draws, and ends no process.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod am;
pub mod check;
pub mod commit;
pub mod dates;
pub mod diff;
pub mod failure;
pub mod fetch;
pub mod horizon;
pub mod json;
pub mod kind;
pub mod lab;
pub mod lineage;
pub mod look;
pub mod owners;
pub mod series;
pub mod session;
pub mod text;
pub mod thread;
