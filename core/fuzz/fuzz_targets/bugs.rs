//! Tables of traps: 8, 12 or 16 bytes a record, traps or calls or what stands in front of them.
//! `cargo +nightly fuzz run bugs`
#![no_main]

mod elf;

use libfuzzer_sys::fuzz_target;
use provenance_engine::image::{Image, Limits};

fuzz_target!(|data: &[u8]| {
    let (text, table) = data.split_at(data.len() / 2);
    if text.is_empty() {
        return;
    }
    let Ok(image) = Image::from_bytes(elf::kernel(text, "__bug_table", table), Limits::default()) else { return };
    let bugs = image.tables.iter().filter(|t| t.name == "__bug_table").map(|t| t.records + t.zero).sum::<usize>();
    assert!(bugs * 8 <= table.len());
    let _ = image.findings();
});
