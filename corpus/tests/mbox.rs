//! Real mail written as mboxcl2, with nothing quoted, and read back mail for mail.

#[path = "archives/each_mail.rs"]
mod archives;

use archives::{each_mail, has_git, shared};
use provenance_corpus::archive::mbox::{Mbox, Quoting};
use provenance_corpus::message::Message;

#[test]
fn what_is_written_with_its_length_is_read_back_byte_for_byte() {
    let Some(shared) = shared() else { return };
    if !has_git() {
        return;
    }
    let (mut text, mut mails, mut pasted) = (Vec::new(), Vec::new(), 0);
    each_mail(&shared, |origin, raw| {
        if !origin.starts_with("live-patching") {
            return;
        }
        let body = Message::parse(raw).body;
        let mut mail = format!("Content-Length: {}\n", raw.len() - body).into_bytes();
        // An old length of another form of the mail stays: the one that is right counts.
        mail.extend_from_slice(raw);
        if !mail.ends_with(b"\n") {
            return;
        }
        pasted += usize::from(raw[body..].windows(6).any(|it| it == b"\nFrom "));
        text.extend_from_slice(b"From a@example.org Wed Jan  1 00:00:10 2020\n");
        text.extend_from_slice(&mail);
        text.push(b'\n');
        mails.push(mail);
    });
    let mut read = 0;
    for (found, mail) in Mbox::with_quoting(&text[..], Quoting::Nothing).zip(&mails) {
        assert!(found.unwrap().bytes == *mail, "mail {read}");
        read += 1;
    }
    assert!(read == mails.len() && read > 7_000 && pasted > 50, "{read} of {}, {pasted} with a From line", mails.len());
}
