//! Trailers of a commit message or of a mail's text: who signed, what is fixed, where it was discussed
//! (Documentation/process/submitting-patches.rst; git-interpret-trailers(1); the handbook of the tip tree).
//!
//! A line is a trailer when its name is known, or when it stands in one paragraph with lines that are. Lines of a
//! diff begin with a sign and quoted ones with `>`, so the text of a whole mail can be given.

use std::borrow::Cow;
use std::ops::Range;

use crate::address::{self, Address};
use crate::citation;

/// What a trailer is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A person and a role: `Signed-off-by`, `Reported-by`, and everything else that ends in `-by`; `Author`.
    Person,
    /// `Cc`.
    Cc,
    /// `Fixes`: a commit and its title.
    Fixes,
    /// `Link`, `Closes`, `BugLink`, `Link to v2`, `Gitweb` and the like: a URL.
    Link,
    /// `Message-ID`.
    MessageId,
    /// `change-id`: what b4 gives to all revisions of one series.
    ChangeId,
    /// `base-commit`, `prerequisite-patch-id`, `Commit-ID`: names of git objects.
    Commit,
    /// `[ name: what a maintainer changed ]`.
    Note,
    /// Any other name, in the company of trailers.
    Other,
}

/// One trailer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trailer<'t> {
    /// What it is about.
    pub kind: Kind,
    /// The name as written, without the colon; of a note, who wrote it, where that is said.
    pub name: &'t str,
    /// The value on one line, without its comment.
    pub value: Cow<'t, str>,
    /// What follows a `#` after an address or a URL: `5.10+`, `[1]`.
    pub comment: Option<Cow<'t, str>>,
    /// The bytes of its lines in the text, without the last line end.
    pub span: Range<usize>,
}

impl Trailer<'_> {
    /// The person named, where the trailer names one.
    pub fn address(&self) -> Option<Address> {
        matches!(self.kind, Kind::Person | Kind::Cc).then(|| address::parse_one(&self.value)).flatten()
    }

    /// The abbreviated or full commit id in `Fixes`, `Commit-ID`, `base-commit`.
    pub fn commit(&self) -> Option<&str> {
        if !matches!(self.kind, Kind::Fixes | Kind::Commit) {
            return None;
        }
        let word = self.value.trim_start_matches("commit ");
        let word = word.split(|c: char| !c.is_ascii_alphanumeric()).next()?;
        let hex = (7..=64).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_hexdigit());
        hex.then_some(word)
    }

    /// The mail that a link or a Message-ID names.
    pub fn message_id(&self) -> Option<String> {
        matches!(self.kind, Kind::Link | Kind::MessageId)
            .then(|| citation::message_name(self.value.split_whitespace().next()?))
            .flatten()
    }
}

/// Lines of one trailer beyond which its folds, or the lines of a note, are not believed.
const LONGEST_FOLD: usize = 20;
/// More than any commit has; bounds what hostile text can ask for.
const MOST_TRAILERS: usize = 10_000;

/// All trailers in `text`, in order.
pub fn parse(text: &str) -> Vec<Trailer<'_>> {
    let mut trailers = Vec::new();
    let mut paragraph = Paragraph::default();
    let mut lines = Lines { text, at: 0 };
    while let Some(line) = lines.next() {
        let content = &text[line.clone()];
        // Most lines of a mail are code or quotes; their first byte tells.
        let first = content.bytes().next().unwrap_or(b'\n');
        if !first.is_ascii_alphabetic() && first != b'[' && !(content == "---" || content.trim_ascii().is_empty()) {
            paragraph.other += 1;
        } else if content == "---" || content.trim_ascii().is_empty() {
            paragraph.close(&mut trailers);
        } else if content.starts_with('[') {
            paragraph.found.extend(note(text, line, &mut lines).map(|note| (note, false)));
        } else if let Some((kind, name, from)) = head(content) {
            let mut end = line.end;
            for _ in 0..LONGEST_FOLD {
                let Some(fold) = lines.peek().filter(|fold| is_fold(&text[fold.clone()])) else { break };
                end = fold.end;
                lines.next();
            }
            let known = kind != Kind::Other;
            paragraph.found.push((trailer(kind, name, &text[line.start + from..end], line.start..end), known));
        } else {
            paragraph.other += 1;
        }
        if trailers.len() >= MOST_TRAILERS {
            return trailers;
        }
    }
    paragraph.close(&mut trailers);
    trailers
}

/// Candidates of one paragraph, each with whether its name is known.
#[derive(Default)]
struct Paragraph<'t> {
    found: Vec<(Trailer<'t>, bool)>,
    other: usize,
}

impl<'t> Paragraph<'t> {
    /// Known names count anywhere. Notes count beside one of them, other names where trailers are the rule.
    fn close(&mut self, into: &mut Vec<Trailer<'t>>) {
        let known = self.found.iter().filter(|(_, known)| *known).count();
        let rule = known > 0 && self.other == 0;
        for (trailer, is_known) in self.found.drain(..) {
            if is_known || (known > 0 && trailer.kind == Kind::Note) || rule {
                into.push(trailer);
            }
        }
        self.other = 0;
    }
}

