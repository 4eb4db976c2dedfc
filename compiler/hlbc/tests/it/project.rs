//! A directory with a program in it, and the command run there.
//!
//! Owns the fixture: nothing of this machine's configuration reaches the command.

use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A directory of its own for one test.
pub(crate) struct Project {
    dir: tempfile::TempDir,
    /// Who runs the command: user and group id, if it is not who runs the test.
    user: Option<(u32, u32)>,
}

impl Project {
    /// A project whose `build.hlb` has this text.
    pub(crate) fn new(program: &str) -> Self {
        Self::empty().file("build.hlb", program)
    }

    /// A project whose image `busy` is busybox.
    pub(crate) fn with_busybox(program: &str) -> Self {
        let project = Self::new(program);
        crate::image::layout(&project.beside("busybox"));
        std::fs::write(project.beside("hlbc.toml"), "[layouts]\nbusy = \"busybox\"\n").unwrap();
        project
    }

    pub(crate) fn empty() -> Self {
        let dir = tempfile::Builder::new().prefix("hlbc-test-").tempdir().unwrap();
        std::fs::create_dir(dir.path().join("work")).unwrap();
        Self { dir, user: None }
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

    /// The same project, given to a user of this machine, who runs the command from now on.
    pub(crate) fn of_user(mut self, name: &str) -> Self {
        let passwd = std::fs::read_to_string("/etc/passwd").unwrap();
        let mut lines = passwd.lines().map(|line| line.split(':').collect::<Vec<_>>());
        let line = lines.find(|fields| fields[0] == name);
        let line = line.unwrap_or_else(|| panic!("these tests need the user `{name}`: `cargo xtask ci` makes it"));
        self.user = Some((line[2].parse().unwrap(), line[3].parse().unwrap()));
        // The directory of the command may be closed to others.
        let (from, to) = (env!("CARGO_BIN_EXE_hlbc"), self.beside("hlbc"));
        if std::fs::hard_link(from, &to).is_err() {
            std::fs::copy(from, &to).unwrap();
        }
        self.give("");
        self
    }

    /// The same project, whose command root runs again.
    pub(crate) fn of_root(mut self) -> Self {
        self.user = None;
        self
    }

    /// Who owns what is beside the project.
    pub(crate) fn owner(&self, path: &str) -> (u32, u32) {
        let data = self.beside(path).symlink_metadata().unwrap();
        (data.uid(), data.gid())
    }

    /// Gives what is beside the project, and all in it, to the user who runs the command.
    fn give(&self, path: &str) {
        let (path, program) = (self.beside(path), self.beside("hlbc"));
        let Some((uid, gid)) = self.user else { return };
        let mut left = vec![path];
        while let Some(path) = left.pop() {
            std::os::unix::fs::lchown(&path, Some(uid), Some(gid)).unwrap();
            if path.symlink_metadata().unwrap().is_dir() {
                let entries = std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path());
                left.extend(entries.filter(|entry| *entry != program));
            }
        }
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
        let mut command = match self.user {
            Some((uid, gid)) => {
                let mut command = Command::new(self.beside("hlbc"));
                command.uid(uid).gid(gid);
                command
            }
            None => Command::new(env!("CARGO_BIN_EXE_hlbc")),
        };
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

    /// Runs the command with something to read.
    pub(crate) fn fed(&self, args: &[&str], input: &[u8]) -> Output {
        let mut command = self.command(args);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (mut stdin, input) = (child.stdin.take().unwrap(), input.to_vec());
        // A command that refuses its options reads nothing.
        let writer = std::thread::spawn(move || drop(std::io::Write::write_all(&mut stdin, &input)));
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        output
    }

    /// The definition of a target.
    pub(crate) fn definition(&self, target: &str) -> Vec<u8> {
        let output = self.command(&["emit", "--no-resolve", "--format", "pb", target]).output().unwrap();
        assert!(output.status.success(), "{}", self.shown(&output));
        output.stdout
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

/// What one run did, by the names of its steps.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) ran: Vec<String>,
    pub(crate) cached: Vec<String>,
    /// The progress as it was shown.
    pub(crate) shown: String,
}

impl Project {
    /// Runs targets that must succeed.
    pub(crate) fn run(&self, targets: &[&str]) -> Seen {
        let output = self.command(&["run"]).args(targets).output().unwrap();
        assert!(output.status.success(), "{}", self.shown(&output));
        seen(&String::from_utf8(output.stderr).unwrap())
    }
}

/// Reads plain progress.
pub(crate) fn seen(progress: &str) -> Seen {
    let mut names = std::collections::BTreeMap::new();
    let mut seen = Seen { shown: progress.to_owned(), ..Seen::default() };
    for line in progress.lines() {
        let Some((number, rest)) = line.strip_prefix('#').and_then(|line| line.split_once(' ')) else { continue };
        let name = names.entry(number.to_owned()).or_insert_with(|| rest.to_owned());
        if rest == "CACHED" {
            seen.cached.push(name.clone());
        } else if rest.starts_with("DONE ") {
            seen.ran.push(name.clone());
        }
    }
    seen.ran.sort();
    seen.cached.sort();
    seen
}

/// Whether there is something at a path, links not followed.
pub(crate) fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}
