//! How far the program can see: which lists are indexed, up to when. Every answer carries it, because "not
//! in the indexed lists" is never "does not exist".

use provenance_index::reader::Reader;
use provenance_index::search::Answer;

use crate::{dates, text};

/// Lists that are named; beyond it they are counted.
const NAMED: usize = 6;

/// `indexed: bpf, netdev, newest 2026-06-03`
pub fn indexed(reader: Option<&Reader>) -> String {
    let Some(reader) = reader.filter(|r| !r.state.lists.is_empty()) else {
        return "no mail indexed, catalogue only".to_owned();
    };
    let mut lists: Vec<(&String, u64)> = reader.state.lists.iter().map(|(name, list)| (name, list.mails)).collect();
    lists.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    let mut names: Vec<String> = lists
        .iter()
        .take(NAMED)
        .map(|(name, _)| text::line(name.split('.').next().unwrap_or(name)).into_owned())
        .collect();
    if lists.len() > NAMED {
        names.push(format!("{} more", lists.len() - NAMED));
    }
    let newest = reader.state.newest().map_or_else(String::new, |n| format!(", newest {}", dates::day(n)));
    format!("indexed: {}{newest}", names.join(", "))
}

/// `3 of 3, as of 2020-01-01; indexed: ...`
pub fn of_answer(answer: &Answer, reader: Option<&Reader>, offset: usize) -> String {
    let shown = answer.hits.len();
    let least = if answer.is_exact { "" } else { "at least " };
    let counted = if offset > 0 && shown > 0 {
        format!("{} to {} of {}", offset + 1, offset + shown, text::count(answer.total as u64))
    } else {
        format!("{} of {least}{}", text::count(shown as u64), text::count(answer.total as u64))
    };
    let as_of = answer.as_of.map_or_else(String::new, |moment| format!(", as of {}", dates::day(moment)));
    let more = if offset + shown < answer.total { " (-n, --offset for more)" } else { "" };
    format!("{counted}{more}{as_of}; {}", indexed(reader))
}
