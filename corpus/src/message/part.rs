//! The parts of a MIME body (RFC 2046), found with an explicit stack.
//!
//! mail-parser's own walk looks for boundaries anywhere in a line, rescans the rest of the mail for each one that is
//! not there, and drops nested messages recursively, which ends the process at some 40,000. Here each level
//! scans only its own bytes, and there are at most 100 levels. The fields of a part's header are mail-parser's to read.

use std::borrow::Cow;
use std::ops::Range;

use mail_parser::parsers::MessageStream;
use mail_parser::{ContentType, HeaderValue};
use memchr::{memchr, memmem};

use super::charset;
use super::defect::{Defect, Defects};
use super::encoded_word;
use super::header::{self, Header};
use super::transfer::TransferEncoding;

const DEEPEST: usize = 100;
const MOST_PARTS: usize = 10_000;
/// What is read of a Content-Type or Content-Disposition, in bytes.
const LONGEST_FIELD: usize = 4_096;

/// One leaf of a mail's body.
#[derive(Debug, Clone, PartialEq)]
pub struct Part<'x> {
    /// The bytes of the part's own header in the raw mail; empty for the only part of a simple mail.
    pub header: Range<usize>,
    /// The bytes of its content in the raw mail, still encoded.
    pub body: Range<usize>,
    /// `type/subtype`, lower case; `text/plain` where none is named.
    pub content_type: Cow<'x, str>,
    /// The charset as named.
    pub charset: Option<String>,
    /// How the content is written down.
    pub encoding: TransferEncoding,
    /// The file name, decoded. It is a name only, never a path to write to.
    pub file_name: Option<String>,
    /// Whether the part is meant to be saved rather than read.
    pub is_attachment: bool,
    /// How many multiparts and attached messages are around it.
    pub depth: usize,
    /// The content as text, line ends as `\n`, where it is text: `text/*`, and what only calls itself
    /// `application/octet-stream`. For `text/html` this is the source.
    pub text: Option<Cow<'x, str>>,
}

impl Part<'_> {
    /// Whether this is text that a reader of plain text sees.
    pub fn is_plain(&self) -> bool {
        self.text.is_some() && !self.is_html()
    }

    /// Whether this is HTML.
    pub fn is_html(&self) -> bool {
        matches!(&*self.content_type, "text/html" | "text/xhtml" | "application/xhtml+xml")
    }

    /// Where a byte of `text` stands in the raw mail; `None` where the content had to be decoded.
    pub fn raw_offset(&self, text_offset: usize) -> Option<usize> {
        match &self.text {
            Some(Cow::Borrowed(text)) if text_offset <= text.len() => Some(self.body.start + text_offset),
            _ => None,
        }
    }
}

/// The header fields that say what a part is.
#[derive(Default)]
pub(crate) struct Fields<'x> {
    pub(crate) content_type: Option<&'x [u8]>,
    pub(crate) disposition: Option<&'x [u8]>,
    pub(crate) encoding: Option<&'x [u8]>,
}

impl<'x> Fields<'x> {
    pub(crate) fn of(raw: &'x [u8], headers: &[Header]) -> Fields<'x> {
        let mut fields = Fields::default();
        for header in headers {
            let name = &raw[header.name.clone()];
            if name.len() < 12 || !name[..8].eq_ignore_ascii_case(b"content-") {
                continue;
            }
            let slot = match name.len() {
                12 if name[8..].eq_ignore_ascii_case(b"type") => &mut fields.content_type,
                19 if name[8..].eq_ignore_ascii_case(b"disposition") => &mut fields.disposition,
                25 if name[8..].eq_ignore_ascii_case(b"transfer-encoding") => &mut fields.encoding,
                _ => continue,
            };
            slot.get_or_insert(&raw[header.value.clone()]);
        }
        fields
    }
}

/// A stretch of the mail that is still to be read as one part.
struct Pending<'x> {
    header: Range<usize>,
    body: Range<usize>,
    fields: Fields<'x>,
    depth: usize,
    in_digest: bool,
}

