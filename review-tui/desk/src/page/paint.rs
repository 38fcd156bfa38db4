//! One line of a laid-out page, in colour.

use std::ops::Range;

use provenance_review::text::{count, cut, width};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::layout::{Seg, VOICE, What, gutter};
use super::syntax::{self, Language};
use super::{Kind, Page, Row};
use crate::theme::{Ink, Theme};

/// Lines longer than this are not coloured by word: it is no source that anybody reads.
const LONGEST: usize = 4_000;

/// How a page is drawn.
#[derive(Clone, Copy)]
pub struct Brush<'a> {
    /// The colours it is drawn with.
    pub theme: Theme,
    /// What the reader searches for, in lower case.
    pub search: Option<&'a str>,
    /// Columns of the pane.
    pub width: u16,
    /// Columns by which lines of a diff are scrolled to the left.
    pub shift: usize,
}

/// Draws a line of the pane.
pub fn line<'p>(page: &'p Page, remarks: &'p [(u32, String)], seg: &Seg, brush: Brush<'_>) -> Line<'p> {
    let theme = brush.theme;
    let row = &page.rows[seg.row as usize];
    match seg.what {
        What::Fold(hidden) => {
            let what = if matches!(row.kind, Kind::Quote(_)) { "quoted lines" } else { "lines" };
            let text = format!("▸ {} {what}", count(u64::from(hidden)));
            Line::from(Span::styled(text, theme.style(Ink::Dim)))
        }
        What::Rest => {
            let text = format!("… {} more bytes in this line", count(u64::from(seg.end - seg.start)));
            Line::from(Span::styled(text, theme.style(Ink::Dim)))
        }
        What::Remark(at) => {
            let text = remarks.get(at as usize).map_or("", |(_, text)| text.as_str());
            let lead = if seg.start == 0 { "   ╰ " } else { "     " };
            let piece = text.get(seg.start as usize..seg.end as usize).unwrap_or_default();
            Line::from(vec![Span::styled(lead, theme.style(Ink::Own)), Span::styled(piece, theme.style(Ink::Own))])
        }
        What::Voice(nth, line) => voice_line(page, nth, line, seg, brush),
        What::Row => row_line(page, row, seg, brush),
    }
}

/// Who says something of a line, and what: one colour a person.
fn voice_line<'p>(page: &'p Page, nth: u32, line: u32, seg: &Seg, brush: Brush<'_>) -> Line<'p> {
    let theme = brush.theme;
    let Some(voice) = page.voices.get(nth as usize) else { return Line::default() };
    let ink = theme.style(Ink::Lane(voice.person()));
    let room = usize::from(brush.width.saturating_sub(VOICE));
    match (line as usize).checked_sub(1).and_then(|at| voice.said.get(at)) {
        Some(said) => {
            let piece = said.get(seg.start as usize..seg.end as usize).unwrap_or_default();
            let ink = if piece.starts_with('>') { theme.style(Ink::Dim) } else { theme.style(Ink::Plain) };
            Line::from(vec![Span::styled("   │ ", theme.style(Ink::Lane(voice.person()))), Span::styled(piece, ink)])
        }
        None if seg.end > 0 => Line::from(Span::styled(format!("   ├ {}", voice.author), ink)),
        None => {
            let first = voice.said.first().map_or("", String::as_str);
            let more = match voice.said.iter().filter(|line| !line.is_empty()).count() {
                0 | 1 => String::new(),
                lines => format!(" (+{})", lines - 1),
            };
            let head = format!("{}: ", voice.author);
            let left = room.saturating_sub(width(&head) + width(&more));
            let first = format!("{}{more}", cut(first, left));
            Line::from(vec![Span::styled(format!("   ├ {head}"), ink), Span::styled(first, theme.style(Ink::Plain))])
        }
    }
}

