//! The second of the README's two commands: every check and test of the repository, as CI runs them.
//!
//! Owns the list of checks and their order: the cheap ones first.

use crate::{Result, base, demo, host, nextest, setup};
use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
    time::Instant,
};

/// Sets the machine up for tests and runs all checks.
///
/// # Errors
/// With the first check that fails.
pub(crate) fn ci() -> Result<()> {
    let start = Instant::now();
    setup::setup(true)?;
    nextest::install()?;
    check("format", &mut cargo(&["fmt", "--all", "--check"]))?;
    check("lints", &mut cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    println!("ci: tests");
    let closing = nextest::run()?;
    check("doc tests", &mut cargo(&["test", "--doc", "--workspace", "--quiet"]))?;
    examples()?;
    println!("ci: all checks passed in {:.0} s", start.elapsed().as_secs_f64());
    println!("{closing}");
    Ok(())
}

fn cargo(args: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.current_dir(host::repository()).args(args);
    command
}

fn check(name: &str, command: &mut Command) -> Result<()> {
    println!("ci: {name}");
    host::run(command).map_err(|error| format!("{name}: {error}").into())
}

/// Builds the examples twice, from an empty state directory: the second build must do no work.
fn examples() -> Result<()> {
    println!("ci: examples");
    base::base_image(false)?;
    check("hlbc", &mut cargo(&["build", "-p", "hlbc"]))?;
    let hlbc = host::target_dir().join("debug/hlbc");
    let root = host::state_dir().join("ci");
    let _ = host::as_root("rm")?.args(["-rf", "--"]).arg(&root).status();
    for name in ["hello", "lua"] {
        let example = host::repository().join("examples").join(name);
        let first = build(&hlbc, &root, &example)?;
        if first.done == 0 {
            return Err(format!("examples/{name}: no step ran in an empty state directory").into());
        }
        let second = build(&hlbc, &root, &example)?;
        if second.done != 0 {
            return Err(format!("examples/{name}: {} steps ran again, nothing had changed", second.done).into());
        }
        println!("ci: examples/{name}: {} steps ran, then {} were cached", first.done, second.cached);
    }
    demo::run_program(&host::repository().join("examples/lua"))?;
    host::run(host::as_root("rm")?.args(["-rf", "--"]).arg(&root))
}

/// How many steps of a build ran and how many were answered from the cache.
struct Counts {
    done: usize,
    cached: usize,
}

fn build(hlbc: &Path, root: &Path, example: &Path) -> Result<Counts> {
    let mut command = host::as_root(hlbc)?;
    command.args(["run", "--progress", "plain", "--root"]).arg(root).current_dir(example);
    let mut child = command.stderr(Stdio::piped()).spawn()?;
    let mut counts = Counts { done: 0, cached: 0 };
    if let Some(stderr) = child.stderr.take() {
        for line in BufReader::new(stderr).split(b'\n') {
            let line = line?;
            let line = String::from_utf8_lossy(&line);
            eprintln!("{line}");
            counts.take(&line);
        }
    }
    let status = child.wait()?;
    if status.success() { Ok(counts) } else { Err(format!("{} failed: {status}", example.display()).into()) }
}

impl Counts {
    /// Reads one line of plain progress: `#3 CACHED` or `#3 DONE 1.2s`.
    fn take(&mut self, line: &str) {
        let Some((number, rest)) = line.strip_prefix('#').and_then(|rest| rest.split_once(' ')) else { return };
        if number.parse::<u32>().is_err() {
            return;
        }
        if rest.starts_with("DONE ") {
            self.done += 1;
        } else if rest == "CACHED" {
            self.cached += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Counts;

    #[test]
    fn plain_progress_is_counted() {
        let mut counts = Counts { done: 0, cached: 0 };
        for line in ["#1 image", "#1 CACHED", "#2 run DONE", "#2 0.1 #2 CACHED", "#2 DONE 0.4s", "done", "# 3 CACHED"] {
            counts.take(line);
        }
        assert_eq!((counts.done, counts.cached), (1, 1));
    }
}
