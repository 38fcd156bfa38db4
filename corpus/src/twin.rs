//! Whether a mail without its real Message-ID (a web archive's page, most of all) is a mail that is known already.
//!
//! Two mails are twins when the author is the same, the text is the same once addresses are masked and white space is
//! folded, and the dates differ only as a page's date differs from the mail's: by whole quarters of an hour up to 26
//! hours (a wrong zone), and by at most five minutes more (arrival after writing). One of the two must have a made id:
//! two real Message-IDs are two mails.

use crate::message::Message;

const QUARTER: i64 = 15 * 60;
const LONGEST_SHIFT: i64 = 26 * 3_600;
const LONGEST_DELIVERY: i64 = 5 * 60;

/// How much of the folded text goes into the fingerprint, in bytes. It need not tell all mails apart: what shares a
/// fingerprint is compared whole.
const FINGERPRINT_BYTES: usize = 1_024;

/// Whether the two are the same mail. The order does not matter.
pub fn is_twin(a: &Message<'_>, b: &Message<'_>) -> bool {
    (a.has_made_id() || b.has_made_id()) && a.raw != b.raw && is_twin_content(a, b)
}

fn is_twin_content(a: &Message<'_>, b: &Message<'_>) -> bool {
    dates_fit(a, b) && folded_author(a) == folded_author(b) && folded(&a.text()).eq(folded(&b.text()))
}

/// A number that twins share: of the author's name (or masked address) and the first 1,024 bytes of the text, both
/// folded. FNV-1a, so that it may be stored.
pub fn fingerprint(message: &Message<'_>) -> u64 {
    let text = message.text();
    let author = folded_author(message);
    let bytes = author.bytes().chain([0]).chain(folded(&text).take(FINGERPRINT_BYTES));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

fn dates_fit(a: &Message<'_>, b: &Message<'_>) -> bool {
    let (Some(one), Some(other)) = (a.date, b.date) else { return false };
    let fits = |later: i64| {
        later.rem_euclid(QUARTER) <= LONGEST_DELIVERY
            && (-LONGEST_SHIFT..=LONGEST_SHIFT + LONGEST_DELIVERY).contains(&later)
    };
    let difference = one.seconds - other.seconds;
    match (a.is_web_page(), b.is_web_page()) {
        (true, false) => fits(difference),
        (false, true) => fits(-difference),
        _ => fits(difference) || fits(-difference),
    }
}

fn folded_author(message: &Message<'_>) -> String {
    let Some(author) = message.from.first() else { return String::new() };
    match &author.name {
        Some(name) if !name.contains('@') => name.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase(),
        Some(name) => crate::address::mask(name).to_lowercase(),
        None => author.masked().to_lowercase(),
    }
}

/// The text with every domain after an `@` left out, and white space folded to single spaces.
fn folded(text: &str) -> impl Iterator<Item = u8> + '_ {
    let mut bytes = text.bytes().peekable();
    let mut in_domain = false;
    let mut blank = true;
    let mut pending = None;
    std::iter::from_fn(move || {
        if let Some(byte) = pending.take() {
            return Some(byte);
        }
        loop {
            let byte = bytes.next()?;
            if in_domain {
                if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_') {
                    continue;
                }
                in_domain = false;
            }
            // The no-break space of a page is U+00A0: c2 a0.
            let space = byte.is_ascii_whitespace() || (byte == 0xc2 && bytes.next_if_eq(&0xa0).is_some());
            if space {
                blank = true;
                continue;
            }
            in_domain = byte == b'@';
            if std::mem::take(&mut blank) {
                pending = Some(byte);
                return Some(b' ');
            }
            return Some(byte);
        }
    })
}

#[cfg(test)]
mod tests;
