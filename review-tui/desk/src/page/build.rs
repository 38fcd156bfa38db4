//! From the bytes of a mail to its page.

use provenance_corpus::address::Address;
use provenance_corpus::catalogue::Catalogue;
use provenance_corpus::citation;
use provenance_corpus::message::Message;
use provenance_corpus::patch::{LineKind, Patch};
use provenance_corpus::trailer;
use provenance_review::{dates, text as names};
use rustc_hash::FxHashMap;

use super::syntax::{self, Language};
use super::voices::{Voice, choir};
use super::words;
use super::{File, Kind, Page, Row, Target};
use crate::people::recipients;
use crate::text::{clean, clean_from};
use crate::touch;

/// So many links of a mail are numbered.
const MOST_LINKS: usize = 999;
/// Files that are listed above the text.
const LISTED_FILES: usize = 12;

/// What stands beside a mail: the lists it came by, and the endorsements that answers to it give.
#[derive(Clone, Debug, Default)]
pub struct Beside {
    /// The List-Ids of the lists it came by.
    pub lists: Vec<String>,
    /// Name and person of each trailer.
    pub given: Vec<(String, String)>,
    /// What answers say of its lines.
    pub voices: Vec<Voice>,
}

/// The endorsements that a mail gives to the one that it answers.
pub fn given(raw: &[u8]) -> Vec<(String, String)> {
    let message = Message::parse(raw);
    let text = message.text();
    let people = trailer::parse(&text).into_iter().filter(|t| t.kind == trailer::Kind::Person);
    people.filter_map(|t| Some((t.name.to_owned(), t.address()?.who().to_owned()))).collect()
}

/// Makes the page of a mail.
pub fn build(raw: &[u8], beside: &Beside, catalogue: &Catalogue) -> Page {
    let message = Message::parse(raw);
    let text = message.text();
    let patch = if Patch::suspect(&text) { Patch::parse(&text) } else { None };
    let touches = touch::find(&message, patch.as_ref(), catalogue);
    let mut page = Page {
        id: message.message_id.to_string(),
        subject: clean(&message.subject),
        author: clean(message.from.first().map_or("", Address::who)),
        date: message.date.as_ref().map_or(0, |date| date.seconds),
        is_patch: patch.is_some(),
        touches,
        voices: choir(beside.voices.clone()),
        lines: text.lines().map(Box::from).collect(),
        ..Page::default()
    };
    head(&mut page, &message, beside, &text);
    if !page.touches.is_empty() {
        let slugs: Vec<&str> = page.touches.iter().take(6).map(|t| t.slug.as_str()).collect();
        let touched = slugs.join(", ");
        page.field(false, "Touches", &touched);
    }
    if let Some(patch) = &patch {
        overview(&mut page, patch);
    }
    page.push(Kind::Blank, "");
    Body { page: &mut page, numbered: FxHashMap::default() }.read(&text, patch.as_ref());
    if text.trim().is_empty() {
        page.push(Kind::Prose, &blank(&message));
    }
    colour(&mut page);
    page
}

/// Why there is nothing to read in a mail.
fn blank(message: &Message<'_>) -> String {
    let kinds: Vec<String> = message.parts.iter().map(|part| part.content_type.to_string()).collect();
    match kinds.as_slice() {
        [] => "This mail has no body.".to_owned(),
        [one] if one.starts_with("text/plain") => "The text of this mail is empty.".to_owned(),
        some => format!("This mail has no plain text; it holds {}. | pipes it to a program.", some.join(", ")),
    }
}

impl Page {
    fn push(&mut self, kind: Kind, text: &str) {
        self.rows.push(row(kind, text.into(), u32::MAX, 0));
    }

    fn field(&mut self, more: bool, name: &str, value: &str) {
        if value.is_empty() {
            return;
        }
        let name = format!("{:<8} ", clean(&name.chars().take(40).collect::<String>()));
        let length = u8::try_from(name.len()).unwrap_or(u8::MAX);
        let kind = if more { Kind::MoreHeader(length) } else { Kind::Header(length) };
        self.push(kind, &format!("{name}{}", clean(value)));
    }
}

