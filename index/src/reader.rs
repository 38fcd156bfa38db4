//! An open index: a snapshot that stays as it is while `index` writes the next one.

mod copies;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rustc_hash::{FxHashMap, FxHashSet};
use tantivy::collector::DocSetCollector;
use tantivy::query::{Query, TermQuery, TermSetQuery};
use tantivy::schema::IndexRecordOption;
use tantivy::{DocAddress, IndexReader, ReloadPolicy, Searcher, TantivyError, Term};

use copies::Columns;
pub use copies::Copy;
pub(crate) use copies::by_origin;

use crate::collapse::{self, Collapse, Dedup, Entry, Sort, join_copies};
use crate::guard::{caught, guarded};
use crate::links::{self, Links, LinksError};
use crate::newest::{self, Cut, Newest};
use crate::schema::Fields;
use crate::state::State;
use crate::store::{Store, StoreError, links_dir};

/// Why a search failed, other than by its query.
#[derive(Debug, thiserror::Error)]
pub enum ReaderError {
    /// The index could not be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The links could not be opened.
    #[error(transparent)]
    Links(#[from] LinksError),
    /// The index is damaged.
    #[error("the index in {data} cannot be read")]
    Tantivy {
        /// The data directory.
        data: PathBuf,
        /// What tantivy said.
        source: tantivy::TantivyError,
    },
    /// The links are damaged.
    #[error("the links in {data} cannot be read")]
    Io {
        /// The data directory.
        data: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// A snapshot.
pub struct Reader {
    data: PathBuf,
    /// Searches the mails.
    pub searcher: Searcher,
    /// The fields.
    pub fields: Fields,
    /// What the commit says of itself.
    pub state: State,
    /// What is derived from all mails.
    pub links: Links,
    columns: OnceLock<Vec<Columns>>,
}

/// How hits are wanted.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// What makes two copies one mail.
    pub dedup: Dedup,
    /// By what.
    pub sort: Sort,
    /// Oldest or worst first.
    pub reverse: bool,
    /// Only what had arrived by then.
    pub as_of: Option<i64>,
}

impl Reader {
    /// Opens the index of a data directory. Nothing is written, and no lock is taken.
    ///
    /// # Errors
    /// There is no index, or it is damaged or refused.
    pub fn open(data: &Path) -> Result<Reader, ReaderError> {
        /// A commit may come between reading which files there are and opening them, and another one meanwhile.
        const TRIES: usize = 5;
        for _ in 1..TRIES {
            match Reader::try_open(data) {
                Err(ReaderError::Links(_) | ReaderError::Tantivy { .. }) => {
                    std::thread::sleep(std::time::Duration::from_millis(2));
                }
                other => return other,
            }
        }
        Reader::try_open(data)
    }

    fn try_open(data: &Path) -> Result<Reader, ReaderError> {
        let store = Store::open(data)?;
        let wrap = |source| match StoreError::of(data, source) {
            StoreError::Tantivy { data, source } => ReaderError::Tantivy { data, source },
            refused => ReaderError::Store(refused),
        };
        let builder = store.index.reader_builder().reload_policy(ReloadPolicy::Manual).doc_store_cache_num_blocks(64);
        let reader: IndexReader = guarded(|| builder.try_into()).map_err(wrap)?;
        let links = Links::open(&links_dir(data), store.state.generation)?;
        Ok(Reader {
            data: data.to_owned(),
            searcher: reader.searcher(),
            fields: store.fields,
            state: store.state,
            links,
            columns: OnceLock::new(),
        })
    }

    /// The data directory.
    pub fn data(&self) -> &Path {
        &self.data
    }

    fn wrap(&self, source: tantivy::TantivyError) -> ReaderError {
        ReaderError::Tantivy { data: self.data.clone(), source }
    }

    pub(crate) fn tantivy(&self, source: tantivy::TantivyError) -> ReaderError {
        self.wrap(source)
    }

    pub(crate) fn io_error(&self, source: io::Error) -> ReaderError {
        self.io(source)
    }

    fn io(&self, source: io::Error) -> ReaderError {
        ReaderError::Io { data: self.data.clone(), source }
    }

    /// All matching mails, one entry a mail, sorted. A web page that shows an indexed mail counts as a copy of that mail.
    pub fn entries(&self, query: &dyn Query, wanted: Wanted) -> Result<Vec<Entry>, ReaderError> {
        let collapse = Collapse { dedup: wanted.dedup, sort: wanted.sort, as_of: wanted.as_of };
        let mut entries = guarded(|| self.searcher.search(query, &collapse)).map_err(|e| self.wrap(e))?;
        if self.links.has_twins() && wanted.dedup != Dedup::None {
            self.fold_twins(&mut entries)?;
        }
        collapse::sort(&mut entries, wanted.sort, wanted.reverse);
        Ok(entries)
    }

    /// The matching mails that come first, as [`Reader::entries`] sorts them, and where not all of them are there, from where
    /// on they are not.
    pub(crate) fn first_entries(
        &self,
        query: &dyn Query,
        wanted: &Newest,
    ) -> Result<(Vec<Entry>, Option<Cut>), ReaderError> {
        let read = || {
            let found = newest::find(&self.searcher, query, wanted)?;
            let segments = self.searcher.segment_readers().iter();
            let columns: Vec<_> = segments
                .map(|segment| {
                    let columns = segment.fast_fields();
                    Ok((columns.u64("mid_hash")?, wanted.key().map(|key| columns.u64(key)).transpose()?))
                })
                .collect::<tantivy::Result<_>>()?;
            let entries = found.docs.iter().map(|&(rank, doc)| {
                let (mid_hash, key) = &columns[doc.segment_ord as usize];
                let key = key.as_ref().and_then(|key| key.first(doc.doc_id)).unwrap_or_default();
                let mid_hash = mid_hash.first(doc.doc_id).unwrap_or_default();
                Entry { key, mid_hash, doc, time: wanted.rank(rank), score: 0.0 }
            });
            Ok((entries.collect::<Vec<Entry>>(), found.cut))
        };
        let (mut entries, cut) = guarded(read).map_err(|e| self.wrap(e))?;
        // Of two copies that arrived at once the first in the index stands for both.
        entries.sort_unstable_by_key(|entry| entry.doc);
        if wanted.dedup != Dedup::None {
            join_copies(&mut entries);
            if self.links.has_twins() {
                self.fold_twins(&mut entries)?;
            }
        }
        collapse::sort(&mut entries, wanted.sort, wanted.reverse);
        Ok((entries, cut))
    }

    /// Whether a copy at one of these places lies beyond what was kept, so that it may match too.
    ///
    /// # Errors
    /// A damaged index.
    pub(crate) fn any_beyond<'p>(
        &self,
        cut: &Cut,
        newest: &Newest,
        places: impl IntoIterator<Item = &'p DocAddress>,
    ) -> Result<bool, ReaderError> {
        let read = || {
            let segments = self.searcher.segment_readers().iter();
            let columns: Vec<_> =
                segments.map(|segment| segment.fast_fields().i64(newest.column())).collect::<tantivy::Result<_>>()?;
            Ok(places.into_iter().any(|place| {
                let time = columns[place.segment_ord as usize].first(place.doc_id);
                newest.rank(time.unwrap_or_default()) <= cut.rank
            }))
        };
        guarded(read).map_err(|e| self.wrap(e))
    }

    fn fold_twins(&self, entries: &mut Vec<Entry>) -> Result<(), ReaderError> {
        let mut present: FxHashSet<u64> = entries.iter().map(|e| e.mid_hash).collect();
        let mut kept = Vec::with_capacity(entries.len());
        for entry in entries.drain(..) {
            match self.links.mail_of_page(entry.mid_hash) {
                Some(mail) if present.contains(&mail) => {}
                // The words of the page matched and those of the mail did not; it is the mail that is shown.
                Some(mail) => {
                    present.insert(mail);
                    let doc = self.addresses(mail)?.into_iter().next().unwrap_or(entry.doc);
                    kept.push(Entry { mid_hash: mail, doc, ..entry });
                }
                None => kept.push(entry),
            }
        }
        *entries = kept;
        Ok(())
    }

    fn addresses(&self, mid_hash: u64) -> Result<Vec<DocAddress>, ReaderError> {
        let term = Term::from_field_u64(self.fields.mid_hash, mid_hash);
        let query = TermQuery::new(term, IndexRecordOption::Basic);
        let docs = guarded(|| self.searcher.search(&query, &DocSetCollector)).map_err(|e| self.wrap(e))?;
        let mut docs: Vec<DocAddress> = docs.into_iter().collect();
        docs.sort_unstable();
        Ok(docs)
    }

    /// Where the copies of these mails are, web pages of them included. A term's look-up costs what reading a few thousand
    /// rows of the column costs, so that for many mails the column is read instead.
    ///
    /// # Errors
    /// A damaged index.
    pub fn places(&self, ids: &[u64]) -> Result<FxHashMap<u64, Vec<DocAddress>>, ReaderError> {
        caught(|| self.find_places(ids)).unwrap_or_else(|panic| Err(self.wrap(TantivyError::InternalError(panic))))
    }

    fn find_places(&self, ids: &[u64]) -> Result<FxHashMap<u64, Vec<DocAddress>>, ReaderError> {
        /// Rows that are read in the time of one look-up.
        const ROWS: usize = 8_000;
        let mut mail_of: FxHashMap<u64, u64> = ids.iter().map(|id| (*id, *id)).collect();
        mail_of
            .extend(ids.iter().flat_map(|id| self.links.pages_of_mail(*id).into_iter().map(move |page| (page, *id))));
        let mut places: FxHashMap<u64, Vec<DocAddress>> = FxHashMap::default();
        let segments = self.searcher.segment_readers();
        let rows: usize = segments.iter().map(|segment| segment.max_doc() as usize).sum();
        if mail_of.len() * segments.len() * ROWS < rows {
            for (id, mail) in mail_of {
                places.entry(mail).or_default().extend(self.addresses(id)?);
            }
        } else {
            // Nearly all rows are passed over by the low bits of the hash.
            let mut maybe = [false; 1 << 12];
            let low = |id: u64| id as usize % (1 << 12);
            mail_of.keys().for_each(|id| maybe[low(*id)] = true);
            let mut block = [0; 1_024];
            for (at, segment) in segments.iter().enumerate() {
                let column = segment.fast_fields().u64("mid_hash").map_err(|e| self.wrap(e))?;
                for start in (0..segment.max_doc()).step_by(block.len()) {
                    let block = &mut block[..(segment.max_doc() - start).min(1_024) as usize];
                    column.values.get_range(u64::from(start), block);
                    for (doc, id) in (start..).zip(block) {
                        if maybe[low(*id)]
                            && let Some(mail) = mail_of.get(id)
                            && !segment.is_deleted(doc)
                        {
                            places.entry(*mail).or_default().push(DocAddress::new(at as u32, doc));
                        }
                    }
                }
            }
        }
        places.values_mut().for_each(|docs| docs.sort_unstable());
        Ok(places)
    }

    /// Whether a mail is indexed.
    pub fn has(&self, mid_hash: u64) -> bool {
        let term = Term::from_field_u64(self.fields.mid_hash, mid_hash);
        guarded(|| self.searcher.doc_freq(&term)).is_ok_and(|docs| docs > 0)
    }

    /// How many mails are named as parents and are not indexed.
    ///
    /// # Errors
    /// A damaged index.
    pub fn missing_parents(&self) -> Result<u64, ReaderError> {
        let (mut present, mut parents) = (FxHashSet::default(), FxHashSet::default());
        let read = || {
            for segment in self.searcher.segment_readers() {
                let columns = segment.fast_fields();
                let (ids, references) = (columns.u64("mid_hash")?, columns.u64("ref_hashes")?);
                for doc in segment.doc_ids_alive() {
                    present.extend(ids.first(doc));
                    parents.extend(references.values_for_doc(doc).last());
                }
            }
            Ok(())
        };
        guarded(read).map_err(|e| self.wrap(e))?;
        Ok(parents.difference(&present).count() as u64)
    }

    /// All indexed mails of the thread that an id belongs to, one entry for each id; empty where the id is neither
    /// indexed nor known to the links.
    pub fn thread(&self, mid_hash: u64) -> Result<Vec<u64>, ReaderError> {
        let id = self.links.mail_of_page(mid_hash).unwrap_or(mid_hash);
        match self.links.root(id).map_err(|e| self.io(e))? {
            Some(root) => self.links.members(root).map_err(|e| self.io(e)),
            None => Ok(Vec::new()),
        }
    }
}

impl Reader {
    /// One entry for each mail of the threads of these mails.
    pub fn thread_entries(&self, ids: &[u64], as_of: Option<i64>) -> Result<Vec<Entry>, ReaderError> {
        let members = self.threads_of(ids)?;
        let terms = members.iter().map(|id| Term::from_field_u64(self.fields.mid_hash, *id));
        let query = TermSetQuery::new(terms);
        let wanted = Wanted { dedup: Dedup::MessageId, sort: Sort::Date, reverse: false, as_of };
        self.entries(&query, wanted)
    }

