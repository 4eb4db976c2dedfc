//! The debug adapter over standard input and output.

mod breakpoints;
mod ends;
mod places;
mod wrong;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::project::Project;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);

const PROGRAM: &str = "\
string name(string of) {
	let whole = \"${of}!\"
	whole
}

fs files(string text) {
	scratch
	mkfile \"/a\" 0o644 name(text)
}

fs default() {
	files \"x\"
	mkfile \"/b\" 0o644 \"b\"

	mkfile \"/c\" 0o644 \"c\"
}
";

/// A running adapter, and a client that remembers what it was told.
struct Adapter {
    child: Child,
    input: ChildStdin,
    inbox: mpsc::Receiver<Value>,
    seq: i64,
    told: Vec<Value>,
}

impl Adapter {
    fn start(project: &Project) -> Self {
        Self::started(&mut project.command(&["dap"]))
    }

    fn started(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let input = child.stdin.take().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let (sender, inbox) = mpsc::channel();
        std::thread::spawn(move || {
            loop {
                let mut length = 0;
                loop {
                    let mut line = String::new();
                    if output.read_line(&mut line).unwrap() == 0 {
                        return;
                    }
                    match line.trim().split_once(": ") {
                        Some((_, value)) => length = value.parse().unwrap(),
                        None => break,
                    }
                }
                let mut body = vec![0; length];
                output.read_exact(&mut body).unwrap();
                if sender.send(serde_json::from_slice(&body).unwrap()).is_err() {
                    return;
                }
            }
        });
        Self { child, input, inbox, seq: 0, told: Vec::new() }
    }

