//! "Did you mean": the nearest of some names.
//!
//! Owns the distance and how near is near enough. Knows nothing of scopes.

/// Farther than this nothing is a slip.
const FAR: usize = 2;

/// The nearest candidate that is near enough to be a slip of the finger. Of equally near ones that which begins
/// with the name, then that of the same length, as another letter is more often struck than one left out; then the first.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = if name.chars().count() <= 4 { 1 } else { FAR };
    let mut best: Option<((usize, bool, usize), &str)> = None;
    let length = name.chars().count();
    for candidate in candidates {
        if candidate == name {
            continue;
        }
        let distance = distance(name, candidate);
        let rank = (distance, !candidate.starts_with(name), candidate.chars().count().abs_diff(length));
        if distance <= limit && best.is_none_or(|(least, _)| rank < least) {
            best = Some((rank, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// Number of insertions, deletions, replacements and swaps of neighbours that turn one name into the other. Names that
/// differ in case only are one apart.
fn distance(left: &str, right: &str) -> usize {
    if left.eq_ignore_ascii_case(right) {
        return 1;
    }
    // Most candidates are nowhere near: tell those before anything is allocated.
    if left.chars().count().abs_diff(right.chars().count()) > FAR {
        return usize::MAX;
    }
    let left: Vec<char> = left.chars().collect();
    let right: Vec<char> = right.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.iter().enumerate() {
        let mut next = Vec::with_capacity(row.len());
        next.push(i + 1);
        for (j, b) in right.iter().enumerate() {
            let at = |row: &[usize], index: usize| row.get(index).copied().unwrap_or(usize::MAX - 1);
            let mut cost = (at(&row, j) + usize::from(a != b)).min(at(&row, j + 1) + 1).min(at(&next, j) + 1);
            let swapped = i > 0 && j > 0 && left.get(i - 1) == Some(b) && right.get(j - 1) == Some(a);
            if swapped {
                cost = cost.min(at(&before, j - 1) + 1);
            }
            next.push(cost);
        }
        // Rows only grow, but for a swap, which looks back one more.
        if next.iter().chain(&row).all(|cost| *cost > FAR) {
            return usize::MAX;
        }
        before = std::mem::replace(&mut row, next);
    }
    row.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_found_and_strangers_are_not() {
        let names = ["image", "mkfile", "mkdir", "run", "rm", "shared", "readonly"];
        for (slip, found) in [
            ("imagee", Some("image")),
            ("imgae", Some("image")),
            ("mkfil", Some("mkfile")),
            ("runn", Some("run")),
            ("ru", Some("run")),
            ("sharde", Some("shared")),
            ("readOnly", Some("readonly")),
            ("READONLY", Some("readonly")),
            ("copy", None),
            ("rnu", Some("run")),
            ("name", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(nearest(slip, names), found, "{slip}");
        }
    }
}
