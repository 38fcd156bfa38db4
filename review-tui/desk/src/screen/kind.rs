//! What a screen is: its name, its keys, and what it makes of a key, of news and of an answer.

use std::any::Any;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::desk::Desk;
use crate::keys::{Action, Binding, Scope};
use crate::msg::Msg;
use crate::picker::Choice;
use crate::prompt::Asked;

/// What is said once of a screen, whatever it shows.
pub struct Kind {
    /// Its name, by which files of keys call it.
    pub scope: Scope,
    /// Its own keys, in the order of help.
    pub keys: &'static [Binding],
    /// The actions whose keys stand on the last line, with a word for each, the most wanted first.
    pub hints: &'static [(Action, &'static str)],
    /// Opens it, as `:NAME WORDS` does; without words for the mail at hand, whose Message-ID is then given.
    pub open: Option<fn(&mut Desk, &str)>,
}

impl Kind {
    /// As the first line of the desk has it.
    pub fn title(&self) -> String {
        self.scope.0.replace('-', " ")
    }
}

/// An item of the action menu: its key, its words, what it does.
pub type Item = (char, String, Choice);

/// A screen.
pub trait Screen: Any {
    /// Its name and keys.
    fn kind(&self) -> &'static Kind;

    /// Does what a key asks for.
    fn act(&mut self, desk: &mut Desk, action: Action);

    /// Draws it.
    fn draw(&self, desk: &Desk, buf: &mut Buffer, area: Rect);

    /// Fits what is seen to the area, after every change.
    fn fit(&mut self, _: &mut Desk, _: Rect) {}

    /// Looks whether what a worker told is an answer to its own question, and takes it then.
    fn take(&mut self, _: &mut Desk, _: &Msg) {}

    /// Whether what was asked for is still to come.
    fn waits(&self) -> bool {
        false
    }

    /// Whether a key does more than look around here.
    fn is_deed(&self, action: Action) -> bool {
        action.is_deed()
    }

    /// Takes the answer to a question that it asked on the last line.
    fn answered(&mut self, _: &mut Desk, _: &Asked, _: &str) {}

    /// Does what was chosen from a list.
    fn choose(&mut self, _: &mut Desk, _: Choice) {}

    /// The items of the action menu that are its own.
    fn menu(&self, _: &Desk) -> Vec<Item> {
        Vec::new()
    }

    /// The mail that it is about, by its Message-ID.
    fn mail(&self) -> Option<String> {
        None
    }

    /// The mechanisms that what is open touches.
    fn mechanisms(&self) -> Vec<String> {
        Vec::new()
    }

    /// Whether a digit begins the number of a link.
    fn has_links(&self) -> bool {
        false
    }

    /// It was left with the key that goes back.
    fn close(&mut self, _: &mut Desk) {}
}

/// The screen as what it is, where it is that.
pub fn as_kind<T: Screen>(screen: &mut dyn Screen) -> Option<&mut T> {
    (screen as &mut dyn Any).downcast_mut()
}
