//! Times in RFC 3339.
//!
//! Owns their reading and writing, by the calendar and nothing else: no clock, no zones but offsets.

use std::fmt;

/// A second in nanoseconds.
pub(super) const SECOND: i64 = 1_000_000_000;

/// Nanoseconds since 1970; nothing if the text is no such time or out of range.
pub(super) fn parse(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let number = |from: usize, to: usize| -> Option<i64> {
        let part = text.get(from..to)?;
        if part.bytes().all(|byte| byte.is_ascii_digit()) { part.parse().ok() } else { None }
    };
    let sign_at = |at: usize, sign: u8| bytes.get(at) == Some(&sign);
    let separated = sign_at(4, b'-') && sign_at(7, b'-') && sign_at(10, b'T') && sign_at(13, b':') && sign_at(16, b':');
    if !separated {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let mut rest = text.get(19..)?;
    let mut nanos = 0;
    if let Some(fraction) = rest.strip_prefix('.') {
        let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
        let shown = fraction.get(..digits.min(9)).filter(|shown| !shown.is_empty())?;
        nanos = format!("{shown:0<9}").parse::<i64>().ok()?;
        rest = fraction.get(digits..)?;
    }
    let offset = match rest {
        "Z" => 0,
        _ => {
            let sign = match rest.as_bytes().first()? {
                b'+' => 1,
                b'-' => -1,
                _ => return None,
            };
            let (hours, minutes) = rest.get(1..)?.split_once(':')?;
            let two = |part: &str| -> Option<i64> {
                if part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit()) { part.parse().ok() } else { None }
            };
            let (hours, minutes) = (two(hours)?, two(minutes)?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            sign * (hours * 60 + minutes) * 60
        }
    };
    if !(1..=12).contains(&month)
        || !(1..=days_in(year, month)).contains(&day)
        || hour > 23
        || minute > 59
        || second > 59
    {
        return None;
    }
    let days = days_since_1970(year, month, day);
    let seconds = days * 86_400 + hour * 3_600 + minute * 60 + second - offset;
    seconds.checked_mul(1_000_000_000)?.checked_add(nanos)
}

/// A time by the calendar, in UTC.
#[derive(Clone, Debug)]
pub(super) struct Moment {
    /// Since 1970.
    pub(super) nanos: i64,
    pub(super) year: i64,
    pub(super) month: i64,
    pub(super) day: i64,
    pub(super) hour: i64,
    pub(super) minute: i64,
    pub(super) second: i64,
}

impl Moment {
    /// The time that is some nanoseconds after the beginning of 1970.
    pub(super) fn of(nanos: i64) -> Self {
        let seconds = nanos.div_euclid(SECOND);
        let (days, within) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        // Never later than the year that is looked for, and at most three years before it.
        let mut year = 1970 + days.div_euclid(366) - 2;
        while days_since_1970(year + 1, 1, 1) <= days {
            year += 1;
        }
        let mut day = days - days_since_1970(year, 1, 1) + 1;
        let mut month = 1;
        while day > days_in(year, month) {
            day -= days_in(year, month);
            month += 1;
        }
        let (hour, minute, second) = (within / 3_600, within / 60 % 60, within % 60);
        Self { nanos, year, month, day, hour, minute, second }
    }

    /// The day of the week, from Sunday, which is 0.
    pub(super) fn weekday(&self) -> i64 {
        // 1970 began on a Thursday.
        (self.nanos.div_euclid(SECOND).div_euclid(86_400) + 4).rem_euclid(7)
    }

    /// The day of the year, from 1.
    pub(super) fn day_of_year(&self) -> i64 {
        days_since_1970(self.year, self.month, self.day) - days_since_1970(self.year, 1, 1) + 1
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { year, month, day, hour, minute, second, .. } = self;
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        match self.nanos.rem_euclid(SECOND) {
            0 => f.write_str("Z"),
            fraction => write!(f, ".{}Z", format!("{fraction:09}").trim_end_matches('0')),
        }
    }
}

fn leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    // Leap days before the year, counted from year 0.
    let before = |year: i64| year * 365 + (year + 3) / 4 - (year + 99) / 100 + (year + 399) / 400;
    let months: i64 = (1..month).map(|month| days_in(year, month)).sum();
    before(year) - before(1970) + months + day - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_counted_from_1970() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-02T00:00:01Z", 86_401),
            ("2000-03-01T00:00:00Z", 951_868_800),
            ("2024-02-29T12:00:00Z", 1_709_208_000),
            ("2024-02-29T12:00:00+02:00", 1_709_200_800),
            ("1969-12-31T23:59:59Z", -1),
            ("2100-01-01T00:00:00Z", 4_102_444_800),
        ] {
            assert_eq!(parse(text), Some(seconds * 1_000_000_000), "{text}");
        }
        assert_eq!(parse("1970-01-01T00:00:00.25Z"), Some(250_000_000));
    }

    #[test]
    fn times_are_written_as_they_are_read() {
        for text in [
            "1970-01-01T00:00:00Z",
            "1969-12-31T23:59:59.999999999Z",
            "1968-02-29T12:00:00Z",
            "2000-02-29T00:00:00.5Z",
            "2100-02-28T23:59:59Z",
            "2100-03-01T00:00:00Z",
            "1678-01-01T00:00:00Z",
            "2261-12-31T23:59:59Z",
        ] {
            assert_eq!(Moment::of(parse(text).unwrap()).to_string(), text);
        }
        for nanos in (i64::MIN..=i64::MAX).step_by(usize::MAX / 50_000) {
            let moment = Moment::of(nanos);
            assert!((1..=12).contains(&moment.month) && (1..=366).contains(&moment.day_of_year()), "{nanos}");
            if (1678..2262).contains(&moment.year) {
                assert_eq!(parse(&moment.to_string()), Some(nanos));
            }
        }
    }

    #[test]
    fn days_of_the_week_and_of_the_year_are_counted() {
        for (text, weekday, day) in
            [("1970-01-01T00:00:00Z", 4, 1), ("2024-12-31T23:00:00Z", 2, 366), ("1969-12-31T00:00:00Z", 3, 365)]
        {
            let moment = Moment::of(parse(text).unwrap());
            assert_eq!((moment.weekday(), moment.day_of_year()), (weekday, day), "{text}");
        }
    }

    #[test]
    fn other_texts_are_no_times() {
        for text in [
            "",
            "yesterday",
            "2024-01-31",
            "2024-02-30T00:00:00Z",
            "2023-02-29T00:00:00Z",
            "2024-13-01T00:00:00Z",
            "2024-01-01T24:00:00Z",
            "2024-01-01T00:00:00",
            "2024-01-01T00:00:00.Z",
            "2024-01-01T00:00:00+2:00",
            "9999-01-01T00:00:00Z",
            "２024-01-01T00:00:00Z",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
