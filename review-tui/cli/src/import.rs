//! What is no public-inbox repository is imported into the program's own: read once, stored byte for byte.

use std::path::PathBuf;

use provenance_corpus::archive::{RawMail, Source};
use provenance_corpus::message::Message;
use provenance_corpus::store::{Store, StoreError};
use provenance_review::failure::{Exit, Failure};
use provenance_review::text::{count, line, plural};

use super::Context;

/// Imports all mails of some sources; tells whether part of them could not be read.
pub fn run(context: &Context, name: &str, sources: &[Source]) -> Result<bool, Failure> {
    let mut import = store(context)?.begin().map_err(|e| failure(&e))?;
    let (mut new, mut known, mut partly) = (0u64, 0u64, false);
    for source in sources {
        let mails = match source.mails() {
            Ok(mails) => mails,
            Err(error) => {
                context.say(&error.to_string());
                partly = true;
                continue;
            }
        };
        for mail in mails {
            match mail {
                // What broke off is no mail; the error that follows says where.
                Ok(mail) if mail.truncated => partly = true,
                Ok(mail) => {
                    let added = import.add(&mail.bytes, arrival(&mail)).map_err(|e| failure(&e))?;
                    *(if added.new { &mut new } else { &mut known }) += 1;
                }
                Err(error) => {
                    context.say(&error.to_string());
                    partly = true;
                }
            }
        }
    }
    import.finish().map_err(|e| failure(&e))?;
    let already = if known > 0 { format!(", {} known already", count(known)) } else { String::new() };
    context.say(&format!("{}: {} imported{already}", line(name), plural(new, "mail", "mails")));
    Ok(partly)
}

/// The git repository that imported mail lies in.
pub fn epoch(context: &Context) -> Result<PathBuf, Failure> {
    Ok(store(context)?.epoch())
}

fn store(context: &Context) -> Result<Store, Failure> {
    Store::open(&context.place.own_store()).map_err(|e| failure(&e))
}

fn failure(error: &StoreError) -> Failure {
    let exit = if matches!(error, StoreError::Locked { .. }) { Exit::Locked } else { Exit::Unreadable };
    Failure::from_error(exit, error).hint("nothing that was imported before is lost; run the same command again")
}

/// When a mail arrived, as far as it says itself: its topmost Received header, else its Date; then what its source says. A
/// file's own time comes last: copied yesterday does not mean unknown before.
fn arrival(mail: &RawMail) -> i64 {
    let message = Message::parse(&mail.bytes);
    message.received.or(message.date.map(|d| d.seconds)).or(mail.arrival).unwrap_or_default()
}
