//! An [`Ast`] into a [`Plan`]: which fields are searched for what, with dates resolved, macros expanded and sets run.
//!
//! `l:` and `lid:` ask for the mail, that is the union of its copies; everything else asks for one copy. So they are
//! run first and become a set of keys. Threads and commits become sets of hashes of Message-IDs.

mod mechanism;
mod run;
mod text;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use rustc_hash::FxHashSet;
use tantivy::query::Query;
use tantivy::schema::Field;

use super::ast::{Ast, Bounds, Expr, Node, Value};
use super::dates;
use super::prefix::Prefix;
use super::{Problem, QueryError, Span};
use crate::schema::{Fields, Text};

pub use mechanism::MechanismMacro;
pub use run::{IdSetQuery, XorQuery};

/// A set of keys, or of hashes of Message-IDs.
pub type IdSet = Arc<FxHashSet<u64>>;

/// What lowering must ask others for.
pub trait Context {
    /// The fields of the index.
    fn fields(&self) -> &Fields;

    /// Seconds since 1970, for dates such as `2.days.ago`.
    fn now(&self) -> i64;

    /// The [`Fields::key`]s of all copies that a query matches.
    ///
    /// # Errors
    /// If the index cannot be read.
    fn keys_of(&self, query: &dyn Query) -> tantivy::Result<IdSet>;

    /// The [`Fields::mid_hash`]es of all mails in the threads of those that a query matches.
    ///
    /// # Errors
    /// If the index or the links cannot be read.
    fn threads_of(&self, query: &dyn Query) -> tantivy::Result<IdSet>;

    /// What a mechanism of the catalogue, or an alias of one, is known by.
    ///
    /// # Errors
    /// The nearest name, if there is one, where nothing is called so.
    fn mechanism(&self, name: &str) -> Result<MechanismMacro, Option<String>>;

    /// The hashes of the Message-IDs of patches that became commits, or did not; `None` without commits.
    fn landed(&self, _yes: bool) -> Option<IdSet> {
        None
    }

    /// The hashes of the Message-IDs that belong to a commit, by the beginning of its id; `None` without commits.
    fn commit(&self, _hash: &str) -> Option<IdSet> {
        None
    }

    /// Whether a word without prefix also searches the parts of identifiers, ranked below whole words.
    ///
    /// Off by default: hits sorted by date show no rank, so the additions could not be told from what the same
    /// query finds on lore. `id:` asks for them.
    fn ident_in_default(&self) -> bool {
        false
    }
}

/// A text field by its name.
#[derive(Clone, Copy, Debug)]
pub struct Searched {
    /// The prefix that searches this field alone.
    pub name: &'static str,
    /// The field.
    pub text: Text,
}

/// How words are matched in a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Match {
    /// One stem.
    Stem(String),
    /// Words side by side; one or more.
    Exact(Vec<String>),
    /// The beginning of a word.
    Prefix(String),
    /// In this order, neighbours up to this many steps apart in all.
    Adj(Vec<String>, u32),
    /// The same in any order.
    Near(Vec<String>, u32),
}

