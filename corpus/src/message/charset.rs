//! Bytes of a charset become text. encoding_rs decodes (borrowing where the bytes already are UTF-8, and telling of
//! errors); mail-parser's table adds the few charsets that the web does not know, UTF-7 above all.
//!
//! A name that nobody knows (`y`, `a`, `unknown-8bit`) and the ones that in practice lie (`us-ascii`,
//! `ansi_x3.4-1968`) are read as UTF-8, and where that fails byte by byte as windows-1252, so that nothing is lost.

use std::borrow::Cow;

use encoding_rs::{Encoding, ISO_2022_JP, REPLACEMENT, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};
use mail_parser::decoders::charsets::map::charset_decoder;

use super::defect::{Defect, Defects};

/// Decodes bytes that say they are in `charset`.
pub(crate) fn decode<'x>(bytes: Cow<'x, [u8]>, charset: Option<&str>, defects: &mut Defects) -> Cow<'x, str> {
    let Some(label) = charset.map(str::trim).filter(|label| !claims_little(label)) else {
        return utf8_or_windows(bytes, Defect::BadCharset, defects);
    };
    match Encoding::for_label_no_replacement(label.as_bytes()) {
        Some(encoding) if encoding == UTF_8 => utf8_or_windows(bytes, Defect::BadCharset, defects),
        Some(encoding) => {
            let stateful = [ISO_2022_JP, UTF_16BE, UTF_16LE].contains(&encoding);
            if !stateful && bytes.is_ascii() {
                return utf8_or_windows(bytes, Defect::BadCharset, defects);
            }
            let (text, bad) = encoding.decode_without_bom_handling(&bytes);
            if bad {
                defects.note(Defect::BadCharset);
            }
            Cow::Owned(text.into_owned())
        }
        None => match charset_decoder(label.as_bytes()) {
            // Its table has the charsets that the web forbids, as one replacement character.
            Some(decoder) if Encoding::for_label(label.as_bytes()) != Some(REPLACEMENT) => Cow::Owned(decoder(&bytes)),
            _ => {
                defects.note(Defect::UnknownCharset);
                utf8_or_windows(bytes, Defect::UnknownCharset, defects)
            }
        },
    }
}

/// UTF-8 as it is; every byte that is not part of a valid sequence becomes its windows-1252 character.
pub(crate) fn utf8_or_windows<'x>(bytes: Cow<'x, [u8]>, defect: Defect, defects: &mut Defects) -> Cow<'x, str> {
    let bad = match bytes {
        Cow::Borrowed(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => return Cow::Borrowed(text),
            Err(_) => Cow::Borrowed(bytes),
        },
        Cow::Owned(bytes) => match String::from_utf8(bytes) {
            Ok(text) => return Cow::Owned(text),
            Err(error) => Cow::Owned(error.into_bytes()),
        },
    };
    defects.note(defect);
    let mut text = String::with_capacity(bad.len() + 16);
    for chunk in bad.utf8_chunks() {
        text.push_str(chunk.valid());
        text.push_str(&WINDOWS_1252.decode_without_bom_handling(chunk.invalid()).0);
    }
    Cow::Owned(text)
}

/// Names under which archives hold UTF-8 as often as what they name.
fn claims_little(label: &str) -> bool {
    ["us-ascii", "ascii", "ansi_x3.4-1968", "utf-8", "utf8", ""].iter().any(|name| label.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(bytes: &[u8], charset: &str) -> (String, Vec<Defect>) {
        let mut defects = Defects::default();
        let text = decode(Cow::Borrowed(bytes), Some(charset), &mut defects).into_owned();
        (text, defects.0)
    }

    #[test]
    fn charsets_of_archives() {
        for (bytes, charset, text) in [
            (&b"caf\xe9"[..], "iso-8859-1", "café"),
            (b"caf\xe9", "Latin1", "café"),
            (b"\x93x\x94", "windows-1252", "\u{201c}x\u{201d}"),
            (b"\xf0\xd2\xc9\xd7\xc5\xd4", "KOI8-R", "Привет"),
            (b"\xc4\xe3\xba\xc3", "gbk", "你好"),
            (b"\x1b$B%O%m\x1b(B", "iso-2022-jp", "ハロ"),
            (b"+ZYeB9FH6ckh5Pg-.", "utf-7", "文致出版社."),
            ("naïve".as_bytes(), "us-ascii", "naïve"),
            ("naïve".as_bytes(), "ansi_x3.4-1968", "naïve"),
            (b"\x9b", "ibm850", "ø"),
        ] {
            assert_eq!(decoded(bytes, charset), (text.to_owned(), vec![]), "{charset}");
        }
        for charset in ["y", "a", "unknown-8bit", "x-unknown"] {
            let (text, defects) = decoded("ö\u{20ac}".as_bytes(), charset);
            assert_eq!((text.as_str(), &defects[..]), ("ö€", &[Defect::UnknownCharset][..]));
        }
        let (text, defects) = decoded(b"\xc3\xb6 \xf6", "utf-8");
        assert_eq!((text.as_str(), &defects[..]), ("ö ö", &[Defect::BadCharset][..]));
    }

    proptest::proptest! {
        #[test]
        fn ascii_survives_every_charset(text in "[a-z \n]{0,40}", charset in "[a-z0-9_-]{0,12}") {
            proptest::prop_assert_eq!(decoded(text.as_bytes(), &charset).0, text);
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..64),
                          at in 0usize..12) {
            let charset = ["utf-7", "iso-2022-jp", "gb18030", "big5", "utf-16", "hz-gb-2312", "cp850",
                "x-user-defined", "utf-8", "y", "shift_jis", "iso-2022-kr"][at];
            decoded(&bytes, charset);
        }
    }
}
