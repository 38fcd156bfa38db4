//! How alike two patches are, and which patches are worth comparing.

use rustc_hash::{FxHashMap, FxHashSet};

use super::edge::Class;
use super::fact::Fact;

/// Of the patches that have a line in common with one, so many before it and after it are looked at: forms of one change
/// are near in time, and who is near is known from the line's own bucket, however large the archive grows.
const NEAR: (usize, usize) = (24, 8);

/// Patches that are compared with one patch for their lines.
const CANDIDATES: usize = 64;

/// The same for titles, patch-ids and blobs, before and after.
const NAMED: (usize, usize) = (128, 32);

/// Equal changed lines of all changed lines of both, from their sketches: exact below the sketch's length.
pub fn lines(a: &Fact, b: &Fact) -> f32 {
    jaccard(&a.sketch, &b.sketch, a.lines.max(b.lines))
}

/// Jaccard's index of two bottom-k sketches.
pub fn jaccard(a: &[u32], b: &[u32], lines: u32) -> f32 {
    let k = if lines as usize > super::fact::SKETCH { super::fact::SKETCH } else { usize::MAX };
    let (mut i, mut j, mut both, mut all) = (0, 0, 0u32, 0usize);
    while all < k && (i < a.len() || j < b.len()) {
        all += 1;
        match (a.get(i), b.get(j)) {
            (Some(x), Some(y)) if x == y => {
                both += 1;
                (i, j) = (i + 1, j + 1);
            }
            (Some(x), Some(y)) if x > y => j += 1,
            (Some(_), _) => i += 1,
            (None, _) => j += 1,
        }
    }
    if all == 0 { 0.0 } else { both as f32 / all as f32 }
}

/// What makes two patches one, and how sure that is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Match {
    /// On what it rests.
    pub class: Class,
    /// Confidence in per mille.
    pub confidence: u16,
    /// See [`lines`].
    pub similarity: f32,
}

fn overlap(a: &[u32], b: &[u32]) -> bool {
    a.iter().any(|file| b.binary_search(file).is_ok())
}

/// Whether both were written by one person, by address or by name.
pub fn same_author(a: &Fact, b: &Fact) -> bool {
    let same = |x: u64, y: u64| x != 0 && x == y;
    same(a.author.0, b.author.0) || same(a.author.1, b.author.1)
}

/// Whether two patches are forms of one change.
pub fn judge(a: &Fact, b: &Fact) -> Option<Match> {
    let similarity = lines(a, b);
    let found = |class, confidence| Some(Match { class, confidence, similarity });
    let title = a.title != 0 && a.title == b.title;
    let author = same_author(a, b);
    let enough = a.lines.min(b.lines);
    if a.patch_id != 0 && a.patch_id == b.patch_id {
        return found(Class::PatchId, 999);
    }
    let blob = || a.blobs.iter().any(|x| b.blobs.iter().any(|y| x.meets(*y)));
    if (title || similarity >= 0.3) && blob() {
        return found(Class::Blob, 995);
    }
    // Removing the lines that another patch adds is its revert, and shares no line with it, since lines have signs.
    if title && author && similarity >= 0.2 {
        return found(Class::Subject, 990);
    }
    if title && author && overlap(&a.files, &b.files) {
        return found(Class::Subject, 960);
    }
    if title && similarity >= 0.5 {
        return found(Class::Lines, 970);
    }
    if author && overlap(&a.files, &b.files) && (similarity >= 0.6 && enough >= 4 || similarity >= 0.9) {
        return found(Class::Lines, 950);
    }
    (similarity >= 0.8 && enough >= 8 && overlap(&a.files, &b.files)).then_some(Match {
        class: Class::Lines,
        confidence: 920,
        similarity,
    })
}

/// Patches by what they may share with another.
pub struct Candidates<'f> {
    facts: &'f [Fact],
    titles: FxHashMap<u64, Vec<u32>>,
    ids: FxHashMap<u64, Vec<u32>>,
    blobs: FxHashMap<u32, Vec<u32>>,
    lines: FxHashMap<u32, Vec<u32>>,
}

