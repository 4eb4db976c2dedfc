//! How sessions end: what the client says, signals, and a death without a word.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;

use super::{Adapter, BUILDING, PATIENCE, PROGRAM};
use crate::death::{assert_gone, ended};
use crate::project::Project;

#[test]
fn signals_end_a_session_that_waits_for_its_client() {
    let project = Project::new(PROGRAM);
    for signal in ["-INT", "-TERM"] {
        let mut adapter = Adapter::start(&project);
        adapter.launch(&project, json!({"build": "never", "stopOnEntry": true}), &[]);
        assert_eq!(adapter.stopped(), "entry default:12");
        adapter.signal(signal);
        assert_eq!(adapter.child.wait().unwrap().code(), Some(130));
    }
}

#[test]
fn privileged_dap_nothing_is_left_of_a_build_whose_client_goes() {
    let project = Project::with_busybox(LONG);
    for end in ["disconnect", "terminate", "close", "-INT", "-TERM", "-KILL"] {
        let mut adapter = Adapter::start(&project);
        adapter.launch(&project, json!({"build": "atEnd"}), &[]);
        adapter.begun();
        comes_to(1);
        match end {
            "disconnect" => adapter.end(),
            "terminate" => {
                adapter.ask(end, json!({}));
                adapter.event("terminated");
                adapter.end();
            }
            "close" => {
                let Adapter { mut child, input, .. } = adapter;
                drop(input);
                assert_eq!(ended(&mut child).code(), Some(0));
            }
            _ => {
                adapter.signal(end);
                assert_eq!(ended(&mut adapter.child).code(), (end != "-KILL").then_some(130), "{end}");
            }
        }
        comes_to(0);
        if end != "-KILL" {
            let sessions: Vec<_> = std::fs::read_dir(project.beside("state/sessions")).unwrap().collect();
            assert!(sessions.is_empty(), "unfinished work is left of {end}: {sessions:?}");
        }
    }
}

#[test]
fn privileged_dap_a_pause_ends_what_is_built_and_not_the_session() {
    // Another number of seconds, so that the test above does not count this step.
    let project = Project::with_busybox(&LONG.replace("98765", "98764"));
    let mut adapter = Adapter::start(&project);
    adapter.launch(&project, json!({"build": "atEnd"}), &[3]);
    assert_eq!(adapter.stopped(), "breakpoint default:3");
    for _ in 0..2 {
        adapter.ask("continue", json!({"threadId": 1}));
        adapter.begun();
        adapter.ask("pause", json!({"threadId": 1}));
        assert_eq!(adapter.stopped(), "pause default:4");
    }
    assert_eq!(adapter.go("stepBack"), "breakpoint default:3");
    adapter.end();
}

const LONG: &str = "fs default() {\n\timage \"busy\"\n\trun \"echo begun; sleep 98765\"\n}\n";

