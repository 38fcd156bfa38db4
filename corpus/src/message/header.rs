//! The header block: where each field's name and value lie in the raw mail (RFC 5322, section 2.2).
//!
//! Only places are kept. mail-parser's own reader of headers parses every field, `Received` most of all, into
//! owned values that nobody asks for; here a field costs two ranges until somebody reads it.

use std::ops::Range;

use memchr::{memchr, memmem};

use super::defect::{Defect, Defects};

/// What is read of one header block, in bytes.
pub(crate) const HEADER_LIMIT: usize = 1 << 20;

/// One field of a header, as places in the raw mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The bytes of the name, without the colon.
    pub name: Range<usize>,
    /// The bytes of the value: folds included, surrounding white space and the final line end not.
    pub value: Range<usize>,
}

/// A header block that was split: its fields, and where the body begins.
pub(crate) struct Block {
    pub(crate) headers: Vec<Header>,
    pub(crate) body: usize,
}

/// Splits `raw[from..to]` into header fields and body.
pub(crate) fn split(raw: &[u8], from: usize, to: usize, defects: &mut Defects) -> Block {
    let mut headers: Vec<Header> = Vec::with_capacity(32);
    let limit = to.min(from + HEADER_LIMIT);
    let mut at = from;
    let mut after_bad_line = false;
    while at < to {
        if at >= limit {
            defects.note(Defect::OversizedHeader);
            at = end_of_block(raw, at, to);
            break;
        }
        let next = memchr(b'\n', &raw[at..to]).map_or(to, |end| at + end + 1);
        let line = trim_end(raw, at, next.min(limit));
        if next > limit {
            defects.note(Defect::OversizedHeader);
        }
        if line.is_empty() {
            // Only an empty line ends the block; one of blanks is a fold.
            if is_empty_line(&raw[at..next]) {
                at = next;
                break;
            }
        } else if matches!(raw[at], b' ' | b'\t') {
            if let (Some(last), false) = (headers.last_mut(), after_bad_line) {
                if last.value.is_empty() {
                    last.value.start = skip_blanks(raw, line.start, line.end);
                }
                last.value.end = line.end;
            } else if headers.is_empty() {
                return without_header(from, defects);
            }
        } else if let Some(header) = field(raw, line.clone()) {
            headers.push(header);
            after_bad_line = false;
        } else if headers.is_empty() {
            return without_header(from, defects);
        } else {
            defects.note(Defect::MalformedHeader);
            after_bad_line = true;
        }
        at = next;
    }
    if headers.is_empty() && from < to {
        defects.note(Defect::NoHeader);
    }
    Block { headers, body: at }
}

fn without_header(from: usize, defects: &mut Defects) -> Block {
    defects.note(Defect::NoHeader);
    Block { headers: Vec::new(), body: from }
}

fn field(raw: &[u8], line: Range<usize>) -> Option<Header> {
    let bytes = &raw[line.clone()];
    let colon = memchr(b':', bytes)?;
    let name = bytes[..colon].trim_ascii_end();
    if name.is_empty() || !name.iter().all(u8::is_ascii_graphic) {
        return None;
    }
    Some(Header {
        name: line.start..line.start + name.len(),
        value: skip_blanks(raw, line.start + colon + 1, line.end)..line.end,
    })
}

fn is_empty_line(line: &[u8]) -> bool {
    matches!(line, b"\n" | b"\r\n" | b"\r")
}

fn skip_blanks(raw: &[u8], from: usize, to: usize) -> usize {
    to - raw[from..to].trim_ascii_start().len()
}

fn trim_end(raw: &[u8], from: usize, to: usize) -> Range<usize> {
    from..from + raw[from..to].trim_ascii_end().len()
}

fn end_of_block(raw: &[u8], from: usize, to: usize) -> usize {
    let rest = &raw[from..to];
    let bare = memmem::find(rest, b"\n\n").map(|at| at + 2);
    let wire = memmem::find(rest, b"\n\r\n").map(|at| at + 3);
    bare.into_iter().chain(wire).min().map_or(to, |end| from + end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(raw: &[u8]) -> (Vec<(String, String)>, String, Vec<Defect>) {
        let mut defects = Defects::default();
        let block = split(raw, 0, raw.len(), &mut defects);
        let text = |range: &Range<usize>| String::from_utf8_lossy(&raw[range.clone()]).into_owned();
        (
            block.headers.iter().map(|h| (text(&h.name), text(&h.value))).collect(),
            text(&(block.body..raw.len())),
            defects.0,
        )
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(a, b)| ((*a).into(), (*b).into())).collect()
    }

    #[test]
    fn folds_belong_to_their_field() {
        for end in ["\n", "\r\n"] {
            let raw = "A: one\n  two\nB :x\nC:\n\n\tbody\n".replace('\n', end);
            let (headers, body, defects) = fields(raw.as_bytes());
            let folded = format!("one{end}  two");
            assert_eq!(headers, pairs(&[("A", &folded), ("B", "x"), ("C", "")]));
            assert_eq!(body, format!("\tbody{end}"));
            assert_eq!(defects, []);
        }
        let (headers, ..) = fields(b"A:\n  late\n\n");
        assert_eq!(headers, pairs(&[("A", "late")]));
    }

    #[test]
    fn lines_that_are_no_field() {
        let (headers, body, defects) = fields(b"A: 1\nwhat is this\n fold of it\nB: 2\n\nx");
        assert_eq!(headers, pairs(&[("A", "1"), ("B", "2")]));
        assert_eq!(body, "x");
        assert_eq!(defects, [Defect::MalformedHeader]);
        let (headers, body, defects) = fields(b"no header here\n\nx");
        assert_eq!((headers, body.as_str()), (vec![], "no header here\n\nx"));
        assert_eq!(defects, [Defect::NoHeader]);
    }

    #[test]
    fn a_header_of_ten_megabytes_is_cut_and_its_body_kept() {
        let mut raw = b"Subject: s\nX-Long: ".to_vec();
        raw.extend(std::iter::repeat_n(b'x', 10 << 20));
        raw.extend(b"\nTo: nobody\n\nbody");
        let (headers, body, defects) = fields(&raw);
        assert_eq!(headers.len(), 2);
        assert!(headers[1].1.len() <= HEADER_LIMIT);
        assert_eq!(body, "body");
        assert_eq!(defects, [Defect::OversizedHeader]);
    }

    proptest::proptest! {
        #[test]
        fn places_are_inside_and_in_order(raw in proptest::collection::vec(
            proptest::sample::select(b"Ab: \t\r\n\0\xff".to_vec()), 0..200)) {
            let block = split(&raw, 0, raw.len(), &mut Defects::default());
            let mut last = 0;
            for header in &block.headers {
                assert!(last <= header.name.start && header.name.end <= header.value.start);
                assert!(header.value.start <= header.value.end && header.value.end <= block.body);
                last = header.value.end;
            }
            assert!(block.body <= raw.len());
        }
    }
}
