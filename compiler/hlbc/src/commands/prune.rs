//! `hlbc prune`.
//!
//! Owns the policy that its options say, and the words for what became of it.

use hlb_runtime::{Collected, Policy, UsageId};

use super::du;
use crate::error::Failure;
use crate::report::Screen;
use crate::{cli, failure, interrupt, size, state};

pub(crate) fn prune(args: &cli::Prune, screen: Screen) -> Result<(), Failure> {
    let state = state::open(args.entries.state.root.as_deref(), screen)?;
    let policy = Policy {
        all: args.all,
        keep_storage: args.keep_storage,
        keep_duration: args.keep_duration.unwrap_or_default(),
        filters: args.entries.filter.clone(),
        ..Policy::default()
    };
    if args.dry_run {
        let would = state.would_collect(&policy).map_err(|error| failure::plain(&error))?;
        return super::print(format!("{}{}", victims(&would), told(&would, "would remove")).as_bytes());
    }
    let (_tokio, cancel) = interrupt::start()?;
    let collected = state.collect(&policy, &|| cancel.is_cancelled());
    let collected = collected.map_err(|error| match cancel.is_cancelled() {
        true => interrupt::interrupted(),
        false => failure::plain(&error),
    })?;
    super::print(told(&collected, "removed").as_bytes())
}

fn told(collected: &Collected, what: &str) -> String {
    let count = match collected.removed.len() {
        0 => "nothing".to_owned(),
        1 => format!("1 entry, {}", size::show(collected.bytes)),
        count => format!("{count} entries, {}", size::show(collected.bytes)),
    };
    let left = if what == "removed" { "are left" } else { "would be left" };
    format!("{what} {count}; {} {left}\n", size::show(collected.left))
}

/// A line for each entry that would go.
fn victims(collected: &Collected) -> String {
    let line = |id: &UsageId, bytes: u64, words: &str| format!("{}  {}  {words}\n", du::short(id), size::show(bytes));
    let words = |words: &str| hlb_llb::draw::printable(words).to_string();
    collected.removed.iter().map(|entry| line(&entry.id, entry.bytes, &words(&entry.description))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happened_is_told_in_a_line() {
        let collected = Collected { removed: Vec::new(), bytes: 0, left: 1_480_000_000 };
        assert_eq!(told(&collected, "removed"), "removed nothing; 1.48 GB are left\n");
        assert_eq!(told(&collected, "would remove"), "would remove nothing; 1.48 GB would be left\n");
    }
}
