//! `cargo xtask editors`: real editors, each with its own client, do with the language server what people do.
//!
//! Owns the list of editors and of deeds, the workspace that they open, and the verdict: an editor's script writes
//! `PASS deed` or `FAIL deed: why` lines into a file, and every deed must have passed. How an editor is driven is known
//! to its module below and to its script in `xtask/editors`.

mod emacs;
mod nvim;
mod shots;
mod vim;
mod vscode;

use crate::{Result, base, host, setup};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

/// What every editor does.
///
/// - `diagnostics`: `mistake.hlb` is opened, and its mistake is shown.
/// - `completion`: in it a line is typed inside of `with option {`, and `mount` is offered.
/// - `hover`: on the `run` there, which tells the function's signature.
/// - `definition`: of that `run`, which is a place in a file of the standard library.
/// - `rename`: `package` of `pack.hlb` is renamed from its use in `build.hlb`, and both files change.
/// - `run`: the lens *Run* of `sources` in `build.hlb` is followed, and the build tells its number of steps.
/// - `edit`: the mistake is corrected, and there are fewer diagnostics.
const DEEDS: [&str; 7] = ["diagnostics", "completion", "hover", "definition", "rename", "run", "edit"];

/// A way to drive an editor: does all deeds and takes pictures.
type Drive = fn(&Stage) -> Result<()>;

const EDITORS: [(&str, Drive); 4] =
    [("nvim", nvim::drive), ("vim", vim::drive), ("emacs", emacs::drive), ("vscode", vscode::drive)];

/// Drives the named editors, or all.
///
/// # Errors
/// When a name is unknown, something cannot be installed or built, or an editor fails a deed: all of them are driven first.
pub(crate) fn editors(names: &[&str]) -> Result<()> {
    if let Some(name) = names.iter().find(|name| EDITORS.iter().all(|(known, _)| known != *name)) {
        let known = EDITORS.map(|(name, _)| name).join(", ");
        return Err(format!("no editor {name} is known here; there are {known}").into());
    }
    setup::editors()?;
    base::base_image(false)?;
    let stage = Stage::new()?;
    let mut failed = Vec::new();
    for (name, drive) in EDITORS.iter().filter(|(name, _)| names.is_empty() || names.contains(name)) {
        let start = Instant::now();
        println!("editors: {name}");
        match drive(&stage) {
            Ok(()) => println!("editors: {name} passed in {:.1} s", start.elapsed().as_secs_f64()),
            Err(error) => failed.push(format!("{name}: {error}")),
        }
    }
    println!("editors: pictures are in {}", stage.pictures.display());
    if failed.is_empty() { Ok(()) } else { Err(failed.join("\n").into()) }
}

/// What all editors share.
struct Stage {
    /// The language server.
    server: PathBuf,
    /// The compiler, which runs targets.
    hlbc: PathBuf,
    /// Where pictures go, as `NAME.png`.
    pictures: PathBuf,
    /// For whatever else is written, a directory for each editor.
    work: PathBuf,
    /// The state directory of the builds that editors start, as the user.
    root: PathBuf,
}

impl Stage {
    fn new() -> Result<Self> {
        let mut build = Command::new("cargo");
        build.current_dir(host::repository()).args(["build", "--quiet", "-p", "hlb-lsp", "-p", "hlbc"]);
        host::run(&mut build)?;
        // Programs that change their directory are told where this is.
        let target = std::path::absolute(host::target_dir())?;
        let pictures = target.join("editors");
        // What root has is closed to users, and a user's own is all that they need to build without root.
        let state = if host::is_root() { host::state_dir() } else { std::path::absolute(host::cache_dir())? };
        let stage = Self {
            server: target.join("debug/hlb-lsp"),
            hlbc: target.join("debug/hlbc"),
            work: pictures.join("work"),
            pictures,
            root: state.join("editors"),
        };
        fs::create_dir_all(&stage.work)?;
        Ok(stage)
    }

    /// A new workspace for an editor: an example of two files, and a file with a mistake.
    fn workspace(&self, editor: &str) -> Result<PathBuf> {
        let dir = self.work.join(editor).join("pipeline");
        if dir.exists() {
            fs::remove_dir_all(&dir)?;
        }
        copy(&host::repository().join("examples/pipeline"), &dir)?;
        fs::copy(self.script("mistake.hlb"), dir.join("mistake.hlb"))?;
        Ok(dir)
    }

    /// A file of `xtask/editors`.
    fn script(&self, name: &str) -> PathBuf {
        host::repository().join("xtask/editors").join(name)
    }

    /// A file of `docs/editors`, the setups that people copy.
    fn setup(&self, name: &str) -> PathBuf {
        host::repository().join("docs/editors").join(name)
    }

    /// A command in which an editor finds what it needs: `hlb-lsp` and `hlbc` in its `PATH`, where they are in `HLB_LSP` and
    /// `HLBC`, the directories of the setups in `HLB_SETUP` and of the scripts in `HLB_SCRIPTS`, and `HLBC_ROOT`. It gets
    /// 120 s.
    fn command(&self, program: impl AsRef<std::ffi::OsStr>, dir: &Path) -> Command {
        let mut command = Command::new("timeout");
        command.args(["--kill-after=5", "120"]).arg(program).current_dir(dir);
        let ours = self.server.parent().unwrap_or(&self.server);
        let others = std::env::var_os("PATH").unwrap_or_default();
        let all = std::iter::once(ours.to_path_buf()).chain(std::env::split_paths(&others));
        if let Ok(path) = std::env::join_paths(all) {
            command.env("PATH", path);
        }
        command.env("HLB_LSP", &self.server).env("HLBC", &self.hlbc).env("HLBC_ROOT", &self.root);
        command.env("HLB_SETUP", self.setup("")).env("HLB_SCRIPTS", self.script(""));
        command
    }

    /// Lets an editor do its deeds: runs a [`Stage::command`] with `HLB_REPORT`, the file for its verdicts.
    fn perform(&self, editor: &str, command: &mut Command) -> Result<()> {
        let report = self.work.join(editor).join("report");
        fs::write(&report, "")?;
        let ended = host::run(command.env("HLB_REPORT", &report));
        let text = fs::read_to_string(&report)?;
        for line in text.lines() {
            println!("  {line}");
        }
        judge(&text)?;
        ended
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// Whether every deed passed and none failed.
fn judge(report: &str) -> Result<()> {
    let failed: Vec<&str> = report.lines().filter(|line| line.starts_with("FAIL")).collect();
    if !failed.is_empty() {
        return Err(failed.join("\n").into());
    }
    let passed = |deed: &&str| report.lines().any(|line| line.strip_prefix("PASS ") == Some(deed));
    let missing: Vec<&str> = DEEDS.iter().copied().filter(|deed| !passed(deed)).collect();
    if missing.is_empty() { Ok(()) } else { Err(format!("nothing was said of: {}", missing.join(", ")).into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_report_of_all_deeds_passes() {
        let all: String = DEEDS.iter().map(|deed| format!("PASS {deed}\n")).collect();
        assert!(judge(&all).is_ok());
        assert!(judge("").is_err());
        assert!(judge(&all.replace("PASS hover\n", "")).unwrap_err().to_string().contains("hover"));
        assert!(judge(&all.replace("PASS hover", "PASS hovering")).is_err());
        assert!(judge(&format!("{all}FAIL run: no lens\n")).unwrap_err().to_string().contains("no lens"));
    }
}
