//! The newest (or oldest) matches, and no more: a query costs its page and not its hits. A broad query matches each second
//! mail; what is read of most of them is their date.
//!
//! Copies of a mail are one hit at the time of its earliest copy. What was collected is complete down to a moment, and
//! nothing is known of copies beyond it: [`Cut`] says so, and whoever makes a page of it asks whether a mail on the page has
//! such a copy.

use rustc_hash::FxHashSet;
use tantivy::columnar::Column;
use tantivy::query::{EnableScoring, Query};
use tantivy::{DocAddress, DocId, Searcher};

use crate::collapse::{Dedup, Sort};

/// Matches up to which all are kept, so that their number is exact.
pub(crate) const FEW: usize = 1 << 14;
/// The largest page that is made of the newest alone.
pub(crate) const LARGEST_PAGE: usize = 1_000;
/// Matches that are kept for each hit of the page, and for a page of any size: their copies may be older, or the same mail.
const SPARE: (usize, usize) = (4, 1_024);

/// Which matches are wanted: those that come first by date or arrival.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Newest {
    /// What makes two copies one mail.
    pub dedup: Dedup,
    /// Date or arrival.
    pub sort: Sort,
    /// Oldest first.
    pub reverse: bool,
    /// Copies that arrived later than this are not there, seconds since 1970.
    pub as_of: Option<i64>,
    /// Hits of the page.
    pub keep: usize,
    /// Matches up to which all are kept, [`FEW`].
    pub few: usize,
}

impl Newest {
    /// What matches are ordered by, the greatest first.
    pub fn rank(&self, time: i64) -> i64 {
        if self.reverse { !time } else { time }
    }

    /// The column that they are ordered by.
    pub fn column(&self) -> &'static str {
        if self.sort == Sort::Received { "received" } else { "date" }
    }

    /// What makes two copies one mail.
    pub fn key(&self) -> Option<&'static str> {
        match self.dedup {
            Dedup::Content => Some("key"),
            Dedup::MessageId => Some("mid_hash"),
            Dedup::None => None,
        }
    }

    fn kept(&self) -> usize {
        self.keep * SPARE.0 + SPARE.1
    }
}

/// What was collected.
#[derive(Debug)]
pub(crate) struct Found {
    /// Rank and place of each match, in no order.
    pub docs: Vec<(i64, DocAddress)>,
    /// Where not all matches are here: those of a greater rank are.
    pub cut: Option<Cut>,
}

/// Beyond it nothing was kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cut {
    /// The greatest rank of a match that was not kept.
    pub rank: i64,
    /// Mails that match at least.
    pub mails: usize,
}

/// Collects the matches of all segments; tantivy's own collectors know only one segment's.
///
/// # Errors
/// A damaged index.
pub(crate) fn find(searcher: &Searcher, query: &dyn Query, newest: &Newest) -> tantivy::Result<Found> {
    let weight = query.weight(EnableScoring::disabled_from_searcher(searcher))?;
    let segments = searcher.segment_readers();
    let keys = segments.iter().map(|segment| newest.key().map(|name| segment.fast_fields().u64(name)).transpose());
    let keys = keys.collect::<tantivy::Result<Vec<_>>>()?;
    let mut found = Found { docs: Vec::new(), cut: None };
    for (ord, segment) in (0..).zip(segments) {
        let columns = segment.fast_fields();
        let time = columns.i64(newest.column())?;
        // Read for copies that arrived too late.
        let late =
            newest.as_of.map(|limit| Ok::<_, tantivy::TantivyError>((limit, columns.i64("received")?))).transpose()?;
        let alive = segment.alive_bitset();
        weight.for_each_no_score(segment, &mut |docs| {
            for &doc in docs {
                let is_late = |(limit, received): &(i64, Column<i64>)| received.first(doc).unwrap_or_default() > *limit;
                if alive.is_some_and(|alive| alive.is_deleted(doc)) || late.as_ref().is_some_and(is_late) {
                    continue;
                }
                found.take(newest, newest.rank(time.first(doc).unwrap_or_default()), ord, doc, &keys);
            }
        })?;
    }
    if let Some(cut) = found.cut {
        found.docs.retain(|(rank, _)| *rank > cut.rank);
    }
    Ok(found)
}

