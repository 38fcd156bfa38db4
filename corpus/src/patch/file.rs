//! One file of a diff: its names, what happens to it, and the header lines that say so.

use super::hunk;
use super::text::{Line, Span};
use super::{Defect, Patch, path};
use std::borrow::Cow;
use std::ops::Range;

/// What a diff does to a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Status {
    /// Changes its content, its mode, or both.
    #[default]
    Modified,
    /// Creates it.
    Added,
    /// Removes it.
    Deleted,
    /// Moves it, perhaps with changes.
    Renamed,
    /// Makes it from a copy of another.
    Copied,
}

/// How the diff of a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// With a `diff --git` line.
    Git,
    /// `diff -u`: a `---` and a `+++` line.
    Unified,
    /// `diff --cc` or `diff --combined`, of a merge. Its hunks are not read.
    Combined,
}

/// The form of binary data in a git diff.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Binary {
    /// `Binary files a/x and b/x differ`: no data in the mail.
    Named,
    /// `GIT binary patch`: the new file, deflated; its size once inflated.
    Literal(u64),
    /// `GIT binary patch`: instructions to make the new file from the old; their size once inflated.
    Delta(u64),
}

/// One file of a [`Patch`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileDiff<'a> {
    /// How it is written.
    pub format: Format,
    /// What happens to the file.
    pub status: Status,
    /// The name before, without the `a/`; `None` for an added file.
    pub old_path: Option<Cow<'a, str>>,
    /// The name after, without the `b/`; `None` for a deleted file.
    pub new_path: Option<Cow<'a, str>>,
    /// The mode before (`0o100644`), where the header gives it.
    pub old_mode: Option<u32>,
    /// The mode after, where the header gives it.
    pub new_mode: Option<u32>,
    /// The blob id before, as long as the `index` line gives it.
    pub old_blob: Option<&'a str>,
    /// The blob id after.
    pub new_blob: Option<&'a str>,
    /// Per cent of the `similarity index` line of a rename or copy.
    pub similarity: Option<u8>,
    /// Per cent of the `dissimilarity index` line of a rewrite.
    pub dissimilarity: Option<u8>,
    /// Whether and how the file is binary.
    pub binary: Option<Binary>,
    /// Header and hunks, whole lines.
    pub span: Span,
    /// Lines added.
    pub added: u32,
    /// Lines removed.
    pub removed: u32,
    /// Its hunks, as a range of all hunks of the patch; see [`Patch::hunks`].
    pub(super) hunks: Range<u32>,
}

impl<'a> FileDiff<'a> {
    fn new(format: Format, start: usize) -> FileDiff<'a> {
        FileDiff {
            format,
            status: Status::Modified,
            old_path: None,
            new_path: None,
            old_mode: None,
            new_mode: None,
            old_blob: None,
            new_blob: None,
            similarity: None,
            dissimilarity: None,
            binary: None,
            span: Span::new(start, start),
            added: 0,
            removed: 0,
            hunks: 0..0,
        }
    }

    /// The name to speak of it by: the new one, or the old one of a deleted file. Empty if a damaged
    /// header gives none.
    pub fn path(&self) -> &str {
        self.new_path.as_deref().or(self.old_path.as_deref()).unwrap_or_default()
    }

    /// Whether the mode changes.
    pub fn changes_mode(&self) -> bool {
        matches!((self.old_mode, self.new_mode), (Some(old), Some(new)) if old != new)
    }

    /// Whether anything but the `diff` line itself was found.
    fn says_something(&self) -> bool {
        self.status != Status::Modified
            || self.new_mode.is_some()
            || self.new_blob.is_some()
            || self.similarity.is_some()
            || self.binary.is_some()
            || !self.hunks.is_empty()
    }
}

/// A `---`/`+++` pair: both names as written, and whether a side's time stamp is the epoch.
struct Pair<'a> {
    old: Cow<'a, str>,
    new: Cow<'a, str>,
    old_epoch: bool,
    new_epoch: bool,
    next: usize,
}

impl<'a> Pair<'a> {
    fn at(text: &'a str, start: usize) -> Option<Pair<'a>> {
        let minus = Line::at(text, start)?;
        let plus = minus.following(text)?;
        let (old, old_stamp) = path::stamped(minus.text().strip_prefix("--- ")?);
        let (new, new_stamp) = path::stamped(plus.text().strip_prefix("+++ ")?);
        let (old_epoch, new_epoch) = (path::is_epoch(old_stamp), path::is_epoch(new_stamp));
        Some(Pair { old, new, old_epoch, new_epoch, next: plus.next })
    }
}

/// Reads the diff of one file whose first line is at `start`, and returns where reading goes on;
/// `None` if no diff begins there.
pub(super) fn read<'a>(patch: &mut Patch<'a>, start: usize) -> Option<usize> {
    let line = Line::at(patch.text, start)?;
    match line.raw.as_bytes().first()? {
        b'd' => {
            if let Some(names) = line.text().strip_prefix("diff --git ") {
                return git(patch, line, names);
            }
            if let Some(name) = line.text().strip_prefix("diff --cc ").or(line.text().strip_prefix("diff --combined "))
            {
                return combined(patch, line, name);
            }
            line.raw.starts_with("diff ").then(|| plain(patch, start, line.next)).flatten()
        }
        b'I' if line.raw.starts_with("Index: ") => {
            let rule = line.following(patch.text).filter(|rule| rule.raw.starts_with("====="));
            plain(patch, start, rule.map_or(line.next, |rule| rule.next))
        }
        b'-' if line.raw.starts_with("--- ") => plain(patch, start, start),
        _ => None,
    }
}

