//! Builds that were: their list, and what their steps printed.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::project::Project;

/// A program whose target has these steps on busybox.
fn program(steps: &str) -> String {
    format!("fs default() {{\n\timage \"busy\"\n{steps}}}\n")
}

fn json(project: &Project, args: &[&str]) -> Value {
    let output = project.command(args).output().unwrap();
    assert!(output.status.success(), "{}", project.shown(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Outcome, steps and cached steps of each build, the newest first.
fn builds(project: &Project) -> Vec<(String, u64, u64)> {
    let history = json(project, &["history", "--json"]);
    let number = |build: &Value, name: &str| build[name].as_u64().unwrap();
    let row = |build: &Value| {
        (build["outcome"].as_str().unwrap().to_owned(), number(build, "steps"), number(build, "cached"))
    };
    history["builds"].as_array().unwrap().iter().map(row).collect()
}

#[test]
fn privileged_builds_are_listed_with_how_they_ended() {
    let project = Project::with_busybox(&program("\trun \"true\"\n\trun \"exit ${n}\"\n").replace("()", "(string n)"));
    assert_eq!(project.hlbc(&["history"]), "exit code: 0\n--- stdout\nthere is no build yet");
    project.hlbc(&["run", "--n", "0"]);
    project.hlbc(&["run", "--n", "0"]);
    project.hlbc(&["run", "--n", "3"]);
    let row = |outcome: &str, steps, cached| (outcome.to_owned(), steps, cached);
    assert_eq!(builds(&project), [row("failed", 3, 2), row("done", 3, 3), row("done", 3, 0)]);
    let table = project.hlbc(&["history", "-n", "2"]);
    let lines: Vec<&str> = table.lines().skip(2).collect();
    assert_eq!(lines.len(), 3, "{table}");
    assert!(lines[0].starts_with("BUILD  STARTED (UTC)") && lines[0].ends_with("COMMAND"), "{table}");
    assert!(lines[1].contains("3, 2 cached  failed") && lines[1].ends_with("run --n"), "{table}");
    assert!(lines[2].contains("3, 3 cached  done"), "{table}");
}

#[test]
fn privileged_logs_are_byte_for_byte_what_a_step_printed() {
    const LINES: u32 = 2_800_000;
    let project =
        Project::with_busybox(&program(&format!("\trun \"seq {LINES}\"\n\trun \"echo short; echo aside >&2\"\n")));
    assert!(project.hlbc(&["run", "--progress", "quiet"]).starts_with("exit code: 0"));
    let printed = project.command(&["logs", "1", "2"]).output().unwrap();
    assert!(printed.status.success(), "{}", String::from_utf8_lossy(&printed.stderr));
    let mut expected = String::new();
    (1..=LINES).for_each(|number| writeln!(expected, "{number}").unwrap());
    assert!(expected.len() > 20 << 20);
    assert!(printed.stdout == expected.as_bytes(), "{} bytes of {}", printed.stdout.len(), expected.len());
    let all = project.command(&["logs", "1"]).output().unwrap();
    let all = String::from_utf8(all.stdout).unwrap();
    assert!(all.starts_with("#2 /bin/sh -c 'seq") || all.starts_with("#2 /bin/sh -c seq"), "{}", &all[..60]);
    let (_, last) = all.rsplit_once("\n\n#3 ").unwrap();
    let mut lines: Vec<&str> = last.lines().skip(1).collect();
    lines.sort_unstable();
    assert_eq!(lines, ["aside", "short"]);
    let stamped = project.command(&["logs", "1", "3", "--timestamps"]).output().unwrap();
    let stamped = String::from_utf8(stamped.stdout).unwrap();
    let stamp = |line: &str| line.split_once(' ').is_some_and(|(time, _)| time.parse::<f64>().is_ok());
    assert!(stamped.lines().count() == 2 && stamped.lines().all(stamp), "{stamped}");
}

#[test]
fn privileged_what_is_not_there_is_told() {
    let project = Project::with_busybox(&program("\trun \"echo x\"\n"));
    project.run(&["default"]);
    insta::assert_snapshot!(project.hlbc(&["logs", "99"]), @r"
    exit code: 5
    --- stderr
    error: build 99 is not in the history
    help: run `hlbc history` for a list
    ");
    insta::assert_snapshot!(project.hlbc(&["logs", "1", "9"]), @r"
    exit code: 5
    --- stderr
    error: build 1 has no step 9; it has 1 to 2
    help: run `hlbc logs 1` for those that printed anything
    ");
    insta::assert_snapshot!(project.hlbc(&["logs", "1", "1"]), @"exit code: 0");
}

#[test]
fn privileged_numbers_are_those_of_progress() {
    let steps: String = (0..6).map(|at| format!("\trun \"echo {at}\"\n")).collect();
    let project = Project::with_busybox(&format!(
        "{}\nfs side() {{\n\timage \"busy\"\n\trun \"echo side\"\n\trun \"echo more\"\n}}\n",
        program(&steps)
    ));
    for targets in [["default", "side"], ["side", "default"]] {
        let shown = project.run(&targets).shown;
        let mut numbered: Vec<(u64, String)> = Vec::new();
        for line in shown.lines() {
            let Some((number, name)) = line.strip_prefix('#').and_then(|line| line.split_once(' ')) else { continue };
            let number = number.parse().unwrap();
            if !numbered.iter().any(|(known, _)| *known == number) {
                numbered.push((number, name.to_owned()));
            }
        }
        numbered.sort();
        let why = json(&project, &["why", "--json"]);
        let recorded: Vec<(u64, String)> = why["steps"]
            .as_array()
            .unwrap()
            .iter()
            .map(|step| (step["number"].as_u64().unwrap(), step["name"].as_str().unwrap().to_owned()))
            .collect();
        assert_eq!(recorded, numbered, "{shown}");
    }
}

#[test]
fn privileged_secrets_are_in_no_log() {
    let project = Project::with_busybox(&program(
        "\trun \"cat /s; echo; sleep 0.1; echo -n hun; sleep 0.3; echo ter2!; echo $T\" with option {\n\t\tsecret \"token\" \"/s\"\n\t\tsecretEnv \"T\" \"token\"\n\t}\n",
    ))
    .file("token", "hunter2!\n");
    let shown = project.run(&["default"]).shown;
    assert!(!shown.contains("hunter2") && shown.contains("***"), "{shown}");
    let log = project.hlbc(&["logs", "1", "2"]);
    assert_eq!(log.matches("***").count(), 3, "{log}");
    assert!(!log.contains("hunter2"), "{log}");
    let files = std::fs::read_dir(project.beside("state/logs/1")).unwrap();
    for file in files {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!String::from_utf8_lossy(&bytes).contains("hunter2"));
    }
}

/// Starts a build and waits until its step has printed something.
fn started(project: &Project) -> Child {
    let mut child = project.command(&["run"]).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.ends_with(" begun\n") {
        line.clear();
        assert_ne!(lines.read_line(&mut line).unwrap(), 0, "the step did not begin");
    }
    // What it still says is read and dropped, so that it does not wait for a reader.
    std::thread::spawn(move || lines.lines().for_each(drop));
    child
}

#[test]
fn privileged_a_build_that_is_killed_has_died() {
    let project = Project::with_busybox(&program("\trun \"echo begun; sleep 3123\"\n"));
    let mut child = started(&project);
    // While it runs, its log is there.
    assert_eq!(builds(&project)[0].0, "running");
    assert!(project.hlbc(&["logs", "1", "2"]).ends_with("begun"));
    kill_process(Pid::from_child(&child), Signal::KILL).unwrap();
    child.wait().unwrap();
    let begun = Instant::now();
    while builds(&project)[0].0 == "running" {
        assert!(begun.elapsed() < Duration::from_secs(20), "nobody notices the death of a build");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(builds(&project), [("died".to_owned(), 2, 0)]);
    assert!(project.hlbc(&["logs", "1", "2"]).ends_with("begun"));
    // The step is known to the next build, which is interrupted, and to the one after that.
    for (build, expected) in [("2", "build 1 was killed while it ran"), ("3", "build 2 was cancelled while it ran")] {
        let mut child = started(&project);
        kill_process(Pid::from_child(&child), Signal::INT).unwrap();
        child.wait().unwrap();
        let why = project.hlbc(&["why"]);
        assert!(why.contains(&format!("ran and was cancelled: {expected}")), "{why}");
        assert_eq!(builds(&project)[0].0, "cancelled");
        let step = json(&project, &["why", build, "2", "--json"]);
        assert_eq!(step["steps"][0]["words"][0], expected);
        assert_eq!(step["steps"][0]["explanation"]["causes"][0]["cause"], "not-finished");
    }
}