impl Found {
    fn take(&mut self, newest: &Newest, rank: i64, ord: u32, doc: DocId, keys: &[Option<Column<u64>>]) {
        if self.cut.is_some_and(|cut| rank <= cut.rank) {
            return;
        }
        self.docs.push((rank, DocAddress::new(ord, doc)));
        if self.docs.len() > newest.few.max(newest.kept()) {
            self.prune(newest.kept(), keys);
        }
    }

    /// Lets go of all but those that come first.
    fn prune(&mut self, kept: usize, keys: &[Option<Column<u64>>]) {
        let mails = self.cut.map_or_else(|| self.mails(keys), |cut| cut.mails);
        self.docs.select_nth_unstable_by(kept, |a, b| b.0.cmp(&a.0));
        self.cut = Some(Cut { rank: self.docs[kept].0, mails });
        self.docs.truncate(kept);
    }

    /// How many mails they are.
    fn mails(&self, keys: &[Option<Column<u64>>]) -> usize {
        let key =
            |(_, doc): &(i64, DocAddress)| keys[doc.segment_ord as usize].as_ref().map(|key| key.first(doc.doc_id));
        if keys.iter().any(Option::is_none) {
            return self.docs.len();
        }
        self.docs.iter().map(key).collect::<FxHashSet<_>>().len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tantivy::query::AllQuery;
    use tantivy::schema::{FAST, Schema};
    use tantivy::{Index, IndexWriter, doc};

    use super::*;

    /// Segments of mails: key, date, arrival.
    type Segments = Vec<Vec<(u64, i64, i64)>>;

    fn found(segments: &Segments, newest: &Newest) -> (Found, Vec<(i64, DocAddress)>) {
        let mut schema = Schema::builder();
        let (key, id) = (schema.add_u64_field("key", FAST), schema.add_u64_field("mid_hash", FAST));
        let (date, received) = (schema.add_i64_field("date", FAST), schema.add_i64_field("received", FAST));
        let index = Index::create_in_ram(schema.build());
        let mut writer: IndexWriter = index.writer_with_num_threads(1, 15_000_000).expect("a writer");
        writer.set_merge_policy(Box::new(tantivy::merge_policy::NoMergePolicy));
        let mut all = Vec::new();
        for mails in segments {
            for (k, d, r) in mails {
                writer.add_document(doc!(key => *k, id => *k, date => *d, received => *r)).expect("added");
            }
            writer.commit().expect("committed");
        }
        let searcher = index.reader().expect("a reader").searcher();
        for (ord, segment) in (0..).zip(searcher.segment_readers()) {
            let columns = segment.fast_fields();
            let (time, arrived) =
                (columns.i64(newest.column()).expect("times"), columns.i64("received").expect("times"));
            for doc in segment.doc_ids_alive() {
                if newest.as_of.is_none_or(|limit| arrived.first(doc).expect("a time") <= limit) {
                    all.push((newest.rank(time.first(doc).expect("a time")), DocAddress::new(ord, doc)));
                }
            }
        }
        (find(&searcher, &AllQuery, newest).expect("searched"), all)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// All matches of a greater rank than that of the cut are there, none other is, and there are enough for the page;
        /// there is a cut only where there are more than a few; and there are as many mails as it says.
        #[test]
        fn what_is_kept_is_complete_down_to_the_cut(
            segments in proptest::collection::vec(
                proptest::collection::vec((0_u64..2_000, -3_000_i64..3_000, -50_i64..50), 1..3_000), 1..4),
            (keep, few) in (1_usize..20, 0_usize..2_500),
            (received, reverse, limited) in (any::<bool>(), any::<bool>(), any::<bool>()),
            dedup in prop_oneof![Just(Dedup::Content), Just(Dedup::MessageId), Just(Dedup::None)],
        ) {
            let sort = if received { Sort::Received } else { Sort::Date };
            let newest = Newest { dedup, sort, reverse, as_of: limited.then_some(20), keep, few };
            let (found, mut all) = found(&segments, &newest);
            let mut docs = found.docs;
            docs.sort_unstable();
            if let Some(cut) = found.cut {
                prop_assert!(all.len() > few.max(newest.kept()));
                let keys: FxHashSet<u64> = segments.iter().flatten().map(|mail| mail.0).collect();
                let mails = if dedup == Dedup::None { all.len() } else { keys.len() };
                prop_assert!(cut.mails <= mails);
                all.retain(|(rank, _)| *rank > cut.rank);
            }
            all.sort_unstable();
            prop_assert_eq!(docs, all);
        }
    }
}
