//! What a subject says beside its title: `Re:`, `[PATCH bpf-next v4 2/6]`, `[tip: x86/core]` and their many forms.

use std::fmt;

/// The version of a series: `v4` is (4, 0), and the partial reroll `v5.1` is (5, 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(
    /// The number after the `v`.
    pub u32,
    /// The number after the dot, else 0.
    pub u32,
);

impl fmt::Display for Version {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.1 == 0 { write!(out, "v{}", self.0) } else { write!(out, "v{}.{}", self.0, self.1) }
    }
}

/// A subject, taken apart.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Subject {
    /// It begins with `Re:` or what other languages write for it.
    pub reply: bool,
    /// It begins with `Fwd:` or the like.
    pub forward: bool,
    /// The bracketed prefixes as they stand, without brackets, in order.
    pub prefixes: Vec<String>,
    /// A prefix says `PATCH`, or has a number in a series and says nothing that is not about patches.
    pub is_patch: bool,
    /// A prefix says `RFC` (or `RFT`).
    pub is_rfc: bool,
    /// A prefix says `RESEND` or `REPOST`.
    pub is_resend: bool,
    /// A prefix says `PULL`.
    pub is_pull: bool,
    /// The words of a patch's prefix that are none of the above: the tree or branch it is for, such as `bpf-next`.
    pub trees: Vec<String>,
    /// The version where one is named; a series without one is its first.
    pub version: Option<Version>,
    /// The place in the series; 0 is the cover letter.
    pub number: Option<u32>,
    /// How many patches the series has.
    pub total: Option<u32>,
    /// The branch that the mail says a commit was merged into: `x86/core` of `[tip: x86/core]`.
    pub tip: Option<String>,
    /// What is left.
    pub title: String,
}

impl Subject {
    /// Takes a decoded subject apart.
    pub fn parse(text: &str) -> Subject {
        let mut subject = Subject::default();
        let mut rest = text.trim();
        loop {
            if let Some((kind, after)) = reply_prefix(rest) {
                match kind {
                    Prefix::Reply => subject.reply = true,
                    Prefix::Forward => subject.forward = true,
                }
                rest = after;
            } else if let Some((inside, after)) = bracket(rest) {
                subject.prefix(inside);
                rest = after;
            } else {
                break;
            }
        }
        subject.title = rest.to_owned();
        subject
    }

    /// Whether this names the cover letter of a series.
    pub fn is_cover(&self) -> bool {
        self.number == Some(0)
    }

    /// The version, the first where none is named.
    pub fn revision(&self) -> Version {
        self.version.unwrap_or(Version(1, 0))
    }

    fn prefix(&mut self, inside: &str) {
        self.prefixes.push(inside.to_owned());
        if let Some(branch) = strip_word(inside, "tip:") {
            self.tip = Some(branch.trim().to_owned());
            return;
        }
        let mut found = Found::default();
        let mut other = Vec::new();
        for word in inside.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';')) {
            if !word.is_empty() && !found.take(word) {
                other.push(word);
            }
        }
        // `[v2,3/4]` is about a patch; `[bug#60788]`, `[v2 of x]`, `[5/7 done]` are not.
        if !(found.patch || found.pull || found.rfc || found.resend || (other.is_empty() && found.any())) {
            return;
        }
        self.is_patch |= found.patch || (found.number.is_some() && !found.pull);
        self.is_rfc |= found.rfc;
        self.is_resend |= found.resend;
        self.is_pull |= found.pull;
        self.version = self.version.or(found.version);
        if self.number.is_none()
            && let Some((number, total)) = found.number
        {
            (self.number, self.total) = (Some(number), Some(total));
        }
        self.trees.extend(other.into_iter().filter(|word| !is_filler(word)).map(str::to_owned));
    }
}

/// What the words of one bracket say.
#[derive(Default)]
struct Found {
    patch: bool,
    rfc: bool,
    resend: bool,
    pull: bool,
    version: Option<Version>,
    number: Option<(u32, u32)>,
}

impl Found {
    fn any(&self) -> bool {
        self.version.is_some() || self.number.is_some()
    }

