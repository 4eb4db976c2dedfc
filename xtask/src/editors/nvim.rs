//! Neovim with its own client.
//!
//! Owns its command lines. What it does there is in `xtask/editors/nvim.lua`; the setup under test is
//! `docs/editors/nvim.lua`.

use super::{Result, Stage, shots};
use std::process::Command;

const NAME: &str = "nvim";

/// No configuration but ours, no files of its own in the home directory.
const BARE: [&str; 7] = ["-u", "NONE", "-i", "NONE", "-n", "--cmd", "luafile $HLB_SETUP/nvim.lua"];

pub(super) fn drive(stage: &Stage) -> Result<()> {
    let dir = stage.workspace(NAME)?;
    let mut command = stage.command(NAME, &dir);
    command.arg("--headless").args(BARE).args(["-c", "luafile $HLB_SCRIPTS/nvim.lua"]);
    stage.perform(NAME, &mut command)?;
    let dir = stage.workspace(NAME)?;
    for pose in ["diagnostics", "completion", "hover"] {
        shots::take(stage, &format!("{NAME}-{pose}"), &dir, |command: &mut Command| {
            command.arg(NAME).args(BARE).args(["-c", "luafile $HLB_SCRIPTS/nvim-pose.lua"]).env("HLB_POSE", pose);
        })?;
    }
    Ok(())
}
