//! Time spans as Go writes them: `30s`, `1m30s`, `1.5h`.
//!
//! Owns their reading.

use std::time::Duration;

const NANOS: &[(&str, u64)] = &[
    // Longer names first: `ms` begins like `m`.
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// The time span that a text means; nothing if it means none, or one that no 64 bits of nanoseconds can hold.
pub fn parse(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    if text.is_empty() {
        return None;
    }
    let mut rest = text;
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let (whole, after) = digits(rest);
        let (fraction, after) = match after.strip_prefix('.') {
            Some(after) => digits(after),
            None => ("", after),
        };
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let (unit, nanos) = NANOS.iter().find(|(unit, _)| after.starts_with(unit))?;
        let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
        total = total.checked_add(whole.checked_mul(*nanos)?)?.checked_add(part(fraction, *nanos)?)?;
        rest = after.strip_prefix(unit)?;
    }
    i64::try_from(total).ok()?;
    Some(Duration::from_nanos(total))
}

fn digits(text: &str) -> (&str, &str) {
    let end = text.bytes().take_while(u8::is_ascii_digit).count();
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// A decimal fraction of a unit; what is less than a nanosecond is dropped.
fn part(fraction: &str, nanos: u64) -> Option<u64> {
    let shown = fraction.get(..fraction.len().min(15))?;
    if shown.is_empty() {
        return Some(0);
    }
    let digits: u128 = shown.parse().ok()?;
    let scale = 10u128.checked_pow(u32::try_from(shown.len()).ok()?)?;
    u64::try_from(digits.checked_mul(u128::from(nanos))? / scale).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_as_go_reads_them() {
        for (text, nanos) in [
            ("0", 0),
            ("0s", 0),
            ("30s", 30_000_000_000),
            ("1m30s", 90_000_000_000),
            ("1.5h", 5_400_000_000_000),
            (".5s", 500_000_000),
            ("2ms3us4ns", 2_003_004),
            ("1µs", 1_000),
        ] {
            assert_eq!(parse(text), Some(Duration::from_nanos(nanos)), "{text}");
        }
        for text in ["", "30", "s", "1d", "-1s", "1 s", ".s", "1s2", "9999999999h", "99999999999999999999s"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
