//! The catalogue's events as documents of their own kind, searched by the very query that searches the mails. Their
//! index is small, and made in memory where none is at hand: a new fact needs no re-indexing. Since making it costs
//! several times what a query does, `index` keeps one beside the mails, named by the digest of its catalogue.

use std::fs;
use std::path::{Path, PathBuf};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use provenance_corpus::catalogue::{Catalogue, Event, Source};
use tantivy::directory::RamDirectory;
use tantivy::indexer::SingleSegmentIndexWriter;
use tantivy::{Directory, Index, IndexReader, IndexSettings, ReloadPolicy, Searcher};

use crate::collapse::{self, Collapse, Dedup, Sort};
use crate::document::{Document, Stored};
use crate::guard::guarded;
use crate::row::Row;
use crate::schema::Fields;
use crate::sections::SEPARATOR;
use crate::store::directory::Sealed;
use crate::store::{Lock, events_dir, tokenizers};
use crate::upkeep::verify;
use crate::writer::WriterError;

/// Memory that the writer may fill; 150 events need a thousandth of it.
const MEMORY: usize = 15 << 20;

/// The events of a catalogue, searchable.
pub struct Events {
    searcher: Searcher,
    fields: Fields,
}

impl Events {
    /// Opens the index that was kept for this catalogue, or makes one in memory.
    ///
    /// # Errors
    /// Only what tantivy can say of memory: a kept index that cannot be read is passed over.
    pub fn open(catalogue: &Catalogue, data: Option<&Path>) -> tantivy::Result<Events> {
        if let Some(kept) = data.and_then(|data| kept(&place(data, catalogue))) {
            return Ok(kept);
        }
        Events::over(write(catalogue, RamDirectory::create())?)
    }

    /// Keeps the index of this catalogue in a data directory, for [`Events::open`], and drops those of other catalogues. One that
    /// is damaged is made anew.
    ///
    /// # Errors
    /// What the file system says.
    pub fn keep(catalogue: &Catalogue, lock: &Lock) -> Result<(), WriterError> {
        let data = lock.data();
        let place = place(data, catalogue);
        if kept(&place).is_some() && verify::index(&place).is_empty() {
            return Ok(());
        }
        guarded(|| replace(catalogue, &events_dir(data), &place))
            .map_err(|source| WriterError::Tantivy { data: data.to_owned(), source })
    }

    fn over(mut index: Index) -> tantivy::Result<Events> {
        index.set_tokenizers(tokenizers());
        let (_, fields) = Fields::build();
        let reader: IndexReader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
        Ok(Events { searcher: reader.searcher(), fields })
    }

    /// Positions in [`Catalogue::events`] of the events that match, with their scores.
    ///
    /// # Errors
    /// What the query says.
    pub fn search(
        &self,
        query: &dyn tantivy::query::Query,
        sort: Sort,
        as_of: Option<i64>,
    ) -> tantivy::Result<Vec<(usize, f32)>> {
        let collapse = Collapse { dedup: Dedup::None, sort, as_of };
        let mut entries = guarded(|| self.searcher.search(query, &collapse))?;
        collapse::sort(&mut entries, sort, false);
        Ok(entries.into_iter().map(|entry| (entry.doc.doc_id as usize, entry.score)).collect())
    }

    /// The fields.
    pub fn fields(&self) -> &Fields {
        &self.fields
    }

    /// Searches as a reader does.
    pub fn searcher(&self) -> &Searcher {
        &self.searcher
    }
}

/// The program's version is part of the name, because it decides what a document of an event holds.
fn place(data: &Path, catalogue: &Catalogue) -> PathBuf {
    events_dir(data).join(format!("{}-{:016x}", env!("CARGO_PKG_VERSION"), catalogue.digest()))
}

fn replace(catalogue: &Catalogue, dir: &Path, place: &Path) -> tantivy::Result<()> {
    match fs::remove_dir_all(dir) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e.into()),
        _ => {}
    }
    let new = dir.join("new");
    fs::create_dir_all(&new)?;
    write(catalogue, Sealed::writing(&new)?)?;
    fs::rename(&new, place)?;
    Ok(())
}

fn kept(place: &Path) -> Option<Events> {
    if !place.exists() {
        return None;
    }
    guarded(|| Events::over(Index::open(Sealed::reading(place)?)?)).ok()
}

/// Indexes the events, in the order of [`Catalogue::events`]: the number of a document is the event's position.
fn write(catalogue: &Catalogue, directory: impl Into<Box<dyn Directory>>) -> tantivy::Result<Index> {
    let (schema, fields) = Fields::build();
    let settings = IndexSettings { docstore_compress_dedicated_thread: false, ..IndexSettings::default() };
    let mut writer: SingleSegmentIndexWriter<Row> = Index::builder()
        .schema(schema)
        .settings(settings)
        .tokenizers(tokenizers())
        .single_segment_index_writer(directory, MEMORY)?;
    for (at, event) in catalogue.events().iter().enumerate() {
        writer.add_document(row(catalogue, at, event, &fields))?;
    }
    writer.finalize()
}

/// Seconds of the first moment of a day, UTC.
pub fn start_of(day: Date) -> i64 {
    day.to_zoned(TimeZone::UTC).map_or(0, |zoned| zoned.timestamp().as_second())
}

fn row(catalogue: &Catalogue, at: usize, event: &Event, fields: &Fields) -> Row {
    let mails: Vec<String> = event
        .evidence
        .iter()
        .filter_map(|evidence| evidence.mail.as_ref())
        .map(|mail| mail.as_str().to_owned())
        .collect();
    let mut document = Document {
        stored: Stored {
            message_id: mails.first().cloned().unwrap_or_else(|| event.id.to_string()),
            subject: event.subject.clone().unwrap_or_default(),
            date: start_of(event.happened.0),
            received: start_of(event.recorded().0),
            references: answered(catalogue, event),
            ..Stored::default()
        },
        message_ids: mails,
        from: event.authors.iter().chain(&event.addresses).cloned().collect::<Vec<_>>().join(", "),
        to: event.to.join(", "),
        cc: event.cc.join(", "),
        key: at as u64,
        ..Document::default()
    };
    let separator = SEPARATOR.to_string();
    document.sections.body = std::iter::once(event.text.clone())
        .chain(event.symbols.iter().cloned())
        .chain(event.evidence.iter().filter_map(|evidence| evidence.commit.as_ref().map(ToString::to_string)))
        .collect::<Vec<_>>()
        .join(&separator);
    document.sections.dfn = event.files.join(&separator);
    let mut row = document.to_row(fields);
    row.words(fields.list_words, &event.lists.join(&separator));
    row.text(&[fields.is], "event");
    row.text(&[fields.mechanism], &event.mechanism.to_string());
    for other in &event.also {
        row.text(&[fields.mechanism], &other.to_string());
    }
    row
}

fn answered(catalogue: &Catalogue, event: &Event) -> Vec<String> {
    let answered = event.answers.as_ref().and_then(|id| catalogue.event(id.as_str()));
    answered
        .into_iter()
        .flat_map(|event| &event.evidence)
        .filter_map(|evidence| match evidence.source() {
            Some(Source::Mail(mail)) => Some(mail.as_str().to_owned()),
            _ => None,
        })
        .collect()
}
