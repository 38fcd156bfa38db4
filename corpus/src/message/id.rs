//! Message-IDs in headers, read as public-inbox reads them (`<...>`, or the whole value where there are no brackets),
//! with its limits widened: ids with spaces, with bytes outside ASCII, without or with double brackets.

use std::borrow::Cow;
use std::collections::HashSet;

use memchr::{memchr, memmem, memrchr};
use sha1::{Digest, Sha1};

use super::charset;
use super::defect::{Defect, Defects};
use super::encoded_word;

/// The domain of the ids that are made for mails without one. `.invalid` is nobody's (RFC 2606).
pub const MADE_DOMAIN: &str = "provenance.invalid";

/// RFC 5322 allows no longer line.
const LONGEST_ID: usize = 998;
/// More ancestors than any thread has.
const MOST_REFERENCES: usize = 1_000;
/// Ids that one mail may carry itself.
const MOST_OWN: usize = 16;

/// Makes the id of a mail that has none: the same bytes always get the same one.
pub(crate) fn made(raw: &[u8]) -> String {
    let mut id = String::with_capacity(41 + MADE_DOMAIN.len());
    for byte in Sha1::digest(raw) {
        id.push_str(&format!("{byte:02x}"));
    }
    id.push('@');
    id.push_str(MADE_DOMAIN);
    id
}

/// Whether an id is of the reserved kind.
pub fn is_made(id: &str) -> bool {
    id.rsplit_once('@').is_some_and(|(_, domain)| domain.eq_ignore_ascii_case(MADE_DOMAIN))
}

/// The ids of one header value, in order, as slices of it, and whether their brackets were in order.
pub(crate) struct Ids<'x> {
    rest: &'x [u8],
    /// Split at white space instead: the value has no brackets at all.
    bare: bool,
    pub(crate) malformed: bool,
}

impl<'x> Ids<'x> {
    pub(crate) fn of(value: &'x [u8]) -> Ids<'x> {
        Ids { rest: value, bare: memchr(b'<', value).is_none(), malformed: false }
    }
}

impl<'x> Iterator for Ids<'x> {
    type Item = &'x [u8];

    fn next(&mut self) -> Option<&'x [u8]> {
        loop {
            if self.bare {
                self.rest = self.rest.trim_ascii_start();
                if self.rest.is_empty() {
                    return None;
                }
                let end = self.rest.iter().position(u8::is_ascii_whitespace).unwrap_or(self.rest.len());
                let (word, rest) = self.rest.split_at(end);
                self.rest = rest;
                let word = word.strip_suffix(b">").unwrap_or(word);
                self.malformed = true;
                if memchr(b'@', word).is_some() {
                    return Some(word);
                }
                continue;
            }
            let open = memchr(b'<', self.rest)?;
            let after = &self.rest[open + 1..];
            let Some(close) = memchr(b'>', after) else {
                // The closing bracket was cut off; the rest is the id, if it can be one.
                self.malformed = true;
                self.rest = b"";
                let id = &after[memrchr(b'<', after).map_or(0, |inner| inner + 1)..];
                let id = id.trim_ascii();
                return memchr(b'@', id).is_some().then_some(id);
            };
            self.rest = &after[close + 1..];
            let mut id = &after[..close];
            if let Some(inner) = memrchr(b'<', id) {
                self.malformed = true;
                id = &id[inner + 1..];
            }
            if !id.trim_ascii().is_empty() {
                return Some(id);
            }
        }
    }
}

/// The ids of one header value. Some mailers write a folded id as encoded words (all of tip-bot2's long
/// References), which hides its brackets; they are decoded first.
fn extract<'x>(value: &'x [u8], defects: &mut Defects) -> Vec<Cow<'x, [u8]>> {
    if memchr(b'<', value).is_none() && memmem::find(value, b"=?").is_some() {
        defects.note(Defect::MalformedMessageId);
        let decoded = encoded_word::decode(value, defects);
        let ids = Ids::of(decoded.as_bytes());
        return ids.map(|id| Cow::Owned(id.to_vec())).collect();
    }
    let mut ids = Ids::of(value);
    let found = ids.by_ref().map(Cow::Borrowed).collect();
    if ids.malformed {
        defects.note(Defect::MalformedMessageId);
    }
    found
}

/// An id as text: folds taken out (a space inside stays), bounded.
fn text<'x>(id: Cow<'x, [u8]>, defects: &mut Defects) -> Cow<'x, str> {
    let id = match id {
        Cow::Borrowed(id) => Cow::Borrowed(id.trim_ascii()),
        Cow::Owned(id) => Cow::Owned(id.trim_ascii().to_vec()),
    };
    let id = match id {
        id if id.len() <= LONGEST_ID => id,
        Cow::Borrowed(id) => {
            defects.note(Defect::MalformedMessageId);
            Cow::Borrowed(&id[..LONGEST_ID])
        }
        Cow::Owned(mut id) => {
            defects.note(Defect::MalformedMessageId);
            id.truncate(LONGEST_ID);
            Cow::Owned(id)
        }
    };
    let id = charset::utf8_or_windows(id, Defect::HeaderNotUtf8, defects);
    if id.contains(['\n', '\t', '\r']) {
        Cow::Owned(id.chars().filter(|c| !matches!(c, '\n' | '\t' | '\r')).collect())
    } else {
        id
    }
}

/// All ids of the values of one field; the whole value where it holds none but is not empty (Message-ID only).
pub(crate) fn own<'x>(values: impl Iterator<Item = &'x [u8]>, defects: &mut Defects) -> Vec<Cow<'x, str>> {
    let mut found: Vec<Cow<'x, str>> = Vec::new();
    for value in values.take(MOST_OWN) {
        for id in extract(value, defects) {
            let id = text(id, defects);
            if found.len() < MOST_OWN && !found.contains(&id) {
                found.push(id);
            }
        }
        let whole = value.trim_ascii();
        if found.is_empty() && !whole.is_empty() && !whole.starts_with(b"<") {
            defects.note(Defect::MalformedMessageId);
            found.push(text(Cow::Borrowed(whole), defects));
        }
    }
    found
}

