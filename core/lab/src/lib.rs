//! Experiments on the engine of `provenance-engine`, each in a process of its own: mechanisms set against each other on
//! the same bytes, accidents of history told again, what real kernels did, hazards, stress and benchmarks.
//!
//! A parent asks with [`runner::Runner`]; the child is any program that calls [`scenarios::serve`], such as
//! `provenance-lab` of this package. A crash of the child is an outcome.
#![deny(unsafe_op_in_unsafe_fn)]
#![warn(clippy::undocumented_unsafe_blocks, missing_docs)]
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]

pub mod bench;
pub mod conflict;
pub mod episode;
pub mod hazard;
pub mod runner;
pub mod scenarios;
pub mod steps;
pub mod stress;
pub mod witness;
