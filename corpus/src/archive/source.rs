//! What is imported: files, maildirs and standard input, each a stream of raw mails.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use flate2::bufread::MultiGzDecoder;

use super::mbox::Mbox;
use super::{ArchiveError, io_error, maildir, single};

/// Enough to tell an mbox, a mail and a page from other files.
const SNIFFED: usize = 16 << 10;

/// One place to import from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The file or folder; `-` is standard input.
    pub path: PathBuf,
    /// What it holds.
    pub kind: SourceKind,
}

/// What a source holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceKind {
    /// Mails behind From_ lines, compressed with gzip or not.
    Mbox,
    /// A folder with `cur/` and `new/`.
    Maildir,
    /// One mail.
    Mail,
    /// One page of a web archive.
    WebPage,
    /// A diff without a header; it is read, for those who check a patch, and is not mail to be imported.
    Diff,
    /// Standard input: looked at when it is read.
    Stdin,
}

/// A mail as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawMail {
    /// Every byte of it, nothing decoded.
    pub bytes: Vec<u8>,
    /// When it arrived, in seconds since 1970, where the source tells.
    pub arrival: Option<i64>,
    /// From where.
    pub origin: Origin,
    /// The source broke off within this mail; an error follows.
    pub truncated: bool,
}

/// Where a mail was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The file.
    pub path: PathBuf,
    /// In bytes of the uncompressed file: where the From_ line begins.
    pub offset: u64,
}

type Mails = Box<dyn Iterator<Item = Result<RawMail, ArchiveError>>>;

impl Source {
    /// The mails, one by one. An error costs what it names; the iterator goes on as long as there is more.
    pub fn mails(&self) -> Result<Mails, ArchiveError> {
        match self.kind {
            SourceKind::Maildir => {
                let entries = maildir::entries(&self.path)?.into_iter();
                Ok(Box::new(entries.map(|it| {
                    let arrival = it.arrival();
                    let mail = one(&it.path, open(&it.path)?)?;
                    Ok(RawMail { arrival: arrival.or(mail.arrival), ..mail })
                })))
            }
            SourceKind::Stdin => self.stream(Box::new(BufReader::new(io::stdin()))),
            _ => self.stream(open(&self.path)?),
        }
    }

    fn stream(&self, input: Box<dyn BufRead>) -> Result<Mails, ArchiveError> {
        let (path, kind) = (self.path.clone(), self.kind);
        let (input, kind) = match kind {
            SourceKind::Stdin => {
                let (start, rest) = sniff(input).map_err(io_error(&path))?;
                let kind = recognise(&start).map_err(|saw| ArchiveError::NotMail { path: path.clone(), saw })?;
                (rest, kind)
            }
            _ => (uncompressed(input).map_err(io_error(&path))?, kind),
        };
        if kind != SourceKind::Mbox {
            return Ok(Box::new(std::iter::once(one(&path, input))));
        }
        Ok(Box::new(Mbox::new(input).map(move |it| match it {
            Ok(it) => Ok(RawMail {
                bytes: it.bytes,
                arrival: it.arrival,
                origin: Origin { path: path.clone(), offset: it.offset },
                truncated: it.truncated,
            }),
            Err(source) => Err(ArchiveError::Mbox { path: path.clone(), source }),
        })))
    }
}

/// One mail; a file's time stands in for the arrival that nothing else tells.
fn one(path: &Path, input: Box<dyn BufRead>) -> Result<RawMail, ArchiveError> {
    let bytes = single::read(path, input)?;
    let modified = path.metadata().ok().and_then(|it| it.modified().ok());
    let arrival = modified.and_then(|it| it.duration_since(UNIX_EPOCH).ok()).map(|it| it.as_secs() as i64);
    Ok(RawMail { bytes, arrival, origin: Origin { path: path.to_owned(), offset: 0 }, truncated: false })
}

fn open(path: &Path) -> Result<Box<dyn BufRead>, ArchiveError> {
    Ok(Box::new(BufReader::with_capacity(64 << 10, File::open(path).map_err(io_error(path))?)))
}

fn uncompressed(mut input: Box<dyn BufRead>) -> io::Result<Box<dyn BufRead>> {
    if input.fill_buf()?.starts_with(&[0x1f, 0x8b]) {
        return Ok(Box::new(BufReader::with_capacity(64 << 10, MultiGzDecoder::new(input))));
    }
    Ok(input)
}

/// The first bytes, uncompressed, and the stream with them put back.
fn sniff(input: Box<dyn BufRead>) -> io::Result<(Vec<u8>, Box<dyn BufRead>)> {
    let mut input = uncompressed(input)?;
    let mut start = Vec::new();
    if let Err(e) = input.by_ref().take(SNIFFED as u64).read_to_end(&mut start)
        && start.is_empty()
    {
        return Err(e);
    }
    Ok((start.clone(), Box::new(io::Cursor::new(start).chain(input))))
}

/// What a file holds, by its first bytes; its name does not matter.
pub(super) fn recognise_file(path: &Path) -> Result<Result<SourceKind, String>, ArchiveError> {
    let (start, _) = sniff(open(path)?).map_err(io_error(path))?;
    Ok(recognise(&start))
}

fn recognise(start: &[u8]) -> Result<SourceKind, String> {
    if start.is_empty() {
        return Err("it is empty".into());
    }
    let text = start.trim_ascii_start();
    if single::begins_with_header(text) {
        return Ok(SourceKind::Mail);
    }
    if text.starts_with(b"From ") || text.starts_with(b">From ") {
        return Ok(SourceKind::Mbox);
    }
    if start.contains(&0) {
        let first: Vec<String> = start.iter().take(4).map(|it| format!("{it:02x}")).collect();
        return Err(format!("it is binary and begins with {}", first.join(" ")));
    }
    if is_diff(text) {
        return Ok(SourceKind::Diff);
    }
    if is_web_page(text) {
        return Ok(SourceKind::WebPage);
    }
    if memchr::memmem::find_iter(start, b"\nFrom ").any(|at| super::mbox::is_separator(&start[at + 1..])) {
        return Ok(SourceKind::Mbox);
    }
    let line = text.split(|b| *b == b'\n').next().unwrap_or_default();
    let line = String::from_utf8_lossy(&line[..line.len().min(60)]).into_owned();
    Err(format!("it begins with {line:?}, which is no mail header and no From_ line"))
}

fn is_diff(text: &[u8]) -> bool {
    [&b"diff --git "[..], b"diff -", b"--- ", b"Index: "].iter().any(|it| text.starts_with(it))
}

/// A subject of its own, then `From:` and `Date:` at the start of lines, within the first few.
fn is_web_page(text: &[u8]) -> bool {
    let mut lines = text.split(|b| *b == b'\n').map(<[u8]>::trim_ascii_end).filter(|it| !it.is_empty()).skip(1);
    let mut begins = |name: &[u8]| lines.next().is_some_and(|it| it.starts_with(name));
    begins(b"From:") && begins(b"Date:")
}
