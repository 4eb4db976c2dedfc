//! The second of the README's two commands: every check and test of the repository, as CI runs them.
//!
//! Owns the list of checks and their order: the cheap ones first.

use crate::{Result, base, demo, editors, grammar, host, nextest, setup};
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
    println!("ci: the parser of the tree-sitter grammar");
    grammar::grammar(false)?;
    extension()?;
    examples()?;
    println!("ci: editors");
    editors::editors(&[])?;
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

/// Builds the VS Code extension and runs its tests.
fn extension() -> Result<()> {
    let npm = |args: &[&str]| {
        let mut command = Command::new("npm");
        command.current_dir(host::repository().join("vscode-ext")).args(args);
        command
    };
    check("packages of the extension", &mut npm(&["ci", "--no-audit", "--no-fund", "--loglevel=error"]))?;
    check("extension", &mut npm(&["test", "--silent"]))
}

/// Builds the examples twice, from an empty state directory: the second build must do no work.
fn examples() -> Result<()> {
    println!("ci: examples");
    base::base_image(false)?;
    check("hlbc", &mut cargo(&["build", "-p", "hlbc"]))?;
    let hlbc = host::target_dir().join("debug/hlbc");
    check(
        "layout of the examples and cases",
        Command::new(&hlbc)
            .args(["fmt", "--check", "examples", "runtime/tests/conformance/cases"])
            .current_dir(host::repository()),
    )?;
    let root = host::state_dir().join("ci");
    clear(&root)?;
    for name in ["hello", "lua", "pipeline"] {
        let example = host::repository().join("examples").join(name);
        check(name, Command::new(&hlbc).arg("check").current_dir(&example))?;
        let first = build(&hlbc, &root, &example)?;
        if first.cached == first.steps {
            return Err(format!("examples/{name}: no step ran in an empty state directory").into());
        }
        let second = build(&hlbc, &root, &example)?;
        if second.steps != first.steps || second.cached != second.steps {
            let Totals { steps, cached } = second;
            return Err(
                format!("examples/{name}: nothing changed, but only {cached} of {steps} steps were cached").into()
            );
        }
        println!("ci: examples/{name}: {} steps, then all of them cached", first.steps);
    }
    demo::run_program(&host::repository().join("examples/lua"))?;
    clear(&root)
}

fn clear(root: &Path) -> Result<()> {
    host::run(host::as_root("rm")?.args(["-rf", "--"]).arg(root))
}

/// How many steps a build had and how many of them were answered from the cache.
struct Totals {
    steps: usize,
    cached: usize,
}

fn build(hlbc: &Path, root: &Path, example: &Path) -> Result<Totals> {
    let mut command = host::as_root(hlbc)?;
    command.args(["run", "--progress", "plain", "--root"]).arg(root).current_dir(example);
    let mut child = command.stderr(Stdio::piped()).spawn()?;
    let mut totals = None;
    if let Some(stderr) = child.stderr.take() {
        for line in BufReader::new(stderr).split(b'\n') {
            let line = line?;
            let line = String::from_utf8_lossy(&line);
            eprintln!("{line}");
            totals = Totals::read(&line).or(totals);
        }
    }
    let status = child.wait()?;
    if !status.success() {
        return Err(format!("{} failed: {status}", example.display()).into());
    }
    totals.ok_or_else(|| format!("{}: hlbc gave no totals", example.display()).into())
}

impl Totals {
    /// Reads the last line of plain progress, `12 steps, 3 cached, 1.2s`.
    fn read(line: &str) -> Option<Totals> {
        let (steps, rest) = line.split_once(" step")?;
        let (_, rest) = rest.split_once(", ")?;
        let (cached, _) = rest.split_once(" cached, ")?;
        Some(Totals { steps: steps.parse().ok()?, cached: cached.parse().ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::Totals;

    fn check(line: &str, expected: Option<(usize, usize)>) {
        assert_eq!(Totals::read(line).map(|totals| (totals.steps, totals.cached)), expected, "{line}");
    }

    #[test]
    fn the_totals_are_read_and_nothing_else_is_taken_for_them() {
        check("12 steps, 3 cached, 1.2s", Some((12, 3)));
        check("1 step, 0 cached, 0.0s", Some((1, 0)));
        check("#4 0.1 12 steps, 3 cached, 1.2s", None);
        check("#2 DONE 0.4s", None);
        check("", None);
    }
}
