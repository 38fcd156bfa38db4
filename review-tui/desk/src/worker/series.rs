//! The versions of a series as rows and columns, and what changed from one to the next.

use provenance_corpus::message::Message;
use provenance_corpus::patch::Patch;
use provenance_index::hash;
use provenance_index::links::edge::Kind as LinkKind;
use provenance_index::links::pairing::Fate;
use provenance_review::check::{self, Case, Fact, Target, World};
use provenance_review::diff::compare::Side;
use provenance_review::diff::form::{self, Kind};
use provenance_review::series::reason;
use provenance_review::series::{Version, about, versions};
use provenance_review::session::letters::Letters;
use provenance_review::{dates, diff};

use crate::facts::series::{Cell, Column, Remark, Row, SeriesFacts};
use crate::library::Library;
use crate::text::clean;
use crate::theme::Ink;

/// Versions and patches that are shown.
const MOST: usize = 400;

/// Lines of a comparison that are shown.
const LINES: usize = 50_000;

/// All versions of the series of a mail.
///
/// # Errors
/// What to tell the reader.
pub(crate) fn series(library: &Library, id: &str) -> Result<SeriesFacts, String> {
    let shelf = library.shelf();
    let reader = shelf.reader.as_ref().ok_or("nothing is indexed")?;
    let letters = Letters::open(library.shelf_data(), reader).map_err(|e| e.what)?;
    let mut all =
        about(&letters, hash::message_id(id)).and_then(|mail| versions(&letters, mail)).map_err(|e| e.what)?;
    all.truncate(MOST);
    let last = all.last().ok_or("this mail is neither a patch nor a cover letter, nor a reply to one")?;
    let mut facts = SeriesFacts { title: clean(&last.title()), ..SeriesFacts::default() };
    let author = all[0].address().to_owned();
    for version in &all {
        let by = (version.address() != author).then(|| format!("by {}", clean(&version.author())));
        let remark: Vec<String> = by.into_iter().chain(version.problem()).collect();
        facts.columns.push(Column {
            name: version.name(),
            date: dates::day(version.date),
            head: version.head_id().to_owned(),
            remark: remark.join("; "),
            author: version.address().to_owned(),
            compared: version.before.is_some(),
        });
    }
    if all.iter().any(|v| v.covered) {
        let cell = |version: &Version| {
            version.covered.then(|| Cell {
                number: format!("0/{}", version.total),
                id: version.head_id().to_owned(),
                sign: ' ',
                fate: "cover letter".to_owned(),
                subject: clean(&version.stored.subject),
                ..Cell::default()
            })
        };
        facts.rows.push(Row { title: "cover letter".to_owned(), cells: all.iter().map(cell).collect() });
    }
    let first = facts.rows.len();
    facts.rows.extend(rows(&all, &letters).map_err(|e| e.what)?);
    facts.rows.truncate(first + MOST);
    facts.remarks = remarks(library, id);
    Ok(facts)
}

/// Each patch through the versions, in the order in which they stand.
fn rows(all: &[Version], letters: &Letters<'_>) -> Result<Vec<Row>, provenance_review::failure::Failure> {
    let mut rows: Vec<Row> = Vec::new();
    // For each version the row of each of its patches.
    let mut places: Vec<Vec<usize>> = Vec::new();
    for (column, version) in all.iter().enumerate() {
        let mut own = vec![usize::MAX; version.parts.len()];
        for (at, part) in version.parts.iter().enumerate() {
            let pair = version.pairs.iter().find(|pair| pair.newer == Some(at));
            let older = pair.and_then(|pair| Some((version.before?, pair.older?)));
            let known = older.and_then(|(before, old)| places.get(before)?.get(old).copied());
            let row =
                known.filter(|row| rows[*row].cells.get(column).is_none_or(Option::is_none)).unwrap_or_else(|| {
                    // It stands behind the patch before it.
                    let behind = at.checked_sub(1).map_or(0, |before| own[before] + 1).min(rows.len());
                    rows.insert(behind, Row { title: String::new(), cells: vec![None; all.len()] });
                    for place in places.iter_mut().chain(std::iter::once(&mut own)).flatten() {
                        if *place != usize::MAX && *place >= behind {
                            *place += 1;
                        }
                    }
                    behind
                });
            own[at] = row;
            let (sign, mut fate) = pair.map_or((' ', String::new()), |pair| told(&pair.fate));
            let old = older.map(|(before, old)| &all[before].parts[old]);
            if let Some(old) = old.filter(|old| old.place != part.place) {
                fate.push_str(&format!(", was {}", old.number()));
            }
            let commits = letters.commits(part.mail)?;
            let landed = commits.iter().find(|(_, edge)| edge.kind == LinkKind::Commit);
            rows[row].title = clean(&part.title);
            rows[row].cells[column] = Some(Cell {
                number: part.number(),
                id: part.message_id.clone(),
                sign,
                fate,
                reason: pair
                    .and_then(|pair| pair.class)
                    .map_or_else(String::new, |class| format!("by {}", reason(class))),
                subject: clean(&part.subject),
                landed: landed.map_or_else(String::new, |(id, _)| id.chars().take(12).collect()),
            });
        }
        for pair in version.pairs.iter().filter(|pair| pair.newer.is_none()) {
            let row = pair.older.and_then(|old| places.get(version.before?)?.get(old).copied());
            if let Some(row) = row.filter(|row| rows[*row].cells[column].is_none()) {
                let (sign, fate) = told(&pair.fate);
                rows[row].cells[column] = Some(Cell { sign, fate, ..Cell::default() });
            }
        }
        places.push(own);
    }
    Ok(rows)
}

