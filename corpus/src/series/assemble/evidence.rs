//! Which sending each mail belongs to where its subject says otherwise. A cover letter stands for its series: parts that
//! answer it, of the same sending, take its version and tags. Where there is none, most parts stand for the others.

use super::{Key, numbered};
use crate::series::Mail;
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::BTreeMap;

/// What one hand sent in one go was sent within this time (seconds).
const ONE_GO: i64 = 3_600;

/// Mails under several names (seconds): a tool that writes each author into From needs no longer.
const ONE_RUN: i64 = 600;

/// What parts without a cover letter have in common: sender, total, and what they hang from.
type Group<'m> = (String, u32, (u8, &'m str));

/// The sending of each mail, `None` for those that are part of no series.
pub(super) fn keys(mails: &[Mail<'_>]) -> Vec<Option<Key>> {
    let mut keys: Vec<Option<Key>> = mails.iter().map(Key::of).collect();
    let covers = covers(mails, &keys);
    right_totals(mails, &mut keys, &covers);
    under_covers(mails, &mut keys, &covers);
    without_covers(mails, &mut keys, &covers);
    keys
}

/// For each part the cover letter that it hangs below, or whose Message-ID has the same stem.
fn covers(mails: &[Mail<'_>], keys: &[Option<Key>]) -> Vec<Option<usize>> {
    let place: FxHashMap<&str, usize> =
        mails.iter().enumerate().rev().map(|(at, mail)| (mail.message_id, at)).collect();
    let is_cover = |at: usize| keys[at].is_some() && numbered(&mails[at]).is_some_and(|(number, _)| number == 0);
    let mut stems: FxHashMap<&str, Option<usize>> = FxHashMap::default();
    for at in (0..mails.len()).filter(|at| is_cover(*at) && !mails[*at].stem.is_empty()) {
        stems.entry(mails[at].stem).and_modify(|known| *known = None).or_insert(Some(at));
    }
    let mut order: Vec<usize> = (0..mails.len()).filter(|at| keys[*at].is_some()).collect();
    order.sort_by_key(|at| (mails[*at].date, mails[*at].message_id));
    let mut found = vec![None; mails.len()];
    for at in order.into_iter().filter(|at| !is_cover(*at)) {
        let above = mails[at].in_reply_to.and_then(|id| place.get(id)).copied();
        let hangs = above.and_then(|above| if is_cover(above) { Some(above) } else { found[above] });
        let stem = stems.get(mails[at].stem).copied().flatten();
        found[at] = stem.or(hangs);
    }
    found
}

/// Whether both were sent in one go, by the stem of their ids, or by hand and time.
fn together(one: &Mail<'_>, other: &Mail<'_>) -> bool {
    let apart = (one.date - other.date).abs();
    if !one.stem.is_empty() && !other.stem.is_empty() && one.stem.eq(other.stem) {
        return true;
    }
    apart <= if one.author.eq_ignore_ascii_case(other.author) { ONE_GO } else { ONE_RUN }
}

/// A cover letter that promises another number of parts than all that were sent with it: somebody counted wrong.
fn right_totals(mails: &[Mail<'_>], keys: &mut [Option<Key>], covers: &[Option<usize>]) {
    let mut below: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (at, cover) in covers.iter().enumerate() {
        if let Some(cover) = cover.filter(|cover| together(&mails[*cover], &mails[at])) {
            below.entry(cover).or_default().push(at);
        }
    }
    for (cover, parts) in below {
        let totals: FxHashSet<Option<u32>> =
            parts.iter().map(|at| numbered(&mails[*at]).map(|(_, total)| total)).collect();
        let [Some(total)] = totals.into_iter().collect::<Vec<_>>()[..] else { continue };
        let numbers: FxHashSet<u32> =
            parts.iter().filter_map(|at| numbered(&mails[*at])).map(|(number, _)| number).collect();
        if (1..=total).all(|number| numbers.contains(&number))
            && let Some(key) = &mut keys[cover]
        {
            key.total = total;
        }
    }
}

/// Parts take the key of the cover letter with which they were sent, unless their number is there already.
fn under_covers(mails: &[Mail<'_>], keys: &mut [Option<Key>], covers: &[Option<usize>]) {
    let number = |at: usize| numbered(&mails[at]).map(|(number, _)| number);
    let mut taken: FxHashSet<(usize, u32)> = FxHashSet::default();
    for (at, cover) in covers.iter().enumerate() {
        if let (Some(cover), Some(number)) = (cover, number(at))
            && keys[at] == keys[*cover]
        {
            taken.insert((*cover, number));
        }
    }
    let mut order: Vec<usize> = (0..mails.len()).filter(|at| covers[*at].is_some()).collect();
    order.sort_by_key(|at| (mails[*at].date, mails[*at].message_id));
    for at in order {
        let (Some(cover), Some(number)) = (covers[at], number(at)) else { continue };
        let total = keys[cover].as_ref().map(|key| key.total);
        let fits = keys[at] != keys[cover] && keys[at].as_ref().map(|key| key.total) == total;
        if fits && together(&mails[cover], &mails[at]) && taken.insert((cover, number)) {
            keys[at] = keys[cover].clone();
        }
    }
}

/// Parts that no cover letter holds together, sent in one go below one mail or with one stem: where their numbers are
/// different, they are one series, and the key that most of them have is that of all.
fn without_covers(mails: &[Mail<'_>], keys: &mut [Option<Key>], covers: &[Option<usize>]) {
    let place: FxHashMap<&str, usize> =
        mails.iter().enumerate().rev().map(|(at, mail)| (mail.message_id, at)).collect();
    let mut order: Vec<usize> = (0..mails.len())
        .filter(|at| {
            keys[*at].is_some() && covers[*at].is_none() && numbered(&mails[*at]).is_some_and(|(n, t)| n > 0 && t > 1)
        })
        .collect();
    order.sort_by_key(|at| (mails[*at].date, mails[*at].message_id));
    // What they hang from: the stem, else the first of them above each, else the mail that it answers, else nothing.
    let mut name: FxHashMap<usize, (u8, &str)> = FxHashMap::default();
    let mut groups: BTreeMap<Group<'_>, Vec<usize>> = BTreeMap::new();
    for at in order {
        let mail = &mails[at];
        let above = mail.in_reply_to.and_then(|id| place.get(id)).filter(|up| name.contains_key(up));
        let of = match (mail.stem, above, mail.in_reply_to) {
            (stem, ..) if !stem.is_empty() => (0, stem),
            (_, Some(above), _) => name[above],
            (_, None, Some(id)) if place.contains_key(id) => (1, id),
            (_, None, _) => (1, mail.message_id),
        };
        name.insert(at, of);
        let total = numbered(mail).map_or(0, |(_, total)| total);
        groups.entry((mail.author.to_lowercase(), total, of)).or_default().push(at);
    }
    for group in groups.into_values() {
        let mut numbers = FxHashSet::default();
        let alone = group.iter().all(|at| numbers.insert(numbered(&mails[*at]).map(|(number, _)| number)));
        let one_go = group.iter().all(|at| together(&mails[group[0]], &mails[*at]));
        let mut counts: FxHashMap<&Key, usize> = FxHashMap::default();
        for key in group.iter().filter_map(|at| keys[*at].as_ref()) {
            *counts.entry(key).or_default() += 1;
        }
        if !alone || !one_go || counts.len() < 2 {
            continue;
        }
        // Of two that are as frequent the one of the first part.
        let first = |key: &Key| group.iter().position(|at| keys[*at].as_ref() == Some(key));
        let best = counts
            .into_iter()
            .max_by_key(|(key, count)| (*count, std::cmp::Reverse(first(key))))
            .map(|(key, _)| key.clone());
        group.iter().for_each(|at| keys[*at].clone_from(&best));
    }
}