fn trailer<'t>(kind: Kind, name: &'t str, raw: &'t str, span: Range<usize>) -> Trailer<'t> {
    let raw = raw.trim();
    let value = if raw.contains('\n') {
        let joined: Vec<&str> = raw.split('\n').map(str::trim).collect();
        Cow::Owned(joined.join(" "))
    } else {
        Cow::Borrowed(raw)
    };
    let commented = matches!(kind, Kind::Person | Kind::Cc | Kind::Link | Kind::MessageId);
    let Some(hash) = value.find(" #").or_else(|| value.find("\t#")).filter(|_| commented) else {
        return Trailer { kind, name, value, comment: None, span };
    };
    let (value, comment) = match value {
        Cow::Borrowed(text) => (Cow::Borrowed(text[..hash].trim_end()), Cow::Borrowed(text[hash + 2..].trim())),
        Cow::Owned(text) => {
            (Cow::Owned(text[..hash].trim_end().to_owned()), Cow::Owned(text[hash + 2..].trim().to_owned()))
        }
    };
    Trailer { kind, name, value, comment: Some(comment).filter(|text| !text.is_empty()), span }
}

/// The name that begins a line, its kind, and where the value begins.
fn head(line: &str) -> Option<(Kind, &str, usize)> {
    let window = &line.as_bytes()[..line.len().min(60)];
    let colon = memchr::memchr(b':', window)?;
    let name = line[..colon].trim_end();
    let value = &line[colon + 1..];
    let is = |other: &str| name.eq_ignore_ascii_case(other);
    // `http://` is no trailer, and one without a value says nothing.
    if name.is_empty() || value.trim().is_empty() || value.starts_with("//") {
        return None;
    }
    if let Some(version) = name.get(..9).filter(|head| head.eq_ignore_ascii_case("link to v")).map(|_| &name[9..]) {
        let versioned = !version.is_empty() && version.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        return versioned.then_some((Kind::Link, name, colon + 1));
    }
    let token = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if !token || !name.as_bytes()[0].is_ascii_alphabetic() {
        return None;
    }
    let by =
        name.len() > 3 && name.is_char_boundary(name.len() - 3) && name[name.len() - 3..].eq_ignore_ascii_case("-by");
    let kind = if by || is("author") || is("committer") {
        Kind::Person
    } else if is("cc") {
        Kind::Cc
    } else if is("fixes") {
        Kind::Fixes
    } else if ["link", "closes", "buglink", "bug", "bugzilla", "gitweb", "references", "patchwork"]
        .iter()
        .any(|l| is(l))
    {
        Kind::Link
    } else if is("message-id") {
        Kind::MessageId
    } else if is("change-id") {
        Kind::ChangeId
    } else if ["base-commit", "commit-id", "prerequisite-patch-id", "prerequisite-change-id", "prerequisite-message-id"]
        .iter()
        .any(|l| is(l))
    {
        Kind::Commit
    } else {
        Kind::Other
    };
    Some((kind, name, colon + 1))
}

/// Whether a line goes on with the value of the one before: indented, and no line of a diffstat.
fn is_fold(line: &str) -> bool {
    let diffstat = line.contains(" | ") || (line.contains(" changed") && line.contains(" file"));
    line.starts_with([' ', '\t']) && !diffstat && !line.trim().is_empty()
}

/// Reads `[ who: what ]` from the line at `first` on, which begins with a bracket.
fn note<'t>(text: &'t str, first: Range<usize>, lines: &mut Lines<'t>) -> Option<Trailer<'t>> {
    let mut ahead = Lines { text, at: lines.at };
    let mut end = first.end;
    let mut more = 0;
    while !text[..end].ends_with(']') {
        let line = ahead.next().filter(|line| !line.is_empty() && more < LONGEST_FOLD)?;
        end = line.end;
        more += 1;
    }
    if more > 0 {
        lines.at = ahead.at;
    }
    let inside = &text[first.start + 1..end - 1];
    let (name, value) = match inside.split_once(':') {
        Some((name, value)) if name.trim().len() <= 40 && !name.contains(['\n', '/']) => (name.trim(), value),
        _ => ("", inside),
    };
    let full = !inside.trim().is_empty();
    full.then(|| trailer(Kind::Note, name, value, first.start..end))
}

/// The lines of a text as places, without line ends.
struct Lines<'t> {
    text: &'t str,
    at: usize,
}

impl Lines<'_> {
    fn peek(&self) -> Option<Range<usize>> {
        let rest = self.text.get(self.at..).filter(|rest| !rest.is_empty())?;
        let end = memchr::memchr(b'\n', rest.as_bytes()).unwrap_or(rest.len());
        let line = rest[..end].strip_suffix('\r').unwrap_or(&rest[..end]);
        Some(self.at..self.at + line.len())
    }
}

impl Iterator for Lines<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        let line = self.peek()?;
        let end = memchr::memchr(b'\n', &self.text.as_bytes()[line.end..]);
        self.at = end.map_or(self.text.len(), |end| line.end + end + 1);
        Some(line)
    }
}

#[cfg(test)]
mod tests;
