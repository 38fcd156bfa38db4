//! `__score tune`: the rules that join versions, chosen on one index and tested on another, so that what is promised of them
//! was not measured where they were made.

use std::io::Write;
use std::path::Path;

use provenance_index::links::revision::Rules;
use provenance_index::links::score::{self, Revisions};
use provenance_index::reader::Reader;
use provenance_review::failure::{Exit, Failure};
use provenance_review::session::place::reader_failure;

use crate::terminal::Output;

const DAY: i64 = 86_400;

/// All rules that are tried.
fn grid() -> Vec<Rules> {
    let mut all = Vec::new();
    for most in [0.34, 0.5, 0.67] {
        for grown in [0.1, 0.25, 0.4] {
            for continued in [60 * DAY, 200 * DAY, 500 * DAY] {
                for high in [2, 4, 8] {
                    all.push(Rules { continued, high, most, grown });
                }
            }
        }
    }
    all
}

/// F1 of the pairs, from which the best rules are chosen; of equal ones those in use, then the first.
fn worth(found: &Revisions) -> f64 {
    let (precision, recall) = (found.claims.share(), found.recall());
    2.0 * precision * recall / (precision + recall).max(f64::EPSILON)
}

fn told(out: &mut dyn Write, name: &str, rules: &Rules, found: &Revisions) -> Result<(), Failure> {
    let (low, high) = found.claims.interval();
    writeln!(
        out,
        "{name}: precision {:.4} ({low:.4}..{high:.4}) of {} claims, recall {:.4} of {} pairs among {} marked sendings\n  by most {}, grown {}, continued {} days, high {}",
        found.claims.share(),
        found.claims.claims,
        found.recall(),
        found.pairs,
        found.marked,
        rules.most,
        rules.grown,
        rules.continued / DAY,
        rules.high
    )?;
    Ok(())
}

/// Chooses on this index, and tests on the other.
///
/// # Errors
/// An index that cannot be read, an output that cannot be written.
pub fn run(reader: &Reader, against: Option<&Path>) -> Result<Exit, Failure> {
    let mut out = Output::plain();
    let (facts, roots) = reader.facts().map_err(|e| reader_failure(&e))?;
    let in_use = Rules::default();
    let own = score::revisions_by(facts.clone(), &roots, &in_use);
    told(&mut out, "in use, here", &in_use, &own)?;
    let (mut best, mut found) = (in_use, own);
    let all = grid();
    let mut as_good: Vec<Rules> = Vec::new();
    let mut worst = worth(&found);
    for rules in &all {
        let tried = score::revisions_by(facts.clone(), &roots, rules);
        worst = worst.min(worth(&tried));
        if worth(&tried) > worth(&found) {
            (best, found) = (*rules, tried);
            as_good = vec![*rules];
        } else if worth(&tried) == worth(&found) {
            as_good.push(*rules);
        }
    }
    writeln!(
        out,
        "tried {} rules: F1 {worst:.4}..{:.4}, {} as good as the best",
        all.len(),
        worth(&found),
        as_good.len()
    )?;
    told(&mut out, "best here", &best, &found)?;
    if let Some(against) = against {
        let other = Reader::open(against).map_err(|e| reader_failure(&e))?;
        let (facts, roots) = other.facts().map_err(|e| reader_failure(&e))?;
        told(&mut out, "the same there", &best, &score::revisions_by(facts.clone(), &roots, &best))?;
        // Where many are as good here, the choice says little: what the least lucky of them would be worth.
        let each = as_good.iter().map(|rules| (rules, score::revisions_by(facts.clone(), &roots, rules)));
        if let Some((rules, least)) = each.min_by(|(_, one), (_, two)| worth(one).total_cmp(&worth(two))) {
            told(&mut out, "the worst there of those as good here", rules, &least)?;
        }
    }
    out.finish()?;
    Ok(Exit::Done)
}
