//! A directory with a program in it, and the command run there.
//!
//! Owns the fixture: nothing of this machine's configuration reaches the command.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A directory of its own for one test.
pub(crate) struct Project {
    dir: tempfile::TempDir,
}

impl Project {
    /// A project whose `build.hlb` has this text.
    pub(crate) fn new(program: &str) -> Self {
        Self::empty().file("build.hlb", program)
    }

    pub(crate) fn empty() -> Self {
        let dir = tempfile::Builder::new().prefix("hlbc-test-").tempdir().unwrap();
        std::fs::create_dir(dir.path().join("work")).unwrap();
        Self { dir }
    }

    /// The same project with another file.
    pub(crate) fn file(self, path: &str, text: &str) -> Self {
        self.write(path, text);
        self
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(crate) fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.path(path)).unwrap()
    }

    /// A path in the project.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join("work").join(path)
    }

    /// A path beside the project, for what is not part of it.
    pub(crate) fn beside(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    /// The command, not started yet.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hlbc"));
        command.args(args).current_dir(self.path("")).env_clear().stdin(Stdio::null());
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.beside("home")).env("HLBC_ROOT", self.beside("state"));
        command.env("XDG_CONFIG_HOME", self.beside("config"));
        // An empty file, so that no test depends on /etc/hlbc of the machine.
        let config = self.beside("hlbc.toml");
        if !config.exists() {
            std::fs::write(&config, "").unwrap();
        }
        command.env("HLBC_CONFIG", config);
        command
    }

    /// Runs the command and shows what a person would see.
    pub(crate) fn hlbc(&self, args: &[&str]) -> String {
        self.shown(&self.command(args).output().unwrap())
    }

    /// Exit code and output, with the project's directory taken out.
    pub(crate) fn shown(&self, output: &Output) -> String {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let code = output.status.code().map_or_else(|| "none".to_owned(), |code| code.to_string());
        let mut shown = format!("exit code: {code}\n");
        for (name, bytes) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
            if !bytes.is_empty() {
                shown.push_str(&format!("--- {name}\n{}", text(bytes)));
            }
        }
        let shown = shown.replace(&self.path("").display().to_string(), "[PROJECT]/");
        let shown = shown.replace(self.path("").to_string_lossy().trim_end_matches('/'), "[PROJECT]");
        let shown = shown.replace(&self.dir.path().display().to_string(), "[BESIDE]");
        // Insta compares without regard to white space at the ends of lines, people do not see it either.
        shown.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
    }
}

/// Whether there is something at a path, links not followed.
pub(crate) fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}
