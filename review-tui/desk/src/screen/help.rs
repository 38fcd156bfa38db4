//! Help: the binding table of the screen that is seen, and of all.

use provenance_review::text::{pad, width};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::canvas;
use crate::keys::{Keymap, Scope, tables};
use crate::lines::Place;
use crate::theme::{Ink, Theme};

/// The lines of help: keys and words; a heading has no words.
pub fn lines(keys: &Keymap, scope: Scope) -> Vec<(String, String)> {
    let mut out = Vec::new();
    for part in [scope, Scope::EVERYWHERE] {
        if !out.is_empty() {
            out.push((String::new(), String::new()));
        }
        out.push((part.0.to_owned(), String::new()));
        for binding in tables().filter(|(at, _)| *at == part).flat_map(|(_, table)| table) {
            let bound = keys.keys(part, binding.action);
            if !bound.is_empty() {
                out.push((bound.join(" "), binding.help.to_owned()));
            }
        }
    }
    out
}

/// Draws it over the screen.
pub fn draw(buf: &mut Buffer, area: Rect, keys: &Keymap, scope: Scope, place: Place, theme: Theme) {
    let lines = lines(keys, scope);
    let left = lines.iter().filter(|l| !l.1.is_empty()).map(|(keys, _)| width(keys)).max().unwrap_or(0);
    let widest = lines.iter().map(|(_, words)| left + 2 + width(words)).max().unwrap_or(0);
    let rows = (lines.len() as u16).min(area.height.saturating_sub(2));
    let inside = canvas::window(buf, area, widest as u16, rows, "keys; any other key closes", theme);
    for (row, (keys, words)) in lines.iter().skip(place.top).take(usize::from(inside.height)).enumerate() {
        let row = row as u16;
        if words.is_empty() {
            canvas::put(buf, inside, 0, row, keys, theme.style(Ink::Strong));
        } else {
            canvas::put(buf, inside, 0, row, &pad(keys, left), theme.style(Ink::Link));
            canvas::put(buf, inside, left as u16 + 2, row, words, theme.style(Ink::Plain));
        }
    }
    let below = lines.len().saturating_sub(place.top + usize::from(inside.height));
    if below > 0 && inside.height > 0 {
        let more = format!("{below} more: j");
        let column = inside.width.saturating_sub(width(&more) as u16);
        canvas::put(buf, inside, column, inside.height - 1, &more, theme.style(Ink::Dim));
    }
}
