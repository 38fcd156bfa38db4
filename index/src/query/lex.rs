//! A query into tokens, by the rules that Xapian's `QueryParser` showed (1.4.22, with public-inbox's flags).
//!
//! Where Xapian falls back to a bag of words because something does not fit together, this says what does not; where
//! it silently closes a quote or a parenthesis, this asks. Freestanding punctuation is skipped as there.

use super::ast::{Bounds, Form, Text, Value};
use super::prefix::{Kind, Prefix};
use super::{Problem, QueryError, Span};
use crate::terms::{Words, has_stem, is_word_char};

/// How far apart words joined by a bare `NEAR` or `ADJ` may be.
pub const DEFAULT_DISTANCE: u32 = 10;

/// A token and its place.
#[derive(Clone, Debug)]
pub struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// Where it stands.
    pub span: Span,
}

/// What a token is.
#[derive(Clone, Debug)]
pub enum TokenKind {
    /// `AND`.
    And,
    /// `OR`.
    Or,
    /// `XOR`.
    Xor,
    /// `NOT`.
    Not,
    /// `+` before something.
    Plus,
    /// `-` before something.
    Minus,
    /// `NEAR`, `NEAR/3`, `ADJ`, `ADJ/3`: always [`Form::Near`] or [`Form::Adj`].
    Near(Form),
    /// `(`, with what stands before it.
    Open(Option<Prefix>),
    /// `)`.
    Close,
    /// Words; `bare` if it is a single word without quotes or wildcard.
    Text {
        /// The words.
        text: Text,
        /// A single word without quotes or wildcard.
        bare: bool,
    },
    /// A filter's value.
    Filter(Prefix, Value),
    /// A range.
    Range(Prefix, Bounds),
    /// `thread:{…}`: where the sub-query stands, and its text if quoting changed it.
    SubQuery(Span, Option<String>),
}

/// Splits `query[range]` into tokens whose spans are those of `query`.
///
/// # Errors
/// Whatever cannot be read, with its place.
pub fn lex(query: &str, range: Span) -> Result<Vec<Token>, QueryError> {
    let mut lexer =
        Lexer { text: &query[..range.end], at: range.start, before: ' ', open: 0, literal: 0, tokens: vec![] };
    while lexer.step()? {}
    Ok(lexer.tokens)
}

struct Lexer<'q> {
    text: &'q str,
    at: usize,
    /// The last character seen; `A` for a word, a space at the beginning.
    before: char,
    open: usize,
    /// Parentheses that are punctuation of a word, as in `text_poke()`, and not yet closed.
    literal: usize,
    tokens: Vec<Token>,
}

fn is_space(c: char) -> bool {
    c.is_whitespace() || c.is_control()
}

fn is_quote(c: char) -> bool {
    matches!(c, '"' | '\u{201c}' | '\u{201d}')
}

/// Joins two words into a phrase.
fn joins_phrase(c: char) -> bool {
    matches!(c, '.' | '-' | '/' | ':' | '\\' | '@')
}

/// Behind a word it means that the word is meant as it is written.
fn prevents_stem(c: char) -> bool {
    matches!(c, '(' | '/' | '\\' | '@' | '<' | '>' | '=' | '*' | '[' | '{' | '"')
}