    fn write(&mut self, body: &str) {
        write!(self.input, "Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        self.input.flush().unwrap();
    }

    /// The first message that was, or will be, told and is meant.
    fn wait(&mut self, what: &str, is_meant: impl Fn(&Value) -> bool) -> Value {
        let mut seen = 0;
        loop {
            if let Some(found) = self.told[seen..].iter().position(&is_meant) {
                return self.told.remove(seen + found);
            }
            seen = self.told.len();
            let next = self.inbox.recv_timeout(PATIENCE);
            self.told.push(next.unwrap_or_else(|error| panic!("no {what}: {error}\n{:#?}", self.told)));
        }
    }

    fn event(&mut self, name: &str) -> Value {
        self.wait(name, |it| it["type"] == "event" && it["event"] == name)["body"].clone()
    }

    /// The whole answer to a request.
    fn answer(&mut self, command: &str, arguments: Value) -> Value {
        self.send(command, arguments);
        let seq = self.seq;
        self.wait(command, |it| it["type"] == "response" && it["request_seq"] == seq)
    }

    /// The same without waiting for the answer.
    fn send(&mut self, command: &str, arguments: Value) {
        self.seq += 1;
        self.write(
            &json!({"seq": self.seq, "type": "request", "command": command, "arguments": arguments}).to_string(),
        );
    }

    /// The body of the answer to a request that is granted.
    fn ask(&mut self, command: &str, arguments: Value) -> Value {
        let answer = self.answer(command, arguments);
        assert_eq!(answer["success"], true, "{answer:#}");
        answer["body"].clone()
    }

    /// Why a request is refused.
    fn refused(&mut self, command: &str, arguments: Value) -> String {
        let answer = self.answer(command, arguments);
        assert_eq!(answer["success"], false, "{answer:#}");
        let error = &answer["body"]["error"];
        assert_eq!((&error["format"], &error["variables"]["why"]), (&json!("{why}"), &answer["message"]));
        answer["message"].as_str().unwrap().to_owned()
    }

    /// Starts a program with breakpoints at some lines; gives what has become of those.
    fn launch(&mut self, project: &Project, more: Value, lines: &[u32]) -> Value {
        self.begin(project, more);
        let points: Vec<Value> = lines.iter().map(|line| json!({"line": line})).collect();
        let set = self.set(project, json!(points));
        self.configured();
        set
    }

    /// Starts a program, up to where breakpoints are set.
    fn begin(&mut self, project: &Project, more: Value) {
        let ready = self.ask("initialize", json!({"adapterID": "hlb", "supportsRunInTerminalRequest": true}));
        assert_eq!(ready["supportsStepBack"], true);
        let mut arguments = json!({"program": project.path("build.hlb"), "root": project.beside("state")});
        arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.ask("launch", arguments);
        self.event("initialized");
    }

    /// Sets breakpoints of the program; gives what has become of them.
    fn set(&mut self, project: &Project, points: Value) -> Value {
        let source = json!({"path": project.path("build.hlb")});
        self.ask("setBreakpoints", json!({"source": source, "breakpoints": points}))["breakpoints"].clone()
    }

    fn configured(&mut self) {
        self.ask("setExceptionBreakpoints", json!({"filters": ["failed"]}));
        self.ask("configurationDone", json!({}));
    }

    /// Why the program has stopped, and its calls, innermost first.
    fn stopped(&mut self) -> String {
        let reason = self.event("stopped")["reason"].as_str().unwrap().to_owned();
        let stack = self.ask("stackTrace", json!({"threadId": 1}));
        let frames: Vec<String> = stack["stackFrames"]
            .as_array()
            .unwrap()
            .iter()
            .map(|frame| format!("{}:{}", frame["name"].as_str().unwrap(), frame["line"]))
            .collect();
        format!("{reason} {}", frames.join(" < "))
    }

    fn go(&mut self, how: &str) -> String {
        self.ask(how, json!({"threadId": 1}));
        self.stopped()
    }

    /// What is in a scope, or in a part of one.
    fn variables(&mut self, reference: &Value) -> Vec<String> {
        let found = self.ask("variables", json!({"variablesReference": reference}));
        let found = found["variables"].as_array().unwrap().clone();
        found.iter().map(|it| format!("{} = {}", it["name"].as_str().unwrap(), it["value"].as_str().unwrap())).collect()
    }

    /// The scope of a name in the innermost call.
    fn scope(&mut self, name: &str) -> Value {
        let scopes = self.ask("scopes", json!({"frameId": 1}));
        let scopes = scopes["scopes"].as_array().unwrap().clone();
        let found = scopes.iter().find(|scope| scope["name"] == name);
        found.unwrap_or_else(|| panic!("no scope {name}: {scopes:?}"))["variablesReference"].clone()
    }

    fn console(&mut self, line: &str) -> String {
        let answer = self.ask("evaluate", json!({"expression": line, "context": "repl", "frameId": 1}));
        answer["result"].as_str().unwrap().to_owned()
    }

    /// Waits until the step of `LONG` runs.
    fn begun(&mut self) {
        self.wait("begun", |it| {
            it["event"] == "output" && it["body"]["output"].as_str().is_some_and(|text| text.contains("begun\n"))
        });
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    /// Ends the session, and the process with it.
    fn end(mut self) {
        self.ask("disconnect", json!({}));
        assert!(self.child.wait().unwrap().success());
    }
}

#[test]
fn a_program_is_stepped_through_forward_and_back() {
    let project = Project::new(PROGRAM);
    let mut adapter = Adapter::start(&project);
    let points = adapter.launch(&project, json!({"build": "never"}), &[8, 14, 99]);
    assert_eq!(points[0], json!({"verified": true, "line": 8}));
    assert_eq!(
        (&points[1]["verified"], &points[1]["line"]),
        (&json!(true), &json!(15)),
        "it is moved to the next statement"
    );
    assert!(points[1]["message"].as_str().unwrap().contains("the next one below"), "{points}");
    assert_eq!(points[2]["verified"], false);
    assert_eq!(adapter.stopped(), "breakpoint files:8 < default:12");
    assert_eq!(adapter.go("stepIn"), "step name:2 < files:8 < default:12");
    assert_eq!(adapter.go("next"), "step name:3 < files:8 < default:12");
    let (names, arguments) = (adapter.scope("Names"), adapter.scope("Arguments"));
    let scopes = adapter.ask("scopes", json!({"frameId": 1}));
    assert_eq!(scopes["scopes"][0]["name"], "Names", "editors open the first one");
    assert_eq!(adapter.variables(&names), ["whole = \"x!\""]);
    assert_eq!(adapter.variables(&arguments), ["of = \"x\""]);
    let value = adapter.ask("evaluate", json!({"expression": "whole", "context": "hover", "frameId": 1}));
    assert_eq!((&value["result"], &value["type"]), (&json!("\"x!\""), &json!("string")));
    assert!(adapter.refused("evaluate", json!({"expression": "other", "frameId": 1})).contains("`other`"));
    assert_eq!(adapter.go("stepOut"), "step files:9 < default:12");
    assert!(adapter.refused("variables", json!({"variablesReference": 77})).contains("earlier stop"));
    assert_eq!(adapter.go("next"), "step default:13");
    assert_eq!(adapter.go("next"), "breakpoint default:15");
    assert_eq!(adapter.go("stepBack"), "step default:13");
    assert_eq!(adapter.go("reverseContinue"), "breakpoint files:8 < default:12");
    assert_eq!(adapter.go("reverseContinue"), "entry default:12");
    assert_eq!(adapter.go("stepBack"), "entry default:12");
    assert_eq!(adapter.go("continue"), "breakpoint files:8 < default:12");
    assert_eq!(adapter.go("continue"), "breakpoint default:15");
    assert!(
        adapter.refused("evaluate", json!({"expression": "ls /", "context": "repl", "frameId": 1})).contains("never")
    );
    adapter.ask("continue", json!({"threadId": 1}));
    assert_eq!(adapter.event("exited")["exitCode"], 0);
    adapter.event("terminated");
    assert!(adapter.refused("next", json!({"threadId": 1})).contains("has ended"));
    adapter.ask("restart", json!({}));
    assert_eq!(adapter.stopped(), "breakpoint files:8 < default:12");
    adapter.end();
}

#[test]
fn an_error_of_the_program_is_a_stop() {
    let program = "\
string pick([string] all, int number) {
	all[number]
}
fs default(int number) {
	scratch
	mkfile \"/a\" 0o644 pick([\"x\"], number)
}
";
    let project = Project::new(program);
    let mut adapter = Adapter::start(&project);
    let more = json!({"build": "never", "args": ["--number=4"], "stopOnEntry": true});
    adapter.launch(&project, more, &[]);
    assert_eq!(adapter.stopped(), "entry default:5");
    assert!(adapter.refused("exceptionInfo", json!({"threadId": 1})).contains("nothing has failed"));
    assert_eq!(adapter.go("continue"), "exception pick:2 < default:6");
    let told = adapter.ask("exceptionInfo", json!({"threadId": 1}));
    assert!(told["description"].as_str().unwrap().contains("the list has one element"), "{told}");
    assert_eq!(adapter.go("stepBack"), "step pick:2 < default:6");
    assert_eq!(adapter.console("number"), "4");
    assert_eq!(adapter.go("next"), "exception pick:2 < default:6");
    adapter.ask("continue", json!({"threadId": 1}));
    assert_eq!(adapter.event("exited")["exitCode"], 3);
    adapter.end();
}

const BUILDING: &str = "\
fs default() {
	image \"busy\"
	mkfile \"/hello\" 0o640 \"from here\\n\"
	env \"NAME\" \"value\"
	run \"mkdir /dir; echo made > /dir/made\"
	run \"echo on its way; exit 7\"
	mkdir \"/never\" 0o755
}
";

