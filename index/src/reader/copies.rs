//! The copies of a mail: what the index keeps of each, in its stored document and in its columns.

use rustc_hash::FxHashSet;
use tantivy::collector::DocSetCollector;
use tantivy::columnar::Column;
use tantivy::query::{TermQuery, TermSetQuery};
use tantivy::schema::document::Value;
use tantivy::schema::{IndexRecordOption, TantivyDocument};
use tantivy::{DocAddress, Searcher, Term};

use super::{Reader, ReaderError};
use crate::document::Stored;
use crate::guard::guarded;
use crate::schema::Fields;

/// One copy of a mail, with the number of its repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copy {
    /// Number of the repository.
    pub repository: u32,
    /// What copies of one mail share, see [`crate::hash::mail`].
    pub key: u64,
    /// What the index keeps.
    pub stored: Stored,
}

/// What of a copy lies in columns: opened once a segment, which costs more than reading a stored document.
pub(super) struct Columns {
    repository: Column<u64>,
    key: Column<u64>,
}

impl Columns {
    fn of(searcher: &Searcher) -> tantivy::Result<Vec<Columns>> {
        let segments = searcher.segment_readers().iter();
        segments
            .map(|segment| {
                let columns = segment.fast_fields();
                Ok(Columns { repository: columns.u64("repository")?, key: columns.u64("key")? })
            })
            .collect()
    }
}

impl Reader {
    /// What the index keeps of one copy.
    pub fn copy(&self, doc: DocAddress) -> Result<Copy, ReaderError> {
        let columns = match self.columns.get() {
            Some(columns) => columns,
            None => {
                let columns = guarded(|| Columns::of(&self.searcher)).map_err(|e| self.wrap(e))?;
                self.columns.get_or_init(|| columns)
            }
        };
        guarded(|| copy(&self.searcher, &self.fields, columns, doc)).map_err(|e| self.wrap(e))
    }

    /// All copies of the mails of these ids, web pages included, in the order of the ids.
    pub fn copies(&self, mid_hash: u64) -> Result<Vec<Copy>, ReaderError> {
        let mut copies = Vec::new();
        let ids = std::iter::once(mid_hash).chain(self.links.pages_of_mail(mid_hash));
        for id in ids {
            for doc in self.addresses(id)? {
                copies.push(self.copy(doc)?);
            }
        }
        Ok(copies)
    }

    /// The first Message-ID of the mail that bears this one as its second or third: two Message-ID headers are two names of
    /// one mail. `None` for an id that is a first one, or nobody's.
    ///
    /// # Errors
    /// A damaged index.
    pub fn other_name(&self, id: &str) -> Result<Option<String>, ReaderError> {
        if self.has(crate::hash::message_id(id)) {
            return Ok(None);
        }
        let query = TermQuery::new(Term::from_field_text(self.fields.mid, id), IndexRecordOption::Basic);
        let found = self.searcher.search(&query, &DocSetCollector).map_err(|e| self.wrap(e))?;
        let first = found.into_iter().min();
        first.map(|doc| Ok(self.copy(doc)?.stored.message_id)).transpose()
    }

    /// A mail by its hash: the first copy that is no web page, where it is indexed.
    ///
    /// # Errors
    /// A damaged index.
    pub fn mail(&self, mid_hash: u64) -> Result<Option<Copy>, ReaderError> {
        let copies = self.copies(mid_hash)?;
        let real = copies.iter().position(|copy| !copy.stored.kinds.page).unwrap_or(0);
        Ok(copies.into_iter().nth(real))
    }
}

fn copy(searcher: &Searcher, fields: &Fields, columns: &[Columns], doc: DocAddress) -> tantivy::Result<Copy> {
    let document: TantivyDocument = searcher.doc(doc)?;
    let bytes = document.get_first(fields.stored).and_then(|v| v.as_bytes()).unwrap_or_default();
    let stored = Stored::from_bytes(bytes)
        .map_err(|e| tantivy::TantivyError::InternalError(format!("a stored document does not decode: {e}")))?;
    let columns = &columns[doc.segment_ord as usize];
    let repository = columns.repository.first(doc.doc_id).unwrap_or_default();
    let key = columns.key.first(doc.doc_id).unwrap_or_default();
    Ok(Copy { repository: u32::try_from(repository).unwrap_or(u32::MAX), key, stored })
}

/// What the index keeps of the copies of these origins.
pub(crate) fn by_origin(
    searcher: &Searcher,
    fields: &Fields,
    origins: &FxHashSet<u64>,
) -> tantivy::Result<Vec<(u32, Stored)>> {
    if origins.is_empty() {
        return Ok(Vec::new());
    }
    let terms = origins.iter().map(|origin| Term::from_field_u64(fields.origin, *origin));
    let docs = searcher.search(&TermSetQuery::new(terms), &DocSetCollector)?;
    let columns = Columns::of(searcher)?;
    docs.into_iter().map(|doc| copy(searcher, fields, &columns, doc).map(|c| (c.repository, c.stored))).collect()
}
