//! Which web page shows which mail: equal fingerprints (author, masked and folded text) and dates that
//! agree but for a mislabelled zone.

use rustc_hash::FxHashMap;

use super::Row;

/// Pairs (page, mail), sorted. A page that could show several mails takes the one nearest in time, then
/// the smaller hash, so that the order of import makes no difference.
pub fn find(rows: &[Row]) -> Vec<[u64; 2]> {
    let pages: FxHashMap<u64, ()> = rows.iter().filter(|r| r.page).map(|r| (r.fingerprint, ())).collect();
    if pages.is_empty() {
        return Vec::new();
    }
    let mut mails: FxHashMap<u64, Vec<&Row>> = FxHashMap::default();
    for row in rows.iter().filter(|r| !r.page && pages.contains_key(&r.fingerprint)) {
        mails.entry(row.fingerprint).or_default().push(row);
    }
    let mut twins: Vec<[u64; 2]> = rows
        .iter()
        .filter(|r| r.page)
        .filter_map(|page| {
            let mail = mails
                .get(&page.fingerprint)?
                .iter()
                .filter(|mail| provenance_corpus::twin::dates_agree(page.date, mail.date))
                .min_by_key(|mail| ((page.date - mail.date).abs(), mail.id))?;
            Some([page.id, mail.id])
        })
        .collect();
    twins.sort_unstable();
    twins.dedup();
    twins
}
