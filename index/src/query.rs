//! The query language: public-inbox's, with our additions.
//!
//! A query passes through [`lex`] and [`mod@parse`] into an [`Ast`] whose every node knows its place in the query, is
//! checked and turned by [`lower`] into what tantivy runs, and is told to a human by [`explain`].
//!
//! ```
//! use provenance_index::query::parse;
//! let ast = parse(r#"s:"text poke" AND NOT f:somebody"#)?;
//! assert_eq!(ast.to_string(), r#"s:"text poke" AND NOT f:somebody"#);
//! let error = parse("s:x OR").unwrap_err();
//! assert_eq!(error.to_string(), "`OR` needs something on its right");
//! # Ok::<(), provenance_index::query::QueryError>(())
//! ```

pub mod ast;
pub mod dates;
pub mod explain;
pub mod lex;
pub mod lower;
pub mod parse;
pub mod prefix;

#[cfg(test)]
mod tests;

use std::fmt::Write;
use std::ops::Range;

pub use ast::{Ast, Expr};
pub use parse::{join_args, join_words, parse};

/// Where something stands in the query, in bytes.
pub type Span = Range<usize>;

/// The longest query in bytes.
pub const MAX_LEN: usize = 64 << 10;

/// How deep parentheses and `thread:{}` may nest.
pub const MAX_DEPTH: usize = 200;

/// What is wrong with a query, and where.
#[derive(Debug, thiserror::Error)]
#[error("{problem}")]
pub struct QueryError {
    /// What is wrong.
    pub problem: Problem,
    /// Where; empty at the end of the query.
    pub span: Span,
}

/// What can be wrong with a query.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// Nothing to search for.
    #[error("the query is empty")]
    Empty,
    /// Punctuation alone.
    #[error("there is no word to search for in `{0}`")]
    NoWord(String),
    /// Over [`MAX_LEN`].
    #[error("the query has {0} bytes; {MAX_LEN} are allowed")]
    TooLong(usize),
    /// Over [`MAX_DEPTH`].
    #[error("parentheses are nested deeper than {MAX_DEPTH}")]
    TooDeep,
    /// `"` without its partner.
    #[error("this quote is never closed")]
    UnclosedQuote,
    /// `(` without `)`.
    #[error("this parenthesis is never closed")]
    UnclosedParen,
    /// `thread:{` without `}`.
    #[error("this brace is never closed")]
    UnclosedBrace,
    /// `)` without `(`.
    #[error("nothing is open that this parenthesis could close")]
    UnopenedParen,
    /// `()`.
    #[error("there is nothing in these parentheses")]
    EmptyParens,
    /// `""`.
    #[error("there is no word in these quotes")]
    EmptyPhrase,
    /// An operator with nothing behind it.
    #[error("`{0}` needs something on its right")]
    NoRight(String),
    /// An operator with nothing before it.
    #[error("`{0}` needs something on its left")]
    NoLeft(String),
    /// `NEAR` or `ADJ` beside something that is not a word.
    #[error("`{0}` joins single words only; put them side by side without prefix, quotes or parentheses")]
    NotAWord(String),
    /// `NEAR` among too many words.
    #[error("`NEAR` joins at most {0} words")]
    TooManyNear(usize),
    /// `s: x`.
    #[error("`{0}:` needs its value right behind the colon, without a space; write \"{0}\" to search for the word")]
    NoValue(String),
    /// `mid:(`.
    #[error("`{0}:` takes one value; write ({0}:A OR {0}:B)")]
    OneValue(&'static str),
    /// `dfpots:`.
    #[error("`{written}:` is no prefix; did you mean `{meant}:`? put it in quotes to search for the text")]
    Typo {
        /// As written.
        written: String,
        /// The nearest prefix.
        meant: &'static str,
    },
    /// `from:`, which other programs have.
    #[error(
        "`{written}:` is no prefix here; write `{ours}:` for {meaning}, or put it in quotes to search for the text"
    )]
    Foreign {
        /// As written.
        written: String,
        /// The prefix that does it here.
        ours: &'static str,
        /// What ours searches.
        meaning: &'static str,
    },
    /// A value that cannot be right for its prefix.
    #[error("`{value}` is not a value of `{prefix}:`; {expected}")]
    Value {
        /// The prefix.
        prefix: &'static str,
        /// What was written.
        value: String,
        /// What would be right.
        expected: &'static str,
    },
    /// `uid:`.
    #[error("`uid:` numbers mails within one public-inbox, and there are several here; use mid:MESSAGE-ID")]
    Uid,
    /// `as-of:` inside an alternative or a negation, or twice.
    #[error("`as-of:` holds for the whole query; write it once, outside of OR, NOT and thread:")]
    AsOf,
    /// A date.
    #[error(transparent)]
    Date(#[from] dates::DateError),
    /// `mech:` of something unknown.
    #[error("no mechanism is called `{name}`{}", nearest.as_ref().map(|n| format!("; did you mean `{n}`?")).unwrap_or_default())]
    Mechanism {
        /// As written.
        name: String,
        /// The nearest one.
        nearest: Option<String>,
    },
    /// `landed:` or `commit:` without commits.
    #[error("`{0}:` needs commits, and none are indexed; attach a tree with `provenance index --repo PATH`")]
    NoCommits(&'static str),
    /// A sub-query or the index failed.
    #[error("the index could not be read: {0}")]
    Index(String),
}

impl Problem {
    /// Says where the problem is.
    pub fn at(self, span: Span) -> QueryError {
        QueryError { problem: self, span }
    }
}

impl QueryError {
    /// The query with the place marked under it, as `  s:x OR` over `    ~^`: at most 76 columns of the query
    /// around the place.
    pub fn render(&self, query: &str) -> String {
        let start = floor(query, self.span.start);
        let end = floor(query, self.span.end.max(start)).max(start);
        let clean = |text: &str| text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>();
        let before: Vec<char> = clean(&query[..start]).chars().collect();
        let place = clean(&query[start..end]);
        let after = clean(&query[end..]);
        let kept = before.len().min(40);
        let cut = before.len() > kept;
        let mut line: String = before[before.len() - kept..].iter().collect();
        let mut out = String::from("  ");
        let mut mark = String::from("  ");
        if cut {
            out.push('…');
            mark.push(' ');
        }
        let place_len = place.chars().count().clamp(1, 34);
        let _ = write!(mark, "{}{}^", " ".repeat(width(&line)), "~".repeat(place_len - 1));
        line.push_str(&place);
        line.push_str(&after);
        out.extend(line.chars().take(74));
        format!("{}\n{}", out.trim_end(), mark)
    }
}

fn width(text: &str) -> usize {
    text.chars().count()
}

fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
