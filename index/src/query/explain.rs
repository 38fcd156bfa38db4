//! What a query was understood as, for `--explain`: at most 80 columns, one idea a line.

use std::fmt::Write;

use super::ast::Ast;
use super::lower::{Lowered, Match, Plan};

const WIDTH: usize = 80;

/// The query as read, then what is searched where.
pub fn explain(ast: &Ast, lowered: &Lowered) -> String {
    let mut out = String::new();
    wrap(&mut out, "read as    ", &ast.to_string());
    if ast.loved {
        wrap(
            &mut out,
            "note       ",
            "where minus signs stand before everything, there is nothing to take it from: as on lore, the words are looked \
             for as if the signs were not there; `NOT word` finds everything else",
        );
    }
    if let Some(at) = lowered.as_of {
        wrap(&mut out, "as of      ", &time(at));
    }
    out.push_str("searched\n");
    tree(&lowered.plan, 1, &mut out);
    let mut run = format!("{:?}", lowered.query);
    if run.len() > 2000 {
        let end = (0..=2000).rev().find(|&at| run.is_char_boundary(at)).unwrap_or(0);
        run.truncate(end);
        run.push('…');
    }
    wrap(&mut out, "tantivy    ", &run);
    out
}

fn time(at: i64) -> String {
    jiff::Timestamp::from_second(at).map_or_else(|_| at.to_string(), |t| t.strftime("%Y-%m-%d %H:%M:%S").to_string())
}

/// Adds `text` behind `head`, broken at spaces and aligned under its beginning.
fn wrap(out: &mut String, head: &str, text: &str) {
    let indent = head.chars().count();
    let room = WIDTH.saturating_sub(indent).max(20);
    let mut line = String::new();
    let mut head = head.to_owned();
    let mut flush = |line: &mut String| {
        let _ = writeln!(out, "{head}{line}");
        head = " ".repeat(indent);
        line.clear();
    };
    let mut len = 0;
    for word in text.split_whitespace() {
        let mut word: Vec<char> = word.chars().collect();
        if len > 0 && len + 1 + word.len() > room {
            flush(&mut line);
            len = 0;
        }
        while word.len() > room {
            line.extend(word.drain(..room));
            flush(&mut line);
        }
        if len > 0 {
            line.push(' ');
            len += 1;
        }
        len += word.len();
        line.extend(word);
    }
    flush(&mut line);
}

fn tree(plan: &Plan, depth: usize, out: &mut String) {
    let head = "  ".repeat(depth.min(20));
    let mut group = |name: &str, members: &[Plan]| {
        wrap(out, &head, name);
        members.iter().for_each(|member| tree(member, depth + 1, out));
    };
    match plan {
        Plan::And(members) => group("all of", members),
        Plan::Or(members) => group("any of", members),
        Plan::Xor(members) => group("an odd number of", members),
        Plan::Not(inner) => group("none of", std::slice::from_ref(inner)),
        Plan::Macro(name, inner) => group(&format!("{name}, from the catalogue:"), std::slice::from_ref(inner)),
        leaf => wrap(out, &head, &leaf.inline()),
    }
}

impl Plan {
    /// The plan on one line.
    pub fn inline(&self) -> String {
        let join = |members: &[Plan], operator: &str| {
            let members: Vec<_> = members.iter().map(Plan::inline).collect();
            format!("({})", members.join(operator))
        };
        let number = |n: &Option<u64>| n.map_or(String::new(), |n| n.to_string());
        match self {
            Plan::All => "every mail".to_owned(),
            Plan::Nothing(why) => format!("nothing: {why}"),
            Plan::And(members) => join(members, " AND "),
            Plan::Or(members) => join(members, " OR "),
            Plan::Xor(members) => join(members, " XOR "),
            Plan::Not(inner) => format!("NOT {}", inner.inline()),
            Plan::Words(fields, found) => {
                let names: Vec<_> = fields.iter().map(|field| field.name).collect();
                format!("{} in {}", found.inline(), names.join(" "))
            }
            Plan::Ident(_, parts, boost) if *boost < 1.0 => {
                format!("parts \"{}\" in id, weighing {boost}", parts.join(" "))
            }
            Plan::Ident(_, parts, _) => format!("parts \"{}\" in id", parts.join(" ")),
            Plan::Term(name, _, text) => format!("{name} is {text}"),
            Plan::Prefix(name, _, text) => format!("{name} begins with {text}"),
            Plan::Signed(name, _, from, to) => {
                let end = |at: &Option<i64>| at.map_or("open".to_owned(), time);
                format!("{name} from {} to {}", end(from), end(to))
            }
            Plan::Unsigned(name, _, from, to) => format!("{name} {}..{}", number(from), number(to)),
            Plan::InSet(_, set, what) => format!("{what} [{}]", set.len()),
            Plan::Macro(name, _) => name.clone(),
        }
    }
}

impl Match {
    fn inline(&self) -> String {
        match self {
            Match::Stem(stem) => format!("stem {stem}"),
            Match::Exact(words) if words.len() == 1 => format!("word {}", words[0]),
            Match::Exact(words) => format!("phrase \"{}\"", words.join(" ")),
            Match::Prefix(text) => format!("words {text}*"),
            Match::Adj(words, distance) => format!("{} in this order within {distance}", words.join(" ")),
            Match::Near(words, distance) => format!("{} within {distance}", words.join(" ")),
        }
    }
}
