//! The whole screen: a line that says where one is, the screen, a line of keys or of what is asked.

use provenance_review::text::width;
use ratatui::Frame;
use ratatui::layout::Position;

use super::app::Model;
use super::canvas::{self, put, put_cut, tint};
use super::desk::Desk;
use super::keys::{Action, Scope};
use super::lab::Run;
use super::screen::help;
use super::text::clean;
use super::theme::Ink;

/// Smaller terminals are told so.
const SMALLEST: (u16, u16) = (20, 4);

/// Draws all that is seen: the screen on top of the stack, what lies over it, the first and the last line.
pub fn draw(model: &Model, frame: &mut Frame<'_>) {
    let full = frame.area();
    let desk = &model.desk;
    if full.width < SMALLEST.0 || full.height < SMALLEST.1 {
        put(frame.buffer_mut(), full, 0, 0, "too small", desk.theme.style(Ink::Plain));
        return;
    }
    let mut area = desk.area();
    area = area.intersection(full);
    let buf = frame.buffer_mut();
    model.top().draw(desk, buf, area);
    title(model, buf, full);
    let scope = model.top().kind().scope;
    if let Some(picker) = &model.picker {
        picker.clone().draw(buf, area, desk.theme);
    }
    if let Some(place) = model.help {
        help::draw(buf, area, &desk.keys, scope, place, desk.theme);
    }
    if let Some(confirm) = &model.confirm {
        let widest = confirm.lines.iter().map(|l| width(l)).max().unwrap_or(0).max(40);
        let rows = u16::try_from(confirm.lines.len() + 2).unwrap_or(u16::MAX);
        let inside = canvas::window(buf, area, widest.min(200) as u16, rows, &confirm.title, desk.theme);
        for (row, line) in confirm.lines.iter().enumerate() {
            put(buf, inside, 0, row as u16, line, desk.theme.style(Ink::Plain));
        }
        let last = inside.height.saturating_sub(1);
        let words = match confirm.effect {
            Some(_) => "Ctrl-y does it, any other key does not",
            None => "nothing was done; any key closes",
        };
        put(buf, inside, 0, last, words, desk.theme.style(Ink::Warning));
    }
    let last = full.height - 1;
    let cursor = match &model.prompt {
        Some(prompt) => {
            if !prompt.offers.is_empty() {
                let offers = clean(&prompt.offers.join("  "));
                canvas::wipe(buf, ratatui::layout::Rect { y: full.y + last - 1, height: 1, ..full });
                put_cut(buf, full, 1, last - 1, &offers, full.width.saturating_sub(2), desk.theme.style(Ink::Link));
            }
            let at = put(buf, full, 0, last, &prompt.label(), desk.theme.style(Ink::Strong));
            let room = usize::from(full.width.saturating_sub(at + 1)).max(1);
            let before = clean(&prompt.input.text[..prompt.input.cursor]);
            // The part around the cursor is seen.
            let skip =
                before.char_indices().map(|(i, _)| i).find(|i| width(&before[*i..]) < room).unwrap_or(before.len());
            let after = clean(&prompt.input.text[prompt.input.cursor..]);
            let column = put(buf, full, at, last, &before[skip..], desk.theme.style(Ink::Plain));
            put(buf, full, column, last, &after, desk.theme.style(Ink::Plain));
            Some(Position { x: column.min(full.width - 1), y: last })
        }
        None => {
            foot(model, buf, full);
            None
        }
    };
    if desk.ascii {
        canvas::flatten(buf);
    }
    if let Some(position) = cursor {
        frame.set_cursor_position(position);
    }
}

fn title(model: &Model, buf: &mut ratatui::buffer::Buffer, full: ratatui::layout::Rect) {
    let desk = &model.desk;
    let style = desk.theme.style(Ink::Bar);
    tint(buf, full, 0, style);
    let path: Vec<String> = model.stack.iter().map(|s| s.kind().title()).collect();
    let mut at = put(buf, full, 1, 0, "provenance", style);
    // The last screens are what tells where one is.
    let shown = &path[path.len().saturating_sub(5)..];
    at = put(buf, full, at + 2, 0, &shown.join(" ▸ "), style);
    let running = desk.lab.values().filter(|r| matches!(r, Run::Running(..) | Run::Queued)).count();
    let mut right = match &desk.opened {
        Some(opened) if opened.is_sample => "built-in archive: this project's own patches".to_owned(),
        Some(opened) => opened.horizon.clone(),
        None => "opening…".to_owned(),
    };
    if running > 0 {
        right = format!("lab: {running} to run   {right}");
    }
    if !desk.drafts.is_empty() {
        right = format!("drafts: {}   {right}", desk.drafts.len());
    }
    let room = full.width.saturating_sub(at + 3);
    let column = full.width.saturating_sub((width(&right) as u16).min(room) + 1);
    put_cut(buf, full, column, 0, &right, room, style);
}

fn foot(model: &Model, buf: &mut ratatui::buffer::Buffer, full: ratatui::layout::Rect) {
    let desk = &model.desk;
    let row = full.height - 1;
    if let Some((text, warns)) = &desk.notice {
        let ink = if *warns { Ink::Warning } else { Ink::Plain };
        let lead = if *warns { "▲ " } else { "" };
        put_cut(buf, full, 1, row, &format!("{lead}{text}"), full.width.saturating_sub(2), desk.theme.style(ink));
        return;
    }
    let kind = model.top().kind();
    let mut at = 1;
    for (action, word) in kind.hints {
        let key = short(desk, kind.scope, *action);
        if key.is_empty() {
            continue;
        }
        let needed = (width(&key) + 1 + width(word)) as u16;
        if at + needed + 1 > full.width {
            break;
        }
        at = put(buf, full, at, row, &key, desk.theme.style(Ink::Link));
        at = put(buf, full, at + 1, row, word, desk.theme.style(Ink::Dim)) + 2;
    }
}

/// The key of an action; of a pair both.
fn short(desk: &Desk, scope: Scope, action: Action) -> String {
    let key = |action| desk.keys.key(scope, action);
    match action {
        Action::NextPatch => format!("{} {}", key(Action::PreviousPatch), key(Action::NextPatch)),
        action => key(action),
    }
}
