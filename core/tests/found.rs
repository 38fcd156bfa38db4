//! What the fuzzer once broke the image reader with, and its seeds: each is read to the end or refused, and its
//! parts agree.

use std::path::Path;

use provenance_engine::image::{Image, Limits, diff};

fn read(path: &Path) {
    let bytes = std::fs::read(path).expect("a file of the repository");
    let Ok(image) = Image::from_bytes(bytes, Limits { inflated: 1 << 20 }) else { return };
    let census = image.census();
    assert!(census.owners.iter().all(|(_, share)| share.sites <= share.records), "{}", path.display());
    assert_eq!(image.ledger().len(), image.spans().len(), "{}", path.display());
    let _ = image.findings();
    for span in image.spans().iter().take(8) {
        if let Ok(listing) = image.function(&format!("{:#x}", span.addr)) {
            assert!(!listing.lines.is_empty(), "{}", path.display());
        }
    }
    assert!(diff(&image, &image).changes.is_empty(), "{}", path.display());
}

#[test]
fn nothing_that_the_fuzzer_found_breaks_the_reader() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let mut files = 0;
    for dir in ["found", "seeds/image"] {
        for file in std::fs::read_dir(fuzz.join(dir)).expect("a directory of the repository") {
            read(&file.expect("an entry").path());
            files += 1;
        }
    }
    assert!(files > 8, "{files}");
}
