//! `dig --reason`: the report or answer that a commit came out of, where none of its lines names it. A guess, with its clues.

use provenance_index::history;
use provenance_index::links::told;
use provenance_index::reason::{self, Reason};
use provenance_review::failure::Failure;
use provenance_review::session::letters::{Letters, id_of, links_failure};

use super::line;
use super::parts::{Line, Source};
use crate::Context;

/// What was found out of the reason behind a commit.
pub(super) enum Found {
    /// The mail that it most likely came out of, with the clues.
    Thread(Line, Reason),
    /// No indexed thread is clearly it.
    Nothing,
    /// Nobody looked: why.
    NotLooked(String),
}

/// The mail that a commit most likely came out of. Its message is asked of its tree, else of the mail that tells of it.
///
/// # Errors
/// Damaged files; a mail that cannot be read.
pub(super) fn find(
    context: &Context,
    letters: &mut Letters<'_>,
    id: &[u8],
    sources: &[Source],
    told: &[Line],
) -> Result<Found, Failure> {
    let kept = history::find(context.place.data(), id).map_err(|e| links_failure(&e))?;
    let unread = kept.as_ref().map_or_else(
        || "its message is in no attached tree and no indexed mail".to_owned(),
        |(tree, _)| format!("its message cannot be read from {}", tree.path.display()),
    );
    let of_tree = kept.and_then(|(tree, entry)| Some((history::message(&tree, id)?, entry)));
    let (message, author, dates) = match of_tree {
        Some((message, entry)) => (message, entry.author, entry.dates),
        None => {
            let mail = told.iter().find_map(|mail| mail.message_id.as_deref()).map(|id| id_of(letters.reader, id));
            let copy = mail.map(|mail| letters.copy(mail)).transpose()?.flatten();
            let Some(copy) = copy else { return Ok(Found::NotLooked(unread)) };
            let commit = told::commit_of(&letters.text(&copy)?);
            let date = copy.stored.date;
            (commit.message, commit.author, (commit.authored.unwrap_or(date), date))
        }
    };
    let indexed = sources.iter().map(|source| &source.mail).chain(told);
    let own = indexed.filter_map(|mail| Some(id_of(letters.reader, mail.message_id.as_deref()?))).collect();
    let question = reason::Question { message: &message, author: (&author.0, &author.1), dates, own };
    Ok(match letters.reason(&question)? {
        Some(reason) => Found::Thread(line(letters, reason.id)?, reason),
        None => Found::Nothing,
    })
}
