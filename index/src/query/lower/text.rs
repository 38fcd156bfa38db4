//! Which fields a prefix searches for words, as public-inbox's table of prefixes has it.

use super::{Lowering, Match, Plan, Searched};
use crate::query::ast::{Form, Text};
use crate::query::prefix::Prefix;
use crate::query::{QueryError, Span};
use crate::schema::Fields;
use crate::terms::{lower, parts, stem};

/// How much less a part of an identifier weighs than a whole word.
const IDENT_BOOST: f32 = 0.1;

/// The text fields of a prefix; `None` are the default ones. Nobody means To, Cc or List-Id without saying so.
pub(super) fn fields_of(prefix: Option<Prefix>, f: &Fields) -> Vec<Searched> {
    let one = |name, text| vec![Searched { name, text }];
    let non_quoted = || {
        [("nq", f.body), ("dfn", f.dfn), ("dfa", f.dfa), ("dfb", f.dfb), ("dfhh", f.dfhh), ("dfctx", f.dfctx)]
            .map(|(name, text)| Searched { name, text })
            .to_vec()
    };
    let join = |lists: &[Vec<Searched>]| lists.concat();
    match prefix {
        None => join(&[
            one("m", f.mid_words),
            one("s", f.subject),
            one("f", f.from),
            one("q", f.quoted),
            one("n", f.filename),
            non_quoted(),
        ]),
        Some(Prefix::Subject) => one("s", f.subject),
        Some(Prefix::MidWords) => one("m", f.mid_words),
        Some(Prefix::List) => one("l", f.list_words),
        Some(Prefix::From) => one("f", f.from),
        Some(Prefix::To) => one("t", f.to),
        Some(Prefix::Cc) => one("c", f.cc),
        Some(Prefix::ToCc) => join(&[one("t", f.to), one("c", f.cc)]),
        Some(Prefix::Addresses | Prefix::ToCcFrom) => join(&[one("t", f.to), one("c", f.cc), one("f", f.from)]),
        Some(Prefix::FileName) => one("n", f.filename),
        Some(Prefix::Quoted) => one("q", f.quoted),
        Some(Prefix::NonQuoted) => non_quoted(),
        Some(Prefix::Body) => join(&[non_quoted(), one("q", f.quoted)]),
        Some(Prefix::BodySubject) => join(&[non_quoted(), one("q", f.quoted), one("s", f.subject)]),
        Some(Prefix::DiffName) => one("dfn", f.dfn),
        Some(Prefix::DiffRemoved) => one("dfa", f.dfa),
        Some(Prefix::DiffAdded) => one("dfb", f.dfb),
        Some(Prefix::DiffHunk) => one("dfhh", f.dfhh),
        Some(Prefix::DiffContext) => one("dfctx", f.dfctx),
        Some(_) => vec![],
    }
}

/// Whether the prefix also searches blob ids and patch ids, as words of the body.
fn has_ids(prefix: Option<Prefix>) -> bool {
    matches!(prefix, None | Some(Prefix::NonQuoted | Prefix::Body | Prefix::BodySubject))
}

/// Lower-case parts of words as the index of identifiers has them.
fn ident_parts(words: &[String]) -> Vec<String> {
    words.iter().flat_map(|word| parts(word)).map(|part| part.chars().map(lower).collect()).collect()
}

impl Lowering<'_> {
    pub(super) fn text(&self, text: &Text, span: &Span) -> Result<Plan, QueryError> {
        let f = self.context.fields();
        if text.prefix == Some(Prefix::Ident) {
            return Ok(match text.form {
                Form::Wildcard => Plan::Prefix("id", f.ident, text.words[0].clone()),
                _ => Plan::Ident(f.ident, ident_parts(&text.words), 1.0),
            });
        }
        let words = text.words.clone();
        let found = match text.form {
            Form::Stem => Match::Stem(stem(&words[0])),
            Form::Phrase => Match::Exact(words),
            Form::Wildcard => Match::Prefix(words[0].clone()),
            Form::Adj(distance) => Match::Adj(words, distance),
            Form::Near(distance) => Match::Near(words, distance),
        };
        let mut any = vec![Plan::Words(fields_of(text.prefix, f), found)];
        let word = &text.words[0];
        if has_ids(text.prefix) && text.words.len() == 1 && word.bytes().all(|b| b.is_ascii_hexdigit()) {
            match text.form {
                Form::Phrase if word.len() >= 7 => any.extend([
                    Plan::Prefix("dfpre", f.dfpre, word.clone()),
                    Plan::Prefix("dfpost", f.dfpost, word.clone()),
                    Plan::Term("patchid", f.patchid, word.clone()),
                ]),
                Form::Wildcard => any.extend(
                    [("dfpre", f.dfpre), ("dfpost", f.dfpost), ("patchid", f.patchid)]
                        .map(|(name, field)| Plan::Prefix(name, field, word.clone())),
                ),
                _ => {}
            }
        }
        if text.prefix.is_none() && self.context.ident_in_default() && matches!(text.form, Form::Stem | Form::Phrase) {
            any.push(Plan::Ident(f.ident, ident_parts(&text.words), IDENT_BOOST));
        }
        let plan = if any.len() == 1 { any.remove(0) } else { Plan::Or(any) };
        if text.prefix == Some(Prefix::List) { self.on_mail(plan, span) } else { Ok(plan) }
    }
}