/// A diff without git's header: the pair of names, then at least one hunk.
fn plain<'a>(patch: &mut Patch<'a>, start: usize, pair: usize) -> Option<usize> {
    let pair = Pair::at(patch.text, pair)?;
    Line::at(patch.text, pair.next).filter(|line| line.raw.starts_with("@@ "))?;
    let mut file = FileDiff::new(Format::Unified, start);
    name_plain(&mut file, &pair);
    let end = hunk::read_all(patch, &mut file, pair.next);
    // A time stamp of the epoch alone may be a file that is merely old.
    let first = patch.hunks[file.hunks.start as usize..].first();
    if pair.old_epoch && first.is_some_and(|hunk| hunk.old_start == 0 && hunk.old_len == 0) {
        (file.old_path, file.status) = (None, Status::Added);
    } else if pair.new_epoch && first.is_some_and(|hunk| hunk.new_start == 0 && hunk.new_len == 0) {
        (file.new_path, file.status) = (None, Status::Deleted);
    }
    Some(close(patch, file, end))
}

fn name_plain<'a>(file: &mut FileDiff<'a>, pair: &Pair<'a>) {
    match (&*pair.old, &*pair.new) {
        ("/dev/null", new) => {
            file.status = Status::Added;
            file.new_path = Some(sub(&pair.new, path::strip_one(new, b"b")));
        }
        (old, "/dev/null") => {
            file.status = Status::Deleted;
            file.old_path = Some(sub(&pair.old, path::strip_one(old, b"a")));
        }
        (old, new) => {
            let (old, new) = path::strip_plain(old, new);
            file.old_path = Some(sub(&pair.old, old));
            file.new_path = Some(sub(&pair.new, new));
        }
    }
}

/// `part`, which is a tail of `whole`, with the life time of `whole`.
fn sub<'a>(whole: &Cow<'a, str>, part: &str) -> Cow<'a, str> {
    let from = whole.len() - part.len();
    match whole {
        Cow::Borrowed(whole) if whole.ends_with(part) => Cow::Borrowed(&whole[from..]),
        _ => Cow::Owned(part.to_owned()),
    }
}

/// A git diff: extended header lines, then perhaps a pair of names and hunks, or binary data.
fn git<'a>(patch: &mut Patch<'a>, first: Line<'a>, names: &'a str) -> Option<usize> {
    let text = patch.text;
    let mut file = FileDiff::new(Format::Git, first.start);
    let mut pair = None;
    let mut end = first.next;
    let mut wrapped = None;
    while let Some(line) = Line::at(text, end) {
        if extended(&mut file, line.text()) {
            end = line.next;
        } else if line.raw.starts_with("--- ") {
            pair = Pair::at(text, end).filter(|_| !is_cut_line(line.text()));
            end = pair.as_ref().map_or(end, |pair| pair.next);
            break;
        } else if end == first.next && is_rest_of_wrapped(text, line) {
            // A mailer broke the long first line in two.
            wrapped = Some(line.span());
            end = line.next;
        } else {
            break;
        }
    }
    name_git(&mut file, names, pair.as_ref());
    end = match Line::at(text, end) {
        Some(line) if line.raw.starts_with("@@ ") && pair.is_some() => hunk::read_all(patch, &mut file, end),
        Some(line) if line.raw.starts_with("@@ -") => {
            patch.defect(Defect::NoPair { span: first.span() });
            hunk::read_all(patch, &mut file, end)
        }
        Some(line) if line.text() == "GIT binary patch" => super::binary::read(patch, &mut file, line),
        Some(line) if line.raw.starts_with("Binary files ") => {
            file.binary = Some(Binary::Named);
            line.next
        }
        _ => end,
    };
    if !file.says_something() {
        return None;
    }
    if let Some(span) = wrapped {
        patch.defect(Defect::WrappedHeader { span });
    }
    if file.path().is_empty() {
        patch.defect(Defect::NoName { span: first.span() });
    }
    Some(close(patch, file, end))
}

/// The `---` between message and notes, not the name of a file.
fn is_cut_line(text: &str) -> bool {
    text.trim_end() == "---"
}

/// Whether `line` is what a mailer broke off the `diff --git` line: the header goes on right after it.
fn is_rest_of_wrapped(text: &str, line: Line<'_>) -> bool {
    let mut scratch = FileDiff::new(Format::Git, 0);
    !line.text().is_empty()
        && line.following(text).is_some_and(|next| extended(&mut scratch, next.text()) || next.raw.starts_with("--- "))
}

