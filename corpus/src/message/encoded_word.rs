//! Header text: folds, encoded words (RFC 2047) and raw bytes become one line of text.
//!
//! Words next to each other in one charset are joined before they are decoded, because mailers cut in the middle of
//! a character. A word is looked for over a bounded distance, so that a header full of `=?` costs linear time.

use std::borrow::Cow;
use std::fmt::Write as _;

use memchr::{memchr, memmem};

use super::charset;
use super::defect::{Defect, Defects};
use super::transfer;
use crate::address::Address;

/// RFC 2047 allows 75 bytes; mailers do not count.
const LONGEST_WORD: usize = 1_000;
const LONGEST_CHARSET: usize = 60;

struct Word<'x> {
    charset: &'x [u8],
    encoding: u8,
    text: &'x [u8],
    end: usize,
}

/// Decodes a header's raw value; white space, folds included, becomes single spaces.
pub(crate) fn decode<'x>(raw: &'x [u8], defects: &mut Defects) -> Cow<'x, str> {
    let raw = raw.trim_ascii();
    if memmem::find(raw, b"=?").is_none() {
        return collapse(charset::utf8_or_windows(Cow::Borrowed(raw), Defect::HeaderNotUtf8, defects));
    }
    let mut out = String::with_capacity(raw.len());
    // Bytes of words in `run_charset` that are not decoded yet.
    let mut run: Vec<u8> = Vec::new();
    let mut run_charset: Option<&[u8]> = None;
    let mut plain = 0;
    let mut at = 0;
    while let Some(found) = memmem::find(&raw[at..], b"=?") {
        let start = at + found;
        let Some(word) = word_at(raw, start) else {
            at = start + 2;
            continue;
        };
        let between = &raw[plain..start];
        let adjacent = run_charset.is_some() && between.iter().all(u8::is_ascii_whitespace);
        if !adjacent || !run_charset.is_some_and(|name| name.eq_ignore_ascii_case(word.charset)) {
            flush(&mut run, run_charset, &mut out, defects);
        }
        if !adjacent {
            push_plain(between, &mut out, defects);
        }
        run_charset = Some(word.charset);
        append(&word, &mut run, defects);
        at = word.end;
        plain = at;
    }
    flush(&mut run, run_charset, &mut out, defects);
    push_plain(&raw[plain..], &mut out, defects);
    collapse(Cow::Owned(out))
}

fn push_plain(bytes: &[u8], out: &mut String, defects: &mut Defects) {
    out.push_str(&charset::utf8_or_windows(Cow::Borrowed(bytes), Defect::HeaderNotUtf8, defects));
}

fn flush(run: &mut Vec<u8>, name: Option<&[u8]>, out: &mut String, defects: &mut Defects) {
    if let Some(name) = name {
        let name = std::str::from_utf8(name).unwrap_or("unknown-8bit");
        out.push_str(&charset::decode(Cow::Borrowed(run), Some(name), defects));
        run.clear();
    }
}

fn append(word: &Word<'_>, run: &mut Vec<u8>, defects: &mut Defects) {
    if word.encoding == b'b' {
        let (bytes, clean) = transfer::base64(word.text);
        if !clean {
            defects.note(Defect::BadEncodedWord);
        }
        run.extend_from_slice(&bytes);
        return;
    }
    let mut rest = word.text;
    while let [first, tail @ ..] = rest {
        rest = tail;
        match first {
            b'_' => run.push(b' '),
            b'=' => match transfer::hex_pair(tail) {
                Some(byte) => {
                    run.push(byte);
                    rest = &tail[2..];
                }
                None => {
                    defects.note(Defect::BadEncodedWord);
                    run.push(b'=');
                }
            },
            byte => run.push(*byte),
        }
    }
}

