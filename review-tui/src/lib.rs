//! The room that talks to a human: it joins mail, index and engine, and nothing depends on it.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod check;
pub mod cli;
pub mod fetch;
pub mod images;
pub mod tui;
