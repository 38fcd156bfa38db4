//! Every field of the index: what it means, why it is stored, indexed or fast.
//!
//! A text field of public-inbox's is two fields here, as it is two kinds of term in Xapian: the *exact*
//! words with their positions, and the *stemmed* words without. A bare lower-case word searches the stems,
//! a phrase, a capitalised or a wildcarded word the exact words.

use tantivy::schema::{
    FAST, Field, INDEXED, IndexRecordOption, STORED, Schema, SchemaBuilder, TextFieldIndexing, TextOptions,
};

/// Raised whenever a field, or what goes into one, changes. An index of another version is rebuilt
/// beside the old one.
pub const SCHEMA_VERSION: u32 = 4;

/// The name under which [`crate::terms::ExactTokenizer`] is registered with tantivy.
pub const EXACT: &str = "exact";
/// The name under which [`crate::terms::StemTokenizer`] is registered with tantivy.
pub const STEM: &str = "stem";
/// The name under which [`crate::terms::IdentTokenizer`] is registered with tantivy.
pub const IDENT: &str = "ident";

/// The two fields of one text: exact words with positions, stems without.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Text {
    /// Words as written, lower case, with positions: phrases, capitalised words, wildcards.
    pub exact: Field,
    /// Porter stems of the words that differ from their stem, each once for a text; no positions, no frequency. The
    /// documents of a stem are those here and those whose exact words hold the stem itself: most words of mail are
    /// their own stem, and would only stand twice.
    pub stem: Field,
}

/// All fields, resolved once.
#[derive(Clone, Debug)]
pub struct Fields {
    /// `s:` the subject, decoded.
    pub subject: Text,
    /// `f:` names and addresses of From.
    pub from: Text,
    /// `t:` names and addresses of To.
    pub to: Text,
    /// `c:` names and addresses of Cc.
    pub cc: Text,
    /// Text that is neither quoted nor part of a diff.
    pub body: Text,
    /// `q:` quoted text.
    pub quoted: Text,
    /// `n:` names of attachments.
    pub filename: Text,
    /// `dfn:` file names of a diff.
    pub dfn: Text,
    /// `dfa:` removed lines.
    pub dfa: Text,
    /// `dfb:` added lines.
    pub dfb: Text,
    /// `dfhh:` what follows the second `@@` of a hunk header.
    pub dfhh: Text,
    /// `dfctx:` context lines.
    pub dfctx: Text,
    /// `m:` words of the Message-ID.
    pub mid_words: Text,
    /// `l:` words of the List-Id.
    pub list_words: Text,

    /// `id:` parts of identifiers (`text_poke_bp` -> text, poke, bp; camelCase too) at consecutive positions.
    pub ident: Field,

    /// `mid:` the Message-ID, exact, without brackets.
    pub mid: Field,
    /// `lid:` the List-Id, exact, lower case, without brackets.
    pub lid: Field,
    /// `dfpre:` blob ids before the patch, as long as the mail gives them.
    pub dfpre: Field,
    /// `dfpost:` blob ids after the patch.
    pub dfpost: Field,
    /// `patchid:` what `git patch-id --stable` prints for the mail.
    pub patchid: Field,
    /// `changeid:` the `change-id:` line, or an X-Change-ID header.
    pub changeid: Field,
    /// `forpatchid:` the X-For-Patch-ID header.
    pub forpatchid: Field,
    /// `references:` Message-IDs of References and In-Reply-To.
    pub references: Field,
    /// `trailer:NAME:VALUE` as two terms: `name` and `name:value`, lower case, spaces folded.
    pub trailer: Field,
    /// `is:` one of `patch`, `cover`, `reply`, `event`; a mail may be several.
    pub is: Field,
    /// The mechanisms that a catalogue event belongs to; mails have none, `mech:` finds them by their words.
    pub mechanism: Field,
    /// `rev:` the version of a patch or cover letter; 1 where the subject names none.
    pub rev: Field,

