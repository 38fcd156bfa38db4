//! A boot image (bzImage, vmlinuz): a real-mode setup, a decompressor, and within it the kernel, compressed.
//! `Documentation/arch/x86/boot.rst`, v7.0.

use super::source::{Buffer, Source};
use super::unpack::{self, Format};
use super::{ImageError, Limits};

/// Bytes from the beginning in which the setup's header ends.
pub(super) const HEADER: usize = 0x250;

/// Whether a file begins as one does.
pub(crate) fn is_boot_image(beginning: &[u8]) -> bool {
    beginning.get(0x202..0x206) == Some(b"HdrS")
}

/// Unpacks the kernel; the second value says what it was compressed with.
///
/// # Errors
/// [`ImageError::Boot`], [`ImageError::Inflate`], [`ImageError::TooLarge`].
pub(crate) fn unpack(source: &Source, limits: Limits) -> Result<(Buffer, &'static str), ImageError> {
    let header = source.beginning(HEADER)?;
    let byte = |at: usize| header.get(at).copied().map_or(0, u64::from);
    let word = |at: usize| byte(at) | byte(at + 1) << 8 | byte(at + 2) << 16 | byte(at + 3) << 24;
    // Two fields say where the payload lies, from protocol 2.08 (Linux 2.6.26) on.
    let version = byte(0x206) | byte(0x207) << 8;
    if version < 0x208 {
        let what = format!("its boot protocol is {}.{:02}, which does not say where", version >> 8, version & 0xff);
        return Err(ImageError::Boot(what));
    }
    // 0 stands for 4 sectors; the boot sector itself is not counted.
    let sectors = match byte(0x1f1) {
        0 => 4,
        sectors => sectors,
    };
    let start = (sectors + 1) * 512 + word(0x248);
    let end = start + word(0x24c);
    if word(0x24c) < 8 || end > source.size() {
        let what = format!("it would lie at {start:#x} to {end:#x} of {:#x} bytes", source.size());
        return Err(ImageError::Boot(what));
    }
    let mut payload = source.copy(start as usize..end as usize)?;
    // The size of the kernel stands behind the stream; gzip has it there by itself.
    let size = u32::from_le_bytes(payload[payload.len() - 4..].try_into().unwrap_or_default());
    let Some(format) = Format::of(&payload) else {
        if payload.starts_with(b"\x7fELF") {
            // CONFIG_KERNEL_UNCOMPRESSED.
            payload.truncate(payload.len() - 4);
            return Ok((payload.into(), "none"));
        }
        let lzo = if payload.starts_with(&[0x89, b'L', b'Z', b'O']) { " (lzo, which is not read here)" } else { "" };
        let what = format!("it begins with {}{lzo}, as no known container does", crate::isa::hex(&payload[..4]));
        return Err(ImageError::Boot(what));
    };
    if format != Format::Gzip {
        payload.truncate(payload.len() - 4);
    }
    let room = usize::try_from(size).unwrap_or(0).min(payload.len().saturating_mul(64));
    let kernel = unpack::one(&payload, format, room, limits)?;
    Ok((kernel, format.name()))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::image::Image;

    const KERNEL: &[u8] = include_bytes!("../../fuzz/seeds/image/vmlinux14");

    /// A boot image around a payload: two sectors of setup, the header's fields, and something in front of the payload.
    fn boot_image(payload: &[u8]) -> Vec<u8> {
        let mut out = vec![0; 3 * 512 + 100];
        out[0x1f1] = 2;
        out[0x202..0x206].copy_from_slice(b"HdrS");
        out[0x206..0x208].copy_from_slice(&0x020f_u16.to_le_bytes());
        out[0x248..0x24c].copy_from_slice(&100_u32.to_le_bytes());
        out[0x24c..0x250].copy_from_slice(&(payload.len() as u32).to_le_bytes());
        out.extend_from_slice(payload);
        out.extend_from_slice(&[0xcc; 64]);
        out
    }

    /// The kernel in a container as its build puts it there: all but gzip get the size behind.
    fn packed(name: &str) -> Vec<u8> {
        let mut out = match name {
            "gzip" => {
                let mut to = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
                to.write_all(KERNEL).and_then(|()| to.finish()).expect("memory")
            }
            "xz" | "lzma" => {
                let stream = match name {
                    "xz" => liblzma::stream::Stream::new_easy_encoder(6, liblzma::stream::Check::Crc32),
                    _ => liblzma::stream::LzmaOptions::new_preset(6)
                        .and_then(|o| liblzma::stream::Stream::new_lzma_encoder(&o)),
                };
                let mut to = liblzma::write::XzEncoder::new_stream(Vec::new(), stream.expect("an encoder"));
                to.write_all(KERNEL).and_then(|()| to.finish()).expect("memory")
            }
            "zstd" => zstd::stream::encode_all(KERNEL, 19).expect("memory"),
            "bzip2" => {
                let mut to = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
                to.write_all(KERNEL).and_then(|()| to.finish()).expect("memory")
            }
            _ => {
                let mut out = vec![0x02, 0x21, 0x4c, 0x18];
                let block = lz4_flex::block::compress(KERNEL);
                out.extend_from_slice(&(block.len() as u32).to_le_bytes());
                out.extend_from_slice(&block);
                out
            }
        };
        if name != "gzip" {
            out.extend_from_slice(&(KERNEL.len() as u32).to_le_bytes());
        }
        out
    }

    #[test]
    fn the_kernel_comes_out_of_every_container() {
        let plain = Image::from_bytes(KERNEL.to_vec(), Limits::default()).expect("the seed");
        for name in ["gzip", "xz", "lzma", "zstd", "bzip2", "lz4"] {
            let image = Image::from_bytes(boot_image(&packed(name)), Limits::default()).expect(name);
            assert_eq!((image.boot, image.compression), (true, Some(name)));
            assert_eq!((image.size, image.census()), (KERNEL.len(), plain.census()), "{name}");
        }
        let mut bare = KERNEL.to_vec();
        bare.extend_from_slice(&(KERNEL.len() as u32).to_le_bytes());
        let image = Image::from_bytes(boot_image(&bare), Limits::default()).expect("not compressed");
        assert_eq!((image.compression, image.census()), (Some("none"), plain.census()));
    }

    #[test]
    fn what_is_wrong_with_a_boot_image_is_said() {
        let said = |bytes: Vec<u8>, limit: u64| {
            let error = Image::from_bytes(bytes, Limits { inflated: limit }).map(drop).expect_err("refused");
            let cause = std::error::Error::source(&error).map_or_else(String::new, |c| format!(": {c}"));
            format!("{error}{cause}")
        };
        let good = boot_image(&packed("xz"));
        let mut old = good.clone();
        old[0x206] = 7;
        assert!(said(old, 1 << 30).contains("its boot protocol is 2.07"));
        let cut = good[..good.len() - 200].to_vec();
        assert!(said(cut, 1 << 30).contains("it would lie at 0x664 to"));
        assert!(said(boot_image(b"\x89LZO\0\r\n\x1a\n and more"), 1 << 30).contains("lzo, which is not read here"));
        assert!(said(boot_image(b"a payload of words"), 1 << 30).contains("it begins with 61 20 70 61"));
        assert!(said(good, 1000).contains("inflates to more than 1000 bytes"));
        let mut flipped = boot_image(&packed("xz"));
        flipped[3 * 512 + 100 + 400] ^= 0x55;
        assert!(said(flipped, 1 << 30).contains("cannot be decompressed as xz"));
        assert!(said(boot_image(&[0; 8]), 1 << 30).contains("it begins with 00 00 00 00"));
    }
}
