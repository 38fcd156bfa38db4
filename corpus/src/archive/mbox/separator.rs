//! Which lines are From_ lines, and what time they tell.

use jiff::civil;

/// No From_ line is longer; a body line may be.
const LONGEST: usize = 512;

/// public-inbox writes this line before every mail of an mboxrd.
pub(super) const PUBLIC_INBOX: &[u8] = b"From mboxrd@z Thu Jan  1 00:00:00 1970";

/// A From_ line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Separator {
    /// Seconds since 1970; `None` where the line has a constant in place of a time.
    pub time: Option<i64>,
    pub by_public_inbox: bool,
    pub by_format_patch: bool,
}

/// A line with `From `, a weekday, and after it month, day, time and year in any of the orders in use.
pub(super) fn recognise(line: &[u8]) -> Option<Separator> {
    let line = line.trim_ascii_end();
    if line == PUBLIC_INBOX {
        return Some(Separator { time: None, by_public_inbox: true, by_format_patch: false });
    }
    if line.len() > LONGEST {
        return None;
    }
    let line = String::from_utf8_lossy(line.strip_prefix(b"From ")?);
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let weekday = words.iter().rposition(|it| position(&WEEKDAYS, it.trim_end_matches(',')).is_some())?;
    let date = &words[weekday + 1..];
    if date.len() > 6 {
        return None;
    }
    let time = seconds(date)?;
    // `git format-patch` has the commit where others have an address, and this date since 2005.
    let is_commit = weekday == 1 && words[0].len() >= 40 && words[0].bytes().all(|b| b.is_ascii_hexdigit());
    let by_format_patch = is_commit && date == ["Sep", "17", "00:00:00", "2001"];
    let time = (!by_format_patch && time != 0).then_some(time);
    Some(Separator { time, by_public_inbox: false, by_format_patch })
}

/// A header follows a From_ line, or a second From_ line that some relay has quoted; an empty mail has neither.
pub(super) fn may_follow(line: &[u8]) -> bool {
    let line = line.trim_ascii_end();
    line.is_empty() || line.starts_with(b">From ") || super::super::single::is_field(line)
}

/// `From ` alone, as Thunderbird writes it, or with an address and no date.
pub(super) fn is_bare(line: &[u8]) -> bool {
    let words = line.strip_prefix(b"From ").filter(|_| line.len() <= LONGEST);
    words.is_some_and(|words| words.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).count() <= 1)
}

/// The fields of a header that were seen, to know the header of a mail from lines of prose that look like one.
#[derive(Default)]
pub(super) struct Seen {
    from: bool,
    others: [bool; 3],
    any: bool,
}

impl Seen {
    /// Looks at a line; false if the header is over.
    pub fn take(&mut self, line: &[u8]) -> bool {
        const OTHERS: [&[u8]; 3] = [b"date", b"subject", b"message-id"];
        let continues = self.any && matches!(line.first(), Some(b' ' | b'\t')) && !line.trim_ascii().is_empty();
        if !continues && !super::super::single::is_field(line) {
            return false;
        }
        self.any = true;
        let name = line.split(|byte| *byte == b':').next().unwrap_or_default().trim_ascii_end();
        self.from |= name.eq_ignore_ascii_case(b"from");
        for (seen, other) in self.others.iter_mut().zip(OTHERS) {
            *seen |= name.eq_ignore_ascii_case(other);
        }
        true
    }

    /// From, and two of Date, Subject and Message-ID.
    pub fn is_mail(&self) -> bool {
        self.from && self.others.iter().filter(|seen| **seen).count() >= 2
    }
}

const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

fn position(names: &[&str], word: &str) -> Option<usize> {
    names.iter().position(|it| it.eq_ignore_ascii_case(word))
}

/// `Dec 11 12:30:13 2019`, with seconds or without, a zone before or after the year; or `11 Dec 2019 12:30:13 +0000`.
fn seconds(words: &[&str]) -> Option<i64> {
    let (mut month, mut day, mut year, mut time, mut zone) = (None, None, None, None, 0);
    for word in words {
        if let Some(it) = position(&MONTHS, word) {
            month = Some(it as i8 + 1);
        } else if word.contains(':') {
            let mut parts = word.split(':').map(str::parse::<i8>);
            let (hour, minute) = (parts.next()?.ok()?, parts.next()?.ok()?);
            time = Some((hour, minute, parts.next().unwrap_or(Ok(0)).ok()?.min(59)));
        } else if word.len() == 5 && word.starts_with(['+', '-']) {
            let number: i64 = word[1..].parse().ok()?;
            let offset = (number / 100 * 60 + number % 100) * 60;
            zone = if word.starts_with('-') { -offset } else { offset };
        } else if word.len() == 4 && word.bytes().all(|b| b.is_ascii_digit()) {
            year = word.parse::<i16>().ok();
        } else if word.len() <= 2 && word.bytes().all(|b| b.is_ascii_digit()) {
            day = word.parse::<i8>().ok();
        }
        // Anything else is the name of a zone (`CET`), which does not tell an offset.
    }
    let (hour, minute, second) = time?;
    let date = civil::DateTime::new(year?, month?, day?, hour, minute, second, 0).ok()?;
    Some(date.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second() - zone)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(line: &str) -> Option<Option<i64>> {
        recognise(line.as_bytes()).map(|it| it.time)
    }

    #[test]
    fn the_forms_in_use_are_recognised() {
        for line in [
            "From a@example.org Wed Jan  1 00:00:10 2020",
            "From a@example.org Wed Jan  1 00:00:10 2020\r\n",
            "From a b c Wed Jan 1 00:00:10 UTC 2020\n",
            "From a@example.org Wed Jan  1 00:00:10 +0000 2020",
            "From a@example.org Wed Jan  1 02:00:10 2020 +0200",
            "From a@example.org  Wed, 1 Jan 2020 00:00:10 +0000",
            "From MAILER-DAEMON Wed Jan  1 00:00:10 2020",
        ] {
            assert_eq!(time(line), Some(Some(1_577_836_810)), "{line}");
        }
        assert_eq!(time("From - Wed Jan  1 00:00 2020"), Some(Some(1_577_836_800)));
    }

    #[test]
    fn prose_is_not() {
        for line in [
            "From what I can see this is fine",
            "From Monday on we meet at 10:00",
            "From here to there, Tue or Wed, it is a long way to go by foot at 10:00",
            "From a@example.org Wed Foo 41 00:00:10 2020",
            "From a@example.org Wed Jan 41 00:00:10 2020",
            "From",
            "From ",
        ] {
            assert_eq!(time(line), None, "{line}");
        }
    }

    #[test]
    fn constants_in_place_of_a_time_tell_the_writer() {
        let ours = recognise(b"From mboxrd@z Thu Jan  1 00:00:00 1970\n").unwrap();
        assert!(ours.by_public_inbox && ours.time.is_none());
        let git = recognise(b"From 0123456789012345678901234567890123456789 Mon Sep 17 00:00:00 2001").unwrap();
        assert!(git.by_format_patch && git.time.is_none());
    }
}