impl<'f> Candidates<'f> {
    /// Knows these patches, by their place in `facts`, in order of date.
    pub fn new(facts: &'f [Fact], patches: &[u32]) -> Candidates<'f> {
        let mut known = Candidates {
            facts,
            titles: FxHashMap::default(),
            ids: FxHashMap::default(),
            blobs: FxHashMap::default(),
            lines: FxHashMap::default(),
        };
        for at in patches {
            let fact = &facts[*at as usize];
            if fact.title != 0 {
                known.titles.entry(fact.title).or_default().push(*at);
            }
            if fact.patch_id != 0 {
                known.ids.entry(fact.patch_id).or_default().push(*at);
            }
            for blob in &fact.blobs {
                known.blobs.entry(blob.short()).or_default().push(*at);
            }
            for line in &fact.sketch {
                known.lines.entry(*line).or_default().push(*at);
            }
        }
        known
    }

    /// The patches that share changed lines with `fact`, itself excluded: those with most first.
    pub fn sharing(&self, fact: &Fact) -> Vec<u32> {
        let mut shared: FxHashMap<u32, u32> = FxHashMap::default();
        for line in &fact.sketch {
            for at in self.near(self.lines.get(line), NEAR, fact.date) {
                *shared.entry(*at).or_default() += 1;
            }
        }
        let other = |at: &u32| self.facts[*at as usize].id != fact.id;
        let mut shared: Vec<(u32, u32)> =
            shared.into_iter().filter(|(at, _)| other(at)).map(|(at, n)| (n, at)).collect();
        shared.sort_unstable_by(|a, b| b.cmp(a));
        shared.into_iter().take(CANDIDATES).map(|(_, at)| at).collect()
    }

    /// The part of a list that is near a date.
    fn near<'l>(&self, list: Option<&'l Vec<u32>>, (before, after): (usize, usize), date: i64) -> &'l [u32] {
        let list = list.map(Vec::as_slice).unwrap_or_default();
        let here = list.partition_point(|at| self.facts[*at as usize].date <= date);
        &list[here.saturating_sub(before)..list.len().min(here + after)]
    }

    /// The patches that are forms of the same change as `fact`, itself excluded.
    pub fn of(&self, fact: &Fact) -> Vec<(u32, Match)> {
        let mut tried: FxHashSet<u32> = FxHashSet::default();
        let mut places: Vec<u32> = Vec::new();
        let take = |list: Option<&Vec<u32>>, tried: &mut FxHashSet<u32>, places: &mut Vec<u32>| {
            for at in self.near(list, NAMED, fact.date) {
                if tried.insert(*at) {
                    places.push(*at);
                }
            }
        };
        if fact.patch_id != 0 {
            take(self.ids.get(&fact.patch_id), &mut tried, &mut places);
        }
        take(self.titles.get(&fact.title), &mut tried, &mut places);
        for blob in &fact.blobs {
            take(self.blobs.get(&blob.short()), &mut tried, &mut places);
        }
        let mut shared: FxHashMap<u32, u32> = FxHashMap::default();
        for line in &fact.sketch {
            for at in self.near(self.lines.get(line), NEAR, fact.date) {
                *shared.entry(*at).or_default() += 1;
            }
        }
        // Three rare lines, or all of a patch that has fewer.
        let enough = |at: u32, n: u32| n >= 3.min(self.facts[at as usize].lines).min(fact.lines);
        let mut shared: Vec<(u32, u32)> =
            shared.into_iter().filter(|(at, n)| enough(*at, *n)).map(|(at, n)| (n, at)).collect();
        shared.sort_unstable_by(|a, b| b.cmp(a));
        for (_, at) in shared.iter().take(CANDIDATES) {
            if tried.insert(*at) {
                places.push(*at);
            }
        }
        let itself = |at: &u32| self.facts[*at as usize].id == fact.id;
        places
            .into_iter()
            .filter(|at| !itself(at))
            .filter_map(|at| Some((at, judge(&self.facts[at as usize], fact)?)))
            .collect()
    }
}
