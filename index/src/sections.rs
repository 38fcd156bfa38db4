//! The text of a mail, cut into what public-inbox searches apart: quoted text, plain text, and the
//! lines of a diff by their kind.
//!
//! The cut follows public-inbox (`lib/PublicInbox/SearchIdx.pm`, 1.9), since its prefixes have to mean
//! here what they mean on lore: a line is quoted when it begins with `>`; an unquoted block is a diff when
//! one of its lines begins with `diff `, `--- ` or `+++ `; within a diff each line is a text of its own, so that
//! no phrase crosses lines.

use memchr::memchr;
use serde::Serialize;

/// Stands between two texts of one field: no phrase matches across it.
pub const SEPARATOR: char = crate::terms::GAP;

/// git's abbreviations have at least seven digits; public-inbox searches none that is shorter.
const SHORTEST_ID: usize = 7;

/// One mail's text by kind; several texts of one kind are joined by [`SEPARATOR`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Sections {
    /// Neither quoted nor a line of a diff that another field takes.
    pub body: String,
    /// Lines that begin with `>`.
    pub quoted: String,
    /// File names of diffs, each once.
    pub dfn: String,
    /// Removed lines, without their sign.
    pub dfa: String,
    /// Added lines, without their sign.
    pub dfb: String,
    /// What follows the second `@@` of hunk headers.
    pub dfhh: String,
    /// Context lines, without their blank.
    pub dfctx: String,
    /// Blob ids before.
    pub dfpre: Vec<String>,
    /// Blob ids after.
    pub dfpost: Vec<String>,
}

/// Begins another text in a field.
pub fn separate(field: &mut String) {
    if !field.is_empty() && !field.ends_with(SEPARATOR) {
        field.push(SEPARATOR);
    }
}

fn push_text(field: &mut String, text: &str) {
    separate(field);
    field.push_str(text);
}

impl Sections {
    /// Adds one text part. Parts do not run into each other.
    pub fn add(&mut self, text: &str) {
        // A mail may hold the separator itself; it must not be able to tear a phrase apart.
        if memchr(SEPARATOR as u8, text.as_bytes()).is_some() {
            return self.add(&text.replace(SEPARATOR, " "));
        }
        let mut rest = text;
        while !rest.is_empty() {
            let quoted = rest.starts_with('>');
            let end = block_end(rest, quoted);
            let (block, after) = rest.split_at(end);
            rest = after;
            if quoted {
                push_text(&mut self.quoted, block);
            } else if looks_like_diff(block) {
                self.add_diff(block);
            } else {
                push_text(&mut self.body, block);
            }
        }
    }

    fn add_diff(&mut self, block: &str) {
        let mut diff = Diff::new(self);
        let mut lines = Lines(block).peekable();
        while let Some(line) = lines.next() {
            if diff.open && line.starts_with("GIT binary patch") {
                diff.plain(line);
                while let Some(size) = lines.next_if(|l| l.starts_with("literal ") || l.starts_with("delta ")) {
                    diff.plain(size);
                    while lines.next_if(|l| is_base85(l) || l.trim().is_empty()).is_some() {}
                }
            } else {
                diff.line(line);
            }
        }
    }
}

/// The state of reading one block that holds a diff.
struct Diff<'a> {
    out: &'a mut Sections,
    /// Inside a diff, where a line's first character has a meaning.
    open: bool,
    /// The `---` name of a diff without a git header, until its `+++` comes.
    old_name: Option<String>,
    /// The current text of plain lines; begins anew after each line that went to another field.
    plain_open: bool,
    seen: Vec<String>,
}

impl<'a> Diff<'a> {
    fn new(out: &'a mut Sections) -> Self {
        Diff { out, open: false, old_name: None, plain_open: false, seen: Vec::new() }
    }

    fn plain(&mut self, line: &str) {
        if self.plain_open {
            self.out.body.push('\n');
        } else {
            separate(&mut self.out.body);
            self.plain_open = true;
        }
        self.out.body.push_str(line);
    }

