//! `hlbc du`.
//!
//! Owns how the entries of the state directory are shown.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use hlb_llb::draw::printable;
use hlb_runtime::{CacheLimits, Disk, RecordType, Space, UsageId, UsageInfo};
use serde_json::json;

use crate::config::Places;
use crate::error::Failure;
use crate::report::Screen;
use crate::{cli, failure, size, state};

pub(crate) fn du(args: &cli::Du, screen: Screen) -> Result<(), Failure> {
    let state = state::open(args.entries.state.root.as_deref(), screen)?;
    let limits = Places::here().cache()?;
    let mut entries = state.usage().map_err(|error| failure::plain(&error))?;
    let disk = state.disk().map_err(|error| failure::plain(&error))?;
    if !args.entries.filter.is_empty() {
        entries.retain(|entry| args.entries.filter.iter().any(|filter| filter.matches(entry)));
    }
    let shown = match (args.json, args.verbose) {
        (true, _) => format!("{:#}\n", as_json(&entries, disk)),
        (_, true) => list(entries, SystemTime::now()),
        _ => table(&entries, limits, disk),
    };
    super::print(shown.as_bytes())
}

/// A line for each kind.
fn table(entries: &[UsageInfo], limits: CacheLimits, disk: Disk) -> String {
    let mut kinds: BTreeMap<RecordType, (usize, u64, u64)> = BTreeMap::new();
    for entry in entries {
        let (count, bytes, used) = kinds.entry(entry.kind).or_default();
        *count += 1;
        *bytes += entry.bytes;
        *used += if entry.in_use { entry.bytes } else { 0 };
    }
    let line = |name: &str, (count, bytes, used): (usize, u64, u64)| {
        let used = if used == 0 { "-".to_owned() } else { size::show(used) };
        [name.to_owned(), count.to_string(), size::show(bytes), used]
    };
    let all = kinds.values().fold((0, 0, 0), |sum, kind| (sum.0 + kind.0, sum.1 + kind.1, sum.2 + kind.2));
    let mut rows = vec![["KIND", "ENTRIES", "SIZE", "IN USE"].map(str::to_owned)];
    rows.extend(kinds.into_iter().map(|(kind, sums)| line(kind.as_str(), sums)));
    rows.push(line("total", all));
    let widths = widths(&rows);
    let mut shown = String::new();
    for [kind, count, bytes, used] in &rows {
        let [first, second, third, fourth] = widths;
        shown.push_str(&format!("{kind:first$}  {count:>second$}  {bytes:>third$}  {used:>fourth$}\n"));
    }
    shown.push_str(&format!("\n{}; {} of {} are free\n", limit(limits), size::show(disk.free), size::show(disk.total)));
    shown
}

/// What the configuration says, in words.
fn limit(limits: CacheLimits) -> String {
    let space = |space: Space| match space {
        Space::Bytes(bytes) => size::show(bytes),
        Space::Percent(percent) => format!("{percent}% of the disk"),
    };
    let use_at_most = limits.use_at_most.map(|it| format!("use at most {}", space(it)));
    let leave_free = limits.leave_free.map(|it| format!("leave {} free", space(it)));
    let words: Vec<String> = use_at_most.into_iter().chain(leave_free).collect();
    if words.is_empty() { "no limit".to_owned() } else { format!("limit: {}", words.join(", ")) }
}

/// A line for each entry, the newest use last.
fn list(mut entries: Vec<UsageInfo>, now: SystemTime) -> String {
    entries.sort_by_key(|entry| entry.used_at);
    let mut rows = vec![["ID", "KIND", "SIZE", "USED", "CREATED", "USES", ""].map(str::to_owned)];
    let mut words = vec!["DESCRIPTION".to_owned()];
    for entry in &entries {
        rows.push([
            short(&entry.id),
            entry.kind.to_string(),
            size::show(entry.bytes),
            ago(entry.used_at, now),
            ago(entry.created_at, now),
            entry.uses.to_string(),
            if entry.in_use { "in use" } else { "" }.to_owned(),
        ]);
        words.push(printable(&entry.description).to_string());
    }
    let [id, kind, bytes, used, created, uses, busy] = widths(&rows);
    let mut shown = String::new();
    for (row, words) in rows.iter().zip(words) {
        let [a, b, c, d, e, f, g] = row;
        let line =
            format!("{a:id$}  {b:kind$}  {c:>bytes$}  {d:>used$}  {e:>created$}  {f:>uses$}  {g:busy$}  {words}");
        shown.push_str(&format!("{}\n", line.trim_end()));
    }
    shown
}

