//! From mails to series: first by what the subjects say, then by what answers what, then by what is left over.

mod evidence;

use super::{MAX_PARTS, Mail, Series};
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;

/// What all mails of one sending have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Key {
    author: String,
    total: u32,
    version: (u32, u32),
    rfc: bool,
    resend: bool,
    /// The title of a patch that stands alone; two such are two series.
    title: Option<String>,
}

impl Key {
    /// `None` for a mail that is part of no series.
    fn of(mail: &Mail<'_>) -> Option<Key> {
        let numbered = numbered(mail);
        if mail.reply || numbered.is_none() && !mail.diff {
            return None;
        }
        Some(Key {
            author: mail.author.to_lowercase(),
            total: numbered.map_or(1, |(_, total)| total),
            version: mail.version,
            rfc: mail.rfc,
            resend: mail.resend,
            title: numbered.is_none().then(|| mail.title.to_owned()),
        })
    }

    /// The same sending, but for the mark that it is one again.
    fn first_sent(&self) -> Key {
        Key { resend: false, ..self.clone() }
    }
}

fn numbered(mail: &Mail<'_>) -> Option<(u32, u32)> {
    mail.number.zip(mail.total).filter(|(_, total)| (1..=MAX_PARTS).contains(total))
}

/// Mails that were sent together.
struct Sending {
    key: Key,
    /// In order of date.
    mails: Vec<u32>,
    covered: bool,
    /// Different numbers from 1 to the total.
    parts: u32,
}

