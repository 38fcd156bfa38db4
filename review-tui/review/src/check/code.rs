//! The C code that a patch leaves behind: its lines without comments and strings, the functions it defines, its calls and
//! assignments. No parser of C: a patch shows pieces, and macros are no C. What is read is what a reviewer's eye reads.

use provenance_corpus::patch::{LineKind, Patch};

/// Lines of one patch that are looked at.
const MOST_LINES: usize = 200_000;

/// Lines that the arguments of one call may take.
const LONGEST_CALL: usize = 24;

/// A line of the new side of a hunk, or a removed one.
#[derive(Clone, Debug)]
pub struct Line {
    /// Which file, as a place in [`Code::paths`].
    pub file: usize,
    /// Its number in the new file; 0 for a removed line.
    pub number: u32,
    /// What it is.
    pub kind: LineKind,
    /// Without comments, strings and what follows a backslash at its end.
    pub code: String,
    /// As it stands in the patch, without its sign.
    pub raw: String,
}

/// A function that the patch shows with its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// Its name; `##` stays where a macro makes it.
    pub name: String,
    /// What stands before and after the name's parentheses: storage, type, attributes.
    pub attributes: String,
    /// Names of its parameters.
    pub parameters: Vec<String>,
    /// Place of its name among the lines.
    pub line: usize,
    /// Whether the patch adds that line.
    pub added: bool,
}

/// A call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Place among the lines.
    pub line: usize,
    /// Arguments, blanks squeezed.
    pub arguments: Vec<String>,
    /// The patch defines or declares the function there.
    pub defines: bool,
}

/// What a patch leaves behind.
#[derive(Clone, Debug, Default)]
pub struct Code {
    /// Files of kernel code; documentation, samples and selftests are not among them.
    pub paths: Vec<String>,
    /// Lines of hunks, in order; hunks do not run into each other.
    pub lines: Vec<Line>,
    /// Of each hunk the place of its first line, and the header that stands above it.
    pub headers: Vec<(usize, String)>,
    /// Functions with a body, or the beginning of one.
    pub functions: Vec<Function>,
}

/// Whether code in this file runs in a kernel that is patched.
pub fn is_kernel(path: &str) -> bool {
    let outside = ["Documentation/", "samples/", "tools/", "scripts/", "usr/"];
    let code = [".c", ".h", ".S"].iter().any(|end| path.ends_with(end));
    code && !outside.iter().any(|dir| path.starts_with(dir))
        && !path.contains("/selftests/")
        && !path.contains("selftest")
}

/// Reads the code of a patch.
pub fn read(patch: &Patch<'_>) -> Code {
    let mut code = Code::default();
    for file in patch.files.iter().filter(|file| is_kernel(file.path())) {
        let at = code.paths.len();
        code.paths.push(file.path().to_owned());
        for hunk in patch.hunks(file) {
            let header = patch.slice(hunk.span).lines().next().unwrap_or_default().trim_end().to_owned();
            code.headers.push((code.lines.len(), header));
            let (mut new_comment, mut old_comment) = (begins_in_comment(patch, hunk), false);
            for line in patch.lines(hunk) {
                if code.lines.len() >= MOST_LINES {
                    break;
                }
                let raw = patch.slice(line.span);
                let inside = if line.kind == LineKind::Removed { &mut old_comment } else { &mut new_comment };
                let stripped = strip(raw, inside);
                code.lines.push(Line {
                    file: at,
                    number: line.new,
                    kind: line.kind,
                    code: stripped,
                    raw: raw.to_owned(),
                });
            }
            // A line without text parts hunks.
            let last = Line { file: at, number: 0, kind: LineKind::Removed, code: String::new(), raw: String::new() };
            code.lines.push(last);
        }
    }
    code.functions = functions(&code.lines);
    code
}

/// A hunk that begins in the middle of a comment shows its end before any beginning.
fn begins_in_comment(patch: &Patch<'_>, hunk: &provenance_corpus::patch::Hunk) -> bool {
    for line in patch.lines(hunk).iter().filter(|line| line.kind != LineKind::Removed) {
        let text = patch.slice(line.span);
        match (text.find("/*"), text.find("*/")) {
            (Some(open), Some(close)) => return close < open,
            (Some(_), None) => return false,
            (None, Some(_)) => return true,
            (None, None) => {}
        }
    }
    false
}

