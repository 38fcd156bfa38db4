//! What the workers hand to the screens: plain data, owned, clean.

pub mod checked;
pub mod series;

use std::sync::Arc;

use provenance_index::document::Stored;
use provenance_index::search::Hit;
use provenance_review::dates;
use provenance_review::kind::kind;

use super::text::clean;

/// A hit as a line of Find.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HitRow {
    /// Message-ID of a mail; of an event that is no indexed mail, its evidence.
    pub id: String,
    /// Whether the mail is there to be opened.
    pub is_mail: bool,
    /// The event's id and the mechanism whose event it is.
    pub event: Option<(String, String)>,
    /// `2019-12-11`
    pub date: String,
    /// Name of the author, or the address where there is no name.
    pub author: String,
    /// The subject.
    pub subject: String,
    /// Short names of lists.
    pub lists: String,
    /// `patch v4 +338 −0`
    pub kind: String,
    /// The patch became a commit of an attached tree, as far as the links tell.
    pub landed: bool,
    /// Mails of the thread that were found; 0 where single mails are shown.
    pub count: u32,
}

impl HitRow {
    /// Makes a row of a hit. `event` names the event and its mechanism.
    pub fn of(hit: &Hit, event: Option<(String, String)>) -> HitRow {
        if let Some(mail) = &hit.mail {
            let stored = &mail.shown().stored;
            return HitRow {
                id: stored.message_id.clone(),
                is_mail: true,
                event,
                date: dates::day(stored.date),
                author: clean(&stored.author),
                subject: clean(&stored.subject),
                lists: clean(&mail.lists().join(" ")),
                kind: kind(stored),
                landed: false,
                count: 0,
            };
        }
        let Some(found) = &hit.event else { return HitRow::default() };
        HitRow {
            id: found.evidence.clone(),
            is_mail: false,
            event,
            date: found.happened.clone(),
            author: clean(&found.author),
            subject: clean(&found.subject),
            lists: clean(&found.lists.join(" ")),
            kind: "catalogue".to_owned(),
            landed: false,
            count: 0,
        }
    }
}

/// A mail of a thread.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Brief {
    /// `2019-12-11 12:30`
    pub date: String,
    /// Name of the author, or the address where there is no name.
    pub author: String,
    /// The subject without `Re:`.
    pub subject: String,
    /// Whether it is a reply.
    pub is_reply: bool,
    /// Whether a diff is in it.
    pub is_patch: bool,
    /// Whether it is a cover letter.
    pub is_cover: bool,
    /// Number in its series and their total.
    pub part: Option<(u32, u32)>,
    /// Version as the subject has it, with its second number where it has one: `v5.1` is (5, 1).
    pub version: Option<(u32, u32)>,
    /// `patch v4 +338 −0`
    pub kind: String,
}

impl Brief {
    /// What a tree needs of a mail.
    pub fn of(stored: &Stored, subject: &str) -> Brief {
        Brief {
            date: dates::minute(stored.date),
            author: clean(&stored.author),
            subject: clean(subject),
            is_reply: stored.kinds.reply,
            is_patch: stored.kinds.patch,
            is_cover: stored.kinds.cover,
            part: stored.part,
            version: stored.version,
            kind: kind(stored),
        }
    }
}

/// A line of a thread, from the root down.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TreeRow {
    /// The Message-ID, also of a mail that is missing.
    pub id: String,
    /// Steps from the root.
    pub depth: usize,
    /// Whether no sibling follows.
    pub last: bool,
    /// The mail, unless it is missing.
    pub mail: Option<Brief>,
}

/// A thread.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    /// What it is about.
    pub subject: String,
    /// Its mails, there or missing.
    pub rows: Vec<TreeRow>,
    /// How many are missing.
    pub missing: usize,
}

/// What the desk knows of itself once it has looked around.
#[derive(Clone, Debug, Default)]
pub struct Opened {
    /// Where was looked: `indexed: netdev, bpf; newest 2026-06-03`.
    pub horizon: String,
    /// Whether only the built-in archive is there.
    pub is_sample: bool,
    /// Slugs and names of the mechanisms.
    pub mechanisms: Vec<(String, String)>,
    /// The reader's verdicts, notes and remarks.
    pub review: super::state::Review,
    /// Drafts that wait.
    pub drafts: Vec<super::draft::Draft>,
    /// What went wrong on the way.
    pub trouble: Option<String>,
}

/// A line of the drawing of a lineage.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LineageRow {
    /// The day.
    pub day: String,
    /// The lanes: characters with the number of the lane that they belong to.
    pub gutter: Vec<(char, Option<u8>)>,
    /// As `gutter`, for the lines below the first.
    pub below: Vec<(char, Option<u8>)>,
    /// The mechanism, and its lane.
    pub slug: String,
    /// Its lane.
    pub lane: u8,
    /// What happened.
    pub words: String,
    /// What it does to others.
    pub relations: Vec<String>,
    /// Where that stands.
    pub evidence: String,
    /// The mail that is evidence, and whether it is indexed.
    pub mail: Option<(String, bool)>,
    /// The mechanisms that its edges name.
    pub others: Vec<String>,
    /// Whether it is a judgement or a report: to be seen.
    pub warns: bool,
    /// The event's id.
    pub event: String,
}

/// A lineage, drawn.
#[derive(Clone, Debug, Default)]
pub struct LineageFacts {
    /// The slug; empty for all mechanisms.
    pub slug: String,
    /// Name and summary.
    pub name: String,
    /// What it is.
    pub summary: String,
    /// In the order of time.
    pub rows: Vec<LineageRow>,
    /// How much there is.
    pub count: String,
}

/// An instruction of a function in an image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MapRow {
    /// Bytes from the function's start.
    pub offset: u64,
    /// Its bytes, each with the lane of its owner: `None` for what nobody owns, several where owners meet.
    pub bytes: Vec<(u8, Vec<u8>)>,
    /// In the assembler's words.
    pub text: String,
    /// Who owns bytes of it.
    pub owners: String,
    /// The mechanism of the first owner, where the catalogue has it.
    pub mechanism: Option<String>,
    /// Two live owners meet.
    pub conflict: bool,
    /// Only fills up.
    pub padding: bool,
}

/// A function that a patch changes, in an image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MapFunction {
    /// Its name in the patch or, where a macro makes it, in the image.
    pub name: String,
    /// The file, as the patch names it.
    pub path: String,
    /// `+12 −3`, lines of the patch.
    pub change: String,
    /// Size in bytes and section.
    pub place: String,
    /// Its instructions; empty where the image has no such function.
    pub rows: Vec<MapRow>,
    /// Why there are none.
    pub missing: String,
}

/// Who owns the bytes of the functions that a patch changes, in one kernel.
#[derive(Clone, Debug, Default)]
pub struct TextMap {
    /// Subject of the patch.
    pub subject: String,
    /// The kernel.
    pub kernel: String,
    /// How many images are attached.
    pub images: usize,
    /// In the order of the patch.
    pub functions: Vec<MapFunction>,
}

/// A page, shared between the cache and the screen.
pub type SharedPage = Arc<super::page::Page>;
