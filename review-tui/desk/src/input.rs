//! A line that is being typed.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// Longer lines are not taken.
const LONGEST: usize = 4_096;

/// The line and the place of the cursor in it, in bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Input {
    /// What was typed.
    pub text: String,
    /// Where the next character goes.
    pub cursor: usize,
}

/// What a key did to the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Typed {
    /// It changed.
    Changed,
    /// The cursor moved, or nothing happened.
    Same,
    /// It is done.
    Entered,
    /// It is given up.
    GivenUp,
    /// The key is none of a line's.
    Foreign,
}

impl Input {
    /// A line with the cursor at its end.
    pub fn new(text: impl Into<String>) -> Input {
        let text = text.into();
        Input { cursor: text.len(), text }
    }

    /// Puts text at the cursor; control characters are left out.
    pub fn insert(&mut self, text: &str) {
        for c in text.chars().map(|c| if c == '\n' || c == '\t' { ' ' } else { c }).filter(|c| !c.is_control()) {
            if self.text.len() + c.len_utf8() <= LONGEST {
                self.text.insert(self.cursor, c);
                self.cursor += c.len_utf8();
            }
        }
    }

    fn before(&self) -> usize {
        self.text[..self.cursor].char_indices().next_back().map_or(0, |(at, _)| at)
    }

    fn after(&self) -> usize {
        self.cursor + self.text[self.cursor..].chars().next().map_or(0, char::len_utf8)
    }

    fn word(&self) -> usize {
        let before = self.text[..self.cursor].trim_end();
        before.rfind(char::is_whitespace).map_or(0, |at| at + before[at..].chars().next().map_or(1, char::len_utf8))
    }

    /// Takes a key, as readline does.
    pub fn key(&mut self, key: KeyEvent) -> Typed {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        let before = self.text.len();
        match (key.code, control) {
            (KeyCode::Enter, _) | (KeyCode::Char('m' | 'j'), true) => return Typed::Entered,
            (KeyCode::Esc, _) | (KeyCode::Char('c' | 'g'), true) => return Typed::GivenUp,
            (KeyCode::Left, _) | (KeyCode::Char('b'), true) => self.cursor = self.before(),
            (KeyCode::Right, _) | (KeyCode::Char('f'), true) => self.cursor = self.after(),
            (KeyCode::Home, _) | (KeyCode::Char('a'), true) => self.cursor = 0,
            (KeyCode::End, _) | (KeyCode::Char('e'), true) => self.cursor = self.text.len(),
            (KeyCode::Backspace, _) | (KeyCode::Char('h'), true) => self.cut(self.before()),
            (KeyCode::Delete, _) => {
                let after = self.after();
                self.text.replace_range(self.cursor..after, "");
            }
            (KeyCode::Char('u'), true) => self.cut(0),
            (KeyCode::Char('w'), true) => self.cut(self.word()),
            (KeyCode::Char('k'), true) => self.text.truncate(self.cursor),
            (KeyCode::Char(c), false) if !key.modifiers.contains(KeyModifiers::ALT) => {
                self.insert(c.encode_utf8(&mut [0; 4]))
            }
            _ => return Typed::Foreign,
        }
        if self.text.len() == before { Typed::Same } else { Typed::Changed }
    }

    fn cut(&mut self, from: usize) {
        self.text.replace_range(from..self.cursor, "");
        self.cursor = from;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(input: &mut Input, code: KeyCode, control: bool) -> Typed {
        input.key(KeyEvent::new(code, if control { KeyModifiers::CONTROL } else { KeyModifiers::NONE }))
    }

    #[test]
    fn typing() {
        let mut input = Input::new("s:日本 föö");
        assert_eq!(press(&mut input, KeyCode::Backspace, false), Typed::Changed);
        assert_eq!(press(&mut input, KeyCode::Char('w'), true), Typed::Changed);
        assert_eq!(input.text, "s:日本 ");
        press(&mut input, KeyCode::Left, false);
        press(&mut input, KeyCode::Left, false);
        press(&mut input, KeyCode::Char('x'), false);
        assert_eq!(input.text, "s:日x本 ");
        press(&mut input, KeyCode::Char('k'), true);
        assert_eq!(input.text, "s:日x");
        press(&mut input, KeyCode::Char('u'), true);
        assert_eq!((input.text.as_str(), input.cursor), ("", 0));
        assert_eq!(press(&mut input, KeyCode::Esc, false), Typed::GivenUp);
        assert_eq!(press(&mut input, KeyCode::Enter, false), Typed::Entered);
    }

    #[test]
    fn pasted_control_characters_are_left_out() {
        let mut input = Input::default();
        input.insert("a\u{1b}[31m\nb");
        assert_eq!(input.text, "a[31m b");
    }
}
