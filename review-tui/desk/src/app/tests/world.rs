//! Workers that answer at once, with everything that they could say.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use provenance_corpus::catalogue::Catalogue;

use crate::draft::Draft;
use crate::facts::checked::{Beside as Line, Detail, FindingRow, Lead};
use crate::facts::series::{Cell, Column, Remark, Row, SeriesFacts};
use crate::facts::{Brief, HitRow, MapFunction, MapRow, TextMap, Tree, TreeRow};
use crate::lab::{News, Run};
use crate::msg::{Effect, Msg, Trial};
use crate::page::build::{Beside, build};
use crate::question::{Answer, Asking};
use crate::screen::diff::Lines;
use crate::screen::lineage::{History, build::build as lineage};
use crate::screen::series::Versions;
use crate::screen::text_map::Owners;
use crate::theme::Ink;

const MAIL: &str = "From: Ada <ada@example.org>\nSubject: [PATCH 1/2] bpf: \u{1b}[31m日本 take\nMessage-ID: <m0@made.example>\n\n\
    Text, see https://lore.kernel.org/r/m1@made.example and Fixes: 0123456789ab\n> one\n> two\n> three\n> four\n> five\n> six\n> seven\n\
    Signed-off-by: Ada <ada@example.org>\n---\ndiff --git a/a.c b/a.c\n--- a/a.c\n+++ b/a.c\n@@ -1,2 +1,2 @@ f\n-\told text_poke();\n\
    +\tnew text_poke(); /* c */\n \tx\ndiff --git a/b.c b/b.c\n--- a/b.c\n+++ b/b.c\n@@ -1 +1,2 @@\n a\n+b\n";

/// Workers that answer at once, out of what is here.
pub struct World {
    catalogue: Catalogue,
    /// Drafts that were written and not deleted.
    pub answered: BTreeSet<PathBuf>,
    /// Something was sent, applied, deleted or started without Ctrl-y.
    pub forbidden: bool,
}

/// A finding with all that it can have.
fn finding(n: usize) -> FindingRow {
    let leads = [Lead::None, Lead::Mail("m@made.example".to_owned()), Lead::Scenario("ftrace".to_owned()), Lead::Image];
    let detail = |lead: &Lead| Detail { label: "see".to_owned(), text: "日本 ".repeat(60), lead: lead.clone() };
    let line = |at: usize| Line {
        sign: ['+', '-', ' ', '@'][at % 4],
        number: at as u32,
        text: "x\u{301}".repeat(300),
        marked: at == 9,
    };
    FindingRow {
        id: format!("ownership-{n:08x}"),
        head: "warning[ownership]".to_owned(),
        sign: if n.is_multiple_of(2) { '!' } else { '·' },
        says: "it takes what is not its own ".repeat(n * 4),
        dismissed: (n == 3).then(|| "why".to_owned()),
        details: leads.iter().map(detail).collect(),
        beside: (0..n * 12).map(line).collect(),
        ..FindingRow::default()
    }
}

fn series(id: &str) -> SeriesFacts {
    let column = |n: usize| Column { name: format!("v{n}"), head: id.to_owned(), compared: n > 0, ..Column::default() };
    let cell = |n: usize| Cell { number: format!("{n}/9"), id: id.to_owned(), sign: '!', ..Cell::default() };
    let row =
        |n: usize| Row { title: "日本 patch".to_owned(), cells: (0..7).map(|c| (c != n).then(|| cell(c))).collect() };
    SeriesFacts {
        title: "t".to_owned(),
        columns: (0..7).map(column).collect(),
        rows: (0..40).map(row).collect(),
        remarks: vec![Remark { text: "why?".to_owned(), id: id.to_owned() }; 9],
    }
}

fn text_map() -> TextMap {
    let row = |n: usize| MapRow {
        offset: n as u64 * 5,
        bytes: vec![(0xe8, vec![n as u8 % 3]); 1 + n % 12],
        text: "call 日本".to_owned(),
        owners: "ftrace".to_owned(),
        mechanism: Some("ftrace".to_owned()),
        conflict: n == 2,
        padding: n > 20,
    };
    let function = |n: usize| MapFunction {
        name: format!("function_{n}"),
        change: "+1 −2".to_owned(),
        rows: (0..n * 9).map(row).collect(),
        ..MapFunction::default()
    };
    TextMap { images: 3, functions: (0..6).map(function).collect(), ..TextMap::default() }
}

impl World {
    /// Nothing happened yet.
    pub fn new() -> World {
        World { catalogue: Catalogue::built_in().expect("it loads"), answered: BTreeSet::new(), forbidden: false }
    }

    /// The one draft that answers a mail.
    fn draft(&mut self, id: String) -> Draft {
        let path = PathBuf::from(format!("/state/drafts/{id}.eml"));
        self.answered.insert(path.clone());
        Draft { path, answers: id, ..Draft::default() }
    }

