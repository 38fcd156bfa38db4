//! A web archive's page saved as text: the subject, `From:` with a name, `Date:` in a form of its own, the body.
//! Hypermail writes such pages: addresses in them are masked with `x`, and there is no Message-ID.
//!
//! The raw page is what is stored; it becomes a [`Message`] each time it is read. The date is not the mail's own: the
//! page shows when the mail arrived, and labels daylight-saving time as standard time, so it is an hour or so off.
//! [`crate::twin`] allows for that.

use std::borrow::Cow;

use memchr::memchr;

use crate::address;
use crate::message::defect::{Defect, Defects};
use crate::message::part::{Part, unix_lines};
use crate::message::transfer::TransferEncoding;
use crate::message::{Date, Message, charset, date, encoded_word, id};

/// A page that was recognised.
pub(crate) struct Page<'x> {
    subject: &'x [u8],
    author: &'x [u8],
    date: Date,
    body: usize,
}

/// Names of fields with which a mail may begin; a page begins with a subject.
const FIRST_FIELDS: [&str; 16] = [
    "subject",
    "from",
    "to",
    "cc",
    "date",
    "message-id",
    "received",
    "return-path",
    "mime-version",
    "content-type",
    "sender",
    "reply-to",
    "delivered-to",
    "in-reply-to",
    "references",
    "status",
];

/// Recognises a page, strictly: a line that is no mail header, an empty one, `From:`, `Date:` with weekday, month, day,
/// year, ` - `, time and zone, and an empty line.
pub(crate) fn recognise(raw: &[u8]) -> Option<Page<'_>> {
    let mut lines = Lines { raw, at: if raw.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 } };
    let subject = lines.next_line()?;
    if subject.is_empty() || !lines.next_line()?.is_empty() {
        return None;
    }
    let first_word = &subject[..memchr(b':', subject).unwrap_or(0)];
    let field = std::str::from_utf8(first_word).ok()?.to_ascii_lowercase();
    if FIRST_FIELDS.contains(&field.as_str()) || field.starts_with("x-") {
        return None;
    }
    let mut line = lines.next_line()?;
    if line.is_empty() {
        line = lines.next_line()?;
    }
    let author = line.strip_prefix(b"From:")?.trim_ascii();
    let written = lines.next_line()?.strip_prefix(b"Date:")?.trim_ascii();
    let date = page_date(written)?;
    if author.is_empty() || !lines.next_line()?.is_empty() {
        return None;
    }
    let mut body = lines.at;
    while lines.next_line().is_some_and(<[u8]>::is_empty) {
        body = lines.at;
    }
    Some(Page { subject, author, date, body })
}

/// `Mon Aug 15 2022 - 11:19:38 EST`
fn page_date(written: &[u8]) -> Option<Date> {
    let text = std::str::from_utf8(written).ok()?;
    let (day, time) = text.split_once(" - ")?;
    let words: Vec<&str> = day.split_ascii_whitespace().collect();
    let clock = time.split_ascii_whitespace().next()?;
    let [weekday, month, date, year] = words[..] else { return None };
    let letters = |word: &str| word.len() == 3 && word.bytes().all(|b| b.is_ascii_alphabetic());
    let digits = |word: &str| word.bytes().all(|b| b.is_ascii_digit());
    let shape = letters(weekday)
        && letters(month)
        && digits(date)
        && year.len() == 4
        && digits(year)
        && clock.len() == 8
        && clock.matches(':').count() == 2;
    if shape { date::parse(written) } else { None }
}

impl<'x> Page<'x> {
    /// The page as a message, with what it can know.
    pub(crate) fn into_message(self, raw: &'x [u8]) -> Message<'x> {
        let mut defects = Defects(vec![Defect::FromWebPage]);
        let bytes = Cow::Borrowed(&raw[self.body..]);
        let text = unix_lines(charset::utf8_or_windows(bytes, Defect::BadCharset, &mut defects));
        let message_id: Cow<'x, str> = Cow::Owned(id::made(raw));
        Message {
            raw,
            headers: Vec::new(),
            body: self.body,
            message_ids: vec![message_id.clone()],
            message_id,
            subject: encoded_word::decode(self.subject, &mut defects),
            from: address::parse(self.author, &mut defects),
            to: Vec::new(),
            cc: Vec::new(),
            date: Some(self.date),
            received: None,
            in_reply_to: Vec::new(),
            references: Vec::new(),
            list_ids: Vec::new(),
            parts: vec![Part {
                header: self.body..self.body,
                body: self.body..raw.len(),
                content_type: Cow::Borrowed("text/plain"),
                charset: None,
                encoding: TransferEncoding::Identity,
                file_name: None,
                is_attachment: false,
                depth: 0,
                text: Some(text),
            }],
            defects: defects.0,
        }
    }
}

/// The lines of the first bytes, without their ends. A page's head is short.
struct Lines<'x> {
    raw: &'x [u8],
    at: usize,
}

impl<'x> Lines<'x> {
    fn next_line(&mut self) -> Option<&'x [u8]> {
        let rest = self.raw.get(self.at..).filter(|rest| !rest.is_empty())?;
        let head = &rest[..rest.len().min(4_096)];
        let end = memchr(b'\n', head)?;
        self.at += end + 1;
        Some(head[..end].strip_suffix(b"\r").unwrap_or(&head[..end]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "Re: [PATCH v2 1/2] a: b\n\nFrom: Ann Example\nDate: Tue Mar 01 2022 - 09:05:07 EST\n\n\n\
        Bob wrote <bob@xxxxxxxxxxx>:\n> hi\nyes\n";

    #[test]
    fn a_page_becomes_a_message() {
        for raw in [PAGE.to_owned(), PAGE.replace('\n', "\r\n"), format!("\u{feff}{PAGE}")] {
            let message = Message::parse(raw.as_bytes());
            assert!(message.is_web_page() && message.has_made_id());
            assert_eq!(message.subject, "Re: [PATCH v2 1/2] a: b");
            assert_eq!(message.from[0].name.as_deref(), Some("Ann Example"));
            assert_eq!(message.date.unwrap().seconds, 1_646_143_507);
            assert_eq!(message.text(), "Bob wrote <bob@xxxxxxxxxxx>:\n> hi\nyes\n");
        }
    }

    #[test]
    fn mails_are_not_pages() {
        for (from, to) in [
            ("Re: [PATCH", "Subject: [PATCH"),
            ("Re: [PATCH", "X-Mailer: [PATCH"),
            (" - 09:05:07", " 09:05:07"),
            ("Tue Mar 01 2022", "Tue, 01 Mar 2022"),
            ("\n\nFrom", "\nFrom"),
            ("EST\n\n", "EST\nTo: x\n\n"),
            ("Ann Example", ""),
        ] {
            let raw = PAGE.replacen(from, to, 1);
            assert_ne!(raw, PAGE);
            assert!(!Message::parse(raw.as_bytes()).is_web_page(), "{raw}");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_truncated_page_is_read_somehow(cut in 0usize..PAGE.len()) {
            Message::parse(&PAGE.as_bytes()[..cut]);
        }
    }
}