    /// Reads one word of a prefix; says whether it understood it.
    fn take(&mut self, word: &str) -> bool {
        if let Some(version) = version(word) {
            self.version = self.version.or(Some(version));
            return true;
        }
        if let Some(number) = number(word) {
            self.number = self.number.or(Some(number));
            return true;
        }
        // `RFC/PATCH`, or a tree such as `tip/master`: understood whole or not at all.
        let pieces: Vec<&str> = word.split(['/', '+', '|']).filter(|piece| !piece.is_empty()).collect();
        if pieces.is_empty() || !pieces.iter().all(|piece| keyword(piece).is_some()) {
            return false;
        }
        for (flag, rest) in pieces.into_iter().filter_map(keyword) {
            match flag {
                Keyword::Patch => self.patch = true,
                Keyword::Rfc => self.rfc = true,
                Keyword::Resend => self.resend = true,
                Keyword::Pull => self.pull = true,
            }
            // `PATCHv3`, `PATCH2/6`
            self.version = self.version.or(version(rest));
            self.number = self.number.or(number(rest));
        }
        true
    }
}

#[derive(Clone, Copy)]
enum Keyword {
    Patch,
    Rfc,
    Resend,
    Pull,
}

/// A word that begins with a keyword and goes on with nothing, a version or a number.
fn keyword(word: &str) -> Option<(Keyword, &str)> {
    const WORDS: [(&str, Keyword); 10] = [
        ("patchset", Keyword::Patch),
        ("patches", Keyword::Patch),
        ("patch", Keyword::Patch),
        ("rfc", Keyword::Rfc),
        ("rft", Keyword::Rfc),
        ("resend", Keyword::Resend),
        ("resent", Keyword::Resend),
        ("repost", Keyword::Resend),
        ("reposted", Keyword::Resend),
        ("pull", Keyword::Pull),
    ];
    WORDS.iter().find_map(|(name, keyword)| {
        let rest = strip_word(word, name)?.trim_start_matches(['-', ':', '_']);
        let digits = rest.bytes().all(|byte| byte.is_ascii_digit());
        let known = digits || version(rest).is_some() || number(rest).is_some();
        known.then_some((*keyword, rest))
    })
}

/// Words beside `PULL` and `PATCH` that name no tree.
fn is_filler(word: &str) -> bool {
    ["git", "request", "series", "set", "for", "-"].iter().any(|filler| word.eq_ignore_ascii_case(filler))
}

/// `v4`, `V4`, `-v4`, `v5.1`
fn version(word: &str) -> Option<Version> {
    let word = word.strip_prefix('-').unwrap_or(word);
    let digits = word.strip_prefix(['v', 'V'])?;
    let (major, minor) = digits.split_once('.').unwrap_or((digits, "0"));
    Some(Version(small(major)?, small(minor)?))
}

/// `2/6`, `02/13`
fn number(word: &str) -> Option<(u32, u32)> {
    let (number, total) = word.split_once('/')?;
    let (number, total) = (small(number)?, small(total)?);
    (number <= total).then_some((number, total))
}

/// A number of digits only, of a size that a series can have.
fn small(digits: &str) -> Option<u32> {
    let fits = (1..=5).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    if fits { digits.parse().ok() } else { None }
}

/// Takes `word` off the front of `text`, whatever its case.
fn strip_word<'t>(text: &'t str, word: &str) -> Option<&'t str> {
    let head = text.get(..word.len())?;
    head.eq_ignore_ascii_case(word).then(|| &text[word.len()..])
}

enum Prefix {
    Reply,
    Forward,
}

/// `Re:`, `RE[2]:`, `Re^3:`, `AW:`, `Fwd:` and so on, and what follows.
fn reply_prefix(text: &str) -> Option<(Prefix, &str)> {
    const REPLIES: [&str; 9] = ["re", "aw", "sv", "vs", "antw", "antwort", "odp", "回复", "答复"];
    const FORWARDS: [&str; 6] = ["fwd", "fw", "wg", "tr", "转发", "vb"];
    let end = text.find([':', '：'])?;
    if end > 24 {
        return None;
    }
    let after = text[end..].trim_start_matches([':', '：']);
    let word = text[..end].trim_end();
    let counted = |c: char| c.is_ascii_digit() || matches!(c, '[' | ']' | '^' | '(' | ')' | '*');
    let word = word.trim_end_matches(counted).trim_end();
    let among = |words: &[&str]| words.iter().any(|known| known.eq_ignore_ascii_case(word));
    let kind = if among(&REPLIES) {
        Prefix::Reply
    } else if among(&FORWARDS) {
        Prefix::Forward
    } else {
        return None;
    };
    Some((kind, after.trim_start()))
}

/// A bracketed prefix and what follows it.
fn bracket(text: &str) -> Option<(&str, &str)> {
    let inside = text.strip_prefix('[')?;
    let end = inside.find(']')?;
    Some((inside[..end].trim(), inside[end + 1..].trim_start()))
}

#[cfg(test)]
mod tests;