/// A header's value: as it is where it is ASCII, else in encoded words (RFC 2047, 4.2) of at most 75 characters, folded.
pub fn encode(text: &str) -> String {
    const ROOM: usize = 75 - "=?UTF-8?q??=".len();
    if text.is_ascii() {
        return text.to_owned();
    }
    let mut words = vec![String::new()];
    for c in text.chars() {
        let mut piece = String::new();
        match c {
            ' ' => piece.push('_'),
            _ if c.is_ascii_alphanumeric() || "!*+-/".contains(c) => piece.push(c),
            _ => c.encode_utf8(&mut [0; 4]).bytes().for_each(|b| {
                let _ = write!(piece, "={b:02X}");
            }),
        }
        let full = words.last().is_some_and(|word| word.len() + piece.len() > ROOM);
        if full {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut() {
            word.push_str(&piece);
        }
    }
    words.iter().map(|word| format!("=?UTF-8?q?{word}?=")).collect::<Vec<_>>().join("\n ")
}

/// An address as a header carries it, without what would end the header or the address.
pub fn mailbox(address: &Address) -> String {
    let outside = |c: &char| !c.is_control() && !c.is_whitespace() && !matches!(c, '<' | '>');
    let name = address.name.as_deref().map(|name| name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect());
    let clean = Address { name, address: address.address.chars().filter(outside).collect() };
    match &clean.name {
        Some(name) if !name.is_ascii() => format!("{} <{}>", encode(name), clean.address),
        _ => clean.to_string(),
    }
}

/// Reads `=?charset*language?Q?text?=` at `start`, where `=?` stands.
fn word_at(raw: &[u8], start: usize) -> Option<Word<'_>> {
    let from = start + 2;
    let head = &raw[from..raw.len().min(from + LONGEST_CHARSET)];
    let name_end = memchr(b'?', head)?;
    let name = &head[..name_end];
    if name.is_empty() || !name.iter().all(u8::is_ascii_graphic) {
        return None;
    }
    let charset = &name[..memchr(b'*', name).unwrap_or(name_end)];
    let encoding = raw.get(from + name_end + 1)?.to_ascii_lowercase();
    if !matches!(encoding, b'q' | b'b') || raw.get(from + name_end + 2) != Some(&b'?') {
        return None;
    }
    let text_start = from + name_end + 3;
    let body = &raw[text_start..raw.len().min(text_start + LONGEST_WORD)];
    let text = &body[..memmem::find(body, b"?=")?];
    Some(Word { charset, encoding, text, end: text_start + text.len() + 2 })
}

/// Runs of white space become one space, those at the ends nothing; control characters become spaces too.
pub(crate) fn collapse(text: Cow<'_, str>) -> Cow<'_, str> {
    let mut before = b' ';
    let tidy = text.bytes().all(|byte| {
        let doubled = byte == b' ' && before == b' ';
        let fine = !doubled && !byte.is_ascii_control();
        before = byte;
        fine
    });
    if tidy && before != b' ' || text.is_empty() {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    for word in text.split(|c: char| c == ' ' || c.is_ascii_control()).filter(|word| !word.is_empty()) {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(raw: &str) -> String {
        decode(raw.as_bytes(), &mut Defects::default()).into_owned()
    }

    #[test]
    fn words() {
        for (raw, text) in [
            ("plain", "plain"),
            ("two\n\tlines  and\r\n more", "two lines and more"),
            ("=?UTF-8?B?QmrDtnJu?= x", "Björn x"),
            ("a =?utf-8?q?=C3=B6_?= =?UTF-8?Q?b?= c", "a ö b c"),
            ("=?utf-8?q?=C3?=\n =?utf-8?q?=B6?=", "ö"),
            ("=?iso-8859-1*en?q?=F6?==?koi8-r?q?=F0?=", "öП"),
            ("=?y?q?caf=C3=A9?=", "café"),
            ("=?utf-8?q?broken", "=?utf-8?q?broken"),
            ("=?utf-8?x?a?= [a=?b]", "=?utf-8?x?a?= [a=?b]"),
            ("=?us-ascii?Q?=3D=3F?=", "=?"),
        ] {
            assert_eq!(decoded(raw), text, "{raw}");
        }
        let mut defects = Defects::default();
        assert_eq!(decode(b"caf\xe9", &mut defects), "café");
        assert_eq!(defects.0, [Defect::HeaderNotUtf8]);
    }

    #[test]
    fn plain_text_is_borrowed() {
        assert!(matches!(decode(b"Re: a b", &mut Defects::default()), Cow::Borrowed("Re: a b")));
    }

    proptest::proptest! {
        #[test]
        fn one_clean_line_whatever_comes(raw in "(=\\?|utf-8|\\?q\\?|\\?b\\?|\\?=|=C3=B6| |\n\t|[a-zA-Z0-9=_]|\\PC){0,30}") {
            let text = decoded(&raw);
            proptest::prop_assert!(!text.contains("  ") && text.trim_matches(' ') == text);
            proptest::prop_assert!(!text.contains(['\n', '\t', '\r']));
        }

        #[test]
        fn what_is_encoded_comes_back(text in "[a-zäöü€?=_]{1,30}", cut in 1usize..8) {
            let encoded: Vec<String> = text.as_bytes().chunks(cut).map(|bytes| {
                let hex: String = bytes.iter().map(|byte| format!("={byte:02X}")).collect();
                format!("=?utf-8?Q?{hex}?=")
            }).collect();
            proptest::prop_assert_eq!(decoded(&encoded.join("\n ")), text);
        }
    }
}
