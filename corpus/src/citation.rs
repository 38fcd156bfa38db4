//! Message-IDs in text: the URLs of lore and its kin, ids named as such, and what a user types to name a mail.

use std::borrow::Cow;
use std::ops::Range;

use memchr::memmem;

use crate::address;

/// A mail that a text names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Citation {
    /// The bytes of the URL, or of the id without its brackets, in the text.
    pub span: Range<usize>,
    /// The id without brackets, percent escapes undone.
    pub message_id: String,
    /// Whether a web archive replaced the id's domain by `x`: it can be completed by [`address::masked_eq`] only.
    pub masked: bool,
}

/// Hosts whose URLs name mails by id, up to and with the slash. The redirectors have no list in their paths.
const HOSTS: [&[u8]; 2] = [b"kernel.org/", b"msgid.link/"];

/// Characters that end a URL in a text.
const URL_END: [char; 9] = ['<', '>', '"', '`', '|', '\\', '^', '{', '}'];

/// All mails that `text` names, in order of their places.
///
/// URLs: `lore.kernel.org/LIST/ID`, `lkml.kernel.org/r/ID`, `patch.msgid.link/ID`, `msgid.link/ID`, with or without
/// what follows the id. An id in `<>` counts where a word before it says so (`Message-ID:`, `id:`, `mid:`), or
/// where its form does, since an address looks the same: eight digits or more in a row (git, mutt), or a long local
/// part at Gmail's own domain for ids.
pub fn citations(text: &str) -> impl Iterator<Item = Citation> {
    let mut found = Vec::new();
    for host in HOSTS {
        for at in memmem::find_iter(text.as_bytes(), host) {
            found.extend(in_url(text, at, at + host.len()));
        }
    }
    for open in memchr::memchr_iter(b'<', text.as_bytes()) {
        found.extend(in_brackets(text, open));
    }
    found.sort_by_key(|citation: &Citation| (citation.span.start, citation.span.end));
    found.into_iter()
}

/// The Message-ID that a user means by a bare id, `<id>`, `id:ID`, `mid:ID`, or a URL of an archive.
/// `None` where it is none of these: an id holds an `@` and no white space or brackets.
pub fn message_name(typed: &str) -> Option<String> {
    let mut typed = typed.trim();
    for prefix in ["id:", "mid:", "Message-ID:", "Message-Id:"] {
        typed = typed.strip_prefix(prefix).unwrap_or(typed).trim();
    }
    if let Some(inside) = typed.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')) {
        typed = inside.trim();
    }
    if let Some(url) = typed.strip_prefix("https://").or_else(|| typed.strip_prefix("http://")) {
        return path_id(url.split_once('/')?.1);
    }
    for host in HOSTS {
        let host = std::str::from_utf8(host).ok()?;
        if let Some((before, path)) = typed.split_once(host)
            && !before.contains(['@', '/'])
        {
            return path_id(path);
        }
    }
    is_id(typed).then(|| typed.to_owned())
}

/// Reads the URL around a host's name that ends at `path`.
fn in_url(text: &str, host: usize, path: usize) -> Option<Citation> {
    let before = &text[..host];
    let name_from = before
        .bytes()
        .rev()
        .take(80)
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'))
        .count();
    let mut start = host - name_from;
    let name = &before[start..];
    // `kernel.org` has hosts that are no archives; `msgid.link` none.
    if text[host..].starts_with("kernel") && !["lore.", "lkml.", "www.lore."].contains(&name) {
        return None;
    }
    for scheme in ["https://", "http://"] {
        if before[..start].ends_with(scheme) {
            start -= scheme.len();
        }
    }
    let rest = &text[path..];
    let end = rest
        .char_indices()
        .take(2_000)
        .find(|(_, c)| c.is_whitespace() || c.is_control() || URL_END.contains(c))
        .map_or_else(|| rest.char_indices().nth(2_000).map_or(rest.len(), |(at, _)| at), |(at, _)| at);
    let mut url = rest[..end].trim_end_matches(['.', ',', ';', ':', '!', '?', '\'', ']', '*']);
    if url.ends_with(')') && !url.contains('(') {
        url = url.trim_end_matches([')', '.', ',']);
    }
    let message_id = path_id(url)?;
    Some(Citation { span: start..path + url.len(), masked: is_masked(&message_id), message_id })
}

/// The id in the path of an archive's URL: the first segment that can be one.
fn path_id(path: &str) -> Option<String> {
    let path = path.split(['#', '?']).next()?;
    path.split('/').take(4).find_map(|segment| {
        let id = unescape(segment);
        let id = id.strip_prefix('<').and_then(|id| id.strip_suffix('>')).unwrap_or(&id);
        is_id(id).then(|| id.to_owned())
    })
}

/// Reads `<id>` at `open`, where a bracket stands.
fn in_brackets(text: &str, open: usize) -> Option<Citation> {
    let rest = &text[open + 1..];
    let window = &rest.as_bytes()[..rest.len().min(300)];
    let close = memchr::memchr2(b'>', b'\n', window).filter(|&at| window[at] == b'>')?;
    let id = &rest[..close];
    if !is_id(id) || id.contains("://") || !(is_named_before(&text[..open]) || looks_like_id(id)) {
        return None;
    }
    Some(Citation { span: open + 1..open + 1 + close, message_id: id.to_owned(), masked: is_masked(id) })
}

fn is_named_before(before: &str) -> bool {
    let before = before.trim_end_matches([' ', '\t']);
    let tail = &before.as_bytes()[before.len().saturating_sub(16)..];
    let ends =
        |word: &str| tail.len() >= word.len() && tail[tail.len() - word.len()..].eq_ignore_ascii_case(word.as_bytes());
    ["message-id:", "message-id", "msgid:", "mid:", " id:", "in-reply-to:", "references:"].iter().any(|word| ends(word))
}

fn looks_like_id(id: &str) -> bool {
    let Some((local, domain)) = id.rsplit_once('@') else { return false };
    let digits = local.split(|c: char| !c.is_ascii_digit()).any(|run| run.len() >= 8);
    digits || (domain == "mail.gmail.com" && local.len() >= 30)
}

fn is_id(text: &str) -> bool {
    let halves = text.split_once('@').is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty());
    halves && text.len() <= 998 && !text.contains(|c: char| c.is_whitespace() || c.is_control() || c == '<' || c == '>')
}

fn is_masked(id: &str) -> bool {
    id.rsplit_once('@').is_some_and(|(_, domain)| address::is_mask(domain))
}

/// Undoes percent escapes; what is not one, or does not give UTF-8, stays.
fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        match crate::message::transfer::hex_pair(tail).filter(|_| *first == b'%') {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => bytes.push(*first),
        }
    }
    String::from_utf8(bytes).map_or(Cow::Borrowed(text), Cow::Owned)
}

#[cfg(test)]
mod tests;
