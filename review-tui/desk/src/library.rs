//! The archives, the catalogue and the reader's own facts, opened once and by whoever comes first.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use provenance_corpus::catalogue::Catalogue;
use provenance_index::hash;
use provenance_index::raw::Raw;
use provenance_index::reader::{Copy, Reader};
use provenance_review::failure::Failure;
use provenance_review::horizon;
use provenance_review::session::place::Place;

use crate::draft::files;
use crate::facts::Opened;
use crate::sample;
use crate::state::Journal;

/// What is open.
pub struct Shelf {
    /// The index, where there is one.
    pub reader: Option<Reader>,
    /// The catalogue.
    pub catalogue: Arc<Catalogue>,
    /// Whether the index is the built-in archive's.
    pub is_sample: bool,
    /// Where the index lies: the reader's data directory, or the built-in archive's.
    data: PathBuf,
    trouble: Option<String>,
    raw: Option<Mutex<Raw>>,
}

/// Opens what is needed when it is first needed.
pub struct Library {
    place: Place,
    sample: bool,
    shelf: OnceLock<Shelf>,
}

impl Library {
    /// Nothing is opened yet.
    pub fn new(place: Place, sample: bool) -> Library {
        Library { place, sample, shelf: OnceLock::new() }
    }

    /// The data directory.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The journal of verdicts.
    pub fn journal(&self) -> Journal {
        Journal::of(self.place.data())
    }

    /// What is open.
    pub fn shelf(&self) -> &Shelf {
        self.shelf.get_or_init(|| self.open())
    }

    /// Where the index lies.
    pub fn shelf_data(&self) -> &Path {
        &self.shelf().data
    }

    fn open(&self) -> Shelf {
        let mut troubles: Vec<String> = Vec::new();
        let mut note = |failure: Failure| troubles.push(failure.text().trim_end().replace('\n', "; "));
        let catalogue = self.place.catalogue().map_err(&mut note).or_else(|()| Catalogue::built_in());
        let catalogue = Arc::new(catalogue.unwrap_or_default());
        let mut reader = self.place.reader().map_err(&mut note).ok().flatten();
        let mut data = self.place.data().to_owned();
        let mut is_sample = false;
        if reader.is_none() && self.sample {
            match sample::open(&data, &catalogue) {
                Ok((place, sample)) => {
                    (data, reader, is_sample) = (place, Some(sample), true);
                }
                Err(error) => troubles.push(format!("the built-in archive cannot be opened: {error}")),
            }
        }
        let raw = reader.as_ref().and_then(|_| Raw::open(&data).ok()).map(Mutex::new);
        let trouble = (!troubles.is_empty()).then(|| troubles.join("; "));
        Shelf { reader, catalogue, is_sample, data, trouble, raw }
    }

    /// What the desk wants to know at the start.
    pub fn look_around(&self) -> Opened {
        let shelf = self.shelf();
        let mechanisms = shelf.catalogue.mechanisms().iter();
        let (review, torn) = match self.journal().load() {
            Ok(read) => read,
            Err(error) => {
                let trouble = Some(format!("the journal of verdicts cannot be read: {error}"));
                return Opened { trouble, ..Opened::default() };
            }
        };
        let mut trouble = shelf.trouble.clone();
        if torn > 0 && trouble.is_none() {
            trouble = Some(format!("skipped {torn} incomplete or damaged lines in state/journal.jsonl"));
        }
        Opened {
            horizon: horizon::indexed(shelf.reader.as_ref()),
            is_sample: shelf.is_sample,
            mechanisms: mechanisms.map(|m| (m.slug.to_string(), m.name.clone().unwrap_or_default())).collect(),
            review,
            drafts: files::waiting(self.place.data()),
            trouble,
        }
    }
}

impl Shelf {
    /// The copies of a mail.
    ///
    /// # Errors
    /// What to tell the reader.
    pub fn copies(&self, id: &str) -> Result<Vec<Copy>, String> {
        let reader = self.reader.as_ref().ok_or("nothing is indexed")?;
        let copies = reader.copies(hash::message_id(id)).map_err(|e| e.to_string())?;
        if copies.is_empty() {
            return Err(format!("{id} is not in the indexed lists; {}", horizon::indexed(Some(reader))));
        }
        Ok(copies)
    }

    /// The raw bytes of a mail: of a real mail rather than a web page of it.
    ///
    /// # Errors
    /// What to tell the reader.
    pub fn bytes(&self, copies: &[Copy]) -> Result<Vec<u8>, String> {
        let copy = copies.iter().find(|c| !c.stored.kinds.page).or(copies.first()).ok_or("there is no such mail")?;
        let raw = self.raw.as_ref().ok_or("the list of sources cannot be read")?;
        let mut raw = raw.lock().unwrap_or_else(PoisonError::into_inner);
        raw.read(copy).map_err(|e| e.to_string())
    }
}