fn row(kind: Kind, text: Box<str>, source: u32, number: u32) -> Row {
    Row { kind, text, source, number, old: 0, words: Box::default(), in_comment: false }
}

/// Who, when, where; then the trailers, gathered by what they say.
fn head(page: &mut Page, message: &Message<'_>, beside: &Beside, text: &str) {
    let people = |people: &[Address]| people.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    page.field(false, "From", &people(&message.from));
    let date = message.date.as_ref().map_or_else(String::new, |d| format!("{} UTC", dates::minute(d.seconds)));
    page.field(false, "Date", &date);
    page.field(false, "To", &recipients(&message.to, &message.list_ids));
    page.field(false, "Cc", &recipients(&message.cc, &message.list_ids));
    page.field(false, "Lists", &beside.lists.join(" "));
    page.field(true, "Subject", &message.subject);
    page.field(true, "To", &people(&message.to));
    page.field(true, "Cc", &people(&message.cc));
    page.field(true, "Id", &message.message_id);
    page.field(true, "Answers", &message.in_reply_to.join(" "));
    let defects: Vec<String> = message.defects.iter().map(ToString::to_string).collect();
    page.field(true, "Defects", &defects.join(", "));
    let mut by_name: Vec<(String, Vec<String>)> = Vec::new();
    for trailer in trailer::parse(text) {
        use trailer::Kind::{Cc, Fixes, Link, Person};
        if !matches!(trailer.kind, Person | Cc | Fixes | Link) {
            continue;
        }
        let person = trailer.address().filter(|_| matches!(trailer.kind, Person | Cc));
        let value = person.map_or_else(|| trailer.value.to_string(), |a| a.who().to_owned());
        add(&mut by_name, trailer.name, value);
    }
    for (name, who) in &beside.given {
        add(&mut by_name, name, format!("{who} (in a reply)"));
    }
    for (name, values) in by_name {
        let name = format!("{}  ", clean(&name.chars().take(40).collect::<String>()));
        let shown = if name.starts_with("Cc") && values.len() > 4 {
            format!("{}, {} and {} more", clean(&values[0]), clean(&values[1]), values.len() - 2)
        } else {
            clean(&values.join(", "))
        };
        let length = u8::try_from(name.len()).unwrap_or(u8::MAX);
        page.push(Kind::Trailer(length), &format!("{name}{shown}"));
    }
}

fn add(by_name: &mut Vec<(String, Vec<String>)>, name: &str, value: String) {
    match by_name.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
        Some((_, values)) => values.push(value),
        None => by_name.push((name.to_owned(), vec![value])),
    }
}

/// What the patch changes, before its text.
fn overview(page: &mut Page, patch: &Patch<'_>) {
    for file in &patch.files {
        let path = clean(file.path());
        let language = Language::of(&path);
        page.files.push(File { path, language, changed: (file.added, file.removed), rows: 0..0 });
    }
    let total = format!(
        "{}  +{} −{}",
        names::plural(patch.files.len() as u64, "file", "files"),
        names::count(patch.added()),
        names::count(patch.removed())
    );
    page.push(Kind::Blank, "");
    if patch.files.len() > 1 {
        page.push(Kind::FileNote, &total);
    }
    let widest = page.files.iter().take(LISTED_FILES).map(|f| names::width(&f.path)).max().unwrap_or(0).min(60);
    for at in 0..page.files.len().min(LISTED_FILES) {
        let file = &page.files[at];
        let text = format!("{}  +{} −{}", names::pad(&file.path, widest), file.changed.0, file.changed.1);
        page.push(Kind::FileList(at as u32), &text);
    }
    if patch.files.len() > LISTED_FILES {
        page.push(Kind::FileNote, &format!("and {} more: F lists all", patch.files.len() - LISTED_FILES));
    }
}

