//! Which web page shows which mail. Fingerprints name the candidates; whether a page and a mail are one is then
//! decided on the mails themselves, which are read again: pages are few.

use provenance_corpus::archive::public_inbox_v2::Reader;
use provenance_corpus::message::Message;
use provenance_corpus::twin;
use rustc_hash::{FxHashMap, FxHashSet};
use tantivy::Searcher;

use super::work::Found;
use crate::links::Row;
use crate::schema::Fields;
use crate::sources::Sources;

/// Mails that are compared with one page; a thousand mails of one author that begin alike are no reply.
const CANDIDATES: usize = 100;

/// Pairs (page, mail), sorted. A page that could show several mails takes the one nearest in time, then the smaller
/// hash, so that the order of import makes no difference.
pub fn find(
    rows: &[Row],
    sources: &Sources,
    found: &Found,
    searcher: &Searcher,
    fields: &Fields,
) -> tantivy::Result<Vec<[u64; 2]>> {
    let fingerprints: FxHashSet<u64> = rows.iter().filter(|r| r.page).map(|r| r.fingerprint).collect();
    if fingerprints.is_empty() {
        return Ok(Vec::new());
    }
    let (pages, mails): (Vec<&Row>, Vec<&Row>) =
        rows.iter().filter(|r| fingerprints.contains(&r.fingerprint)).partition(|r| r.page);
    let mut by_fingerprint: FxHashMap<u64, Vec<&Row>> = FxHashMap::default();
    for mail in mails {
        by_fingerprint.entry(mail.fingerprint).or_default().push(mail);
    }
    let origins = pages.iter().chain(by_fingerprint.values().flatten()).map(|row| row.origin).collect();
    let raw = RawMails::read(&origins, sources, found, searcher, fields)?;
    let mut twins: Vec<[u64; 2]> = pages
        .iter()
        .filter_map(|page| {
            let shown = Message::parse(raw.0.get(&page.origin)?);
            let mut candidates = by_fingerprint.get(&page.fingerprint)?.clone();
            candidates.sort_by_key(|mail| ((page.date - mail.date).abs(), mail.id));
            let mail = candidates.iter().take(CANDIDATES).find(|mail| {
                raw.0.get(&mail.origin).is_some_and(|bytes| twin::is_twin(&shown, &Message::parse(bytes)))
            })?;
            Some([page.id, mail.id])
        })
        .collect();
    twins.sort_unstable();
    twins.dedup();
    Ok(twins)
}

/// Raw mails by origin; one that cannot be read is nobody's twin.
struct RawMails(FxHashMap<u64, Vec<u8>>);

impl RawMails {
    fn read(
        origins: &FxHashSet<u64>,
        sources: &Sources,
        found: &Found,
        searcher: &Searcher,
        fields: &Fields,
    ) -> tantivy::Result<RawMails> {
        let mut places: Vec<(u64, u32, git2::Oid)> = found
            .added
            .iter()
            .filter(|added| origins.contains(&added.origin))
            .map(|added| (added.origin, added.repository, added.blob))
            .collect();
        for (repository, stored) in crate::reader::by_origin(searcher, fields, origins)? {
            if let Ok(blob) = git2::Oid::from_bytes(&stored.blob) {
                places.push((crate::hash::origin(repository, &stored.blob), repository, blob));
            }
        }
        let mut readers: FxHashMap<u32, Option<Reader>> = FxHashMap::default();
        let mut raw = FxHashMap::default();
        for (origin, repository, blob) in places {
            let reader = readers
                .entry(repository)
                .or_insert_with(|| sources.get(repository).and_then(|r| Reader::open(&r.path).ok()));
            if let Some(bytes) = reader.as_ref().and_then(|reader| reader.blob(blob).ok()) {
                raw.insert(origin, bytes.to_vec());
            }
        }
        Ok(RawMails(raw))
    }
}
