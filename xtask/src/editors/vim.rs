//! Vim, whose client is ALE.
//!
//! Owns its command lines. What it does there is in `xtask/editors/vim.vim`; the setup under test is `docs/editors/vim`.

use super::{Result, Stage, shots};

const NAME: &str = "vim";

/// No configuration but ours, no files of its own in the home directory.
const BARE: [&str; 7] = ["-u", "NONE", "-i", "NONE", "-n", "-S", "$HLB_SCRIPTS/vim-start.vim"];

pub(super) fn drive(stage: &Stage) -> Result<()> {
    let dir = stage.workspace(NAME)?;
    let mut command = stage.command(NAME, &dir);
    // What the setup does when Vim has started is done before the script.
    command
        .args(["-T", "dumb", "--not-a-term"])
        .args(BARE)
        .args(["-c", "autocmd VimEnter * ++nested source $HLB_SCRIPTS/vim.vim"]);
    command.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::null());
    let done = stage.perform(NAME, &mut command);
    let shown = shots::poses(stage, NAME, |command| {
        command.arg(NAME).args(BARE).args(["-c", "autocmd VimEnter * ++nested source $HLB_SCRIPTS/vim-pose.vim"]);
    });
    done.and(shown)
}
