//! A thread: one compressed mbox, kept only if it is whole and holds the mail that was asked for.

use std::io::Read;

use flate2::read::MultiGzDecoder;
use provenance_corpus::archive::mbox::Mbox;
use provenance_corpus::message::Message;

use super::FetchError;
use super::address::{Base, escaped};
use super::http::Client;

/// Bytes of a thread, inflated: the largest on lore have a few thousand mails.
const LARGEST: u64 = 256 << 20;

/// A thread, whole.
pub struct Thread {
    /// Where it came from.
    pub url: String,
    /// mboxrd.
    pub mbox: Vec<u8>,
    /// Message-IDs of its mails.
    pub ids: Vec<String>,
}

/// Fetches the thread of a mail.
///
/// # Errors
/// As [`Client::get`]; what came is no mbox, is damaged, or is another thread.
pub fn fetch(client: &Client<'_>, list: &Base, id: &str) -> Result<Thread, FetchError> {
    let answer = client.get(list.join(&escaped(id)).join("t.mbox.gz").as_str())?;
    let url = answer.url;
    // A page of search results or an error page comes with status 200 as well.
    if !answer.body.starts_with(&[0x1f, 0x8b]) {
        let media = if answer.media.is_empty() { "something of no declared type" } else { answer.media.as_str() };
        let what = format!("{media}, not with a compressed mbox");
        return Err(FetchError::OtherThing { url, what });
    }
    let mut mbox = Vec::new();
    let inflated = MultiGzDecoder::new(answer.body.as_slice()).take(LARGEST + 1).read_to_end(&mut mbox);
    if let Err(source) = inflated {
        return Err(FetchError::Damaged { url, source });
    }
    if mbox.len() as u64 > LARGEST {
        return Err(FetchError::TooLarge { url, megabytes: LARGEST >> 20 });
    }
    let mut ids = Vec::new();
    for mail in Mbox::new(mbox.as_slice()) {
        let mail =
            mail.map_err(|error| FetchError::OtherThing { url: url.clone(), what: format!("no mbox: {error}") })?;
        if mail.truncated {
            let source = std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
            return Err(FetchError::Damaged { url, source });
        }
        ids.extend(Message::parse(&mail.bytes).message_ids.iter().map(|id| id.clone().into_owned()));
    }
    if !ids.iter().any(|known| known == id) {
        return Err(FetchError::OtherThread { url, mails: ids.len(), id: id.to_owned() });
    }
    Ok(Thread { url, mbox, ids })
}