impl Sending {
    fn new(key: Key, mails: Vec<u32>, all: &[Mail<'_>]) -> Sending {
        let mut numbers: Vec<u32> = mails.iter().map(|at| numbered(&all[*at as usize]).map_or(1, |(n, _)| n)).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let covered = numbers.first() == Some(&0);
        let parts = numbers.iter().filter(|number| (1..=key.total).contains(number)).count() as u32;
        Sending { key, mails, covered, parts }
    }

    /// Whether it is a series of its own, whatever else there is: it has a cover letter, or all parts.
    fn stands_alone(&self) -> bool {
        self.covered || self.parts == self.key.total
    }
}

pub(super) fn series(mails: &[Mail<'_>]) -> Vec<Series> {
    let mut by_key: BTreeMap<Key, Vec<u32>> = BTreeMap::new();
    for (at, key) in evidence::keys(mails).into_iter().enumerate() {
        if let Some(key) = key {
            by_key.entry(key).or_default().push(at as u32);
        }
    }
    let mut sendings = Vec::new();
    for (key, mut group) in by_key {
        group.sort_by_key(|at| order(&mails[*at as usize]));
        sendings.extend(by_leader(&group, mails).into_iter().map(|part| Sending::new(key.clone(), part, mails)));
    }
    let mut found: Vec<Series> = join_strays(sendings, mails).iter().map(|sending| build(sending, mails)).collect();
    found.sort_by_key(|series| (series.version, series.date, series.head().map(|at| mails[at as usize].message_id)));
    find_rerolled(&mut found, mails);
    found
}

fn order<'a>(mail: &Mail<'a>) -> (i64, &'a str) {
    (mail.date, mail.message_id)
}

/// Parts a group by the mail at which each leaves it going upwards: its cover letter or first part, or, if
/// that is missing, the mail outside that it answers. Mails that answer nothing and that nothing answers
/// were sent without threading, and are kept together between one cover letter and the next.
fn by_leader(group: &[u32], mails: &[Mail<'_>]) -> Vec<Vec<u32>> {
    let inside: FxHashMap<&str, u32> = group
        .iter()
        .rev()
        .enumerate()
        .map(|(at, mail)| (mails[*mail as usize].message_id, (group.len() - 1 - at) as u32))
        .collect();
    let above = |at: usize| mails[group[at] as usize].in_reply_to;
    // Per mail of the group the one that leads it; found by walking up, each step taken once.
    let mut leader: Vec<Option<u32>> = vec![None; group.len()];
    for start in 0..group.len() {
        let mut path = Vec::new();
        let mut at = start;
        let found = loop {
            if let Some(leader) = leader[at] {
                break leader;
            }
            path.push(at);
            // Marked while on the path, so that a circle ends where it is met again.
            leader[at] = Some(at as u32);
            match above(at).and_then(|id| inside.get(id)) {
                Some(up) if *up as usize != at => at = *up as usize,
                _ => break at as u32,
            }
        };
        path.iter().for_each(|at| leader[*at] = Some(found));
    }
    let is_cover = |at: usize| numbered(&mails[group[at] as usize]).is_some_and(|(number, _)| number == 0);
    let mut answered = vec![0u32; group.len()];
    leader.iter().flatten().for_each(|leader| answered[*leader as usize] += 1);

    let mut parts: BTreeMap<(u8, &str, u32), Vec<u32>> = BTreeMap::new();
    let mut round = 0;
    for (at, mail) in group.iter().enumerate() {
        let lead = leader[at].map_or(at, |leader| leader as usize);
        let name = match above(lead).filter(|id| !inside.contains_key(id)) {
            _ if is_cover(lead) && answered[lead] > 1 => (0, "", lead as u32),
            Some(outside) => (1, outside, 0),
            None if answered[lead] > 1 => (0, "", lead as u32),
            None if !mails[*mail as usize].stem.is_empty() => (3, mails[*mail as usize].stem, 0),
            None => {
                round += u32::from(is_cover(lead));
                (2, "", round)
            }
        };
        parts.entry(name).or_default().push(*mail);
    }
    parts.into_values().collect()
}

/// Adds what is no series by itself to the one that it belongs to: the last sending of the same key that
/// is older, or else the next; a part marked as sent again belongs to what was sent first.
fn join_strays(sendings: Vec<Sending>, mails: &[Mail<'_>]) -> Vec<Sending> {
    let date = |sending: &Sending| sending.mails.first().map(|at| order(&mails[*at as usize]));
    let (mut whole, mut strays): (Vec<_>, Vec<_>) = sendings.into_iter().partition(Sending::stands_alone);
    whole.sort_by(|one, other| (&one.key, date(one)).cmp(&(&other.key, date(other))));
    strays.sort_by(|one, other| (&one.key, date(one)).cmp(&(&other.key, date(other))));

    let mut additions: Vec<Vec<u32>> = vec![Vec::new(); whole.len()];
    let mut apart: BTreeMap<Key, Vec<u32>> = BTreeMap::new();
    for stray in strays {
        let range = |key: &Key| {
            let start = whole.partition_point(|other| other.key < *key);
            start..start + whole[start..].partition_point(|other| other.key == *key)
        };
        let mut candidates = range(&stray.key);
        if candidates.is_empty() {
            candidates = range(&stray.key.first_sent());
        }
        if candidates.is_empty() {
            // Parts without their cover letter, sent in several goes: together they are one series.
            apart.entry(stray.key).or_default().extend(stray.mails);
            continue;
        }
        let older = whole[candidates.clone()].partition_point(|other| date(other) <= date(&stray));
        additions[candidates.start + older.saturating_sub(1)].extend(stray.mails);
    }
    // What was marked as sent again joins parts that were not, if those have no series of their own.
    let again: Vec<Key> =
        apart.keys().filter(|key| key.resend && apart.contains_key(&key.first_sent())).cloned().collect();
    for key in again {
        let moved = apart.remove(&key).unwrap_or_default();
        apart.entry(key.first_sent()).or_default().extend(moved);
    }
    let joined = whole.into_iter().zip(additions).map(|(sending, more)| (sending.key, [sending.mails, more].concat()));
    joined
        .chain(apart)
        .map(|(key, mut members)| {
            members.sort_by_key(|at| order(&mails[*at as usize]));
            Sending::new(key, members, mails)
        })
        .collect()
}

fn build(sending: &Sending, mails: &[Mail<'_>]) -> Series {
    let Key { version, rfc, resend, total, .. } = sending.key;
    let mut series = Series {
        version,
        rfc,
        resend,
        total,
        cover: None,
        more_covers: Vec::new(),
        parts: BTreeMap::new(),
        beyond: BTreeMap::new(),
        rerolls: None,
        date: sending.mails.iter().map(|at| mails[*at as usize].date).min().unwrap_or_default(),
    };
    for at in &sending.mails {
        match numbered(&mails[*at as usize]).map_or(1, |(number, _)| number) {
            0 if series.cover.is_none() => series.cover = Some(*at),
            0 => series.more_covers.push(*at),
            number if number > total => series.beyond.entry(number).or_default().push(*at),
            number => series.parts.entry(number).or_default().push(*at),
        }
    }
    series
}

/// Names for each incomplete series without a cover letter the one that has its other parts: the newest
/// before it of the same sender and length whose version `v5.1` continues, or one of whose parts it answers.
fn find_rerolled(found: &mut [Series], mails: &[Mail<'_>]) {
    let mut series_of: FxHashMap<&str, u32> = FxHashMap::default();
    for (at, series) in found.iter().enumerate() {
        series.mails().for_each(|mail| {
            series_of.insert(mails[mail as usize].message_id, at as u32);
        });
    }
    let author = |series: &Series| series.head().map(|at| mails[at as usize].author.to_lowercase());
    // The newest series of each sender and length, by major version, among those already passed.
    let mut newest: FxHashMap<(Option<String>, u32, u32), u32> = FxHashMap::default();
    for at in 0..found.len() {
        let series = &found[at];
        let key = (author(series), series.total, series.version.0);
        if series.cover.is_none() && !series.is_complete() {
            let continued = newest.get(&key).copied().filter(|_| series.version.1 > 0);
            let answered = || {
                let answers = series.mails().filter_map(|mail| mails[mail as usize].in_reply_to);
                let bases = answers.filter_map(|id| series_of.get(id).copied());
                bases
                    .filter(|base| {
                        let base = &found[*base as usize];
                        base.version < series.version && base.total == series.total && author(base) == key.0
                    })
                    .max()
            };
            let base = continued.or_else(answered);
            found[at].rerolls = base;
        }
        newest.insert(key, at as u32);
    }
}
