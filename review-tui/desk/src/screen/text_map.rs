//! Text map: the functions that the open patch changes, byte by byte, with their owners in a kernel that was built.

use provenance_review::text::width;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::kind::{Kind, Screen};
use super::lineage;
use crate::canvas::{heading, put, put_cut, select};
use crate::desk::{Desk, Go, movement};
use crate::facts::{MapFunction, MapRow, TextMap};
use crate::keys::{Action, Scope, on};
use crate::library::Library;
use crate::lines::Place;
use crate::msg::Msg;
use crate::question::Question;
use crate::theme::{Ink, Theme};
use crate::worker;

/// Bytes of an instruction that a row shows where there is room, and where there is little.
const BYTES: (usize, usize) = (10, 7);

/// Its name, its keys, and which of them the last line tells.
pub const KIND: Kind = Kind {
    scope: Scope("text-map"),
    keys: &[
        on(Action::Focus, "tab", "", "between the functions and the bytes"),
        on(Action::NextPatch, "]", "", "the next attached kernel"),
        on(Action::PreviousPatch, "[", "", "the kernel before"),
        on(Action::NextHunk, "@", "", "the next bytes that somebody owns"),
        on(Action::Mechanisms, "m", "", "lineage: the owner of these bytes"),
    ],
    hints: &[
        (Action::Help, "help"),
        (Action::Focus, "pane"),
        (Action::NextHunk, "next owner"),
        (Action::Mechanisms, "lineage"),
        (Action::NextPatch, "kernel"),
        (Action::Search, "search"),
        (Action::Back, "back"),
    ],
    open: Some(open),
};

/// The functions, and the bytes of the chosen one.
#[derive(Default)]
pub struct TextMapScreen {
    /// The question that it waits for.
    pub ask: u64,
    /// Message-ID of the patch.
    id: String,
    /// Which image, counted from the one attached last.
    image: usize,
    map: Option<Result<TextMap, String>>,
    functions: Place,
    rows: Place,
    on_bytes: bool,
    seen: (u16, u16),
}

/// Opens the map of a mail's patch.
pub fn open(desk: &mut Desk, id: &str) {
    let mut screen = TextMapScreen { id: id.to_owned(), ..TextMapScreen::default() };
    screen.request(desk);
    desk.go.push(Go::Push(Box::new(screen)));
}

/// Who owns the bytes of the functions that a patch changes, in an attached image.
#[derive(Debug)]
pub struct Owners {
    /// Message-ID of the patch.
    pub id: String,
    /// Which image, counted from the one attached last.
    pub image: usize,
}

impl Question for Owners {
    type Answer = Result<TextMap, String>;

    fn answer(&self, library: &Library) -> Self::Answer {
        worker::text_map::look_up(library, &self.id, self.image)
    }
}

impl Screen for TextMapScreen {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn act(&mut self, desk: &mut Desk, action: Action) {
        let (functions, rows) =
            (self.map().map_or(0, |m| m.functions.len()), self.function().map_or(0, |f| f.rows.len()));
        if let Some(by) = movement(action, if self.on_bytes { self.seen.1 } else { self.seen.0 }) {
            if self.on_bytes {
                self.rows.step(by, rows);
            } else {
                let before = self.functions.at;
                self.functions.step(by, functions);
                if before != self.functions.at {
                    self.rows = Place::default();
                }
            }
            return;
        }
        match action {
            Action::Focus => self.on_bytes = !self.on_bytes,
            Action::Enter if !self.on_bytes => self.on_bytes = true,
            Action::Enter | Action::Mechanisms => match self.mechanism() {
                Some(slug) => lineage::open(desk, &slug, None),
                None => desk.say("nobody rewrites these bytes at run time"),
            },
            Action::NextPatch | Action::PreviousPatch => match self.map().map(|m| m.images) {
                Some(count) if count > 1 => {
                    let step = if action == Action::NextPatch { 1 } else { count - 1 };
                    self.image = (self.image + step) % count;
                    self.request(desk);
                }
                _ => desk.say("no other kernel image is attached"),
            },
            Action::NextHunk => {
                let from = if self.on_bytes { self.rows.at + 1 } else { self.rows.at };
                let owned =
                    self.function().and_then(|f| (from..f.rows.len()).find(|at| f.rows[*at].mechanism.is_some()));
                self.on_bytes = true;
                match owned {
                    Some(at) => self.rows.at = at,
                    None => desk.say("no further bytes that somebody owns"),
                }
            }
            Action::SearchNext | Action::SearchBack if !desk.search.is_empty() => self.seek(desk, action),
            _ => {}
        }
    }

