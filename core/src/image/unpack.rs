//! Compressed files, inflated within bounds. Containers are told by their first bytes, as the kernel tells them
//! (`lib/decompress.c`, v7.0).

use std::cell::RefCell;
use std::io::{self, BufRead, Read};

use super::source::{Buffer, LARGEST_SPARE};
use super::{ImageError, Limits};

/// Memory that a decoder may take: an xz header can ask for a dictionary of 4 GiB, a kernel's has 128 MiB at most.
const DECODER: u64 = 256 << 20;

/// How a file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Gzip,
    Xz,
    Zstd,
    Lzma,
    Bzip2,
    /// The format of `lz4 -l`, which kernels are packed with.
    Lz4Legacy,
    Lz4,
}

impl Format {
    pub fn of(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Self::Xz),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Self::Zstd),
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Some(Self::Bzip2),
            [0x02, 0x21, 0x4c, 0x18, ..] => Some(Self::Lz4Legacy),
            [0x04, 0x22, 0x4d, 0x18, ..] => Some(Self::Lz4),
            // Properties as every tool writes them, and a dictionary of a power of two, of which only the upper bytes are set.
            [0x5d, 0x00, 0x00, _, _, ..] => Some(Self::Lzma),
            _ => None,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Xz => "xz",
            Self::Zstd => "zstd",
            Self::Lzma => "lzma",
            Self::Bzip2 => "bzip2",
            Self::Lz4Legacy | Self::Lz4 => "lz4",
        }
    }

    /// Inflates one stream; what follows it stays in the reader.
    ///
    /// # Errors
    /// What the decoder says of its memory.
    pub fn stream<'a>(self, from: &'a mut dyn BufRead) -> io::Result<Box<dyn Read + 'a>> {
        let lzma = |stream: Result<_, liblzma::stream::Error>| stream.map_err(io::Error::other);
        Ok(match self {
            Self::Gzip => Box::new(flate2::bufread::GzDecoder::new(from)),
            Self::Xz => {
                let stream = lzma(liblzma::stream::Stream::new_stream_decoder(DECODER, 0))?;
                Box::new(liblzma::bufread::XzDecoder::new_stream(from, stream))
            }
            Self::Lzma => {
                let stream = lzma(liblzma::stream::Stream::new_lzma_decoder(DECODER))?;
                Box::new(liblzma::bufread::XzDecoder::new_stream(from, stream))
            }
            Self::Zstd => Box::new(zstd::stream::read::Decoder::with_buffer(from)?.single_frame()),
            Self::Bzip2 => Box::new(bzip2::bufread::BzDecoder::new(from)),
            Self::Lz4Legacy => Box::new(Lz4Legacy { from, block: Vec::new(), packed: Vec::new(), at: 0 }),
            Self::Lz4 => Box::new(lz4_flex::frame::FrameDecoder::new(from)),
        })
    }
}

/// The blocks of `lz4 -l`: the magic, and for each block its packed size in four bytes. Nothing marks the end; what is no
/// size of a block ends it.
struct Lz4Legacy<'a> {
    from: &'a mut dyn BufRead,
    block: Vec<u8>,
    packed: Vec<u8>,
    at: usize,
}

impl Lz4Legacy<'_> {
    /// Bytes of a block, unpacked and packed, at most.
    const BLOCK: usize = 8 << 20;
    const MAGIC: u32 = 0x184c_2102;

    /// Four bytes; none at the end.
    fn word(&mut self) -> io::Result<Option<u32>> {
        let mut word = [0; 4];
        let mut read = 0;
        while read < word.len() {
            match self.from.read(&mut word[read..])? {
                0 if read == 0 => return Ok(None),
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                some => read += some,
            }
        }
        Ok(Some(u32::from_le_bytes(word)))
    }

    /// False at the end.
    fn next(&mut self) -> io::Result<bool> {
        // The magic stands in front, and again where files were joined.
        let size = loop {
            match self.word()? {
                None => return Ok(false),
                Some(Self::MAGIC) => {}
                Some(size) => break size,
            }
        };
        if size as usize > lz4_flex::block::get_maximum_output_size(Self::BLOCK) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, format!("a block of {size} bytes")));
        }
        self.packed.resize(size as usize, 0);
        self.from.read_exact(&mut self.packed)?;
        self.block.resize(Self::BLOCK, 0);
        let len = lz4_flex::block::decompress_into(&self.packed, &mut self.block).map_err(io::Error::other)?;
        self.block.truncate(len);
        self.at = 0;
        Ok(true)
    }
}