fn as_json(entries: &[UsageInfo], disk: Disk) -> serde_json::Value {
    let seconds = |at: SystemTime| at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    let shown: Vec<serde_json::Value> = entries
        .iter()
        .map(|entry| {
            json!({
                "id": entry.id.to_string(), "kind": entry.kind.as_str(), "bytes": entry.bytes,
                "created": seconds(entry.created_at), "used": seconds(entry.used_at), "uses": entry.uses,
                "cost": entry.cost.as_secs_f64(), "in_use": entry.in_use, "shared": entry.shared,
                "description": entry.description,
            })
        })
        .collect();
    let total: u64 = entries.iter().map(|entry| entry.bytes).sum();
    json!({ "entries": shown, "total": total, "free": disk.free })
}

/// The id of an entry; digests and keys of which the first digits will do.
pub(super) fn short(id: &UsageId) -> String {
    let text = id.to_string();
    match id {
        UsageId::Blob(digest) => digest.hex().get(..12).unwrap_or(&text).to_owned(),
        UsageId::CacheMount(_) | UsageId::Repository(_) | UsageId::Layer(_) => {
            text.get(..12).unwrap_or(&text).to_owned()
        }
        UsageId::Result(_) | UsageId::Failure(..) | UsageId::Rest => text,
    }
}

/// How long ago something was, roughly.
fn ago(at: SystemTime, now: SystemTime) -> String {
    const UNITS: [(&str, u64); 3] = [("d", 24 * 60 * 60), ("h", 60 * 60), ("m", 60)];
    let seconds = now.duration_since(at).unwrap_or(Duration::ZERO).as_secs();
    let unit = UNITS.iter().find(|(_, length)| seconds >= *length);
    unit.map_or_else(|| format!("{seconds}s"), |(name, length)| format!("{}{name}", seconds / length))
}

fn widths<const N: usize>(rows: &[[String; N]]) -> [usize; N] {
    let mut widths = [0; N];
    for row in rows {
        for (width, text) in widths.iter_mut().zip(row) {
            *width = (*width).max(text.chars().count());
        }
    }
    widths
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(number: i64, kind: RecordType, bytes: u64, in_use: bool, seconds: u64) -> UsageInfo {
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        UsageInfo {
            id: UsageId::Result(number),
            kind,
            description: "run make\x1b[2J".to_owned(),
            bytes,
            created_at: SystemTime::UNIX_EPOCH,
            used_at: at,
            uses: 3,
            cost: Duration::ZERO,
            in_use,
            shared: false,
        }
    }

    fn entries() -> Vec<UsageInfo> {
        vec![
            entry(1, RecordType::Regular, 1_310_000_000, false, 90),
            entry(2, RecordType::Regular, 210_000_000, true, 30),
            entry(3, RecordType::CacheMount, 96_000_000, false, 7200),
        ]
    }

    const DISK: Disk = Disk { free: 65_000_000_000, total: 264_000_000_000 };

    #[test]
    fn kinds_are_summed_up() {
        insta::assert_snapshot!(table(&entries(), CacheLimits::default(), DISK), @r"
        KIND             ENTRIES     SIZE  IN USE
        regular                2  1.52 GB  210 MB
        exec.cachemount        1  96.0 MB       -
        total                  3  1.62 GB  210 MB

        limit: leave 10% of the disk free; 65.0 GB of 264 GB are free
        ");
    }

    #[test]
    fn entries_are_listed_by_use() {
        insta::assert_snapshot!(list(entries(), SystemTime::UNIX_EPOCH + Duration::from_secs(90_000)), @r"
        ID  KIND                SIZE  USED  CREATED  USES          DESCRIPTION
        2   regular           210 MB    1d       1d     3  in use  run make\u{1b}[2J
        1   regular          1.31 GB    1d       1d     3          run make\u{1b}[2J
        3   exec.cachemount  96.0 MB   23h       1d     3          run make\u{1b}[2J
        ");
    }

    #[test]
    fn limits_are_told() {
        let none = CacheLimits { use_at_most: None, leave_free: None, keep_at_least: None };
        assert_eq!(limit(none), "no limit");
        let both = CacheLimits { use_at_most: Some(Space::Bytes(50_000_000_000)), ..CacheLimits::default() };
        assert_eq!(limit(both), "limit: use at most 50.0 GB, leave 10% of the disk free");
    }
}
