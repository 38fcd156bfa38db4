//! A query of any text: it is understood, or refused with a place in it. `cargo +nightly fuzz run query`
#![no_main]

use libfuzzer_sys::fuzz_target;
use provenance_index::query::parse;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    match parse(&text) {
        Ok(query) => {
            let shown = query.to_string();
            assert!(shown.len() <= 64 * text.len() + 64, "a query that grows");
        }
        Err(error) => {
            let rendered = error.render(&text);
            assert!(rendered.lines().count() <= text.lines().count() + 8, "{rendered}");
        }
    }
});
