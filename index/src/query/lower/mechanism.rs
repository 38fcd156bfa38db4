//! `mech:NAME`: what the catalogue knows a mechanism by, as a query.
//!
//! People say "static call" in passing all the time, so prose alone is no hit. A hit has
//! - a symbol of the mechanism as a whole word, or, where the symbol has several parts, an identifier that contains
//!   them side by side (`static_call` finds `__static_call_update`, not the prose "static call"), or
//! - a path of it among the files of a diff, or
//! - its name or an alias as a phrase in the *subject*, or
//! - the Message-ID of one of its events, or a reference to one, or
//! - it is one of its events.

use super::{Match, Plan, Searched};
use crate::schema::Fields;
use crate::terms::{Words, parts};

/// What a mechanism is known by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MechanismMacro {
    /// The slug, `static-call`.
    pub id: String,
    /// Names in prose: `static call`, `static key`.
    pub aliases: Vec<String>,
    /// Functions, macros and sections: `text_poke_bp`, `__mcount_loc`.
    pub symbols: Vec<String>,
    /// Files or directories: `kernel/static_call.c`.
    pub paths: Vec<String>,
    /// Message-IDs of its events, without brackets.
    pub message_ids: Vec<String>,
}

impl MechanismMacro {
    pub(super) fn plan(&self, f: &Fields) -> Plan {
        let field = |name, text| Searched { name, text };
        let code = vec![
            field("s", f.subject),
            field("q", f.quoted),
            field("nq", f.body),
            field("dfa", f.dfa),
            field("dfb", f.dfb),
            field("dfhh", f.dfhh),
            field("dfctx", f.dfctx),
        ];
        let mut any = vec![Plan::Term("mech", f.mechanism, self.id.clone())];
        for symbol in &self.symbols {
            let words = words(symbol);
            if words.is_empty() {
                continue;
            }
            let split: Vec<String> = parts(symbol).map(str::to_lowercase).collect();
            if words.len() == 1 && split.len() > 1 {
                any.push(Plan::Ident(f.ident, split, 1.0));
            }
            any.push(Plan::Words(code.clone(), Match::Exact(words)));
        }
        for path in self.paths.iter().map(|path| words(path)).filter(|words| !words.is_empty()) {
            any.push(Plan::Words(vec![field("dfn", f.dfn)], Match::Exact(path)));
        }
        for name in std::iter::once(&self.id).chain(&self.aliases).map(|name| words(name)) {
            if !name.is_empty() {
                any.push(Plan::Words(vec![field("s", f.subject)], Match::Exact(name)));
            }
        }
        for id in &self.message_ids {
            any.push(Plan::Term("mid", f.mid, id.clone()));
            any.push(Plan::Term("references", f.references, id.clone()));
        }
        Plan::Or(any)
    }
}

fn words(text: &str) -> Vec<String> {
    let mut words = Words::new(text);
    let mut word = String::new();
    let mut out = Vec::new();
    while words.next_into(&mut word).is_some() {
        out.push(word.clone());
    }
    out
}
