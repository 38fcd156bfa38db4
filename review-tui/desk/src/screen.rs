//! The screens. Each file holds one: its keys, its state, what its keys do, how it is drawn. A new screen is its file, and
//! here its name and a line of [`ALL`].

pub mod answers;
pub mod checks;
pub mod diff;
pub mod draft;
pub mod find;
pub mod help;
pub mod kind;
pub mod lab;
pub mod lineage;
pub mod series;
pub mod text_map;
pub mod thread;

use kind::Kind;

/// All screens, in the order of help.
pub static ALL: &[&Kind] = &[
    &find::KIND,
    &thread::KIND,
    &lineage::KIND,
    &lab::KIND,
    &checks::KIND,
    &series::KIND,
    &diff::KIND,
    &text_map::KIND,
    &draft::KIND,
    &answers::KIND,
];
