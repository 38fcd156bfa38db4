//! One mail, read from its raw bytes. Reading never fails: what is wrong with a mail is in its list of defects.
//!
//! A [`Message`] borrows from the raw mail wherever nothing had to be decoded, and knows the place of every header
//! field and part in it, so that anything said about a mail can point back to its bytes.

use std::borrow::Cow;
use std::ops::Range;

use mail_parser::decoders::html::html_to_text;
use memchr::{memchr, memrchr};

use crate::address::{self, Address};
use crate::archive::web_page;

pub(crate) mod charset;
pub mod date;
pub mod defect;
pub mod encoded_word;
pub mod flowed;
pub mod header;
pub mod id;
pub mod part;
pub mod relay;
pub mod transfer;

pub use date::Date;
pub use defect::Defect;
pub use header::Header;
pub use part::Part;

use defect::Defects;

/// How many authors and recipients are compared with each ancestor's id; bounds what hostile headers cost.
const MOST_PEOPLE: usize = 1_000;

/// One mail.
#[derive(Debug, Clone)]
pub struct Message<'x> {
    /// The bytes that this was read from.
    pub raw: &'x [u8],
    /// The fields of the header in order, as places in `raw`.
    pub headers: Vec<Header>,
    /// Where the body begins in `raw`.
    pub body: usize,
    /// The Message-ID without brackets. Where the mail has none, one made from the SHA-1 of `raw` under
    /// [`id::MADE_DOMAIN`]; no header can claim such an id.
    pub message_id: Cow<'x, str>,
    /// All ids that the mail carries, `message_id` first.
    pub message_ids: Vec<Cow<'x, str>>,
    /// The subject, decoded, on one line; empty where there is none.
    pub subject: Cow<'x, str>,
    /// The authors. It is a claim: no signature is verified.
    pub from: Vec<Address>,
    /// The recipients in To.
    pub to: Vec<Address>,
    /// The recipients in Cc.
    pub cc: Vec<Address>,
    /// When the sender says that it was written.
    pub date: Option<Date>,
    /// When the topmost readable Received header says that it arrived, in seconds since 1970 UTC.
    pub received: Option<i64>,
    /// The ids in In-Reply-To.
    pub in_reply_to: Vec<Cow<'x, str>>,
    /// The ancestors: the ids of References, then of In-Reply-To, each once, at most the last 1,000.
    pub references: Vec<Cow<'x, str>>,
    /// What stands inside `<>` in each List-Id, lower case, each once.
    pub list_ids: Vec<String>,
    /// The leaves of the body, in order.
    pub parts: Vec<Part<'x>>,
    /// What is wrong with the mail, each once.
    pub defects: Vec<Defect>,
}

/// The fields that every reader wants, as raw values, found in one pass.
#[derive(Default)]
struct Known<'x> {
    subject: Option<&'x [u8]>,
    date: Option<&'x [u8]>,
    from: Vec<&'x [u8]>,
    to: Vec<&'x [u8]>,
    cc: Vec<&'x [u8]>,
    message_id: Vec<&'x [u8]>,
    references: Vec<&'x [u8]>,
    in_reply_to: Vec<&'x [u8]>,
    list_id: Vec<&'x [u8]>,
    received: Option<i64>,
}