    fn fit(&mut self, _: &mut Desk, area: Rect) {
        let (list, bytes) = self.areas(area);
        self.seen = (list.height.saturating_sub(1), bytes.height.saturating_sub(1));
        let functions = self.map().map_or(0, |m| m.functions.len());
        self.functions.show(usize::from(self.seen.0), functions);
        let rows = self.function().map_or(0, |f| f.rows.len());
        self.rows.show(usize::from(self.seen.1), rows);
    }

    fn waits(&self) -> bool {
        self.map.is_none()
    }

    fn take(&mut self, _: &mut Desk, msg: &Msg) {
        if let Some(map) = msg.answer::<Result<TextMap, String>>(self.ask) {
            self.show(map.clone());
        }
    }

    fn mail(&self) -> Option<String> {
        Some(self.id.clone())
    }

    fn mechanisms(&self) -> Vec<String> {
        self.mechanism().into_iter().collect()
    }

    fn draw(&self, desk: &Desk, buf: &mut Buffer, area: Rect) {
        let theme = desk.theme;
        let (list, bytes) = self.areas(area);
        match &self.map {
            Some(Ok(map)) => {
                self.list(buf, list, map, theme);
                self.bytes(buf, bytes, map, desk.ascii, theme);
            }
            other => {
                heading(buf, area, "text map", "", true, theme);
                let said = other.as_ref().and_then(|o| o.as_ref().err());
                let ink = if said.is_some() { Ink::Warning } else { Ink::Dim };
                let said = said.map_or("reading the kernel's tables…", String::as_str);
                let pieces = crate::text::pieces(said, usize::from(area.width.saturating_sub(4)), true, 6);
                for (row, piece) in (2..).zip(pieces) {
                    put(buf, area, 2, row, said[piece].trim_end(), theme.style(ink));
                }
            }
        }
    }
}

impl TextMapScreen {
    fn request(&mut self, desk: &mut Desk) {
        self.ask = desk.put(Owners { id: self.id.clone(), image: self.image });
    }

    /// Takes what was asked for. Of several functions the first whose owners meet is shown, else the first that is there.
    fn show(&mut self, map: Result<TextMap, String>) {
        self.map = Some(map.map_err(|why| crate::text::clean(&why)));
        let Some(Ok(map)) = &self.map else { return };
        let conflict = map.functions.iter().position(|f| f.rows.iter().any(|row| row.conflict));
        let there = map.functions.iter().position(|f| !f.rows.is_empty());
        self.functions = Place { at: conflict.or(there).unwrap_or(0), top: 0 };
        self.rows = Place::default();
    }

    fn map(&self) -> Option<&TextMap> {
        self.map.as_ref()?.as_ref().ok()
    }

    fn function(&self) -> Option<&MapFunction> {
        self.map()?.functions.get(self.functions.at)
    }

    fn row(&self) -> Option<&MapRow> {
        self.function()?.rows.get(self.rows.at)
    }

    /// The mechanism that owns what is under the cursor.
    fn mechanism(&self) -> Option<String> {
        self.row()?.mechanism.clone()
    }

    fn seek(&mut self, desk: &Desk, action: Action) {
        let Some(function) = self.function() else { return };
        let holds = |row: &MapRow| [&row.text, &row.owners].iter().any(|t| t.to_lowercase().contains(&desk.search));
        let found = if action == Action::SearchNext {
            (self.rows.at + 1..function.rows.len()).find(|at| holds(&function.rows[*at]))
        } else {
            (0..self.rows.at).rev().find(|at| holds(&function.rows[*at]))
        };
        self.rows.at = found.unwrap_or(self.rows.at);
    }

