//! Words of a source line by what they are, near enough for reading a diff: a scanner of one line, which needs to know
//! only whether a comment is open. A grammar engine would need the lines that a diff does not show.

use std::ops::Range;

use crate::theme::Ink;

/// How a file is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// Nothing is known.
    #[default]
    Text,
    /// C and what looks like it: `//`, `/* */`, `#` of the preprocessor.
    C,
    /// As Rust has it.
    Rust,
    /// `#` begins a comment: shell, make, Kconfig, Python, Perl, YAML, TOML.
    Hash,
    /// Assembler of the kernel: C's comments and preprocessor.
    Assembler,
}

impl Language {
    /// By the name of the file.
    pub fn of(path: &str) -> Language {
        let name = path.rsplit('/').next().unwrap_or(path);
        let lower = name.to_ascii_lowercase();
        match lower.rsplit_once('.').map_or("", |(_, extension)| extension) {
            "c" | "h" | "cc" | "cpp" | "hpp" | "dts" | "dtsi" | "y" | "l" | "cocci" => Language::C,
            "s" => Language::Assembler,
            "rs" => Language::Rust,
            "py" | "sh" | "pl" | "yaml" | "yml" | "toml" | "mk" | "bash" | "awk" | "config" => Language::Hash,
            _ if ["makefile", "kbuild", "kconfig"].iter().any(|known| lower.starts_with(known)) => Language::Hash,
            _ => Language::Text,
        }
    }

    fn keywords(self) -> &'static [&'static str] {
        match self {
            Language::C | Language::Assembler => &[
                "break", "case", "const", "continue", "default", "do", "else", "enum", "extern", "for", "goto", "if",
                "inline", "register", "return", "sizeof", "static", "struct", "switch", "typedef", "typeof", "union",
                "volatile", "while",
            ],
            Language::Rust => &[
                "as", "async", "await", "break", "const", "continue", "crate", "dyn", "else", "enum", "extern", "fn",
                "for", "if", "impl", "in", "let", "loop", "match", "mod", "move", "mut", "pub", "ref", "return",
                "self", "Self", "static", "struct", "super", "trait", "type", "union", "unsafe", "use", "where",
                "while",
            ],
            Language::Hash => &[
                "and", "bool", "case", "class", "config", "def", "default", "depends", "do", "done", "elif", "else",
                "endif", "esac", "except", "export", "fi", "for", "from", "function", "if", "ifdef", "ifeq", "ifneq",
                "import", "in", "local", "not", "on", "or", "return", "select", "then", "tristate", "while", "with",
            ],
            Language::Text => &[],
        }
    }

    fn types(self) -> &'static [&'static str] {
        match self {
            Language::C | Language::Assembler => &[
                "atomic_t", "bool", "char", "double", "float", "int", "long", "short", "signed", "size_t", "ssize_t",
                "unsigned", "void",
            ],
            Language::Rust => &["Option", "Result", "String", "Vec", "bool", "char", "str", "usize", "isize"],
            _ => &[],
        }
    }

    fn line_comment(self) -> &'static [&'static str] {
        match self {
            Language::C | Language::Rust | Language::Assembler => &["//"],
            Language::Hash => &["#"],
            Language::Text => &[],
        }
    }

    fn has_blocks(self) -> bool {
        matches!(self, Language::C | Language::Rust | Language::Assembler)
    }
}

