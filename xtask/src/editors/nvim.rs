//! Neovim with its own client.
//!
//! Owns its command lines, and makes the tree-sitter parser that colours its texts. What it does there is in `xtask/editors/nvim.lua`; the setup under test is
//! `docs/editors/nvim.lua`.

use super::{Result, Stage, copy, shots};
use crate::host;
use std::{fs, path::Path, process::Command};

const NAME: &str = "nvim";

/// No configuration but ours, no files of its own in the home directory.
const BARE: [&str; 9] = [
    "-u",
    "NONE",
    "-i",
    "NONE",
    "-n",
    "--cmd",
    "set runtimepath^=$HLB_GRAMMAR",
    "--cmd",
    "luafile $HLB_SETUP/nvim.lua",
];

pub(super) fn drive(stage: &Stage) -> Result<()> {
    let dir = stage.workspace(NAME)?;
    let grammar = stage.work.join(NAME).join("grammar");
    install(&grammar)?;
    let mut command = stage.command(NAME, &dir);
    command.arg("--headless").args(BARE).args(["-c", "luafile $HLB_SCRIPTS/nvim.lua"]).env("HLB_GRAMMAR", &grammar);
    let done = stage.perform(NAME, &mut command);
    let shown = shots::poses(stage, NAME, |command| {
        command.arg(NAME).args(BARE).args(["-c", "luafile $HLB_SCRIPTS/nvim-pose.lua"]).env("HLB_GRAMMAR", &grammar);
    });
    done.and(shown)
}

/// Puts the parser and its queries where Neovim looks for them below a directory of `runtimepath`.
fn install(dir: &Path) -> Result<()> {
    let ours = host::repository().join("language/tree-sitter");
    fs::create_dir_all(dir.join("parser"))?;
    copy(&ours.join("queries"), &dir.join("queries/hlb"))?;
    let mut cc = Command::new("cc");
    cc.args(["-shared", "-fPIC", "-O1", "-I"]).arg(ours.join("src")).arg("-o").arg(dir.join("parser/hlb.so"));
    host::run(cc.args(["parser.c", "scanner.c"].map(|name| ours.join("src").join(name))))
}
