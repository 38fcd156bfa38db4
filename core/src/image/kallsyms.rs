//! Names of a stripped kernel, from the tables that it carries for itself: `scripts/kallsyms.c`, v5.4 to v7.3. Nothing
//! points to them in a stripped image, so they are found by their shape.
//!
//! Names are compressed with 256 tokens; those of the digits stand for themselves in every kernel, and are what is
//! searched for. Up to v6.3 the order is offsets, base, count, names, markers, tokens, token index; since v6.4 offsets
//! and base come last. Since v7.0 the parts are aligned to 4 instead of 8 bytes, there is no base, and an offset counts from
//! where it stands.

use super::space::Space;
use super::symbols::{Names, Symbol, Symbols};

const TOKENS: usize = 256;
const DIGITS: &[u8] = b"\x000\x001\x002\x003\x004\x005\x006\x007\x008\x009\0";
/// Steps that the search may take, however the bytes are made.
const STEPS: usize = 100_000_000;

pub(crate) fn read(space: &Space) -> Option<Symbols> {
    // `.rodata` in a linked kernel; found by its contents, because names of sections may be stripped too.
    space.sections().iter().filter(|s| !s.exec).find_map(|s| decode(space.contents(s), s.addr))
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at.checked_add(4)?).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
}

fn long(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from(word(bytes, at)?) | u64::from(word(bytes, at.checked_add(4)?)?) << 32)
}

/// Bytes that the parts are aligned to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Era {
    /// Up to v6.19; the count fills 8 bytes, the upper ones zero.
    Eight,
    /// From v7.0 on.
    Four,
}

impl Era {
    fn align(self) -> usize {
        match self {
            Self::Eight => 8,
            Self::Four => 4,
        }
    }

    fn count(self, bytes: &[u8], at: usize) -> Option<u64> {
        match self {
            Self::Eight => long(bytes, at),
            Self::Four => word(bytes, at).map(u64::from),
        }
    }
}

struct Tokens<'a> {
    /// Where the table begins, and where the index behind it ends.
    range: (usize, usize),
    strings: Vec<&'a [u8]>,
}

/// Reads the tables out of a section that begins at an address.
fn decode(bytes: &[u8], section: u64) -> Option<Symbols> {
    let digits: Vec<usize> = memchr::memmem::find_iter(bytes, DIGITS).take(64).map(|at| at + 1).collect();
    // Where everything happens to be aligned to 8 both fit the tokens; what is around them decides.
    [Era::Eight, Era::Four].into_iter().find_map(|era| {
        let tokens = digits.iter().find_map(|at| tokens(bytes, *at, era))?;
        let (count_at, count, names) = names(bytes, &tokens, era)?;
        let places = match era {
            Era::Eight => addresses(bytes, count_at, tokens.range.1, count)?,
            Era::Four => Places { offsets: tokens.range.1.next_multiple_of(4), from: From::Itself(section) },
        };
        symbols(bytes, &tokens, (names, count), &places)
    })
}

/// Where the offsets begin, and what they count from.
struct Places {
    offsets: usize,
    from: From,
}

enum From {
    Base(u64),
    /// Each from where it stands, in a section that begins there.
    Itself(u64),
}

/// Where kernels are linked, and modules: `__START_KERNEL_map` and above.
const KERNEL: u64 = 0xffff_ffff_8000_0000;

/// The token table around the digit 0, and its index.
fn tokens(bytes: &[u8], zero: usize, era: Era) -> Option<Tokens<'_>> {
    let mut end = zero;
    for _ in usize::from(b'0')..TOKENS {
        end += memchr::memchr(0, bytes.get(end..)?.get(..64)?)? + 1;
    }
    let index = end.next_multiple_of(era.align());
    let at =
        |token: usize| bytes.get(index + token * 2..index + token * 2 + 2).map(|b| u16::from_le_bytes([b[0], b[1]]));
    let start = zero.checked_sub(usize::from(at(usize::from(b'0'))?))?;
    let mut strings = Vec::with_capacity(TOKENS);
    for token in 0..TOKENS {
        let from = bytes.get(start + usize::from(at(token)?)..end)?;
        strings.push(&from[..memchr::memchr(0, from)?]);
    }
    (at(0)? == 0 && strings[usize::from(b'7')] == b"7")
        .then_some(Tokens { range: (start, index + TOKENS * 2), strings })
}

/// The length of a name in tokens, and where its tokens begin: two bytes for long ones since v6.1.
fn length(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let first = usize::from(*bytes.get(at)?);
    if first & 0x80 == 0 {
        return Some((first, at + 1));
    }
    Some((first & 0x7f | usize::from(*bytes.get(at + 1)?) << 7, at + 2))
}

