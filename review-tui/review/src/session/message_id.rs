//! A mail that a user names, and the answer where it is not there.

use provenance_corpus::citation;
use provenance_index::reader::Reader;

use crate::failure::{Exit, Failure};
use crate::horizon;

/// What the user typed, as a message-id.
pub fn typed(typed: &str) -> Result<String, Failure> {
    citation::message_name(typed).ok_or_else(|| {
        Failure::new(Exit::Usage, format!("`{typed}` names no mail"))
            .hint("give a message-id, <message-id>, id:message-id, or a lore.kernel.org link")
    })
}

/// The answer for a mail that is not there: where was looked.
pub fn not_indexed(id: &str, reader: &Reader) -> Failure {
    Failure::new(Exit::Unreadable, format!("{id} is not in the indexed lists")).hint(format!(
        "{}; attach the list's archive, or import an mbox of the thread, with `provenance index PATH`",
        horizon::indexed(Some(reader))
    ))
}