/// Reads the body `raw[body]` of a mail whose header said `fields`.
pub(crate) fn walk<'x>(raw: &'x [u8], body: Range<usize>, fields: Fields<'x>, defects: &mut Defects) -> Vec<Part<'x>> {
    let mut parts: Vec<Part<'x>> = Vec::new();
    let body_end = body.end;
    let root = Pending { header: body.start..body.start, body, fields, depth: 0, in_digest: false };
    let mut stack = vec![root];
    while let Some(pending) = stack.pop() {
        let kind = pending.fields.content_type.and_then(content_type);
        let name = full_name(kind.as_ref(), pending.in_digest);
        let (main, sub) = name.split_once('/').unwrap_or((&name, ""));
        let boundary = kind.as_ref().and_then(|kind| kind.attribute("boundary")).filter(|text| !text.is_empty());
        let mut ignored = Defects::default();
        let encoding = TransferEncoding::named(pending.fields.encoding.unwrap_or(b""), &mut ignored);
        let message = main == "message"
            && matches!(sub, "rfc822" | "global" | "news" | "rfc2822")
            && encoding == TransferEncoding::Identity;
        let multipart = main == "multipart";
        if (multipart || message) && pending.depth >= DEEPEST {
            defects.note(Defect::NestedTooDeep);
        } else if parts.len() + stack.len() >= MOST_PARTS {
            defects.note(Defect::TooManyParts);
        } else if message {
            let inner = child(raw, pending.body.clone(), pending.depth + 1, false);
            parts.push(leaf(raw, pending, kind.as_ref(), name, None, defects));
            stack.push(inner);
            continue;
        } else if let (true, Some(boundary)) = (multipart, boundary) {
            let (regions, closed) = split(raw, pending.body.clone(), boundary, MOST_PARTS);
            if !closed {
                defects.note(if regions.is_empty() { Defect::MissingBoundary } else { Defect::UnclosedMultipart });
            }
            if !regions.is_empty() || closed {
                let digest = sub == "digest";
                let depth = pending.depth + 1;
                let blank = |region: &Range<usize>| raw[region.clone()].trim_ascii().is_empty();
                let full = regions.into_iter().filter(|region| !blank(region));
                let first = stack.len();
                stack.extend(full.map(|region| child(raw, region, depth, digest)));
                stack[first..].reverse();
                continue;
            }
        } else if multipart {
            defects.note(Defect::MissingBoundary);
        }
        let opaque = pending.depth >= DEEPEST && (multipart || message) || parts.len() >= MOST_PARTS;
        if !opaque {
            for defect in ignored.0 {
                defects.note(defect);
            }
        }
        parts.push(leaf(raw, pending, kind.as_ref(), name, (!opaque).then_some(encoding), defects));
        if parts.len() > MOST_PARTS {
            if let Some(last) = parts.last_mut() {
                last.body.end = body_end;
            }
            break;
        }
    }
    parts
}

/// Splits a region into the header and body of a part or of an attached message.
fn child(raw: &[u8], region: Range<usize>, depth: usize, in_digest: bool) -> Pending<'_> {
    let block = header::split(raw, region.start, region.end, &mut Defects::default());
    Pending {
        fields: Fields::of(raw, &block.headers),
        header: region.start..block.body,
        body: block.body..region.end,
        depth,
        in_digest,
    }
}

/// Cuts the region of a multipart at its boundary lines. Says whether the closing one was there.
fn split(raw: &[u8], region: Range<usize>, boundary: &str, most: usize) -> (Vec<Range<usize>>, bool) {
    let bytes = &raw[region.clone()];
    let mark = format!("--{boundary}");
    let finder = memmem::Finder::new(mark.as_bytes());
    let mut regions = Vec::new();
    let mut open: Option<usize> = None;
    let mut at = 0;
    while let Some(found) = finder.find(&bytes[at..]) {
        let start = at + found;
        let mut after = start + mark.len();
        // Only the start of a line counts, so a false match costs no more than its line.
        at = memchr(b'\n', &bytes[start..]).map_or(bytes.len(), |end| start + end);
        if start > 0 && bytes[start - 1] != b'\n' {
            continue;
        }
        let closing = bytes[after..].starts_with(b"--");
        if closing {
            after += 2;
        }
        let line_end = memchr(b'\n', &bytes[after..]).map_or(bytes.len(), |end| after + end + 1);
        if !bytes[after..line_end].trim_ascii().is_empty() {
            continue;
        }
        if let Some(from) = open {
            // The line end before a boundary belongs to the boundary.
            let content = &bytes[from.min(start)..start];
            let content = content.strip_suffix(b"\n").unwrap_or(content);
            let content = content.strip_suffix(b"\r").unwrap_or(content);
            regions.push(region.start + from..region.start + from + content.len());
        }
        if closing {
            return (regions, true);
        }
        open = Some(line_end);
        at = line_end;
        // What is left goes into the last region, and is for the caller to count as too many.
        if regions.len() >= most {
            regions.push(region.start + line_end..region.end);
            return (regions, true);
        }
    }
    if let Some(from) = open {
        regions.push(region.start + from..region.end);
    }
    (regions, false)
}

