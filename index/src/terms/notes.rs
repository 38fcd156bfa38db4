//! What one pass over a text notes for the next two. The same text feeds three fields, and finding its words is
//! most of the work of each: the exact pass sees every word, so it takes down the few that the others want.
//!
//! Notes are found again by the text's length and hash, so whoever tokenises in another order only loses the gain.

use std::cell::RefCell;
use std::hash::Hasher;
use std::rc::Rc;

use rustc_hash::FxHasher;

/// Texts whose notes are kept, by thread; a mail has about as many.
const KEPT: usize = 16;
/// Notes above this size are dropped, and the text is scanned again: bytes.
const LARGE: usize = 1 << 20;

/// The stems of one text, and where its identifiers stand.
#[derive(Clone, Debug, Default)]
pub(super) struct Notes {
    hash: u64,
    len: usize,
    /// Each stem behind its length.
    stems: Vec<u8>,
    identifiers: Vec<(u32, u32)>,
}

thread_local! {
    static RING: RefCell<(usize, [Rc<Notes>; KEPT])> = RefCell::default();
}

fn hash(text: &str) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write(text.as_bytes());
    hasher.finish()
}

/// Keeps the finished notes of a text.
pub(super) fn keep(text: &str, mut notes: Notes) {
    if text.is_empty() || notes.stems.len() + 8 * notes.identifiers.len() > LARGE {
        return;
    }
    notes.len = text.len();
    notes.hash = hash(text);
    RING.with_borrow_mut(|(next, ring)| {
        ring[*next] = Rc::new(notes);
        *next = (*next + 1) % KEPT;
    });
}

/// The notes of a text, if they are still there.
pub(super) fn of(text: &str) -> Option<Rc<Notes>> {
    RING.with_borrow(|(_, ring)| {
        let mut same = ring.iter().filter(|notes| notes.len == text.len() && notes.len > 0).peekable();
        same.peek()?;
        let hash = hash(text);
        same.find(|notes| notes.hash == hash).cloned()
    })
}

impl Notes {
    pub(super) fn stem(&mut self, stem: &str) {
        if let Ok(len) = u8::try_from(stem.len()) {
            self.stems.push(len);
            self.stems.extend_from_slice(stem.as_bytes());
        }
    }

    pub(super) fn identifier(&mut self, start: usize, end: usize) {
        if let (Ok(start), Ok(end)) = (u32::try_from(start), u32::try_from(end)) {
            self.identifiers.push((start, end));
        }
    }

    /// The stem at a place, and the place of the next.
    pub(super) fn stem_at(&self, at: usize) -> Option<(&str, usize)> {
        let len = usize::from(*self.stems.get(at)?);
        let end = at + 1 + len;
        Some((std::str::from_utf8(self.stems.get(at + 1..end)?).ok()?, end))
    }

    /// Start and end of an identifier, by its number.
    pub(super) fn identifier_at(&self, at: usize) -> Option<(usize, usize)> {
        self.identifiers.get(at).map(|&(start, end)| (start as usize, end as usize))
    }
}
