//! A git repository beside a project.
//!
//! Owns the fixture: it is made with the git binary and named by `git+file://`.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::project::Project;

pub(crate) struct Repository {
    dir: PathBuf,
}

impl Repository {
    /// A repository with files in its first commit.
    pub(crate) fn new(project: &Project, name: &str, files: &[(&str, &str)]) -> Self {
        let repository = Self { dir: project.beside(name) };
        std::fs::create_dir(&repository.dir).unwrap();
        repository.git(&["init", "-q", "-b", "main"]);
        repository.commit(files);
        repository
    }

    /// Writes files and commits them; the id of the commit.
    pub(crate) fn commit(&self, files: &[(&str, &str)]) -> String {
        for (path, text) in files {
            let path = self.dir.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", "change"]);
        self.git(&["rev-parse", "HEAD"])
    }

    pub(crate) fn git(&self, args: &[&str]) -> String {
        let output = Command::new("git")
            .args(["-c", "user.name=t", "-c", "user.email=t@t"])
            .args(args)
            .current_dir(&self.dir)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_AUTHOR_DATE", "1000000000 +0000")
            .env("GIT_COMMITTER_DATE", "1000000000 +0000")
            .output()
            .expect("this test needs git: `cargo xtask ci` installs it");
        assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Its address in an import.
    pub(crate) fn address(&self) -> String {
        format!("git+file://{}", self.dir.display())
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }
}
