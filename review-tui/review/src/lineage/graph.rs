//! Where the lanes stand: a lane takes a column while something of it is still to come, then gives it back.

use provenance_index::lineage::{End, Lineage, Row};

/// The rows of a drawing and the column of each lane in each row.
pub struct Graph {
    /// Rows, in the order of time.
    pub rows: Vec<Row>,
    /// Column of a lane, valid from `first` to `last`.
    pub column: Vec<usize>,
    /// First row of each lane.
    pub first: Vec<usize>,
    /// Last row of each lane.
    pub last: Vec<usize>,
    /// Lanes that each row is joined to, its own first.
    pub joined: Vec<Vec<usize>>,
    /// How many columns there are.
    pub width: usize,
}

impl Graph {
    /// Lays out the lanes of a history.
    pub fn new(lineage: &Lineage<'_>) -> Graph {
        let rows = lineage.rows();
        let mut row_of = vec![0; lineage.entries.len()];
        let mut judgement_row = vec![None; lineage.links.len()];
        for (i, row) in rows.iter().enumerate() {
            match row {
                Row::Entry(e) => row_of[*e] = i,
                Row::Judgement(l) => judgement_row[*l] = Some(i),
            }
        }
        let mut joined: Vec<Vec<usize>> = rows
            .iter()
            .map(|row| match row {
                Row::Entry(e) => vec![lineage.entries[*e].lane],
                Row::Judgement(l) => vec![lineage.lane(lineage.links[*l].from)],
            })
            .collect();
        for (i, link) in lineage.links.iter().enumerate() {
            let (from, to) = (lineage.lane(link.from), lineage.lane(link.to));
            let row = match (judgement_row[i], link.from) {
                (Some(row), _) => Some(row),
                (None, End::Entry(e)) => Some(row_of[e]),
                (None, End::Lane(_)) => None,
            };
            if let Some(row) = row.filter(|_| from != to)
                && !joined[row].contains(&to)
            {
                joined[row].push(to);
            }
        }
        let mut first = vec![usize::MAX; lineage.lanes.len()];
        let mut last = vec![0; lineage.lanes.len()];
        for (i, lanes) in joined.iter().enumerate() {
            for lane in lanes {
                first[*lane] = first[*lane].min(i);
                last[*lane] = last[*lane].max(i);
            }
        }
        let (column, width) = place(&first, &last);
        Graph { rows, column, first, last, joined, width }
    }

    /// Lanes that are alive in a row.
    pub fn alive(&self, row: usize) -> impl Iterator<Item = usize> {
        (0..self.column.len()).filter(move |l| self.first[*l] <= row && row <= self.last[*l])
    }
}

/// Gives each lane the leftmost column that is free for all its rows.
fn place(first: &[usize], last: &[usize]) -> (Vec<usize>, usize) {
    let mut order: Vec<usize> = (0..first.len()).collect();
    order.sort_by_key(|l| (first[*l], *l));
    let mut column = vec![0; first.len()];
    let mut busy_until: Vec<usize> = Vec::new();
    for lane in order {
        let free = busy_until.iter().position(|until| *until < first[lane]);
        column[lane] = free.unwrap_or(busy_until.len());
        match free {
            Some(c) => busy_until[c] = last[lane],
            None => busy_until.push(last[lane]),
        }
    }
    (column, busy_until.len())
}