impl Read for Lz4Legacy<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.at == self.block.len() {
            if !self.next()? {
                return Ok(0);
            }
        }
        let len = into.len().min(self.block.len() - self.at);
        into[..len].copy_from_slice(&self.block[self.at..self.at + len]);
        self.at += len;
        Ok(len)
    }
}

/// Inflates one stream, up to the limit. It is said to hold so many bytes.
///
/// # Errors
/// [`ImageError::Inflate`], [`ImageError::TooLarge`].
pub(crate) fn one(mut from: &[u8], format: Format, room: usize, limits: Limits) -> Result<Buffer, ImageError> {
    let room = room.min(usize::try_from(limits.inflated).unwrap_or(usize::MAX));
    let mut out = Buffer::with_room(room);
    if format == Format::Zstd {
        // Without the window of a stream, which is as large as the kernel.
        match zstd::bulk::Decompressor::new().and_then(|mut d| d.decompress_to_buffer(from, out.vec())) {
            Ok(_) if out.len() <= room => return Ok(out),
            _ => out.vec().clear(),
        }
    }
    let failed = |source| ImageError::Inflate { format: format.name(), source };
    let mut stream = format.stream(&mut from).map_err(failed)?;
    (&mut *stream).take(limits.inflated.saturating_add(1)).read_to_end(out.vec()).map_err(failed)?;
    if out.len() as u64 > limits.inflated {
        return Err(ImageError::TooLarge { limit: limits.inflated });
    }
    Ok(out)
}

/// Inflates a whole file, up to the limit: streams that follow each other are one, as the tools have it.
///
/// # Errors
/// [`ImageError::Inflate`], [`ImageError::TooLarge`].
pub(crate) fn whole(bytes: &[u8], format: Format, limits: Limits) -> Result<Buffer, ImageError> {
    let mut out = Buffer::with_room(bytes.len().saturating_mul(4).min(limits.inflated as usize));
    if format == Format::Zstd && at_once(bytes, limits, out.vec()) {
        return Ok(out);
    }
    let failed = |source| ImageError::Inflate { format: format.name(), source };
    let mut rest = bytes;
    loop {
        let mut stream = format.stream(&mut rest).map_err(failed)?;
        let room = limits.inflated.saturating_add(1).saturating_sub(out.len() as u64);
        (&mut *stream).take(room).read_to_end(out.vec()).map_err(failed)?;
        drop(stream);
        if out.len() as u64 > limits.inflated {
            return Err(ImageError::TooLarge { limit: limits.inflated });
        }
        // xz may be padded with zeros in between.
        while rest.first() == Some(&0) {
            rest = &rest[1..];
        }
        if rest.is_empty() {
            return Ok(out);
        }
        if Format::of(rest) != Some(format) {
            let source = io::Error::new(io::ErrorKind::InvalidData, format!("{} bytes follow its end", rest.len()));
            return Err(failed(source));
        }
    }
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
            assert_eq!(*whole(&packed, Format::Zstd, Limits::default()).expect("inflated"), **wanted);
        }
        let short = Limits { inflated: text.len() as u64 - 1 };
        assert!(matches!(whole(&said, Format::Zstd, short), Err(ImageError::TooLarge { .. })));
        assert!(matches!(
            whole(&said[..said.len() - 5], Format::Zstd, Limits::default()),
            Err(ImageError::Inflate { .. })
        ));
    }
}