    fn line(&mut self, line: &str) {
        if self.open
            && let Some(context) = line.strip_prefix(' ')
        {
            self.plain_open = false;
            push_text(&mut self.out.dfctx, context);
        } else if line == "-- " {
            self.open = false;
        } else if let Some((a, b)) = git_header(line) {
            self.plain(line);
            self.open = true;
            self.name(&a);
            self.name(&b);
        } else if line.starts_with("diff -") && plain_header(line).is_some() {
            self.plain(line);
            if let Some((a, b)) = plain_header(line).filter(|_| line.contains(['u', 'U'])) {
                self.open = self.common_name(&a, &b);
            }
        } else if let Some(name) =
            line.strip_prefix("--- ").or_else(|| line.strip_prefix("+++ ")).and_then(without_first_component)
        {
            self.name(&name);
            self.open = true;
        } else if let Some(rest) = line.strip_prefix("--- ") {
            self.old_name = first_word(rest).map(str::to_owned);
            self.open = true;
            self.plain(line);
        } else if self.open && line == "+++ /dev/null" {
            // The other half of a deleted file's names, and no line of it.
            self.old_name = None;
            self.plain(line);
        } else if self.open && line.starts_with("+++ ") && self.old_name.is_some() {
            let (old, new) = (self.old_name.take(), first_word(&line[4..]));
            if let (Some(old), Some(new)) = (old, new) {
                self.open = self.common_name(&old, new);
            }
        } else if self.open
            && let Some(added) = line.strip_prefix('+')
        {
            self.plain_open = false;
            push_text(&mut self.out.dfb, added);
        } else if self.open
            && let Some(removed) = line.strip_prefix('-')
        {
            self.plain_open = false;
            push_text(&mut self.out.dfa, removed);
        } else if let Some((pre, post)) = index_line(line) {
            for (ids, id) in [(&mut self.out.dfpre, pre), (&mut self.out.dfpost, post)] {
                if id.len() >= SHORTEST_ID {
                    ids.push(id.to_owned());
                }
            }
            self.open = true;
        } else if let Some(context) = hunk_context(line) {
            if !context.is_empty() {
                self.plain_open = false;
                push_text(&mut self.out.dfhh, context);
            }
        } else if is_extended_header(line) {
            self.plain(line);
        } else if !line.is_empty() {
            // A mailer may have stripped the blank of an empty context line, so an empty line closes nothing.
            self.plain(line);
            self.open = false;
        }
    }

    fn name(&mut self, name: &str) {
        if !name.is_empty() && !self.seen.iter().any(|s| s == name) {
            self.plain_open = false;
            push_text(&mut self.out.dfn, name);
            // A hostile mail may name a million files; after a thousand a repeated name is merely indexed twice.
            if self.seen.len() < 1_000 {
                self.seen.push(name.to_owned());
            }
        }
    }

    /// A diff without git's `a/` and `b/`: the longest common tail of both paths is the name.
    fn common_name(&mut self, old: &str, new: &str) -> bool {
        let (mut a, mut b) = (old, new);
        loop {
            if a == b && !a.is_empty() {
                let name = a.to_owned();
                self.name(&name);
                return true;
            }
            match (a.split_once('/'), b.split_once('/')) {
                (Some((_, a_tail)), Some((_, b_tail))) => (a, b) = (a_tail, b_tail),
                _ => return false,
            }
        }
    }
}

/// Lines without their line feed; the carriage return of a CR LF mail goes too.
struct Lines<'a>(&'a str);

impl<'a> Iterator for Lines<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        if self.0.is_empty() {
            return None;
        }
        let (line, rest) = match memchr(b'\n', self.0.as_bytes()) {
            Some(end) => (&self.0[..end], &self.0[end + 1..]),
            None => (self.0, ""),
        };
        self.0 = rest;
        Some(line.strip_suffix('\r').unwrap_or(line))
    }
}

/// Length of the run of lines at the start of `text` that are all quoted, or all not.
fn block_end(text: &str, quoted: bool) -> usize {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(end) = memchr(b'\n', &bytes[at..]) {
        at += end + 1;
        if at < bytes.len() && (bytes[at] == b'>') != quoted {
            return at;
        }
    }
    text.len()
}

fn looks_like_diff(block: &str) -> bool {
    Lines(block).any(|l| l.starts_with("diff ") || l.starts_with("--- ") || l.starts_with("+++ "))
}

