//! A list over the screen, to choose one of: actions, files, mechanisms, saved searches, drafts.

use provenance_review::text::width;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::canvas;
use super::draft::Endorsement;
use super::lines::Place;
use super::theme::{Ink, Theme};

/// What choosing does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// As if the action's key were pressed.
    Act(super::keys::Action),
    /// Endorse this patch, or the whole series.
    Endorse(Endorsement, bool),
    /// Go to a file of the patch.
    File(usize),
    /// Open the lineage of a mechanism; empty for all.
    Lineage(String),
    /// The lab's runs of a mechanism; empty for all.
    Lab(String),
    /// Ask the query of this name.
    Query(String),
    /// Look at a draft.
    Draft(std::path::PathBuf),
    /// Apply to the work tree, after a confirmation.
    Apply,
    /// Save the query under a name.
    Save,
    /// List the drafts.
    Drafts,
    /// Export all verdicts.
    Export,
    /// Go to a link.
    Link(usize),
}

/// A list to choose from.
#[derive(Clone, Debug)]
pub struct Picker {
    /// What is chosen.
    pub title: String,
    /// A key of its own or a blank, the words, what it does.
    pub items: Vec<(char, String, Choice)>,
    /// Where it stands.
    pub place: Place,
}

impl Picker {
    /// A list without keys of its own.
    pub fn list(title: &str, items: impl IntoIterator<Item = (String, Choice)>) -> Picker {
        let items = items.into_iter().map(|(words, choice)| (' ', words, choice)).collect();
        Picker { title: title.to_owned(), items, place: Place::default() }
    }

    /// Draws it over the screen.
    pub fn draw(&mut self, buf: &mut Buffer, area: Rect, theme: Theme) {
        let widest =
            self.items.iter().map(|(_, words, _)| width(words) + 4).max().unwrap_or(0).max(width(&self.title) + 4);
        let rows = u16::try_from(self.items.len().max(1)).unwrap_or(u16::MAX).min(area.height.saturating_sub(4));
        let columns = u16::try_from(widest).unwrap_or(u16::MAX).min(area.width.saturating_sub(6));
        let inside = canvas::window(buf, area, columns, rows, &self.title, theme);
        self.place.show(usize::from(inside.height), self.items.len());
        if self.items.is_empty() {
            canvas::put(buf, inside, 0, 0, "nothing here", theme.style(Ink::Dim));
        }
        let seen = self.items.iter().enumerate().skip(self.place.top).take(usize::from(inside.height));
        for (row, (at, (key, words, _))) in seen.enumerate() {
            let row = row as u16;
            canvas::put(buf, inside, 0, row, &key.to_string(), theme.style(Ink::Link));
            canvas::put_cut(buf, inside, 3, row, words, inside.width.saturating_sub(3), theme.style(Ink::Plain));
            if at == self.place.at {
                canvas::select(buf, inside, row, theme, true);
            }
        }
    }
}
