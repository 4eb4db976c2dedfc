//! Modules of others from the command line: fetched, locked, copied, and kept from this machine.

use crate::project::{Project, is_there};
use crate::repository::Repository;

const LIB: &str =
    "import own from \"lib/own.hlb\"\nexport hello\nfs hello() {\n\tscratch\n\tcopy own.data \"/\" \"/\"\n}\n";
const OWN: &str = "export data\nfs data() { local \"../data\" }\n";

/// A project that uses a module of a repository, on its branch `main`.
fn project() -> (Project, Repository) {
    let project = Project::empty();
    let files = [("build.hlb", LIB), ("lib/own.hlb", OWN), ("data/hello.txt", "hello\n"), ("data/run", "#!/bin/sh\n")];
    let repository = Repository::new(&project, "repo", &files);
    let program = format!("import m from \"{}@main\"\n\nfs default() {{\n\tm.hello\n}}\n", repository.address());
    project.write("build.hlb", &program);
    (project, repository)
}

fn commit(repository: &Repository) -> String {
    repository.git(&["rev-parse", "HEAD"])
}

#[test]
fn a_module_is_fetched_once_and_locked() {
    let (project, repository) = project();
    let shown = project.hlbc(&["emit"]);
    assert!(shown.starts_with("exit code: 0\n") && shown.contains("local git:"), "{shown}");
    let lock = project.read("hlb.lock");
    let entry = format!("[git.\"file://{}#main\"]\ncommit = \"{}\"\n", repository.dir().display(), commit(&repository));
    assert!(lock.ends_with(&entry), "{lock}");
    // What the branch is now makes no difference any more, nor whether the repository is there.
    repository.commit(&[("build.hlb", "export hello\nfs hello() { image \"other\" }\n")]);
    assert_eq!(project.hlbc(&["emit", "--locked"]), shown);
    std::fs::rename(repository.dir(), project.beside("away")).unwrap();
    assert_eq!(project.hlbc(&["emit"]), shown);
    assert_eq!(project.read("hlb.lock"), lock);
}

#[test]
fn checking_writes_nothing_down() {
    let (project, _) = project();
    insta::assert_snapshot!(project.hlbc(&["check"]), @"exit code: 0");
    assert!(!is_there(&project.path("hlb.lock")));
    let shown = project.hlbc(&["emit", "--locked"]);
    assert!(shown.starts_with("exit code: 6\n") && shown.contains("build.hlb:1:15"), "{shown}");
    let message = "error[E0241]: `file://[BESIDE]/repo#main` is not in hlb.lock, and `--locked` adds nothing";
    assert!(shown.contains(message) && shown.contains("= help: add it with `hlbc update`"), "{shown}");
}