impl<'x> Known<'x> {
    fn of(raw: &'x [u8], headers: &[Header]) -> Known<'x> {
        let mut known = Known::default();
        let mut hops = 0;
        for header in headers {
            let name = &raw[header.name.clone()];
            let value = &raw[header.value.clone()];
            let is = |other: &str| name.eq_ignore_ascii_case(other.as_bytes());
            match name.len() {
                2 if is("to") => known.to.push(value),
                2 if is("cc") => known.cc.push(value),
                4 if is("from") => known.from.push(value),
                4 if is("date") => known.date = known.date.or(Some(value)),
                7 if is("subject") => known.subject = known.subject.or(Some(value)),
                7 if is("list-id") => known.list_id.push(value),
                8 if known.received.is_none() && hops < 100 && is("received") => {
                    hops += 1;
                    known.received =
                        memrchr(b';', value).and_then(|at| date::parse(&value[at + 1..])).map(|date| date.seconds);
                }
                10 if is("message-id") => known.message_id.push(value),
                10 if is("references") => known.references.push(value),
                11 if is("in-reply-to") => known.in_reply_to.push(value),
                _ => {}
            }
        }
        known
    }
}

impl<'x> Message<'x> {
    /// Reads one mail, or a web archive's page as text (see [`crate::archive::web_page`]).
    pub fn parse(raw: &'x [u8]) -> Message<'x> {
        if let Some(page) = web_page::recognise(raw) {
            return page.into_message(raw);
        }
        let mut defects = Defects::default();
        let start = after_from_line(raw, &mut defects);
        let block = header::split(raw, start, raw.len(), &mut defects);
        let known = Known::of(raw, &block.headers);

        let message_ids = own_ids(raw, &known.message_id, &mut defects);
        let mut people = |values: &[&[u8]]| -> Vec<Address> {
            values.iter().flat_map(|value| address::parse(value, &mut defects)).collect()
        };
        let (from, to, cc) = (people(&known.from), people(&known.to), people(&known.cc));
        if from.is_empty() {
            defects.note(Defect::NoFrom);
        }
        // Some mailers name the author's address in In-Reply-To; it is no ancestor.
        let is_address = |id: &str| {
            let mut people = from.iter().chain(&to).chain(&cc).take(MOST_PEOPLE);
            people.any(|one| one.address.eq_ignore_ascii_case(id))
        };
        let in_reply_to = id::ancestors(known.in_reply_to.iter().copied(), is_address, &mut defects);
        let both = known.references.iter().chain(&known.in_reply_to).copied();
        let references = id::ancestors(both, is_address, &mut defects);
        let date = known.date.and_then(date::parse);
        match (known.date, date) {
            (None, _) => defects.note(Defect::NoDate),
            (Some(_), None) => defects.note(Defect::UnreadableDate),
            (_, Some(date)) if !date.zone_known => defects.note(Defect::UnknownZone),
            _ => {}
        }
        let subject = encoded_word::decode(known.subject.unwrap_or(b""), &mut defects);
        let fields = part::Fields::of(raw, &block.headers);
        let parts = part::walk(raw, block.body..raw.len(), fields, &mut defects);
        if !parts.iter().any(Part::is_plain) && parts.iter().any(Part::is_html) {
            defects.note(Defect::HtmlOnly);
        }
        Message {
            raw,
            body: block.body,
            headers: block.headers,
            message_id: message_ids[0].clone(),
            message_ids,
            subject,
            from,
            to,
            cc,
            date,
            received: known.received,
            in_reply_to,
            references,
            list_ids: list_ids(&known.list_id),
            parts,
            defects: defects.0,
        }
    }

    /// Whether this was read from a web archive's page, so that addresses are masked and the date is about right.
    pub fn is_web_page(&self) -> bool {
        self.defects.contains(&Defect::FromWebPage)
    }

    /// Who wrote it: From, but where a list or a relay sent it in the author's name (`Ada Example via LIST <LIST>`, b4's relay
    /// at kernel.org), the author whom the text's first line, X-Original-From or Reply-To names.
    pub fn author(&self) -> Option<Address> {
        let from = self.from.first()?;
        let Some(name) = relay::relayed(from) else { return Some(from.clone()) };
        let text = self.text();
        let told =
            relay::in_body(&text).or_else(|| self.header("X-Original-From").and_then(|it| address::parse_one(&it)));
        // A list may set Reply-To to itself, and others to many.
        let reply = || {
            let header = self.header_raw("Reply-To")?;
            let all = address::parse(header, &mut Defects::default());
            all.into_iter().find(|one| one.name.as_deref() == Some(name))
        };
        let author = told.or_else(reply).unwrap_or_else(|| Address { name: Some(name.to_owned()), ..from.clone() });
        Some(if author.name.is_none() { Address { name: Some(name.to_owned()), ..author } } else { author })
    }

    /// Whether the Message-ID was made from the content.
    pub fn has_made_id(&self) -> bool {
        id::is_made(&self.message_id)
    }

    /// The raw values of all header fields of that name, in order, folds included. Case does not count.
    pub fn headers_raw<'m>(&'m self, name: &'m str) -> impl Iterator<Item = &'x [u8]> + 'm {
        let raw = self.raw;
        self.headers
            .iter()
            .filter(move |header| raw[header.name.clone()].eq_ignore_ascii_case(name.as_bytes()))
            .map(move |header| &raw[header.value.clone()])
    }

