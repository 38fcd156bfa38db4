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
    /// The older kernel that the patch is for, where a prefix names one: `5.10` of `[PATCH v5.10.y 1/3]`, else `stable`.
    pub stable: Option<String>,
    /// The version where one is named, in a prefix or in brackets at the end; a series without one is its first.
    pub version: Option<Version>,
    /// The place in the series; 0 is the cover letter. One between two others is above [`BETWEEN`].
    pub number: Option<u32>,
    /// How many patches the series has.
    pub total: Option<u32>,
    /// The branch that the mail says a commit was merged into: `x86/core` of `[tip: x86/core]`.
    pub tip: Option<String>,
    /// What is left.
    pub title: String,
}

/// Numbers of patches that were put between two others stand above this: `1.5/3` is `BETWEEN + 15`.
pub const BETWEEN: u32 = 1_000_000;

/// The place of a patch as its subject writes it: `3`, `1.5`.
pub fn place(number: u32) -> String {
    match number.checked_sub(BETWEEN) {
        Some(tenths) => format!("{}.{}", tenths / 10, tenths % 10),
        None => number.to_string(),
    }
}

/// Places in the order in which patches apply: `1`, `1.5`, `2`.
pub fn order(number: u32) -> u64 {
    number.checked_sub(BETWEEN).map_or(u64::from(number) * 10, u64::from)
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
            } else if let Some(after) = mark(rest) {
                rest = after;
            } else {
                break;
            }
        }
        if (subject.is_patch || subject.is_rfc || subject.is_resend)
            && subject.stable.is_none()
            && let Some((title, version)) = version_at_end(rest)
        {
            subject.version = subject.version.or(Some(version));
            rest = title;
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
        let mut other: Vec<&str> = Vec::new();
        let split = |c: char| c.is_whitespace() || matches!(c, ',' | ';');
        let words: Vec<&str> = inside.split(split).filter(|word| !word.is_empty()).collect();
        let mut last_understood = false;
        let mut at = 0;
        while let Some(word) = words.get(at) {
            let taken = found.take_several(&words[at..]);
            last_understood = taken > 0 || found.take(word);
            if !last_understood {
                other.push(word);
            }
            at += taken.max(1);
        }
        // `[v2,3/4]` and `[bpf-next v3 12/12]` are about a patch; `[bug#60788]`, `[v2 of x]`, `[5/7 done]` are not.
        let keyed = found.patch || found.pull || found.rfc || found.resend;
        let listed = last_understood && other.len() <= MOST_TAGS && other.iter().all(|word| is_tag(word));
        if !(keyed || found.any() && listed) {
            return;
        }
        // A number beyond its total belongs to a patch; elsewhere it is a date or a share.
        found.number = found.number.filter(|(number, total)| keyed || number <= total || *number >= BETWEEN);
        let stable = other.iter().find_map(|word| kernel(word)).or_else(|| {
            other
                .iter()
                .any(|word| STABLE.iter().any(|name| word.eq_ignore_ascii_case(name)))
                .then(|| "stable".to_owned())
        });
        // `v5.10` names a kernel where the words around it do, where it has a version beside it, or by its size: nobody sends
        // a part of a series for the tenth time. `v5.1` alone is the first partial reroll of the fifth version.
        let named =
            stable.is_some() || found.versions.len() > 1 || words.iter().any(|word| word.eq_ignore_ascii_case("for"));
        let is_kernel = |version: &Version| version.1 >= 10 || version.1 > 0 && named;
        let kernel_version = found.versions.iter().find(|version| is_kernel(version)).copied();
        self.stable =
            self.stable.take().or(kernel_version.map(|version| format!("{}.{}", version.0, version.1))).or(stable);
        let version = found.versions.iter().find(|version| !is_kernel(version)).copied();
        self.is_patch |= found.patch || (found.number.is_some() && !found.pull);
        self.is_rfc |= found.rfc;
        self.is_resend |= found.resend;
        self.is_pull |= found.pull;
        self.version = self.version.or(version);
        if self.number.is_none()
            && let Some((number, total)) = found.number
        {
            (self.number, self.total) = (Some(number), Some(total));
        }
        self.trees.extend(other.into_iter().filter(|word| !is_filler(word)).map(str::to_owned));
        self.trees.extend(kernel_version.map(|version| version.to_string()));
    }
}

/// A bracket without `PATCH` has at most so many words that name a list or tree.
const MOST_TAGS: usize = 3;

/// A word that may name a list, project or tree: `SPARSE`, `bpf-next`, `iproute2-next`, `linux-6.1.y`, `net/tls`.
fn is_tag(word: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '/' | '.' | '+');
    word.len() <= 40
        && word.starts_with(|c: char| c.is_ascii_alphanumeric())
        && word.chars().all(plain)
        && word.chars().any(|c| c.is_ascii_alphabetic())
}

