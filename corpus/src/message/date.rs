//! The Date header (RFC 5322, sections 3.3 and 4.3), and the forms in which archives really hold it.

use jiff::civil;
use jiff::tz::Offset;

/// A point in time and the zone in which its sender wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    /// Seconds since 1970-01-01 00:00:00 UTC.
    pub seconds: i64,
    /// East of UTC, in minutes; 0 also for `-0000` and where `zone_known` is false.
    pub zone: i16,
    /// Whether the header names a zone that can be understood. A sender's `-0000` says that there is none.
    pub zone_known: bool,
}

/// What is looked at of a header that should hold a date, in bytes.
const LONGEST: usize = 200;

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// Zones that mailers write as words, in minutes east of UTC.
const ZONES: [(&str, i16); 24] = [
    ("ut", 0),
    ("utc", 0),
    ("gmt", 0),
    ("z", 0),
    ("est", -300),
    ("edt", -240),
    ("cst", -360),
    ("cdt", -300),
    ("mst", -420),
    ("mdt", -360),
    ("pst", -480),
    ("pdt", -420),
    ("wet", 0),
    ("west", 60),
    ("bst", 60),
    ("cet", 60),
    ("met", 60),
    ("cest", 120),
    ("mest", 120),
    ("eet", 120),
    ("eest", 180),
    ("msk", 180),
    ("jst", 540),
    ("kst", 540),
];

/// Reads a date. `None` where day, month, year or time is missing or impossible, or the year is before 1970.
pub fn parse(raw: &[u8]) -> Option<Date> {
    let raw = &raw[..raw.len().min(LONGEST)];
    let mut parts = Parts::default();
    let mut depth = 0usize;
    let words = raw.split(|&byte| match byte {
        b'(' => {
            depth += 1;
            true
        }
        b')' => {
            depth = depth.saturating_sub(1);
            true
        }
        byte => depth > 0 || byte.is_ascii_whitespace() || byte == b',',
    });
    for word in words.filter(|word| !word.is_empty()) {
        parts.take(std::str::from_utf8(word).ok()?)?;
    }
    parts.date()
}

#[derive(Default)]
struct Parts {
    day: Option<i8>,
    month: Option<i8>,
    year: Option<i16>,
    time: Option<(i8, i8, i8)>,
    afternoon: Option<bool>,
    zone: Option<i16>,
    zone_unknown: bool,
}

impl Parts {
    fn take(&mut self, word: &str) -> Option<()> {
        let first = word.as_bytes()[0];
        if let Some((date, time)) = word.split_once(['T', 't']).filter(|(date, _)| date.len() == 10) {
            self.take(date)?;
            let (clock, zone) = time.split_at(time.find(['Z', 'z', '+', '-']).unwrap_or(time.len()));
            self.take(if clock.is_empty() { "?" } else { clock })?;
            return if zone.is_empty() { Some(()) } else { self.take(zone) };
        }
        if first.is_ascii_digit() && word.contains(':') {
            return self.time(word);
        }
        if matches!(first, b'+' | b'-') {
            if word.len() > 1 && self.time.is_some() {
                self.zone(word);
            }
            return Some(());
        }
        if first.is_ascii_digit() && word.contains('-') {
            return word.split('-').filter(|piece| !piece.is_empty()).try_for_each(|piece| self.take(piece));
        }
        if first.is_ascii_digit() {
            return self.number(word);
        }
        self.letters(word);
        Some(())
    }

    fn time(&mut self, word: &str) -> Option<()> {
        let mut pieces = word.split(':');
        let mut next = || -> Option<Option<i8>> {
            let Some(piece) = pieces.next() else { return Some(None) };
            // Fractions of a second do not matter here.
            piece.split('.').next()?.parse().ok().map(Some)
        };
        let (hour, minute, second) = (next()??, next()??, next()?.unwrap_or(0));
        self.time.get_or_insert((hour, minute, second));
        Some(())
    }

    /// `+0200`, `-05:30`. What is beyond every real zone counts as unknown, as in public-inbox.
    fn zone(&mut self, word: &str) {
        let digits: String = word[1..].chars().filter(|c| *c != ':').collect();
        let value: Option<i16> = match digits.len() {
            2 => digits.parse().ok().map(|hours: i16| hours * 60),
            3 | 4 => digits.parse().ok().map(|both: i16| both / 100 * 60 + both % 100),
            _ => None,
        };
        match value.filter(|minutes| *minutes <= 14 * 60) {
            Some(minutes) => self.zone = Some(if word.starts_with('-') { -minutes } else { minutes }),
            None => self.zone_unknown = true,
        }
    }

    fn number(&mut self, word: &str) -> Option<()> {
        let number: i16 = word.parse().ok()?;
        if word.len() == 4 {
            self.year.get_or_insert(number);
        } else if self.day.is_none() && number <= 31 {
            if self.year.is_some() && self.month.is_none() {
                self.month = Some(number as i8);
            } else {
                self.day = Some(number as i8);
            }
        } else if self.year.is_none() {
            self.year = Some(match word.len() {
                2 if number < 50 => 2000 + number,
                2 | 3 => 1900 + number,
                _ => return None,
            });
        }
        Some(())
    }

