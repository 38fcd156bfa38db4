//! One patch of a series as a mail that git-am(1) takes: its own header fields, its message with the trailers that it was
//! given, and its diff byte for byte.
//!
//! git converts the message to UTF-8 and leaves the diff as it is (git-mailinfo(1)), so the diff of a file in another
//! charset stays in that. What an mbox cannot hold unchanged, a line that begins with `From ` or a carriage return, is written
//! as quoted-printable: the mail then reads the same whatever form of mbox its reader takes it for.

use provenance_corpus::message::{Message, encoded_word};
use provenance_corpus::patch::Patch;
use provenance_corpus::trailer;

use crate::failure::{Exit, Failure};
use crate::text;

/// A mail for git am.
#[derive(Clone, Debug)]
pub struct Composed {
    /// The mail.
    pub bytes: Vec<u8>,
    /// What follows the message: notes, diffstat, and the diff.
    pub patch: Vec<u8>,
    /// The message with its trailers.
    pub message: String,
    /// Words above a scissors line were left out.
    pub cut: bool,
}

/// Writes the mail of a patch, with these lines added to the trailers of its message.
///
/// # Errors
/// The mail holds no diff.
pub fn mail(message: &Message<'_>, trailers: &[String]) -> Result<Composed, Failure> {
    let text = message.patch_text();
    let patch = Patch::parse(&text).ok_or_else(|| {
        Failure::new(Exit::Unreadable, format!("{} holds no diff that git takes", text::line(&message.message_id)))
            .hint("see it with `provenance show`")
    })?;
    let own = with_trailers(patch.slice(patch.message), trailers);
    let end = patch.message.end as usize;
    let rest = rest(message, &text, end);
    let separator: &[u8] = if rest.starts_with(b"---") { b"" } else { b"---\n" };
    let mut body = own.clone().into_bytes();
    body.extend_from_slice(separator);
    body.extend_from_slice(&rest);
    let mut bytes = header(message);
    bytes.extend_from_slice(b"MIME-Version: 1.0\nContent-Type: text/plain; charset=UTF-8\n");
    if body.contains(&b'\r') || has_from_line(&body) {
        bytes.extend_from_slice(b"Content-Transfer-Encoding: quoted-printable\n\n");
        bytes.extend_from_slice(&quoted_printable(&body));
    } else {
        bytes.extend_from_slice(b"Content-Transfer-Encoding: 8bit\n\n");
        bytes.extend_from_slice(&body);
    }
    Ok(Composed { bytes, patch: rest, message: own, cut: patch.message.start > 0 })
}

/// The fields that git am reads, as the mail has them. Where a list or a relay sent it, From names the author.
fn header(message: &Message<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    let author = message.author();
    let relayed = author.as_ref().zip(message.from.first()).filter(|(author, from)| author != from);
    for name in ["From", "Date", "Subject", "Message-ID"] {
        let Some(raw) = message.header_raw(name) else { continue };
        let value = match (name, relayed) {
            ("From", Some((author, _))) => encoded_word::mailbox(author),
            _ => {
                let plain: Vec<u8> = raw.trim_ascii().iter().copied().filter(|byte| *byte != b'\r').collect();
                match String::from_utf8(plain) {
                    Ok(value)
                        if value.is_ascii() && !value.contains(|c: char| c.is_control() && !"\n\t".contains(c)) =>
                    {
                        value
                    }
                    // Bytes that no charset was said of: as they were understood.
                    _ => match (name, author.as_ref()) {
                        ("From", Some(author)) => encoded_word::mailbox(author),
                        _ => encoded_word::encode(&message.header(name).unwrap_or_default()),
                    },
                }
            }
        };
        out.extend_from_slice(format!("{name}: {value}\n").as_bytes());
    }
    out
}

/// The message with more trailers: in its last paragraph where that is one of trailers, as git-interpret-trailers(1) does, else
/// in one of their own.
fn with_trailers(message: &str, trailers: &[String]) -> String {
    let mut out = message.replace('\r', "").trim_end().to_owned();
    if !out.is_empty() {
        out.push('\n');
    }
    if trailers.is_empty() {
        return out;
    }
    if !out.is_empty() && !ends_in_trailers(&out) {
        out.push('\n');
    }
    for line in trailers {
        out.push_str(line);
        out.push('\n');
    }
    out
}