/// mail-parser reads the field; it wants a line end, and is not shown more than a sane field has.
fn content_type(value: &[u8]) -> Option<ContentType<'static>> {
    let mut line = value[..value.len().min(LONGEST_FIELD)].to_vec();
    line.push(b'\n');
    match MessageStream::new(&line).parse_content_type().into_owned() {
        HeaderValue::ContentType(kind) => Some(kind),
        _ => None,
    }
}

fn full_name<'x>(kind: Option<&ContentType<'_>>, in_digest: bool) -> Cow<'x, str> {
    let Some(kind) = kind else {
        return Cow::Borrowed(if in_digest { "message/rfc822" } else { "text/plain" });
    };
    match (kind.ctype(), kind.subtype()) {
        ("text", Some("plain") | None) => Cow::Borrowed("text/plain"),
        (main, Some(sub)) => Cow::Owned(format!("{main}/{sub}")),
        // `Content-Type: text` and the like, from before MIME.
        (_, None) => Cow::Borrowed("text/plain"),
    }
}

/// Makes the leaf; without `encoding` it is opaque.
fn leaf<'x>(
    raw: &'x [u8],
    pending: Pending<'x>,
    kind: Option<&ContentType<'_>>,
    name: Cow<'x, str>,
    encoding: Option<TransferEncoding>,
    defects: &mut Defects,
) -> Part<'x> {
    let disposition = pending.fields.disposition.and_then(content_type);
    let file_name = disposition
        .as_ref()
        .and_then(|field| field.attribute("filename"))
        .or_else(|| kind.and_then(|field| field.attribute("name")))
        .map(|text| encoded_word::decode(text.as_bytes(), defects).into_owned())
        .filter(|text| !text.is_empty());
    let charset = kind.and_then(|kind| kind.attribute("charset")).map(str::to_owned);
    let is_text = name.starts_with("text/") || name.starts_with("multipart/");
    let is_attachment = match &disposition {
        Some(field) => field.ctype() == "attachment",
        None => !is_text,
    };
    let text = encoding.and_then(|encoding| {
        let bytes = &raw[pending.body.clone()];
        if is_text {
            let text = charset::decode(encoding.decode(bytes, defects), charset.as_deref(), defects);
            return Some(unix_lines(text));
        }
        if !matches!(
            &*name,
            "application/octet-stream" | "application/x-patch" | "application/x-diff" | "application/mbox"
        ) {
            return None;
        }
        let text = match encoding.decode(bytes, &mut Defects::default()) {
            Cow::Borrowed(bytes) => Cow::Borrowed(std::str::from_utf8(bytes).ok()?),
            Cow::Owned(bytes) => Cow::Owned(String::from_utf8(bytes).ok()?),
        };
        let printable = text.bytes().all(|b| !b.is_ascii_control() || b.is_ascii_whitespace());
        printable.then(|| unix_lines(text))
    });
    if text.as_ref().is_some_and(|text| memchr(0, text.as_bytes()).is_some()) {
        defects.note(Defect::NulBytes);
    }
    Part {
        header: pending.header,
        body: pending.body,
        content_type: name,
        charset,
        encoding: encoding.unwrap_or(TransferEncoding::Identity),
        file_name,
        is_attachment,
        depth: pending.depth,
        text,
    }
}

/// Line ends as git stores them; a single `\r` stays.
pub(crate) fn unix_lines(text: Cow<'_, str>) -> Cow<'_, str> {
    if memmem::find(text.as_bytes(), b"\r\n").is_none() {
        return text;
    }
    Cow::Owned(text.replace("\r\n", "\n"))
}
