//! The parts of identifiers.

use std::rc::Rc;

use tantivy::tokenizer::{Token, TokenStream, Tokenizer};

use super::notes::{self, Notes};
use super::scan::Words;

/// The parts of an identifier as written, lower case: `text_poke_bp` gives `text poke bp`, `ftraceDirectMulti`
/// `ftrace direct multi`, `BPF_MOD_CALL` `bpf mod call`.
///
/// A part ends at `_`, before a capital that follows a small letter or a digit, and before the last of three or
/// more capitals where a small letter follows (`XDPProg` is `xdp prog`, but `IPv6` stays whole). Digits stay with
/// their part: `int3`, `x86_64` is `x86 64`.
pub fn parts(identifier: &str) -> impl Iterator<Item = &str> {
    let mut rest = identifier;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches('_');
        if rest.is_empty() {
            return None;
        }
        let (part, tail) = rest.split_at(part_len(rest));
        rest = tail;
        Some(part)
    })
}

/// The length of the first part; `text` does not begin with `_`.
fn part_len(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut capitals = 0;
    let mut before = 0;
    for (at, &b) in bytes.iter().enumerate() {
        match b {
            b'_' => return at,
            b'A'..=b'Z' if matches!(before, b'a'..=b'z' | b'0'..=b'9') => return at,
            b'A'..=b'Z' => capitals += 1,
            b'a'..=b'z' if capitals >= 3 => return at - 1,
            _ => capitals = 0,
        }
        before = b;
    }
    bytes.len()
}

/// The parts of identifiers that have at least two, at consecutive positions; two identifiers are never neighbours.
///
/// Words of one part are in the other fields already.
#[derive(Clone, Debug, Default)]
pub struct IdentTokenizer {
    token: Token,
}

/// The stream of [`IdentTokenizer`].
#[derive(Debug)]
pub struct IdentStream<'a> {
    text: &'a str,
    from: Source<'a>,
    token: &'a mut Token,
    /// What is left of the present identifier, and where that begins in the text.
    rest: &'a str,
    rest_at: usize,
    position: usize,
}

/// Where the identifiers come from.
#[derive(Debug)]
enum Source<'a> {
    /// What the exact pass over this text noted, and the number of the next.
    Notes(Rc<Notes>, usize),
    /// The text itself.
    Text(Words<'a>, String),
}

impl Source<'_> {
    /// Start and end of the next word that may have parts.
    fn next(&mut self) -> Option<(usize, usize)> {
        match self {
            Source::Notes(notes, at) => {
                *at += 1;
                notes.identifier_at(*at - 1)
            }
            Source::Text(words, word) => loop {
                words.next_into(word)?;
                if words.may_have_parts() {
                    return Some((words.start, words.end));
                }
            },
        }
    }
}

impl Tokenizer for IdentTokenizer {
    type TokenStream<'a> = IdentStream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> IdentStream<'a> {
        self.token.reset();
        let from = match notes::of(text) {
            Some(notes) => Source::Notes(notes, 0),
            None => Source::Text(Words::new(text), String::new()),
        };
        IdentStream { text, from, token: &mut self.token, rest: "", rest_at: 0, position: 0 }
    }
}

impl IdentStream<'_> {
    fn trim(&mut self) {
        let trimmed = self.rest.trim_start_matches('_');
        self.rest_at += self.rest.len() - trimmed.len();
        self.rest = trimmed;
    }

    /// Moves on to the next identifier of two or more parts.
    fn next_identifier(&mut self) -> bool {
        while let Some((start, end)) = self.from.next() {
            let written = &self.text[start..end];
            if parts(written).nth(1).is_some() {
                self.rest = written;
                self.rest_at = start;
                self.trim();
                // One position stays free, so that no phrase joins two identifiers.
                self.position += 1;
                return true;
            }
        }
        false
    }
}

impl TokenStream for IdentStream<'_> {
    fn advance(&mut self) -> bool {
        if self.rest.is_empty() && !self.next_identifier() {
            return false;
        }
        let (part, tail) = self.rest.split_at(part_len(self.rest));
        self.token.text.clear();
        self.token.text.extend(part.chars().map(super::lower));
        self.token.position = self.position;
        self.token.offset_from = self.rest_at;
        self.token.offset_to = self.rest_at + part.len();
        self.position += 1;
        self.rest = tail;
        self.rest_at += part.len();
        self.trim();
        true
    }

    fn token(&self) -> &Token {
        self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        self.token
    }
}
