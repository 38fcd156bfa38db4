//! What a word is made of: Unicode letters, marks, numbers and connectors, as Xapian has it.

use std::sync::LazyLock;

use regex_syntax::hir::{Class, HirKind};

/// Part of a word by itself: `A-Z a-z 0-9 _`.
pub(super) const WORD: u8 = 1;
/// `A-Z`.
pub(super) const UPPER: u8 = 2;
/// `0-9`.
pub(super) const DIGIT: u8 = 4;
/// Ends the quick scan of a word, since the word may go on behind it: `' & , . ; + #`, or not ASCII.
pub(super) const MAYBE: u8 = 8;
/// `_`.
pub(super) const JOINT: u8 = 16;

/// The classes of every byte.
pub(super) static CLASS: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let b = byte as u8;
        table[byte] = match b {
            b'A'..=b'Z' => WORD | UPPER,
            b'a'..=b'z' => WORD,
            b'_' => WORD | JOINT,
            b'0'..=b'9' => WORD | DIGIT,
            b'\'' | b'&' | b',' | b'.' | b';' | b'+' | b'#' | 0x80.. => MAYBE,
            _ => 0,
        };
        byte += 1;
    }
    table
}

/// The word characters of Unicode as sorted, closed ranges, and the same for decimal digits.
struct Ranges {
    /// One bit for each character of the basic plane.
    basic: Box<[u64; 1024]>,
    /// Ranges beyond it.
    beyond: Vec<(char, char)>,
    digits: Vec<(char, char)>,
}

static RANGES: LazyLock<Ranges> = LazyLock::new(|| {
    let mut basic = Box::new([0u64; 1024]);
    let mut beyond = Vec::new();
    for (from, to) in ranges(r"[\p{L}\p{M}\p{N}\p{Pc}]") {
        for c in u32::from(from)..=u32::from(to).min(0xffff) {
            basic[c as usize / 64] |= 1 << (c % 64);
        }
        if u32::from(to) > 0xffff {
            beyond.push((from, to));
        }
    }
    Ranges { basic, beyond, digits: ranges(r"\p{Nd}") }
});

fn ranges(class: &str) -> Vec<(char, char)> {
    let hir = regex_syntax::parse(class).expect("a constant pattern");
    match hir.kind() {
        HirKind::Class(Class::Unicode(class)) => class.ranges().iter().map(|r| (r.start(), r.end())).collect(),
        _ => unreachable!("a class stays a class"),
    }
}

fn within(ranges: &[(char, char)], c: char) -> bool {
    let at = ranges.partition_point(|&(_, to)| to < c);
    ranges.get(at).is_some_and(|&(from, _)| from <= c)
}

/// Whether `c` is part of a word by itself: a letter, mark, number, or connector such as `_`.
pub fn is_word_char(c: char) -> bool {
    if c.is_ascii() {
        return CLASS[c as usize] & WORD != 0;
    }
    let n = u32::from(c);
    match RANGES.basic.get(n as usize / 64) {
        Some(bits) => bits >> (n % 64) & 1 == 1,
        None => within(&RANGES.beyond, c),
    }
}

pub(super) fn is_digit(c: char) -> bool {
    if c.is_ascii() { c.is_ascii_digit() } else { within(&RANGES.digits, c) }
}

/// The lower case of `c`, always a single character.
pub fn lower(c: char) -> char {
    if c.is_ascii() { c.to_ascii_lowercase() } else { c.to_lowercase().next().unwrap_or(c) }
}

/// What a character between two word characters does.
pub(super) enum Infix {
    /// Ends the word.
    Splits,
    /// Joins, and stays as this character.
    Joins(char),
    /// Joins, and goes away.
    Vanishes,
}

/// What `c` does between the word characters `before` and `after`.
pub(super) fn infix(before: char, c: char, after: char) -> Infix {
    if matches!(c, '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}') {
        return Infix::Vanishes;
    }
    let joined = if is_digit(before) && is_digit(after) {
        match c {
            ',' | '.' | ';' | '\u{37e}' | '\u{589}' | '\u{60d}' | '\u{7f8}' | '\u{2044}' | '\u{fe10}' | '\u{fe13}'
            | '\u{fe14}' => c,
            _ => return Infix::Splits,
        }
    } else {
        match c {
            '\'' | '&' | '\u{b7}' | '\u{5f4}' | '\u{2027}' => c,
            // Typographic apostrophes are apostrophes.
            '\u{2019}' | '\u{201b}' => '\'',
            _ => return Infix::Splits,
        }
    };
    Infix::Joins(joined)
}
