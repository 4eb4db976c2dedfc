//! Conditions, hit counts, log points, and breakpoints at functions.

use serde_json::{Value, json};

use super::{Adapter, PROGRAM};
use crate::project::Project;

const LOOP: &str = "\
fs default() {
	scratch
	for name in [\"a\", \"b\", \"ä𝄞\", \"d\"] {
		let path = \"/${name}\"
		mkdir path 0o755
	}
	let _numbers = list.range(0, 3000)
	mkdir \"/end\" 0o755
}
";

/// The names at the stops at some breakpoints, on the way forward; then the same on the way back.
fn names(points: Value) -> (Vec<String>, Vec<String>) {
    let project = Project::new(LOOP);
    let mut adapter = Adapter::start(&project);
    adapter.begin(&project, json!({"build": "never"}));
    let set = adapter.set(&project, json!([points, {"line": 8}]));
    assert_eq!(set[0]["verified"], true, "{set}");
    adapter.configured();
    let (mut there, mut back) = (Vec::new(), Vec::new());
    while adapter.stopped() != "breakpoint default:8" {
        there.push(adapter.console("name"));
        adapter.ask("continue", json!({}));
    }
    adapter.ask("reverseContinue", json!({}));
    while adapter.stopped() == "breakpoint default:5" {
        back.push(adapter.console("name"));
        adapter.ask("reverseContinue", json!({}));
    }
    adapter.end();
    (there, back)
}

#[test]
fn conditions_and_hit_counts_choose_among_the_times() {
    for (point, stops) in [
        (json!({"line": 5}), &["a", "b", "ä𝄞", "d"][..]),
        (json!({"line": 5, "condition": ""}), &["a", "b", "ä𝄞", "d"]),
        (json!({"line": 5, "condition": "name == \"b\" || path == \"/ä𝄞\""}), &["b", "ä𝄞"]),
        (json!({"line": 5, "hitCondition": "2"}), &["b"]),
        (json!({"line": 5, "hitCondition": "% 2"}), &["b", "d"]),
        (json!({"line": 5, "hitCondition": ">= 2", "condition": "name != \"b\""}), &["ä𝄞", "d"]),
        (json!({"line": 5, "condition": "name == \"x\""}), &[]),
    ] {
        let (there, mut back) = names(point.clone());
        let stops: Vec<String> = stops.iter().map(|name| format!("\"{name}\"")).collect();
        assert_eq!(there, stops, "{point}");
        back.reverse();
        assert_eq!(back, stops, "back by {point}");
    }
}

#[test]
fn what_cannot_be_a_breakpoint_is_told() {
    let project = Project::new(LOOP);
    let mut adapter = Adapter::start(&project);
    adapter.begin(&project, json!({"build": "never"}));
    for (point, why) in [
        (json!({"line": 5, "condition": "list.range(0, 1) == []"}), "only names"),
        (json!({"line": 5, "condition": "name =="}), "is no expression"),
        (json!({"line": 5, "hitCondition": "often"}), "a hit count is"),
        (json!({"line": 5, "logMessage": "{name"}), "without its `}`"),
        (json!({"line": 5, "logMessage": "{f()}"}), "only names"),
        (json!({"line": 99}), "no statement at this line"),
    ] {
        // What is right beside it is set.
        let set = adapter.set(&project, json!([point, {"line": 2}]));
        assert_eq!(set[0]["verified"], false, "{set}");
        assert!(set[0]["message"].as_str().unwrap().contains(why), "{set}");
        assert_eq!((&set[1]["verified"], &set[1]["line"]), (&json!(true), &json!(2)));
    }
    for (point, why) in [
        (json!({"line": "5"}), "`line` is a number from 0 on, and not `\"5\"`"),
        (json!({}), "a breakpoint has a `line`"),
        (json!({"line": 5, "condition": 7}), "`condition` is a text, and not `7`"),
    ] {
        let source = json!({"path": project.path("build.hlb")});
        assert_eq!(adapter.refused("setBreakpoints", json!({"source": source, "breakpoints": [point]})), why);
    }
    for path in ["/etc/hostname", "none.hlb", ""] {
        let asked = json!({"source": {"path": path}, "breakpoints": [{"line": 1}]});
        let set = adapter.ask("setBreakpoints", asked);
        assert_eq!(set["breakpoints"][0]["message"], "the program does not use this file", "{path}");
    }
    // One that has no answer where the program comes by is told once, and does not stop it.
    adapter.set(&project, json!([{"line": 5, "condition": "nothing == 1"}, {"line": 5, "condition": "name"}]));
    adapter.configured();
    assert_eq!(adapter.event("exited")["exitCode"], 0);
    let mut told = Vec::new();
    for _ in 0..2 {
        told.push(adapter.event("output")["output"].as_str().unwrap().to_owned());
    }
    assert_eq!(
        told.concat(),
        "the condition of the breakpoint at line 5 has no answer: `nothing` is no name that has a value here\n\
         the condition of the breakpoint at line 5 has no answer: a condition is `true` or `false`, and not a text\n"
    );
    assert!(!adapter.told.iter().any(|it| it["event"] == "output" || it["event"] == "stopped"));
    adapter.end();
}

