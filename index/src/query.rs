//! The query language: public-inbox's, with our additions.

pub mod dates;
pub mod explain;
pub mod lex;
pub mod lower;
pub mod parse;