fn told(fate: &Fate) -> (char, String) {
    match fate {
        Fate::Same => ('=', "same".to_owned()),
        Fate::Changed(kept) => ('!', format!("changed, {} % kept", (kept * 100.0) as u32)),
        Fate::Added => ('>', "added".to_owned()),
        Fate::Split(_) => ('>', "split off".to_owned()),
        Fate::Dropped => ('<', "dropped".to_owned()),
        Fate::Merged(_) => ('<', "merged into another".to_owned()),
    }
}

/// What the revision rule lists for the open patch.
fn remarks(library: &Library, id: &str) -> Vec<Remark> {
    let shelf = library.shelf();
    let Some(bytes) = shelf.copies(id).ok().and_then(|copies| shelf.bytes(&copies).ok()) else { return Vec::new() };
    let message = Message::parse(&bytes);
    let text = message.text();
    let Some(patch) = Patch::parse(&text) else { return Vec::new() };
    let as_of = message.date.map_or(i64::MAX, |d| d.seconds);
    let target = Target { message: &message, text: &text, patch, as_of };
    let world = World::new(&shelf.catalogue, shelf.reader.as_ref(), library.shelf_data());
    let case = Case::new(&target, &world);
    // What cannot be read is said where the patch is checked.
    let open = |earlier| check::revision::remarks::check(&case, earlier).ok().flatten();
    let finding = case.earlier().ok().flatten().and_then(open);
    let mut remarks = Vec::new();
    for (at, fact) in finding.iter().flat_map(|finding| finding.facts.iter().enumerate()) {
        let Fact::Remark { on, date, who, says } = fact else { continue };
        let mail = finding.iter().flat_map(|finding| finding.rests_on(Some(at))).find_map(|e| match e {
            check::Evidence::Mail(id) => Some(id.clone()),
            _ => None,
        });
        if let Some(id) = mail {
            let said = clean(&format!("{}, {who}: {says}", dates::day(*date)));
            remarks.push(Remark { text: format!("{said}   on  {}", clean(on)), id });
        }
    }
    remarks
}

/// What changed in a mail's patch, or in its whole series, since the version before.
///
/// # Errors
/// What to tell the reader.
pub(crate) fn difference(library: &Library, id: &str, whole: bool) -> Result<Vec<(String, Ink)>, String> {
    let shelf = library.shelf();
    let reader = shelf.reader.as_ref().ok_or("nothing is indexed")?;
    let mut letters = Letters::open(library.shelf_data(), reader).map_err(|e| e.what)?;
    let comparison = diff::compare(&mut letters, id, &[], whole).map_err(|e| e.what)?;
    let ink = |kind: Kind| match kind {
        Kind::Title => Ink::Strong,
        Kind::Head | Kind::Pair('=') | Kind::Line(Side::Folded) => Ink::Dim,
        Kind::Problem | Kind::Refused | Kind::Pair('!') => Ink::Warning,
        Kind::Pair(_) => Ink::Mark,
        Kind::Part => Ink::File,
        Kind::Line(Side::Older) => Ink::Removed,
        Kind::Line(Side::Newer) => Ink::Added,
        Kind::Line(Side::Both) => Ink::Plain,
    };
    let rows = form::rows(&comparison);
    Ok(rows.iter().take(LINES).map(|row| (clean(&row.text.text()), ink(row.kind))).collect())
}
