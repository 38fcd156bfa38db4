//! Everything that reads an image, on any bytes. `cargo +nightly fuzz run image corpus/image seeds/image`
#![no_main]

use libfuzzer_sys::fuzz_target;
use provenance_engine::image::{Image, Limits, diff};

fuzz_target!(|data: &[u8]| {
    // An inflated file is at most 16 times larger than what the fuzzer makes.
    let limits = Limits { inflated: 1 << 20 };
    let Ok(image) = Image::from_bytes(data.to_vec(), limits) else { return };
    let census = image.census();
    for (_, share) in &census.owners {
        assert!(share.sites <= share.records, "more sites than records");
    }
    let ledger = image.ledger();
    assert_eq!(ledger.len(), image.spans().len());
    let _ = image.findings();
    for span in image.spans().iter().take(8) {
        if let Ok(listing) = image.function(&format!("{:#x}", span.addr)) {
            assert!(listing.lines.iter().map(|l| l.bytes.len()).sum::<usize>() > 0);
        }
    }
    assert!(diff(&image, &image).changes.is_empty());
});
