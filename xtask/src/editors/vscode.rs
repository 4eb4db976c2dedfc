//! VS Code: code-server in headless Chromium, and its real extension host.
//!
//! Owns what is installed for it, once, and its command lines. What it does there is in `xtask/editors/vscode`.

use super::{Result, Stage, shots};
use crate::host;
use std::{fs, process::Command};

const NAME: &str = "vscode";
/// The pictures that the tour takes, after their deeds.
const PICTURES: [&str; 10] =
    ["diagnostics", "completion", "hover", "definition", "edit", "rename", "run", "graph", "graph-search", "debug"];

/// Packs the extension, and lets VS Code with it do all deeds; then runs the tests that need an extension host.
pub(super) fn drive(stage: &Stage) -> Result<()> {
    let tools = host::state_dir().join("vscode");
    host::run(host::as_root(stage.script("vscode/install.sh"))?.arg(&tools))?;
    let dir = stage.workspace(NAME)?;
    let work = stage.work.join(NAME);
    let package = work.join("hlb.vsix");
    let extension = host::repository().join("vscode-ext");
    if !extension.join("node_modules").is_dir() {
        npm(&["ci", "--no-audit", "--no-fund", "--loglevel=error"])?;
    }
    let out = package.display().to_string();
    npm(&["run", "--silent", "package", "--", "--out", &out])?;
    for name in PICTURES {
        // What is looked at below must be of this run.
        let old = stage.pictures.join(format!("vscode-{name}.png"));
        if old.exists() {
            fs::remove_file(old)?;
        }
    }
    let mut tour = stage.command("node", &dir);
    tour.arg(stage.script("vscode/tour.mjs")).arg(&tools).arg(&package).arg(&stage.pictures).arg(&dir);
    stage.perform(NAME, &mut tour)?;
    for name in PICTURES {
        shots::look(stage, &stage.pictures.join(format!("vscode-{name}.png")))?;
    }
    let dir = stage.workspace(NAME)?;
    let mut tests = stage.command("node", &dir);
    tests.arg(stage.script("vscode/exttests.mjs")).arg(&tools).arg(&extension).arg(&stage.pictures).arg(&dir);
    host::run(&mut tests)
}

fn npm(args: &[&str]) -> Result<()> {
    let mut command = Command::new("npm");
    command.current_dir(host::repository().join("vscode-ext")).args(args);
    host::run(&mut command)
}
