//! Mails that change no link: most mail is talk. A mail that is no patch, names nothing, is named by nothing and hangs where its
//! thread already was leaves all links as they are, and they need not be derived anew.

use std::io;

use provenance_corpus::thread;
use rustc_hash::{FxHashMap, FxHashSet};

use super::Row;
use super::fact::Fact;

/// More new mails than this are worth a derivation anyway.
const MOST: usize = 500;

/// Whether these facts of new mails change no link. `named` tells whether some mail names an id that was not there, or an id
/// by its part before the `@` alone.
///
/// # Errors
/// What `named` says.
pub fn changes_nothing(
    new: &[Fact],
    rows: &[Row],
    mut named: impl FnMut(u64, bool) -> io::Result<bool>,
) -> io::Result<bool> {
    if new.is_empty() || new.len() > MOST || !new.iter().all(is_talk) {
        return Ok(false);
    }
    for fact in new {
        if named(fact.id, false)? || named(fact.local, true)? {
            return Ok(false);
        }
    }
    let (origins, ids): (FxHashSet<u64>, FxHashSet<u64>) = new.iter().map(|fact| (fact.origin, fact.id)).unzip();
    let (mine, others): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(|row| origins.contains(&row.origin));
    // A copy of a mail that is there, or the parent that others waited for.
    if others.iter().any(|row| ids.contains(&row.id) || row.references.iter().any(|id| ids.contains(id))) {
        return Ok(false);
    }
    // One that names two threads joins them; one that names a missing mail may do so later.
    let known: FxHashMap<u64, usize> = others.iter().enumerate().map(|(at, row)| (row.id, at)).collect();
    let mut roots: Option<Vec<u64>> = None;
    for row in mine.iter().filter(|row| !row.references.is_empty()) {
        let Some(places) = row.references.iter().map(|id| known.get(id).copied()).collect::<Option<Vec<usize>>>()
        else {
            return Ok(false);
        };
        let roots = roots.get_or_insert_with(|| thread::roots(others.iter().map(|r| (r.id, r.references.as_slice()))));
        if places.windows(2).any(|pair| roots[pair[0]] != roots[pair[1]]) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// No patch, no cover letter, no word of a commit, and it names neither mails nor commits.
fn is_talk(fact: &Fact) -> bool {
    let flags = fact.flags;
    let plain = !(flags.patch || flags.cover || flags.told || flags.notice || flags.page);
    plain && fact.cites.is_empty() && fact.tells.is_empty() && fact.change == 0 && fact.part.is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: u64, references: &[u64]) -> Row {
        Row { origin: id + 1_000, id, references: references.to_vec(), date: 0, fingerprint: 0, page: false }
    }

    fn fact(id: u64) -> Fact {
        Fact { origin: id + 1_000, id, local: id + 5_000, ..Fact::default() }
    }

    fn judge(new: Fact, references: &[u64], named: &[(u64, bool)]) -> bool {
        // 1 <- 2, 3 alone, 4 answers 9, which is missing.
        let mut rows = vec![row(1, &[]), row(2, &[1]), row(3, &[]), row(4, &[9])];
        rows.push(row(new.id, references));
        changes_nothing(&[new], &rows, |key, masked| Ok(named.contains(&(key, masked)))).unwrap()
    }

    #[test]
    fn talk_in_one_thread_changes_nothing() {
        assert!(judge(fact(7), &[], &[]));
        assert!(judge(fact(7), &[1, 2], &[]));
        assert!(!judge(fact(7), &[1, 3], &[]), "it joins two threads");
        assert!(!judge(fact(7), &[1, 8], &[]), "it names one that is missing");
        assert!(!judge(fact(9), &[], &[]), "another waits for it");
        assert!(!judge(fact(1), &[], &[]), "a copy");
        assert!(!judge(fact(7), &[], &[(7, false)]) && !judge(fact(7), &[], &[(5_007, true)]), "it is named");
        let mut patch = fact(7);
        patch.flags.patch = true;
        assert!(!judge(patch, &[], &[]));
        assert!(!judge(Fact { part: Some((1, 2)), ..fact(7) }, &[], &[]));
    }
}
