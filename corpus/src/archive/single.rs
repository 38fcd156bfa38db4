//! One mail in a file or on standard input, and how a mail is told from other text.

use std::io::{self, BufRead, Read};
use std::path::Path;

use super::ArchiveError;
use super::public_inbox_v2::LARGEST_MAIL;

/// Reads to the end, at most 64 MiB. A From_ line at the start, which mail programs save along, is left out.
pub fn read(path: &Path, input: impl BufRead) -> Result<Vec<u8>, ArchiveError> {
    let mut bytes = Vec::new();
    let unreadable = |source: io::Error| ArchiveError::Io { path: path.to_owned(), source };
    input.take(LARGEST_MAIL + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > LARGEST_MAIL {
        return Err(ArchiveError::TooLarge { path: path.to_owned() });
    }
    if bytes.starts_with(b"From ") || bytes.starts_with(b">From ") {
        let line = memchr::memchr(b'\n', &bytes).map_or(bytes.len(), |it| it + 1);
        bytes.drain(..line);
    }
    Ok(bytes)
}

/// `Name: value`, the name in printable ASCII (RFC 5322 §3.6.8).
pub(super) fn is_field(line: &[u8]) -> bool {
    let end = line.iter().position(|b| !matches!(b, b'!'..=b'9' | b';'..=b'~'));
    end.is_some_and(|it| it > 0 && line[it] == b':')
}

/// Fields of which every mail that was sent, and every patch that was formatted, has at least one.
const USUAL: [&[u8]; 7] =
    [b"from:", b"subject:", b"date:", b"message-id:", b"received:", b"return-path:", b"delivered-to:"];

/// Do header fields come first, and a usual one among them? Prose with a colon in its first line does not pass.
pub(super) fn begins_with_header(bytes: &[u8]) -> bool {
    let mut usual = false;
    for (at, line) in bytes.split(|b| *b == b'\n').enumerate() {
        let line = line.trim_ascii_end();
        if line.is_empty() {
            break;
        }
        let continues = at > 0 && line.starts_with(b" ") || line.starts_with(b"\t");
        if continues {
            continue;
        }
        if !is_field(line) {
            // One bad line does not unmake a header whose usual fields came before it.
            return usual;
        }
        let is_usual = |name: &&[u8]| line.get(..name.len()).is_some_and(|it| it.eq_ignore_ascii_case(name));
        usual = usual || USUAL.iter().any(is_usual);
    }
    usual
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_has_fields_and_a_usual_one() {
        assert!(begins_with_header(b"Subject: x\n\nbody"));
        assert!(begins_with_header(b"X-Mailer: y\r\nReceived: by a\r\n\tfor b\r\n\r\n"));
        assert!(begins_with_header(b"from: cut off before its en"));
        for other in [&b""[..], b"\n", b"Note: this is prose\n\nFrom: x", b"int main:\n", b"\tFrom: x", b": x\nFrom: y"]
        {
            assert!(!begins_with_header(other), "{}", other.escape_ascii());
        }
    }

    #[test]
    fn a_from_line_is_left_out_and_nothing_else() {
        let read = |bytes: &[u8]| super::read(Path::new("x"), bytes).unwrap();
        assert_eq!(read(b"From a Mon Jan  1 00:00:00 2001\nSubject: x\n\n"), b"Subject: x\n\n");
        assert_eq!(read(b"From: a\r\n\r\n\0\xff"), b"From: a\r\n\r\n\0\xff");
    }

    #[test]
    fn above_the_limit_is_an_error_not_a_cut() {
        let endless = io::BufReader::new(io::repeat(b'a'));
        assert!(matches!(read(Path::new("x"), endless), Err(ArchiveError::TooLarge { .. })));
    }
}