/// Reads one extended header line (git-diff(1), "Generating patch text with -p"); false if it is none.
fn extended<'a>(file: &mut FileDiff<'a>, line: &'a str) -> bool {
    let Some((word, rest)) = line.split_once(' ') else { return false };
    match word {
        "index" => {
            let (ids, mode) = rest.split_once(' ').unwrap_or((rest, ""));
            let Some((old, new)) = ids.split_once("..").filter(|(old, new)| is_hex(old) && is_hex(new)) else {
                return false;
            };
            (file.old_blob, file.new_blob) = (Some(old), Some(new));
            if let Some(mode) = octal(mode) {
                file.old_mode = file.old_mode.or(Some(mode));
                file.new_mode = file.new_mode.or(Some(mode));
            }
        }
        "old" | "new" | "deleted" => {
            let whole_file = rest.strip_prefix("file mode ");
            let Some(mode) = whole_file.or(rest.strip_prefix("mode ")).and_then(octal) else { return false };
            match (word, whole_file.is_some()) {
                ("new", true) => (file.status, file.new_mode) = (Status::Added, Some(mode)),
                ("deleted", true) => (file.status, file.old_mode) = (Status::Deleted, Some(mode)),
                ("old", false) => file.old_mode = Some(mode),
                ("new", false) => file.new_mode = Some(mode),
                _ => return false,
            }
        }
        "similarity" | "dissimilarity" => {
            let percent = rest.strip_prefix("index ").and_then(|rest| rest.strip_suffix('%'));
            let Some(percent) = percent.and_then(|percent| percent.parse().ok()).filter(|percent| *percent <= 100)
            else {
                return false;
            };
            *(if word == "similarity" { &mut file.similarity } else { &mut file.dissimilarity }) = Some(percent);
        }
        "rename" | "copy" => {
            let status = if word == "rename" { Status::Renamed } else { Status::Copied };
            match rest.split_once(' ') {
                Some(("from" | "old", name)) => file.old_path = Some(path::whole(name)),
                Some(("to" | "new", name)) => file.new_path = Some(path::whole(name)),
                _ => return false,
            }
            file.status = status;
        }
        _ => return false,
    }
    true
}

fn is_hex(id: &str) -> bool {
    (4..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn octal(mode: &str) -> Option<u32> {
    u32::from_str_radix(mode.trim(), 8).ok()
}

/// Names of a git diff: those of `rename` lines as they stand, else of the pair, else of the first line.
fn name_git<'a>(file: &mut FileDiff<'a>, names: &'a str, pair: Option<&Pair<'a>>) {
    if matches!(file.status, Status::Renamed | Status::Copied) && file.old_path.is_some() && file.new_path.is_some() {
        return;
    }
    let both = match pair {
        Some(pair) => Some((pair.old.clone(), pair.new.clone())),
        None => path::git_pair(names),
    };
    let Some((old, new)) = both else { return };
    match (&*old, &*new) {
        ("/dev/null", name) => {
            file.status = Status::Added;
            file.new_path = Some(sub(&new, path::strip_one(name, b"biw2")));
        }
        (name, "/dev/null") => {
            file.status = Status::Deleted;
            file.old_path = Some(sub(&old, path::strip_one(name, b"aic1")));
        }
        (old_name, new_name) => {
            let (old_name, new_name) = path::strip(old_name, new_name).unwrap_or((old_name, new_name));
            file.old_path = (file.status != Status::Added).then(|| sub(&old, old_name));
            file.new_path = (file.status != Status::Deleted).then(|| sub(&new, new_name));
        }
    }
}

/// The diff of a merge has a column per parent; what is right for two files is not said of many, so its
/// lines are passed over.
fn combined<'a>(patch: &mut Patch<'a>, first: Line<'a>, name: &'a str) -> Option<usize> {
    let text = patch.text;
    let mut file = FileDiff::new(Format::Combined, first.start);
    let name = path::whole(name);
    (file.old_path, file.new_path) = (Some(name.clone()), Some(name));
    let mut end = first.next;
    let mut inside = false;
    while let Some(line) = Line::at(text, end) {
        let header = ["index ", "mode ", "new file mode ", "deleted file mode ", "--- ", "+++ "];
        match line.raw.as_bytes().first() {
            Some(b'@') if line.raw.starts_with("@@@") => inside = true,
            Some(b' ' | b'+' | b'-' | b'\\') if inside && line.text() != "-- " => {}
            _ if !inside && header.iter().any(|header| line.raw.starts_with(header)) => {}
            _ => break,
        }
        end = line.next;
    }
    if !inside {
        return None;
    }
    patch.defect(Defect::Combined { span: Span::new(first.start, end) });
    Some(close(patch, file, end))
}

fn close<'a>(patch: &mut Patch<'a>, mut file: FileDiff<'a>, end: usize) -> usize {
    file.span.end = end as u32;
    patch.files.push(file);
    end
}
