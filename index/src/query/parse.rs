//! Tokens into an [`Ast`].
//!
//! From loose to tight: `OR`, `XOR`, `AND` and `NOT`, then what stands side by side, then `NEAR` and `ADJ`; so
//! `a NOT b c` is a without those that have b and c, as in Xapian. Side by side means AND, but filters of
//! public-inbox with the same prefix, and ranges with the same prefix, are alternatives there.

use super::ast::{Ast, Expr, Form, Node, Text, Value};
use super::lex::{Token, TokenKind, lex};
use super::prefix::Prefix;
use super::{MAX_DEPTH, MAX_LEN, Problem, QueryError, Span};

/// The most words that `NEAR` joins: every order of them is tried.
pub const MAX_NEAR: usize = 4;

/// How many parentheses a `thread:{}` counts for, since each runs a query of its own.
const THREAD_DEPTH: usize = 25;

/// Parses a query.
///
/// # Errors
/// What does not fit together, with its place.
pub fn parse(query: &str) -> Result<Ast, QueryError> {
    if query.len() > MAX_LEN {
        return Err(Problem::TooLong(query.len()).at(0..0));
    }
    let mut as_of = None;
    let (root, loved) = parse_range(query, 0..query.len(), 0, Some(&mut as_of))?;
    Ok(Ast { root, as_of, loved })
}

/// Makes one query of the arguments of a command, as lei does: an argument with a space in it is a phrase, behind its
/// prefix if it has one (`'s:text poke'` is `s:"text poke"`). An argument that has quotes, parentheses, braces, an
/// operator, a further prefix or a prefix whose values have no spaces (`is:patch trampoline`) is a query already and
/// stays as it is.
pub fn join_args<S: AsRef<str>>(args: &[S]) -> String {
    join(args, |prefix, words| format!("{prefix}\"{words}\""))
}

/// The same with the words of each such argument side by side instead: what to look for where the phrase is nowhere. `None` if
/// there is no such argument.
pub fn join_words<S: AsRef<str>>(args: &[S]) -> Option<String> {
    let words =
        |prefix: &str, words: &str| if prefix.is_empty() { words.to_owned() } else { format!("{prefix}({words})") };
    args.iter().any(|arg| is_phrase(arg.as_ref())).then(|| join(args, words))
}

fn join<S: AsRef<str>>(args: &[S], phrase: impl Fn(&str, &str) -> String) -> String {
    let mut out = String::new();
    for arg in args {
        let arg = arg.as_ref();
        if !out.is_empty() {
            out.push(' ');
        }
        if is_phrase(arg) {
            let at = match arg.split_once(':') {
                Some((name, _)) if Prefix::named(name).is_some() => name.len() + 1,
                _ => 0,
            };
            out.push_str(&phrase(&arg[..at], &arg[at..]));
        } else {
            out.push_str(arg);
        }
    }
    out
}

fn is_phrase(arg: &str) -> bool {
    let structured = |word: &str| {
        matches!(word, "AND" | "OR" | "NOT" | "XOR" | "NEAR" | "ADJ")
            || word.starts_with(['+', '-'])
            || word.ends_with('*')
            || word.split_once(':').is_some_and(|(name, _)| Prefix::named(name).is_some())
    };
    let single = |word: &str| {
        let prefix = word.split_once(':').and_then(|(name, _)| Prefix::named(name));
        prefix.is_some_and(|prefix| !prefix.takes_spaces())
    };
    let mut words = arg.split_whitespace();
    let first = words.next().unwrap_or_default();
    !single(first)
        && arg.contains(char::is_whitespace)
        && !arg.contains(['"', '\u{201c}', '\u{201d}', '(', ')', '{', '}'])
        && !words.any(structured)
        && !arg.starts_with("NOT ")
}

/// The members of one level of parentheses.
struct Level {
    /// The `(`, and the prefix before it.
    open: Span,
    scope: Option<Prefix>,
    /// How the whole level counts in the level around it.
    hated: bool,
    ors: Vec<Expr>,
    xors: Vec<Expr>,
    ands: Vec<Expr>,
    run: Vec<Item>,
    /// `NOT` before the present run.
    negate: bool,
    /// The operator that still needs something on its right.
    waiting: Option<(String, Span)>,
    /// `-` before the next item.
    hate: bool,
    /// `NEAR` or `ADJ` before the next item.
    near: Option<Form>,
    /// See [`Ast::loved`].
    loved: bool,
}

