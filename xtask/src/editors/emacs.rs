//! Emacs, whose client is eglot.
//!
//! Owns its command lines. What it does there is in `xtask/editors/emacs.el`; the setup under test is `docs/editors/hlb.el`.

use super::{Result, Stage, shots};
use std::process::Command;

const NAME: &str = "emacs";

pub(super) fn drive(stage: &Stage) -> Result<()> {
    let dir = stage.workspace(NAME)?;
    let start = stage.script("emacs-start.el");
    let mut command = stage.command(NAME, &dir);
    command.args(["--batch", "-Q", "-l"]).arg(&start).arg("-l").arg(stage.script("emacs.el"));
    stage.perform(NAME, &mut command)?;
    let dir = stage.workspace(NAME)?;
    for pose in ["diagnostics", "completion", "hover"] {
        shots::take(stage, &format!("{NAME}-{pose}"), &dir, |command: &mut Command| {
            command.args([NAME, "-nw", "-Q", "-l"]).arg(&start).arg("-l").arg(stage.script("emacs-pose.el"));
            command.env("HLB_POSE", pose);
        })?;
    }
    Ok(())
}