/// What is run. Every leaf names what it searches.
#[derive(Clone, Debug)]
pub enum Plan {
    /// Every mail.
    All,
    /// No mail, and why.
    Nothing(&'static str),
    /// All of them.
    And(Vec<Plan>),
    /// Any of them.
    Or(Vec<Plan>),
    /// An odd number of them.
    Xor(Vec<Plan>),
    /// Everything else.
    Not(Box<Plan>),
    /// Words in any of some fields.
    Words(Vec<Searched>, Match),
    /// Parts of identifiers side by side, weighted.
    Ident(Field, Vec<String>, f32),
    /// One exact term.
    Term(&'static str, Field, String),
    /// Terms with this beginning.
    Prefix(&'static str, Field, String),
    /// A closed range of a signed number.
    Signed(&'static str, Field, Option<i64>, Option<i64>),
    /// A closed range of an unsigned number.
    Unsigned(&'static str, Field, Option<u64>, Option<u64>),
    /// A field's value is in a set; the text tells where the set comes from.
    InSet(&'static str, IdSet, String),
    /// A macro by its name, and what it stands for.
    Macro(String, Box<Plan>),
}

/// A query ready to run.
#[derive(Debug)]
pub struct Lowered {
    /// What tantivy runs.
    pub query: Box<dyn Query>,
    /// The same, to be told to a human.
    pub plan: Plan,
    /// The last second that is shown, from `as-of:`.
    pub as_of: Option<i64>,
    /// Whether the answer depends on the catalogue (`mech:`, `is:event`).
    pub uses_catalogue: bool,
    /// The texts and stems that a hit may be marked with.
    pub words: Vec<Match>,
}

/// Lowers a query.
///
/// # Errors
/// A value that is wrong for its prefix, a date that nobody understands, an unknown mechanism, commits where none are
/// indexed, or an index that cannot be read; each with its place in the query.
pub fn lower(ast: &Ast, context: &dyn Context) -> Result<Lowered, QueryError> {
    let mut lowering = Lowering { context, uses_catalogue: false };
    let plan = lowering.expr(&ast.root)?;
    let as_of = match &ast.as_of {
        None => None,
        Some(date) => {
            Some(dates::as_of(&date.text, context.now()).map_err(|error| Problem::from(error).at(date.span.clone()))?)
        }
    };
    let mut words = Vec::new();
    collect_words(&plan, &mut words);
    Ok(Lowered { query: run::query(&plan), plan, as_of, uses_catalogue: lowering.uses_catalogue, words })
}

fn collect_words(plan: &Plan, words: &mut Vec<Match>) {
    match plan {
        Plan::And(members) | Plan::Or(members) | Plan::Xor(members) => {
            members.iter().for_each(|m| collect_words(m, words));
        }
        Plan::Macro(_, inner) => collect_words(inner, words),
        Plan::Words(_, found) if !words.contains(found) => words.push(found.clone()),
        _ => {}
    }
}

struct Lowering<'c> {
    context: &'c dyn Context,
    uses_catalogue: bool,
}

impl Lowering<'_> {
    fn expr(&mut self, expr: &Expr) -> Result<Plan, QueryError> {
        let mut all = |members: &[Expr]| members.iter().map(|m| self.expr(m)).collect::<Result<Vec<_>, _>>();
        Ok(match &expr.node {
            Node::All => Plan::All,
            Node::And(members) => Plan::And(all(members)?),
            Node::Or(members) => Plan::Or(all(members)?),
            Node::Xor(members) => Plan::Xor(all(members)?),
            Node::Not(inner) => Plan::Not(Box::new(self.expr(inner)?)),
            Node::Text(text) => self.text(text, &expr.span)?,
            Node::Filter(prefix, value) => self.filter(*prefix, value, &expr.span)?,
            Node::Range(prefix, bounds) => self.range(*prefix, bounds)?,
            Node::Thread(sub) => {
                let plan = self.expr(sub)?;
                self.threads(&plan, &expr.span)?
            }
        })
    }

    fn threads(&self, plan: &Plan, span: &Span) -> Result<Plan, QueryError> {
        let set = self.context.threads_of(&*run::query(plan)).map_err(|e| index_error(e, span))?;
        let what = format!("threads of {}", plan.inline());
        Ok(Plan::InSet("mid_hash", set, what))
    }

    /// Runs what asks for the mail and not for the copy.
    fn on_mail(&self, plan: Plan, span: &Span) -> Result<Plan, QueryError> {
        let set = self.context.keys_of(&*run::query(&plan)).map_err(|e| index_error(e, span))?;
        let what = format!("mails with a copy of {}", plan.inline());
        Ok(Plan::InSet("key", set, what))
    }

    fn filter(&mut self, prefix: Prefix, value: &Value, span: &Span) -> Result<Plan, QueryError> {
        let f = self.context.fields();
        let name = prefix.name();
        let text = value.text.trim();
        let wrong =
            |expected| Err(Problem::Value { prefix: name, value: value.text.clone(), expected }.at(value.span.clone()));
        let bare = text.strip_prefix('<').and_then(|t| t.strip_suffix('>')).unwrap_or(text);
        let lower = bare.to_lowercase();
        let is_hex = lower.bytes().all(|b| b.is_ascii_hexdigit());
        let blob = |name, field| match lower.len() {
            7.. => Plan::Prefix(name, field, lower.clone()),
            _ => Plan::Nothing("blob ids are searched by 7 digits or more"),
        };
        Ok(match prefix {
            Prefix::Mid => Plan::Term(name, f.mid, bare.to_owned()),
            Prefix::References => Plan::Term(name, f.references, bare.to_owned()),
            Prefix::ListId => self.on_mail(Plan::Term(name, f.lid, lower), span)?,
            Prefix::DiffPre | Prefix::DiffPost | Prefix::DiffBlob if !is_hex => {
                return wrong("a blob id is 7 to 64 hexadecimal digits");
            }
            Prefix::DiffPre => blob("dfpre", f.dfpre),
            Prefix::DiffPost => blob("dfpost", f.dfpost),
            Prefix::DiffBlob => Plan::Or(vec![blob("dfpre", f.dfpre), blob("dfpost", f.dfpost)]),
            Prefix::PatchId => Plan::Term(name, f.patchid, lower),
            Prefix::ForPatchId => Plan::Term(name, f.forpatchid, lower),
            Prefix::ChangeId => Plan::Term(name, f.changeid, bare.to_owned()),
            Prefix::Trailer => trailers(name, f.trailer, &value.text),
            Prefix::Is => match lower.as_str() {
                "patch" | "cover" | "reply" | "event" => {
                    self.uses_catalogue |= lower == "event";
                    Plan::Term(name, f.is, lower)
                }
                _ => return wrong("it is one of patch, cover, reply, event"),
            },
            Prefix::Thread => self.threads(&Plan::Term("mid", f.mid, bare.to_owned()), span)?,
            Prefix::Mech => {
                self.uses_catalogue = true;
                let known = self
                    .context
                    .mechanism(text)
                    .map_err(|nearest| Problem::Mechanism { name: text.to_owned(), nearest }.at(value.span.clone()))?;
                Plan::Macro(format!("mech:{}", known.id), Box::new(known.plan(f)))
            }
            Prefix::Landed => {
                let yes = match lower.as_str() {
                    "yes" => true,
                    "no" => false,
                    _ => return wrong("it is yes or no"),
                };
                let set = self.context.landed(yes).ok_or_else(|| Problem::NoCommits(name).at(span.clone()))?;
                Plan::InSet("mid_hash", set, format!("landed:{lower}"))
            }
            Prefix::Commit if !is_hex || lower.len() < 7 => {
                return wrong("a commit is named by 7 to 64 hexadecimal digits");
            }
            Prefix::Commit => {
                let set = self.context.commit(&lower).ok_or_else(|| Problem::NoCommits(name).at(span.clone()))?;
                Plan::InSet("mid_hash", set, format!("mails of commit {lower}"))
            }
            // The rest are no filters; `as-of:` never reaches this place.
            _ => Plan::All,
        })
    }

    fn range(&self, prefix: Prefix, bounds: &Bounds) -> Result<Plan, QueryError> {
        let f = self.context.fields();
        let name = prefix.name();
        match prefix {
            Prefix::Bytes => {
                let (from, to) = numbers(name, bounds, "a number of bytes, as in z:..64k", size)?;
                Ok(Plan::Unsigned(name, f.bytes, from, to))
            }
            Prefix::Rev => {
                let (from, to) = numbers(name, bounds, "a version is a number, as in rev:2..", |t| {
                    t.strip_prefix(['v', 'V']).unwrap_or(t).parse().ok()
                })?;
                Ok(Plan::Unsigned(name, f.rev, from, to))
            }
            _ => {
                let (from, to) = dates::range(prefix, bounds, self.context.now())?;
                let field = if prefix == Prefix::Received { f.received } else { f.date };
                Ok(Plan::Signed(name, field, from, to))
            }
        }
    }
}

fn index_error(error: tantivy::TantivyError, span: &Span) -> QueryError {
    Problem::Index(error.to_string()).at(span.clone())
}

fn size(text: &str) -> Option<u64> {
    let (digits, unit) = match text.as_bytes().last()? {
        b'k' | b'K' => (&text[..text.len() - 1], 1 << 10),
        b'm' | b'M' => (&text[..text.len() - 1], 1 << 20),
        b'g' | b'G' => (&text[..text.len() - 1], 1 << 30),
        _ => (text, 1),
    };
    digits.parse::<u64>().ok()?.checked_mul(unit)
}

fn numbers(
    prefix: &'static str,
    bounds: &Bounds,
    expected: &'static str,
    read: impl Fn(&str) -> Option<u64>,
) -> Result<(Option<u64>, Option<u64>), QueryError> {
    let read = |value: &Value| {
        read(&value.text)
            .ok_or_else(|| Problem::Value { prefix, value: value.text.clone(), expected }.at(value.span.clone()))
    };
    Ok(match bounds {
        Bounds::One(value) => {
            let one = read(value)?;
            (Some(one), Some(one))
        }
        Bounds::Between(from, to) => (from.as_ref().map(read).transpose()?, to.as_ref().map(read).transpose()?),
    })
}

/// Words of one trailer that are searched apart; longer ones are titles.
const TRAILER_WORDS: usize = 24;

/// Digits that an abbreviated commit has; a search with more of them finds it too.
const ABBREVIATIONS: std::ops::RangeInclusive<usize> = 7..=20;

fn trailer_words(value: &str) -> impl Iterator<Item = String> + '_ {
    let part = |c: char| !(c.is_alphanumeric() || c == '_');
    value.split(part).filter(|word| !word.is_empty()).map(str::to_lowercase)
}

/// The terms by which a trailer is found beside its name and its whole value: each word, and each two that stand side by side,
/// so that words, names, addresses and ids of several words are found as they stand.
pub fn trailer_terms(name: &str, value: &str) -> Vec<String> {
    let name = name.trim().to_lowercase();
    let words: Vec<String> = trailer_words(value).take(TRAILER_WORDS).collect();
    let pairs = words.windows(2).map(|pair| format!("{name}\u{1}{} {}", pair[0], pair[1]));
    let mut terms: Vec<String> = words.iter().map(|word| format!("{name}\u{1}{word}")).chain(pairs).collect();
    terms.sort_unstable();
    terms.dedup();
    terms
}

/// Finds trailers by name, and by words of their value side by side, the last of which may be the beginning of one (`rob*`). A
/// commit's id finds shorter and longer ones.
fn trailers(prefix: &'static str, field: Field, text: &str) -> Plan {
    let Some((name, value)) = text.split_once(':').filter(|(_, value)| !value.trim().is_empty()) else {
        return Plan::Term(prefix, field, trailer(text));
    };
    let name = name.trim().to_lowercase();
    let words: Vec<String> = trailer_words(value).take(TRAILER_WORDS).collect();
    let term = |word: &str| format!("{name}\u{1}{word}");
    let mut all: Vec<Plan> = Vec::new();
    if value.trim_end().ends_with('*') {
        let last = words.len().saturating_sub(2);
        all.extend(
            words[..words.len().saturating_sub(1)]
                .windows(2)
                .map(|pair| Plan::Term(prefix, field, term(&pair.join(" ")))),
        );
        all.extend((!words.is_empty()).then(|| Plan::Prefix(prefix, field, term(&words[last..].join(" ")))));
    } else if let [word] = &words[..] {
        let hex = word.bytes().all(|byte| byte.is_ascii_hexdigit()) && word.len() >= *ABBREVIATIONS.start();
        let mut forms = vec![Plan::Term(prefix, field, term(word))];
        if hex {
            forms.push(Plan::Prefix(prefix, field, term(word)));
            let shorter = ABBREVIATIONS.filter(|digits| *digits >= 12 && *digits < word.len());
            forms.extend(shorter.map(|digits| Plan::Term(prefix, field, term(&word[..digits]))));
        }
        all.push(if forms.len() == 1 { forms.remove(0) } else { Plan::Or(forms) });
    } else {
        all.extend(words.windows(2).map(|pair| Plan::Term(prefix, field, term(&pair.join(" ")))));
    }
    let found = match all.len() {
        0 => return Plan::Term(prefix, field, trailer(text)),
        1 => all.remove(0),
        _ => Plan::And(all),
    };
    Plan::Or(vec![Plan::Term(prefix, field, trailer(text)), found])
}

/// `name` or `name:value`, lower case, spaces folded, as the index has it.
pub fn trailer(text: &str) -> String {
    let fold = |t: &str| t.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    match text.split_once(':') {
        None => fold(text),
        Some((name, value)) if value.trim().is_empty() => fold(name),
        Some((name, value)) => format!("{}:{}", fold(name), fold(value)),
    }
}
