//! Emacs, whose client is eglot.
//!
//! Owns its command lines. What it does there is in `xtask/editors/emacs.el`; the setup under test is `docs/editors/hlb.el`.

use super::{Result, Stage, shots};

const NAME: &str = "emacs";

pub(super) fn drive(stage: &Stage) -> Result<()> {
    let dir = stage.workspace(NAME)?;
    let start = stage.script("emacs-start.el");
    let mut command = stage.command(NAME, &dir);
    command.args(["--batch", "-Q", "-l"]).arg(&start).arg("-l").arg(stage.script("emacs.el"));
    let done = stage.perform(NAME, &mut command);
    let shown = shots::poses(stage, NAME, |command| {
        command.args([NAME, "-nw", "-Q", "-l"]).arg(&start).arg("-l").arg(stage.script("emacs-pose.el"));
    });
    done.and(shown)
}
