//! Options of the commands about the state directory: `du` and `prune`.
//!
//! Owns their names and help texts.

use std::time::Duration;

use camino::Utf8PathBuf;
use clap::Args;
use hlb_runtime::{Filter, FilterError};

use crate::size;

/// Which state directory.
#[derive(Debug, Args)]
pub(crate) struct StateArgs {
    /// The state directory; otherwise HLBC_ROOT, /var/lib/hlbc for root, $XDG_STATE_HOME/hlbc for others
    #[arg(long, value_name = "DIR")]
    pub(crate) root: Option<Utf8PathBuf>,
}

/// Which entries of it.
#[derive(Debug, Args)]
pub(crate) struct EntriesArgs {
    #[command(flatten)]
    pub(crate) state: StateArgs,
    /// Only what this means, such as `type==exec.cachemount` or `description~=REGEX`; may be repeated (see docs/cli.md)
    #[arg(long, value_name = "FILTER", value_parser = filter)]
    pub(crate) filter: Vec<Filter>,
}

#[derive(Debug, Args)]
pub(crate) struct Du {
    #[command(flatten)]
    pub(crate) entries: EntriesArgs,
    /// Each entry, those that were used last at the end
    #[arg(short, long)]
    pub(crate) verbose: bool,
    /// Print one JSON object
    #[arg(long, conflicts_with = "verbose")]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Prune {
    #[command(flatten)]
    pub(crate) entries: EntriesArgs,
    /// Remove internal things, too: archives of layers, git repositories
    #[arg(short, long)]
    pub(crate) all: bool,
    /// Stop when everything takes no more than this, such as 10GB
    #[arg(long, value_name = "SIZE", value_parser = size::parse)]
    pub(crate) keep_storage: Option<u64>,
    /// Keep what was used in this time, such as 48h or 7d
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) keep_duration: Option<Duration>,
    /// Remove nothing, but tell what would be removed
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,
}

fn filter(text: &str) -> Result<Filter, FilterError> {
    text.parse()
}

/// Reads `30m`, `48h`, `7d` and sums such as `1h30m`.
fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no time: write it as `48h` or `7d`");
    let (mut seconds, mut rest) = (0_u64, text);
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let (number, behind) = rest.split_at(end);
        let unit = behind.chars().next().ok_or_else(wrong)?;
        let factor = match unit {
            's' => 1,
            'm' => 60,
            'h' => 60 * 60,
            'd' => 24 * 60 * 60,
            'w' => 7 * 24 * 60 * 60,
            _ => return Err(wrong()),
        };
        let number: u64 = number.parse().map_err(|_| wrong())?;
        seconds = number.checked_mul(factor).and_then(|more| seconds.checked_add(more)).ok_or_else(wrong)?;
        rest = behind.get(1..).unwrap_or_default();
    }
    if text.is_empty() { Err(wrong()) } else { Ok(Duration::from_secs(seconds)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        let check = |text: &str, seconds: u64| assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        check("30s", 30);
        check("48h", 172_800);
        check("1h30m", 5_400);
        check("2w", 1_209_600);
        for wrong in ["", "48", "h", "1x", "-1h", "1.5h", "99999999999999999999s"] {
            assert_eq!(duration(wrong), Err(format!("`{wrong}` is no time: write it as `48h` or `7d`")));
        }
    }
}
