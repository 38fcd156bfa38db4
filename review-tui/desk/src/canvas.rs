//! Putting text on the screen: within its pane, and nowhere else.

use provenance_review::text::{cut, width};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Line;

use super::text::ascii;
use super::theme::{Ink, Theme};

/// Writes a clean text at a place of a line, at most to the end of the area; returns the column behind it.
pub fn put(buf: &mut Buffer, area: Rect, column: u16, row: u16, text: &str, style: Style) -> u16 {
    if row >= area.height || column >= area.width {
        return column;
    }
    let room = usize::from(area.width - column);
    let (x, _) = buf.set_stringn(area.x + column, area.y + row, text, room, style);
    x - area.x
}

/// As [`put`], cut with `…` to `room` columns, and the column behind the room.
pub fn put_cut(buf: &mut Buffer, area: Rect, column: u16, row: u16, text: &str, room: u16, style: Style) -> u16 {
    put(buf, area, column, row, &cut(text, usize::from(room.min(area.width.saturating_sub(column)))), style);
    column.saturating_add(room)
}

/// Writes a line of spans.
pub fn put_line(buf: &mut Buffer, area: Rect, row: u16, line: &Line<'_>) {
    if row < area.height {
        let here = Rect { y: area.y + row, height: 1, ..area };
        if line.style != Style::new() {
            buf.set_style(here, line.style);
        }
        buf.set_line(here.x, here.y, line, here.width);
    }
}

/// Lays a style over a line.
pub fn tint(buf: &mut Buffer, area: Rect, row: u16, style: Style) {
    if row < area.height {
        buf.set_style(Rect { y: area.y + row, height: 1, ..area }, style);
    }
}

/// The line that the keys act on: a bar over the whole row, and nothing on it dimmer than running text.
pub fn select(buf: &mut Buffer, area: Rect, row: u16, theme: Theme, focused: bool) {
    if row >= area.height {
        return;
    }
    let dim = theme.style(Ink::Dim);
    for x in area.left()..area.right() {
        if let Some(cell) = buf.cell_mut((x, area.y + row)) {
            if focused && (dim.fg == Some(cell.fg) || cell.fg == Color::Reset) {
                cell.set_style(theme.brightest());
            }
            if focused {
                cell.modifier.remove(Modifier::DIM);
            }
            cell.set_style(theme.selected(focused));
        }
    }
}

/// Clears an area.
pub fn wipe(buf: &mut Buffer, area: Rect) {
    for y in area.top()..area.bottom() {
        for x in area.left()..area.right() {
            if let Some(cell) = buf.cell_mut((x, y)) {
                cell.reset();
            }
        }
    }
}

/// A line with a title over a pane; what stands to the right is cut last.
pub fn heading(buf: &mut Buffer, area: Rect, title: &str, right: &str, focused: bool, theme: Theme) {
    if area.height == 0 || area.width < 4 {
        return;
    }
    let style = theme.style(Ink::Border(focused));
    let line = "─".repeat(usize::from(area.width));
    put(buf, area, 0, 0, &line, style);
    let right_width = if right.is_empty() { 0 } else { width(right) as u16 + 2 };
    let room = area.width.saturating_sub(3 + right_width);
    let title_style = if focused { theme.style(Ink::Strong) } else { style };
    if !title.is_empty() && room > 3 {
        put(buf, area, 1, 0, &format!(" {} ", cut(title, usize::from(room - 2))), title_style);
    }
    if right_width > 0 && right_width + 2 < area.width {
        put(buf, area, area.width - right_width - 1, 0, &format!(" {right} "), style);
    }
}

/// A box with a title in the middle of an area; returns its inside.
pub fn window(buf: &mut Buffer, area: Rect, columns: u16, rows: u16, title: &str, theme: Theme) -> Rect {
    let (columns, rows) = ((columns + 4).min(area.width), (rows + 2).min(area.height));
    let area = Rect {
        x: area.x + (area.width - columns) / 2,
        y: area.y + (area.height - rows) / 2,
        width: columns,
        height: rows,
    };
    wipe(buf, area);
    if rows < 2 || columns < 4 {
        return Rect { width: 0, height: 0, ..area };
    }
    let style = theme.style(Ink::Border(true));
    let across = "─".repeat(usize::from(columns - 2));
    put(buf, area, 0, 0, &format!("┌{across}┐"), style);
    put(buf, area, 0, rows - 1, &format!("└{across}┘"), style);
    for row in 1..rows - 1 {
        put(buf, area, 0, row, "│", style);
        put(buf, area, columns - 1, row, "│", style);
    }
    put_cut(buf, area, 2, 0, &format!(" {title} "), columns - 4, theme.style(Ink::Strong));
    Rect { x: area.x + 2, y: area.y + 1, width: columns - 4, height: rows - 2 }
}

/// For a terminal that has ASCII alone.
pub fn flatten(buf: &mut Buffer) {
    for cell in &mut buf.content {
        let symbol = cell.symbol();
        if symbol.is_ascii() {
            continue;
        }
        let plain = match symbol {
            "┌" | "┐" | "└" | "┘" | "├" | "┤" | "┼" | "╰" | "┬" | "┴" => "+".to_owned(),
            "▇" | "█" => "#".to_owned(),
            "●" => "o".to_owned(),
            "○" => ".".to_owned(),
            "■" => "#".to_owned(),
            "◉" => "@".to_owned(),
            "▸" => ">".to_owned(),
            "▾" => "v".to_owned(),
            "✓" => "R".to_owned(),
            "✎" => "n".to_owned(),
            "↩" => "r".to_owned(),
            "★" => "*".to_owned(),
            "✗" => "x".to_owned(),
            "≈" => "~".to_owned(),
            "→" | "↪" => ">".to_owned(),
            "▲" | "▌" => "!".to_owned(),
            "≡" => "=".to_owned(),
            "·" | "•" => ".".to_owned(),
            other => ascii(other),
        };
        cell.set_symbol(&plain);
    }
}