#[test]
fn log_points_say_something_and_do_not_stop() {
    let project = Project::new(LOOP);
    let mut adapter = Adapter::start(&project);
    adapter.begin(&project, json!({"build": "never"}));
    let log = json!({"line": 5, "logMessage": "at {path}: {name + \"!\"} {nothing}", "hitCondition": "> 2"});
    adapter.set(&project, json!([log, {"line": 8}]));
    adapter.configured();
    assert_eq!(adapter.stopped(), "breakpoint default:8");
    for name in ["ä𝄞", "d"] {
        let said = adapter.event("output");
        let none = "(`nothing` is no name that has a value here)";
        assert_eq!(said["output"], format!("at /{name}: {name}! {none}\n"));
        assert_eq!((&said["category"], &said["line"]), (&json!("console"), &json!(5)));
    }
    adapter.ask("reverseContinue", json!({}));
    assert_eq!(adapter.stopped(), "entry default:2");
    assert!(!adapter.told.iter().any(|it| it["event"] == "output"), "going back says nothing again");
    adapter.ask("continue", json!({}));
    assert_eq!(adapter.stopped(), "breakpoint default:8");
    assert!(adapter.event("output")["output"].as_str().unwrap().starts_with("at /ä𝄞"));
    adapter.end();
}

#[test]
fn log_points_say_all_that_the_program_comes_by() {
    let project = Project::new(LOOP);
    let mut adapter = Adapter::start(&project);
    adapter.begin(&project, json!({"build": "never", "stopOnEntry": true}));
    adapter.set(&project, json!([{"line": 2, "logMessage": "first"}, {"line": 8, "logMessage": "last"}, {"line": 8}]));
    adapter.configured();
    assert_eq!(adapter.stopped(), "entry default:2");
    for _ in 0..2 {
        assert_eq!(adapter.go("continue"), "breakpoint default:8");
        for text in ["first\n", "last\n"] {
            assert_eq!(adapter.event("output")["output"], text);
        }
        assert_eq!(adapter.go("reverseContinue"), "entry default:2");
    }
    assert_eq!(adapter.go("stepIn"), "step default:3");
    assert_eq!(adapter.event("output")["output"], "first\n");
    assert_eq!(adapter.go("stepBack"), "step default:2");
    assert_eq!(adapter.go("continue"), "breakpoint default:8");
    assert_eq!(adapter.event("output")["output"], "first\n", "once each time");
    adapter.ask("continue", json!({}));
    adapter.event("exited");
    assert_eq!(adapter.event("output")["output"], "last\n");
    assert!(!adapter.told.iter().any(|it| it["event"] == "output"), "{:#?}", adapter.told);
    adapter.end();
}

#[test]
fn functions_are_stopped_at_where_they_begin() {
    let project = Project::new(PROGRAM);
    let mut adapter = Adapter::start(&project);
    adapter.begin(&project, json!({"build": "never"}));
    let points =
        json!([{"name": "name", "condition": "of == \"x\""}, {"name": "none"}, {"name": "files", "hitCondition": "x"}]);
    let set = adapter.ask("setFunctionBreakpoints", json!({"breakpoints": points}))["breakpoints"].clone();
    assert_eq!((&set[0]["verified"], &set[0]["line"]), (&json!(true), &json!(2)));
    assert!(set[0]["source"]["path"].as_str().unwrap().ends_with("build.hlb"));
    assert_eq!(set[1]["message"], "the program has no function `none` with statements");
    assert!(set[2]["message"].as_str().unwrap().contains("a hit count is"));
    assert_eq!(
        adapter.refused("setFunctionBreakpoints", json!({"breakpoints": [{}]})),
        "a breakpoint at a function has a `name`"
    );
    adapter.configured();
    assert_eq!(adapter.stopped(), "breakpoint name:2 < files:8 < default:12");
    adapter.ask("setFunctionBreakpoints", json!({"breakpoints": []}));
    adapter.ask("continue", json!({}));
    assert_eq!(adapter.event("exited")["exitCode"], 0);
    adapter.end();
}

#[test]
fn what_is_much_is_shown_in_parts() {
    let project = Project::new(LOOP);
    let mut adapter = Adapter::start(&project);
    adapter.launch(&project, json!({"build": "never"}), &[8]);
    assert_eq!(adapter.stopped(), "breakpoint default:8");
    let names = adapter.scope("Names");
    let found = adapter.ask("variables", json!({"variablesReference": names}));
    let numbers = found["variables"].as_array().unwrap().iter().find(|it| it["name"] == "_numbers").unwrap().clone();
    assert_eq!(numbers["indexedVariables"], 3000);
    assert!(numbers["value"].as_str().unwrap().ends_with('…'));
    let reference = &numbers["variablesReference"];
    let all = adapter.variables(reference);
    assert_eq!((all.len(), all[1000].as_str()), (1001, "… = 2000 more, which are not shown"));
    for (start, count, first, len) in [(2990, 100, "2990 = 2990", 10), (5, 1, "5 = 5", 1), (3000, 10, "", 0)] {
        let part = json!({"variablesReference": reference, "filter": "indexed", "start": start, "count": count});
        let part = adapter.ask("variables", part)["variables"].as_array().unwrap().clone();
        assert_eq!(part.len(), len, "from {start}");
        if let Some(one) = part.first() {
            assert_eq!(format!("{} = {}", one["name"].as_str().unwrap(), one["value"].as_str().unwrap()), first);
        }
    }
    let named = adapter.ask("variables", json!({"variablesReference": reference, "filter": "named"}));
    assert_eq!(named["variables"], json!([]));
    assert!(adapter.console("_numbers").len() > 10_000, "the console shows more");
    assert_eq!(adapter.console("_numbers[2999] + 1"), "3000");
    adapter.end();
}
