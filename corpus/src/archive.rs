//! Where mail lies: one module per kind of source, all of them streaming bytes and origin.

pub mod maildir;
pub mod mbox;
pub mod public_inbox_v1;
pub mod public_inbox_v2;
pub mod single;
pub mod web_page;
