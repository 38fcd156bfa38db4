//! What is no public-inbox repository is imported into the program's own: read once, stored byte for byte.

use std::path::Path;

use provenance_corpus::archive::Mails;
use provenance_corpus::message::Message;
use provenance_corpus::store::Store;

use super::Context;
use super::failure::{Exit, Failure};
use super::text::{count, plural};

/// Imports all mails of a source; tells whether part of it could not be read.
pub fn run(context: &Context, path: &Path, mails: Mails) -> Result<bool, Failure> {
    let store = Store::open(&context.place.own_store()).map_err(|e| Failure::from_error(Exit::Unreadable, &e))?;
    let mut import = store.begin().map_err(|e| Failure::from_error(Exit::Locked, &e))?;
    let (mut new, mut known, mut partly) = (0u64, 0u64, false);
    for mail in mails {
        match mail {
            Ok(mail) => {
                let arrival = arrival(&mail.bytes);
                let added =
                    import.add(&mail.bytes, arrival).map_err(|e| Failure::from_error(Exit::Unreadable, &e))?;
                *(if added.new { &mut new } else { &mut known }) += 1;
            }
            Err(error) => {
                partly = true;
                let failure = Failure::from_error(Exit::Unreadable, &error);
                context.say(failure.text().trim_end());
            }
        }
    }
    import.finish().map_err(|e| Failure::from_error(Exit::Unreadable, &e))?;
    let already = if known > 0 { format!(", {} known already", count(known)) } else { String::new() };
    context.say(&format!("{}: {} imported{already}", path.display(), plural(new, "mail", "mails")));
    Ok(partly)
}

/// When a mail arrived, as far as it says itself: its topmost Received header, else its Date.
fn arrival(bytes: &[u8]) -> i64 {
    let message = Message::parse(bytes);
    message.received.or(message.date.as_ref().map(|d| d.utc)).unwrap_or_default()
}
