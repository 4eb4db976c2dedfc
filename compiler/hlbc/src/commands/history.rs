//! `hlbc history`.
//!
//! Owns the table of builds.

use std::time::{Duration, SystemTime};

use hlb_llb::draw::printable;
use hlb_runtime::BuildRow;
use serde_json::{Value, json};

use crate::error::{Failure, Kind};
use crate::report::Screen;
use crate::{cli, failure, state};

pub(crate) fn history(args: &cli::History, screen: Screen) -> Result<(), Failure> {
    let state = state::open(args.state.root.as_deref(), screen)?;
    let builds = state.builds(args.number).map_err(|error| failure::plain(&error))?;
    let text = if args.json {
        format!("{}\n", json!({ "builds": builds.iter().map(as_json).collect::<Vec<_>>() }))
    } else {
        table(&builds)
    };
    super::print(text.as_bytes())
}

/// There is no such build.
pub(super) fn unknown(build: i64) -> Failure {
    Failure::new(Kind::Missing, format!("build {build} is not in the history")).help("run `hlbc history` for a list")
}

/// A build for programs.
pub(crate) fn as_json(build: &BuildRow) -> Value {
    let millis = |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
    json!({
        "build": build.id,
        "title": build.begun.title,
        "directory": build.begun.directory.display().to_string(),
        "started": u64::try_from(millis(build.begun.started_at)).unwrap_or(u64::MAX),
        "ended": build.ended_at.map(|at| u64::try_from(millis(at)).unwrap_or(u64::MAX)),
        "outcome": build.outcome.word(),
        "steps": build.steps,
        "cached": build.cached,
    })
}

fn table(builds: &[BuildRow]) -> String {
    if builds.is_empty() {
        return "there is no build yet\n".to_owned();
    }
    let heads = ["BUILD", "STARTED (UTC)", "TOOK", "STEPS", "OUTCOME", "COMMAND"].map(str::to_owned);
    let rows: Vec<[String; 6]> = std::iter::once(heads).chain(builds.iter().map(row)).collect();
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|text| text.chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..6).map(width).collect();
    let mut text = String::new();
    for row in &rows {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| match column {
            // Numbers end at one line.
            0 | 2 => format!("{cell:>width$}"),
            5 => cell.clone(),
            _ => format!("{cell:<width$}"),
        });
        text.push_str(&cells.collect::<Vec<_>>().join("  "));
        text.push('\n');
    }
    text
}

fn row(build: &BuildRow) -> [String; 6] {
    let took = build.ended_at.and_then(|ended| ended.duration_since(build.begun.started_at).ok());
    let steps = match build.cached {
        0 => build.steps.to_string(),
        cached => format!("{}, {cached} cached", build.steps),
    };
    [
        build.id.to_string(),
        date(build.begun.started_at),
        took.map(seconds).unwrap_or_default(),
        steps,
        build.outcome.word().to_owned(),
        printable(&build.begun.title),
    ]
}

fn seconds(time: Duration) -> String {
    format!("{:.1}s", time.as_secs_f64())
}

/// Date and time to the minute, in UTC.
fn date(time: SystemTime) -> String {
    let seconds = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let (days, minutes) = (seconds / 86_400, seconds % 86_400 / 60);
    // Years that begin in March have the day that not every year has at their end. 1970 began 719,468 days after the first.
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let date = day - (153 * month + 2) / 5 + 1;
    let (year, month) = if month < 10 { (year + era * 400, month + 3) } else { (year + era * 400 + 1, month - 9) };
    format!("{year:04}-{month:02}-{date:02} {:02}:{:02}", minutes / 60, minutes % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        let check = |seconds: u64, expected: &str| {
            assert_eq!(date(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)), expected);
        };
        check(0, "1970-01-01 00:00");
        check(951_782_399, "2000-02-28 23:59");
        check(951_782_400, "2000-02-29 00:00");
        check(1_709_164_800, "2024-02-29 00:00");
        check(1_735_689_599, "2024-12-31 23:59");
        check(1_796_047_320, "2026-11-30 14:02");
        check(4_107_542_400, "2100-03-01 00:00");
    }
}