/// Waits until that many steps of `LONG` are running.
fn comes_to(count: usize) {
    let running = || {
        let processes = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
        let commands = processes.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
        commands.filter(|command| command.ends_with(b"sleep\x0098765\0")).count()
    };
    for _ in 0..200 {
        if running() == count {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(running(), count);
}

/// A program whose evaluation waits until the file `go` is there.
fn waiting(seconds: &str) -> Project {
    let command = format!("[ -e go ] || exec sleep {seconds}; echo done");
    let text = format!(
        "fs default() {{\n\tscratch\n\tmkfile \"/a\" 0o644 localRun(\"{command}\")\n\tmkdir \"/b\" 0o755\n}}\n"
    );
    Project::new(&text)
}

/// Waits until a process has these words in its command line.
fn comes(words: &str) {
    let until = Instant::now() + PATIENCE;
    let is_there = || {
        let processes = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
        let lines = processes.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
        lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " ")).any(|line| line.contains(words))
    };
    while !is_there() {
        assert!(Instant::now() < until, "`{words}` does not run");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_pause_ends_an_evaluation_that_waits_and_it_goes_on_from_there() {
    let project = waiting("2345.71");
    let mut adapter = Adapter::start(&project);
    adapter.launch(&project, json!({"build": "never"}), &[4]);
    adapter.ask("pause", json!({"threadId": 1}));
    assert_eq!(adapter.stopped(), "pause default:3");
    assert!(adapter.refused("exceptionInfo", json!({})).contains("nothing has failed"));
    adapter.send("next", json!({"threadId": 1}));
    adapter.ask("pause", json!({"threadId": 1}));
    assert_eq!(adapter.stopped(), "pause default:3");
    assert_eq!(adapter.go("stepBack"), "step default:2");
    assert_eq!(adapter.go("next"), "step default:3");
    project.write("go", "");
    assert_eq!(adapter.go("next"), "breakpoint default:4");
    adapter.ask("continue", json!({"threadId": 1}));
    assert_eq!(adapter.event("exited")["exitCode"], 0);
    adapter.end();
}

#[test]
fn what_was_logged_up_to_a_pause_is_said_once() {
    let project = waiting("2345.72");
    let mut adapter = Adapter::start(&project);
    adapter.begin(&project, json!({"build": "never"}));
    adapter.set(&project, json!([{"line": 2, "logMessage": "first"}, {"line": 4, "logMessage": "last"}]));
    adapter.configured();
    comes("sleep 2345.72");
    adapter.ask("pause", json!({}));
    assert_eq!(adapter.stopped(), "pause default:3");
    assert_eq!(adapter.event("output")["output"], "first\n");
    project.write("go", "");
    adapter.ask("continue", json!({}));
    adapter.event("exited");
    assert_eq!(adapter.event("output")["output"], "last\n");
    assert!(!adapter.told.iter().any(|it| it["event"] == "output"), "{:#?}", adapter.told);
    adapter.end();
}

#[test]
fn a_session_without_a_program_answers_always_the_same() {
    let project = Project::new(PROGRAM);
    let mut adapter = Adapter::start(&project);
    let idle = |adapter: &mut Adapter| {
        adapter.ask("terminate", json!({}));
        assert_eq!(adapter.ask("threads", json!({}))["threads"], json!([]));
        assert!(!adapter.told.iter().any(|it| it["event"] == "terminated"), "it has ended already");
    };
    idle(&mut adapter);
    assert!(adapter.refused("restart", json!({})).contains("send `launch` first"));
    // One that ends before it has run.
    adapter.begin(&project, json!({"build": "never", "stopOnEntry": true}));
    assert!(adapter.refused("restart", json!({})).contains("when the program has stopped"));
    adapter.ask("terminate", json!({}));
    adapter.event("terminated");
    idle(&mut adapter);
    adapter.ask("restart", json!({}));
    assert_eq!(adapter.stopped(), "entry default:12");
    // One that has run.
    adapter.ask("terminate", json!({}));
    assert_eq!(adapter.event("exited")["exitCode"], 1);
    adapter.event("terminated");
    idle(&mut adapter);
    assert_eq!(adapter.set(&project, json!([{"line": 8}]))[0]["verified"], true);
    for command in ["stackTrace", "scopes", "next"] {
        assert!(adapter.refused(command, json!({})).contains("has ended"), "{command}");
    }
    // One that is refused when it is to be run again.
    project.write("build.hlb", "fs default( {");
    adapter.ask("restart", json!({}));
    adapter.event("terminated");
    idle(&mut adapter);
    project.write("build.hlb", PROGRAM);
    adapter.ask("restart", json!({}));
    assert_eq!(adapter.stopped(), "entry default:12");
    assert_eq!(adapter.go("continue"), "breakpoint files:8 < default:12");
    adapter.end();
}

#[test]
fn an_evaluation_that_waits_ends_with_its_session() {
    for (number, end) in ["disconnect", "terminate", "restart", "close", "-TERM"].into_iter().enumerate() {
        let seconds = format!("2345.6{number}");
        let project = waiting(&seconds);
        let mut adapter = Adapter::start(&project);
        adapter.launch(&project, json!({"build": "never"}), &[]);
        comes(&format!("sleep {seconds}"));
        match end {
            "-TERM" => adapter.signal(end),
            "close" => {}
            "restart" => {
                adapter.ask(end, json!({}));
                comes(&format!("sleep {seconds}"));
                adapter.send("disconnect", json!({}));
            }
            _ => {
                adapter.ask(end, json!({}));
                if end == "terminate" {
                    adapter.event("terminated");
                    adapter.send("disconnect", json!({}));
                }
            }
        }
        let Adapter { mut child, input, .. } = adapter;
        drop(input);
        let code = ended(&mut child).code();
        assert_eq!(code, Some(if end == "-TERM" { 130 } else { 0 }), "{end}");
        assert_gone(&format!("sleep {seconds}"));
    }
}

/// What a killed session has left is cleared by the next start.
fn assert_cleared(project: &Project, state: &str) {
    let sessions = project.beside("state/sessions");
    assert_eq!(std::fs::read_dir(&sessions).unwrap().count(), 1, "killed while {state}");
    assert_gone(&project.beside("state").display().to_string());
    project.hlbc(&["history"]);
    let left: Vec<_> = std::fs::read_dir(&sessions).unwrap().collect();
    assert!(left.is_empty(), "left of a session that was killed while {state}: {left:?}");
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(!mounts.contains(&project.beside("state").display().to_string()), "a mount is left: {mounts}");
}

#[test]
fn privileged_dap_what_a_killed_session_leaves_is_cleared() {
    let project = Project::with_busybox(BUILDING);
    for state in ["stopped", "asking for a shell", "looking at files"] {
        let mut adapter = Adapter::start(&project);
        adapter.launch(&project, json!({}), &[6]);
        assert_eq!(adapter.stopped(), "breakpoint default:6");
        match state {
            "asking for a shell" => {
                adapter.console("exec");
                let asked = adapter.wait("runInTerminal", |it| it["command"] == "runInTerminal");
                let described = asked["arguments"]["args"][3].as_str().unwrap();
                assert!(Path::new(described).starts_with(project.beside("state/sessions")), "{described}");
            }
            "looking at files" => assert_eq!(adapter.console("cat /hello"), "from here\n"),
            _ => {}
        }
        adapter.signal("-KILL");
        ended(&mut adapter.child);
        assert_cleared(&project, state);
    }
    let project = Project::with_busybox(&LONG.replace("98765", "98763"));
    let mut adapter = Adapter::start(&project);
    adapter.launch(&project, json!({}), &[]);
    adapter.begun();
    adapter.signal("-KILL");
    ended(&mut adapter.child);
    assert_gone("sleep 98763");
    assert_cleared(&project, "building");
}

#[test]
fn privileged_dap_a_pause_while_a_result_is_read_is_no_failure() {
    let text = "fs made() {\n\timage \"busy\"\n\trun \"echo begun; sleep 98762\"\n}\nfs default() {\n\tscratch\n\tmkfile \"/a\" 0o644 read(made, \"/etc/none\")\n}\n";
    let project = Project::with_busybox(text);
    let mut adapter = Adapter::start(&project);
    adapter.launch(&project, json!({}), &[]);
    adapter.begun();
    adapter.ask("pause", json!({"threadId": 1}));
    assert!(adapter.stopped().starts_with("pause "));
    assert_gone("sleep 98762");
    // The session goes on: what is there can be looked at, and the step is run again.
    adapter.ask("continue", json!({"threadId": 1}));
    adapter.begun();
    adapter.ask("terminate", json!({}));
    adapter.event("terminated");
    adapter.end();
    assert_gone("sleep 98762");
    let sessions: Vec<_> = std::fs::read_dir(project.beside("state/sessions")).unwrap().collect();
    assert!(sessions.is_empty(), "unfinished work is left: {sessions:?}");
}