    /// The raw value of the first header field of that name.
    pub fn header_raw(&self, name: &str) -> Option<&'x [u8]> {
        self.headers_raw(name).next()
    }

    /// The value of the first header field of that name, decoded, on one line.
    pub fn header(&self, name: &str) -> Option<Cow<'x, str>> {
        Some(encoded_word::decode(self.header_raw(name)?, &mut Defects::default()))
    }

    /// The parts that are text to read, as public-inbox's index sees them: every text part but HTML, those of
    /// attached messages and attached files included.
    pub fn text_parts(&self) -> impl Iterator<Item = &Part<'x>> {
        self.parts.iter().filter(|part| part.is_plain())
    }

    /// All the text of the mail, its parts after each other. Of a mail that has only HTML, the text in it.
    pub fn text(&self) -> Cow<'_, str> {
        let mut plain = self.text_parts().filter_map(|part| part.text.as_deref());
        if let Some(first) = plain.next() {
            let Some(second) = plain.next() else { return Cow::Borrowed(first) };
            let mut all = first.to_owned();
            for text in std::iter::once(second).chain(plain) {
                if !all.ends_with('\n') && !all.is_empty() {
                    all.push('\n');
                }
                all.push_str(text);
            }
            return Cow::Owned(all);
        }
        let html = self.parts.iter().filter(|part| part.is_html()).filter_map(|part| part.text.as_deref());
        let texts: Vec<String> = html.map(html_to_text).collect();
        Cow::Owned(texts.join("\n"))
    }

    /// The text as a patch is read from it: where the mail says `format=flowed`, its soft line breaks are undone.
    pub fn patch_text(&self) -> Cow<'_, str> {
        let header = self.header_raw("Content-Type").unwrap_or_default();
        let parts = self.parts.iter().map(|part| self.raw.get(part.header.clone()).unwrap_or_default());
        let said: Vec<String> =
            parts.chain([header]).map(|bytes| String::from_utf8_lossy(bytes).to_ascii_lowercase()).collect();
        let says = |what: &str| said.iter().any(|header| header.contains(what));
        let text = self.text();
        if !says("format=flowed") && !says("format=\"flowed\"") {
            return text;
        }
        Cow::Owned(flowed::unfold(&text, says("delsp=yes")).into_owned())
    }

    /// The bytes of a part, its transfer encoding taken off; for attachments that are no text.
    pub fn part_bytes(&self, part: &Part<'x>) -> Cow<'x, [u8]> {
        let bytes: &'x [u8] = self.raw.get(part.body.clone()).unwrap_or_default();
        part.encoding.decode(bytes, &mut Defects::default())
    }

    /// The bytes of the whole header.
    pub fn header_span(&self) -> Range<usize> {
        self.headers.first().map_or(self.body, |first| first.name.start)..self.body
    }
}

/// Passes over the `From ` line of an mbox, quoted or not.
fn after_from_line(raw: &[u8], defects: &mut Defects) -> usize {
    if raw.starts_with(b"From ") || raw.starts_with(b">From ") {
        defects.note(Defect::FromLine);
        return memchr(b'\n', raw).map_or(raw.len(), |end| end + 1);
    }
    0
}

fn own_ids<'x>(raw: &[u8], values: &[&'x [u8]], defects: &mut Defects) -> Vec<Cow<'x, str>> {
    let mut ids = id::own(values.iter().copied(), defects);
    let before = ids.len();
    ids.retain(|id| !id::is_made(id));
    if ids.len() < before {
        defects.note(Defect::ReservedMessageId);
    }
    if ids.len() > 1 {
        defects.note(Defect::SeveralMessageIds);
    }
    if ids.is_empty() {
        if before == 0 {
            defects.note(Defect::NoMessageId);
        }
        ids.push(Cow::Owned(id::made(raw)));
    }
    ids
}

fn list_ids(values: &[&[u8]]) -> Vec<String> {
    let mut ids: Vec<String> = Vec::new();
    for value in values.iter().take(100) {
        let Some(open) = memchr(b'<', value) else { continue };
        let Some(close) = memchr(b'>', &value[open..]) else { continue };
        let id = String::from_utf8_lossy(&value[open + 1..open + close]).trim().to_lowercase();
        if !id.is_empty() && !ids.contains(&id) {
            ids.push(id);
        }
    }
    ids
}

#[cfg(test)]
pub(crate) mod tests;