    /// Hash of (repository number, blob id): one per document, the key of deletion.
    pub origin: Field,
    /// Number of the repository that holds the mail.
    pub repository: Field,
    /// Hash of (Message-ID, content without transport headers and list footer): copies of one mail share it.
    pub key: Field,
    /// Hash of the Message-ID: what the links store is keyed by.
    pub mid_hash: Field,
    /// Hashes of References and In-Reply-To, the parent last: threads are derived from this column.
    pub ref_hashes: Field,
    /// What a mail and its copy on a web page have in common, see `provenance_corpus::twin`.
    pub fingerprint: Field,
    /// 1 where the mail was read from a web archive's page, which has no Message-ID of its own.
    pub page: Field,
    /// `d:` `dt:` seconds since 1970 of the Date header, UTC.
    pub date: Field,
    /// `rt:` seconds since 1970 of the arrival.
    pub received: Field,
    /// `z:` length of the raw mail in bytes.
    pub bytes: Field,
    /// What a result line needs, see [`crate::document::Stored`].
    pub stored: Field,
}

impl Fields {
    /// The schema and its fields. The order of the fields is part of the format.
    pub fn build() -> (Schema, Fields) {
        let mut b = Schema::builder();
        let fields = Fields {
            subject: text(&mut b, "subject"),
            from: text(&mut b, "from"),
            to: text(&mut b, "to"),
            cc: text(&mut b, "cc"),
            body: text(&mut b, "body"),
            quoted: text(&mut b, "quoted"),
            filename: text(&mut b, "filename"),
            dfn: text(&mut b, "dfn"),
            dfa: text(&mut b, "dfa"),
            dfb: text(&mut b, "dfb"),
            dfhh: text(&mut b, "dfhh"),
            dfctx: text(&mut b, "dfctx"),
            mid_words: text(&mut b, "mid_words"),
            list_words: text(&mut b, "list_words"),
            ident: b.add_text_field("ident", indexed(IDENT, IndexRecordOption::WithFreqsAndPositions)),
            mid: raw(&mut b, "mid"),
            lid: raw(&mut b, "lid"),
            dfpre: raw(&mut b, "dfpre"),
            dfpost: raw(&mut b, "dfpost"),
            patchid: raw(&mut b, "patchid"),
            changeid: raw(&mut b, "changeid"),
            forpatchid: raw(&mut b, "forpatchid"),
            references: raw(&mut b, "references"),
            trailer: raw(&mut b, "trailer"),
            is: raw(&mut b, "is"),
            mechanism: raw(&mut b, "mechanism"),
            rev: b.add_u64_field("rev", INDEXED),
            origin: b.add_u64_field("origin", FAST | INDEXED),
            repository: b.add_u64_field("repository", FAST),
            key: b.add_u64_field("key", FAST),
            mid_hash: b.add_u64_field("mid_hash", FAST | INDEXED),
            ref_hashes: b.add_u64_field("ref_hashes", FAST),
            fingerprint: b.add_u64_field("fingerprint", FAST),
            page: b.add_u64_field("page", FAST),
            date: b.add_i64_field("date", FAST),
            received: b.add_i64_field("received", FAST),
            bytes: b.add_u64_field("bytes", FAST),
            stored: b.add_bytes_field("stored", STORED),
        };
        (b.build(), fields)
    }
}

fn indexed(tokenizer: &str, record: IndexRecordOption) -> TextOptions {
    TextOptions::default().set_indexing_options(
        TextFieldIndexing::default().set_tokenizer(tokenizer).set_index_option(record).set_fieldnorms(false),
    )
}

fn text(b: &mut SchemaBuilder, name: &str) -> Text {
    Text {
        exact: b.add_text_field(name, indexed(EXACT, IndexRecordOption::WithFreqsAndPositions)),
        stem: b.add_text_field(&format!("{name}_stem"), indexed(STEM, IndexRecordOption::Basic)),
    }
}

fn raw(b: &mut SchemaBuilder, name: &str) -> Field {
    b.add_text_field(name, indexed("raw", IndexRecordOption::Basic))
}
