//! Many images at once: files, and directories of modules, read by several threads.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Image, ImageError, Limits};

/// What was made of one file.
#[derive(Debug)]
pub struct Scanned<T> {
    /// The file.
    pub path: PathBuf,
    /// What was asked for, or why it could not be read.
    pub result: Result<T, ImageError>,
}

/// Reads every image below some paths, and hands each to `each` and forgets it. The answers come in the order of the
/// paths, and within a directory of the names. A path that cannot be read is an answer too.
pub fn scan<T: Send>(
    paths: &[PathBuf],
    limits: Limits,
    threads: usize,
    each: impl Fn(&Image) -> T + Sync,
) -> Vec<Scanned<T>> {
    let files = files(paths);
    let next = AtomicUsize::new(0);
    let answers = Mutex::new(Vec::with_capacity(files.len()));
    let work = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some((path, failure)) = files.get(number) else { break };
            let result = match failure {
                Some(kind) => Err(ImageError::Read(io::Error::new(kind.0, kind.1.clone()))),
                None => Image::open(path, limits).map(|image| each(&image)),
            };
            let mut answers = answers.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            answers.push((number, Scanned { path: path.clone(), result }));
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads.clamp(1, files.len().max(1)) {
            scope.spawn(work);
        }
        work();
    });
    let mut answers = answers.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    answers.sort_by_key(|(number, _)| *number);
    answers.into_iter().map(|(_, scanned)| scanned).collect()
}

type File = (PathBuf, Option<(io::ErrorKind, String)>);

fn files(paths: &[PathBuf]) -> Vec<File> {
    let mut out = Vec::new();
    for path in paths {
        if !path.is_dir() {
            out.push((path.clone(), None));
            continue;
        }
        let before = out.len();
        let mut open = vec![path.clone()];
        // Links to directories (`build`, `source`) are not followed, so this ends.
        while let Some(directory) = open.pop() {
            let entries = match fs::read_dir(&directory) {
                Ok(entries) => entries,
                Err(e) => {
                    out.push((directory, Some((e.kind(), e.to_string()))));
                    continue;
                }
            };
            for entry in entries.flatten() {
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() => open.push(entry.path()),
                    Ok(_) if is_image(&entry.path()) => out.push((entry.path(), None)),
                    _ => {}
                }
            }
        }
        if out.len() == before {
            let why = "no vmlinux* and no *.ko (plain, .xz, .zst, .gz) below this directory";
            out.push((path.clone(), Some((io::ErrorKind::NotFound, why.into()))));
        }
        out[before..].sort();
    }
    let mut seen = HashSet::new();
    out.retain(|(path, _)| seen.insert(path.clone()));
    out
}

fn is_image(path: &Path) -> bool {
    let Some(name) = path.file_name().and_then(|n| n.to_str()) else { return false };
    let plain = [".xz", ".zst", ".gz"].iter().find_map(|e| name.strip_suffix(e)).unwrap_or(name);
    plain.ends_with(".ko") || name == "vmlinux" || name.starts_with("vmlinux-")
}