fn row_line<'p>(page: &'p Page, row: &'p Row, seg: &Seg, brush: Brush<'_>) -> Line<'p> {
    let theme = brush.theme;
    let mut piece = seg.start as usize..seg.end as usize;
    if brush.shift > 0 && matches!(row.kind, Kind::Added | Kind::Removed | Kind::Context) {
        piece.start = behind(&row.text, brush.shift);
    }
    let mut spans: Vec<Span<'p>> = Vec::new();
    let base = match row.kind {
        Kind::Header(_) | Kind::MoreHeader(_) | Kind::Prose | Kind::Blank => Style::new(),
        Kind::Trailer(_) | Kind::FileList(_) | Kind::Context => Style::new(),
        Kind::Quote(depth) => theme.style(Ink::Quoted(depth)),
        Kind::File(_) => theme.style(Ink::File),
        Kind::FileNote | Kind::Signature => theme.style(Ink::Dim),
        Kind::Hunk => theme.style(Ink::Hunk),
        Kind::Added => theme.style(Ink::Added),
        Kind::Removed => theme.style(Ink::Removed),
    };
    let whole = match row.kind {
        Kind::Added => theme.line(Ink::Added),
        Kind::Removed => theme.line(Ink::Removed),
        Kind::File(_) => theme.style(Ink::File),
        _ => Style::new(),
    };
    let columns = gutter(row.kind, brush.width);
    if columns > 0 {
        let marker = match (row.kind, seg.start) {
            (_, 1..) => '↪',
            (Kind::Added, _) => '+',
            (Kind::Removed, _) => '-',
            _ => ' ',
        };
        if columns > 1 {
            // One column of numbers for each side.
            let side = |number: u32| if number > 0 { format!("{number:>5} ") } else { " ".repeat(6) };
            let numbers = if seg.start == 0 { side(row.old) + &side(row.number) } else { " ".repeat(12) };
            spans.push(Span::styled(numbers, theme.style(Ink::Dim)));
        }
        spans.push(Span::styled(marker.to_string(), base.patch(whole)));
    }
    let mut inks: Vec<(Range<usize>, Style)> = Vec::new();
    match row.kind {
        Kind::Header(name) | Kind::MoreHeader(name) => inks.push((0..usize::from(name), theme.style(Ink::Dim))),
        Kind::Trailer(name) => inks.push((0..usize::from(name), theme.style(Ink::Trailer))),
        Kind::FileList(_) => changes(&row.text, theme, &mut inks),
        Kind::Added | Kind::Removed | Kind::Context if row.text.len() <= LONGEST => {
            code(page.language_of(row, seg.row), row, theme, &mut inks);
        }
        Kind::Prose | Kind::Quote(_) => marks(&row.text, theme, &mut inks),
        _ => {}
    }
    if let Some(search) = brush.search.filter(|s| !s.is_empty() && row.text.len() <= LONGEST) {
        let lower = row.text.to_lowercase();
        if lower.len() == row.text.len() {
            inks.extend(lower.match_indices(search).map(|(at, m)| (at..at + m.len(), theme.found())));
        }
    }
    spread(&row.text, piece, base.patch(whole), &inks, &mut spans);
    let mut line = Line::from(spans);
    if whole != Style::new() {
        line = line.style(whole);
    }
    line
}

impl Page {
    fn language_of(&self, row: &Row, at: u32) -> Language {
        if matches!(row.kind, Kind::Added | Kind::Removed | Kind::Context) { self.language(at) } else { Language::Text }
    }
}

fn code(language: Language, row: &Row, theme: Theme, inks: &mut Vec<(Range<usize>, Style)>) {
    let (words, _) = syntax::scan(language, &row.text, row.in_comment);
    inks.extend(words.into_iter().map(|(range, ink)| (range, theme.style(ink))));
    let changed = if row.kind == Kind::Added { Ink::AddedWord } else { Ink::RemovedWord };
    inks.extend(row.words.iter().map(|w| (w.start as usize..w.end as usize, theme.style(changed))));
}

/// The last `+12 −3` of a line.
fn changes(text: &str, theme: Theme, inks: &mut Vec<(Range<usize>, Style)>) {
    if let (Some(added), Some(removed)) = (text.rfind('+'), text.rfind('−')) {
        inks.push((added..removed, theme.style(Ink::Good)));
        inks.push((removed..text.len(), theme.style(Ink::Warning)));
    }
}

/// Where a line goes on behind so many columns.
fn behind(text: &str, columns: usize) -> usize {
    let mut used = 0;
    for (at, c) in text.char_indices() {
        if used >= columns {
            return at;
        }
        used += provenance_review::text::width(c.encode_utf8(&mut [0; 4]));
    }
    text.len()
}

/// `[12]` behind a link.
fn marks(text: &str, theme: Theme, inks: &mut Vec<(Range<usize>, Style)>) {
    for (at, _) in text.match_indices('[') {
        let digits = text[at + 1..].bytes().take_while(u8::is_ascii_digit).count();
        let end = at + 1 + digits;
        if (1..=3).contains(&digits) && text[end..].starts_with(']') {
            inks.push((at..end + 1, theme.style(Ink::Link)));
        }
    }
}

/// Cuts the piece of a line where styles change; later styles lie over earlier ones.
fn spread<'p>(
    text: &'p str,
    piece: Range<usize>,
    base: Style,
    inks: &[(Range<usize>, Style)],
    spans: &mut Vec<Span<'p>>,
) {
    let mut cuts: Vec<usize> = vec![piece.start, piece.end];
    for (range, _) in inks {
        cuts.extend([range.start, range.end].into_iter().filter(|c| piece.contains(c) && text.is_char_boundary(*c)));
    }
    cuts.sort_unstable();
    cuts.dedup();
    for pair in cuts.windows(2) {
        let mut style = base;
        for (_, ink) in inks.iter().filter(|(range, _)| range.start <= pair[0] && pair[1] <= range.end) {
            style = style.patch(*ink);
        }
        if let Some(part) = text.get(pair[0]..pair[1]) {
            spans.push(Span::styled(part, style));
        }
    }
}
