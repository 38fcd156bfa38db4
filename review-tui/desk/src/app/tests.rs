//! Any sequence of keys, sizes and answers: no panic, every frame within the screen, no draft lost, nothing sent or applied
//! without Ctrl-y.

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::KeyModifiers;
use world::World;

use super::*;
use crate::draw::draw;
use crate::facts::Opened;
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
        // Mostly slow fingers.
        if at % 4 > 0 {
            effects.extend(update(&mut model, Msg::Quiet));
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
        assert!(!world.forbidden, "sent, applied, deleted or started without Ctrl-y");
        assert_eq!(
            model.desk.drafts.len(),
            world.answered.len(),
            "a draft was lost, or one is not the only one of its mail"
        );
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

/// What writes a file or starts a program. That a mail was read is kept without a key.
fn is_deed(effect: &Effect) -> bool {
    use crate::state::Fact;
    match effect {
        Effect::Record(fact) => !matches!(fact, Fact::Read { .. }),
        Effect::Search { .. } | Effect::Thread { .. } | Effect::Page { .. } | Effect::Ask { .. } => false,
        Effect::Check { .. } | Effect::LookAtDraft(_) | Effect::Redraw | Effect::Quit => false,
        _ => true,
    }
}

fn key(model: &mut Model, c: char) -> Vec<Effect> {
    let code = match c {
        '\n' => KeyCode::Enter,
        '\t' => KeyCode::Tab,
        c => KeyCode::Char(c),
    };
    update(model, Msg::Key(KeyEvent::new(code, KeyModifiers::NONE)))
}

/// Opens a screen by `keys`, lets the workers tell `moment` things, types a text in one go, and lets them tell the rest.
/// Returns whether there was so much to tell, and what was lost.
fn burst(keys: &str, moment: usize, text: &str) -> (bool, bool) {
    let mut world = World::new();
    let mut model = Model::new((100, 30), Theme::Dark, false, Keymap::preset(Preset::Vi));
    let mut waiting: std::collections::VecDeque<Msg> = std::collections::VecDeque::new();
    let tell = |world: &mut World, effects: Vec<Effect>, waiting: &mut std::collections::VecDeque<Msg>| {
        waiting.extend(effects.into_iter().flat_map(|effect| world.answer(effect, false)));
    };
    let begun = model.begin("", None);
    tell(&mut world, begun, &mut waiting);
    for c in keys[..keys.len() - 1].chars() {
        while let Some(msg) = waiting.pop_front() {
            let effects = update(&mut model, msg);
            tell(&mut world, effects, &mut waiting);
        }
        let effects = key(&mut model, c);
        tell(&mut world, effects, &mut waiting);
    }
    while let Some(msg) = waiting.pop_front() {
        let effects = update(&mut model, msg);
        tell(&mut world, effects, &mut waiting);
    }
    // From here on the workers are slow.
    let effects = key(&mut model, keys.chars().last().expect("a key"));
    tell(&mut world, effects, &mut waiting);
    for _ in 0..moment {
        let Some(msg) = waiting.pop_front() else { return (false, false) };
        let effects = update(&mut model, msg);
        tell(&mut world, effects, &mut waiting);
    }
    if !model.is_loading() {
        return (false, false);
    }
    let mut told = false;
    for c in text.chars() {
        // What the workers tell comes in between.
        let effects = key(&mut model, c);
        assert!(!effects.iter().any(is_deed), "{keys:?}, moment {moment}, {text:?}: {c:?} did {effects:?}");
        told |= model.desk.notice.as_ref().is_some_and(|(said, _)| said.contains("still loading"));
        tell(&mut world, effects, &mut waiting);
        if let Some(msg) = waiting.pop_front() {
            let effects = update(&mut model, msg);
            // The draft that the last of `keys` asked for is opened, as it was asked.
            let asked = |e: &Effect| matches!(e, Effect::Edit(_)) && keys.ends_with('r');
            let did = effects.iter().any(|e| is_deed(e) && !asked(e));
            assert!(!did, "{keys:?}, moment {moment}, {text:?}: {effects:?}");
            tell(&mut world, effects, &mut waiting);
        }
    }
    (true, told)
}

#[test]
fn bursts_at_every_moment_of_loading_do_nothing() {
    let printable: String = (b' '..=b'~').map(char::from).collect();
    let mut bursts = vec![
        "This looks wrong: it is\nread before it is written.\nSee is:patch r s x A!\n".to_owned(),
        ":shell\n:reply\n:write\nx\n".to_owned(),
        "rrrr\n".to_owned(),
    ];
    // Each key comes first once.
    bursts.extend((0..printable.len()).map(|at| format!("{}{}\n", &printable[at..], &printable[..at])));
    let mut moments = 0;
    // Find; the thread; its checks, series, what changed, text map, lineage.
    for keys in ["T", "j\n", "j\nc", "j\nv", "j\nd", "j\nM", "m\n", "j\nvk\n", "j\nr"] {
        for moment in 0.. {
            if !burst(keys, moment, "r").0 {
                break;
            }
            moments += 1;
            for text in &bursts {
                burst(keys, moment, text);
            }
            assert!(burst(keys, moment, "sx\n").1, "{keys:?} at {moment}: nothing was said of the keys");
        }
    }
    assert!(moments >= 8, "{moments}");
}

#[test]
fn after_a_pause_keys_count_again() {
    let mut model = Model::new((100, 30), Theme::Dark, false, Keymap::preset(Preset::Vi));
    model.begin("", None);
    assert!(key(&mut model, 's').is_empty() && model.confirm.is_none() && model.wants_quiet());
    update(&mut model, Msg::Hits { ask: 1, from: 0, hits: Vec::new(), total: 0, done: true });
    key(&mut model, 's');
    assert!(model.confirm.is_none(), "the burst goes on");
    update(&mut model, Msg::Quiet);
    key(&mut model, 's');
    assert!(model.confirm.is_some() && !model.wants_quiet(), "a shell asks first");
}
