//! Any sequence of keys, sizes and answers: no panic, every frame within the screen, no draft lost, nothing sent or applied
//! without Ctrl-y.

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::KeyModifiers;
use world::World;

use super::*;
use crate::draw::draw;
use crate::keys::Preset;

mod world;

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

fn play(steps: &[Step], preset: Preset) {
    let mut world = World::new();
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
