//! Many images at once: files, directories of modules, archives, read by several threads.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};

use super::source::Source;
use super::{Image, ImageError, Limits, archive};

/// What was made of one file.
#[derive(Debug)]
pub struct Scanned<T> {
    /// The file; one in an archive stands below the archive's path.
    pub path: PathBuf,
    /// What was asked for, or why it could not be read.
    pub result: Result<T, ImageError>,
}

/// A file to be read, with the number that its answer is sorted by.
struct Job {
    number: usize,
    path: PathBuf,
    what: What,
}

enum What {
    File,
    Member(Vec<u8>),
    Failed(ImageError),
}

/// Bytes of a file's beginning that say whether it is an archive: enough to inflate a block of any format.
const BEGINNING: usize = 1 << 20;

/// Reads every image below some paths, and hands each to `each` and forgets it: a vmlinux, a boot image, a module, all
/// images of a directory, of a Debian package or of an initramfs. The answers come in the order of the paths, within a
/// directory of the names, within an archive as they lie in it. A path that cannot be read is an answer too.
pub fn scan<T: Send>(
    paths: &[PathBuf],
    limits: Limits,
    threads: usize,
    each: impl Fn(&Image) -> T + Sync,
) -> Vec<Scanned<T>> {
    let answers = Mutex::new(Vec::new());
    let threads = threads.max(1);
    // So few, because a member of an archive may be large.
    let (jobs, queue) = sync_channel(threads);
    let queue = Mutex::new(queue);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| work(&queue, &answers, limits, &each));
        }
        find(paths, limits, &jobs);
        drop(jobs);
    });
    let mut answers = answers.into_inner().unwrap_or_else(PoisonError::into_inner);
    answers.sort_by_key(|(number, _)| *number);
    answers.into_iter().map(|(_, scanned)| scanned).collect()
}

fn work<T: Send>(
    queue: &Mutex<Receiver<Job>>,
    answers: &Mutex<Vec<(usize, Scanned<T>)>>,
    limits: Limits,
    each: &(impl Fn(&Image) -> T + Sync),
) {
    loop {
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job { number, path, what }) = job else { break };
        let image = match what {
            What::File => Image::open(&path, limits),
            What::Member(bytes) => Image::from_member(path.clone(), bytes, limits),
            What::Failed(error) => Err(error),
        };
        let result = image.map(|image| each(&image));
        answers.lock().unwrap_or_else(PoisonError::into_inner).push((number, Scanned { path, result }));
    }
}

/// Sends every file below the paths to the workers.
fn find(paths: &[PathBuf], limits: Limits, jobs: &SyncSender<Job>) {
    let mut number = 0;
    // The workers are there as long as there are jobs, so sending does not fail.
    let mut send = |path: PathBuf, what: What| {
        number += 1;
        jobs.send(Job { number, path, what }).is_ok()
    };
    let mut seen = HashSet::new();
    for path in paths {
        if path.is_dir() {
            for (path, failure) in below(path) {
                if seen.insert(path.clone()) {
                    send(path, failure.map_or(What::File, |e| What::Failed(ImageError::Read(e))));
                }
            }
        } else if seen.insert(path.clone()) {
            match of_archive(path, limits, &mut |(path, bytes)| {
                send(path, bytes.map_or_else(What::Failed, What::Member))
            }) {
                Ok(true) => {}
                // What is no archive, or cannot be opened, is said by who reads it as an image.
                Ok(false) => {
                    send(path.clone(), What::File);
                }
                Err(error) => {
                    send(path.clone(), What::Failed(error));
                }
            }
        }
    }
}

/// False for what is no archive.
fn of_archive(path: &Path, limits: Limits, each: &mut dyn FnMut(archive::Member) -> bool) -> Result<bool, ImageError> {
    let Ok(source) = Source::open(path) else { return Ok(false) };
    if !archive::is_archive(&source.beginning(BEGINNING)?) {
        return Ok(false);
    }
    archive::members(path, &mut *source.reader(), limits, each).map(|()| true)
}

/// Every image below a directory, in the order of the names.
fn below(path: &Path) -> Vec<(PathBuf, Option<io::Error>)> {
    let mut out = Vec::new();
    let mut open = vec![path.to_owned()];
    // Links to directories (`build`, `source`) are not followed, so this ends.
    while let Some(directory) = open.pop() {
        let entries = match fs::read_dir(&directory) {
            Ok(entries) => entries,
            Err(e) => {
                out.push((directory, Some(e)));
                continue;
            }
        };
        for entry in entries.flatten() {
            let path = entry.path();
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => open.push(path),
                // A link to an image that lies below the same directory would count it twice; Debian has links that lead
                // nowhere, `usr/lib/debug/boot/vmlinux-*` from 6.19 on.
                Ok(kind) if kind.is_symlink() && (!path.exists() || path.is_dir()) => {}
                Ok(_) if is_image(&path) => out.push((path, None)),
                _ => {}
            }
        }
    }
    if out.is_empty() {
        let why = "no vmlinux*, no vmlinuz* and no *.ko (plain, .xz, .zst, .gz) below this directory";
        out.push((path.to_owned(), Some(io::Error::new(io::ErrorKind::NotFound, why))));
    }
    out.sort_by(|a, b| a.0.cmp(&b.0));
    if out.iter().any(|(path, _)| path.is_symlink()) {
        let mut real = HashSet::new();
        out.retain(|(path, failure)| {
            failure.is_some() || real.insert(path.canonicalize().unwrap_or_else(|_| path.clone()))
        });
    }
    out
}

/// Whether a file has the name of an image.
pub(crate) fn is_image(path: &Path) -> bool {
    let Some(name) = path.file_name().and_then(|n| n.to_str()) else { return false };
    let plain = [".xz", ".zst", ".gz"].iter().find_map(|e| name.strip_suffix(e)).unwrap_or(name);
    let kernel = |is: &str| name == is || name.strip_prefix(is).is_some_and(|rest| rest.starts_with('-'));
    plain.ends_with(".ko") || kernel("vmlinux") || kernel("vmlinuz") || name == "bzImage"
}
