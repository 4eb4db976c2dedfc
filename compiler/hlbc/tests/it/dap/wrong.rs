//! Clients and programs that do what they should not.

use serde_json::{Value, json};

use super::{Adapter, PROGRAM};
use crate::project::Project;

#[test]
fn what_cannot_be_launched_is_refused_with_words() {
    let project = Project::new("fs default() {\n\tscratchh\n}\n");
    let mut adapter = Adapter::start(&project);
    assert!(adapter.refused("next", json!({})).contains("launch"));
    assert!(adapter.refused("launch", json!({})).contains("`program`"));
    assert!(adapter.refused("launch", json!({"program": "/none.hlb"})).contains("`/none.hlb`"));
    let program = project.path("build.hlb");
    let build = json!({"program": program, "build": "often"});
    assert!(adapter.refused("launch", build).contains("`often`"));
    let broken = json!({"program": program, "build": "never"});
    assert!(adapter.refused("launch", broken).contains("has errors"));
    let told = adapter.event("output");
    assert!(told["output"].as_str().unwrap().starts_with("build.hlb:2:2: error[E0101]"), "{told}");
    project.write("build.hlb", "fs default() {\n\tscratch\n}\n");
    let target = json!({"program": program, "build": "never", "target": "other"});
    let refused = adapter.refused("launch", target);
    assert!(refused.contains("other"), "{refused}");
    adapter.launch(&project, json!({"build": "never", "noDebug": true}), &[2]);
    assert_eq!(adapter.event("exited")["exitCode"], 0);
    adapter.end();
}

#[test]
fn junk_is_told_and_a_client_that_goes_ends_the_process() {
    let project = Project::new(PROGRAM);
    let mut adapter = Adapter::start(&project);
    for junk in ["{a", "[]", "{\"seq\":\"x\"}"] {
        adapter.write(junk);
        let told = adapter.event("output");
        assert!(told["output"].as_str().unwrap().starts_with("hlbc dap: "), "{told}");
    }
    adapter.launch(&project, json!({"build": "never", "stopOnEntry": true}), &[]);
    assert_eq!(adapter.stopped(), "entry default:12");
    assert!(adapter.refused("setVariable", json!({})).contains("`setVariable` is not supported"));
    let Adapter { mut child, input, .. } = adapter;
    drop(input);
    assert!(child.wait().unwrap().success());
}

#[test]
fn requests_that_cannot_be_answered_are_refused_with_words() {
    let project = Project::new(PROGRAM);
    let mut adapter = Adapter::start(&project);
    let program = project.path("build.hlb");
    for (command, arguments, why) in [
        ("stackTrace", json!({"threadId": 1}), "send `launch` first"),
        ("configurationDone", json!({}), "send `launch` first"),
        ("setBreakpoints", json!({}), "send `launch` first"),
        ("attach", json!({}), "nothing to attach to"),
        ("initialize", json!({"linesStartAt1": "yes"}), "`linesStartAt1` is `true` or `false`, and not `\"yes\"`"),
        ("launch", json!([1, 2]), "`program` names the .hlb file"),
        ("launch", json!(null), "`program` names the .hlb file"),
        ("launch", json!({"program": 7}), "`program` is a text, and not `7`"),
        ("launch", json!({"program": "/"}), "there is no program `/`"),
        ("launch", json!({"program": program, "target": ["default"]}), "`target` is a text"),
        ("launch", json!({"program": program, "args": "--x"}), "`args` is a list, and not `\"--x\"`"),
        ("launch", json!({"program": program, "args": [1]}), "`args` is a list of texts"),
        ("launch", json!({"program": program, "stopOnEntry": 1}), "`stopOnEntry` is `true` or `false`"),
        ("launch", json!({"program": program, "build": true}), "`build` is a text"),
        ("launch", json!({"program": program, "build": "never", "target": "none"}), "no target `none` in `build.hlb`"),
    ] {
        let refused = adapter.refused(command, arguments.clone());
        assert!(refused.contains(why), "{command} {arguments}: {refused}");
    }
    adapter.launch(&project, json!({"build": "never", "stopOnEntry": true}), &[]);
    assert_eq!(adapter.stopped(), "entry default:12");
    for (command, arguments, why) in [
        ("launch", json!({"program": program}), "`launch` is not supported"),
        ("scopes", json!({"frameId": 0}), "no call with the number 0"),
        ("scopes", json!({"frameId": 2}), "no call with the number 2"),
        ("scopes", json!({"frameId": 18446744073709551615u64}), "no call with the number"),
        ("scopes", json!({"frameId": "1"}), "`frameId` is a number"),
        ("variables", json!({"variablesReference": 0}), "earlier stop, or never"),
        ("variables", json!({"variablesReference": 99}), "earlier stop, or never"),
        ("variables", json!({"variablesReference": -1}), "`variablesReference` is a number from 0 on"),
        ("variables", json!({}), "earlier stop, or never"),
        ("evaluate", json!({"expression": "1 + ", "frameId": 1}), "is no expression"),
        ("evaluate", json!({"expression": 1}), "`expression` is a text"),
        ("evaluate", json!({"expression": "files(\"x\")"}), "only names"),
        ("evaluate", json!({}), "is no expression"),
        ("evaluate", json!({"expression": "1", "frameId": 7}), "no call with the number 7"),
        ("evaluate", json!({"expression": "exec", "context": "repl"}), "no filesystem yet"),
        ("stackTrace", json!({"levels": "all"}), "`levels` is a number"),
        ("source", json!({"sourceReference": 4000}), "there is no such text"),
        ("source", json!({}), "there is no such text"),
        ("setBreakpoints", json!({}), "`source` is missing"),
        ("setBreakpoints", json!({"source": {"path": 1}}), "`path` is a text"),
        ("setBreakpoints", json!({"source": {"path": program}, "breakpoints": {}}), "`breakpoints` is a list"),
        ("setExceptionBreakpoints", json!({"filters": "failed"}), "`filters` is a list"),
        ("breakpointLocations", json!({"source": {"path": program}}), "`line` is missing"),
        ("gotoTargets", json!({}), "`gotoTargets` is not supported"),
        ("", json!({}), "`` is not supported"),
    ] {
        let refused = adapter.refused(command, arguments.clone());
        assert!(refused.contains(why), "{command} {arguments}: {refused}");
    }
    assert_eq!(adapter.ask("evaluate", json!({"expression": "1 + 2 * 3"}))["result"], "7");
    let reference = adapter.scope("Names");
    adapter.ask("variables", json!({"variablesReference": reference}));
    assert_eq!(adapter.go("next"), "step default:13");
    let again = adapter.refused("variables", json!({"variablesReference": reference}));
    assert!(again.contains("earlier stop"), "a number is given once: {again}");
    adapter.end();
}

