//! Who owns the bytes of an instruction, in words.

use std::fmt::Write as _;

use provenance_engine::image::{Line, Rank};

/// Who owns bytes of an instruction, in words: `ftrace  ×  bpf-dispatcher` where two live owners meet.
pub fn owners(one: &Line) -> String {
    if one.padding {
        return "padding".to_owned();
    }
    let mark = match one.worst {
        Some(Rank::Conflict) => "  ×  ",
        _ => "  +  ",
    };
    let mut owners: Vec<String> = Vec::new();
    for held in &one.held {
        let mut word = held.owner.name().to_owned();
        // What begins elsewhere, or is no whole instruction, says which bytes it is.
        if held.addr != one.addr || (held.len as usize) < one.bytes.len() {
            let from = held.addr as i128 - one.addr as i128;
            let _ = write!(word, " [{from}..{}]", from + i128::from(held.len));
        }
        if !held.detail.is_empty() {
            let _ = write!(word, " ({})", held.detail);
        }
        if !held.fits {
            word.push_str(" (odd)");
        }
        if !owners.contains(&word) {
            owners.push(word);
        }
    }
    owners.join(mark)
}
