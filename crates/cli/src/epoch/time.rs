//! Points in time as people read them.

use std::time::Duration;

/// Seconds of a day.
const DAY_SECS: u64 = 86_400;

/// Unix seconds as a date and time of day in UTC.
pub(super) fn utc(unix_secs: u64) -> String {
    let (days, secs) = (unix_secs / DAY_SECS, unix_secs % DAY_SECS);
    let (year, month, day) = date(days);
    let (hours, minutes, seconds) = (secs / 3600, secs / 60 % 60, secs % 60);
    format!("{year:04}-{month:02}-{day:02} {hours:02}:{minutes:02}:{seconds:02} UTC")
}

/// How far a point is from now, in its two largest units.
pub(super) fn distance(unix_secs: u64, now_secs: u64) -> String {
    let length = Duration::from_secs(unix_secs.abs_diff(now_secs)).as_secs();
    let units = [(DAY_SECS, "d"), (3600, "h"), (60, "min"), (1, "s")];
    let first = units.iter().position(|(unit, _)| length >= *unit).unwrap_or(units.len() - 1);
    let mut rest = length;
    let parts: Vec<_> = units[first..]
        .iter()
        .take(2)
        .map(|(unit, name)| {
            let count = rest / unit;
            rest %= unit;
            format!("{count} {name}")
        })
        .collect();
    let text = parts.join(" ");
    if unix_secs > now_secs {
        format!("in {text}")
    } else {
        format!("{text} ago")
    }
}

/// Year, month and day of a number of days since 1970, in the Gregorian calendar.
fn date(days: u64) -> (u64, u64, u64) {
    let (mut year, mut day) = (1970, days);
    // 400 years have 146 097 days.
    year += day / 146_097 * 400;
    day %= 146_097;
    while day >= year_days(year) {
        day -= year_days(year);
        year += 1;
    }
    let mut month = 1;
    while day >= month_days(year, month) {
        day -= month_days(year, month);
        month += 1;
    }
    (year, month, day + 1)
}

const fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

const fn year_days(year: u64) -> u64 {
    if is_leap(year) { 366 } else { 365 }
}

const fn month_days(year: u64, month: u64) -> u64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap(year) => 29,
        2 => 28,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_the_calendars() {
        for (secs, text) in [
            (0, "1970-01-01 00:00:00 UTC"),
            (951_782_400, "2000-02-29 00:00:00 UTC"),
            (1_700_000_000, "2023-11-14 22:13:20 UTC"),
            (4_107_542_399, "2100-02-28 23:59:59 UTC"),
            (4_107_542_400, "2100-03-01 00:00:00 UTC"),
            (13_574_563_200, "2400-02-29 00:00:00 UTC"),
        ] {
            assert_eq!(utc(secs), text);
        }
        assert!(utc(u64::MAX).ends_with("UTC"));
    }

    #[test]
    fn distances_have_two_units_at_most() {
        assert_eq!(distance(100, 100), "0 s ago");
        assert_eq!(distance(100, 41), "in 59 s");
        assert_eq!(distance(0, 3_725), "1 h 2 min ago");
        assert_eq!(distance(200_000, 0), "in 2 d 7 h");
    }
}
