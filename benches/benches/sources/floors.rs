//! What this machine can do at best: digests, compressors, the disk.
//!
//! The first of each pair is the tool that others are measured with, so that a reader sees what a ratio of 1 would mean.

use std::error::Error;

use hlb_bench::{Side, race};

use crate::studio::Studio;

const ROUNDS: usize = 3;

pub(crate) fn compare(studio: &Studio) -> Result<(), Box<dyn Error>> {
    studio.shell("tar -cf floor.tar tree");
    let size = std::fs::metadata(studio.path("floor.tar"))?.len() as f64 / 1e6;
    let amount = (size, "MB");
    let side = |name, command: &'static str| Side::new(name, move || studio.shell(command));
    race(
        "floors: digests and reading",
        ROUNDS,
        amount,
        vec![
            side("sha256sum, one thread", "sha256sum floor.tar"),
            side("reading a warm file", "cat floor.tar > /dev/null"),
            side("writing and syncing", "dd if=floor.tar of=floor.copy bs=1M conv=fsync status=none; rm floor.copy"),
        ],
    );
    race(
        "floors: compressors on two threads",
        ROUNDS,
        amount,
        vec![
            side("pigz -6", "pigz -p 2 -6 < floor.tar > /dev/null"),
            side("gzip -6, one thread", "gzip -6 < floor.tar > /dev/null"),
            side("zstd -3", "zstd -q -T2 -3 < floor.tar > /dev/null"),
        ],
    );
    studio.remove("floor.tar");
    Ok(())
}
