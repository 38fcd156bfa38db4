//! Series of patches in a thread: which versions there are, and which parts of each.
//!
//! Belonging is evidence: a part answers its cover letter, has its sender, its minute, its total and the stem of its
//! Message-ID; what its subject says of version and tags is one clue among these, and people forget it. The usual ways to send one are known: all parts answer the cover letter, each answers
//! the one before, or none answers any; a new version starts a thread of its own or answers the old one. So
//! are the unusual ones: one part sent again, a reroll of a few parts, two series in one thread. What
//! another thread holds is not looked at.

mod assemble;

use std::collections::BTreeMap;

#[cfg(test)]
mod tests;

/// A series that claims more parts than this is taken for a mail that stands alone.
pub const MAX_PARTS: u32 = 10_000;

/// A part is looked for in so many series, each rerolled by the next, and not further back.
const MAX_REROLLS: usize = 50;

/// A mail that may be part of a series: what its subject says, and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mail<'a> {
    /// Its Message-ID.
    pub message_id: &'a str,
    /// What its Message-ID shares with those sent by the same run of a tool, see [`crate::message::id::stem`]; empty where
    /// nothing does.
    pub stem: &'a str,
    /// The mail that it answers.
    pub in_reply_to: Option<&'a str>,
    /// Address of the sender (From, not the author named in the text). Upper and lower case are the same.
    pub author: &'a str,
    /// Seconds since 1970.
    pub date: i64,
    /// Whether the subject begins with `Re:` or the like. Replies are part of no series.
    pub reply: bool,
    /// `v5.1` is `(5, 1)`; `(1, 0)` where the subject names none.
    pub version: (u32, u32),
    /// `3` of `3/6`; 0 is the cover letter.
    pub number: Option<u32>,
    /// `6` of `3/6`.
    pub total: Option<u32>,
    /// The subject without its brackets.
    pub title: &'a str,
    /// `RFC` in the brackets.
    pub rfc: bool,
    /// `RESEND` or `REPOST` in the brackets.
    pub resend: bool,
    /// Whether a diff is in it.
    pub diff: bool,
}

/// One version of a series, as far as the mails given hold it. All mails are named by their index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series {
    /// `v5.1` is `(5, 1)`.
    pub version: (u32, u32),
    /// Whether it is marked `RFC`.
    pub rfc: bool,
    /// Whether all of it is marked `RESEND`.
    pub resend: bool,
    /// How many parts it has, as its subjects say; 1 for a patch that stands alone.
    pub total: u32,
    /// The cover letter; the first of them if it was sent more than once.
    pub cover: Option<u32>,
    /// Further copies of the cover letter.
    pub more_covers: Vec<u32>,
    /// The parts that are here, by number, in order of date; more than one if a part was sent again.
    pub parts: BTreeMap<u32, Vec<u32>>,
    /// Numbers beyond the total (`[7/6]`), as far as any mail has one.
    pub beyond: BTreeMap<u32, Vec<u32>>,
    /// A reroll of a few parts: the series, as an index of the series found, that has the others.
    pub rerolls: Option<u32>,
    /// Date of its oldest mail, in seconds since 1970.
    pub date: i64,
}

/// Where a part of a series is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot<'s> {
    /// In these mails, in order of date: the last is the one to take.
    Present(&'s [u32]),
    /// Not rerolled: in this series, in these mails.
    Kept(u32, &'s [u32]),
    /// Not in the mails given.
    Missing,
}

impl Series {
    /// Part `number`, counted from 1. `all` is what [`find`] returned.
    pub fn slot<'s>(&'s self, number: u32, all: &'s [Series]) -> Slot<'s> {
        let mut series = self;
        let mut kept_in = None;
        for _ in 0..=MAX_REROLLS {
            if let Some(mails) = series.parts.get(&number) {
                return kept_in.map_or(Slot::Present(mails), |at| Slot::Kept(at, mails));
            }
            let Some((at, base)) = series.rerolls.and_then(|at| Some((at, all.get(at as usize)?))) else { break };
            (series, kept_in) = (base, Some(at));
        }
        Slot::Missing
    }

    /// All parts in order, from 1 to the total. `all` is what [`find`] returned.
    pub fn slots<'s>(&'s self, all: &'s [Series]) -> impl Iterator<Item = (u32, Slot<'s>)> {
        (1..=self.total).map(|number| (number, self.slot(number, all)))
    }

    /// Numbers of the parts that are neither here nor in the series that this one rerolls.
    pub fn missing(&self, all: &[Series]) -> Vec<u32> {
        self.slots(all).filter(|(_, slot)| *slot == Slot::Missing).map(|(number, _)| number).collect()
    }

    /// Numbers of the parts that were sent more than once.
    pub fn doubled(&self) -> Vec<u32> {
        self.parts.iter().filter(|(_, mails)| mails.len() > 1).map(|(number, _)| *number).collect()
    }

    /// Whether every part is in a mail of its own version.
    pub fn is_complete(&self) -> bool {
        self.parts.len() == self.total as usize
    }

    /// All mails of this version, by number, the cover letter first.
    pub fn mails(&self) -> impl Iterator<Item = u32> {
        let covers = self.cover.iter().chain(&self.more_covers);
        covers.chain(self.parts.values().flatten()).chain(self.beyond.values().flatten()).copied()
    }

    /// Its first mail, which names it: the cover letter, else the first part that is here.
    pub fn head(&self) -> Option<u32> {
        self.mails().next()
    }
}

/// The series in a thread, in order of version, then date. The order of `mails` does not matter, except that
/// it gives the indices.
///
/// Replies are passed over, and mails without a number if they carry no diff. Takes n log n time.
pub fn find(mails: &[Mail<'_>]) -> Vec<Series> {
    assemble::series(mails)
}