    fn letters(&mut self, word: &str) {
        let lower = word.to_ascii_lowercase();
        if let Some(month) = MONTHS.iter().position(|month| lower.starts_with(month))
            && self.month.is_none()
        {
            self.month = Some(month as i8 + 1);
        } else if lower == "am" || lower == "pm" {
            self.afternoon = Some(lower == "pm");
        } else if self.time.is_some() && self.zone.is_none() {
            let name = lower.find(['+', '-']).map_or(lower.as_str(), |sign| &lower[..sign]);
            match ZONES.iter().find(|(zone, _)| *zone == name) {
                Some(_) if name.len() < lower.len() => self.zone(&lower[name.len()..]),
                Some((_, minutes)) => self.zone = Some(*minutes),
                None => self.zone_unknown = !is_weekday(&lower),
            }
        }
    }

    fn date(self) -> Option<Date> {
        let (mut hour, minute, second) = self.time?;
        if let Some(afternoon) = self.afternoon.filter(|_| (1..=12).contains(&hour)) {
            hour = hour % 12 + if afternoon { 12 } else { 0 };
        }
        // A leap second counts as the one before it.
        let civil = civil::DateTime::new(self.year?, self.month?, self.day?, hour, minute, second.min(59), 0);
        let civil = civil.ok().filter(|_| (0..=60).contains(&second))?;
        let zone = self.zone.unwrap_or(0);
        let seconds = Offset::UTC.to_timestamp(civil).ok()?.as_second() - i64::from(zone) * 60;
        (seconds >= 0).then_some(Date { seconds, zone, zone_known: self.zone.is_some() && !self.zone_unknown })
    }
}

fn is_weekday(lower: &str) -> bool {
    ["mon", "tue", "wed", "thu", "fri", "sat", "sun"].iter().any(|day| lower.starts_with(day))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        for (text, seconds, zone) in [
            ("Mon, 15 Aug 2022 11:16:58 -0400", 1_660_576_618, -240),
            ("Mon, 15 Aug 2022 15:16:58 +0000 (UTC)", 1_660_576_618, 0),
            ("15 Aug 22 15:16:58 GMT", 1_660_576_618, 0),
            ("Mon, 15 Aug 2022 11:16:58 EDT", 1_660_576_618, -240),
            ("Mon Aug 15 15:16:58 2022 -0000", 1_660_576_618, 0),
            ("Mon Aug 15 2022 - 10:16:58 EST", 1_660_576_618, -300),
            ("2022-08-15T15:16:58Z", 1_660_576_618, 0),
            ("2022-08-15 17:16:58 +02:00", 1_660_576_618, 120),
            ("15-Aug-2022 3:16:58 PM UTC", 1_660_576_618, 0),
            ("Sat, 31 Dec 122 23:59:60 GMT+0100", 1_672_527_599, 60),
            ("Fri, 31 Dec 99 23:59 +0000", 946_684_740, 0),
        ] {
            let date = parse(text.as_bytes()).unwrap_or_else(|| panic!("{text}"));
            assert_eq!((date.seconds, date.zone, date.zone_known), (seconds, zone, true), "{text}");
        }
        for text in ["15 Aug 2022 15:16:58", "15 Aug 2022 15:16:58 XYZ", "15 Aug 2022 15:16:58 +9900"] {
            let date = parse(text.as_bytes()).unwrap();
            assert_eq!((date.seconds, date.zone_known), (1_660_576_618, false), "{text}");
        }
        for text in [
            "",
            "Mon, 15 Aug 11:16:58 -0400",
            "yesterday",
            "32 Aug 2022 1:2:3 +0000",
            "15 Aug 2022",
            "15 Aug 2022 25:00:00 +0000",
            "15 Aug 1822 15:16:58 +0000",
            "30 Feb 2022 1:2:3 +0000",
            "((((",
            "\u{e4}",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_jiff_writes_is_read(seconds in 0i64..4_000_000_000, zone in -840i16..840) {
            let zoned = jiff::Timestamp::from_second(seconds).unwrap()
                .to_zoned(Offset::from_seconds(i32::from(zone) * 60).unwrap().to_time_zone());
            for form in ["%a, %d %b %Y %H:%M:%S %z", "%Y-%m-%dT%H:%M:%S%:z", "%a %b %e %H:%M:%S %Y %z"] {
                let text = zoned.strftime(form).to_string();
                proptest::prop_assert_eq!(parse(text.as_bytes()), Some(Date { seconds, zone, zone_known: true }), "{}", text);
            }
        }

        #[test]
        fn nothing_panics(text in "([0-9]{1,6}|[A-Z][a-z]{2}|[-+:., ()T]|\\PC){0,20}") {
            parse(text.as_bytes());
        }
    }
}
