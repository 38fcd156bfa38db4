//! Images within archives: the modules of a Debian package, of an initramfs. They are handed out one by one as the archive
//! is read; nothing is unpacked to disk, and an archive in an archive ends the search.

use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use super::directory::is_image;
use super::unpack::Format;
use super::{ImageError, Limits};

/// A file out of an archive: its path below the archive's, and its bytes or why it could not be read.
pub(crate) type Member = (PathBuf, Result<Vec<u8>, ImageError>);

/// Where `ar` begins.
const AR: &[u8] = b"!<arch>\n";
/// Where a member of cpio begins, without and with a checksum: `Documentation/driver-api/early-userspace/buffer-format.rst`.
const CPIO: [&[u8]; 2] = [b"070701", b"070702"];
/// Bytes of its header.
const CPIO_HEADER: usize = 110;
/// An archive inflates to at most so many times the limit of one file: thousands of modules, and no bomb.
const FILES: u64 = 16;
/// Compressed streams within each other: an initramfs is one.
const DEPTH: usize = 2;

/// What kind of archive begins so; for one that is compressed its beginning is inflated.
pub(crate) fn is_archive(beginning: &[u8]) -> bool {
    if beginning.starts_with(AR) || is_cpio(beginning) {
        return true;
    }
    let Some(format) = Format::of(beginning) else { return false };
    let (mut from, mut inside) = (beginning, [0; 6]);
    // The beginning may end in the middle of a block: what came until then is enough.
    format.stream(&mut from).and_then(|mut stream| stream.read_exact(&mut inside)).is_ok() && is_cpio(&inside)
}

fn is_cpio(bytes: &[u8]) -> bool {
    CPIO.iter().any(|magic| bytes.starts_with(magic))
}

/// Hands out every image in an archive. `each` returns false to end it.
pub(crate) fn members(
    path: &Path,
    from: &mut dyn BufRead,
    limits: Limits,
    each: &mut dyn FnMut(Member) -> bool,
) -> Result<(), ImageError> {
    let mut walk = Walk { path, limits, each, found: 0, ended: false };
    let beginning = from.fill_buf().map_err(ImageError::Read)?;
    if beginning.starts_with(AR) {
        walk.deb(from)?
    } else {
        walk.initramfs(from, 0)?
    }
    if walk.found == 0 { Err(ImageError::Empty) } else { Ok(()) }
}

struct Walk<'a> {
    path: &'a Path,
    limits: Limits,
    each: &'a mut dyn FnMut(Member) -> bool,
    found: usize,
    ended: bool,
}

fn damaged(format: &'static str, what: impl ToString) -> ImageError {
    ImageError::Archive { format, what: what.to_string() }
}

/// An archive that was cut at its bound is not one that ended there.
fn within(left: u64, format: &'static str) -> Result<(), ImageError> {
    if left == 0 { Err(damaged(format, "it inflates to more than an archive may")) } else { Ok(()) }
}