/// The ancestors that References and then In-Reply-To name: each once, the last 1,000, without the writers'
/// addresses and the `y` and `n` that answered git-send-email's prompt.
pub(crate) fn ancestors<'x>(
    values: impl Iterator<Item = &'x [u8]>,
    is_address: impl Fn(&str) -> bool,
    defects: &mut Defects,
) -> Vec<Cow<'x, str>> {
    let mut all: Vec<Cow<'x, [u8]>> = Vec::new();
    for value in values {
        all.extend(extract(value, defects));
    }
    let cut = all.len().saturating_sub(MOST_REFERENCES);
    if cut > 0 {
        defects.note(Defect::TooManyReferences);
    }
    let mut seen: HashSet<Cow<'x, str>> = HashSet::new();
    let ids = all.drain(cut..).map(|id| text(id, defects));
    ids.filter(|id| id != "y" && id != "n" && !is_address(id) && seen.insert(id.clone())).collect()
}

/// What the ids of mails that one run of a tool sent have in common, the number of each taken out: `git send-email` writes
/// `TIME.PID-NUMBER-ADDRESS`, `git format-patch --thread` `COMMIT.TIME.git.ADDRESS`, b4 `DAY-NAME-vN-NUMBER-HASH`. `None` where
/// the id has no such form.
pub fn stem(id: &str) -> Option<String> {
    let (local, domain) = id.rsplit_once('@')?;
    if let Some(at) = local.find(".git.") {
        let (head, address) = local.split_at(at);
        let (first, time) = head.rsplit_once('.')?;
        let commit = first == "cover" || first.len() >= 7 && first.bytes().all(|byte| byte.is_ascii_hexdigit());
        let timed = time.len() >= 9 && time.bytes().all(|byte| byte.is_ascii_digit());
        return (commit && timed).then(|| format!("{time}{address}@{domain}"));
    }
    let words: Vec<&str> = local.split('-').collect();
    let number = |word: &&str| (1..=4).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_digit());
    let is_b4 = words.len() >= 5 && words.last().is_some_and(|hash| hash.len() >= 8);
    let timed = words[0].len() >= 8 && words[0].bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let at = if is_b4 && number(&words[words.len() - 2]) { words.len() - 2 } else { 1 };
    if !timed || words.len() < 3 || !number(&words[at]) {
        return None;
    }
    let rest: Vec<&str> = words.iter().enumerate().filter(|(place, _)| *place != at).map(|(_, word)| *word).collect();
    Some(format!("{}@{domain}", rest.join("-")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(value: &str) -> (Vec<&str>, bool) {
        let mut ids = Ids::of(value.as_bytes());
        let found = ids.by_ref().map(|id| std::str::from_utf8(id).unwrap()).collect();
        (found, ids.malformed)
    }

    #[test]
    fn brackets() {
        assert_eq!(ids("<a@b> (x) <c d@e>\n\t<f@g>"), (vec!["a@b", "c d@e", "f@g"], false));
        assert_eq!(ids("<<a@b>>"), (vec!["a@b"], true));
        assert_eq!(ids("<a@b <c@d>"), (vec!["c@d"], true));
        assert_eq!(ids("<a@b> <c@d"), (vec!["a@b", "c@d"], true));
        assert_eq!(ids("a@b c@d> of monday"), (vec!["a@b", "c@d"], true));
        assert_eq!(ids("<> < >"), (vec![], false));
        assert_eq!(ids(""), (vec![], false));
    }

    #[test]
    fn ten_thousand_references() {
        let value: String = (0..10_000).map(|number| format!("<{number}@x>\n ")).collect();
        let mut defects = Defects::default();
        let found = ancestors([value.as_bytes(), b"<9999@x> <y> <me@x>"].into_iter(), |id| id == "me@x", &mut defects);
        assert_eq!(defects.0, [Defect::TooManyReferences]);
        assert_eq!(found.first().unwrap(), "9003@x");
        assert_eq!(found.last().unwrap(), "9999@x");
        assert_eq!(found.len(), 997);
    }

    #[test]
    fn encoded_ids() {
        let value = b"=?utf-8?q?=3C0123=2E1=2Egit=2Eann=40ex?=\n =?utf-8?q?ample=2Eorg=3E?=";
        let mut defects = Defects::default();
        let found = ancestors([&value[..]].into_iter(), |_| false, &mut defects);
        assert_eq!(found, ["0123.1.git.ann@example.org"]);
        assert_eq!(defects.0, [Defect::MalformedMessageId]);
    }

    #[test]
    fn made_ids() {
        assert_eq!(made(b"abc"), "a9993e364706816aba3e25717850c26c9cd0d89d@provenance.invalid");
        assert!(is_made("x@Provenance.INVALID") && !is_made("x@example.invalid"));
    }

    proptest::proptest! {
        #[test]
        fn any_value(value in proptest::collection::vec(proptest::sample::select(b"a@<> \n\t\xff".to_vec()), 0..60)) {
            for id in Ids::of(&value) {
                proptest::prop_assert!(!id.contains(&b'<') && !id.is_empty());
            }
            let mut defects = Defects::default();
            own([&value[..]].into_iter(), &mut defects);
            for id in ancestors([&value[..], &value[..]].into_iter(), |_| false, &mut defects) {
                proptest::prop_assert!(!id.contains(['\n', '\t', '\r']));
            }
        }
    }
}