/// What a line of the text is, as the patch says.
#[derive(Clone, Copy)]
enum Place {
    File(u32),
    Hunk,
    Line(LineKind, u32, u32),
}

struct Body<'p> {
    page: &'p mut Page,
    numbered: FxHashMap<String, usize>,
}

impl Body<'_> {
    fn read(&mut self, text: &str, patch: Option<&Patch<'_>>) {
        let places = patch.map(places).unwrap_or_default();
        let mut links = citation::citations(text).peekable();
        let spans: Vec<(u32, u32)> =
            patch.map_or(Vec::new(), |p| p.files.iter().map(|f| (f.span.start, f.span.end)).collect());
        let (mut start, mut file, mut signature, mut source) = (0usize, 0usize, false, 0u32);
        for line in text.split_inclusive('\n') {
            let at = start as u32;
            start += line.len();
            let line = line.trim_end_matches(['\n', '\r']);
            while spans.get(file).is_some_and(|(_, end)| *end <= at) {
                self.close(file);
                file += 1;
            }
            let in_file = spans.get(file).is_some_and(|(first, _)| *first <= at);
            let mut ids: Vec<(String, String)> = Vec::new();
            while let Some(link) = links.next_if(|link| link.span.start < start) {
                if let Some(shown) = text.get(link.span.clone()) {
                    ids.push((shown.to_owned(), link.message_id.clone()));
                }
            }
            let row = match places.get(&at) {
                Some(Place::File(n)) => {
                    self.page.files[*n as usize].rows.start = self.page.rows.len() as u32;
                    row(Kind::File(*n), clean(line).into(), source, 0)
                }
                Some(Place::Hunk) => row(Kind::Hunk, clean(line).into(), source, 0),
                Some(Place::Line(kind, old, number)) => {
                    let kind = match kind {
                        LineKind::Added => Kind::Added,
                        LineKind::Removed => Kind::Removed,
                        LineKind::Context => Kind::Context,
                    };
                    let content = line.get(1..).unwrap_or_default();
                    Row { old: *old, ..row(kind, clean_from(content, 0).into(), source, *number) }
                }
                None if in_file => row(Kind::FileNote, clean(line).into(), source, 0),
                None => {
                    signature |= line == "-- " || line == "--";
                    self.prose(line, source, signature, ids)
                }
            };
            self.page.rows.push(row);
            source += 1;
        }
        for file in file..spans.len() {
            self.close(file);
        }
    }

    fn close(&mut self, file: usize) {
        let end = self.page.rows.len() as u32;
        let rows = &mut self.page.files[file].rows;
        rows.start = if rows.start == 0 { end } else { rows.start };
        rows.end = end;
    }

    fn prose(&mut self, line: &str, source: u32, signature: bool, mails: Vec<(String, String)>) -> Row {
        let depth = quote_depth(line);
        let kind = match depth {
            0 if signature => Kind::Signature,
            0 if line.trim().is_empty() => Kind::Blank,
            0 => Kind::Prose,
            depth => Kind::Quote(depth - 1),
        };
        let text = self.numbers(clean(line), mails);
        row(kind, text.into(), source, 0)
    }

    /// Puts `[1]` behind each link.
    fn numbers(&mut self, mut text: String, mails: Vec<(String, String)>) -> String {
        let mut from = 0;
        for (shown, id) in mails {
            let shown = clean(&shown);
            if let Some(at) = text[from..].find(&shown) {
                from = self.number(&mut text, from + at + shown.len(), Target::Mail(id));
            }
        }
        from = 0;
        while let Some(at) = text[from..].find("http") {
            let start = from + at;
            let rest = &text[start..];
            let length =
                rest.find(|c: char| c.is_whitespace() || matches!(c, '>' | '"' | ')' | '[')).unwrap_or(rest.len());
            let url = rest[..length].trim_end_matches(['.', ',', ';', ':']).to_owned();
            from = start + length.max(4);
            if (url.starts_with("http://") || url.starts_with("https://")) && url.len() > 10 {
                let numbered = text[start + url.len()..].starts_with('[');
                if !numbered {
                    from = self.number(&mut text, start + url.len(), Target::Page(url));
                }
            }
        }
        if let Some(commit) = fixes(&text) {
            let end = commit.1;
            self.number(&mut text, end, Target::Commit(commit.0));
        }
        text
    }

    fn number(&mut self, text: &mut String, at: usize, target: Target) -> usize {
        let key = format!("{target:?}");
        let next = self.page.links.len();
        if next >= MOST_LINKS {
            return at;
        }
        let number = *self.numbered.entry(key).or_insert(next);
        if number == next {
            self.page.links.push(target);
        }
        let mark = format!("[{}]", number + 1);
        text.insert_str(at, &mark);
        at + mark.len()
    }
}