/// A line without comments, strings and the backslash that continues a macro.
fn strip(raw: &str, comment: &mut bool) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw.trim_end().trim_end_matches('\\').chars().peekable();
    let mut string: Option<char> = None;
    while let Some(c) = rest.next() {
        if *comment {
            if c == '*' && rest.peek() == Some(&'/') {
                rest.next();
                *comment = false;
            }
        } else if let Some(quote) = string {
            if c == '\\' {
                rest.next();
            } else if c == quote {
                string = None;
                out.push('"');
            }
        } else {
            match (c, rest.peek()) {
                ('/', Some('*')) => {
                    rest.next();
                    *comment = true;
                }
                ('/', Some('/')) => break,
                ('"' | '\'', _) => {
                    out.push('"');
                    string = Some(c);
                }
                _ => out.push(c),
            }
        }
    }
    out.trim_end().to_owned()
}

/// Whether a character may stand in a name, or in one that a macro makes.
fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '#')
}

/// Names in a text, with their places.
pub fn names(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + text.get(at..)?.find(|c: char| is_name(c) && c != '#')?;
        let end = text[start..].find(|c: char| !is_name(c)).map_or(text.len(), |n| start + n);
        at = end;
        Some((start, &text[start..end]))
    })
}

/// The text between a parenthesis at `open` of a line and its other half, with the place after it; `None` where the hunk
/// ends before.
fn parenthesised(lines: &[Line], line: usize, open: usize) -> Option<(String, usize, usize)> {
    let (mut depth, mut text) = (0usize, String::new());
    let mut used = 0;
    for (at, one) in lines.iter().enumerate().skip(line) {
        if one.kind == LineKind::Removed && at != line {
            if one.raw.is_empty() {
                return None;
            }
            continue;
        }
        used += 1;
        if used > LONGEST_CALL {
            return None;
        }
        let start = if at == line { open } else { 0 };
        for (place, c) in one.code.char_indices().skip_while(|(place, _)| *place < start) {
            match c {
                '(' => {
                    depth += 1;
                    if depth == 1 {
                        continue;
                    }
                }
                ')' => {
                    depth = depth.checked_sub(1)?;
                    if depth == 0 {
                        return Some((text, at, place + 1));
                    }
                }
                _ => {}
            }
            text.push(c);
        }
        text.push(' ');
    }
    None
}

