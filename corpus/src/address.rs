//! Mail addresses: a name and where to write to (RFC 5322, section 3.4), and the masking of web archives.
//!
//! mail-parser reads well-formed lists; it looks for the end of each encoded word over the whole header, which a
//! hostile header turns into quadratic time. So the reading here is one pass of our own.

use std::borrow::Cow;
use std::fmt;

use memchr::{memchr3, memrchr};

use crate::message::defect::Defects;
use crate::message::encoded_word;

/// A name without quotes is put together over so many commas; more are a list of names.
const MOST_COMMAS: usize = 2;

/// One mailbox.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Address {
    /// The display name, decoded; a comment after the address counts as one (`a@b (Name)`).
    pub name: Option<String>,
    /// `local@domain`, or what stood there instead; empty where only a name was given, as in a web archive's page.
    pub address: String,
}

impl Address {
    /// Who this is, for a reader: the name, else the address.
    pub fn who(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.address)
    }

    /// The part after the last `@`.
    pub fn domain(&self) -> Option<&str> {
        Some(self.address.rsplit_once('@')?.1)
    }

    /// The address as web archives show it: every character of the domain is an `x`.
    pub fn masked(&self) -> String {
        mask(&self.address)
    }

    /// Whether the domain is nothing but `x`.
    pub fn is_masked(&self) -> bool {
        self.domain().is_some_and(is_mask)
    }

    /// Whether both can be the same address, where either or both may be masked. Case does not count.
    pub fn masked_eq(&self, other: &Address) -> bool {
        masked_eq(&self.address, &other.address)
    }
}

/// A mailbox as it would stand in a header; a name that needs quotes gets them.
impl fmt::Display for Address {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(name) = &self.name else {
            return out.write_str(&self.address);
        };
        if name.contains(['"', '\\', '(', ')', '<', '>', '[', ']', ':', ';', '@', ',', '.']) {
            write!(out, "\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))?;
        } else {
            out.write_str(name)?;
        }
        if self.address.is_empty() { Ok(()) } else { write!(out, " <{}>", self.address) }
    }
}

/// Replaces the domain of an address (or of a Message-ID) by as many `x`.
pub fn mask(address: &str) -> String {
    match address.rsplit_once('@') {
        Some((local, domain)) => format!("{local}@{}", "x".repeat(domain.chars().count())),
        None => address.to_owned(),
    }
}

/// Whether a domain is masked: five `x` or more, and nothing else. No top-level domain makes such a name shorter.
pub fn is_mask(domain: &str) -> bool {
    domain.len() >= 5 && domain.bytes().all(|byte| byte == b'x')
}

/// Whether two addresses (or Message-IDs) are equal once either is masked like the other.
pub fn masked_eq(a: &str, b: &str) -> bool {
    let masked = |text: &str| text.rsplit_once('@').is_some_and(|(_, domain)| is_mask(domain));
    if masked(a) || masked(b) { mask(a).eq_ignore_ascii_case(&mask(b)) } else { a.eq_ignore_ascii_case(b) }
}

/// Reads one address, as in a trailer: the first of the list, or nothing.
pub fn parse_one(text: &str) -> Option<Address> {
    parse(text.as_bytes(), &mut Defects::default()).into_iter().next()
}

/// Reads a header's list of addresses: groups are flattened, comments become names, broken ones are kept as they are.
pub(crate) fn parse(raw: &[u8], defects: &mut Defects) -> Vec<Address> {
    let mut list = Vec::new();
    let mut item = Item::default();
    // Where the last closing byte of each kind stands: before it an opening one may be believed.
    let last_quote = memrchr(b'"', raw).unwrap_or(0);
    let last_close = memrchr(b')', raw).unwrap_or(0);
    let last_group_end = memrchr(b';', raw).unwrap_or(0);
    let mut at = 0;
    while let Some(&byte) = raw.get(at) {
        at += 1;
        match byte {
            b'"' if at <= last_quote => at = quoted(raw, at, &mut item.phrase),
            b'(' if at <= last_close => at = comment(raw, at, &mut item.comment),
            b'<' => {
                // A missing bracket must not swallow the next address.
                let rest = &raw[at..];
                let end = memchr3(b'>', b'<', b',', rest).unwrap_or(rest.len());
                item.angle = Some(&rest[..end]);
                at += end + usize::from(rest.get(end) == Some(&b'>'));
            }
            b',' if item.is_name() => item.hold(),
            b',' | b';' => item.finish(&mut list, defects),
            b':' if at <= last_group_end && item.angle.is_none() && !item.phrase.contains(&b'@') => {
                item.phrase.clear();
            }
            byte => item.phrase.push(byte),
        }
    }
    item.finish(&mut list, defects);
    list
}

