//! English stems, and a small cache in front of the stemmer.

use std::cell::RefCell;
use std::hash::Hasher;

use rust_stemmers::{Algorithm, Stemmer};
use rustc_hash::FxHasher;
use tantivy::tokenizer::{Token, TokenStream, Tokenizer};

use super::scan::Words;

/// Whether an index holds the stem of this word, given as it is written: a word that begins with a digit, with
/// `_`, or (in a query) with a capital is searched as it is.
pub fn has_stem(word: &str) -> bool {
    let Some(first) = word.chars().next() else {
        return false;
    };
    if first.is_ascii() {
        first.is_ascii_lowercase()
    } else {
        first.is_alphabetic() && !first.is_uppercase() && !first.is_numeric()
    }
}

/// The stem of a lower-case word.
pub fn stem(word: &str) -> String {
    let mut out = word.to_owned();
    CACHE.with_borrow_mut(|cache| cache.stem(&mut out));
    out
}

/// Slots of the cache; a power of two. 1 MiB for each thread that stems.
const SLOTS: usize = 1 << 14;
/// Longer words are rare, and stemmed each time.
const INLINE: usize = 31;

/// A word and its stem in one cache line.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Slot {
    word: [u8; INLINE],
    word_len: u8,
    stem: [u8; INLINE],
    stem_len: u8,
}

const EMPTY: Slot = Slot { word: [0; INLINE], word_len: 0, stem: [0; INLINE], stem_len: 0 };

/// A word has one slot, and the latest word keeps it: words of mail repeat so much that nothing better is needed.
struct Cache {
    slots: Vec<Slot>,
    /// For each slot, the text in which its word was last met.
    met: Vec<u32>,
    /// The text that is being read; counts up.
    text: u32,
    stemmer: Stemmer,
}

thread_local! {
    static CACHE: RefCell<Cache> = RefCell::new(Cache {
        slots: vec![EMPTY; SLOTS],
        met: vec![0; SLOTS],
        text: 0,
        stemmer: Stemmer::create(Algorithm::English),
    });
}

impl Cache {
    /// Replaces a lower-case word by its stem; tells whether the word is another than its stem and was not yet met
    /// in this text. Two words of one slot, or a very long word, may be told more than once.
    fn stem(&mut self, word: &mut String) -> bool {
        let len = word.len();
        if len > INLINE {
            let stem = self.stemmer.stem(word);
            let differs = stem != *word;
            *word = stem.into_owned();
            return differs;
        }
        let mut hasher = FxHasher::default();
        hasher.write(word.as_bytes());
        let at = (hasher.finish() >> 40) as usize & (SLOTS - 1);
        let slot = &mut self.slots[at];
        if usize::from(slot.word_len) == len && slot.word[..len] == *word.as_bytes() {
            let stem_len = usize::from(slot.stem_len);
            let new = std::mem::replace(&mut self.met[at], self.text) != self.text;
            if stem_len == len && slot.stem[..len] == slot.word[..len] {
                return false;
            }
            if let Ok(stem) = std::str::from_utf8(&slot.stem[..stem_len]) {
                word.clear();
                word.push_str(stem);
            }
            return new;
        }
        let stem = self.stemmer.stem(word);
        if stem.len() <= INLINE {
            slot.word[..len].copy_from_slice(word.as_bytes());
            slot.word_len = len as u8;
            slot.stem[..stem.len()].copy_from_slice(stem.as_bytes());
            slot.stem_len = stem.len() as u8;
            self.met[at] = self.text;
        }
        let differs = stem != *word;
        if differs {
            *word = stem.into_owned();
        }
        differs
    }
}

/// The stems of the words that differ from theirs, each word once for a text. A word that is its own stem is found
/// among the exact words, so it is not indexed a second time.
#[derive(Clone, Debug, Default)]
pub struct StemTokenizer {
    token: Token,
}

/// The stream of [`StemTokenizer`].
#[derive(Debug)]
pub struct StemStream<'a> {
    words: Words<'a>,
    token: &'a mut Token,
}

impl Tokenizer for StemTokenizer {
    type TokenStream<'a> = StemStream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> StemStream<'a> {
        self.token.reset();
        CACHE.with_borrow_mut(|cache| cache.text = cache.text.wrapping_add(1));
        StemStream { words: Words::new(text), token: &mut self.token }
    }
}

impl StemStream<'_> {
    #[inline]
    fn advance_with(&mut self, cache: &mut Cache) -> bool {
        while let Some(position) = self.words.next_into(&mut self.token.text) {
            if has_stem(&self.token.text) && cache.stem(&mut self.token.text) {
                self.token.position = position;
                self.token.offset_from = self.words.start;
                self.token.offset_to = self.words.end;
                return true;
            }
        }
        false
    }
}

impl TokenStream for StemStream<'_> {
    fn advance(&mut self) -> bool {
        CACHE.with_borrow_mut(|cache| self.advance_with(cache))
    }

    fn token(&self) -> &Token {
        self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        self.token
    }
}
