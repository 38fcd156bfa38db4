//! Any sequence of keys, sizes and answers: no panic, every frame within the screen, no draft lost, nothing sent or applied
//! without Ctrl-y.

use std::path::PathBuf;
use std::sync::Arc;

use provenance_corpus::catalogue::Catalogue;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::KeyModifiers;

use super::*;
use crate::tui::draw::draw;
use crate::tui::facts::{Brief, HitRow, Tree, TreeRow};
use crate::tui::keys::Preset;
use crate::tui::lab::News;
use crate::tui::page::build::{Beside, build};
use crate::tui::screen::lineage::build::build as lineage;

const MAIL: &str = "From: Ada <ada@example.org>\nSubject: [PATCH 1/2] bpf: \u{1b}[31m日本 take\nMessage-ID: <m0@made.example>\n\n\
    Text, see https://lore.kernel.org/r/m1@made.example and Fixes: 0123456789ab\n> one\n> two\n> three\n> four\n> five\n> six\n> seven\n\
    Signed-off-by: Ada <ada@example.org>\n---\ndiff --git a/a.c b/a.c\n--- a/a.c\n+++ b/a.c\n@@ -1,2 +1,2 @@ f\n-\told text_poke();\n\
    +\tnew text_poke(); /* c */\n \tx\ndiff --git a/b.c b/b.c\n--- a/b.c\n+++ b/b.c\n@@ -1 +1,2 @@\n a\n+b\n";

#[derive(Clone, Debug)]
enum Step {
    Key(KeyCode, bool),
    Size(u16, u16),
}

/// A sequence that repeats: xorshift64*.
struct Chance(u64);

impl Chance {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % n
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    fn step(&mut self) -> Step {
        use KeyCode::{
            Backspace, Char, Delete, Down, End, Enter, Esc, F, Home, Left, PageDown, PageUp, Right, Tab, Up,
        };
        const NAMED: [KeyCode; 15] =
            [Enter, Esc, Tab, Up, Down, Left, Right, PageDown, PageUp, Home, End, Backspace, Delete, Char(' '), F(1)];
        const FAR: [char; 4] = ['é', '日', '\u{301}', '\u{202e}'];
        // Keys that go somewhere, oftener than chance would.
        const WAYS: [char; 11] = ['r', 'a', 'b', 'm', 'i', 'q', 'j', '@', 'S', 'c', 'v'];
        match self.below(30) {
            0..=11 => Step::Key(Char(char::from(b'!' + self.below(94) as u8)), false),
            12 => Step::Key(Char(self.of(&FAR)), false),
            13..=18 => Step::Key(self.of(&NAMED), false),
            19..=21 => Step::Key(Char(char::from(b'a' + self.below(26) as u8)), true),
            22..=28 => Step::Key(Char(self.of(&WAYS)), false),
            _ => Step::Size(self.below(220) as u16, self.below(70) as u16),
        }
    }
}

/// Workers that answer at once, out of what is here.
struct World {
    catalogue: Catalogue,
    drafts: u32,
    forbidden: bool,
}

impl World {
    fn answer(&mut self, effect: Effect, confirmed: bool) -> Vec<Msg> {
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
            Effect::Lineage { ask, slug } => {
                let facts = lineage(&self.catalogue, &slug, |mail| mail.as_str().len().is_multiple_of(2));
                vec![Msg::Lineage { ask, facts: Box::new(facts) }]
            }
            Effect::Lab(job) => vec![
                Msg::Lab(News { job, run: Run::Running("…".into(), Vec::new()) }),
                Msg::Lab(News { job, run: Run::Ended("crashed by SIGSEGV".into()) }),
            ],
            Effect::Draft { id, .. } => {
                self.drafts += 1;
                let path = PathBuf::from(format!("/state/drafts/{}.eml", self.drafts));
                vec![Msg::Drafted(Draft { path, answers: id, ..Draft::default() })]
            }
            Effect::Edit(path) | Effect::LookAtDraft(path) => vec![Msg::Edited(Ok(Draft { path, ..Draft::default() }))],
            Effect::Send(_) | Effect::Apply { .. } => {
                self.forbidden |= !confirmed;
                vec![Msg::Failed("refused".into())]
            }
            _ => Vec::new(),
        }
    }
}

fn play(steps: &[Step], preset: Preset) {
    let mut world = World { catalogue: Catalogue::built_in().expect("it loads"), drafts: 0, forbidden: false };
    let mut model = Model::new((80, 24), Theme::Dark, false, Keymap::preset(preset));
    let mut effects = model.begin("", None);
    let mechanisms = vec![("ftrace".to_owned(), "ftrace".to_owned()), ("bpf-dispatcher".to_owned(), String::new())];
    effects.extend(update(&mut model, Msg::Opened(Box::new(Opened { mechanisms, ..Opened::default() }))));
    let mut terminal = Terminal::new(TestBackend::new(80, 24)).expect("a buffer");
    for (at, step) in steps.iter().enumerate() {
        let mut round = 0;
        while !effects.is_empty() && round < 20 {
            round += 1;
            let told: Vec<Msg> = effects.drain(..).flat_map(|e| world.answer(e, confirmed_before(steps, at))).collect();
            for msg in told {
                effects.extend(update(&mut model, msg));
            }
        }
        let msg = match step {
            Step::Key(code, control) => {
                let modifiers = if *control { KeyModifiers::CONTROL } else { KeyModifiers::NONE };
                Msg::Key(KeyEvent::new(*code, modifiers))
            }
            Step::Size(columns, rows) => {
                terminal = Terminal::new(TestBackend::new(*columns, *rows)).expect("a buffer");
                Msg::Resize(*columns, *rows)
            }
        };
        effects.extend(update(&mut model, msg));
        if at % 7 == 0 || matches!(step, Step::Size(..)) {
            terminal.draw(|frame| draw(&model, frame)).expect("it draws");
        }
        assert!(!world.forbidden, "sent or applied without Ctrl-y");
        assert_eq!(model.desk.drafts.len(), world.drafts as usize, "a draft was lost");
        // Quitting ends the program; here the keys go on.
        effects.retain(|e| !matches!(e, Effect::Quit));
        if model.stack.len() > 40 {
            model.stack.truncate(1);
        }
    }
}

/// Whether the key before this step was Ctrl-y.
fn confirmed_before(steps: &[Step], at: usize) -> bool {
    at > 0 && matches!(steps[at - 1], Step::Key(KeyCode::Char('y'), true))
}

#[test]
fn ten_thousand_keys_lose_nothing() {
    for (preset, seed) in [(Preset::Vi, 1), (Preset::Mutt, 2)] {
        let mut chance = Chance(seed);
        let steps: Vec<Step> = (0..10_000).map(|_| chance.step()).collect();
        play(&steps, preset);
    }
}

#[test]
fn short_random_scripts_lose_nothing() {
    for seed in 3..23 {
        let mut chance = Chance(seed);
        let steps: Vec<Step> = (0..150).map(|_| chance.step()).collect();
        play(&steps, Preset::Vi);
    }
}
