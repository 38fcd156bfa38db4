//! MAINTAINERS of a kernel tree: which sections a patch belongs to, and whom they name.
//!
//! The file describes its own tags at its head; how they are matched is what scripts/get_maintainer.pl does (v6.1):
//! a pattern of `F:` or `X:` without a final slash matches as many directories as it has, `N:` is a regular expression
//! over the path, `K:` one over the changed lines.

use std::borrow::Cow;

use memchr::memchr;
use regex::RegexBuilder;

use crate::address::{self, Address};

/// Sections beyond this are not read; the kernel has about three thousand.
const SECTIONS: usize = 50_000;

/// A path longer than this belongs to no section.
const LONGEST: usize = 4_096;

/// Bytes that one compiled expression may take.
const EXPRESSION: usize = 1 << 20;

/// The list that everything goes to, and through which nobody in particular is reached.
pub const EVERYTHING: &str = "linux-kernel@vger.kernel.org";

/// A section: files that belong together, and who looks after them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Section<'t> {
    /// Its title.
    pub title: &'t str,
    /// `S:`, such as `Maintained` or `Orphan`.
    pub status: &'t str,
    /// `M:`, in the order of the file.
    pub maintainers: Vec<Address>,
    /// `R:`.
    pub reviewers: Vec<Address>,
    /// `L:`, and of `M:` and `R:` what is an address without a name: an alias that is read by several. Lists that take
    /// mail of their members only are left out.
    pub lists: Vec<&'t str>,
    files: Vec<&'t str>,
    excluded: Vec<&'t str>,
    names: Vec<&'t str>,
    keywords: Vec<&'t str>,
}

/// A section that a patch belongs to, and by what.
#[derive(Clone, Debug)]
pub struct Match<'s, 't> {
    /// The section.
    pub section: &'s Section<'t>,
    /// The line of MAINTAINERS: `F: kernel/trace/ftrace*`.
    pub by: String,
    /// How particular that line is: the length of a pattern of files, 0 for the other tags.
    pub weight: usize,
}

/// All sections.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Maintainers<'t>(pub Vec<Section<'t>>);

