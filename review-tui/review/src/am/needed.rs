//! What a series says that it rests on: its base, and what has to be applied before it (git-format-patch(1), `--base`; b4).

use provenance_corpus::catalogue::Catalogue;
use provenance_corpus::message::Message;
use provenance_corpus::patch::{Base, Prerequisite};
use provenance_index::collapse::{Dedup, Sort};
use provenance_index::hash;
use provenance_index::search::{self, Question};

use super::compose;
use crate::failure::{Exit, Failure};
use crate::series::{self, Part, Version};
use crate::session::letters::Letters;
use crate::session::place::reader_failure;
use crate::text;

/// Prerequisites that are looked for.
const MOST: usize = 200;

/// Something to apply first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needed {
    /// Its subject, or as the series names it where it is not indexed.
    pub name: String,
    /// Its stable patch-id, where it is known.
    pub patch_id: String,
    /// Paths that it changes.
    pub paths: Vec<String>,
    /// The patch; `None` where it is not indexed.
    pub patch: Option<Vec<u8>>,
}

/// Base and prerequisites.
#[derive(Clone, Debug, Default)]
pub struct Rests {
    /// `base-commit:`
    pub base: Option<String>,
    /// In the order in which they apply.
    pub needed: Vec<Needed>,
}

/// What a version says of its base, in its cover letter or the first of its patches that says it.
///
/// # Errors
/// Mails that cannot be read.
pub fn find(letters: &mut Letters<'_>, version: &Version) -> Result<Rests, Failure> {
    let mut mails: Vec<u64> = Vec::new();
    if version.covered {
        mails.push(version.head);
    }
    mails.extend(version.parts.iter().map(|part| part.mail));
    for mail in mails {
        let Some(copy) = letters.copy(mail)? else { continue };
        let text = letters.text(&copy)?;
        let base = Base::find(&text);
        if base.commit.is_none() && base.prerequisites.is_empty() {
            continue;
        }
        let commit = base.commit.filter(|id| (7..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_hexdigit()));
        return Ok(Rests { base: commit.map(str::to_owned), needed: needed(letters, &base.prerequisites)? });
    }
    Ok(Rests::default())
}

/// b4 names a series and the ids of its patches: the ids say it all where there are any.
fn needed(letters: &mut Letters<'_>, prerequisites: &[Prerequisite<'_>]) -> Result<Vec<Needed>, Failure> {
    let by_id = prerequisites.iter().any(|one| matches!(one, Prerequisite::PatchId(_)));
    let mut found = Vec::new();
    for one in prerequisites.iter().filter(|one| !by_id || matches!(one, Prerequisite::PatchId(_))).take(MOST) {
        let unknown = |name: String, patch_id: &str| Needed {
            name,
            patch_id: patch_id.to_owned(),
            paths: Vec::new(),
            patch: None,
        };
        match one {
            Prerequisite::PatchId(id) => match mail(letters, &format!("patchid:{id}"))? {
                Some(mail) => found.push(read(letters, mail, id)?),
                None => found.push(unknown(format!("patch-id {id}"), id)),
            },
            Prerequisite::MessageId(id) => {
                let parts = parts(letters, crate::session::letters::id_of(letters.reader, id), None)?;
                for part in &parts {
                    found.push(read(letters, part.mail, "")?);
                }
                if parts.is_empty() {
                    found.push(unknown(format!("message-id {id}"), ""));
                }
            }
            Prerequisite::ChangeId(id) => {
                let (change, wanted) = id.rsplit_once(":v").unwrap_or((id, ""));
                let parts = match mail(letters, &format!("changeid:\"{change}\""))? {
                    Some(mail) => parts(letters, mail, Some(wanted).filter(|wanted| !wanted.is_empty()))?,
                    None => Vec::new(),
                };
                for part in &parts {
                    found.push(read(letters, part.mail, "")?);
                }
                if parts.is_empty() {
                    found.push(unknown(format!("change-id {id}"), ""));
                }
            }
        }
    }
    Ok(found)
}

/// The newest mail that a query finds.
fn mail(letters: &Letters<'_>, query: &str) -> Result<Option<u64>, Failure> {
    if query.contains(['\n', '(', ')']) || query.split_whitespace().count() > 1 {
        return Ok(None);
    }
    let question = Question {
        query: query.to_owned(),
        as_of: None,
        dedup: Dedup::MessageId,
        sort: Sort::Date,
        reverse: false,
        threads: false,
        limit: Some(1),
        offset: 0,
        now: 0,
        mail_only: true,
    };
    match search::search(&question, Some(letters.reader), &Catalogue::default()) {
        Ok(answer) => Ok(answer
            .hits
            .first()
            .and_then(|hit| hit.mail.as_ref())
            .map(|mail| hash::message_id(&mail.shown().stored.message_id))),
        Err(search::SearchError::Reader(error)) => Err(reader_failure(&error)),
        // What a mail calls an id makes no query.
        Err(_) => Ok(None),
    }
}

/// The patches of the version that a mail is part of, or of another one of its series.
fn parts(letters: &Letters<'_>, mail: u64, wanted: Option<&str>) -> Result<Vec<Part>, Failure> {
    let versions = series::versions(letters, mail)?;
    let at = match wanted {
        Some(name) => series::named(&versions, name, mail).ok(),
        None => versions.iter().position(|v| v.holds(mail)),
    };
    Ok(at.map(|at| versions[at].parts.clone()).unwrap_or_default())
}

fn read(letters: &mut Letters<'_>, mail: u64, patch_id: &str) -> Result<Needed, Failure> {
    let copy =
        letters.copy(mail)?.ok_or_else(|| Failure::new(Exit::Unreadable, "a mail of the links is no longer there"))?;
    let bytes = letters.bytes(&copy)?;
    let message = Message::parse(&bytes);
    let composed = compose::mail(&message, &[])?;
    let text = String::from_utf8_lossy(&composed.patch);
    let paths = provenance_corpus::patch::Patch::parse(&text)
        .map(|patch| patch.files.iter().map(|file| file.path().to_owned()).collect())
        .unwrap_or_default();
    let patch_id = match patch_id {
        "" => provenance_corpus::patch_id::patch_id(&composed.patch).map_or_else(String::new, |id| id.to_string()),
        id => id.to_owned(),
    };
    Ok(Needed { name: text::line(&copy.stored.subject).into_owned(), patch_id, paths, patch: Some(composed.patch) })
}