/// git takes the last paragraph for trailers where all of its lines are, or a quarter beside one that git itself writes.
fn ends_in_trailers(message: &str) -> bool {
    let start = message.trim_end().rfind("\n\n").map_or(0, |at| at + 2);
    let last = &message[start..];
    let found = trailer::parse(last);
    let lines = last.lines().count();
    let covered: usize = found.iter().map(|one| last[one.span.clone()].lines().count()).sum();
    let signed = found.iter().any(|one| one.name.eq_ignore_ascii_case("signed-off-by"));
    start > 0 && (covered == lines && covered > 0 || signed && 4 * covered >= lines) || start == 0 && covered == lines
}

/// What follows the message, as bytes: those of the mail where they hold the same lines, since the text is a reading of them.
fn rest(message: &Message<'_>, text: &str, end: usize) -> Vec<u8> {
    let decoded = || text.as_bytes()[end..].to_vec();
    let mut raw: Vec<u8> = Vec::new();
    for part in message.text_parts() {
        if !raw.is_empty() && !raw.ends_with(b"\n") {
            raw.push(b'\n');
        }
        let bytes = message.part_bytes(part);
        let lines = bytes.split_inclusive(|byte| *byte == b'\n');
        // A carriage return at the end of every line is how the mail was written; at the end of some, it is the file's.
        let written = lines.clone().all(|line| line.ends_with(b"\r\n") || !line.ends_with(b"\n"));
        for line in lines {
            match line.strip_suffix(b"\r\n").filter(|_| written) {
                Some(line) => {
                    raw.extend_from_slice(line);
                    raw.push(b'\n');
                }
                None => raw.extend_from_slice(line),
            }
        }
    }
    let above = text[..end].matches('\n').count();
    let start: usize = raw.split_inclusive(|byte| *byte == b'\n').take(above).map(<[u8]>::len).sum();
    let raw = &raw[start.min(raw.len())..];
    if same_lines(raw, &text[end..]) { raw.to_vec() } else { decoded() }
}

/// Whether bytes and text hold the same lines, as far as that can be told without the charset: by their ASCII.
fn same_lines(raw: &[u8], text: &str) -> bool {
    let ascii = |line: &[u8]| -> Vec<u8> { line.iter().copied().filter(|b| b.is_ascii() && *b != b'\r').collect() };
    let (mut left, mut right) = (raw.split(|b| *b == b'\n'), text.as_bytes().split(|b| *b == b'\n'));
    loop {
        match (left.next(), right.next()) {
            (None, None) => return true,
            (Some(a), Some(b)) if a == b || ascii(a) == ascii(b) => {}
            _ => return false,
        }
    }
}

/// Whether a line begins with `From `, or with `>` and that: what the forms of mbox quote in different ways.
fn has_from_line(body: &[u8]) -> bool {
    body.split(|byte| *byte == b'\n').any(|line| {
        let quotes = line.iter().take_while(|byte| **byte == b'>').count();
        line[quotes..].starts_with(b"From ")
    })
}

