//! Figures of many forms by many sizes as tables: one for each pattern, a line for each form, a column for each size.

use super::report::Row;

/// A row's place in a table: `dispatcher N=16, one hot` has form, size and pattern.
fn place(row: &Row) -> Option<(&str, usize, &str)> {
    let (form, rest) = row.label.split_once(" N=")?;
    let (size, pattern) = rest.split_once(", ")?;
    Some((form, size.parse().ok()?, pattern))
}

/// Fewer sizes than this are no table.
const COLUMNS: usize = 4;

/// The tables, and the rows that stand in none. The fastest form of each column is marked.
#[must_use]
pub fn tables(rows: &[Row]) -> (String, Vec<Row>) {
    let mut out = String::new();
    let rest = render(rows, &mut out);
    (out, rest)
}

fn render(rows: &[Row], out: &mut String) -> Vec<Row> {
    let mut sizes: Vec<usize> = rows.iter().filter_map(|row| Some(place(row)?.1)).collect();
    sizes.sort_unstable();
    sizes.dedup();
    if sizes.len() < COLUMNS {
        return rows.to_vec();
    }
    let (inside, others): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(|row| place(row).is_some());
    let mut patterns: Vec<&str> = Vec::new();
    let mut forms: Vec<&str> = Vec::new();
    for (form, _, pattern) in inside.iter().filter_map(|row| place(row)) {
        if !patterns.contains(&pattern) {
            patterns.push(pattern);
        }
        if !forms.contains(&form) {
            forms.push(form);
        }
    }
    let figure = |form: &str, size: usize, pattern: &str| {
        inside.iter().find(|row| place(row) == Some((form, size, pattern))).map(|row| row.median)
    };
    let first = patterns.iter().chain(&forms).map(|word| word.chars().count()).max().unwrap_or(0) + 2;
    let unit = inside.first().map_or("", |row| row.unit.as_str());
    out.push_str(&format!("  medians in {unit} by number of targets N; `*` is the fastest of its column\n"));
    for pattern in patterns {
        let head: String = sizes.iter().map(|size| format!("{size:>6} ")).collect();
        out.push_str(&format!("  {pattern:first$}{}\n", head.trim_end()));
        for form in &forms {
            let line: String = (sizes.iter())
                .map(|size| match figure(form, *size, pattern) {
                    Some(median) => {
                        let least = forms.iter().filter_map(|f| figure(f, *size, pattern)).fold(f64::MAX, f64::min);
                        format!("{median:>6.2}{}", if median <= least { '*' } else { ' ' })
                    }
                    None => " ".repeat(7),
                })
                .collect();
            out.push_str(format!("    {form:<width$}{line}", width = first - 2).trim_end());
            out.push('\n');
        }
    }
    let mut spread: Vec<f64> =
        inside.iter().map(|row| 100.0 * (row.spread[1] - row.spread[0]) / row.median.max(f64::MIN_POSITIVE)).collect();
    spread.sort_by(f64::total_cmp);
    let (middle, widest) = (spread[spread.len() / 2], spread[spread.len() - 1]);
    out.push_str(&format!(
        "  from the 10th to the 90th percentile: {middle:.0} % of the median in the middle figure, {widest:.0} % in the widest\n"
    ));
    for row in inside {
        if let Some(published) = &row.published {
            out.push_str(&format!("  {}: {:.2} {} here\n", row.label, row.median, row.unit));
            out.push_str(&published.line(&row.unit));
        }
    }
    others.into_iter().cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::super::report::row;
    use super::*;

    #[test]
    fn forms_by_sizes_are_a_table_for_each_pattern() {
        let mut rows = vec![row("x", "floor, one".into(), "ns/call", vec![0.5])];
        for (form, times) in [("tree", 1.0), ("thunk", 4.0)] {
            for n in [1usize, 2, 4, 8] {
                rows.push(row("x", format!("{form} N={n}, one"), "ns/call", vec![times * n as f64 / 2.0]));
            }
        }
        let mut out = String::new();
        let rest = render(&rows, &mut out);
        assert_eq!(rest.len(), 1);
        assert!(out.contains("  one         1      2      4      8\n"), "{out}");
        assert!(out.contains("    tree   0.50*  1.00*  2.00*  4.00*\n"), "{out}");
        assert!(out.contains("    thunk  2.00   4.00   8.00  16.00\n"), "{out}");
        assert!(out.lines().all(|line| line.chars().count() <= 100), "{out}");
        assert_eq!(render(&rows[..3], &mut out).len(), 3);
    }
}