/// `diff --git a/x b/y` -> (x, y).
fn git_header(line: &str) -> Option<(String, String)> {
    let names = line.strip_prefix("diff --git ")?;
    if !names.contains('/') {
        return None;
    }
    // Two equal halves is the plain case, and the only one where a name with blanks can be told apart.
    let middle = names.len() / 2;
    let (a, b) = if !names.starts_with('"')
        && names.is_char_boundary(middle)
        && names.as_bytes().get(middle) == Some(&b' ')
        && names[..middle].split_once('/').map(|(_, n)| n) == names[middle + 1..].split_once('/').map(|(_, n)| n)
    {
        (&names[..middle], &names[middle + 1..])
    } else {
        names.rsplit_once(' ')?
    };
    Some((without_first_component(a)?, without_first_component(b)?))
}

/// `diff -urN old/x new/x` -> its last two words.
fn plain_header(line: &str) -> Option<(String, String)> {
    let mut words = line.rsplit(' ');
    let (new, old) = (words.next()?, words.next()?);
    words.next()?;
    (!old.starts_with('-') && !new.is_empty()).then(|| (old.to_owned(), new.to_owned()))
}

fn without_first_component(path: &str) -> Option<String> {
    let path = unquote(path.trim_end_matches('\t'));
    path.split_once('/').filter(|(first, rest)| !first.is_empty() && !rest.is_empty()).map(|(_, rest)| rest.to_owned())
}

fn first_word(text: &str) -> Option<&str> {
    text.split_whitespace().next()
}

/// git quotes a path that has unusual bytes as a C string.
fn unquote(path: &str) -> std::borrow::Cow<'_, str> {
    let Some(inner) = path.strip_prefix('"').and_then(|p| p.strip_suffix('"')) else {
        return path.into();
    };
    let mut out = Vec::with_capacity(inner.len());
    let mut bytes = inner.bytes().peekable();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        match bytes.next() {
            Some(b'a') => out.push(7),
            Some(b'b') => out.push(8),
            Some(b'f') => out.push(12),
            Some(b'n') => out.push(b'\n'),
            Some(b'r') => out.push(b'\r'),
            Some(b't') => out.push(b'\t'),
            Some(b'v') => out.push(11),
            Some(first @ b'0'..=b'3') => {
                let mut value = u32::from(first - b'0');
                for _ in 0..2 {
                    if let Some(digit) = bytes.next_if(|d| (b'0'..=b'7').contains(d)) {
                        value = value * 8 + u32::from(digit - b'0');
                    }
                }
                out.push(value as u8);
            }
            Some(other) => out.push(other),
            None => out.push(b'\\'),
        }
    }
    String::from_utf8_lossy(&out).into_owned().into()
}

/// `index 1234567..89abcde 100644`.
fn index_line(line: &str) -> Option<(&str, &str)> {
    let ids = line.strip_prefix("index ")?;
    let (pre, rest) = ids.split_once("..")?;
    let end = rest.find(|c: char| !is_hex(c)).unwrap_or(rest.len());
    let post = &rest[..end];
    (!pre.is_empty() && pre.chars().all(is_hex) && !post.is_empty()).then_some((pre, post))
}

fn is_hex(c: char) -> bool {
    matches!(c, '0'..='9' | 'a'..='f')
}

/// `@@ -1,2 +3,4 @@ context` -> context, empty where there is none.
fn hunk_context(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("@@ ")?;
    let (range, context) = rest.split_once(" @@")?;
    (range.split(' ').count() == 2).then(|| context.trim())
}

fn is_extended_header(line: &str) -> bool {
    const HEADERS: [&str; 13] = [
        "dissimilarity index",
        "similarity index",
        "old mode",
        "new mode",
        "deleted file mode",
        "new file mode",
        "copy from ",
        "copy to ",
        "rename from ",
        "rename to ",
        "deleted mode",
        "\\ No newline at end of file",
        "Binary files ",
    ];
    HEADERS.iter().any(|h| line.starts_with(h))
}

/// A line of a git binary patch: its length as a letter, then base85.
fn is_base85(line: &str) -> bool {
    line.len() > 1
        && line.as_bytes()[0].is_ascii_alphabetic()
        && line.bytes().skip(1).all(|b| b.is_ascii_alphanumeric() || b"!#$%&()*+-;<=>?@^_`{|}~".contains(&b))
}
