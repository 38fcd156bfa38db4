//! Text from mail is hostile: nothing of it reaches the terminal before it passed here. And how text is
//! made to fit a column.

use std::borrow::Cow;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// One line of text without anything that could move the cursor, change a colour, or turn the reading direction.
/// Control characters are shown as their pictures.
pub fn line(text: &str) -> Cow<'_, str> {
    if text.chars().all(harmless) {
        return Cow::Borrowed(text);
    }
    text.chars().map(|c| if harmless(c) { c } else { picture(c) }).collect::<String>().into()
}

/// As [`line()`], for a text of many lines: line feeds and tabs stay.
pub fn block(text: &str) -> Cow<'_, str> {
    let fine = |c: char| harmless(c) || c == '\n' || c == '\t';
    if text.chars().all(fine) {
        return Cow::Borrowed(text);
    }
    let text = text.replace("\r\n", "\n");
    text.chars().map(|c| if fine(c) { c } else { picture(c) }).collect::<String>().into()
}

fn harmless(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

fn picture(c: char) -> char {
    match c {
        '\u{0}'..='\u{1f}' => char::from_u32(0x2400 + c as u32).unwrap_or('\u{fffd}'),
        '\u{7f}' => '\u{2421}',
        _ => '\u{fffd}',
    }
}

/// Columns that a clean line takes.
pub fn width(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.width() }
}

/// The text, cut to at most `columns`, with `…` where something is missing.
pub fn cut(text: &str, columns: usize) -> Cow<'_, str> {
    if width(text) <= columns {
        return Cow::Borrowed(text);
    }
    let mut out = String::new();
    let mut used = 1;
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used > columns {
            break;
        }
        out.push(c);
    }
    if columns > 0 {
        out.push('…');
    }
    out.into()
}

/// The text, cut or padded to exactly `columns`.
pub fn fit(text: &str, columns: usize) -> String {
    pad(&cut(text, columns), columns)
}

/// The text, padded to at least `columns`.
pub fn pad(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(text.width())))
}

/// A clean line in pieces of at most `columns`, broken at blanks, those after the first behind `indent` blanks; whole where
/// there is no limit. A word that is too long stays whole: it may be an address.
pub fn wrap(line: &str, columns: Option<usize>, indent: usize) -> Vec<String> {
    let Some(columns) = columns.filter(|&columns| columns < line.width()) else { return vec![line.to_owned()] };
    let mut out = Vec::new();
    let mut now = line[..line.len() - line.trim_start().len()].to_owned();
    let mut empty = true;
    // Blanks inside a line are layout and stay, except where it breaks.
    for word in line.trim_start().split_inclusive(' ') {
        if !empty && now.width() + word.trim_end().width() > columns {
            out.push(now.trim_end().to_owned());
            now = " ".repeat(indent);
        }
        now.push_str(word);
        empty = false;
    }
    out.push(now.trim_end().to_owned());
    out
}

/// A number with thousands separated.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 mail`, `2 mails`.
pub fn plural(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(n), if n == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_become_pictures() {
        assert_eq!(line("a\u{1b}[31mb\u{7f}\u{9b}"), "a␛[31mb␡\u{fffd}");
        assert_eq!(line("\u{202e}gnp"), "\u{fffd}gnp");
        assert_eq!(block("a\tb\r\nc\rd\n"), "a\tb\nc␍d\n");
    }

    #[test]
    fn wide_characters_are_counted() {
        assert_eq!(fit("日本語", 5), "日本…");
        assert_eq!(fit("ab", 4), "ab  ");
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abcd", 3), "ab…");
        assert_eq!(cut("abcd", 0), "");
    }

    #[test]
    fn lines_break_at_blanks() {
        assert_eq!(wrap("  ran   one two", Some(12), 8), ["  ran   one", "        two"]);
        assert_eq!(wrap("  ran   one two", None, 8), ["  ran   one two"]);
        assert_eq!(wrap("incomprehensible a", Some(4), 2), ["incomprehensible", "  a"]);
        assert_eq!(wrap("", Some(4), 2), [""]);
    }

    #[test]
    fn thousands() {
        assert_eq!(count(37790), "37,790");
        assert_eq!(count(0), "0");
        assert_eq!(plural(1, "mail", "mails"), "1 mail");
    }
}
