//! `GIT binary patch`: the data itself is not decoded, only measured and passed over.

use super::file::{Binary, FileDiff};
use super::text::Line;
use super::{Defect, Patch};

/// Reads from the `GIT binary patch` line: the way forward and, if it is there, the way back, each closed
/// by a blank line. Returns where reading goes on.
pub(super) fn read<'a>(patch: &mut Patch<'a>, file: &mut FileDiff<'a>, first: Line<'a>) -> usize {
    let mut end = first.next;
    for way in 0..2 {
        let Some(line) = Line::at(patch.text, end) else { break };
        let Some(form) = form(line.text()) else { break };
        if way == 0 {
            file.binary = Some(form);
        }
        end = line.next;
        let mut closed = false;
        while let Some(line) = Line::at(patch.text, end) {
            if line.text().is_empty() {
                (closed, end) = (true, line.next);
                break;
            }
            if !is_data(line.text().as_bytes()) {
                break;
            }
            end = line.next;
        }
        if !closed {
            patch.defect(Defect::Truncated { span: first.span() });
            break;
        }
    }
    if file.binary.is_none() {
        file.binary = Some(Binary::Named);
        patch.defect(Defect::Truncated { span: first.span() });
    }
    end
}

fn form(line: &str) -> Option<Binary> {
    let (word, size) = line.split_once(' ')?;
    let size = size.parse().ok()?;
    match word {
        "literal" => Some(Binary::Literal(size)),
        "delta" => Some(Binary::Delta(size)),
        _ => None,
    }
}

/// A line of base 85: a letter for the number of bytes (A..Z 1..26, a..z 27..52), then five digits for
/// every four of them.
fn is_data(line: &[u8]) -> bool {
    let bytes = match line.first() {
        Some(letter @ b'A'..=b'Z') => letter - b'A' + 1,
        Some(letter @ b'a'..=b'z') => letter - b'a' + 27,
        _ => return false,
    };
    line.len() == 1 + usize::from(bytes).div_ceil(4) * 5 && line.iter().all(u8::is_ascii_graphic)
}