impl Lexer<'_> {
    fn peek_at(&self, at: usize) -> Option<char> {
        self.text[at..].chars().next()
    }

    fn push(&mut self, kind: TokenKind, start: usize) {
        self.tokens.push(Token { kind, span: start..self.at });
        self.before = 'A';
    }

    fn step(&mut self) -> Result<bool, QueryError> {
        let Some(c) = self.peek_at(self.at) else {
            return Ok(false);
        };
        if is_word_char(c) {
            self.word()?;
            return Ok(true);
        }
        let start = self.at;
        self.at += c.len_utf8();
        let before = std::mem::replace(&mut self.before, if is_space(c) { ' ' } else { c });
        let next = self.peek_at(self.at);
        match c {
            _ if is_quote(c) => self.phrase(None, start, start)?,
            '+' | '-' if (before == ' ' || before == '(') && next.is_some_and(|n| !is_space(n)) => {
                if matches!(next, Some('+' | '-')) {
                    self.at += 1;
                } else {
                    self.push(if c == '+' { TokenKind::Plus } else { TokenKind::Minus }, start);
                    self.before = c;
                }
            }
            '(' if matches!(before, ' ' | '(' | ')' | '+' | '-') => self.open(None, start),
            '(' => self.literal += 1,
            ')' if self.literal > 0 => self.literal -= 1,
            ')' if self.open > 0 => {
                self.open -= 1;
                self.push(TokenKind::Close, start);
                self.before = c;
            }
            ')' => return Err(Problem::UnopenedParen.at(start..self.at)),
            _ => {}
        }
        Ok(true)
    }

    fn open(&mut self, prefix: Option<Prefix>, start: usize) {
        self.open += 1;
        self.push(TokenKind::Open(prefix), start);
        self.before = '(';
    }

    fn word(&mut self) -> Result<(), QueryError> {
        let start = self.at;
        let rest = &self.text[start..];
        let name = if rest.starts_with("as-of:") {
            "as-of"
        } else {
            &rest[..rest.find(|c| !is_word_char(c)).unwrap_or(rest.len())]
        };
        let value_at = start + name.len() + 1;
        if rest[name.len()..].starts_with(':') {
            let next = self.peek_at(value_at);
            if let Some(prefix) = Prefix::named(name) {
                if next.is_none_or(|c| is_space(c) || c == ')') {
                    return Err(Problem::NoValue(name.to_owned()).at(start..value_at));
                }
                if next != Some(':') || prefix.kind() != Kind::Text {
                    return self.prefixed(prefix, start, value_at);
                }
            } else if next.is_some_and(|c| !is_space(c) && !matches!(c, ':' | '/'))
                && let Some(ours) = Prefix::of_others(name)
            {
                let problem = Problem::Foreign { written: name.to_owned(), ours: ours.name(), meaning: ours.meaning() };
                return Err(problem.at(start..value_at));
            } else if next.is_some_and(|c| !is_space(c) && c != ':' && !rest[name.len()..].starts_with("://"))
                && let Some(meant) = Prefix::nearest(name)
            {
                let problem = Problem::Typo { written: name.to_owned(), meant: meant.name() };
                return Err(problem.at(start..value_at));
            }
        }
        self.term(None, start)
    }

    fn prefixed(&mut self, prefix: Prefix, start: usize, value_at: usize) -> Result<(), QueryError> {
        self.at = value_at;
        match prefix.kind() {
            Kind::Text => {
                let skipped = |c: char| !is_word_char(c) && !is_space(c) && !is_quote(c) && !matches!(c, '(' | ')');
                let rest = &self.text[self.at..];
                self.at += rest.find(|c| !skipped(c)).unwrap_or(rest.len());
                match self.peek_at(self.at) {
                    Some(c) if is_quote(c) => {
                        let quote = self.at;
                        self.at += c.len_utf8();
                        self.phrase(Some(prefix), start, quote)
                    }
                    Some('(') => {
                        self.at += 1;
                        self.open(Some(prefix), start);
                        Ok(())
                    }
                    Some(c) if is_word_char(c) => self.term(Some(prefix), start),
                    _ => Err(Problem::NoWord(self.text[start..self.at].to_owned()).at(start..self.at)),
                }
            }
            Kind::Filter | Kind::Range => {
                if prefix == Prefix::Thread && self.peek_at(self.at) == Some('{') {
                    return self.braces(start);
                }
                let value = self.value(prefix)?;
                let kind = match prefix {
                    Prefix::Uid => return Err(Problem::Uid.at(start..self.at)),
                    Prefix::Thread if value.text.starts_with('{') && value.text.ends_with('}') => {
                        let inner = value.text[1..value.text.len() - 1].to_owned();
                        TokenKind::SubQuery(value.span, Some(inner))
                    }
                    _ if prefix.kind() == Kind::Range => TokenKind::Range(prefix, bounds(value)),
                    _ => TokenKind::Filter(prefix, value),
                };
                self.push(kind, start);
                Ok(())
            }
        }
    }

    /// Everything up to a space or `)`, or what stands in quotes, where `""` is a quote.
    fn value(&mut self, prefix: Prefix) -> Result<Value, QueryError> {
        let start = self.at;
        let mut text = String::new();
        if prefix == Prefix::Trailer {
            // The quotes may stand around the trailer's value alone: trailer:Link:"…".
            let rest = &self.text[start..];
            let name = rest.find(|c: char| c == ':' || is_space(c) || is_quote(c)).map_or("", |len| &rest[..len]);
            if rest[name.len()..].strip_prefix(':').is_some_and(|v| v.starts_with(is_quote)) {
                self.at += name.len() + 1;
                text = format!("{name}:");
            }
        }
        let open = self.at;
        match self.peek_at(open) {
            Some('(') => return Err(Problem::OneValue(prefix.name()).at(open..open + 1)),
            Some(quote) if is_quote(quote) => {
                let from = open + quote.len_utf8();
                let mut chars = self.text[from..].char_indices().peekable();
                loop {
                    match chars.next() {
                        None => return Err(Problem::UnclosedQuote.at(open..from)),
                        Some((_, '"')) if quote == '"' && chars.next_if(|&(_, c)| c == '"').is_some() => {
                            text.push('"');
                        }
                        Some((at, c)) if c == '"' || (quote != '"' && is_quote(c)) => {
                            self.at = from + at + c.len_utf8();
                            break;
                        }
                        Some((_, c)) => text.push(c),
                    }
                }
            }
            _ => {
                let rest = &self.text[start..];
                let end = rest.find(|c| is_space(c) || c == ')').unwrap_or(rest.len());
                text.push_str(&rest[..end]);
                self.at = start + end;
            }
        }
        if text.trim().is_empty() {
            return Err(Problem::EmptyPhrase.at(start..self.at));
        }
        Ok(Value { text, span: start..self.at })
    }

    fn braces(&mut self, start: usize) -> Result<(), QueryError> {
        let open = self.at;
        let (mut depth, mut quoted) = (0usize, false);
        for (at, c) in self.text[open..].char_indices() {
            match c {
                _ if is_quote(c) => quoted = !quoted,
                '{' if !quoted => depth += 1,
                '}' if !quoted => depth -= 1,
                _ => continue,
            }
            if depth == 0 {
                self.at = open + at + 1;
                self.push(TokenKind::SubQuery(open + 1..open + at, None), start);
                return Ok(());
            }
        }
        Err(Problem::UnclosedBrace.at(open..open + 1))
    }

    /// What stands in quotes; `self.at` is behind the opening one.
    fn phrase(&mut self, prefix: Option<Prefix>, start: usize, quote: usize) -> Result<(), QueryError> {
        let from = self.at;
        let Some(len) = self.text[from..].find(is_quote) else {
            return Err(Problem::UnclosedQuote.at(quote..from));
        };
        let inside = &self.text[from..from + len];
        self.at = from + len + self.peek_at(from + len).map_or(0, char::len_utf8);
        let mut words = Vec::new();
        let mut scan = Words::new(inside);
        let mut word = String::new();
        while scan.next_of_any_length(&mut word) {
            words.push(word.clone());
        }
        if words.is_empty() {
            let problem = if inside.trim().is_empty() {
                Problem::EmptyPhrase
            } else {
                Problem::NoWord(self.text[start..self.at].to_owned())
            };
            return Err(problem.at(quote..self.at));
        }
        let end = self.at;
        self.push(TokenKind::Text { text: Text { prefix, form: Form::Phrase, words }, bare: false }, start);
        // `"a"-b` is no minus, as behind any other character.
        self.before = self.text[..end].chars().next_back().unwrap_or('"');
        Ok(())
    }

    fn next_word(&mut self) -> (String, &str) {
        let mut scan = Words::new(&self.text[self.at..]);
        let mut word = String::new();
        scan.next_of_any_length(&mut word);
        let written = scan.written();
        self.at += scan.end;
        (word, written)
    }

    /// A word, with what punctuation joins to it.
    fn term(&mut self, prefix: Option<Prefix>, start: usize) -> Result<(), QueryError> {
        let (word, written) = self.next_word();
        let stems = has_stem(written);
        if prefix.is_none() {
            let operator = match written {
                "AND" => Some(TokenKind::And),
                "OR" => Some(TokenKind::Or),
                "NOT" => Some(TokenKind::Not),
                "XOR" => Some(TokenKind::Xor),
                "NEAR" => self.distance().map(|d| TokenKind::Near(Form::Near(d))),
                "ADJ" => self.distance().map(|d| TokenKind::Near(Form::Adj(d))),
                _ => None,
            };
            if let Some(operator) = operator {
                self.push(operator, start);
                return Ok(());
            }
        }
        let mut words = vec![word];
        let next = self.peek_at(self.at);
        if next == Some('*') && self.peek_at(self.at + 1).is_none_or(|c| !is_word_char(c)) {
            self.at += 1;
            self.push(TokenKind::Text { text: Text { prefix, form: Form::Wildcard, words }, bare: false }, start);
            return Ok(());
        }
        loop {
            let rest = &self.text[self.at..];
            let skip = rest.find(|c| !joins_phrase(c)).unwrap_or(rest.len());
            if skip == 0 || !self.peek_at(self.at + skip).is_some_and(is_word_char) {
                break;
            }
            self.at += skip;
            words.push(self.next_word().0);
        }
        let bare = words.len() == 1;
        let stems = bare && stems && !next.is_some_and(prevents_stem);
        let form = if stems { Form::Stem } else { Form::Phrase };
        self.push(TokenKind::Text { text: Text { prefix, form, words }, bare }, start);
        Ok(())
    }

    /// What follows `NEAR` or `ADJ`; `None` if that makes a word of it.
    fn distance(&mut self) -> Option<u32> {
        let rest = &self.text[self.at..];
        let Some(digits) = rest.strip_prefix('/') else {
            return Some(DEFAULT_DISTANCE);
        };
        let len = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        let ends = digits[len..].chars().next().is_none_or(|c| is_space(c) || c == ')');
        let distance = digits[..len].parse().ok().filter(|&d| d > 0 && ends)?;
        self.at += 1 + len;
        Some(distance)
    }
}

fn bounds(value: Value) -> Bounds {
    let Some((from, to)) = value.text.split_once("..") else {
        return Bounds::One(value);
    };
    let end = |text: &str| {
        let text = text.trim();
        (!text.is_empty()).then(|| Value { text: text.to_owned(), span: value.span.clone() })
    };
    Bounds::Between(end(from), end(to))
}