impl Walk<'_> {
    fn total(&self) -> u64 {
        self.limits.inflated.saturating_mul(FILES)
    }

    /// Reads a file of the archive, if its name is that of an image.
    fn member(&mut self, name: &str, size: u64, from: &mut dyn Read) -> io::Result<()> {
        let name = name.trim_start_matches(['.', '/']);
        if !is_image(Path::new(name)) {
            return Ok(());
        }
        self.found += 1;
        let result = if size > self.limits.inflated {
            Err(ImageError::Huge { limit: self.limits.inflated })
        } else {
            let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0).min(64 << 20));
            from.take(size).read_to_end(&mut bytes)?;
            if bytes.len() as u64 != size {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            Ok(bytes)
        };
        self.ended |= !(self.each)((self.path.join(name), result));
        Ok(())
    }

    /// A Debian package, deb(5): an `ar` archive with a compressed `tar` in it.
    fn deb(&mut self, from: &mut dyn BufRead) -> Result<(), ImageError> {
        let bad = |e| damaged("deb", e);
        from.read_exact(&mut [0; AR.len()]).map_err(bad)?;
        loop {
            let mut header = [0; 60];
            if from.fill_buf().map_err(bad)?.is_empty() {
                return Err(damaged("deb", "it has no data.tar"));
            }
            from.read_exact(&mut header).map_err(bad)?;
            let size = std::str::from_utf8(&header[48..58]).ok().and_then(|s| s.trim_end().parse::<u64>().ok());
            let Some(size) = size.filter(|_| &header[58..] == b"`\n") else {
                return Err(damaged("deb", "a header of a member is none"));
            };
            let mut member = from.take(size);
            if header.starts_with(b"data.tar") {
                let mut member = BufReader::new(member);
                let format = Format::of(member.fill_buf().map_err(bad)?);
                return match format {
                    None => self.tar(&mut member),
                    Some(format) => self.tar(&mut *format.stream(&mut member).map_err(bad)?),
                };
            }
            io::copy(&mut member, &mut io::sink()).map_err(bad)?;
            if size % 2 == 1 {
                from.read_exact(&mut [0]).map_err(bad)?;
            }
        }
    }

    fn tar(&mut self, from: &mut dyn Read) -> Result<(), ImageError> {
        let bad = |e: io::Error| damaged("tar", e);
        let mut bounded = from.take(self.total());
        let mut archive = tar::Archive::new(&mut bounded);
        for entry in archive.entries().map_err(bad)? {
            let mut entry = entry.map_err(bad)?;
            if !entry.header().entry_type().is_file() {
                continue;
            }
            let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            let size = entry.size();
            self.member(&name, size, &mut entry).map_err(bad)?;
            if self.ended {
                break;
            }
        }
        within(bounded.limit(), "tar")
    }

    /// Archives of cpio, each plain or compressed, one behind the other with zeros in between.
    fn initramfs(&mut self, from: &mut dyn BufRead, depth: usize) -> Result<(), ImageError> {
        let bad = |e: io::Error| damaged("cpio", e);
        let mut left = self.total();
        while !self.ended {
            // What the kernel skips too, `init/initramfs.c: unpack_to_rootfs()`.
            let zeros = from.fill_buf().map_err(bad)?.iter().take_while(|b| **b == 0).count();
            if zeros > 0 {
                from.consume(zeros);
                continue;
            }
            let beginning = from.fill_buf().map_err(bad)?;
            if beginning.is_empty() {
                return Ok(());
            }
            match Format::of(beginning) {
                Some(format) if depth < DEPTH => {
                    let stream =
                        format.stream(from).map_err(|source| ImageError::Inflate { format: format.name(), source })?;
                    let mut inside = BufReader::with_capacity(1 << 18, stream.take(left));
                    self.initramfs(&mut inside, depth + 1)?;
                    left = inside.into_inner().limit();
                    within(left, "cpio")?;
                }
                _ => left = self.cpio(from, left)?,
            }
        }
        Ok(())
    }

    /// One archive of cpio, up to its trailer. Returns the bytes that may still follow.
    fn cpio(&mut self, from: &mut dyn BufRead, mut left: u64) -> Result<u64, ImageError> {
        let bad = |e: io::Error| damaged("cpio", e);
        while !self.ended {
            let mut header = [0; CPIO_HEADER];
            from.read_exact(&mut header).map_err(bad)?;
            if !is_cpio(&header) {
                return Err(damaged("cpio", format!("a member begins with {}", crate::isa::hex(&header[..6]))));
            }
            let field = |number: usize| {
                let digits = std::str::from_utf8(&header[6 + number * 8..14 + number * 8]).ok()?;
                u64::from_str_radix(digits, 16).ok()
            };
            let (Some(mode), Some(size), Some(named)) = (field(1), field(6), field(11)) else {
                return Err(damaged("cpio", "a header that is not in hexadecimal"));
            };
            // PATH_MAX and the zero.
            if named == 0 || named > 4097 {
                return Err(damaged("cpio", format!("a name of {named} bytes")));
            }
            let mut name = vec![0; named as usize];
            from.read_exact(&mut name).map_err(bad)?;
            name.pop();
            skip(from, padding(CPIO_HEADER as u64 + named)).map_err(bad)?;
            if name == b"TRAILER!!!" {
                return Ok(left);
            }
            left = left.checked_sub(size).ok_or_else(|| damaged("cpio", "it holds more than an archive may"))?;
            let mut contents = (&mut *from).take(size);
            if mode & 0o170_000 == 0o100_000 {
                self.member(&String::from_utf8_lossy(&name), size, &mut contents).map_err(bad)?;
            }
            let rest = contents.limit();
            skip(from, rest + padding(size)).map_err(bad)?;
        }
        Ok(left)
    }
}

/// Members and names are padded to four bytes.
fn padding(len: u64) -> u64 {
    len.next_multiple_of(4) - len
}

fn skip(from: &mut dyn BufRead, len: u64) -> io::Result<()> {
    let skipped = io::copy(&mut from.take(len), &mut io::sink())?;
    if skipped == len { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

#[cfg(test)]
mod tests;
