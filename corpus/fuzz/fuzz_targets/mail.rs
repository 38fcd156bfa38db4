//! A mail of any bytes, and all that is read out of it. `cargo +nightly fuzz run mail`
#![no_main]

use libfuzzer_sys::fuzz_target;
use provenance_corpus::message::Message;
use provenance_corpus::patch::Patch;
use provenance_corpus::subject::Subject;
use provenance_corpus::{citation, trailer};

fuzz_target!(|data: &[u8]| {
    let message = Message::parse(data);
    let subject = Subject::parse(&message.subject);
    assert!(subject.title.len() <= message.subject.len(), "a title longer than its subject");
    let text = message.text();
    for trailer in trailer::parse(&text) {
        let _ = (trailer.address(), trailer.commit().map(str::len), trailer.message_id());
    }
    let _ = citation::message_name(&text);
    if let Some(patch) = Patch::parse(&text) {
        assert!(patch.files.len() <= text.len(), "more files than bytes");
    }
});