    /// The functions, and the bytes of one: beside one another where there is room, else above.
    fn areas(&self, area: Rect) -> (Rect, Rect) {
        if area.width >= 116 {
            let width = (area.width / 4).clamp(28, 44);
            let bytes = Rect { x: area.x + width + 1, width: area.width - width - 1, ..area };
            return (Rect { width, ..area }, bytes);
        }
        let wanted = u16::try_from(self.map().map_or(1, |m| m.functions.len())).unwrap_or(u16::MAX).saturating_add(1);
        let height = wanted.min(area.height / 3).clamp(2.min(area.height), area.height);
        (Rect { height, ..area }, Rect { y: area.y + height, height: area.height - height, ..area })
    }

    fn list(&self, buf: &mut Buffer, area: Rect, map: &TextMap, theme: Theme) {
        heading(buf, area, "functions", &map.functions.len().to_string(), !self.on_bytes, theme);
        let seen = map.functions.iter().enumerate().skip(self.functions.top).take(usize::from(self.seen.0));
        for (y, (at, function)) in (1..).zip(seen) {
            let conflict = function.rows.iter().any(|row| row.conflict);
            let mark = if conflict {
                "×"
            } else if function.rows.is_empty() {
                "·"
            } else {
                " "
            };
            put(buf, area, 1, y, mark, theme.style(Ink::Warning));
            let right = width(&function.change) as u16 + 1;
            let room = area.width.saturating_sub(4 + right);
            let ink = if function.rows.is_empty() { Ink::Dim } else { Ink::Plain };
            put_cut(buf, area, 3, y, &function.name, room, theme.style(ink));
            put(buf, area, area.width.saturating_sub(right), y, &function.change, theme.style(Ink::Dim));
            if at == self.functions.at {
                select(buf, area, y, theme, !self.on_bytes);
            }
        }
    }

    fn bytes(&self, buf: &mut Buffer, area: Rect, map: &TextMap, ascii: bool, theme: Theme) {
        let Some(function) = self.function() else { return };
        let right =
            if map.images > 1 { format!("{} ([ ]: {} kernels)", map.kernel, map.images) } else { map.kernel.clone() };
        heading(buf, area, &format!("{}  {}", function.name, function.place), &right, self.on_bytes, theme);
        if function.rows.is_empty() {
            put_cut(buf, area, 2, 2, &function.missing, area.width.saturating_sub(3), theme.style(Ink::Dim));
            put_cut(buf, area, 2, 3, &function.path, area.width.saturating_sub(3), theme.style(Ink::Dim));
            return;
        }
        let most = if area.width >= 100 { BYTES.0 } else { BYTES.1 };
        let text = 8 + most as u16 * 3 + 1;
        let owners = text + (area.width.saturating_sub(text) / 2).min(44);
        let seen = function.rows.iter().enumerate().skip(self.rows.top).take(usize::from(self.seen.1));
        for (y, (at, row)) in (1..).zip(seen) {
            put(buf, area, 1, y, &format!("+{:04x}", row.offset), theme.style(Ink::Dim));
            for (column, (byte, lanes)) in row.bytes.iter().take(most).enumerate() {
                let ink = match lanes.as_slice() {
                    [] => Ink::Dim,
                    [lane] => Ink::Lane(*lane),
                    _ if row.conflict => Ink::Warning,
                    [lane, ..] => Ink::Lane(*lane),
                };
                put(buf, area, 8 + column as u16 * 3, y, &format!("{byte:02x}"), theme.style(ink));
            }
            if row.bytes.len() > most {
                put(buf, area, text - 2, y, if ascii { "~" } else { "…" }, theme.style(Ink::Dim));
            }
            let ink = if row.padding { Ink::Dim } else { Ink::Plain };
            put_cut(buf, area, text, y, &row.text, owners.saturating_sub(text + 1), theme.style(ink));
            let lane = row.bytes.iter().find_map(|(_, lanes)| lanes.first());
            let ink = match lane {
                _ if row.conflict => Ink::Warning,
                Some(lane) => Ink::Lane(*lane),
                None => Ink::Dim,
            };
            put_cut(buf, area, owners, y, &row.owners, area.width.saturating_sub(owners), theme.style(ink));
            if at == self.rows.at {
                select(buf, area, y, theme, self.on_bytes);
            }
        }
    }
}
