//! What stands in the table of a series: which versions have a column, and in which order the patches stand.

use crate::facts::series::{Row, SeriesFacts};

/// Which columns are shown: those of whoever sent the version that is open (else the newest), and of others those with
/// which a patch of these was paired.
pub(super) fn own(facts: &SeriesFacts, id: &str) -> Vec<usize> {
    let cell = |row: &Row, at: usize| row.cells.get(at).cloned().flatten().filter(|cell| !cell.id.is_empty());
    let all = 0..facts.columns.len();
    let open = all.clone().find(|at| facts.rows.iter().any(|row| cell(row, *at).is_some_and(|cell| cell.id == id)));
    let Some(chosen) = open.or(facts.columns.len().checked_sub(1)) else { return Vec::new() };
    let same = |at: usize| facts.columns[at].author == facts.columns[chosen].author;
    // Cover letters stand in one row whoever sent them.
    let is_cover = |row: &Row| row.cells.iter().flatten().any(|cell| cell.number.starts_with("0/"));
    let paired = |at: usize| {
        let mut patches = facts.rows.iter().filter(|row| !is_cover(row) && cell(row, at).is_some());
        patches.any(|row| all.clone().any(|other| same(other) && cell(row, other).is_some()))
    };
    all.clone().filter(|at| same(*at) || paired(*at)).collect()
}

/// The number that a patch has in a version.
pub(super) fn part(row: &Row, version: usize) -> Option<u32> {
    let cell = row.cells.get(version)?.as_ref().filter(|cell| !cell.id.is_empty())?;
    cell.number.split('/').next()?.parse().ok()
}

/// The rows in the order of the newest version; those that it does not have behind it, folded unless they are wanted.
pub(super) fn lines(facts: &SeriesFacts, newest: usize, unfolded: bool) -> Vec<Line> {
    let mut here: Vec<(u32, usize)> = Vec::new();
    let mut others: Vec<usize> = Vec::new();
    for (at, row) in facts.rows.iter().enumerate() {
        match part(row, newest) {
            Some(number) => here.push((number, at)),
            None => others.push(at),
        }
    }
    here.sort_unstable();
    let mut out: Vec<Line> = here.into_iter().map(|(_, at)| Line::Row(at)).collect();
    if !others.is_empty() {
        out.push(Line::Folded(others.len()));
        if unfolded {
            out.extend(others.into_iter().map(Line::Row));
        }
    }
    out
}

/// A line of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A patch through the versions.
    Row(usize),
    /// So many patches that the newest version does not have.
    Folded(usize),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::series::{Cell, Column};

    fn cell(number: &str, id: &str) -> Option<Cell> {
        Some(Cell { number: number.to_owned(), id: id.to_owned(), ..Cell::default() })
    }

    fn facts(others: &[usize], rows: &[&[Option<Cell>]]) -> SeriesFacts {
        let count = rows.iter().map(|row| row.len()).max().unwrap_or(0);
        SeriesFacts {
            columns: (0..count)
                .map(|at| Column { author: others.contains(&at).to_string(), ..Column::default() })
                .collect(),
            rows: rows.iter().map(|row| Row { title: String::new(), cells: row.to_vec() }).collect(),
            ..SeriesFacts::default()
        }
    }

    #[test]
    fn rows_stand_as_in_the_newest_version_and_the_rest_is_folded() {
        let gone = cell("", "");
        let facts = facts(
            &[],
            &[
                &[cell("1/3", "a1"), cell("2/2", "a2")],
                &[cell("2/3", "b1"), gone],
                &[cell("3/3", "c1"), cell("1/2", "c2")],
                &[cell("0/3", "z1"), cell("0/2", "z2")],
            ],
        );
        assert_eq!(lines(&facts, 1, false), [Line::Row(3), Line::Row(2), Line::Row(0), Line::Folded(1)]);
        assert_eq!(lines(&facts, 1, true).last(), Some(&Line::Row(1)));
        assert_eq!(lines(&facts, 0, false), [Line::Row(3), Line::Row(0), Line::Row(1), Line::Row(2)]);
    }

    #[test]
    fn strangers_have_no_column_and_whoever_took_it_over_has() {
        let rows: &[&[Option<Cell>]] = &[
            &[cell("0/1", "z0"), cell("0/9", "z1"), cell("0/1", "z2")],
            &[cell("1/1", "a0"), None, cell("1/1", "a2")],
            &[None, cell("1/9", "b1"), None],
        ];
        assert_eq!(own(&facts(&[1, 2], rows), "a0"), [0, 2], "whoever took it over is none");
        assert_eq!(own(&facts(&[1], rows), "b1"), [1], "to the stranger the others are strangers");
        assert_eq!(own(&facts(&[1], rows), "elsewhere"), [0, 2], "the newest counts where none is open");
    }
}
