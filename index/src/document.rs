//! What is indexed of one mail, as plain data: it serialises to one JSON object, so that the same
//! documents can be sent to a distributed engine when one machine is too small.

pub mod read;

use serde::{Deserialize, Serialize};

use crate::query::lower::{trailer, trailer_terms};
use crate::row::Row;
use crate::schema::{Fields, Text};
use crate::sections::{Sections, separate};

/// One copy of one mail.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Document {
    /// Number of the repository that holds the mail, as in the list of sources.
    pub repository: u32,
    /// What a result line and a thread need; the raw mail stays in its repository.
    #[serde(flatten)]
    pub stored: Stored,
    /// Every Message-ID that the mail gives; the first is `stored.message_id`.
    pub message_ids: Vec<String>,
    /// From, with comments, as public-inbox searches it.
    pub from: String,
    /// To, all headers.
    pub to: String,
    /// Cc, all headers.
    pub cc: String,
    /// The text, by kind.
    #[serde(flatten)]
    pub sections: Sections,
    /// Names of attachments.
    pub filenames: String,
    /// `git patch-id --stable`.
    pub patch_id: Option<String>,
    /// The `change-id:` line or X-Change-ID header.
    pub change_ids: Vec<String>,
    /// The X-For-Patch-ID header.
    pub for_patch_ids: Vec<String>,
    /// Trailers: name in lower case, value.
    pub trailers: Vec<(String, String)>,
    /// Hash of (Message-ID, content), see [`crate::hash::mail`].
    pub key: u64,
    /// See `provenance_corpus::twin`.
    pub fingerprint: u64,
}

/// What a mail is; it may be several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kinds {
    /// Holds an unquoted diff.
    pub patch: bool,
    /// A patch subject with number 0.
    pub cover: bool,
    /// `Re:`, or an answer that is neither patch nor cover letter.
    pub reply: bool,
    /// Read from a web archive's page: addresses masked, no Message-ID of its own.
    pub page: bool,
}

/// What the index keeps of each copy, to draw a result line or a thread without opening the repository.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// The blob id of the raw mail in its repository, lower-case hex.
    #[serde(with = "hex_id")]
    pub blob: Vec<u8>,
    /// The Message-ID without brackets; made from the content hash under `.invalid` where the mail has none.
    pub message_id: String,
    /// The subject, decoded, one line.
    pub subject: String,
    /// Display name of the author, or the address where there is none.
    pub author: String,
    /// The author's address.
    pub address: String,
    /// Date header: seconds since 1970, UTC. Where it is missing or unreadable, the arrival.
    pub date: i64,
    /// Whether `date` was read from the mail.
    pub dated: bool,
    /// Arrival: seconds since 1970.
    pub received: i64,
    /// Length of the raw mail in bytes.
    pub bytes: u64,
    /// List-Ids, lower case, without brackets.
    pub lists: Vec<String>,
    /// References and In-Reply-To, the parent last.
    pub references: Vec<String>,
    /// What the mail is.
    pub kinds: Kinds,
    /// Version of a patch or cover letter: 5, or 5.1 as (5, 1).
    pub version: Option<(u32, u32)>,
    /// Number in its series and their total.
    pub part: Option<(u32, u32)>,
    /// Added and removed lines.
    pub changed: (u32, u32),
    /// Names of the defects found while reading.
    pub defects: Vec<String>,
}

mod hex_id {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(id: &[u8], s: S) -> Result<S::Ok, S::Error> {
        if s.is_human_readable() { s.serialize_str(&super::hex(id)) } else { s.serialize_bytes(id) }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<u8>, D::Error> {
        if d.is_human_readable() {
            let text = String::deserialize(d)?;
            super::unhex(&text).ok_or_else(|| D::Error::custom("not a hexadecimal id"))
        } else {
            Vec::<u8>::deserialize(d)
        }
    }
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, b| {
        let _ = write!(out, "{b:02x}");
        out
    })
}

/// Bytes of an even number of hexadecimal digits.
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

impl Stored {
    /// The compact form that the index keeps.
    pub fn to_bytes(&self) -> Vec<u8> {
        postcard::to_allocvec(self).expect("plain data without maps or unsized sequences serialises")
    }

    /// Reads what [`Stored::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Stored, postcard::Error> {
        postcard::from_bytes(bytes)
    }
}

