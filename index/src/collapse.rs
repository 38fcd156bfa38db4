//! One mail, several copies: the same mail came by three lists, and lies in three archives. The collector
//! gathers the matching copies once and keeps one entry a mail; counting, sorting, offset and limit work on those.

use rustc_hash::FxHashMap;
use tantivy::collector::{Collector, SegmentCollector};
use tantivy::columnar::Column;
use tantivy::{DocAddress, DocId, Score, SegmentOrdinal, SegmentReader};

/// What one mail is known by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dedup {
    /// Message-ID and content: two mails that share an id, but not the text, are two hits.
    #[default]
    Content,
    /// Message-ID alone.
    MessageId,
    /// Every copy is a hit.
    None,
}

/// What hits are sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// Date header.
    #[default]
    Date,
    /// The time at which the list received it, newest first.
    Received,
    /// How well it matches, by BM25.
    Relevance,
}

/// One matching mail.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Entry {
    /// What it was collapsed by.
    pub key: u64,
    /// Hash of the Message-ID.
    pub mid_hash: u64,
    /// A matching copy.
    pub doc: DocAddress,
    /// Date or arrival, whichever was asked for.
    pub time: i64,
    /// BM25, the best of the copies; 0 unless sorted by it.
    pub score: Score,
}

/// Collects matching mails.
#[derive(Clone, Copy, Debug, Default)]
pub struct Collapse {
    /// What makes two copies one mail.
    pub dedup: Dedup,
    /// What will be sorted by.
    pub sort: Sort,
    /// Copies that arrived later than this are not there, seconds since 1970.
    pub as_of: Option<i64>,
}

/// Collects one segment.
pub struct SegmentCollapse {
    options: Collapse,
    segment: SegmentOrdinal,
    key: Column<u64>,
    mid_hash: Column<u64>,
    date: Column<i64>,
    received: Column<i64>,
    entries: Vec<Entry>,
}

impl Collector for Collapse {
    type Fruit = Vec<Entry>;
    type Child = SegmentCollapse;

    fn for_segment(&self, segment: SegmentOrdinal, reader: &SegmentReader) -> tantivy::Result<SegmentCollapse> {
        let columns = reader.fast_fields();
        Ok(SegmentCollapse {
            options: *self,
            segment,
            key: columns.u64("key")?,
            mid_hash: columns.u64("mid_hash")?,
            date: columns.i64("date")?,
            received: columns.i64("received")?,
            entries: Vec::new(),
        })
    }

    fn requires_scoring(&self) -> bool {
        self.sort == Sort::Relevance
    }

    fn merge_fruits(&self, fruits: Vec<Vec<Entry>>) -> tantivy::Result<Vec<Entry>> {
        let mut all: Vec<Entry> = fruits.concat();
        if self.dedup != Dedup::None {
            join_copies(&mut all);
        }
        Ok(all)
    }
}

/// Makes one entry of those that have one key.
pub(crate) fn join_copies(all: &mut Vec<Entry>) {
    let mut seen: FxHashMap<u64, usize> = FxHashMap::with_capacity_and_hasher(all.len(), Default::default());
    let mut kept = 0;
    for at in 0..all.len() {
        let entry = all[at];
        match seen.entry(entry.key) {
            std::collections::hash_map::Entry::Vacant(slot) => {
                slot.insert(kept);
                all[kept] = entry;
                kept += 1;
            }
            std::collections::hash_map::Entry::Occupied(slot) => all[*slot.get()].join(&entry),
        }
    }
    all.truncate(kept);
}

impl Entry {
    /// Two copies of one mail: the earlier arrival and the better score stand for both.
    fn join(&mut self, other: &Entry) {
        self.score = self.score.max(other.score);
        if (other.time, other.doc) < (self.time, self.doc) {
            (self.time, self.doc) = (other.time, other.doc);
        }
    }
}

impl SegmentCollector for SegmentCollapse {
    type Fruit = Vec<Entry>;

    fn collect(&mut self, doc: DocId, score: Score) {
        let date = self.date.first(doc).unwrap_or_default();
        let received = self.received.first(doc).unwrap_or_default();
        // A Date header is the sender's word; what was known on a day is what had arrived.
        if self.options.as_of.is_some_and(|limit| received > limit) {
            return;
        }
        let mid_hash = self.mid_hash.first(doc).unwrap_or_default();
        let key = match self.options.dedup {
            Dedup::Content => self.key.first(doc).unwrap_or_default(),
            Dedup::MessageId => mid_hash,
            Dedup::None => 0,
        };
        let time = if self.options.sort == Sort::Received { received } else { date };
        self.entries.push(Entry { key, mid_hash, doc: DocAddress::new(self.segment, doc), time, score });
    }

    fn harvest(self) -> Vec<Entry> {
        self.entries
    }
}

/// Sorts entries as asked: newest first, or best first; `reverse` turns that round. Ties go by the
/// Message-ID's hash, so that two runs print the same.
pub fn sort(entries: &mut [Entry], sort: Sort, reverse: bool) {
    entries.sort_unstable_by(|a, b| {
        let order = match sort {
            Sort::Relevance => b.score.total_cmp(&a.score).then(b.time.cmp(&a.time)),
            Sort::Date | Sort::Received => b.time.cmp(&a.time),
        };
        let order = if reverse { order.reverse() } else { order };
        order.then(a.mid_hash.cmp(&b.mid_hash)).then(a.doc.cmp(&b.doc))
    });
}
