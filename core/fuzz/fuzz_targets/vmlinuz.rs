//! Boot images: any bytes behind a header that is one, and any payload where the header says.
//! `cargo +nightly fuzz run vmlinuz`
#![no_main]

use libfuzzer_sys::fuzz_target;
use provenance_engine::image::{Image, Limits};

fuzz_target!(|data: &[u8]| {
    let limits = Limits { inflated: 1 << 20 };
    let mut image = vec![0; 1024];
    image[0x1f1] = 1;
    image[0x202..0x206].copy_from_slice(b"HdrS");
    image[0x206..0x208].copy_from_slice(&0x020f_u16.to_le_bytes());
    image[0x24c..0x250].copy_from_slice(&(data.len() as u32).to_le_bytes());
    image.extend_from_slice(data);
    if let Ok(read) = Image::from_bytes(image.clone(), limits) {
        assert!(read.boot && read.size <= 1 << 20);
        let _ = read.findings();
    }
    // The header itself, out of the fuzzer's bytes.
    for (at, byte) in [0x1f1, 0x206, 0x207].into_iter().chain(0x248..0x250).zip(data) {
        image[at] = *byte;
    }
    let _ = Image::from_bytes(image, limits);
});