/// Splits at commas outside of parentheses, blanks squeezed.
fn split(text: &str) -> Vec<String> {
    let (mut parts, mut depth) = (vec![String::new()], 0i32);
    for c in text.chars() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            _ => {}
        }
        if c == ',' && depth == 0 {
            parts.push(String::new());
        } else if let Some(last) = parts.last_mut() {
            last.push(c);
        }
    }
    parts.iter().map(|p| p.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

/// Words that begin a statement and look like a type.
const STATEMENTS: [&str; 10] = ["return", "else", "if", "while", "for", "switch", "case", "goto", "do", "define"];

/// Functions whose body begins in the lines.
fn functions(lines: &[Line]) -> Vec<Function> {
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate().filter(|(_, line)| line.kind != LineKind::Removed) {
        let Some(open) = line.code.find('(') else { continue };
        let before = &line.code[..open];
        let Some((start, name)) =
            names(before).last().filter(|(start, name)| before[start + name.len()..].trim().is_empty())
        else {
            continue;
        };
        let head = &before[..start];
        let typed = head.chars().all(|c| is_name(c) || c.is_whitespace() || c == '*')
            && !names(head).any(|(_, word)| STATEMENTS.contains(&word));
        let above = if names(head).next().is_some() { "" } else { type_above(lines, at) };
        if !typed || (names(head).next().is_none() && above.is_empty()) {
            continue;
        }
        let Some((inside, end_line, end)) = parenthesised(lines, at, open) else { continue };
        let Some(between) = until_body(lines, end_line, end) else { continue };
        let parameters = split(&inside).iter().filter_map(|p| names(p).last().map(|(_, n)| n.to_owned())).collect();
        found.push(Function {
            name: name.to_owned(),
            attributes: format!("{above} {head} {between}"),
            parameters,
            line: at,
            added: line.kind == LineKind::Added,
        });
    }
    found
}

/// The type of a function whose name begins a line.
fn type_above(lines: &[Line], at: usize) -> &str {
    if lines[at].code.starts_with(char::is_whitespace) {
        return "";
    }
    let above = lines[..at].iter().rev().find(|line| line.kind != LineKind::Removed || line.raw.is_empty());
    above
        .map(|line| line.code.as_str())
        .filter(|code| !code.is_empty() && !code.contains([';', '}', '{', '(', '#', '=']))
        .unwrap_or("")
}

/// What stands between the parameters and the body; `None` where no body follows.
fn until_body(lines: &[Line], line: usize, from: usize) -> Option<String> {
    let mut between = String::new();
    let follows = lines.iter().enumerate().skip(line).filter(|(_, l)| l.kind != LineKind::Removed).take(3);
    for (at, one) in follows {
        let text = if at == line { one.code.get(from..)? } else { &one.code };
        if let Some(open) = text.find('{') {
            between.push_str(&text[..open]);
            let plain = between.chars().all(|c| is_name(c) || c.is_whitespace() || matches!(c, '(' | ')' | ',' | '"'));
            return plain.then_some(between);
        }
        between.push_str(text);
        between.push(' ');
    }
    None
}

impl Code {
    /// Calls of a function in lines of one kind.
    pub fn calls(&self, name: &str, kind: LineKind) -> Vec<Call> {
        let mut found = Vec::new();
        for (at, line) in self.lines.iter().enumerate().filter(|(_, line)| line.kind == kind) {
            for (start, word) in names(&line.code).filter(|(_, word)| *word == name) {
                let end = start + word.len();
                let Some(open) = line.code[end..]
                    .find(|c: char| !c.is_whitespace())
                    .filter(|n| line.code[end + n..].starts_with('('))
                else {
                    continue;
                };
                let head = line.code[..start].trim();
                let typed = !head.is_empty()
                    && head.chars().all(|c| is_name(c) || c.is_whitespace() || c == '*')
                    && !names(head).any(|(_, word)| STATEMENTS.contains(&word));
                let arguments =
                    parenthesised(&self.lines, at, end + open).map(|(text, ..)| split(&text)).unwrap_or_default();
                found.push(Call { line: at, arguments, defines: typed });
            }
        }
        found
    }

    /// Whether an added line names any of these.
    pub fn adds_name(&self, wanted: &[&str]) -> Option<usize> {
        let added = self.lines.iter().enumerate().filter(|(_, line)| line.kind == LineKind::Added);
        added.into_iter().find(|(_, line)| names(&line.code).any(|(_, name)| wanted.contains(&name))).map(|(at, _)| at)
    }

    /// What is assigned to a variable or a field of this name, on the new side.
    pub fn assigned(&self, name: &str) -> Vec<String> {
        let mut found = Vec::new();
        for line in self.lines.iter().filter(|line| line.kind != LineKind::Removed) {
            for (start, word) in names(&line.code).filter(|(_, word)| *word == name) {
                let after = line.code[start + word.len()..].trim_start();
                if let Some(value) = after.strip_prefix('=').filter(|value| !value.starts_with('=')) {
                    found.push(value.trim().trim_end_matches([';', ',', '}']).trim().to_owned());
                }
            }
        }
        found
    }

    /// The function whose body holds a line, as far as the hunk shows its beginning.
    pub fn enclosing(&self, line: usize) -> Option<&Function> {
        let broken =
            self.lines[..line].iter().rposition(|l| l.raw.is_empty() && l.number == 0 && l.kind == LineKind::Removed);
        self.functions.iter().rev().find(|f| f.line <= line && broken.is_none_or(|at| f.line > at))
    }

    /// The header of the hunk that holds a line.
    pub fn header(&self, line: usize) -> &str {
        self.headers.iter().rfind(|(first, _)| *first <= line).map_or("", |(_, header)| header)
    }

    /// Lines around a place, with their signs, for a quote.
    pub fn quote(&self, line: usize, after: usize) -> Vec<String> {
        let lines = self.lines.iter().skip(line).take(after + 1).take_while(|l| !l.raw.is_empty() || l.number > 0);
        lines
            .map(|l| match l.kind {
                LineKind::Added => format!("+{}", l.raw),
                LineKind::Removed => format!("-{}", l.raw),
                LineKind::Context => format!(" {}", l.raw),
            })
            .collect()
    }
}

/// The name that an address is taken of: `foo` of `&foo`, `(void *)foo`; the last field of `d->func`.
pub fn subject_of(expression: &str) -> Option<String> {
    let mut text = expression.trim();
    // Casts.
    while let Some(rest) = text.strip_prefix('(') {
        match rest.split_once(')') {
            Some((inside, after))
                if !after.trim().is_empty() && inside.chars().all(|c| is_name(c) || c.is_whitespace() || c == '*') =>
            {
                text = after.trim_start();
            }
            _ => text = rest.trim_end_matches(')'),
        }
    }
    let text = text.trim_start_matches('&').trim();
    let plain = text.chars().all(|c| is_name(c) || matches!(c, '-' | '>' | '.' | '*' | '[' | ']' | ' ' | '&'));
    let offset = text.contains(" - ") || text.contains(" + ");
    names(text).last().filter(|_| plain && !offset).map(|(_, name)| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(body: &str) -> Code {
        let count = body.lines().count();
        let text = format!(
            "why\n---\ndiff --git a/k/x.c b/k/x.c\nnew file mode 100644\n--- /dev/null\n+++ b/k/x.c\n@@ -0,0 +1,{count} @@\n{}",
            body.lines().map(|l| format!("+{l}\n")).collect::<String>()
        );
        read(&Patch::parse(&text).unwrap())
    }

    #[test]
    fn functions_calls_and_assignments_are_seen_and_comments_are_not() {
        let code = code(
            "static int notrace take(struct d *d, void *to)\n{\n\t/* poke(d) */\n\tint err = poke(d->entry, (void *)to,\n\t\t\tother(1, 2));\n\treturn err;\n}\nint entry(void)\n{\n}\nstruct d one = { .entry = &entry };",
        );
        assert_eq!(code.functions.iter().map(|f| f.name.as_str()).collect::<Vec<_>>(), ["take", "entry"]);
        assert!(code.functions[0].attributes.contains("notrace"));
        assert_eq!(code.functions[0].parameters, ["d", "to"]);
        let calls = code.calls("poke", LineKind::Added);
        assert_eq!(calls.len(), 1);
        assert_eq!(calls[0].arguments, ["d->entry", "(void *)to", "other(1, 2)"]);
        assert_eq!(code.assigned("entry"), ["&entry"]);
        assert_eq!(code.enclosing(calls[0].line).unwrap().name, "take");
        assert_eq!(subject_of("(void *)d->entry").as_deref(), Some("entry"));
        assert_eq!(subject_of("ip - 5 + x"), None);
    }

    #[test]
    fn a_function_that_a_macro_defines_is_one() {
        let code = code(
            "#define MAKE(name)\t\\\n\tunsigned int name##go(\t\\\n\t\tconst void *ctx)\t\\\n\t{\t\\\n\t\treturn f(ctx);\t\\\n\t}",
        );
        assert_eq!(code.functions.iter().map(|f| f.name.as_str()).collect::<Vec<_>>(), ["name##go"]);
    }

    #[test]
    fn selftests_and_documentation_hold_no_kernel_code() {
        assert!(is_kernel("arch/x86/kernel/ftrace.c"));
        assert!(!is_kernel("tools/testing/selftests/bpf/x.c"));
        assert!(!is_kernel("Documentation/trace/ftrace.rst"));
        assert!(!is_kernel("kernel/trace/trace_selftest.c"));
    }
}
