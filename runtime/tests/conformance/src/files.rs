//! The files of the client that cases read with `local`, `secret` and over HTTP.
//!
//! Owns their content, modes and times, which a checkout of the repository would not keep.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::namespaces::run;

/// The time of all files, in seconds since 1970. Files that a build makes are much younger.
const TIME: &str = "@1500000000";

const FILES: &[(&str, u32, &str)] = &[
    ("hello.txt", 0o644, "hello\n"),
    ("empty", 0o600, ""),
    ("run.sh", 0o755, "#!/bin/sh\necho run\n"),
    ("secret.txt", 0o600, "a secret\n"),
    ("token", 0o600, "sesame"),
    ("bearer", 0o600, "Bearer open sesame"),
    ("header", 0o600, "basic eC1hY2Nlc3MtdG9rZW46c2VzYW1l"),
    ("dir/a.txt", 0o644, "a\n"),
    ("dir/b.md", 0o640, "b\n"),
    ("dir/sub/c.txt", 0o644, "c\n"),
    ("dir/sub/deep/d.txt", 0o600, "d\n"),
    ("other/e.txt", 0o644, "e\n"),
    (".hidden/f.txt", 0o644, "f\n"),
    ("vendor/g.txt", 0o644, "g\n"),
    ("vendor/keep/h.txt", 0o644, "h\n"),
];

/// Fills `files`, `archives`, `linked`, `followed`, `keys` and `www` below a directory.
///
/// # Panics
/// If they cannot be written.
pub fn write(directory: &Path) {
    let files = directory.join("files");
    for (name, mode, text) in FILES {
        let path = files.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(*mode)).unwrap();
    }
    std::os::unix::fs::symlink("hello.txt", files.join("link")).unwrap();
    std::os::unix::fs::symlink("dir/sub", files.join("dirlink")).unwrap();
    std::os::unix::fs::symlink("/nothing", files.join("dangling")).unwrap();
    // Apart: BuildKit leaves a stray file where it gets a directory with hard links for the second time.
    let linked = directory.join("linked");
    std::fs::create_dir_all(linked.join("dir")).unwrap();
    std::fs::write(linked.join("one"), "one file\n").unwrap();
    std::fs::hard_link(linked.join("one"), linked.join("dir/another")).unwrap();
    std::fs::hard_link(linked.join("one"), linked.join("two")).unwrap();
    age(&linked);
    // Apart, as another selection of the same directory makes BuildKit remove files, which leaves younger directories.
    let followed = directory.join("followed");
    for name in ["real/below", "real/beside", "other/file", "not/followed", "target"] {
        let path = followed.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "followed\n").unwrap();
    }
    std::os::unix::fs::symlink("target", followed.join("link")).unwrap();
    std::os::unix::fs::symlink("real/below", followed.join("dirlink")).unwrap();
    age(&followed);
    let tree = directory.join("packed");
    std::fs::create_dir_all(tree.join("in")).unwrap();
    std::fs::write(tree.join("in/file"), "packed\n").unwrap();
    std::os::unix::fs::symlink("file", tree.join("in/link")).unwrap();
    age(&tree);
    let archive = files.join("archive.tar");
    let pack = |kind: &str, to: &Path| {
        run(Command::new("tar")
            .args(["--sort=name", "--owner=7", "--group=8", "--numeric-owner", "--mode=go-w", kind, "-cf"])
            .arg(to)
            .arg("-C")
            .arg(&tree)
            .arg("in"));
    };
    pack("--no-auto-compress", &archive);
    pack("--gzip", &files.join("archive.tgz"));
    // Apart, as many cases list all files.
    let archives = directory.join("archives");
    std::fs::create_dir_all(&archives).unwrap();
    for (kind, name) in [("--xz", "archive.txz"), ("--bzip2", "archive.tbz"), ("--zstd", "archive.tzst")] {
        pack(kind, &archives.join(name));
    }
    age(&archives);
    // Not among the files: keys differ from run to run.
    let keys = directory.join("keys");
    std::fs::create_dir_all(&keys).unwrap();
    let key = keys.join("id_ed25519");
    run(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-C", "conformance", "-f"]).arg(&key));
    age(&files);
    let www = directory.join("www");
    std::fs::create_dir_all(www.join("dir")).unwrap();
    for (name, text) in
        [("hello.txt", "hello\n"), ("dir/page", "page\n"), ("named", "named\n"), ("private", "private\n")]
    {
        std::fs::write(www.join(name), text).unwrap();
    }
}

/// Gives everything below a directory the fixed time, and directories a mode that no mask changes.
fn age(directory: &Path) {
    run(Command::new("find").arg(directory).args(["-type", "d", "-exec", "chmod", "755", "{}", "+"]));
    run(Command::new("find").arg(directory).args(["-depth", "-exec", "touch", "-h", "-d", TIME, "{}", "+"]));
}
