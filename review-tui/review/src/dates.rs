//! Dates as they are shown: ISO, UTC.

use jiff::Timestamp;

fn timestamp(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap_or(if seconds < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

/// `2019-12-11`
pub fn day(seconds: i64) -> String {
    timestamp(seconds).strftime("%Y-%m-%d").to_string()
}

/// `2019-12-11 12:30`
pub fn minute(seconds: i64) -> String {
    timestamp(seconds).strftime("%Y-%m-%d %H:%M").to_string()
}

/// `2019-12-11T12:30:13Z`
pub fn second(seconds: i64) -> String {
    timestamp(seconds).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    #[test]
    fn far_away_dates_do_not_panic() {
        assert_eq!(super::minute(1576067413), "2019-12-11 12:30");
        assert_eq!(super::day(0), "1970-01-01");
        super::second(i64::MAX);
        super::second(i64::MIN);
    }
}
