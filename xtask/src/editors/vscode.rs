//! VS Code: code-server in headless Chromium, and its real extension host.
//!
//! Owns its command lines. What it does there is in `xtask/editors/vscode`.

use super::{Result, Stage};

const NAME: &str = "vscode";

pub(super) fn drive(stage: &Stage) -> Result<()> {
    let dir = stage.workspace(NAME)?;
    let mut command = stage.command("node", &dir);
    command.arg(stage.script("vscode/drive.mjs")).arg(&stage.pictures);
    if stage.full {
        command.arg("--full");
    }
    stage.perform(NAME, &mut command)
}