    /// What a screen is told.
    fn told(&self, question: &Asking) -> Answer {
        if let Some(History { slug }) = question.of() {
            return Answer::new(lineage(&self.catalogue, slug, |mail| mail.as_str().len().is_multiple_of(2)));
        }
        if let Some(Versions { id }) = question.of() {
            return Answer::new(Ok::<SeriesFacts, String>(series(id)));
        }
        if question.of::<Owners>().is_some() {
            return Answer::new(Ok::<TextMap, String>(text_map()));
        }
        let ink = |n: usize| if n.is_multiple_of(9) { Ink::File } else { Ink::Added };
        let lines = (0..90).map(|n| (format!("line {n} 日本"), ink(n)));
        Answer::new(Ok::<Lines, String>(lines.collect()))
    }

    /// What the workers would tell.
    pub fn answer(&mut self, effect: Effect, confirmed: bool) -> Vec<Msg> {
        match effect {
            Effect::Search { ask, query, threads, .. } => {
                if query.contains('"') {
                    return vec![Msg::Unanswered {
                        ask,
                        what: "this quote is never closed".into(),
                        at: Some((0, query.len())),
                    }];
                }
                let row = |n: usize| HitRow {
                    id: format!("m{n}@made.example"),
                    is_mail: !n.is_multiple_of(3),
                    event: n.is_multiple_of(3).then(|| ("x".to_owned(), "ftrace".to_owned())),
                    subject: format!("subject {n} 日本"),
                    count: u32::from(threads) * 3,
                    ..HitRow::default()
                };
                let hits = |from: usize| (from..from + 30).map(row).collect();
                vec![
                    Msg::Hits { ask, from: 0, hits: hits(0), total: 60, done: false },
                    Msg::Hits { ask, from: 30, hits: hits(30), total: 60, done: true },
                ]
            }
            Effect::Thread { ask, id } => {
                let row = |n: usize| TreeRow {
                    id: if n == 1 { id.clone() } else { format!("t{n}@made.example") },
                    depth: [0, 1, 2, 3, 1, 2][n % 6],
                    last: n.is_multiple_of(2),
                    mail: (!n.is_multiple_of(5)).then(|| Brief {
                        is_patch: n.is_multiple_of(2),
                        part: Some((n as u32, 9)),
                        subject: "x".into(),
                        ..Brief::default()
                    }),
                };
                let tree = Tree { subject: "s".into(), rows: (0..12).map(row).collect(), missing: 2 };
                vec![Msg::Thread { ask, id, tree: Ok(tree) }]
            }
            Effect::Page { id } => {
                let page = build(MAIL.as_bytes(), &Beside::default(), &self.catalogue);
                vec![Msg::Page { id, page: Ok(Arc::new(page)) }]
            }
            Effect::Ask { ask, question } => vec![Msg::Answer { ask, answer: self.told(&question) }],
            Effect::Lab(job) => vec![
                Msg::Lab(News { job, run: Run::Running("…".into(), Vec::new()) }),
                Msg::Lab(News { job, run: Run::Ended("crashed by SIGSEGV".into()) }),
            ],
            Effect::Check { ask, id } if id.len().is_multiple_of(2) => vec![
                Msg::Findings { ask, id: id.clone(), rows: (0..5).map(finding).collect() },
                Msg::Checked { ask, id, said: Ok("5 findings".to_owned()) },
            ],
            Effect::Check { ask, id } => vec![Msg::Checked { ask, id, said: Err("no patch".to_owned()) }],
            Effect::DeleteDraft(path) => {
                self.forbidden |= !confirmed;
                self.answered.remove(&path);
                vec![Msg::Deleted(path)]
            }
            Effect::Paste { id, .. } => vec![Msg::Edited(Ok(self.draft(id)))],
            Effect::Answers { answers } => {
                vec![Msg::Answered(answers.into_iter().map(|(id, _)| self.draft(id)).collect())]
            }
            Effect::Draft { id, .. } => vec![Msg::Drafted(self.draft(id))],
            Effect::Shell => {
                self.forbidden |= !confirmed;
                Vec::new()
            }
            Effect::Edit(path) | Effect::LookAtDraft(path) => vec![Msg::Edited(Ok(Draft { path, ..Draft::default() }))],
            Effect::TryApply { mails } => {
                vec![Msg::Tried(Box::new(Trial { mails, lines: vec!["日本".repeat(90)], would: true }))]
            }
            Effect::Send(_) | Effect::Apply { .. } => {
                self.forbidden |= !confirmed;
                vec![Msg::Failed("refused".into())]
            }
            _ => Vec::new(),
        }
    }
}