/// Copies a quoted string, `at` being after its opening quote; returns the place after the closing one.
fn quoted(raw: &[u8], mut at: usize, into: &mut Vec<u8>) -> usize {
    while let Some(&byte) = raw.get(at) {
        at += 1;
        match byte {
            b'"' => break,
            b'\\' if at < raw.len() => {
                into.push(raw[at]);
                at += 1;
            }
            byte => into.push(byte),
        }
    }
    at
}

/// Copies a comment, nested ones included, without its outer parentheses.
fn comment(raw: &[u8], mut at: usize, into: &mut Vec<u8>) -> usize {
    let mut depth = 1;
    if !into.is_empty() {
        into.push(b' ');
    }
    while let Some(&byte) = raw.get(at) {
        at += 1;
        match byte {
            b'(' => depth += 1,
            b')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            break;
        }
        into.push(byte);
    }
    at
}

#[derive(Default)]
struct Item<'x> {
    /// Names without an address that a comma ended: the first halves of what follows, or names of their own.
    held: Vec<Vec<u8>>,
    phrase: Vec<u8>,
    comment: Vec<u8>,
    angle: Option<&'x [u8]>,
}

impl Item<'_> {
    fn is_empty(&self) -> bool {
        self.phrase.is_empty() && self.comment.is_empty() && self.angle.is_none()
    }

    /// Whether it is but a name so far, which a comma may part (`Example, Ann <ann@example.org>`, though RFC 5322 wants
    /// quotes). What has a local part's form alone (`root`) is an address.
    fn is_name(&self) -> bool {
        let text = self.phrase.trim_ascii();
        let local =
            |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_' | b'.');
        self.angle.is_none()
            && self.comment.is_empty()
            && !text.is_empty()
            && !text.contains(&b'@')
            && !text.iter().all(local)
            && spelled(&String::from_utf8_lossy(text)).is_none()
    }

    fn hold(&mut self) {
        self.held.push(std::mem::take(&mut self.phrase));
    }

    fn finish(&mut self, list: &mut Vec<Address>, defects: &mut Defects) {
        let held = std::mem::take(&mut self.held);
        if self.angle.is_some() && held.len() <= MOST_COMMAS {
            let own = std::mem::take(&mut self.phrase);
            self.phrase = held.into_iter().chain([own]).collect::<Vec<_>>().join(&b","[..]);
        } else {
            for name in held {
                Item { phrase: name, ..Item::default() }.finish(list, defects);
            }
        }
        if self.is_empty() {
            return;
        }
        let phrase = encoded_word::decode(&self.phrase, defects);
        let mut name = phrase.as_ref();
        let mut address = match self.angle {
            Some(raw) => {
                let text = encoded_word::decode(raw, defects);
                match spelled(&text) {
                    Some(address) => Cow::Owned(address),
                    None if text.contains(' ') => Cow::Owned(text.replace(' ', "")),
                    None => text,
                }
            }
            None => Cow::Borrowed(""),
        };
        let rest;
        if self.angle.is_none() {
            // `local @ domain` is one address; `Some Body a@b` a name and one; `root` a local one.
            let at_word = name.split(' ').find(|word| word.contains('@') && word.len() > 1);
            if let Some(spelled) = spelled(name) {
                address = Cow::Owned(spelled);
                name = "";
            } else if let Some(word) = at_word {
                address = Cow::Owned(word.to_owned());
                rest = name.replacen(word, "", 1);
                name = rest.trim();
            } else if name.contains('@') {
                address = Cow::Owned(name.replace(' ', ""));
                name = "";
            } else if !name.contains(' ') && self.comment.is_empty() {
                address = Cow::Owned(name.to_owned());
                name = "";
            }
        }
        let comment = encoded_word::decode(&self.comment, defects);
        if name.is_empty() {
            name = &comment;
        }
        let name = tidy(name);
        if !name.is_empty() || !address.is_empty() {
            list.push(Address { name: (!name.is_empty()).then(|| name.to_owned()), address: address.into_owned() });
        }
        self.phrase.clear();
        self.comment.clear();
        self.angle = None;
    }
}

/// `ada at example.org`, as Mailman 2 writes addresses into its archives, made an address again.
fn spelled(text: &str) -> Option<String> {
    let mut words = text.split_ascii_whitespace();
    let (local, at, domain) = (words.next()?, words.next()?, words.next()?);
    let domain_like = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-');
    let fits = at.eq_ignore_ascii_case("at")
        && words.next().is_none()
        && !local.contains('@')
        && domain.chars().all(domain_like)
        && domain.trim_matches('.').contains('.');
    fits.then(|| format!("{local}@{domain}"))
}

/// Takes off the quotes that mailers put into names: `'Name'`.
fn tidy(name: &str) -> &str {
    let name = name.trim();
    let inner = name.strip_prefix('\'').and_then(|name| name.strip_suffix('\''));
    inner.unwrap_or(name).trim()
}

#[cfg(test)]
mod tests;
