//! What comes into a build and what leaves it, against the tools that do the same and what the machine can do at best.
//!
//! Owns the list of comparisons. `cargo bench -p hlb-bench --bench sources [-- FILTER]`; needs root, and what
//! `cargo xtask setup --tests` installs.

mod caches;
mod exports;
mod floors;
mod locals;
mod studio;
mod transport;

use std::error::Error;

use studio::Studio;

/// A group of comparisons.
type Group = (&'static str, fn(&Studio) -> Result<(), Box<dyn Error>>);

const GROUPS: [Group; 5] = [
    ("floors", floors::compare),
    ("locals", locals::compare),
    ("transport", transport::compare),
    ("exports", exports::compare),
    ("caches", caches::compare),
];

fn main() -> Result<(), Box<dyn Error>> {
    let filter = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    let studio = Studio::new()?;
    for (name, compare) in GROUPS {
        if name.contains(&filter) {
            compare(&studio)?;
        }
    }
    Ok(())
}
