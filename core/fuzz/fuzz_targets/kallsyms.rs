//! The names that a stripped kernel carries, in the form of either era. `cargo +nightly fuzz run kallsyms`
#![no_main]

mod elf;

use libfuzzer_sys::fuzz_target;
use provenance_engine::image::{Image, Limits};

fuzz_target!(|data: &[u8]| {
    // Its digits stand for themselves in every table of tokens; the fuzzer would not find them.
    let digits: Vec<u8> = (b'0'..=b'9').flat_map(|d| [d, 0]).collect();
    let (front, back) = data.split_at(data.len() / 2);
    let rodata = [b"Linux version 7.3.4\n\0\0".as_slice(), front, &[0], &digits, back].concat();
    for bytes in [&rodata[..], &rodata[22..]] {
        let Ok(image) = Image::from_bytes(elf::kernel(&[0xcc; 64], ".rodata", bytes), Limits::default()) else {
            continue;
        };
        let _ = (image.names(), image.place(0xffff_ffff_8100_0010), image.findings());
    }
});