#[test]
fn privileged_dap_files_are_seen_where_the_program_stops() {
    let project = Project::with_busybox(BUILDING);
    let mut adapter = Adapter::start(&project);
    adapter.launch(&project, json!({}), &[6]);
    assert_eq!(adapter.stopped(), "breakpoint default:6");
    let files = adapter.scope("Files");
    let listed = adapter.variables(&files);
    assert!(listed.contains(&"hello = -0640 0:0 10 bytes".to_owned()), "{listed:?}");
    assert_eq!(adapter.console("cat /dir/made"), "made\n");
    assert_eq!(adapter.console("ls dir"), "-0644 0:0 5 bytes  made");
    assert!(
        adapter
            .refused("evaluate", json!({"expression": "cat /no", "context": "repl", "frameId": 1}))
            .contains("`/no`")
    );

    adapter.console("exec");
    let asked = adapter.wait("runInTerminal", |it| it["type"] == "request" && it["command"] == "runInTerminal");
    let said = in_shell(&project, &asked, "echo $NAME; cat /dir/made; rm /hello");
    assert!(said.contains("value\nmade\n"), "{said}");
    assert!(adapter.console("ls /").contains("hello"), "what is changed is thrown away");
    let described = asked["arguments"]["args"][3].as_str().unwrap().to_owned();
    assert!(std::path::Path::new(&described).is_dir());
    adapter.end();
    assert!(!std::path::Path::new(&described).exists(), "`{described}` is left");
}

#[test]
fn privileged_dap_a_failed_step_is_a_stop_at_its_place() {
    let project = Project::with_busybox(BUILDING);
    let mut adapter = Adapter::start(&project);
    adapter.launch(&project, json!({"build": "atEnd"}), &[]);
    assert_eq!(adapter.stopped(), "exception default:6");
    let told = adapter.ask("exceptionInfo", json!({"threadId": 1}));
    let (what, text) = (told["exceptionId"].as_str().unwrap(), told["description"].as_str().unwrap());
    assert!(what.contains("ended with exit code 7") && text.contains("the last it printed:\n  on its way"), "{told}");
    assert_eq!(adapter.console("cat /dir/made"), "made\n");
    adapter.console("exec");
    let asked = adapter.wait("runInTerminal", |it| it["type"] == "request" && it["command"] == "runInTerminal");
    assert_eq!(asked["arguments"]["args"][1], "debug");
    let said = in_shell(&project, &asked, "cat /dir/made");
    assert!(said.contains("made\n"), "{said}");
    assert_eq!(adapter.go("stepBack"), "step default:5");
    adapter.ask("continue", json!({"threadId": 1}));
    assert_eq!(adapter.event("exited")["exitCode"], 1);
    adapter.end();
    let sessions: Vec<_> = std::fs::read_dir(project.beside("state/sessions")).unwrap().collect();
    assert!(sessions.is_empty(), "unfinished work is left: {sessions:?}");
}

