//! Shared caches by options and by `hlbc.toml`, and what cache mounts keep.

use std::net::TcpListener;

use crate::project::{Project, Seen, seen};

const PROGRAM: &str = r#"
fs slow() {
	image "busy"
	run "cat /proc/sys/kernel/random/uuid > /made; echo x >> /kept/log" with option {
		mount scratch "/kept" with cache("kept", "shared")
	}
}

fs default() {
	scratch
	copy slow "/made" "/"
	download "out"
}

fs broken() {
	slow
	run "exit 3"
}
"#;

fn project() -> Project {
    Project::with_busybox(PROGRAM)
}

fn run(project: &Project, args: &[&str]) -> Seen {
    let output = project.command(&["run"]).args(args).output().unwrap();
    assert!(output.status.success(), "{}", project.shown(&output));
    seen(&String::from_utf8(output.stderr).unwrap())
}

/// A directory that all projects of a test have in common.
fn common() -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cache").display().to_string();
    (dir, path)
}

#[test]
fn privileged_another_machine_finds_what_was_made() {
    let (_dir, path) = common();
    let one = project();
    let to = format!("type=local,dest={path},mode=max");
    assert!(run(&one, &["--cache-to", &to]).ran.iter().any(|name| name.contains("uuid")));
    let other = project();
    let hit = run(&other, &["--cache-from", &format!("type=local,src={path}")]);
    assert!(!hit.ran.iter().any(|name| name.contains("uuid")), "{}", hit.shown);
    assert_eq!(other.read("out/made"), one.read("out/made"));

    // The configuration says the same.
    let third = project();
    let config = std::fs::read_to_string(third.beside("hlbc.toml")).unwrap();
    let cache = format!("\n[cache]\nfrom = [\"type=local,src={path}\"]\nto = [\"type=local,dest={path},tag=next\"]\n");
    std::fs::write(third.beside("hlbc.toml"), config + &cache).unwrap();
    let hit = run(&third, &[]);
    assert!(!hit.ran.iter().any(|name| name.contains("uuid")), "{}", hit.shown);
    assert_eq!(third.read("out/made"), one.read("out/made"));
    let index = std::fs::read_to_string(format!("{path}/index.json")).unwrap();
    assert!(index.contains("\"next\"") && index.contains("\"latest\""), "{index}");
}

#[test]
fn privileged_what_a_failed_build_has_made_is_kept() {
    let (_dir, path) = common();
    let one = project();
    let output = one.command(&["run", "broken", "--cache-to", &format!("type=local,dest={path},mode=max")]).output();
    assert_eq!(output.unwrap().status.code(), Some(1));
    let other = project();
    let hit = run(&other, &["--cache-from", &format!("type=local,src={path}")]);
    assert!(!hit.ran.iter().any(|name| name.contains("uuid")), "{}", hit.shown);
}

#[test]
fn privileged_caches_that_fail_do_not() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let (reference, project) = (format!("{closed}/a:b"), project());
    let seen = run(&project, &["--cache-from", &reference, "--cache-to", &reference]);
    let warnings: Vec<&str> = seen.shown.lines().filter(|line| line.starts_with("warning: ")).collect();
    assert_eq!(warnings.len(), 2, "{}", seen.shown);
    assert!(warnings[0].starts_with(&format!("warning: the cache `{reference}` cannot be read: ")), "{}", warnings[0]);
    assert!(
        warnings[1].starts_with(&format!("warning: the cache was not written to `{reference}`: ")),
        "{}",
        warnings[1]
    );
    // Unless that is wanted.
    let strict = format!("type=registry,ref={reference},ignore-error=false");
    let output = project.command(&["run", "--cache-to", &strict]).output().unwrap();
    let shown = project.shown(&output);
    assert!(output.status.code() == Some(1) && shown.contains("error: the cache was not written to"), "{shown}");
}

#[test]
fn what_cannot_be_a_cache_is_refused() {
    let project = project();
    insta::assert_snapshot!(project.hlbc(&["run", "--cache-from", "type=s3,bucket=b"]), @r"
    exit code: 2
    --- stderr
    error: invalid value 'type=s3,bucket=b' for '--cache-from <NAME|type=TYPE,…>': caches of `type=s3` are not supported: use `registry` or `local`

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(project.hlbc(&["run", "--cache-to", "a/b", "--cache-to", "type=registry,ref=a/b"]), @r"
    exit code: 2
    --- stderr
    error: the cache `docker.io/a/b:latest` is to be written twice
    help: name it once
    ");
}

#[test]
fn privileged_cache_mounts_are_kept_and_come_back() {
    let (_dir, path) = common();
    let (to, from) = (format!("type=local,dest={path}"), format!("type=local,src={path}"));
    let one = project();
    insta::assert_snapshot!(one.hlbc(&["cache", "save", "--to", &to]), @r"
    exit code: 1
    --- stderr
    error: there are no cache mounts
    ");
    run(&one, &[]);
    let saved = one.hlbc(&["cache", "save", "--to", &to]);
    assert!(saved.starts_with("exit code: 0\n--- stdout\nsaved "), "{saved}");
    let id = one.hlbc(&["cache", "list"]);
    let id = id.lines().last().unwrap();
    assert!(id.contains("kept"), "{id}");

    let other = project();
    let restored = other.hlbc(&["cache", "restore", "--from", "type=local,src=nowhere", "--from", &from, id]);
    assert!(restored.contains("passed over: `nowhere` cannot be read") && restored.contains("restored "), "{restored}");
    assert_eq!(other.hlbc(&["cache", "list"]).lines().last(), Some(id));
    run(&other, &[]);
    let folder = std::fs::read_dir(other.beside("state/cache-mounts")).unwrap().next().unwrap().unwrap().path();
    assert_eq!(std::fs::read_to_string(folder.join("fs/log")).unwrap(), "x\nx\n");
    assert!(other.hlbc(&["cache", "list", "--from", &from]).contains(id));
    let again = other.hlbc(&["cache", "restore", "--if-empty", "--from", &from]);
    assert!(again.ends_with("restored nothing"), "{again}");
}