#[test]
fn columns_are_those_of_editors() {
    let program = "fs default() {\n\tscratch; mkfile \"/ä𝄞\" 0o644 \"\"; mkdir \"/b\" 0o755\n}\n";
    let project = Project::new(program);
    for (starts, line, column) in
        [(json!({}), 2, 35), (json!({"linesStartAt1": false, "columnsStartAt1": false}), 1, 34)]
    {
        let mut adapter = Adapter::start(&project);
        adapter.ask("initialize", starts);
        let arguments = json!({"program": project.path("build.hlb"), "build": "never", "stopOnEntry": true});
        adapter.ask("launch", arguments);
        adapter.configured();
        for _ in 0..2 {
            adapter.event("stopped");
            adapter.ask("next", json!({}));
        }
        adapter.event("stopped");
        let stack = adapter.ask("stackTrace", json!({}));
        let frame = &stack["stackFrames"][0];
        assert_eq!((&frame["line"], &frame["column"]), (&json!(line), &json!(column)), "{frame}");
        adapter.end();
    }
}

#[test]
fn a_program_that_fails_before_its_first_statement_has_ended() {
    let project = Project::new(PROGRAM);
    let mut adapter = Adapter::start(&project);
    adapter.launch(&project, json!({"build": "never", "target": "files"}), &[]);
    let told = adapter.event("output");
    assert!(told["output"].as_str().unwrap().contains("text"), "{told}");
    assert_eq!(adapter.event("exited")["exitCode"], 3);
    adapter.event("terminated");
    for command in ["stackTrace", "continue", "evaluate"] {
        assert!(adapter.refused(command, json!({})).contains("has ended"), "{command}");
    }
    assert_eq!(adapter.ask("threads", json!({}))["threads"], json!([]));
    adapter.ask("restart", json!({}));
    assert_eq!(adapter.event("exited")["exitCode"], 3);
    adapter.event("terminated");
    // A restart may come with what is launched instead.
    let program = project.path("build.hlb");
    let wrong = adapter.refused("restart", json!({"arguments": {"program": program, "build": 1}}));
    assert!(wrong.contains("`build` is a text"), "{wrong}");
    let right = json!({"program": program, "build": "never", "target": "files", "args": ["--text=x"]});
    adapter.ask("restart", json!({"arguments": right}));
    assert_eq!(adapter.event("exited")["exitCode"], 0);
    let none = json!({"program": program, "build": "never", "target": "none"});
    adapter.ask("restart", json!({"arguments": none}));
    adapter.event("terminated");
    let is_told = |it: &Value| it["body"]["output"].as_str().is_some_and(|text| text.contains("no target `none`"));
    adapter.wait("words", is_told);
    adapter.end();
}

#[test]
fn more_moments_than_are_kept_are_told() {
    let text = "fs default() {\n\tscratch\n\tfor n in list.range(0, 150000) {\n\t\tlet m = n\n\t\tif m < 0 { mkdir \"/a\" 0o755; }\n\t}\n\tmkdir \"/end\" 0o755\n}\n";
    let project = Project::new(text);
    let mut adapter = Adapter::start(&project);
    adapter.begin(&project, json!({"build": "never"}));
    adapter.set(&project, json!([{"line": 5, "condition": "n == 99000"}, {"line": 7}]));
    adapter.configured();
    assert_eq!(adapter.stopped(), "breakpoint default:5");
    assert_eq!(adapter.console("m + n"), "198000");
    let told = adapter.event("output");
    assert_eq!(told["output"], "the program has more moments than can be kept: its first 200000 are shown\n");
    adapter.ask("continue", json!({}));
    assert_eq!(adapter.event("exited")["exitCode"], 0, "what is not shown is not stopped at");
    adapter.end();
}
