//! How long a build takes in which nothing has changed, against starting a process and looking at every input file.
//!
//! Needs root, as every build does; no container is started. The project is made here: a tree of local files, copied,
//! with a chain of small steps after it.

use hlb_bench::{ROUNDS, compare, release_binary};
use std::{
    error::Error,
    fs,
    path::Path,
    process::{Command, Stdio},
};

const FILES: usize = 2_000;
const STEPS: usize = 50;

fn main() -> Result<(), Box<dyn Error>> {
    let hlbc = release_binary()?;
    // Not below /tmp, which may be on a file system that overlayfs cannot write to.
    let work = tempfile::tempdir_in(hlbc.parent().ok_or("the binary has no directory")?)?;
    let project = work.path().join("project");
    write_project(&project)?;
    let run = || {
        let status = Command::new(&hlbc)
            .args(["run", "--progress", "quiet", "--root"])
            .arg(work.path().join("state"))
            .current_dir(&project)
            .stdin(Stdio::null())
            .status();
        assert!(status.is_ok_and(|status| status.success()), "hlbc run failed");
    };
    run();
    compare(
        &format!("nothing to do, {FILES} files, {STEPS} steps"),
        ROUNDS,
        (1.0, "build"),
        run,
        "process start and stat walk",
        || {
            let status = Command::new("/bin/true").status();
            assert!(status.is_ok_and(|status| status.success()));
            assert_eq!(walk(&project.join("tree")).ok(), Some(FILES));
        },
    );
    Ok(())
}

fn write_project(project: &Path) -> Result<(), Box<dyn Error>> {
    for number in 0..FILES {
        let dir = project.join(format!("tree/{}", number / 100));
        fs::create_dir_all(&dir)?;
        fs::write(dir.join(format!("{number}.txt")), format!("file {number}\n").repeat(20))?;
    }
    let mut text = String::from("fs default() {\n\tscratch\n\tcopy local(\"tree\") \"/\" \"/tree\"\n");
    for number in 0..STEPS {
        text.push_str(&format!("\tmkfile \"/step-{number}\" 0o644 \"{number}\"\n"));
    }
    text.push_str("}\n");
    Ok(fs::write(project.join("build.hlb"), text)?)
}

fn walk(dir: &Path) -> std::io::Result<usize> {
    let mut files = 0;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.metadata()?.is_dir() {
            files += walk(&entry.path())?;
        } else {
            files += 1;
        }
    }
    Ok(files)
}
