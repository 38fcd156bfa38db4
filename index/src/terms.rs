//! How text becomes words, stems and parts of identifiers.
//!
//! The rules are those that Xapian's `TermGenerator` applies for public-inbox, observed with Xapian 1.4.22, so that
//! a query finds here what it finds on lore: `_` is part of a word; `'` and `&` join two word characters; `.`, `,`
//! and `;` join two digits; up to three trailing `+` or `#` stay (`c++`); initials lose their dots (`U.N.`); a word
//! of more than [`MAX_WORD`] bytes is no word. Everything is lower case.
//!
//! A text may hold [`GAP`]: the words on its two sides are never neighbours, so no phrase reaches across. The writer
//! puts it between the lines of a diff, and between texts that public-inbox indexes apart.
//!
//! The same text feeds exact words, stems and identifiers; its words are found once, see `notes`.

mod exact;
mod ident;
mod letters;
mod notes;
mod scan;
mod stem;

#[cfg(test)]
mod tests;

pub use exact::ExactTokenizer;
pub use ident::{IdentTokenizer, parts};
pub use letters::{is_word_char, lower};
pub use scan::Words;
pub use stem::{StemTokenizer, has_stem, stem};

use tantivy::tokenizer::TokenizerManager;

use crate::schema::{EXACT, IDENT, STEM};

/// U+001E, the record separator: positions jump by [`POSITION_GAP`] where it stands.
pub const GAP: char = '\u{1e}';

/// By how much [`GAP`] moves positions apart; what public-inbox uses between two texts.
pub const POSITION_GAP: usize = 100;

/// The longest word in bytes, once lower case; a longer one is skipped and takes no position.
pub const MAX_WORD: usize = 64;

/// Registers the three tokenizers under the names that the schema gives them.
pub fn register(manager: &TokenizerManager) {
    manager.register(EXACT, ExactTokenizer::default());
    manager.register(STEM, StemTokenizer::default());
    manager.register(IDENT, IdentTokenizer::default());
}
