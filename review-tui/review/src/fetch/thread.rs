//! A thread: one compressed mbox, kept only if it is whole and holds the mail that was asked for.

use std::io::Read;

use flate2::bufread::GzDecoder;
use provenance_corpus::archive::mbox::Mbox;
use provenance_corpus::message::Message;
use rustc_hash::{FxHashMap, FxHashSet};

use super::FetchError;
use super::address::{Base, escaped};
use super::http::Client;
use crate::thread::plain_subject;

/// Bytes of a thread, inflated: the largest on lore have a few thousand mails.
const LARGEST: u64 = 256 << 20;

/// Members of the compressed file (RFC 1952 §2.2): servers send one, or a few where they join what they have.
const PIECES: u32 = 10_000;

/// A thread, whole.
pub struct Thread {
    /// Where it came from.
    pub url: String,
    /// Its mails, byte for byte.
    pub mails: Vec<Vec<u8>>,
    /// Mails that came along and belong to another thread.
    pub unrelated: usize,
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
    let mbox = inflated(&answer.body, &url)?;
    let mut mails = Vec::new();
    for mail in Mbox::new(mbox.as_slice()) {
        let mail =
            mail.map_err(|error| FetchError::OtherThing { url: url.clone(), what: format!("no mbox: {error}") })?;
        if mail.truncated {
            let source = std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
            return Err(FetchError::Damaged { url, source });
        }
        mails.push(mail.bytes.to_vec());
    }
    let came = mails.len();
    let named: Vec<Named> = mails.iter().map(|mail| Named::of(&Message::parse(mail))).collect();
    let related = related(&named, id);
    if related.is_empty() {
        return Err(FetchError::OtherThread { url, mails: came, id: id.to_owned() });
    }
    let ids = related.iter().flat_map(|at| named[*at].own.iter().cloned()).collect();
    let mut at = 0;
    mails.retain(|_| {
        at += 1;
        related.contains(&(at - 1))
    });
    Ok(Thread { url, unrelated: came - mails.len(), mails, ids })
}

/// The whole of a compressed answer, member by member.
fn inflated(body: &[u8], url: &str) -> Result<Vec<u8>, FetchError> {
    let mut mbox = Vec::new();
    let mut rest = body;
    let mut pieces = 0;
    while !rest.is_empty() {
        pieces += 1;
        if pieces > PIECES {
            return Err(FetchError::Pieces { url: url.to_owned(), pieces: PIECES });
        }
        let left = LARGEST + 1 - mbox.len() as u64;
        let mut member = GzDecoder::new(rest);
        let read = member.by_ref().take(left).read_to_end(&mut mbox);
        read.map_err(|source| FetchError::Damaged { url: url.to_owned(), source })?;
        if mbox.len() as u64 > LARGEST {
            return Err(FetchError::TooLarge { url: url.to_owned(), megabytes: LARGEST >> 20 });
        }
        rest = member.into_inner();
    }
    Ok(mbox)
}

/// What ties a mail to others.
struct Named {
    /// Its Message-IDs.
    own: Vec<String>,
    /// Those that it answers or refers to.
    others: Vec<String>,
    /// Its subject without `Re:`.
    subject: String,
}

impl Named {
    fn of(message: &Message<'_>) -> Named {
        let text = |ids: &[std::borrow::Cow<'_, str>]| ids.iter().map(|id| id.clone().into_owned()).collect::<Vec<_>>();
        let mut others = text(&message.in_reply_to);
        others.extend(text(&message.references));
        Named { own: text(&message.message_ids), others, subject: plain_subject(&message.subject).to_lowercase() }
    }
}

/// The mails that belong to the thread of an id, as places: what is tied to it by Message-IDs, however far; and what bears one
/// of their subjects, since that is how public-inbox joins a thread whose references were lost (lib/PublicInbox/Over.pm,
/// 1.9), with what is tied to that.
fn related(mails: &[Named], id: &str) -> FxHashSet<usize> {
    let mut by_id: FxHashMap<&str, Vec<usize>> = FxHashMap::default();
    for (at, mail) in mails.iter().enumerate() {
        for id in mail.own.iter().chain(&mail.others) {
            by_id.entry(id).or_default().push(at);
        }
    }
    let mut found: FxHashSet<usize> = FxHashSet::default();
    let follow = |found: &mut FxHashSet<usize>, mut open: Vec<usize>| {
        let mut seen: FxHashSet<&str> = FxHashSet::default();
        while let Some(at) = open.pop() {
            if found.insert(at) {
                let ids = mails[at].own.iter().chain(&mails[at].others).map(String::as_str);
                open.extend(ids.filter(|id| seen.insert(id)).flat_map(|id| &by_id[id]));
            }
        }
    };
    follow(&mut found, by_id.get(id).cloned().unwrap_or_default());
    let subjects: FxHashSet<&str> =
        found.iter().map(|at| mails[*at].subject.as_str()).filter(|s| !s.is_empty()).collect();
    let same = (0..mails.len()).filter(|at| subjects.contains(mails[*at].subject.as_str())).collect();
    follow(&mut found, same);
    found
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn mail(own: &str, others: &[&str], subject: &str) -> Named {
        let others = others.iter().map(|id| (*id).to_owned()).collect();
        Named { own: vec![own.to_owned()], others, subject: subject.to_owned() }
    }

    #[test]
    fn what_no_id_and_no_subject_ties_is_another_thread() {
        let mails = [
            mail("root", &[], "a patch"),
            mail("one", &["root"], "a patch"),
            mail("beside", &["gone"], "a patch"),
            mail("below", &["beside"], "something else"),
            mail("foreign", &["elsewhere"], "spam"),
        ];
        let mut found: Vec<usize> = related(&mails, "root").into_iter().collect();
        found.sort_unstable();
        assert_eq!(found, [0, 1, 2, 3]);
        // A mail that is gone is named by those that answered it.
        assert!(related(&mails, "gone").contains(&2));
        assert!(related(&mails, "nobody").is_empty());
    }

    #[test]
    fn members_are_read_to_the_last_and_not_without_end() {
        let member = |text: &[u8]| {
            let mut out = GzEncoder::new(Vec::new(), Compression::fast());
            out.write_all(text).unwrap();
            out.finish().unwrap()
        };
        let three = [member(b"one "), member(b""), member(b"two")].concat();
        assert_eq!(inflated(&three, "u").unwrap(), b"one two");
        assert!(matches!(inflated(&three[..three.len() - 4], "u"), Err(FetchError::Damaged { .. })));
        let many = member(b"").repeat(PIECES as usize + 1);
        assert!(matches!(inflated(&many, "u"), Err(FetchError::Pieces { .. })));
    }
}
