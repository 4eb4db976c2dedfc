//! A directory of this machine with 100,000 files: taken in for the first time, and when nothing in it has changed.

use std::error::Error;
use std::fs;
use std::time::Duration;

use hlb_bench::{Side, race};

use crate::studio::Studio;

const FILES: usize = 100_000;
const PROGRAM: &str = "fs default() {\n\tlocal \"../many\"\n}\n";

pub(crate) fn compare(studio: &Studio) -> Result<(), Box<dyn Error>> {
    for number in 0..FILES {
        let dir = studio.path(&format!("many/{}/{}", number / 10_000, number / 100 % 100));
        if number % 100 == 0 {
            fs::create_dir_all(&dir)?;
        }
        fs::write(dir.join(format!("{number}.txt")), format!("file {number}\n"))?;
    }
    // What was written a moment ago is not trusted to stay as it is.
    std::thread::sleep(Duration::from_secs(1));
    let amount = (FILES as f64, "files");
    race(
        "local directory of 100,000 files, first time",
        3,
        amount,
        vec![
            Side::new("hlbc", || studio.build(PROGRAM, "many-state", &[])).after(|| studio.remove("many-state")),
            Side::new("cp -a", || studio.shell("cp -a many many-copy")).after(|| studio.remove("many-copy")),
        ],
    );
    studio.remove("many-copy");
    race(
        "local directory of 100,000 files, unchanged",
        9,
        amount,
        vec![
            Side::new("hlbc", || studio.build(PROGRAM, "many-state", &[])),
            Side::new("find -printf %s", || studio.shell("find many -printf '%s\\n' > /dev/null")),
        ],
    );
    studio.remove("many-state");
    studio.remove("many");
    Ok(())
}
