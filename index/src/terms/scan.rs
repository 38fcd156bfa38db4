//! One word after the other out of a text.

use super::letters::{CLASS, DIGIT, Infix, JOINT, MAYBE, UPPER, WORD, infix, is_word_char, lower};
use super::{GAP, MAX_WORD, POSITION_GAP};

/// Words of at most so many bytes are copied in one move of a length that the compiler knows.
const SHORT: usize = 16;

/// Walks over the words of a text.
///
/// Most mail is ASCII: the quick way classifies byte by byte and copies a word at once. A byte that might join, or
/// is not ASCII, hands the word that was begun to the slow way, which decides by character.
#[derive(Clone, Debug)]
pub struct Words<'a> {
    text: &'a str,
    at: usize,
    position: usize,
    /// Where the last word began, in bytes.
    pub start: usize,
    /// Where the last word ended, in bytes.
    pub end: usize,
    /// The classes of the last word's letters; all of them after the slow way.
    seen: u8,
}

impl<'a> Words<'a> {
    /// The words of `text` from its beginning.
    pub fn new(text: &'a str) -> Words<'a> {
        Words { text, at: 0, position: 0, start: 0, end: 0, seen: 0 }
    }

    /// Puts the next word into `word`, lower case, and gives its position; `None` at the end.
    #[inline]
    pub fn next_into(&mut self, word: &mut String) -> Option<usize> {
        while self.next_of_any_length(word) {
            if word.len() <= MAX_WORD {
                let position = self.position;
                self.position += 1;
                return Some(position);
            }
        }
        None
    }

    /// The same for a query, where a word that is too long must find nothing instead of being passed over.
    #[inline]
    pub fn next_of_any_length(&mut self, word: &mut String) -> bool {
        if !self.find_start() {
            return false;
        }
        word.clear();
        self.start = self.at;
        self.read(word);
        self.end = self.at;
        true
    }

    /// The last word as it stands in the text.
    pub fn written(&self) -> &'a str {
        &self.text[self.start..self.end]
    }

    /// Whether the last word may be an identifier of several parts.
    #[inline]
    pub(super) fn may_have_parts(&self) -> bool {
        self.seen & (UPPER | JOINT) != 0
            && self.written().bytes().skip(1).any(|b| CLASS[b as usize] & (UPPER | JOINT) != 0)
    }

    /// Moves on to the next character that can begin a word.
    #[inline]
    fn find_start(&mut self) -> bool {
        let bytes = self.text.as_bytes();
        while let Some(&b) = bytes.get(self.at) {
            if CLASS[b as usize] & WORD != 0 {
                return true;
            }
            if b < 0x80 {
                if b == GAP as u8 {
                    self.position += POSITION_GAP;
                }
                self.at += 1;
                continue;
            }
            let c = self.peek().expect("a byte is left");
            if is_word_char(c) {
                return true;
            }
            self.at += c.len_utf8();
        }
        false
    }

    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    #[inline]
    fn read(&mut self, word: &mut String) {
        let bytes = self.text.as_bytes();
        if CLASS[bytes[self.at] as usize] & UPPER != 0
            && bytes.get(self.at + 1) == Some(&b'.')
            && self.read_initials(word)
        {
            self.seen = !0;
            return;
        }
        let begin = self.at;
        let mut seen = 0;
        let mut class = 0;
        while let Some(&b) = bytes.get(self.at) {
            class = CLASS[b as usize];
            if class & WORD == 0 {
                break;
            }
            seen |= class;
            self.at += 1;
        }
        let len = self.at - begin;
        match self.text.get(begin..begin + SHORT) {
            Some(block) if len <= SHORT => {
                word.push_str(block);
                word.truncate(len);
            }
            _ => word.push_str(&self.text[begin..self.at]),
        }
        if seen & UPPER != 0 {
            word.make_ascii_lowercase();
        }
        self.seen = seen;
        if self.at < bytes.len() && class & MAYBE != 0 && self.may_go_on() {
            self.seen = !0;
            self.read_on(word);
        }
    }

    /// Settles the common case, punctuation at the end of a word, without the slow way.
    #[inline]
    fn may_go_on(&self) -> bool {
        let bytes = self.text.as_bytes();
        let next = bytes.get(self.at + 1).map_or(0, |&b| if b < 0x80 { CLASS[b as usize] } else { !0 });
        match bytes[self.at] {
            b'.' | b',' | b';' => next & DIGIT != 0,
            b'\'' | b'&' => next & WORD != 0,
            _ => true,
        }
    }

    /// Single capitals with dots between them are one word without the dots, where nothing of a word follows.
    fn read_initials(&mut self, word: &mut String) -> bool {
        let bytes = self.text.as_bytes();
        let is_upper = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_uppercase);
        let mut at = self.at;
        let mut count = 0;
        loop {
            word.push(char::from(bytes[at].to_ascii_lowercase()));
            count += 1;
            at += 1;
            if bytes.get(at) != Some(&b'.') {
                break;
            }
            at += 1;
            if !is_upper(at) {
                break;
            }
        }
        let ends = self.text[at..].chars().next().is_none_or(|c| !is_word_char(c));
        if count > 1 && ends {
            self.at = at;
            return true;
        }
        word.clear();
        false
    }

    /// Goes on with a word that a special byte interrupts.
    #[cold]
    fn read_on(&mut self, word: &mut String) {
        let text = self.text;
        let mut before = text[..self.at].chars().next_back().filter(|_| !word.is_empty());
        let mut rest = text[self.at..].chars();
        while let Some(c) = rest.clone().next() {
            if is_word_char(c) {
                word.push(lower(c));
                before = Some(c);
                rest.next();
                continue;
            }
            let mut ahead = rest.clone();
            ahead.next();
            let Some((before, after)) = before.zip(ahead.clone().next().filter(|&c| is_word_char(c))) else {
                break;
            };
            match infix(before, c, after) {
                Infix::Splits => break,
                Infix::Joins(c) => word.push(c),
                Infix::Vanishes => {}
            }
            rest = ahead;
        }
        self.at = text.len() - rest.as_str().len();
        self.read_suffix(word);
    }

    /// Keeps up to three trailing `+` or `#`, unless a word follows at once (`fish+chips`).
    fn read_suffix(&mut self, word: &mut String) {
        let tail = &self.text[self.at..];
        let count = tail.bytes().take_while(|b| matches!(b, b'+' | b'#')).count();
        if count == 0 {
            return;
        }
        let followed = tail[count..].chars().next().is_some_and(is_word_char);
        if count <= 3 && !followed {
            word.push_str(&tail[..count]);
        }
        // What is not kept is skipped by the search for the next word.
        if count <= 3 {
            self.at += count;
        }
    }
}