#[test]
fn privileged_dap_a_failed_export_is_a_stop_at_its_call() {
    let text = "fs default() {\n\timage \"busy\"\n\tdownload \"/proc/none\"\n\tmkdir \"/b\" 0o755\n}\n";
    let project = Project::with_busybox(text);
    let mut adapter = Adapter::start(&project);
    adapter.launch(&project, json!({}), &[]);
    assert_eq!(adapter.stopped(), "exception default:3");
    let told = adapter.ask("exceptionInfo", json!({"threadId": 1}));
    assert!(told["description"].as_str().unwrap().contains("/proc/none"), "{told}");
    adapter.ask("continue", json!({"threadId": 1}));
    assert_eq!(adapter.event("exited")["exitCode"], 1);
    adapter.end();
}

#[test]
fn privileged_dap_a_step_that_fails_once_has_not_failed() {
    let text = "\
fs default() {
	image \"busy\"
	run \"test -e /kept/x || { touch /kept/x; exit 7; }; echo made > /made\" with option {
		mount fs { scratch; } \"/kept\" with option {
			cache \"flaky\" \"shared\"
		}
	}
	mkdir \"/b\" 0o755
	mkdir \"/c\" 0o755
}
";
    let project = Project::with_busybox(text);
    let mut adapter = Adapter::start(&project);
    adapter.launch(&project, json!({}), &[8]);
    assert_eq!(adapter.stopped(), "exception default:3");
    assert_eq!(adapter.go("stepBack"), "step default:2");
    assert_eq!(adapter.go("continue"), "breakpoint default:8");
    assert!(adapter.console("ls /").contains("made"));
    adapter.ask("continue", json!({}));
    assert_eq!(adapter.event("exited")["exitCode"], 0);
    adapter.end();
}

#[test]
fn privileged_dap_a_failure_that_is_no_stop_is_an_end() {
    let project = Project::with_busybox(BUILDING);
    for build in ["atStops", "atEnd"] {
        let mut adapter = Adapter::start(&project);
        adapter.begin(&project, json!({"build": build}));
        adapter.set(&project, json!([{"line": 7}]));
        adapter.ask("setExceptionBreakpoints", json!({"filters": []}));
        adapter.ask("configurationDone", json!({}));
        if build == "atEnd" {
            assert_eq!(adapter.stopped(), "breakpoint default:7");
            adapter.ask("continue", json!({}));
        }
        assert_eq!(adapter.event("exited")["exitCode"], 1);
        adapter.event("terminated");
        let told = |it: &Value| it["body"]["output"].as_str().is_some_and(|text| text.contains("with exit code 7\n"));
        adapter.wait("words", told);
        assert!(!adapter.told.iter().any(|it| it["event"] == "stopped"), "{:#?}", adapter.told);
        assert!(adapter.refused("stackTrace", json!({})).contains("has ended"));
        adapter.end();
    }
}

#[test]
fn privileged_dap_a_run_without_stops_ends_with_its_totals() {
    let project = Project::with_busybox("fs default() {\n\timage \"busy\"\n\tmkdir \"/b\" 0o755\n}\n");
    for totals in ["2 steps, ", "2 steps, 2 cached, "] {
        let mut adapter = Adapter::start(&project);
        adapter.launch(&project, json!({"noDebug": true}), &[]);
        adapter.event("exited");
        let said = |it: &Value| it["body"]["output"].as_str().is_some_and(|text| text.starts_with(totals));
        assert!(adapter.told.iter().any(said), "no {totals}: {:#?}", adapter.told);
        adapter.end();
    }
}

/// What a script prints in the shell that the adapter has asked a terminal for.
fn in_shell(project: &Project, asked: &Value, script: &str) -> String {
    let words = asked["arguments"]["args"].as_array().unwrap();
    let words: Vec<&str> = words.iter().map(|word| word.as_str().unwrap()).collect();
    let given = project.command(&[]);
    let mut shell = Command::new(words[0]);
    shell.args(&words[1..]).current_dir(asked["arguments"]["cwd"].as_str().unwrap());
    shell.env_clear().envs(given.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let mut shell = shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    shell.stdin.take().unwrap().write_all(format!("{script}\nexit\n").as_bytes()).unwrap();
    let output = shell.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
