//! A diff of any text: its counts, hunks and patch-id agree with one another. `cargo +nightly fuzz run diff`
#![no_main]

use libfuzzer_sys::fuzz_target;
use provenance_corpus::patch::{LineKind, Patch};
use provenance_corpus::patch_id::patch_id;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let _ = patch_id(text.as_bytes());
    assert!(Patch::parse(&text).is_none() || Patch::suspect(&text), "a patch that was not suspected");
    let Some(patch) = Patch::parse(&text) else { return };
    let count = |kind| patch.all_lines().iter().filter(|line| line.kind == kind).count() as u64;
    assert_eq!((patch.added(), patch.removed()), (count(LineKind::Added), count(LineKind::Removed)));
    for file in &patch.files {
        for hunk in patch.hunks(file) {
            for line in patch.lines(hunk) {
                assert!(!patch.slice(line.span).contains('\n'), "a line of two lines");
            }
        }
    }
});
