//! Where programs are: what paths of the client mean, and how files are called for it.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use serde_json::json;

use super::{Adapter, PROGRAM};
use crate::project::Project;

#[test]
fn files_are_called_as_the_client_calls_them() {
    let text = "import lib from \"../lib.hlb\"\nfs default() {\n\tscratch\n\tlib.more\n}\n";
    let project = Project::new(text);
    std::fs::write(project.beside("lib.hlb"), "export more\nfs more() {\n\tmkdir \"/a\" 0o755\n}\n").unwrap();
    std::fs::create_dir(project.beside("links")).unwrap();
    // From the second one, `..` leads elsewhere than its name says.
    for link in ["link", "links/deep"] {
        let link = project.beside(link);
        std::os::unix::fs::symlink(project.path(""), &link).unwrap();
        let program = link.join("build.hlb");
        let lib = std::fs::canonicalize(project.beside("lib.hlb")).unwrap();
        let mut adapter = Adapter::start(&project);
        adapter.ask("launch", json!({"program": program, "build": "never"}));
        for (path, line) in [(program.as_path(), 4), (lib.as_path(), 3)] {
            let asked = json!({"source": {"path": path}, "breakpoints": [{"line": line, "logMessage": "here"}, {"line": line}]});
            let set = adapter.ask("setBreakpoints", asked);
            assert_eq!(set["breakpoints"][0]["verified"], true, "{set}");
        }
        adapter.configured();
        assert_eq!(adapter.stopped(), "breakpoint default:4");
        assert_eq!(adapter.event("output")["source"]["path"], json!(program));
        assert_eq!(adapter.go("continue"), "breakpoint more:3 < default:4");
        let frames = adapter.ask("stackTrace", json!({}))["stackFrames"].clone();
        let paths = [0, 1].map(|number| frames[number]["source"]["path"].clone());
        assert_eq!(paths, [json!(lib), json!(program)]);
        let sources = adapter.ask("loadedSources", json!({}))["sources"].clone();
        assert!(sources.as_array().unwrap().iter().any(|source| source["path"] == json!(program)), "{sources}");
        adapter.end();
    }
}

#[test]
fn relative_paths_start_where_the_adapter_did() {
    let project = Project::new("").file("sub/build.hlb", PROGRAM);
    let arguments = json!({"program": "sub/build.hlb", "root": "kept", "build": "never", "stopOnEntry": true});
    let mut adapter = Adapter::start(&project);
    adapter.ask("launch", arguments.clone());
    adapter.configured();
    assert_eq!(adapter.stopped(), "entry default:12");
    adapter.ask("restart", json!({"arguments": arguments}));
    assert_eq!(adapter.stopped(), "entry default:12");
    adapter.ask("restart", json!({}));
    assert_eq!(adapter.stopped(), "entry default:12");
    adapter.end();
    assert!(!project.path("sub/kept").exists());
}

#[test]
fn a_directory_that_the_protocol_cannot_name_is_refused() {
    let project = Project::new(PROGRAM);
    let directory = project.beside("").join(OsStr::from_bytes(b"no-\xff"));
    std::fs::create_dir(&directory).unwrap();
    std::fs::write(directory.join("build.hlb"), PROGRAM).unwrap();
    let mut adapter = Adapter::started(project.command(&["dap"]).current_dir(&directory));
    let refused = adapter.refused("launch", json!({"program": "build.hlb", "build": "never"}));
    assert!(refused.contains("is no UTF-8"), "{refused}");
    let program = project.path("build.hlb");
    let refused = adapter.refused("launch", json!({"program": program, "build": "never", "root": "state"}));
    assert!(refused.contains("is no UTF-8"), "{refused}");
    // What is absolute has nothing to do with it.
    adapter.begin(&project, json!({"build": "never"}));
    adapter.configured();
    assert_eq!(adapter.event("exited")["exitCode"], 0);
    adapter.end();
}

#[test]
fn a_wrong_configuration_is_told_to_who_launches() {
    let project = Project::new(PROGRAM);
    let config = project.beside("hlbc.toml");
    std::fs::write(&config, "[broken").unwrap();
    let mut adapter = Adapter::start(&project);
    for build in ["never", "atStops"] {
        let refused = adapter.refused("launch", json!({"program": project.path("build.hlb"), "build": build}));
        assert!(refused.contains("hlbc.toml"), "{refused}");
        assert!(adapter.refused("restart", json!({})).contains("send `launch` first"));
    }
    std::fs::write(&config, "").unwrap();
    adapter.launch(&project, json!({"build": "never", "stopOnEntry": true}), &[]);
    assert_eq!(adapter.stopped(), "entry default:12");
    adapter.end();
}