struct Item {
    expr: Expr,
    hated: bool,
    /// A single word that `NEAR` can join.
    bare: bool,
    /// In quotes.
    quoted: bool,
}

impl Level {
    fn new(open: Span, scope: Option<Prefix>, hated: bool) -> Level {
        Level {
            open,
            scope,
            hated,
            ors: vec![],
            xors: vec![],
            ands: vec![],
            run: vec![],
            negate: false,
            waiting: None,
            hate: false,
            near: None,
            loved: false,
        }
    }

    /// An operator begins: there must be something on its left, and nothing that still waits.
    fn operator(&mut self, name: &str, span: &Span) -> Result<(), QueryError> {
        if let Some((waiting, at)) = self.waiting.take() {
            return Err(Problem::NoRight(waiting).at(at));
        }
        if self.run.is_empty() {
            return Err(Problem::NoLeft(name.to_owned()).at(span.clone()));
        }
        self.end_run();
        self.waiting = Some((name.to_owned(), span.clone()));
        Ok(())
    }

    fn end_run(&mut self) {
        if self.run.is_empty() {
            return;
        }
        let run = conjunction(std::mem::take(&mut self.run));
        let run = if std::mem::take(&mut self.negate) { not(run) } else { run };
        self.ands.push(run);
    }

    fn end_ands(&mut self) {
        self.end_run();
        let ands = std::mem::take(&mut self.ands);
        self.xors.push(and(ands));
    }

    fn end_xors(&mut self) {
        self.end_ands();
        let xors = std::mem::take(&mut self.xors);
        self.ors.push(many(xors, Node::Xor));
    }

    /// The level as one expression, and whether it loves what it was told to hate.
    fn finish(mut self) -> Result<(Expr, bool), QueryError> {
        if let Some((waiting, at)) = self.waiting.take() {
            return Err(Problem::NoRight(waiting).at(at));
        }
        if self.run.is_empty() && self.ands.is_empty() {
            return Err(Problem::EmptyParens.at(self.open));
        }
        if self.ands.is_empty() && self.xors.is_empty() && self.ors.is_empty() && !self.negate {
            self.love_the_hated();
        }
        self.end_xors();
        Ok((many(self.ors, Node::Or), self.loved))
    }

    /// What has nothing but minus signs finds what it names: to Xapian there is nothing to take it from, and it reads the words
    /// again without the signs and quotes. So `-fpatchable-function-entry` finds the flag.
    fn love_the_hated(&mut self) {
        let is_all = |item: &Item| item.expr.node == Node::All;
        if self.run.iter().all(is_all) || !self.run.iter().all(|item| item.hated || is_all(item)) {
            return;
        }
        let mut loved = Vec::new();
        for Item { expr, quoted, .. } in std::mem::take(&mut self.run) {
            let as_item = |expr| Item { expr, hated: false, bare: false, quoted: false };
            match expr.node {
                // The quote behind the last word keeps it from being stemmed.
                Node::Text(Text { prefix, form: Form::Phrase, words }) if quoted && words.len() > 1 => {
                    let last = words.len() - 1;
                    loved.extend(words.into_iter().enumerate().map(|(at, word)| {
                        let form = if at == last { Form::Phrase } else { Form::Stem };
                        let text = Text { prefix, form, words: vec![word] };
                        as_item(Expr { span: expr.span.clone(), node: Node::Text(text) })
                    }));
                }
                node => loved.push(as_item(Expr { span: expr.span, node })),
            }
        }
        self.run = loved;
        self.loved = true;
    }

    fn push(&mut self, mut expr: Expr, mut bare: bool, quoted: bool) -> Result<(), QueryError> {
        let operator = self.waiting.take();
        if let Some(form) = self.near.take() {
            let left = self.run.pop().map(|item| item.expr);
            expr = near(left, form, expr, bare).ok_or_else(|| {
                let (name, at) = operator.unwrap_or_default();
                Problem::NotAWord(name).at(at)
            })?;
            if matches!(&expr.node, Node::Text(text) if matches!(text.form, Form::Near(_)) && text.words.len() > MAX_NEAR)
            {
                return Err(Problem::TooManyNear(MAX_NEAR).at(expr.span));
            }
            bare = true;
        }
        self.run.push(Item { expr, hated: std::mem::take(&mut self.hate), bare, quoted });
        Ok(())
    }
}

