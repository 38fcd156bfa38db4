//! Messages become documents, documents an index, a query hits; links and lineage are derived from both.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod collapse;
pub mod document;
pub mod lineage;
pub mod links;
pub mod query;
pub mod reader;
pub mod schema;
pub mod terms;
pub mod writer;