/// `Fixes: 75ccbef3` and `commit 75ccbef3...`: the id and where it ends.
fn fixes(text: &str) -> Option<(String, usize)> {
    let at = ["Fixes: ", "commit ", "Commit-ID: "].iter().find_map(|word| Some(text.find(word)? + word.len()))?;
    let id: String = text[at..].chars().take_while(char::is_ascii_hexdigit).collect();
    ((8..=40).contains(&id.len())).then(|| (id.clone(), at + id.len()))
}

/// How many `>` a line begins with, at most 255.
fn quote_depth(line: &str) -> u8 {
    let mut depth = 0u8;
    for c in line.trim_start().chars() {
        match c {
            '>' => depth = depth.saturating_add(1),
            ' ' => {}
            _ => break,
        }
    }
    depth
}

/// What begins at each byte of the text.
fn places(patch: &Patch<'_>) -> FxHashMap<u32, Place> {
    let mut places = FxHashMap::default();
    let text = patch.text().as_bytes();
    for (at, file) in patch.files.iter().enumerate() {
        places.insert(file.span.start, Place::File(at as u32));
        for hunk in patch.hunks(file) {
            places.insert(hunk.span.start, Place::Hunk);
            for line in patch.lines(hunk) {
                let start = line.span.start;
                let before = start.checked_sub(1).filter(|b| text.get(*b as usize) != Some(&b'\n'));
                let old = if line.kind == LineKind::Added { 0 } else { line.old };
                let new = if line.kind == LineKind::Removed { 0 } else { line.new };
                places.insert(before.unwrap_or(start), Place::Line(line.kind, old, new));
            }
        }
    }
    places
}

/// Finds what differs within lines that were changed, and where comments are open.
fn colour(page: &mut Page) {
    let mut at = 0;
    while at < page.rows.len() {
        let run = |from: usize, kind: Kind, rows: &[Row]| rows[from..].iter().take_while(|r| r.kind == kind).count();
        let removed = run(at, Kind::Removed, &page.rows);
        let added = run(at + removed, Kind::Added, &page.rows);
        if removed > 0 && added > 0 {
            let text = |from: usize, n: usize| page.rows[from..from + n].iter().map(|r| &*r.text).collect::<Vec<_>>();
            let (gone, come) = words::compare(&text(at, removed), &text(at + removed, added));
            for (n, places) in gone.into_iter().chain(come).enumerate() {
                page.rows[at + n].words = places.into();
            }
        }
        at += (removed + added).max(1);
    }
    for file in 0..page.files.len() {
        let (language, rows) = (page.files[file].language, page.files[file].rows.clone());
        // Both sides of a diff are texts of their own.
        let (mut old, mut new) = (false, false);
        for row in &mut page.rows[rows.start as usize..rows.end as usize] {
            match row.kind {
                Kind::Hunk => (old, new) = (false, false),
                Kind::Added => {
                    row.in_comment = new;
                    new = syntax::scan(language, &row.text, new).1;
                }
                Kind::Removed => {
                    row.in_comment = old;
                    old = syntax::scan(language, &row.text, old).1;
                }
                Kind::Context => {
                    row.in_comment = new;
                    new = syntax::scan(language, &row.text, new).1;
                    old = new;
                }
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests;
