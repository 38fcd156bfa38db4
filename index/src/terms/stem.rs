//! English stems, and a small cache in front of the stemmer.

use std::cell::RefCell;
use std::hash::Hasher;
use std::rc::Rc;

use rust_stemmers::{Algorithm, Stemmer};
use rustc_hash::FxHasher;
use tantivy::tokenizer::{Token, TokenStream, Tokenizer};

use super::notes::{self, Notes};
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

/// The stem of a lower-case word of a query: without the cache, whose memory takes longer to get than a few words to stem.
pub fn stem(word: &str) -> String {
    Stemmer::create(Algorithm::English).stem(word).into_owned()
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
pub(super) struct Cache {
    slots: Vec<Slot>,
    /// For each slot, the text in which its word was last met.
    met: Vec<u32>,
    /// The text that is being read; counts up.
    text: u32,
    /// The last stem that has no slot.
    long: String,
    stemmer: Stemmer,
}

thread_local! {
    static CACHE: RefCell<Cache> = RefCell::new(Cache {
        slots: vec![EMPTY; SLOTS],
        met: vec![0; SLOTS],
        text: 0,
        long: String::new(),
        stemmer: Stemmer::create(Algorithm::English),
    });
}

/// Begins another text: each of its stems is given once more.
pub(super) fn begin_text() {
    CACHE.with_borrow_mut(|cache| cache.text = cache.text.wrapping_add(1));
}

/// Lends this thread's cache.
#[inline]
pub(super) fn with_cache<T>(f: impl FnOnce(&mut Cache) -> T) -> T {
    CACHE.with_borrow_mut(f)
}

/// Whether no rule of the stemmer touches the word: all its rules but those for a lone `y` or `'` ask for an ending,
/// and none of the endings has one of these last letters; nor is a word of two letters ever changed.
#[inline]
fn is_its_own_stem(word: &[u8]) -> bool {
    const UNTOUCHED: [bool; 256] = {
        let mut table = [false; 256];
        let letters = b"abfhjkopquvwxz0123456789_";
        let mut at = 0;
        while at < letters.len() {
            table[letters[at] as usize] = true;
            at += 1;
        }
        table
    };
    word.len() <= 2 || word.last().is_some_and(|&b| UNTOUCHED[b as usize])
}

impl Cache {
    /// The stem of a lower-case word where it is another than the word and was not yet given for this text. Two words
    /// of one slot, or a very long word, may be given more than once.
    #[inline]
    pub(super) fn new_stem(&mut self, word: &str) -> Option<&str> {
        if is_its_own_stem(word.as_bytes()) {
            return None;
        }
        let len = word.len();
        if len > INLINE {
            return self.new_long_stem(word);
        }
        let mut hasher = FxHasher::default();
        hasher.write(word.as_bytes());
        let at = (hasher.finish() >> 40) as usize & (SLOTS - 1);
        let slot = &self.slots[at];
        let is_here = usize::from(slot.word_len) == len && slot.word[..len] == *word.as_bytes();
        if !is_here {
            if self.fill(at, word).is_none() {
                return self.new_long_stem(word);
            }
        } else if self.met[at] == self.text {
            return None;
        }
        self.met[at] = self.text;
        let slot = &self.slots[at];
        let stem = &slot.stem[..usize::from(slot.stem_len)];
        if stem == &slot.word[..len] { None } else { std::str::from_utf8(stem).ok() }
    }

    /// Puts a word into its slot.
    #[cold]
    fn fill(&mut self, at: usize, word: &str) -> Option<()> {
        let stem = self.stemmer.stem(word);
        let (word, stem) = (word.as_bytes(), stem.as_bytes());
        let slot = &mut self.slots[at];
        slot.stem.get_mut(..stem.len())?.copy_from_slice(stem);
        slot.word[..word.len()].copy_from_slice(word);
        slot.word_len = word.len() as u8;
        slot.stem_len = stem.len() as u8;
        Some(())
    }

    #[cold]
    fn new_long_stem(&mut self, word: &str) -> Option<&str> {
        self.long = self.stemmer.stem(word).into_owned();
        if self.long == word { None } else { Some(&self.long) }
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
    from: Source<'a>,
    token: &'a mut Token,
}

/// Where the stems come from.
#[derive(Debug)]
enum Source<'a> {
    /// What the exact pass over this text noted, and how far it is read.
    Notes(Rc<Notes>, usize),
    /// The text itself.
    Text(Words<'a>, String),
}

impl Tokenizer for StemTokenizer {
    type TokenStream<'a> = StemStream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> StemStream<'a> {
        self.token.reset();
        // Stems are a set: all stand at one place.
        self.token.position = 0;
        let from = match notes::of(text) {
            Some(notes) => Source::Notes(notes, 0),
            None => {
                begin_text();
                Source::Text(Words::new(text), String::new())
            }
        };
        StemStream { from, token: &mut self.token }
    }
}

impl TokenStream for StemStream<'_> {
    fn advance(&mut self) -> bool {
        let token = &mut self.token.text;
        match &mut self.from {
            Source::Notes(notes, at) => {
                let Some((stem, next)) = notes.stem_at(*at) else { return false };
                *at = next;
                token.clear();
                token.push_str(stem);
                true
            }
            Source::Text(words, word) => with_cache(|cache| {
                while words.next_into(word).is_some() {
                    if has_stem(word)
                        && let Some(stem) = cache.new_stem(word)
                    {
                        token.clear();
                        token.push_str(stem);
                        return true;
                    }
                }
                false
            }),
        }
    }

    fn token(&self) -> &Token {
        self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        self.token
    }
}