/// Bytes as quoted-printable (RFC 2045, section 6.7), carriage returns and the `F` of `From ` at the start of a line included.
fn quoted_printable(body: &[u8]) -> Vec<u8> {
    const ROOM: usize = 73;
    let mut out = Vec::with_capacity(body.len() + body.len() / 8);
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        let (line, end) = line.strip_suffix(b"\n").map_or((line, &b""[..]), |line| (line, b"\n"));
        let mut column = 0;
        for (at, byte) in line.iter().copied().enumerate() {
            let last = at + 1 == line.len();
            let plain = match byte {
                b'=' => false,
                b' ' | b'\t' => !last,
                b'F' | b'>' => column > 0,
                _ => byte.is_ascii_graphic(),
            };
            let width = if plain { 1 } else { 3 };
            if column + width > ROOM {
                out.extend_from_slice(b"=\n");
                column = 0;
            }
            // A soft break must not put `From ` at the start of a line either.
            if plain && !(column == 0 && matches!(byte, b'F' | b'>')) {
                out.push(byte);
                column += 1;
            } else {
                out.extend_from_slice(format!("={byte:02X}").as_bytes());
                column += 3;
            }
        }
        out.extend_from_slice(end);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DIFF: &str = "---\n a | 2 +-\n\ndiff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -1 +1 @@\n-a\n+b\n-- \n2.39\n";

    fn composed(raw: &[u8], trailers: &[&str]) -> Composed {
        let trailers: Vec<String> = trailers.iter().map(|one| (*one).to_owned()).collect();
        mail(&Message::parse(raw), &trailers).expect("a patch")
    }

    #[test]
    fn trailers_go_below_those_that_are_there() {
        let raw = |message: &str| format!("From: A B <a@b>\nSubject: [PATCH] x\nMessage-ID: <m@x>\n\n{message}{DIFF}");
        let of = |message: &str| composed(raw(message).as_bytes(), &["Acked-by: C D <c@d>"]).message;
        assert_eq!(of("why\n\nSigned-off-by: A B <a@b>\n"), "why\n\nSigned-off-by: A B <a@b>\nAcked-by: C D <c@d>\n");
        assert_eq!(of("why\n\n"), "why\n\nAcked-by: C D <c@d>\n");
        assert_eq!(of("Signed-off-by: A B <a@b>\n\n"), "Signed-off-by: A B <a@b>\nAcked-by: C D <c@d>\n");
        assert_eq!(of(""), "Acked-by: C D <c@d>\n");
        assert_eq!(of("Note: one thing\n"), "Note: one thing\n\nAcked-by: C D <c@d>\n");
        let whole = String::from_utf8(composed(raw("why\n").as_bytes(), &[]).bytes).unwrap();
        assert!(
            whole.starts_with("From: A B <a@b>\nSubject: [PATCH] x\nMessage-ID: <m@x>\nMIME-Version: 1.0\n"),
            "{whole}"
        );
        assert!(whole.ends_with(&format!("\n\nwhy\n{DIFF}")), "{whole}");
    }

    #[test]
    fn the_diff_keeps_its_bytes() {
        let latin = b"From: A <a@b>\nSubject: x\nContent-Type: text/plain; charset=iso-8859-1\n\nsch\xf6n\n---\ndiff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -1 +1 @@\n-a\n+\xe4\n";
        let made = composed(latin, &[]);
        assert_eq!(made.message, "schön\n");
        assert!(made.patch.ends_with(b"+\xe4\n"));
        let quoted = b"From: A <a@b>\nSubject: x\nContent-Transfer-Encoding: quoted-printable\n\nwhy\n---\ndiff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -1 +1 @@\n-a=0D\n+b=0D\n";
        let made = composed(quoted, &[]);
        assert!(made.patch.ends_with(b"-a\r\n+b\r\n"));
        let text = String::from_utf8(made.bytes).unwrap();
        assert!(text.contains("quoted-printable\n") && text.ends_with("-a=0D\n+b=0D\n"), "{text}");
        let windows = b"From: A <a@b>\r\nSubject: x\r\n\r\nwhy\r\n---\r\ndiff --git a/a b/a\r\n--- a/a\r\n+++ b/a\r\n@@ -1 +1 @@\r\n-a\r\n+b\r\n";
        assert!(!composed(windows, &[]).bytes.contains(&b'\r'));
    }

    #[test]
    fn a_relay_is_not_the_author_and_a_line_of_from_is_safe() {
        let raw = "From: J\u{f6}rg via L <l@lists.example>\nReply-To: J\u{f6}rg <j@example.org>\nSubject: x\n\nFrom here on\n";
        let made = composed(format!("{raw}{DIFF}").as_bytes(), &[]);
        let text = String::from_utf8(made.bytes).unwrap();
        assert!(text.starts_with("From: =?UTF-8?q?J=C3=B6rg?= <j@example.org>\n"), "{text}");
        assert!(text.contains("\n=46rom here on\n") && !text.contains("\nFrom "), "{text}");
    }

    #[test]
    fn what_stands_above_scissors_is_left_out() {
        let raw = format!("From: A <a@b>\nSubject: Re: x\n\ntalk\n\n-- >8 --\nSubject: [PATCH] y\n\nwhy\n{DIFF}");
        let made = composed(raw.as_bytes(), &[]);
        assert!(made.cut && made.message == "Subject: [PATCH] y\n\nwhy\n", "{}", made.message);
    }

    proptest! {
        #[test]
        fn quoted_printable_is_read_back(body in prop::collection::vec(prop_oneof![any::<u8>(), Just(b'\n'), Just(b'F'), Just(b' '), Just(b'=')], 0..400)) {
            let coded = quoted_printable(&body);
            prop_assert!(!has_from_line(&coded));
            let raw = [&b"Content-Transfer-Encoding: quoted-printable\n\n"[..], &coded].concat();
            let message = Message::parse(&raw);
            let back = message.parts.first().map(|part| message.part_bytes(part).into_owned()).unwrap_or_default();
            prop_assert_eq!(back, body);
        }
    }
}