    /// All mails of the threads of these mails, themselves included, sorted.
    pub fn threads_of(&self, ids: &[u64]) -> Result<Vec<u64>, ReaderError> {
        /// Beyond so many look-ups the whole table is read at once.
        const FEW: usize = 2_000;
        let ids: FxHashSet<u64> = ids.iter().map(|id| self.links.mail_of_page(*id).unwrap_or(*id)).collect();
        let mut members: Vec<u64> = ids.iter().copied().collect();
        if ids.len() <= FEW {
            let mut roots = FxHashSet::default();
            for id in &ids {
                roots.extend(self.links.root(*id).map_err(|e| self.io(e))?);
            }
            for root in roots {
                members.extend(self.links.members(root).map_err(|e| self.io(e))?);
            }
        } else {
            let all = self.links.all_roots().map_err(|e| self.io(e))?;
            let roots: FxHashSet<u64> = all.iter().filter(|[id, _]| ids.contains(id)).map(|[_, root]| *root).collect();
            members.extend(all.iter().filter(|[_, root]| roots.contains(root)).map(|[id, _]| *id));
        }
        members.sort_unstable();
        members.dedup();
        Ok(members)
    }
}

/// What the links are derived from, of all copies but those of the given origins.
pub(crate) fn link_rows(searcher: &Searcher, without: &FxHashSet<u64>) -> tantivy::Result<Vec<links::Row>> {
    let mut rows = Vec::new();
    for segment in searcher.segment_readers() {
        let columns = segment.fast_fields();
        let (origin, id, references) = (columns.u64("origin")?, columns.u64("mid_hash")?, columns.u64("ref_hashes")?);
        let (date, fingerprint, page) = (columns.i64("date")?, columns.u64("fingerprint")?, columns.u64("page")?);
        for doc in segment.doc_ids_alive() {
            if origin.first(doc).is_some_and(|o| without.contains(&o)) {
                continue;
            }
            rows.push(links::Row {
                origin: origin.first(doc).unwrap_or_default(),
                id: id.first(doc).unwrap_or_default(),
                references: references.values_for_doc(doc).collect(),
                date: date.first(doc).unwrap_or_default(),
                fingerprint: fingerprint.first(doc).unwrap_or_default(),
                page: page.first(doc) == Some(1),
            });
        }
    }
    Ok(rows)
}

impl Reader {
    /// The facts of all indexed mails, and the thread of each: what the links are derived from.
    ///
    /// # Errors
    /// A damaged index, or damaged links.
    pub fn facts(&self) -> Result<(Vec<links::fact::Fact>, FxHashMap<u64, u64>), ReaderError> {
        let rows = guarded(|| link_rows(&self.searcher, &FxHashSet::default())).map_err(|e| self.wrap(e))?;
        let alive = rows.iter().map(|row| row.origin).collect();
        let facts = self.links.facts.all(&alive).map_err(|e| self.io(e))?;
        let roots = self.links.all_roots().map_err(|e| self.io(e))?;
        Ok((facts, roots.into_iter().map(|[id, root]| (id, root)).collect()))
    }
}