impl Document {
    /// The document as the writer hands it to tantivy.
    pub fn to_row(&self, f: &Fields) -> Row {
        let s = &self.sections;
        let texts = [&s.body, &s.quoted, &s.dfn, &s.dfhh, &s.dfa, &s.dfb, &s.dfctx, &self.to, &self.cc];
        let mut row = Row::with_capacity(texts.iter().map(|text| text.len()).sum::<usize>() + 2048);
        self.add_columns(f, &mut row);
        self.add_terms(f, &mut row);
        row.bytes(f.stored, self.stored.to_bytes());

        let with_ident = |text: Text| [text.exact, text.stem, f.ident];
        row.text(&with_ident(f.subject), &self.stored.subject);
        row.text(&with_ident(f.body), &s.body);
        row.text(&with_ident(f.dfhh), &s.dfhh);
        row.text(&with_ident(f.dfa), &s.dfa);
        row.text(&with_ident(f.dfb), &s.dfb);
        row.text(&with_ident(f.dfctx), &s.dfctx);
        row.words(f.from, &self.from);
        row.words(f.to, &self.to);
        row.words(f.cc, &self.cc);
        row.words(f.quoted, &s.quoted);
        row.words(f.filename, &self.filenames);
        row.words(f.dfn, &s.dfn);
        row.words(f.mid_words, &mid_words(&self.message_ids));
        row.words(f.list_words, &self.stored.lists.join("\u{1e}"));
        row
    }

    fn add_terms(&self, f: &Fields, row: &mut Row) {
        let mut each = |field, values: &[String]| {
            for value in values {
                row.text(&[field], value);
            }
        };
        each(f.mid, &self.message_ids);
        each(f.lid, &self.stored.lists);
        each(f.dfpre, &self.sections.dfpre);
        each(f.dfpost, &self.sections.dfpost);
        each(f.patchid, self.patch_id.as_slice());
        each(f.changeid, &self.change_ids);
        each(f.forpatchid, &self.for_patch_ids);
        each(f.references, &self.stored.references);
        for (name, value) in &self.trailers {
            row.text(&[f.trailer], &trailer(name));
            row.text(&[f.trailer], &trailer(&format!("{name}:{value}")));
            trailer_terms(name, value).iter().for_each(|term| row.text(&[f.trailer], term));
        }
        let kinds = self.stored.kinds;
        for (is, name) in [(kinds.patch, "patch"), (kinds.cover, "cover"), (kinds.reply, "reply")] {
            if is {
                row.text(&[f.is], name);
            }
        }
        if let Some((major, _)) = self.stored.version {
            row.u64(f.rev, u64::from(major));
        }
    }

    /// Hashes of the ids that join this mail to its thread: its further names, which answers may use, and what it answers, the
    /// parent last. Of a mail that has further names and answers none, its own id is the last.
    pub fn related(&self) -> Vec<u64> {
        let others = self.message_ids.get(1..).unwrap_or_default();
        let alone = !others.is_empty() && self.stored.references.is_empty();
        let own = alone.then_some(&self.stored.message_id);
        others.iter().chain(&self.stored.references).chain(own).map(|id| crate::hash::message_id(id)).collect()
    }

    fn add_columns(&self, f: &Fields, row: &mut Row) {
        let stored = &self.stored;
        row.u64(f.origin, crate::hash::origin(self.repository, &stored.blob));
        row.u64(f.repository, u64::from(self.repository));
        row.u64(f.key, self.key);
        row.u64(f.mid_hash, crate::hash::message_id(&stored.message_id));
        for reference in self.related() {
            row.u64(f.ref_hashes, reference);
        }
        row.u64(f.fingerprint, self.fingerprint);
        row.u64(f.page, u64::from(stored.kinds.page));
        row.i64(f.date, stored.date);
        row.i64(f.received, stored.received);
        row.u64(f.bytes, stored.bytes);
    }
}

/// What `m:` searches: the whole id, and once more its longer words alone, because the short ones of old
/// mailers (`Pine.LNX.4.64`) say nothing (as public-inbox does).
fn mid_words(ids: &[String]) -> String {
    let mut out = String::new();
    for id in ids {
        separate(&mut out);
        out.push_str(id);
        let words = || id.split(|c: char| !(c.is_alphanumeric() || c == '_'));
        if words().any(|w| w.chars().count() >= 12) {
            separate(&mut out);
            for word in words().filter(|w| w.chars().count() >= 3) {
                out.push_str(word);
                out.push(' ');
            }
        }
    }
    out
}
