//! The room that talks to a human: command line, checks, and screens.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod cli;
