//! Sizes as people write and read them.
//!
//! Owns their units: `GB` is a thousand `MB`, as on the labels of disks, and `GiB` is 1024 `MiB`.

use hlb_runtime::Space;

const UNITS: [(&str, u64); 9] = [
    ("B", 1),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

/// Reads a size such as `10GB`, `1.5 GiB` or `512M`; a number alone is in bytes.
pub(crate) fn parse(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is no size: write it as `10GB` or `512MB`");
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let unit = unit.trim().to_ascii_lowercase();
    let unit = match unit.as_str() {
        "" => "b".to_owned(),
        // As other tools have it.
        "k" | "m" | "g" | "t" => format!("{unit}b"),
        _ => unit,
    };
    let (_, factor) = UNITS.iter().find(|(name, _)| name.to_ascii_lowercase() == unit).ok_or_else(wrong)?;
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let whole: u64 = whole.parse().map_err(|_| wrong())?;
    let digits = part.get(..part.len().min(9)).unwrap_or_default();
    let part = if digits.is_empty() {
        0
    } else {
        let scale = 10_u64.pow(u32::try_from(digits.len()).unwrap_or(9));
        u128::from(digits.parse::<u64>().map_err(|_| wrong())?) * u128::from(*factor) / u128::from(scale)
    };
    whole.checked_mul(*factor).and_then(|bytes| bytes.checked_add(u64::try_from(part).ok()?)).ok_or_else(wrong)
}

/// Reads a size, or a share of the disk such as `10%`.
pub(crate) fn parse_space(text: &str) -> Result<Space, String> {
    let Some(percent) = text.strip_suffix('%') else {
        return parse(text).map(Space::Bytes).map_err(|_| format!("`{text}` is no size: write it as `50GB` or `10%`"));
    };
    let percent = percent.trim().parse().ok().filter(|percent| *percent <= 100);
    percent.map(Space::Percent).ok_or_else(|| format!("`{text}` is no share of a disk: write it as `10%`"))
}

/// A size with three digits that count.
pub(crate) fn show(bytes: u64) -> String {
    let decimal = UNITS.get(..5).unwrap_or_default();
    let (unit, factor) = decimal.iter().rev().find(|(_, factor)| bytes >= *factor).unwrap_or(&("B", 1));
    if *factor == 1 {
        return format!("{bytes} B");
    }
    let value = bytes as f64 / *factor as f64;
    let places = if value >= 100.0 {
        0
    } else if value >= 10.0 {
        1
    } else {
        2
    };
    format!("{value:.places$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read() {
        let check = |text: &str, bytes: u64| assert_eq!(parse(text), Ok(bytes), "{text}");
        check("0", 0);
        check("512", 512);
        check("512B", 512);
        check("10GB", 10_000_000_000);
        check("10 gb", 10_000_000_000);
        check("10G", 10_000_000_000);
        check("1.5GiB", 3 << 29);
        check("0.25MB", 250_000);
        for wrong in ["", "GB", "12x", "-1GB", "1.x", "1e5", "99999999999TB", "1.1.1GB", "10%"] {
            assert_eq!(parse(wrong), Err(format!("`{wrong}` is no size: write it as `10GB` or `512MB`")));
        }
    }

    #[test]
    fn spaces_are_sizes_or_shares() {
        assert_eq!(parse_space("10%"), Ok(Space::Percent(10)));
        assert_eq!(parse_space("50GB"), Ok(Space::Bytes(50_000_000_000)));
        for wrong in ["101%", "%", "-5%", "x"] {
            assert!(parse_space(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes_are_shown_with_three_digits() {
        let check = |bytes: u64, shown: &str| assert_eq!(show(bytes), shown);
        check(0, "0 B");
        check(999, "999 B");
        check(4096, "4.10 kB");
        check(12_345_678, "12.3 MB");
        check(210_000_000, "210 MB");
        check(1_310_000_000, "1.31 GB");
        check(5_000_000_000_000, "5.00 TB");
    }
}
