//! A reference engine for text that is rewritten while other threads execute it.
//!
//! Every write takes one path: a [`site::Site`] is claimed in the [`ledger`], a [`plan`] of old and new bytes
//! is validated, and [`poke`] writes it. x86-64 Linux, user space, real bytes, real threads.
//!
//! ```
//! use provenance_engine::{engine::{Engine, Options}, isa::{Bytes, Insn}, ledger::Sharing};
//! use provenance_engine::{holder::MechanismId, plan::Change, text::{Builder, builder::Fentry}};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let engine = Engine::new(Options::default())?;
//! let me = engine.holder(MechanismId::TEXT, "example")?;
//! let mut b = Builder::new();
//! b.function("seven");
//! let pad = b.fentry(Fentry::Nop);
//! b.code(&[0xb8, 7, 0, 0, 0, 0xc3]); // mov eax, 7; ret
//! let text = engine.load(b, me)?;
//! let site = engine.text().site(text.addr(pad)?, 5)?;
//! engine.claim(site, Bytes::nop5(), me, Sharing::Exclusive, "nothing")?;
//! let applied = engine.poke(me, [Change::new(site, Bytes::nop5(), Insn::Jmp(site.addr() + 5))])?;
//! assert_eq!((applied.written, engine.text().bytes(site.addr(), 1)?.as_slice()), (1, &[0xe9][..]));
//! # Ok(()) }
//! ```
#![deny(unsafe_op_in_unsafe_fn)]
#![warn(clippy::undocumented_unsafe_blocks, missing_docs)]
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]

pub mod engine;
mod entry;
pub mod grace;
pub mod holder;
#[cfg(feature = "image")]
pub mod image;
#[doc(hidden)]
pub mod internals;
pub mod isa;
pub mod ledger;
pub mod mechanism;
pub mod plan;
pub mod poke;
mod preflight;
mod process;
pub mod proof;
pub mod site;
pub mod text;
mod threads;
