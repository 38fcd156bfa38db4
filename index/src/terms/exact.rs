//! Words as they are written, and what of the stems and identifiers can be noted on the way.

use tantivy::tokenizer::{Token, TokenStream, Tokenizer};

use super::notes::{self, Notes};
use super::scan::Words;
use super::stem::{self, has_stem};

/// Words as written, lower case, with positions.
#[derive(Clone, Debug, Default)]
pub struct ExactTokenizer {
    token: Token,
}

/// The stream of [`ExactTokenizer`].
#[derive(Debug)]
pub struct ExactStream<'a> {
    text: &'a str,
    words: Words<'a>,
    token: &'a mut Token,
    /// What the passes over the same text that follow need not look for again.
    notes: Notes,
}

impl Tokenizer for ExactTokenizer {
    type TokenStream<'a> = ExactStream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> ExactStream<'a> {
        self.token.reset();
        stem::begin_text();
        ExactStream { text, words: Words::new(text), token: &mut self.token, notes: Notes::default() }
    }
}

impl ExactStream<'_> {
    #[inline]
    fn advance_with(&mut self, cache: &mut stem::Cache) -> bool {
        let Some(position) = self.words.next_into(&mut self.token.text) else {
            notes::keep(self.text, std::mem::take(&mut self.notes));
            return false;
        };
        self.token.position = position;
        self.token.offset_from = self.words.start;
        self.token.offset_to = self.words.end;
        if has_stem(&self.token.text)
            && let Some(stem) = cache.new_stem(&self.token.text)
        {
            self.notes.stem(stem);
        }
        if self.words.may_have_parts() {
            self.notes.identifier(self.words.start, self.words.end);
        }
        true
    }
}

impl TokenStream for ExactStream<'_> {
    fn advance(&mut self) -> bool {
        stem::with_cache(|cache| self.advance_with(cache))
    }

    fn process(&mut self, sink: &mut dyn FnMut(&Token)) {
        stem::with_cache(|cache| {
            while self.advance_with(cache) {
                sink(self.token);
            }
        });
    }

    fn token(&self) -> &Token {
        self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        self.token
    }
}
