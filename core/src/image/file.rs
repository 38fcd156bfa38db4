//! The bytes of a file: mapped where it is large, read where it is small, inflated where it is compressed.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Read};
use std::ops::Deref;
use std::path::Path;

use memmap2::Mmap;

use super::ImageError;

/// Files of at least this size are mapped: a vmlinux with its debug sections is mostly never looked at.
const MAPPED_FROM: u64 = 4 << 20;

/// Bounds on what is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes to which a compressed file may inflate.
    pub inflated: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { inflated: 1 << 30 }
    }
}

/// Bytes of a file, for as long as the image lives.
#[derive(Debug)]
pub(crate) enum Data {
    Mapped(Mmap),
    Owned(Vec<u8>),
}

impl Deref for Data {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Data::Mapped(map) => map,
            Data::Owned(bytes) => bytes,
        }
    }
}

/// Buffers that a thread keeps for its next file, and how large one may be. Thousands of modules are read one after another:
/// fresh pages for each cost as much as inflating them.
const SPARES: usize = 3;
const LARGEST_SPARE: usize = 64 << 20;

thread_local! {
    static SPARE: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// An empty buffer with room for so many bytes.
fn buffer(room: usize) -> Vec<u8> {
    let mut bytes = SPARE.with_borrow_mut(Vec::pop).unwrap_or_default();
    bytes.clear();
    bytes.reserve(room);
    bytes
}

impl Drop for Data {
    fn drop(&mut self) {
        let Data::Owned(bytes) = self else { return };
        if bytes.capacity() == 0 || bytes.capacity() > LARGEST_SPARE {
            return;
        }
        let bytes = std::mem::take(bytes);
        // The thread may be ending; then nobody wants it.
        let _ = SPARE.try_with(|spare| {
            let mut spare = spare.borrow_mut();
            if spare.len() < SPARES {
                spare.push(bytes);
            }
        });
    }
}

/// Opens a file; the second value names the compression, if there was one.
pub(crate) fn open(path: &Path, limits: Limits) -> Result<(Data, Option<&'static str>), ImageError> {
    let mut file = File::open(path).map_err(ImageError::Read)?;
    let about = file.metadata().map_err(ImageError::Read)?;
    if !about.is_file() {
        return Err(ImageError::Read(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file")));
    }
    let data = if about.len() >= MAPPED_FROM {
        // SAFETY: the map is private and read-only, and only ever read as plain bytes, of which every value is valid.
        // What is left is what every mapping has: if another process truncates the file meanwhile, reading beyond its
        // new end raises SIGBUS, as it does in every linker and debugger.
        Data::Mapped(unsafe { Mmap::map(&file) }.map_err(ImageError::Read)?)
    } else {
        let mut bytes = buffer(about.len() as usize);
        // Bounded, because a file may grow while it is read.
        file.by_ref().take(MAPPED_FROM).read_to_end(&mut bytes).map_err(ImageError::Read)?;
        Data::Owned(bytes)
    };
    unpack(data, limits)
}

/// Inflates what is compressed.
pub(crate) fn unpack(data: Data, limits: Limits) -> Result<(Data, Option<&'static str>), ImageError> {
    match compression(&data) {
        None => Ok((data, None)),
        Some(format) => Ok((Data::Owned(inflate(&data, format, limits)?), Some(format))),
    }
}

fn compression(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some("xz"),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Some("zstd"),
        [0x1f, 0x8b, ..] => Some("gzip"),
        _ => None,
    }
}

/// Inflates a whole file, up to the limit.
///
/// # Errors
/// [`ImageError::Inflate`], [`ImageError::TooLarge`].
pub(crate) fn inflate(bytes: &[u8], format: &'static str, limits: Limits) -> Result<Vec<u8>, ImageError> {
    let mut out = buffer((bytes.len().saturating_mul(4)).min(limits.inflated as usize));
    let bounded = |reader: &mut dyn Read, out: &mut Vec<u8>| reader.take(limits.inflated + 1).read_to_end(out);
    let done = match format {
        // A limit on the decoder's memory too: an xz header can ask for a dictionary of 4 GiB.
        "xz" => liblzma::stream::Stream::new_stream_decoder(256 << 20, liblzma::stream::CONCATENATED)
            .map_err(io::Error::other)
            .and_then(|stream| bounded(&mut liblzma::read::XzDecoder::new_stream(bytes, stream), &mut out)),
        "zstd" => match at_once(bytes, limits, &mut out) {
            true => Ok(out.len()),
            false => zstd::stream::read::Decoder::new(bytes).and_then(|mut d| bounded(&mut d, &mut out)),
        },
        _ => bounded(&mut flate2::read::MultiGzDecoder::new(bytes), &mut out),
    };
    done.map_err(|source| ImageError::Inflate { format, source })?;
    if out.len() as u64 > limits.inflated {
        return Err(ImageError::TooLarge { limit: limits.inflated });
    }
    Ok(out)
}

/// Inflates a zstd file whose header says how much it holds, without the window through which a stream goes (a fifth of the
/// time). False, and nothing in `out`, where it does not say, says too much, or says something else than it holds: a stream
/// is asked then.
fn at_once(bytes: &[u8], limits: Limits, out: &mut Vec<u8>) -> bool {
    thread_local! {
        static DECODER: RefCell<Option<zstd::bulk::Decompressor<'static>>> = const { RefCell::new(None) };
    }
    let Ok(Some(size)) = zstd::zstd_safe::get_frame_content_size(bytes) else { return false };
    if size > limits.inflated.min(LARGEST_SPARE as u64) {
        return false;
    }
    out.reserve(size as usize);
    let done = DECODER.with_borrow_mut(|decoder| match decoder {
        Some(decoder) => decoder.decompress_to_buffer(bytes, out),
        None => decoder.insert(zstd::bulk::Decompressor::new()?).decompress_to_buffer(bytes, out),
    });
    if done.is_err() || out.len() as u64 > limits.inflated {
        out.clear();
        return false;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zstd_is_read_whatever_its_header_says_of_its_size() {
        let text = b"some text, some text, and some more text".repeat(9);
        let said = zstd::bulk::compress(&text, 3).expect("compressed");
        let unsaid = zstd::stream::encode_all(&text[..], 3).expect("compressed");
        let size = |bytes: &[u8]| zstd::zstd_safe::get_frame_content_size(bytes).expect("a frame");
        assert!(size(&said) == Some(text.len() as u64) && size(&unsaid).is_none());
        let twice = [text.clone(), text.clone()].concat();
        for (packed, wanted) in
            [(said.clone(), &text), (unsaid.clone(), &text), ([said.clone(), unsaid].concat(), &twice)]
        {
            assert_eq!(inflate(&packed, "zstd", Limits::default()).expect("inflated"), *wanted);
        }
        let short = Limits { inflated: text.len() as u64 - 1 };
        assert!(matches!(inflate(&said, "zstd", short), Err(ImageError::TooLarge { .. })));
        assert!(matches!(inflate(&said[..said.len() - 5], "zstd", Limits::default()), Err(ImageError::Inflate { .. })));
    }
}
