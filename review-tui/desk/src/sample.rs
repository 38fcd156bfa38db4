//! The built-in archive: patches of this project to its engine, as mail. Where nothing else is indexed, it is, in
//! a place of its own, so that every screen has something true to show.

use std::path::{Path, PathBuf};
use std::time::Duration;

use provenance_corpus::archive::mbox::Mbox;
use provenance_corpus::catalogue::Catalogue;
use provenance_corpus::message::Message;
use provenance_corpus::store::Store;
use provenance_index::events::Events;
use provenance_index::reader::Reader;
use provenance_index::sources::Sources;
use provenance_index::store::Lock;
use provenance_index::writer::{self, Options};

/// The mails, as mboxrd.
pub static MAILS: &[u8] = include_bytes!("sample/engine.mbox");

/// Opens the archive below `data`, and indexes it where that was not done yet or with another version.
///
/// # Errors
/// Where it cannot be written or read.
pub fn open(data: &Path, catalogue: &Catalogue) -> Result<(PathBuf, Reader), Box<dyn std::error::Error>> {
    let place = data.join("built-in").join(env!("CARGO_PKG_VERSION"));
    if let Ok(reader) = Reader::open(&place) {
        return Ok((place, reader));
    }
    let lock = Lock::wait(&place, Duration::from_secs(10), &|_| {})?;
    let store = Store::open(&place.join("mail"))?;
    let mut import = store.begin()?;
    for mail in Mbox::new(MAILS) {
        let mail = mail?;
        let arrival = Message::parse(&mail.bytes).date.map_or(0, |date| date.seconds);
        import.add(&mail.bytes, arrival)?;
    }
    import.finish()?;
    let mut sources = Sources::default();
    sources.attach_own(&store.epoch());
    sources.save(&lock)?;
    writer::update(&lock, &sources, Options { threads: 1, memory: 64 << 20, relink: false }, &())?;
    Events::keep(catalogue, &lock)?;
    let reader = Reader::open(&place)?;
    Ok((place, reader))
}