#[test]
fn updating_moves_the_lock_and_says_so() {
    let (project, repository) = project();
    let before = commit(&repository);
    insta::assert_snapshot!(project.hlbc(&["update"]).replace(&before, "[BEFORE]"), @"
    exit code: 0
    --- stdout
    file://[BESIDE]/repo#main: new, [BEFORE]
    ");
    let after = repository.commit(&[("data/hello.txt", "changed\n")]);
    let shown = |args: &[&str]| project.hlbc(args).replace(&before, "[BEFORE]").replace(&after, "[AFTER]");
    insta::assert_snapshot!(shown(&["update", "other"]), @"
    exit code: 2
    --- stdout
    nothing has moved
    --- stderr
    error: the program uses nothing that is called `other`
    help: choose a name of hlb.lock, or its beginning without tag or ref
    ");
    insta::assert_snapshot!(shown(&["update"]), @"
    exit code: 0
    --- stdout
    file://[BESIDE]/repo#main: [BEFORE] -> [AFTER]
    ");
    insta::assert_snapshot!(shown(&["update"]), @"
    exit code: 0
    --- stdout
    nothing has moved
    ");
    // What nothing uses stays until it is to go.
    project.write("build.hlb", "fs default() {\n\tscratch\n}\n");
    insta::assert_snapshot!(shown(&["update"]), @"
    exit code: 0
    --- stdout
    nothing has moved
    ");
    insta::assert_snapshot!(shown(&["update", "--prune"]), @"
    exit code: 0
    --- stdout
    file://[BESIDE]/repo#main: dropped, was [AFTER]
    ");
}

#[test]
fn copies_stand_for_the_repository() {
    let (project, repository) = project();
    let id = commit(&repository);
    insta::assert_snapshot!(project.hlbc(&["vendor"]).replace(&id, "[COMMIT]"), @"
    exit code: 0
    --- stdout
    .hlb/vendor/git/[COMMIT]
    ");
    assert_eq!(project.read(&format!(".hlb/vendor/git/{id}/lib/own.hlb")), OWN);
    assert!(!is_there(&project.path(&format!(".hlb/vendor/git/{id}/.git"))));
    // With neither the repository nor anything in the state directory.
    std::fs::rename(repository.dir(), project.beside("away")).unwrap();
    std::fs::remove_dir_all(project.beside("state")).unwrap();
    let shown = project.hlbc(&["emit", "--locked"]);
    assert!(shown.starts_with("exit code: 0\n"), "{shown}");
    project.write(&format!(".hlb/vendor/git/{id}/lib/own.hlb"), "# changed\n");
    let shown = project.hlbc(&["emit"]);
    assert!(shown.starts_with("exit code: 5\n") && shown.contains("was changed: expected sha256:"), "{shown}");
    assert!(shown.contains("= help: write it anew with `hlbc vendor`"), "{shown}");
    std::fs::rename(project.beside("away"), repository.dir()).unwrap();
    assert!(project.hlbc(&["vendor"]).starts_with("exit code: 0\n"));
    assert_eq!(project.read(&format!(".hlb/vendor/git/{id}/lib/own.hlb")), OWN);
}

#[test]
fn the_tree_shows_files_and_what_they_stand_for() {
    let (project, repository) = project();
    let program = project.read("build.hlb");
    project.write("build.hlb", &format!("import l from \"./l.hlb\"\n{program}\nfs other() {{\n\tl.x\n}}\n"));
    project.write(
        "l.hlb",
        &format!("import again from \"{}@main\"\nexport x\nfs x() {{ again.hello }}\n", repository.address()),
    );
    let shown = project.hlbc(&["module", "tree"]).replace(&commit(&repository), "[COMMIT]");
    insta::assert_snapshot!(shown, @"
    exit code: 0
    --- stdout
    build.hlb
      l: l.hlb
        again: git+file://[BESIDE]/repo@main = [COMMIT] build.hlb
          own: git+file://[BESIDE]/repo@main = [COMMIT] lib/own.hlb
      m: git+file://[BESIDE]/repo@main = [COMMIT] build.hlb (imports as above)
    ");
}

#[test]
fn a_module_does_nothing_here_that_nobody_allowed() {
    let project = Project::empty();
    let text = "export x\nfs x() {\n\tscratch\n\tmkfile \"/a\" 0o644 localRun(\"touch here; echo ran\")\n}\n";
    let repository = Repository::new(&project, "repo", &[("build.hlb", text)]);
    project.write("build.hlb", &format!("import m from \"{}\"\n\nfs default() {{\n\tm.x\n}}\n", repository.address()));
    let shown = project.hlbc(&["emit"]);
    let flag = "--trust git+file://[BESIDE]/repo=run";
    assert!(shown.starts_with("exit code: 3\n") && shown.contains("E0153") && shown.contains(flag), "{shown}");
    let shown = project.hlbc(&["check"]);
    assert!(shown.contains("E0153") && shown.contains(flag), "{shown}");
    // Who only looks needs to allow nothing.
    assert!(project.hlbc(&["module", "tree"]).starts_with("exit code: 0\n"));
    assert!(project.hlbc(&["list"]).starts_with("exit code: 0\n"));
    assert!(project.hlbc(&["vendor"]).starts_with("exit code: 0\n"));
    std::fs::remove_dir_all(project.path(".hlb/vendor")).unwrap();
    let rule = format!("{}=run", repository.address());
    assert_eq!(project.hlbc(&["check", "--trust", &rule]), "exit code: 0");
    assert!(project.hlbc(&["update", "--trust", &rule]).starts_with("exit code: 0\n"));
    assert!(project.hlbc(&["emit", "--trust", &rule]).starts_with("exit code: 0\n"));
    // The configuration of this machine can say so, too; the program cannot.
    let config = format!("[trust]\n\"{}\" = [\"run\"]\n", repository.address());
    std::fs::write(project.beside("hlbc.toml"), config).unwrap();
    assert!(project.hlbc(&["emit"]).starts_with("exit code: 0\n"));
    insta::assert_snapshot!(project.hlbc(&["emit", "--trust", "x=rum"]), @"
    exit code: 2
    --- stderr
    error: invalid value 'x=rum' for '--trust <MODULE=KIND,…>': `rum` is nothing that a module does; the kinds are local, run, env, secret, ssh, forward, download, push, load, build and all

    For more information, try '--help'.
    ");
}

#[test]
fn modules_of_repositories_that_import_one_another_are_told() {
    let project = Project::empty();
    let one = Repository::new(&project, "one", &[("a.hlb", "")]);
    let two = Repository::new(&project, "two", &[("a.hlb", "")]);
    let text =
        |other: &Repository| format!("import o from \"{}:a.hlb\"\nexport x\nfs x() {{ o.x }}\n", other.address());
    // A repository on this machine is out of sight for the other, whichever comes first.
    one.commit(&[("a.hlb", &text(&two))]);
    two.commit(&[("a.hlb", &text(&one))]);
    project.write("build.hlb", &format!("import o from \"{}:a.hlb\"\n\nfs default() {{\n\to.x\n}}\n", one.address()));
    let shown = project.hlbc(&["check"]);
    assert!(shown.starts_with("exit code: 3\n") && shown.contains("error[E0152]"), "{shown}");
}

#[test]
fn a_link_leads_nowhere_out_of_a_module() {
    let project = Project::empty().file("secret.hlb", "export x\nfs x() { scratch }\n");
    let text = "import s from \"s.hlb\"\nexport x\nfs x() {\n\ts.x\n}\n";
    let repository = Repository::new(&project, "repo", &[("build.hlb", text)]);
    std::os::unix::fs::symlink(project.path("secret.hlb"), repository.dir().join("s.hlb")).unwrap();
    std::os::unix::fs::symlink(project.path(""), repository.dir().join("d")).unwrap();
    repository.commit(&[]);
    project.write("build.hlb", &format!("import m from \"{}\"\n\nfs default() {{\n\tm.x\n}}\n", repository.address()));
    let shown = project.hlbc(&["check"]);
    assert!(shown.starts_with("exit code: 3\n") && shown.contains("s.hlb: it leads out of the module"), "{shown}");

    repository.commit(&[("build.hlb", "export x\nfs x() {\n\tlocal \"d\"\n}\n")]);
    let shown = project.hlbc(&["emit"]);
    assert!(shown.starts_with("exit code: 5\n") && shown.contains("d: it leads out of the module"), "{shown}");
}

#[test]
fn what_cannot_be_fetched_is_told_at_the_import() {
    let project = Project::new("import m from \"git+file:///nowhere/at/all@main\"\n\nfs default() {\n\tm.x\n}\n");
    let shown = project.hlbc(&["check"]);
    assert!(shown.starts_with("exit code: 5\n") && shown.contains("error[E0150]"), "{shown}");
    assert!(shown.contains("build.hlb:1:15"), "{shown}");
}

#[test]
fn a_lock_file_of_another_kind_is_told() {
    let project = Project::new("fs default() {\n\tscratch\n}\n").file("hlb.lock", "version = 7\n");
    insta::assert_snapshot!(project.hlbc(&["emit"]), @"
    exit code: 4
    --- stderr
    error: `hlb.lock` is not a lock file: it has version 7, and 1 is known; use a newer hlbc
    ");
}

#[test]
fn privileged_a_filesystem_is_built_for_its_module() {
    let project = Project::with_busybox(
        "import m from fs {\n\timage \"busy\"\n\trun \"cp /src/module.hlb /src/a.txt /\" with option {\n\
         \t\tmount local(\"mod\") \"/src\" with readonly\n\t}\n}\n\nfs default() {\n\tm.x\n\tdownload \"out\"\n}\n",
    )
    .file("mod/module.hlb", "export x\nfs x() {\n\tlocal \"a.txt\"\n}\n")
    .file("mod/a.txt", "of the module\n");
    // Whoever only looks does not build it, and says so.
    let shown = project.hlbc(&["check"]);
    assert!(shown.starts_with("exit code: 0\n") && shown.contains("warning[E0151]"), "{shown}");
    let shown = project.hlbc(&["emit"]);
    assert!(shown.starts_with("exit code: 5\n") && shown.contains("error[E0151]"), "{shown}");
    let shown = project.hlbc(&["run"]);
    assert!(shown.starts_with("exit code: 0\n"), "{shown}");
    assert_eq!(project.read("out/a.txt"), "of the module\n");
    // A copy makes a machine that builds unnecessary.
    let shown = project.hlbc(&["vendor"]);
    assert!(shown.starts_with("exit code: 0\n") && shown.contains(".hlb/vendor/fs/"), "{shown}");
    assert!(project.hlbc(&["emit"]).starts_with("exit code: 0\n"));
}
