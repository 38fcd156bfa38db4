//! Text of mail as the desk draws it: without anything that could move the cursor, of known width, cut into the
//! lines of a pane.

use std::ops::Range;

use provenance_review::text::line as harmless;
use unicode_width::UnicodeWidthChar;

/// Tabs stand at every eighth column.
const TAB: usize = 8;
/// Marks over one letter beyond which they are left out: real scripts need no more.
const MARKS: usize = 3;

/// One line: control characters as pictures, tabs as blanks, no joiners (terminals disagree about their width), at most `MARKS` combining marks over a letter.
pub fn clean(text: &str) -> String {
    clean_from(text, 0)
}

/// As [`clean()`], for a text that begins at a column, so that its tabs stop where they would in the whole line.
pub fn clean_from(text: &str, column: usize) -> String {
    let mut out = String::with_capacity(text.len());
    let mut column = column;
    if text.is_ascii() && !text.bytes().any(|b| b.is_ascii_control()) {
        out.push_str(text);
        return out;
    }
    let mut marks = 0;
    for (at, piece) in text.split('\t').enumerate() {
        if at > 0 {
            let stop = TAB - column % TAB;
            out.extend(std::iter::repeat_n(' ', stop));
            column += stop;
        }
        for c in harmless(piece).chars() {
            match c.width() {
                Some(0) | None if invisible(c) => {}
                Some(0) | None => {
                    marks += 1;
                    if marks <= MARKS && column > 0 {
                        out.push(c);
                    }
                }
                Some(wide) => {
                    marks = 0;
                    column += wide;
                    out.push(c);
                }
            }
        }
    }
    out
}

/// The joiners that a script may need: terminals disagree about their width, and its letters are read without them.
fn invisible(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}')
}

/// The text for a terminal that has ASCII alone.
pub fn ascii(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            ' '..='~' => out.push(c),
            '…' => out.push('~'),
            '−' | '–' | '—' | '─' => out.push('-'),
            '│' => out.push('|'),
            '◆' => out.push('*'),
            '×' => out.push('x'),
            _ => out.extend(std::iter::repeat_n('?', c.width().unwrap_or(0))),
        }
    }
    out
}

/// Cuts a clean line into pieces of at most `width` columns, at blanks where `soft`. At least one piece; at most
/// `most`, the last of which ends early.
pub fn pieces(text: &str, width: usize, soft: bool, most: usize) -> Vec<Range<usize>> {
    let width = width.max(2);
    if text.len() <= width {
        return std::iter::once(0..text.len()).collect();
    }
    let mut out = Vec::new();
    let (mut start, mut used, mut blank) = (0, 0, None);
    for (at, c) in text.char_indices() {
        let wide = c.width().unwrap_or(0);
        if used + wide > width {
            let end = match blank {
                Some(blank) if soft && blank > start => blank,
                _ => at,
            };
            out.push(start..end);
            if out.len() == most {
                return out;
            }
            start = end;
            used = text[start..at].chars().filter_map(char::width).sum();
            blank = None;
        }
        used += wide;
        if c == ' ' {
            blank = Some(at + 1);
        }
    }
    out.push(start..text.len());
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use provenance_review::text::width;

    #[test]
    fn nothing_that_moves_the_cursor_survives() {
        assert_eq!(clean("a\u{1b}[2Jb\r\u{9b}"), "a␛[2Jb␍\u{fffd}");
        assert_eq!(clean("a\tb"), "a       b");
        assert_eq!(clean_from("\tb", 3), "     b");
        assert_eq!(clean("x\u{202e}y\u{200d}\u{fe0f}z"), "x\u{fffd}y\u{fffd}\u{fffd}z");
        let zalgo = format!("e{}n", "\u{301}".repeat(50));
        assert_eq!(clean(&zalgo).chars().count(), 2 + MARKS);
        assert_eq!(clean("\u{301}a"), "a");
    }

    #[test]
    fn pieces_cover_the_line_and_fit() {
        for (text, width_of_pane) in [("日本語のテキスト", 5), ("one two three four", 7), ("0123456789", 4), ("", 4)]
        {
            for soft in [false, true] {
                let pieces = pieces(text, width_of_pane, soft, 100);
                assert_eq!(pieces.iter().map(|p| &text[p.clone()]).collect::<String>(), text);
                assert!(pieces.iter().all(|p| width(text[p.clone()].trim_end()) <= width_of_pane), "{pieces:?}");
            }
        }
        assert_eq!(pieces(&"x".repeat(100_000), 80, false, 20).len(), 20);
    }

    #[test]
    fn ascii_keeps_the_width() {
        let text = clean("… ◆ 日本 é");
        assert_eq!(width(&ascii(&text)), width(&text));
    }
}
