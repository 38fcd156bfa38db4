//! Text from mail is hostile: nothing of it reaches the terminal before it passed here. And how text is
//! made to fit a column.

use std::borrow::Cow;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Characters that show nothing and change how the rest is read or where it stands, beyond the control characters: all of
/// Default_Ignorable_Code_Point, which holds all of Bidi_Control (Unicode 16, UAX #44), line and paragraph separators, and
/// the anchors of interlinear annotation. First and last of each stretch.
const INVISIBLE: [(u32, u32); 20] = [
    (0x00ad, 0x00ad),
    (0x034f, 0x034f),
    (0x061c, 0x061c),
    (0x115f, 0x1160),
    (0x17b4, 0x17b5),
    (0x180b, 0x180f),
    (0x200b, 0x200f),
    (0x2028, 0x202e),
    (0x2060, 0x206f),
    (0x3164, 0x3164),
    (0xfe00, 0xfe0f),
    (0xfeff, 0xfeff),
    (0xffa0, 0xffa0),
    (0xfff0, 0xfffb),
    (0x1bca0, 0x1bca3),
    (0x1d173, 0x1d17a),
    (0xe0000, 0xe0fff),
    // Never characters: what a terminal makes of them is its own affair.
    (0xfdd0, 0xfdef),
    (0xfffe, 0xffff),
    (0x1fffe, 0x1ffff),
];

/// Stretches of scripts whose letters need a joiner or non-joiner between them: Arabic and its kin, Mongolian, the scripts of
/// India and of its neighbours.
const JOINED: [(u32, u32); 6] =
    [(0x0600, 0x08ff), (0x0900, 0x0dff), (0x1000, 0x109f), (0x1780, 0x18af), (0xfb50, 0xfdcf), (0xfe70, 0xfefc)];

fn within(stretches: &[(u32, u32)], c: char) -> bool {
    let c = c as u32;
    stretches.iter().any(|(first, last)| (*first..=*last).contains(&c))
}

/// Whether a character may stand between two others: the one set of all outputs, of text and JSON alike. Control characters
/// may not, nor what is invisible; but for a joiner between two letters of a script that needs it.
fn harmless(before: Option<char>, c: char, after: Option<char>) -> bool {
    if c.is_ascii() {
        return !c.is_ascii_control();
    }
    let joins = |c: Option<char>| c.is_some_and(|c| within(&JOINED, c));
    match c {
        '\u{200c}' | '\u{200d}' => joins(before) && joins(after),
        _ => !c.is_control() && !within(&INVISIBLE, c),
    }
}

/// The places and characters of a text that may not be shown as they are.
pub fn harmful(text: &str) -> impl Iterator<Item = (usize, char)> {
    let plain = text.bytes().all(|b| (0x20..0x7f).contains(&b));
    let mut before = None;
    let mut chars = if plain { "" } else { text }.char_indices().peekable();
    std::iter::from_fn(move || {
        while let Some((at, c)) = chars.next() {
            let fine = harmless(before, c, chars.peek().map(|(_, after)| *after));
            before = Some(c);
            if !fine {
                return Some((at, c));
            }
        }
        None
    })
}

/// One line of text without anything that could move the cursor, change a colour, hide something, or turn the reading
/// direction. Control characters are shown as their pictures.
pub fn line(text: &str) -> Cow<'_, str> {
    replaced(text, |_| false)
}

/// As [`line()`], for a text of many lines: line feeds and tabs stay.
pub fn block(text: &str) -> Cow<'_, str> {
    let stays = |c| c == '\n' || c == '\t';
    if text.contains("\r\n") {
        return replaced(&text.replace("\r\n", "\n"), stays).into_owned().into();
    }
    replaced(text, stays)
}

fn replaced(text: &str, stays: impl Fn(char) -> bool) -> Cow<'_, str> {
    let mut out = String::new();
    let mut from = 0;
    for (at, c) in harmful(text).filter(|(_, c)| !stays(*c)) {
        out.push_str(&text[from..at]);
        out.push(picture(c));
        from = at + c.len_utf8();
    }
    if from == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(&text[from..]);
    out.into()
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
    fn the_set_holds_two_whole_properties_of_unicode() {
        let property = regex::Regex::new(r"[\p{Default_Ignorable_Code_Point}\p{Bidi_Control}\p{Cc}]").unwrap();
        for c in '\0'..=char::MAX {
            if property.is_match(c.encode_utf8(&mut [0; 4])) {
                assert!(!harmless(None, c, None), "U+{:04X}", c as u32);
            }
        }
        for c in "aé–—×…日ß\u{301}\u{a0}│".chars() {
            assert!(harmless(None, c, None), "U+{:04X}", c as u32);
        }
    }

    #[test]
    fn joiners_stay_between_letters_that_need_them() {
        for fine in ["می\u{200c}خواهم", "क्\u{200d}ष"] {
            assert_eq!(line(fine), fine);
        }
        for other in ["a\u{200d}b", "\u{200c}خ", "خ\u{200d}", "pay\u{200b}pal", "soft\u{ad}hyphen", "\u{e0041}"] {
            assert!(line(other).contains('\u{fffd}'), "{other:?}");
        }
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
