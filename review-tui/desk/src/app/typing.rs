//! Keys on the last line that are no part of a line: completion of commands, and what was asked before.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::Desk;
use crate::keys;
use crate::prompt::{Asked, Prompt};
use crate::screen;

/// Commands that are no actions of keys.
const COMMANDS: [&str; 13] =
    ["all", "drafts", "find", "forget", "lineage", "open", "q", "query", "save", "saved", "shell", "tagged", "theme"];

/// Takes a key that completes or goes back in time; whether it was one, and the line has changed.
pub(super) fn key(desk: &Desk, prompt: &mut Prompt, key: KeyEvent) -> bool {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    match (key.code, control) {
        (KeyCode::Tab, _) if prompt.asked == Asked::Command => complete(desk, prompt),
        (KeyCode::Up, _) | (KeyCode::Char('p'), true) => past(desk, prompt, 1),
        (KeyCode::Down, _) | (KeyCode::Char('n'), true) => past(desk, prompt, -1),
        _ => {
            prompt.offers.clear();
            prompt.back = 0;
            false
        }
    }
}

/// What can stand where the cursor is.
fn candidates(desk: &Desk, line: &str) -> (usize, Vec<String>) {
    let Some((word, _)) = line.split_once(' ') else {
        let actions = keys::actions().filter(|a| *a != keys::Action::Confirm).map(keys::name);
        let screens = screen::ALL.iter().filter(|kind| kind.open.is_some()).map(|kind| kind.scope.0.to_owned());
        let mut all: Vec<String> = COMMANDS.iter().map(|c| (*c).to_owned()).chain(actions).chain(screens).collect();
        all.sort();
        all.dedup();
        return (0, all);
    };
    let rest = word.len() + 1;
    let all: Vec<String> = match word {
        "lineage" | "lab" => desk.opened.iter().flat_map(|o| &o.mechanisms).map(|(slug, _)| slug.clone()).collect(),
        "theme" => ["dark", "light", "none", "sixteen"].map(str::to_owned).into(),
        "saved" | "forget" => desk.review.saved.keys().cloned().collect(),
        "tagged" => {
            let mut tags: Vec<String> = desk.review.tags.values().flatten().cloned().collect();
            tags.sort();
            tags.dedup();
            tags
        }
        _ => Vec::new(),
    };
    (rest, all)
}

/// Completes as far as all that fits agrees; what fits is shown where it is several.
fn complete(desk: &Desk, prompt: &mut Prompt) -> bool {
    let line = prompt.input.text[..prompt.input.cursor].to_owned();
    let (from, mut fits) = candidates(desk, &line);
    let begun = &line[from..];
    fits.retain(|one| one.starts_with(begun));
    let Some(first) = fits.first().cloned() else {
        prompt.offers = vec!["nothing begins so".to_owned()];
        return false;
    };
    let common = fits.iter().fold(first.as_str(), |common, one| {
        let same = common.char_indices().zip(one.chars()).find(|((_, a), b)| a != b).map(|((at, _), _)| at);
        &common[..same.unwrap_or(common.len().min(one.len()))]
    });
    let blank = if fits.len() == 1 { " " } else { "" };
    let more = format!("{}{blank}", &common[begun.len()..]);
    prompt.input.insert(&more);
    prompt.offers = if fits.len() > 1 { fits } else { Vec::new() };
    !more.is_empty()
}

/// Goes back to what was asked before, and forth to what is being typed.
fn past(desk: &Desk, prompt: &mut Prompt, by: isize) -> bool {
    let asked = match prompt.asked {
        Asked::Query => &desk.review.asked,
        Asked::Command => &desk.commands,
        _ => return false,
    };
    let back = prompt.back.saturating_add_signed(by).min(asked.len());
    if back == prompt.back {
        return false;
    }
    if prompt.back == 0 {
        prompt.typed.clone_from(&prompt.input.text);
    }
    prompt.back = back;
    let text = if back == 0 { prompt.typed.clone() } else { asked[asked.len() - back].clone() };
    prompt.input = crate::input::Input::new(text);
    true
}
