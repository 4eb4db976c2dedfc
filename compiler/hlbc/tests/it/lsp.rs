//! `hlbc lsp`: the language server by the name of the one command that everybody has.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

/// Runs a copy of hlbc in a directory, with another directory as its `PATH`.
fn run(hlbc: &Path, path: &Path, args: &[&str]) -> Output {
    Command::new(hlbc).arg("lsp").args(args).env("PATH", path).output().unwrap()
}

/// A program that says who it is and what it was given.
fn server(dir: &Path, name: &str) {
    let path = dir.join("hlb-lsp");
    std::fs::write(&path, format!("#!/bin/sh\necho {name} \"$@\"\nexit 7\n")).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
}

#[test]
fn the_server_beside_the_command_comes_before_that_in_the_path() {
    let (own, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let hlbc = own.path().join("hlbc");
    std::fs::hard_link(env!("CARGO_BIN_EXE_hlbc"), &hlbc)
        .or_else(|_| std::fs::copy(env!("CARGO_BIN_EXE_hlbc"), &hlbc).map(drop))
        .unwrap();
    let none = run(&hlbc, other.path(), &[]);
    let said = String::from_utf8(none.stderr).unwrap();
    assert_eq!(none.status.code(), Some(4), "{said}");
    assert!(
        said.contains("`hlb-lsp` is neither beside `hlbc` nor in the `PATH`") && said.contains("cargo build"),
        "{said}"
    );
    for (dir, name) in [(other.path(), "path"), (own.path(), "beside")] {
        server(dir, name);
        let out = run(&hlbc, other.path(), &["--stdio", "-x"]);
        assert_eq!(String::from_utf8(out.stdout).unwrap(), format!("{name} --stdio -x\n"));
        assert_eq!(out.status.code(), Some(7), "its exit code is ours");
    }
}
