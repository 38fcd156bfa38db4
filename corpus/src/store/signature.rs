//! The commit that carries a mail: author and subject from the mail, committer and time from its arrival, as
//! public-inbox writes them.

use std::fmt::Write;

use git2::Oid;
use mail_parser::{Message, MessageParser};

/// Headers beyond this are not looked at for a name and a subject.
const LONGEST_HEADER: usize = 64 << 10;

/// 9999-12-31: what git can still print.
const LATEST: i64 = 253_402_300_799;

pub(super) fn commit(mail: &[u8], tree: Oid, parent: Option<Oid>, arrival: i64) -> String {
    // The header alone: a body may nest parts until a parser runs out of stack.
    let end = memchr::memmem::find(mail, b"\n\n").into_iter().chain(memchr::memmem::find(mail, b"\n\r\n")).min();
    let header = &mail[..end.unwrap_or(mail.len()).min(LONGEST_HEADER)];
    let parsed = MessageParser::new().parse_headers(header);
    let arrival = arrival.clamp(0, LATEST);

    let mut text = format!("tree {tree}\n");
    if let Some(parent) = parent {
        let _ = writeln!(text, "parent {parent}");
    }
    let (name, address) = author(parsed.as_ref());
    let (written, zone) = written(parsed.as_ref()).unwrap_or((arrival, 0));
    let sign = if zone < 0 { '-' } else { '+' };
    let (hours, minutes) = (zone.abs() / 60, zone.abs() % 60);
    let _ = writeln!(text, "author {name} <{address}> {written} {sign}{hours:02}{minutes:02}");
    let _ = writeln!(text, "committer provenance <provenance@localhost> {arrival} +0000\n");
    let subject = parsed.as_ref().and_then(|it| it.subject()).map(|it| clean(it, 900)).unwrap_or_default();
    let _ = writeln!(text, "{}", if subject.is_empty() { "(no subject)" } else { &subject });
    text
}

fn author(mail: Option<&Message<'_>>) -> (String, String) {
    let from = mail.and_then(|it| it.from()).and_then(|it| it.first());
    let address = from.and_then(|it| it.address()).map(|it| clean(it, 200)).unwrap_or_default();
    let name = from.and_then(|it| it.name()).map(|it| clean(it, 200)).unwrap_or_default();
    let name = if name.is_empty() { address.split('@').next().unwrap_or_default().to_owned() } else { name };
    let or = |text: String, other: &str| if text.is_empty() { other.to_owned() } else { text };
    (or(name, "unknown"), or(address, "unknown@localhost"))
}

/// Seconds since 1970 and minutes east of Greenwich.
fn written(mail: Option<&Message<'_>>) -> Option<(i64, i64)> {
    let date = mail?.date()?;
    let zone = (i64::from(date.tz_hour) * 60 + i64::from(date.tz_minute)) * if date.tz_before_gmt { -1 } else { 1 };
    if !date.is_valid() || zone.abs() > 14 * 60 {
        return None;
    }
    Some((date.to_timestamp().clamp(0, LATEST), zone))
}

/// Without what would break a commit's lines (`<`, `>`, control characters), white space folded.
fn clean(text: &str, longest: usize) -> String {
    let kept = text.chars().map(|c| if c.is_control() || matches!(c, '<' | '>') { ' ' } else { c });
    let kept: String = kept.take(longest).collect();
    kept.split_whitespace().collect::<Vec<_>>().join(" ")
}
