//! What is at a path: by what is there, never by its name alone.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::public_inbox_v2::{self, Layout};
use super::source::recognise_file;
use super::{ArchiveError, Found, Repository, Skipped, Source, SourceKind, io_error, maildir};

/// Folders below a named one; a mirror of lists is three deep.
const DEEPEST: usize = 12;

/// Finds all mail at a path: a public-inbox epoch, a clone of a list, a folder of clones, a v1 repository, an mbox, a
/// maildir, a file, a folder with any of these, or `-` for standard input.
///
/// # Errors
/// Where there is no mail at all, with what was seen. A folder that holds some mail is no error; what else lies there
/// is in [`Found::skipped`].
pub fn detect(path: &Path) -> Result<Found, ArchiveError> {
    if path == Path::new("-") {
        let source = Source { path: path.to_owned(), kind: SourceKind::Stdin };
        return Ok(Found { sources: vec![source], ..Found::default() });
    }
    let path = path.canonicalize().map_err(io_error(path))?;
    let mut found = Found::default();
    if !path.is_dir() {
        match recognise_file(&path)? {
            Ok(kind) => found.sources.push(Source { path, kind }),
            Err(saw) => return Err(ArchiveError::NotMail { path, saw }),
        }
        return Ok(found);
    }
    if public_inbox_v2::git_directory(&path).is_some() {
        found.repositories.push(repository(&path)?);
        return Ok(found);
    }
    let folders = walk(&path, &mut found)?;
    if found.repositories.is_empty() && found.sources.is_empty() {
        let saw = match &found.skipped[..] {
            [] if folders == 1 => "it is empty".into(),
            [] => format!("{folders} folders and no file"),
            [one] => format!("{}: {}", one.path.display(), one.why),
            [one, rest @ ..] => format!("{}: {}, and {} more", one.path.display(), one.why, rest.len()),
        };
        return Err(ArchiveError::EmptyFolder { path, saw });
    }
    found.repositories.sort();
    found.sources.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

/// All folders from here down, each once however many links lead to it. Returns how many there were.
fn walk(top: &Path, found: &mut Found) -> Result<usize, ArchiveError> {
    let mut seen = HashSet::new();
    let mut next = vec![(top.to_owned(), 0)];
    while let Some((folder, depth)) = next.pop() {
        let skip = |path: &Path, why: String| Skipped { path: path.to_owned(), why };
        let Ok(status) = folder.metadata() else { continue };
        if !seen.insert((status.dev(), status.ino())) {
            continue;
        }
        if public_inbox_v2::git_directory(&folder).is_some() {
            match repository(&folder) {
                Ok(it) => found.repositories.push(it),
                Err(e) => found.skipped.push(skip(&folder, e.to_string())),
            }
            continue;
        }
        if maildir::is_maildir(&folder) {
            let boxes = maildir::with_folders(&folder).into_iter();
            found.sources.extend(boxes.map(|path| Source { path, kind: SourceKind::Maildir }));
            continue;
        }
        let children = match children(&folder) {
            Ok(it) => it,
            Err(e) if folder == top => return Err(e),
            Err(e) => {
                found.skipped.push(skip(&folder, e.to_string()));
                continue;
            }
        };
        // A clone has databases of public-inbox beside its epochs; only the epochs are of interest.
        let is_clone = children.iter().any(|it| is_named(it, "git") && epoch_below(it));
        for child in children {
            let in_clone = is_clone && !is_named(&child, "git");
            // all.git borrows the objects of the epochs, and has no history of its own.
            if in_clone || is_named(&child, "all.git") || is_hidden(&child) {
                continue;
            }
            if child.is_dir() {
                match depth < DEEPEST {
                    true => next.push((child, depth + 1)),
                    false => found.skipped.push(skip(&child, format!("more than {DEEPEST} folders deep"))),
                }
            } else if child.is_file() {
                match recognise_file(&child) {
                    Ok(Ok(kind)) if kind != SourceKind::Diff => found.sources.push(Source { path: child, kind }),
                    Ok(Ok(_)) => found.skipped.push(skip(&child, "a diff without a mail header".into())),
                    Ok(Err(saw)) => found.skipped.push(skip(&child, saw)),
                    Err(e) => found.skipped.push(skip(&child, e.to_string())),
                }
            }
        }
    }
    Ok(seen.len())
}

fn children(folder: &Path) -> Result<Vec<PathBuf>, ArchiveError> {
    let entries = fs::read_dir(folder).map_err(io_error(folder))?;
    let paths = entries.map(|it| it.map(|it| it.path())).collect::<Result<Vec<_>, _>>();
    let mut paths = paths.map_err(io_error(folder))?;
    paths.sort_unstable();
    Ok(paths)
}

fn is_named(path: &Path, name: &str) -> bool {
    path.file_name().is_some_and(|it| it == name)
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|it| it.as_encoded_bytes().starts_with(b"."))
}

fn epoch_below(git: &Path) -> bool {
    children(git).is_ok_and(|it| it.iter().any(|it| epoch_number(it).is_some()))
}

/// `12.git` is epoch 12.
fn epoch_number(path: &Path) -> Option<u32> {
    path.file_name()?.to_str()?.strip_suffix(".git")?.parse().ok()
}

fn repository(path: &Path) -> Result<Repository, ArchiveError> {
    let number = epoch_number(path);
    let not = |saw: &str| ArchiveError::NotPublicInbox { path: path.to_owned(), saw: saw.into() };
    let epoch = match public_inbox_v2::layout(path)? {
        Layout::V1 => None,
        Layout::V2 => Some(number.unwrap_or(0)),
        // The name vouches for an epoch that has no mail yet, or whose newest commit is damaged.
        Layout::Empty | Layout::Unreadable if number.is_some() => number,
        Layout::Empty if is_named(path, "all.git") => {
            return Err(not("all.git has objects only; name the folder above"));
        }
        Layout::Empty => return Err(not("it has no commit")),
        Layout::Unreadable => return Err(not("its newest commit cannot be read (`git fsck` tells more)")),
        Layout::Other => return Err(not("its newest commit has other files than one mail, `m`")),
    };
    Ok(Repository { list: list_name(path, number), epoch, path: path.to_owned() })
}

fn list_name(path: &Path, number: Option<u32>) -> String {
    let mut named = path;
    if number.is_some() {
        let above = path.parent().filter(|it| it.file_name().is_some());
        let above = above.map(|it| if is_named(it, "git") { it.parent().unwrap_or(it) } else { it });
        named = above.filter(|it| it.file_name().is_some()).unwrap_or(path);
    }
    let name = named.file_name().unwrap_or_default().to_string_lossy().into_owned();
    name.strip_suffix(".git").map(str::to_owned).unwrap_or(name)
}
