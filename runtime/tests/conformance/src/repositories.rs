//! The git repositories that cases fetch.
//!
//! Owns their history: the same commits with the same names each time. They are served by `web`.

use std::path::Path;
use std::process::Command;

use crate::namespaces::run;

/// Makes `repositories/project.git`, and `repositories/whole.git` of which `repositories/part.git` is a submodule, below a
/// directory.
///
/// # Panics
/// If git is not installed.
pub fn make(directory: &Path) {
    let served = directory.join("repositories");
    std::fs::create_dir_all(&served).unwrap();
    let part = directory.join("part");
    let git = begin(&part);
    write(&part, "part.txt", "part\n");
    commit(&git, "part");
    let git = begin(&directory.join("project"));
    let project = directory.join("project");
    write(&project, "readme", "first\n");
    write(&project, "dir/file", "in a directory\n");
    write(&project, "dir/sub/run.sh", "#!/bin/sh\n");
    run(Command::new("chmod").args(["755"]).arg(project.join("dir/sub/run.sh")));
    std::os::unix::fs::symlink("dir/file", project.join("link")).unwrap();
    commit(&git, "first");
    git(&["tag", "v1"]);
    write(&project, "readme", "second\n");
    commit(&git, "second");
    git(&["tag", "-a", "-m", "annotated", "v2"]);
    git(&["checkout", "-q", "-b", "side"]);
    write(&project, "side", "on a branch\n");
    commit(&git, "side");
    git(&["checkout", "-q", "main"]);
    let whole = directory.join("whole");
    let git = begin(&whole);
    write(&whole, "readme", "with a submodule\n");
    git(&["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", &part.to_string_lossy(), "part"]);
    git(&["config", "-f", ".gitmodules", "submodule.part.url", "../part.git"]);
    commit(&git, "with a submodule");
    for name in ["part", "project", "whole"] {
        let to = served.join(format!("{name}.git"));
        run(Command::new("git").args(["clone", "-q", "--bare"]).arg(directory.join(name)).arg(&to));
        // A commit may be asked for that no branch or tag names.
        run(Command::new("git").arg("-C").arg(&to).args(["config", "uploadpack.allowAnySHA1InWant", "true"]));
    }
}

/// A new repository, as a function that runs git in it.
fn begin(directory: &Path) -> impl Fn(&[&str]) + use<> {
    std::fs::create_dir_all(directory).unwrap();
    let directory = directory.to_owned();
    let git = move |args: &[&str]| {
        let mut command = Command::new("git");
        command.arg("-C").arg(&directory).args(args);
        for (key, value) in [("NAME", "Author"), ("EMAIL", "author@example.org"), ("DATE", "1600000000 +0000")] {
            command.env(format!("GIT_AUTHOR_{key}"), value).env(format!("GIT_COMMITTER_{key}"), value);
        }
        command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
        run(&mut command);
    };
    git(&["init", "-q", "-b", "main"]);
    git
}

fn write(directory: &Path, name: &str, text: &str) {
    let path = directory.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn commit(git: &impl Fn(&[&str]), message: &str) {
    git(&["add", "-A"]);
    git(&["commit", "-q", "-m", message]);
}