/// Searches backwards from the tokens for a count that so many names follow, and behind these the markers, which give
/// the place of every 256th.
fn names(bytes: &[u8], tokens: &Tokens<'_>, era: Era) -> Option<(usize, usize, usize)> {
    let end = tokens.range.0;
    let mut steps = 0;
    let align = era.align();
    let mut at = end & !(align - 1);
    while at >= align && steps < STEPS {
        at -= align;
        steps += 1;
        let count = usize::try_from(era.count(bytes, at)?).unwrap_or(usize::MAX);
        let room = end - at - align;
        // A name has a length, a type and at least one character; compressed they come to 10 bytes, rarely over 64.
        if count < 16 || count > room / 2 || room / 128 > count {
            continue;
        }
        let (mut place, mut second) = (at + align, 0);
        let mut read = 0;
        while read < count && place < end {
            if read == 256 {
                second = place - at - align;
            }
            match length(bytes, place) {
                Some((len, from)) if len > 0 => place = from + len,
                _ => break,
            }
            read += 1;
        }
        steps += read;
        let markers = place.next_multiple_of(align);
        let fits = read == count && place <= end && word(bytes, markers) == Some(0);
        if fits && (count <= 256 || word(bytes, markers + 4) == Some(second as u32)) {
            return Some((at, count, at + align));
        }
    }
    None
}

/// The base, and where the offsets begin: in front of the count, or behind the token index.
fn addresses(bytes: &[u8], count_at: usize, behind: usize, count: usize) -> Option<Places> {
    let span = (count * 4).next_multiple_of(8);
    let plausible = |base: u64| base >= KERNEL;
    if let Some(base_at) = count_at.checked_sub(8)
        && let Some(base) = long(bytes, base_at).filter(|b| plausible(*b))
        && let Some(offsets) = base_at.checked_sub(span)
    {
        return Some(Places { offsets, from: From::Base(base) });
    }
    let offsets = behind.next_multiple_of(8);
    let base = long(bytes, offsets + span).filter(|b| plausible(*b))?;
    Some(Places { offsets, from: From::Base(base) })
}

fn symbols(bytes: &[u8], tokens: &Tokens<'_>, (mut at, count): (usize, usize), places: &Places) -> Option<Symbols> {
    let offset = |n: usize| word(bytes, places.offsets + n * 4).map(|w| i64::from(w as i32));
    // With CONFIG_KALLSYMS_ABSOLUTE_PERCPU (gone in v6.15) negative offsets count from the base, others are absolute.
    let negative = (0..count).filter(|n| offset(*n).is_some_and(|o| o < 0)).count();
    let absolute = negative * 2 > count;
    let mut text = Vec::with_capacity(count * 24);
    let mut list = Vec::with_capacity(count);
    let mut outside = 0;
    for n in 0..count {
        let (len, from) = length(bytes, at)?;
        at = from + len;
        let name = u32::try_from(text.len()).ok()?;
        bytes.get(from..at)?.iter().for_each(|t| text.extend_from_slice(tokens.strings[usize::from(*t)]));
        text.push(0);
        let kind = *text.get(name as usize)?;
        let offset = offset(n)?;
        let addr = match (&places.from, absolute, offset < 0) {
            (From::Base(base), true, true) => base.wrapping_sub(1).wrapping_add_signed(-offset),
            (From::Base(_), true, false) => offset as u64,
            (From::Base(base), false, _) => base.wrapping_add(u64::from(offset as u32)),
            (From::Itself(section), ..) => {
                let here = section.checked_add((places.offsets + n * 4) as u64)?;
                here.wrapping_add_signed(offset)
            }
        };
        outside += usize::from(addr < KERNEL);
        let function = matches!(kind, b't' | b'T' | b'w' | b'W');
        list.push(Symbol::new(addr, 0, name + 1, function, kind.is_ascii_uppercase()));
    }
    // Offsets from themselves lead into the kernel, or the bytes were something else.
    if matches!(places.from, From::Itself(_)) && outside * 100 > count {
        return None;
    }
    // The list tells no sizes: a function ends where the next symbol begins.
    list.sort_by_key(|s| s.addr);
    let mut next = u64::MAX;
    for symbol in list.iter_mut().rev() {
        if next != symbol.addr && next != u64::MAX {
            symbol.size = next - symbol.addr;
        }
        next = symbol.addr;
    }
    Some(Symbols::new(list, Names::Own(text)))
}

#[cfg(test)]
mod tests;
