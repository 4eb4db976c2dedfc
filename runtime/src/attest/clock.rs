//! Times as texts.
//!
//! Owns the form of RFC 3339 in UTC that Go writes: as many digits of a second as there are.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The time so many seconds after 1970; what no clock can show is 1970.
pub(super) fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds)).unwrap_or(UNIX_EPOCH)
}

/// A time to the nanosecond.
pub(super) fn exact(time: SystemTime) -> String {
    let nanos = time.duration_since(UNIX_EPOCH).unwrap_or_default().subsec_nanos();
    let fraction = format!("{nanos:09}");
    match fraction.trim_end_matches('0') {
        "" => whole(time),
        fraction => format!("{}.{fraction}Z", whole(time).trim_end_matches('Z')),
    }
}

/// A time to the second.
pub(super) fn whole(time: SystemTime) -> String {
    let seconds = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (rest / 3_600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// The date of a day that is counted from 1970. Years begin in March here, so that the leap day is their last.
fn date(days: u64) -> (u64, u64, u64) {
    let shifted = days.saturating_add(719_468);
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_go() {
        let check = |seconds: u64, nanos: u32, expected: &str| {
            assert_eq!(exact(UNIX_EPOCH + Duration::new(seconds, nanos)), expected);
        };
        check(0, 0, "1970-01-01T00:00:00Z");
        check(951_782_399, 0, "2000-02-28T23:59:59Z");
        check(951_782_400, 500_000_000, "2000-02-29T00:00:00.5Z");
        check(951_868_800, 1, "2000-03-01T00:00:00.000000001Z");
        check(1_445_412_480, 120, "2015-10-21T07:28:00.00000012Z");
        check(1_735_689_599, 0, "2024-12-31T23:59:59Z");
        check(4_107_542_400, 0, "2100-03-01T00:00:00Z");
        assert_eq!(whole(UNIX_EPOCH + Duration::new(60, 7)), "1970-01-01T00:01:00Z");
        assert_eq!(at(u64::MAX), UNIX_EPOCH);
        assert_eq!(exact(UNIX_EPOCH - Duration::from_secs(5)), "1970-01-01T00:00:00Z");
    }
}
