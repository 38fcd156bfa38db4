//! Names of files in a diff. They are names only: nothing here or elsewhere opens them.

use std::borrow::Cow;

/// A name as written and what follows it, or `None` if it begins with a quote that never ends.
///
/// A quoted name (`"a/\303\266.c"`) is C-style, as git quotes names with control characters, quotes,
/// backslashes or bytes above 127 (git-config(1), `core.quotePath`).
pub(super) fn quoted(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let inner = text.strip_prefix('"')?;
    let mut bytes = Vec::new();
    let mut rest = inner.as_bytes().iter().enumerate();
    while let Some((at, &byte)) = rest.next() {
        match byte {
            b'"' => {
                let name =
                    String::from_utf8(bytes).unwrap_or_else(|bad| String::from_utf8_lossy(bad.as_bytes()).into());
                return Some((Cow::Owned(name), &inner[at + 1..]));
            }
            b'\\' => {
                let (_, &escape) = rest.next()?;
                bytes.push(match escape {
                    b'a' => 7,
                    b'b' => 8,
                    b't' => b'\t',
                    b'n' => b'\n',
                    b'v' => 11,
                    b'f' => 12,
                    b'r' => b'\r',
                    b'0'..=b'3' => {
                        let low = [rest.next()?.1, rest.next()?.1].map(|digit| digit.wrapping_sub(b'0'));
                        if low.iter().any(|digit| *digit > 7) {
                            return None;
                        }
                        (escape - b'0') << 6 | low[0] << 3 | low[1]
                    }
                    other => other,
                });
            }
            _ => bytes.push(byte),
        }
    }
    None
}

/// The name that fills a line of a git header (`rename from NAME`).
pub(super) fn whole(text: &str) -> Cow<'_, str> {
    quoted(text).map_or(Cow::Borrowed(text), |(name, _)| name)
}

/// The name and the time stamp of a `--- ` or `+++ ` line. A tab parts them; where a mailer made
/// blanks of it, the date does.
pub(super) fn stamped(text: &str) -> (Cow<'_, str>, &str) {
    if let Some((name, rest)) = quoted(text) {
        return (name, rest.trim());
    }
    let (name, stamp) = match text.split_once('\t') {
        Some(parts) => parts,
        None => text.split_at(date(text).unwrap_or(text.len())),
    };
    (Cow::Borrowed(name.trim_end()), stamp.trim())
}

/// Where a date as `diff -u` writes it (`2020-02-29 `, after a blank) begins.
fn date(text: &str) -> Option<usize> {
    let shape = |window: &[u8]| {
        window.iter().zip(b" 0000-00-00 ").all(|(byte, wanted)| match wanted {
            b'0' => byte.is_ascii_digit(),
            wanted => byte == wanted,
        })
    };
    text.as_bytes().windows(12).position(shape)
}

/// Whether a time stamp is that of a file which does not exist: `diff -N` gives it the epoch, in local time.
pub(super) fn is_epoch(stamp: &str) -> bool {
    stamp.starts_with("1970-01-01 ") || stamp.starts_with("1969-12-31 ") || stamp.ends_with(" 1970")
}

/// The two names of a `diff --git` line, prefixes included.
///
/// Unquoted names may hold blanks. The line gives two names only if they differ (a rename), and a rename
/// gives them again on lines of their own; so the line is split where both halves are one name.
pub(super) fn git_pair(text: &str) -> Option<(Cow<'_, str>, Cow<'_, str>)> {
    if let Some((old, rest)) = quoted(text) {
        return Some((old, whole(rest.strip_prefix(' ')?)));
    }
    if let Some(at) = text.find(" \"") {
        return Some((Cow::Borrowed(&text[..at]), whole(&text[at + 1..])));
    }
    let middle = text.len() / 2;
    let halves = text.is_char_boundary(middle).then(|| text.split_at(middle));
    if let Some((old, new)) = halves.and_then(|(old, new)| Some((old, new.strip_prefix(' ')?)))
        && strip(old, new).is_some_and(|(old, new)| old == new)
    {
        return Some((Cow::Borrowed(old), Cow::Borrowed(new)));
    }
    let mut words = text.split(' ');
    match (words.next(), words.next(), words.next()) {
        (Some(old), Some(new), None) if !old.is_empty() && !new.is_empty() => {
            Some((Cow::Borrowed(old), Cow::Borrowed(new)))
        }
        _ => None,
    }
}

/// Both names without the prefixes that git puts before them: `a/` and `b/`, or those of
/// `diff.mnemonicPrefix`. Under `diff.noprefix` they begin alike, and stay.
pub(super) fn strip<'a>(old: &'a str, new: &'a str) -> Option<(&'a str, &'a str)> {
    let letter = |name: &str| name.as_bytes().first_chunk::<2>().filter(|two| two[1] == b'/').map(|two| two[0]);
    match (letter(old), letter(new)) {
        (Some(o), Some(n)) if o != n => Some((&old[2..], &new[2..])),
        _ if old == new => Some((old, new)),
        _ => None,
    }
}

/// A name of a git diff without its prefix, where the other side is `/dev/null`.
pub(super) fn strip_one<'a>(name: &'a str, prefixes: &[u8]) -> &'a str {
    match name.as_bytes() {
        [letter, b'/', ..] if prefixes.contains(letter) => &name[2..],
        _ => name,
    }
}

/// Both names of a plain diff as `patch -p1` would take them, if they differ in their first directory
/// alone (`linux.orig/x.c`, `linux/x.c`), else as `patch -p0` would.
pub(super) fn strip_plain<'a>(old: &'a str, new: &'a str) -> (&'a str, &'a str) {
    match (old.split_once('/'), new.split_once('/')) {
        (Some((a, old_rest)), Some((b, new_rest))) if a != b && !old_rest.is_empty() && !new_rest.is_empty() => {
            let backup = old_rest.strip_suffix(".orig").or_else(|| old_rest.strip_suffix('~'));
            if old_rest == new_rest || (a, b) == ("a", "b") || backup == Some(new_rest) {
                (old_rest, new_rest)
            } else {
                (old, new)
            }
        }
        _ => (old, new),
    }
}
