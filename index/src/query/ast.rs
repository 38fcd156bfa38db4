//! What a query means, before any index is asked.

use std::fmt::{self, Display, Formatter};

use super::Span;
use super::prefix::Prefix;

/// A query.
#[derive(Clone, Debug)]
pub struct Ast {
    /// What mails must satisfy.
    pub root: Expr,
    /// `as-of:`, the date as written.
    pub as_of: Option<Value>,
    /// Minus signs stood before all that a query or parenthesis names, and were read as if they were not there.
    pub loved: bool,
}

/// Two queries are the same if they mean the same, however they were written.
impl PartialEq for Ast {
    fn eq(&self, other: &Ast) -> bool {
        self.root == other.root && self.as_of == other.as_of
    }
}

/// One node and its place.
#[derive(Clone, Debug)]
pub struct Expr {
    /// Where it stands.
    pub span: Span,
    /// What it is.
    pub node: Node,
}

/// Two expressions are the same if they mean the same, wherever they stand.
impl PartialEq for Expr {
    fn eq(&self, other: &Expr) -> bool {
        self.node == other.node
    }
}

/// What an expression is. `And`, `Or` and `Xor` have two members or more.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// Every mail; what is left of a query that is only `as-of:`.
    All,
    /// All of them.
    And(Vec<Expr>),
    /// Any of them.
    Or(Vec<Expr>),
    /// An odd number of them.
    Xor(Vec<Expr>),
    /// Everything else.
    Not(Box<Expr>),
    /// Words and phrases without a prefix.
    Text(Text),
    /// `mid:X` and the like.
    Filter(Prefix, Value),
    /// `d:A..B` and the like.
    Range(Prefix, Bounds),
    /// The threads of what the sub-query finds.
    Thread(Box<Expr>),
}

/// Words in the fields of a prefix.
#[derive(Clone, Debug, PartialEq)]
pub struct Text {
    /// `None`: the default fields.
    pub prefix: Option<Prefix>,
    /// How the words belong together.
    pub form: Form,
    /// The words, lower case, and never none.
    pub words: Vec<String>,
}

/// How words belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One word, by its stem.
    Stem,
    /// One or more words as written, side by side.
    Phrase,
    /// One beginning of a word.
    Wildcard,
    /// In any order, with up to this many steps between neighbours.
    Near(u32),
    /// In this order, with up to this many steps between neighbours.
    Adj(u32),
}

/// A value and its place.
#[derive(Clone, Debug)]
pub struct Value {
    /// The text without its quotes.
    pub text: String,
    /// Where it stands.
    pub span: Span,
}

impl PartialEq for Value {
    fn eq(&self, other: &Value) -> bool {
        self.text == other.text
    }
}

/// The ends of a range.
#[derive(Clone, Debug, PartialEq)]
pub enum Bounds {
    /// One value.
    One(Value),
    /// From the first to the second, either of which may be open.
    Between(Option<Value>, Option<Value>),
}

/// A query that parses to the same query.
impl Display for Ast {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(date) = &self.as_of {
            write!(f, "as-of:{}", quoted(&date.text))?;
            if self.root.node == Node::All {
                return Ok(());
            }
            f.write_str(" AND ")?;
            // Whatever stands beside `as-of:` must not bind less tightly than AND.
            return write_member(f, &self.root, matches!(self.root.node, Node::Or(_) | Node::Xor(_)));
        }
        Display::fmt(&self.root, f)
    }
}

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.node {
            Node::All => f.write_str("as-of:now"),
            Node::And(members) => write_members(f, members, " AND "),
            Node::Or(members) => write_members(f, members, " OR "),
            Node::Xor(members) => write_members(f, members, " XOR "),
            Node::Not(inner) => {
                f.write_str("NOT ")?;
                write_member(f, inner, is_compound(inner))
            }
            Node::Text(text) => Display::fmt(text, f),
            Node::Filter(prefix, value) => write!(f, "{}:{}", prefix.name(), quoted(&value.text)),
            Node::Range(prefix, Bounds::One(one)) => write!(f, "{}:{}", prefix.name(), quoted(&one.text)),
            Node::Range(prefix, Bounds::Between(from, to)) => {
                let end = |v: &Option<Value>| v.as_ref().map_or(String::new(), |v| v.text.clone());
                write!(f, "{}:{}", prefix.name(), quoted(&format!("{}..{}", end(from), end(to))))
            }
            Node::Thread(inner) => write!(f, "thread:{{{inner}}}"),
        }
    }
}

fn is_compound(expr: &Expr) -> bool {
    matches!(expr.node, Node::And(_) | Node::Or(_) | Node::Xor(_) | Node::Not(_))
}

fn write_members(f: &mut Formatter<'_>, members: &[Expr], operator: &str) -> fmt::Result {
    for (n, member) in members.iter().enumerate() {
        if n > 0 {
            f.write_str(operator)?;
        }
        write_member(f, member, is_compound(member) && !matches!(member.node, Node::Not(_)))?;
    }
    Ok(())
}

fn write_member(f: &mut Formatter<'_>, expr: &Expr, parens: bool) -> fmt::Result {
    if parens { write!(f, "({expr})") } else { write!(f, "{expr}") }
}

impl Display for Text {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let operator = match self.form {
            Form::Near(distance) => format!(" NEAR/{distance} "),
            Form::Adj(distance) => format!(" ADJ/{distance} "),
            _ => " ".to_owned(),
        };
        let words = self.words.join(&operator);
        let prefix = self.prefix.map_or(String::new(), |p| format!("{}:", p.name()));
        match self.form {
            Form::Stem => write!(f, "{prefix}{words}"),
            Form::Phrase => write!(f, "{prefix}\"{words}\""),
            Form::Wildcard => write!(f, "{prefix}{words}*"),
            Form::Near(_) | Form::Adj(_) if prefix.is_empty() => write!(f, "({words})"),
            Form::Near(_) | Form::Adj(_) => write!(f, "{prefix}({words})"),
        }
    }
}

/// A value as it can stand behind a prefix.
fn quoted(value: &str) -> String {
    let plain = |c: char| c > ' ' && !matches!(c, '"' | '\u{201c}' | '\u{201d}' | '(' | ')' | '{' | '}' | '\u{7f}');
    if !value.is_empty() && value.chars().all(plain) {
        value.to_owned()
    } else {
        format!("\"{}\"", value.replace('"', "\"\""))
    }
}
