//! The review desk: a patch with its history, its threads and the engine beside it.
//!
//! [`app::Model`] is all that is shown; [`app::update`] takes what happened and returns what is to be done; [`draw::draw`]
//! shows the model. Neither reads a file, a clock or the environment: effects run on threads of their own ([`worker`]),
//! what may die runs in processes of its own ([`lab`]), and [`run`] alone touches the terminal.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod app;
pub mod canvas;
pub mod desk;
pub mod draft;
pub mod draw;
pub mod facts;
pub mod input;
pub mod keys;
pub mod lab;
pub mod library;
pub mod lines;
pub mod msg;
pub mod open;
pub mod page;
pub mod people;
pub mod picker;
pub mod picture;
pub mod prompt;
pub mod question;
pub mod run;
pub mod sample;
pub mod screen;
pub mod state;
pub mod text;
pub mod theme;
pub mod touch;
pub mod worker;