/// Words of a prefix that say that the patch is for an older kernel, though not for which.
const STABLE: [&str; 7] = ["stable", "autosel", "linux-stable", "backport", "longterm", "lts", "-stable"];

/// The kernel that a word of a prefix names: `5.10`, `6.1.y`, `linux-5.15.y`, `v6.6.12`, `for-6.1`.
fn kernel(word: &str) -> Option<String> {
    let word = word.strip_prefix("linux-").or_else(|| word.strip_prefix("stable-")).unwrap_or(word);
    let word = word.strip_prefix("for-").unwrap_or(word).trim_start_matches(['v', 'V']);
    let word = word.strip_suffix("-stable").or_else(|| word.strip_suffix("-stable-rc")).unwrap_or(word);
    let mut numbers = word.split('.');
    let (major, minor) = (numbers.next()?, numbers.next()?);
    let (major, minor_number) = (small(major).filter(|n| (2..100).contains(n))?, small(minor)?);
    let patch = numbers.next().is_none_or(|patch| patch == "y" || small(patch).is_some());
    (patch && numbers.next().is_none()).then(|| format!("{major}.{minor_number}"))
}

/// A mark that some put before the brackets: `--resend-- [PATCH 1/2] x`.
fn mark(text: &str) -> Option<&str> {
    let inside = text.strip_prefix("--")?;
    let end = inside.find("--").filter(|end| (1..=24).contains(end) && !inside[..*end].contains(' '))?;
    Some(inside[end + 2..].trim_start()).filter(|rest| rest.starts_with('['))
}

/// `title (v2)`, `title [V3]`, `title (take 2)`, `title (version 3)`: the title, and the version.
fn version_at_end(text: &str) -> Option<(&str, Version)> {
    let text = text.trim_end();
    let open = match text.chars().last()? {
        ')' => text.rfind('(')?,
        ']' => text.rfind('[')?,
        _ => return None,
    };
    let inside = text[open + 1..text.len() - 1].trim();
    let version = version(inside).filter(|version| version.1 == 0).or_else(|| {
        let words: Vec<&str> = inside.split_whitespace().collect();
        counted(&words).filter(|_| words.len() == 2)
    })?;
    let title = text[..open].trim_end();
    (!title.is_empty() && version.0 > 0).then_some((title, version))
}

/// `take 2`, `try 3`, `version 4`
fn counted(words: &[&str]) -> Option<Version> {
    let (word, number) = (words.first()?, words.get(1)?);
    let known = ["take", "try", "version", "ver"].iter().any(|known| known.eq_ignore_ascii_case(word));
    small(number).filter(|number| known && (1..100).contains(number)).map(|number| Version(number, 0))
}

/// What the words of one bracket say.
#[derive(Default)]
struct Found {
    patch: bool,
    rfc: bool,
    resend: bool,
    pull: bool,
    versions: Vec<Version>,
    number: Option<(u32, u32)>,
}

impl Found {
    fn any(&self) -> bool {
        !self.versions.is_empty() || self.number.is_some()
    }

    /// Reads what takes several words: `01 of 10`, `take 2`; returns how many.
    fn take_several(&mut self, words: &[&str]) -> usize {
        if let [number, of, total, ..] = words
            && of.eq_ignore_ascii_case("of")
            && let (Some(number), Some(total)) = (small(number), small(total))
            && number <= total
        {
            self.number = self.number.or(Some((number, total)));
            return 3;
        }
        match counted(words) {
            Some(version) => {
                self.versions.push(version);
                2
            }
            None => 0,
        }
    }

    /// Reads one word of a prefix; says whether it understood it.
    fn take(&mut self, word: &str) -> bool {
        if let Some(version) = version(word) {
            self.versions.push(version);
            return true;
        }
        if let Some(number) = number(word) {
            self.number = self.number.or(Some(number));
            return true;
        }
        // `RFC/PATCH`, or a tree such as `tip/master`: understood whole or not at all.
        let whole = keyword(word).is_some();
        let pieces: Vec<&str> =
            if whole { vec![word] } else { word.split(['/', '+', '|']).filter(|piece| !piece.is_empty()).collect() };
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
            self.versions.extend(version(rest));
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

/// `2/6`, `02/13`, `1.5/3` between two, `4/3` of one that came late
fn number(word: &str) -> Option<(u32, u32)> {
    let (number, total) = word.split_once('/')?;
    let total = small(total)?;
    let number = match number.split_once('.') {
        Some((whole, tenths)) if tenths.len() == 1 => {
            let (whole, tenths) = (small(whole).filter(|whole| *whole <= total)?, small(tenths)?);
            if tenths == 0 { whole } else { BETWEEN + 10 * whole + tenths }
        }
        Some(_) => return None,
        None => small(number).filter(|number| *number <= total || total > 0 && *number <= 2 * total + 4)?,
    };
    Some((number, total))
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