fn parse_range(
    query: &str,
    range: Span,
    depth: usize,
    mut as_of: Option<&mut Option<Value>>,
) -> Result<(Expr, bool), QueryError> {
    let tokens = lex(query, range.clone())?;
    if tokens.is_empty() {
        let text = query[range.clone()].trim();
        let problem = if text.is_empty() { Problem::Empty } else { Problem::NoWord(text.to_owned()) };
        return Err(problem.at(range));
    }
    let mut level = Level::new(range, None, false);
    let mut outer: Vec<Level> = Vec::new();
    for Token { kind, span } in tokens {
        match kind {
            TokenKind::And => level.operator("AND", &span)?,
            TokenKind::Or => {
                level.operator("OR", &span)?;
                level.end_xors();
            }
            TokenKind::Xor => {
                level.operator("XOR", &span)?;
                level.end_ands();
            }
            TokenKind::Not => {
                if level.hate || level.near.is_some() {
                    return Err(no_right(&mut level));
                }
                level.end_run();
                level.negate = !level.negate;
                level.waiting = Some(("NOT".into(), span));
            }
            TokenKind::Minus if level.waiting.is_some() && level.near.is_none() => {
                level.negate = !level.negate;
                level.waiting = Some(("-".into(), span));
            }
            TokenKind::Minus | TokenKind::Plus => {
                if level.near.is_some() {
                    return Err(no_right(&mut level));
                }
                let minus = matches!(kind, TokenKind::Minus);
                level.hate = minus;
                level.waiting.get_or_insert((if minus { "-" } else { "+" }.into(), span));
            }
            TokenKind::Near(form) => {
                let name = if matches!(form, Form::Near(_)) { "NEAR" } else { "ADJ" };
                if let Some((waiting, at)) = level.waiting.take() {
                    return Err(Problem::NoRight(waiting).at(at));
                }
                match level.run.last() {
                    None => return Err(Problem::NoLeft(name.into()).at(span)),
                    Some(item) if !item.bare || item.hated => return Err(Problem::NotAWord(name.into()).at(span)),
                    Some(_) => level.near = Some(form),
                }
                level.waiting = Some((name.into(), span));
            }
            TokenKind::Open(prefix) => {
                if outer.len() + depth >= MAX_DEPTH {
                    return Err(Problem::TooDeep.at(span));
                }
                if level.near.is_some() {
                    let (name, at) = level.waiting.take().unwrap_or_default();
                    return Err(Problem::NotAWord(name).at(at));
                }
                let hated = std::mem::take(&mut level.hate);
                level.waiting = None;
                let inner = Level::new(span, prefix.or(level.scope), hated);
                outer.push(std::mem::replace(&mut level, inner));
            }
            TokenKind::Close => {
                let Some(around) = outer.pop() else {
                    return Err(Problem::UnopenedParen.at(span));
                };
                let mut inner = std::mem::replace(&mut level, around);
                let open = inner.open.start;
                inner.open = open..span.end;
                level.hate = inner.hated;
                let (mut expr, loved) = inner.finish()?;
                level.loved |= loved;
                expr.span = open..span.end;
                level.push(expr, false, false)?;
            }
            TokenKind::Text { mut text, bare } => {
                text.prefix = text.prefix.or(level.scope);
                let quoted =
                    query.get(span.clone()).is_some_and(|written| written.ends_with(['"', '\u{201c}', '\u{201d}']));
                level.push(Expr { span, node: Node::Text(text) }, bare, quoted)?;
            }
            TokenKind::Filter(Prefix::AsOf, value) => {
                let slot = as_of.as_deref_mut().filter(|slot| slot.is_none() && outer.is_empty());
                match slot {
                    Some(slot) if !level.negate && !level.hate && level.ors.is_empty() && level.xors.is_empty() => {
                        *slot = Some(value);
                    }
                    _ => return Err(Problem::AsOf.at(span)),
                }
                level.push(Expr { span, node: Node::All }, false, false)?;
            }
            TokenKind::Filter(prefix, value) => {
                level.push(Expr { span, node: Node::Filter(prefix, value) }, false, false)?;
            }
            TokenKind::Range(prefix, bounds) => {
                level.push(Expr { span, node: Node::Range(prefix, bounds) }, false, false)?;
            }
            TokenKind::SubQuery(inner, unquoted) => {
                let depth = outer.len() + depth + THREAD_DEPTH;
                if depth >= MAX_DEPTH {
                    return Err(Problem::TooDeep.at(span));
                }
                let (sub, loved) = match unquoted {
                    None => parse_range(query, inner, depth, None)?,
                    // Quoting moved the characters: all its places are the place of the whole.
                    Some(text) => parse_range(&text, 0..text.len(), depth, None)
                        .map_err(|error| error.problem.at(inner.clone()))?,
                };
                level.loved |= loved;
                level.push(Expr { span, node: Node::Thread(Box::new(sub)) }, false, false)?;
            }
        }
    }
    if !outer.is_empty() {
        return Err(Problem::UnclosedParen.at(level.open));
    }
    let alternatives = !level.ors.is_empty() || !level.xors.is_empty();
    if let Some(Some(date)) = as_of
        && alternatives
    {
        return Err(Problem::AsOf.at(date.span.clone()));
    }
    level.finish()
}

