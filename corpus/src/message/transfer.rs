//! Transfer encodings (RFC 2045, section 6). Both decoders keep whatever can be kept: mail-parser's give up on
//! the whole part at the first stray byte, and a patch in it would be lost.

use std::borrow::Cow;

use mail_parser::decoders::base64::base64_decode;
use memchr::{memchr, memchr2};

use super::defect::{Defect, Defects};

/// How the bytes of a part are written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransferEncoding {
    /// As they are: 7bit, 8bit, binary, or none named.
    Identity,
    /// `quoted-printable`.
    QuotedPrintable,
    /// `base64`.
    Base64,
}

impl TransferEncoding {
    pub(crate) fn named(value: &[u8], defects: &mut Defects) -> TransferEncoding {
        let end = memchr2(b';', b'(', value).unwrap_or(value.len());
        let name = value[..end].trim_ascii();
        let is = |other: &str| name.eq_ignore_ascii_case(other.as_bytes());
        if is("quoted-printable") || is("quotedprint") || is("qp") {
            TransferEncoding::QuotedPrintable
        } else if is("base64") {
            TransferEncoding::Base64
        } else {
            // `8-bit` and the like are misspelt, but do not say that anything is to be decoded.
            if !["", "7bit", "8bit", "binary"].iter().any(|known| is(known)) {
                defects.note(Defect::UnknownTransferEncoding);
            }
            TransferEncoding::Identity
        }
    }

    /// The bytes that were written down.
    pub(crate) fn decode<'x>(self, bytes: &'x [u8], defects: &mut Defects) -> Cow<'x, [u8]> {
        let (decoded, clean) = match self {
            TransferEncoding::Identity => return Cow::Borrowed(bytes),
            TransferEncoding::QuotedPrintable => quoted_printable(bytes),
            TransferEncoding::Base64 => base64(bytes),
        };
        if !clean {
            defects.note(Defect::BadTransferEncoding);
        }
        decoded
    }
}

/// White space at the end of a line is kept, as git does, since a patch may need it.
fn quoted_printable(bytes: &[u8]) -> (Cow<'_, [u8]>, bool) {
    let Some(first) = memchr(b'=', bytes) else {
        return (Cow::Borrowed(bytes), true);
    };
    let mut out = Vec::with_capacity(bytes.len());
    let mut clean = true;
    out.extend_from_slice(&bytes[..first]);
    let mut rest = &bytes[first..];
    while let [b'=', tail @ ..] = rest {
        let after = if let Some(byte) = hex_pair(tail) {
            out.push(byte);
            &tail[2..]
        } else {
            // A soft line break: blanks that transport added, then the line end.
            let blanks = tail.iter().take_while(|b| matches!(b, b' ' | b'\t' | b'\r')).count();
            match tail.get(blanks) {
                Some(b'\n') => &tail[blanks + 1..],
                None => &tail[blanks..],
                Some(_) => {
                    clean = false;
                    out.push(b'=');
                    tail
                }
            }
        };
        let next = memchr(b'=', after).unwrap_or(after.len());
        out.extend_from_slice(&after[..next]);
        rest = &after[next..];
    }
    (Cow::Owned(out), clean)
}

/// The byte that two hexadecimal digits at the start of `bytes` name.
pub(crate) fn hex_pair(bytes: &[u8]) -> Option<u8> {
    let digit = |at: usize| (*bytes.get(at)? as char).to_digit(16);
    Some((digit(0)? * 16 + digit(1)?) as u8)
}

/// Lines that are no base64 (a list's footer, most often) are passed over.
pub(crate) fn base64(bytes: &[u8]) -> (Cow<'_, [u8]>, bool) {
    if let Some(decoded) = base64_decode(bytes) {
        return (Cow::Owned(decoded), true);
    }
    // Padding ends what one encoder wrote; after it come only what others appended, so stop where the
    // first stray line begins once padding was seen, and drop single stray bytes before.
    let mut kept = Vec::with_capacity(bytes.len());
    let mut padded = false;
    for line in bytes.split_inclusive(|&byte| byte == b'\n') {
        let stray = line.iter().filter(|&&byte| !is_base64(byte)).count();
        if stray * 8 > line.len() {
            if padded {
                break;
            }
            continue;
        }
        padded |= line.contains(&b'=');
        kept.extend(line.iter().copied().filter(|&byte| is_base64(byte)));
    }
    (Cow::Owned(base64_decode(&kept).unwrap_or_default()), false)
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'\r' | b'\n' | b' ' | b'\t')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_printable_is_lenient() {
        for (encoded, decoded, clean) in [
            ("a=3Db", "a=b", true),
            ("soft =\nbreak", "soft break", true),
            ("soft= \t\r\nbreak=", "softbreak", true),
            ("x = y =zz =4", "x = y =zz =4", false),
            ("trail \n=20\n", "trail \n \n", true),
            ("low=c3=b6", "lowö", true),
        ] {
            let (bytes, was_clean) = quoted_printable(encoded.as_bytes());
            assert_eq!((&*bytes, was_clean), (decoded.as_bytes(), clean), "{encoded}");
        }
        assert_eq!(&*quoted_printable(b"=\xff=\xfe1").0, b"=\xff=\xfe1");
    }

    #[test]
    fn base64_with_a_footer() {
        let (bytes, clean) = base64(b"aGVs\r\nbG8K\r\n");
        assert_eq!((&*bytes, clean), (&b"hello\n"[..], true));
        let (bytes, clean) = base64(b"aGVsbG8=\n_____\nlist@example.org: footer!\n");
        assert_eq!((&*bytes, clean), (&b"hello"[..], false));
        assert_eq!(base64(b"").0.len(), 0);
    }

    #[test]
    fn names() {
        let mut defects = Defects::default();
        let mut named = |name: &str| TransferEncoding::named(name.as_bytes(), &mut defects);
        assert_eq!(named("Quoted-Printable (x)"), TransferEncoding::QuotedPrintable);
        assert_eq!(named("BASE64"), TransferEncoding::Base64);
        assert_eq!(named("8bit"), TransferEncoding::Identity);
        assert_eq!(named("8-bit"), TransferEncoding::Identity);
        assert_eq!(defects.0, [Defect::UnknownTransferEncoding]);
    }

    proptest::proptest! {
        #[test]
        fn quoted_printable_undoes_its_writer(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..80)) {
            let written: String = bytes.iter().map(|byte| format!("={byte:02X}")).collect();
            proptest::prop_assert_eq!(&*quoted_printable(written.as_bytes()).0, &bytes[..]);
            quoted_printable(&bytes);
            base64(&bytes);
        }
    }
}