/// The text of a file that should be UTF-8.
pub fn text(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

impl<'t> Maintainers<'t> {
    /// Reads the file. What is no entry of a section is passed over.
    pub fn parse(text: &'t str) -> Maintainers<'t> {
        let mut sections: Vec<Section<'t>> = Vec::new();
        let mut title = "";
        for line in text.lines() {
            let Some((tag, value)) = entry(line) else {
                if !line.trim().is_empty() && !line.starts_with([' ', '\t']) {
                    title = line.trim();
                }
                continue;
            };
            if sections.last().is_none_or(|section| section.title != title) {
                if sections.len() == SECTIONS {
                    break;
                }
                sections.push(Section { title, ..Section::default() });
            }
            if let Some(section) = sections.last_mut() {
                section.add(tag, value);
            }
        }
        Maintainers(sections)
    }

    /// The sections that files of these paths or changed lines belong to, the most particular first. `THE REST`, which
    /// has every file, is among them.
    pub fn of<'s>(&'s self, paths: &[&str], changed: &[&str]) -> Vec<Match<'s, 't>> {
        let paths: Vec<&str> = paths.iter().copied().filter(|path| path.len() <= LONGEST).collect();
        let mut found: Vec<Match<'s, 't>> =
            self.0.iter().filter_map(|section| section.matches(&paths, changed)).collect();
        found.sort_by_key(|m| std::cmp::Reverse(m.weight));
        found
    }
}

/// Tag and value of a line `F:\tvalue`.
fn entry(line: &str) -> Option<(u8, &str)> {
    let tag = *line.as_bytes().first()?;
    let value = line.get(1..)?.strip_prefix(':')?;
    (tag.is_ascii_uppercase()).then(|| (tag, value.trim()))
}

impl<'t> Section<'t> {
    fn add(&mut self, tag: u8, value: &'t str) {
        match tag {
            b'M' | b'R' => {
                let Some(person) = address::parse_one(value).filter(|p| p.address.contains('@')) else { return };
                match (person.name.as_deref().unwrap_or_default(), tag) {
                    ("", _) => self.lists.extend(value.split([' ', '\t']).next()),
                    (_, b'M') => self.maintainers.push(person),
                    _ => self.reviewers.push(person),
                }
            }
            b'L' if !value.contains("subscribers-only") => {
                let list = value.split([' ', '\t']).next().map(|word| word.trim_matches(['<', '>']));
                self.lists.extend(list.filter(|list| list.contains('@')));
            }
            b'S' => self.status = value,
            b'F' if !value.is_empty() => self.files.push(value),
            b'X' if !value.is_empty() => self.excluded.push(value),
            b'N' if !value.is_empty() => self.names.push(value),
            b'K' if !value.is_empty() => self.keywords.push(value),
            _ => {}
        }
    }

    /// Whether nobody looks after it any more.
    pub fn is_orphaned(&self) -> bool {
        ["orphan", "obsolete"].iter().any(|word| self.status.to_lowercase().starts_with(word))
    }

    /// Whether it is the section of everything: it names who takes what nobody else does.
    pub fn is_rest(&self) -> bool {
        self.files.iter().any(|pattern| *pattern == "*" || *pattern == "*/")
    }

    /// Lists through which its people are reached.
    pub fn own_lists(&self) -> impl Iterator<Item = &'t str> {
        self.lists.iter().copied().filter(|list| !list.eq_ignore_ascii_case(EVERYTHING))
    }

    fn matches(&self, paths: &[&str], changed: &[&str]) -> Option<Match<'_, 't>> {
        let at = |by: String, weight| Some(Match { section: self, by, weight });
        let inside = |path: &&&str| !self.excluded.iter().any(|pattern| covers(pattern, path));
        let best =
            paths.iter().filter(inside).flat_map(|path| self.files.iter().filter(|pattern| covers(pattern, path)));
        if let Some(pattern) = best.max_by_key(|pattern| pattern.len()) {
            return at(format!("F: {pattern}"), pattern.len());
        }
        for pattern in &self.names {
            let found = expression(pattern).is_some_and(|e| paths.iter().filter(inside).any(|path| e.is_match(path)));
            if found {
                return at(format!("N: {pattern}"), 0);
            }
        }
        for pattern in &self.keywords {
            if expression(pattern).is_some_and(|e| changed.iter().any(|line| e.is_match(line))) {
                return at(format!("K: {pattern}"), 0);
            }
        }
        None
    }
}

/// An expression of the file; Perl's, of which ours lacks what looks around. One that is none matches nothing.
fn expression(pattern: &str) -> Option<regex::Regex> {
    RegexBuilder::new(pattern).size_limit(EXPRESSION).dfa_size_limit(EXPRESSION).build().ok()
}

/// Whether a pattern of `F:` has a path: the beginning of the path fits, and below a pattern that names no directory there
/// are no more of them.
fn covers(pattern: &str, path: &str) -> bool {
    let slashes = |text: &str| text.bytes().filter(|b| *b == b'/').count();
    if memchr(b'*', pattern.as_bytes()).is_none() && memchr(b'?', pattern.as_bytes()).is_none() {
        // A directory may be named without its slash.
        return path
            .strip_prefix(pattern)
            .is_some_and(|rest| pattern.ends_with('/') || rest.starts_with('/') || slashes(pattern) == slashes(path));
    }
    begins(pattern.as_bytes(), path.as_bytes()) && (pattern.ends_with('/') || slashes(pattern) == slashes(path))
}

/// Whether a beginning of the path fits: `*` stands for any characters, `?` for one. No recursion: a star that fits badly
/// takes one more character.
fn begins(pattern: &[u8], path: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    loop {
        if p == pattern.len() {
            return true;
        }
        if pattern[p] == b'*' {
            star = Some((p, t));
            p += 1;
        } else if t < path.len() && (pattern[p] == b'?' || pattern[p] == path[t]) {
            (p, t) = (p + 1, t + 1);
        } else if let Some((at, from)) = star.filter(|(_, from)| *from < path.len()) {
            star = Some((at, from + 1));
            (p, t) = (at + 1, from + 1);
        } else {
            return false;
        }
    }
}

#[cfg(test)]
mod tests;