fn no_right(level: &mut Level) -> QueryError {
    let (name, at) = level.waiting.take().unwrap_or_default();
    Problem::NoRight(name).at(at)
}

/// What stands side by side: filters that are alternatives are gathered, what has a minus is taken away.
fn conjunction(run: Vec<Item>) -> Expr {
    let mut members: Vec<Expr> = Vec::new();
    let mut groups: Vec<(Prefix, usize, Vec<Expr>)> = Vec::new();
    for Item { expr, hated, .. } in run {
        let prefix = match &expr.node {
            _ if hated => None,
            Node::Filter(prefix, _) | Node::Range(prefix, _) => Some(*prefix).filter(|p| p.alternates()),
            _ => None,
        };
        match prefix {
            None => members.push(if hated { not(expr) } else { expr }),
            Some(prefix) => match groups.iter_mut().find(|(p, ..)| *p == prefix) {
                Some((.., group)) => group.push(expr),
                None => {
                    // Keeps the place of the group until it is whole.
                    groups.push((prefix, members.len(), vec![expr]));
                    members.push(Expr { span: 0..0, node: Node::All });
                }
            },
        }
    }
    for (_, at, group) in groups {
        members[at] = many(group, Node::Or);
    }
    and(members)
}

/// All of them; `as-of:` has left an [`Node::All`], which is dropped unless it stands alone.
fn and(mut members: Vec<Expr>) -> Expr {
    if members.iter().any(|m| m.node != Node::All) {
        members.retain(|m| m.node != Node::All);
    } else {
        members.truncate(1);
    }
    many(members, Node::And)
}

fn not(expr: Expr) -> Expr {
    match expr.node {
        Node::Not(inner) => *inner,
        _ => Expr { span: expr.span.clone(), node: Node::Not(Box::new(expr)) },
    }
}

/// One expression of several; members of the same kind are taken in, since all three operators are associative.
fn many(members: Vec<Expr>, node: fn(Vec<Expr>) -> Node) -> Expr {
    let kind = std::mem::discriminant(&node(vec![]));
    let mut flat = Vec::with_capacity(members.len());
    for member in members {
        let same = std::mem::discriminant(&member.node) == kind;
        match member.node {
            Node::And(inner) | Node::Or(inner) | Node::Xor(inner) if same => flat.extend(inner),
            node => flat.push(Expr { span: member.span, node }),
        }
    }
    if flat.len() == 1 {
        return flat.remove(0);
    }
    let span = flat.first().map_or(0, |e| e.span.start)..flat.last().map_or(0, |e| e.span.end);
    Expr { span, node: node(flat) }
}

/// Joins a word to the words on its left; `None` if they do not go together.
fn near(left: Option<Expr>, form: Form, right: Expr, bare: bool) -> Option<Expr> {
    let Expr { span, node: Node::Text(mut text) } = left? else { return None };
    let Expr { span: end, node: Node::Text(Text { prefix, words, .. }) } = right else { return None };
    if !bare || prefix != text.prefix {
        return None;
    }
    text.form = match (text.form, form) {
        (Form::Stem | Form::Phrase, form) => form,
        (Form::Near(a), Form::Near(b)) => Form::Near(a.max(b)),
        (Form::Adj(a), Form::Adj(b)) => Form::Adj(a.max(b)),
        _ => return None,
    };
    text.words.extend(words);
    Some(Expr { span: span.start..end.end, node: Node::Text(text) })
}
