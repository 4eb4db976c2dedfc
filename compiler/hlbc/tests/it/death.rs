//! Runs that are ended from outside: what they leave, and that the next one works.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::project::{Project, is_there};

const PATIENCE: Duration = Duration::from_secs(20);

/// A build whose only step sleeps for a time that no other test sleeps, so that its process can be found.
fn sleeper(seconds: &str) -> Project {
    Project::with_busybox(&format!(
        "fs default() {{\n\timage \"busy\"\n\trun \"touch /out/begun; echo sleeping; sleep {seconds}\" with option {{\n\t\tmount scratch \"/out\" as it\n\t}}\n}}\n\nfs other() {{\n\timage \"busy\"\n\trun \"echo works\"\n}}\n"
    ))
}

/// Starts a build and waits until its step runs.
fn started(project: &Project) -> (Child, impl Read) {
    let mut child = project.command(&["run"]).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.ends_with(" sleeping\n") {
        line.clear();
        assert_ne!(lines.read_line(&mut line).unwrap(), 0, "the step did not begin");
    }
    (child, lines)
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

pub(crate) fn ended(child: &mut Child) -> ExitStatus {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        assert!(Instant::now() < until, "the build does not end");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Waits until no process has these words in its command line.
pub(crate) fn assert_gone(words: &str) {
    let until = Instant::now() + PATIENCE;
    loop {
        let running: Vec<String> = std::fs::read_dir("/proc")
            .unwrap()
            .filter_map(|entry| std::fs::read(entry.ok()?.path().join("cmdline")).ok())
            .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
            .filter(|line| line.contains(words))
            .collect();
        if running.is_empty() {
            return;
        }
        assert!(Instant::now() < until, "still running: {running:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Nothing of a build is left on the machine but what it finished.
fn assert_clean(project: &Project, seconds: &str) {
    assert_gone(&format!("sleep {seconds}"));
    assert_gone(&project.beside("state").display().to_string());
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    let state = project.beside("state").display().to_string();
    assert!(!mounts.contains(&state), "a mount is left: {mounts}");
}

/// The next build works, sweeps what the last one left, and finds no half of a result.
fn assert_works_again(project: &Project) {
    let other = project.run(&["other"]);
    assert!(other.shown.contains("works"), "{}", other.shown);
    let sessions: Vec<_> = std::fs::read_dir(project.beside("state/sessions")).unwrap().collect();
    assert!(sessions.is_empty(), "unfinished work is left: {sessions:?}");
    for layer in std::fs::read_dir(project.beside("state/layers")).unwrap() {
        let begun = layer.unwrap().path().join("fs/begun");
        assert!(!is_there(&begun), "the result of a step that was ended is kept: {}", begun.display());
    }
}

fn check_interrupted(sent: Signal, seconds: &str) {
    let project = sleeper(seconds);
    let (mut child, mut stderr) = started(&project);
    signal(&child, sent);
    assert_eq!(ended(&mut child).code(), Some(130));
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).unwrap();
    assert!(rest.ends_with("error: interrupted\n"), "{rest}");
    assert_clean(&project, seconds);
    assert_works_again(&project);
}

#[test]
fn privileged_an_interrupted_build_cleans_up() {
    check_interrupted(Signal::INT, "1234.51");
}

#[test]
fn privileged_a_terminated_build_cleans_up() {
    check_interrupted(Signal::TERM, "1234.52");
}

fn check_killed(project: &Project, seconds: &str) {
    let (mut child, _stderr) = started(project);
    signal(&child, Signal::KILL);
    assert_eq!(ended(&mut child).signal(), Some(9));
    assert_clean(project, seconds);
    assert_works_again(project);
}

#[test]
fn privileged_a_killed_build_leaves_nothing_that_the_next_one_minds() {
    check_killed(&sleeper("1234.53"), "1234.53");
}

#[test]
fn privileged_a_killed_build_of_a_user_leaves_nothing() {
    check_killed(&sleeper("1234.55").of_user("hlbctest"), "1234.55");
    check_killed(&sleeper("1234.56").of_user("hlbcnone"), "1234.56");
}

#[test]
fn privileged_an_interrupted_look_up_ends_at_once() {
    // A registry that accepts and never answers.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let project = Project::new(&format!("fs default() {{\n\timage \"{address}/x\"\n\trun \"true\"\n}}\n"));
    let mut child = project.command(&["run"]).stderr(Stdio::piped()).spawn().unwrap();
    let _connection = listener.accept().unwrap();
    signal(&child, Signal::INT);
    assert_eq!(ended(&mut child).code(), Some(130));
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!(stderr, "error: interrupted\n");
}
