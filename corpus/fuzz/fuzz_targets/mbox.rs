//! A mbox of any bytes: no mail is lost or doubled, and what is written is read back. `cargo +nightly fuzz run mbox`
#![no_main]

use libfuzzer_sys::fuzz_target;
use provenance_corpus::archive::mbox::{self, Mbox};

fuzz_target!(|data: &[u8]| {
    let mut held = 0;
    for mail in Mbox::new(data) {
        let Ok(mail) = mail else { break };
        held += mail.bytes.len();
    }
    // Quoting is undone and line ends are made, so it is less but for a line end a mail.
    assert!(held <= 2 * data.len() + 64, "more mail than there was");
    // One mail of these bytes, written and read.
    let mut written = Vec::new();
    if mbox::write(&mut written, data).is_ok() {
        let read: Vec<_> = Mbox::new(written.as_slice()).collect();
        assert!(read.len() <= 1, "{} mails of one", read.len());
    }
});