/// The words of a line that are more than plain, in order, and whether a comment is open behind it.
pub fn scan(language: Language, text: &str, in_comment: bool) -> (Vec<(Range<usize>, Ink)>, bool) {
    let mut out = Vec::new();
    if language == Language::Text {
        return (out, false);
    }
    let bytes = text.as_bytes();
    let mut at = 0;
    if in_comment {
        match text.find("*/") {
            Some(end) => {
                at = end + 2;
                out.push((0..at, Ink::Comment));
            }
            None => return (vec![(0..text.len(), Ink::Comment)], true),
        }
    }
    let c_like = matches!(language, Language::C | Language::Assembler);
    if c_like && at == 0 && text.trim_start().starts_with('#') {
        let start = text.len() - text.trim_start().len();
        let word = text[start + 1..].len() - text[start + 1..].trim_start().len() + start + 1;
        let end = word + text[word..].bytes().take_while(u8::is_ascii_alphabetic).count();
        out.push((start..end, Ink::Preprocessor));
        at = end;
    }
    while at < bytes.len() {
        let rest = &text[at..];
        let byte = bytes[at];
        if language.line_comment().iter().any(|mark| rest.starts_with(mark)) {
            out.push((at..text.len(), Ink::Comment));
            return (out, false);
        }
        if language.has_blocks() && rest.starts_with("/*") {
            match rest[2..].find("*/") {
                Some(end) => {
                    out.push((at..at + end + 4, Ink::Comment));
                    at += end + 4;
                    continue;
                }
                None => {
                    out.push((at..text.len(), Ink::Comment));
                    return (out, true);
                }
            }
        }
        if byte == b'"' || (byte == b'\'' && is_character(rest, language)) {
            let end = at + string_end(rest.as_bytes());
            out.push((at..end, Ink::Literal));
            at = end;
        } else if byte.is_ascii_digit() {
            let end = at + rest.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
            out.push((at..end, Ink::Literal));
            at = end;
        } else if byte.is_ascii_alphabetic() || byte == b'_' {
            let end = at + rest.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
            let word = &text[at..end];
            if language.keywords().contains(&word) {
                out.push((at..end, Ink::Keyword));
            } else if language.types().contains(&word) || is_sized(word) {
                out.push((at..end, Ink::Type));
            }
            at = end;
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    (out, false)
}

/// `u32`, `__be16`, `s64`, `i8`, `f64`, `uint32_t`
fn is_sized(word: &str) -> bool {
    let bare = word.trim_start_matches("__").trim_end_matches("_t");
    let digits = bare.trim_start_matches(|c: char| c.is_ascii_lowercase());
    matches!(digits, "8" | "16" | "32" | "64" | "128")
        && matches!(&bare[..bare.len() - digits.len()], "u" | "s" | "i" | "f" | "be" | "le" | "uint" | "int")
}

/// Rust's lifetimes begin like a character.
fn is_character(rest: &str, language: Language) -> bool {
    match language {
        Language::Rust => rest.starts_with("'\\") || rest.chars().nth(2) == Some('\''),
        _ => true,
    }
}

/// Bytes up to the closing quote, or to the end of the line.
fn string_end(bytes: &[u8]) -> usize {
    let mut at = 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            byte if byte == bytes[0] => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(language: Language, text: &str) -> Vec<(&str, Ink)> {
        scan(language, text, false).0.into_iter().map(|(range, ink)| (&text[range], ink)).collect()
    }

    #[test]
    fn words_of_c() {
        let line = "static u32 x = sizeof(\"a\\\"b\") + 0x1f; /* why */ return y; // z";
        let expected = [
            ("static", Ink::Keyword),
            ("u32", Ink::Type),
            ("sizeof", Ink::Keyword),
            ("\"a\\\"b\"", Ink::Literal),
            ("0x1f", Ink::Literal),
            ("/* why */", Ink::Comment),
            ("return", Ink::Keyword),
            ("// z", Ink::Comment),
        ];
        assert_eq!(shown(Language::C, line), expected);
        assert_eq!(shown(Language::C, "# define X 1"), [("# define", Ink::Preprocessor), ("1", Ink::Literal)]);
        assert_eq!(shown(Language::Rust, "fn f<'a>(c: char) { 'x' }").len(), 3);
    }

    #[test]
    fn a_comment_goes_on() {
        assert!(scan(Language::C, "x /* open", false).1);
        assert_eq!(scan(Language::C, "still */ int", true).0.len(), 2);
        assert!(scan(Language::C, "still", true).1);
        assert!(!scan(Language::Hash, "/* no", false).1);
    }

    #[test]
    fn it_ends_within_the_line_whatever_stands_there() {
        for text in ["\"open\\", "'", "#", "é\"ü", "/*/", "'\\", "日本 \"語"] {
            for language in [Language::C, Language::Rust, Language::Hash, Language::Text] {
                for open in [false, true] {
                    for (range, _) in scan(language, text, open).0 {
                        let end = range.end.min(text.len());
                        assert!(text.is_char_boundary(range.start) && text.is_char_boundary(end), "{text}: {range:?}");
                    }
                }
            }
        }
    }
}
