//! When diagnostics come, and for whom: pushed, asked for, with what the client can show; and what goes with them: settings,
//! folders, files that change on disk.

use serde_json::{Value, json};

use crate::client::{Client, everything};

const URI: &str = "file:///work/build.hlb";

/// What a client of today can do, and that it asks for diagnostics.
fn asking() -> Value {
    let mut can = everything();
    can["textDocument"]["diagnostic"] = json!({"relatedDocumentSupport": true});
    can
}

fn codes(diagnostics: &Value) -> Vec<&str> {
    diagnostics.as_array().unwrap().iter().map(|it| it["code"].as_str().unwrap()).collect()
}

/// A directory with two files of which one uses the other, and their addresses.
fn two_files(lib: &str) -> (tempfile::TempDir, String, String, String) {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("lib.hlb"), lib).unwrap();
    let folder = format!("file://{}", directory.path().display());
    let (build, lib) = (format!("{folder}/build.hlb"), format!("{folder}/lib.hlb"));
    (directory, folder, build, lib)
}

const LIB: &str = "export fs tool() {\n\tscratch\n}\n";
const USER: &str = "import lib from \"./lib.hlb\"\n\nfs default() {\n\tlib.tool\n}\n";

#[test]
fn diagnostics_carry_what_the_client_can_show() {
    let text = "import lib from \"./lib.hlb\"\n\nfs default() {\n\tscratch\n}\n";
    let (_directory, folder, build, _) = two_files(LIB);
    let (mut client, _) = Client::able(everything(), &[&folder], Value::Null);
    client.open(&build, text);
    let told = client.diagnostics(&build, Some(1));
    assert_eq!(codes(&told), ["E0122"], "{told}");
    assert_eq!(told[0]["tags"], json!([1]), "{told}");
    assert!(told[0].get("codeDescription").is_none());
    client.edit(&build, 2, [3, 1, 3, 8], "scratc");
    let told = client.diagnostics(&build, Some(2));
    assert!(told[0]["data"]["fixes"][0]["edits"][0]["newText"].as_str().unwrap().contains("scratch"), "{told}");
    // Without the abilities, the same things are said in the message or not at all.
    let (mut client, _) = Client::able(json!({}), &[&folder], Value::Null);
    client.open(&build, "fs a() {\n\tscratch\n}\n\nfs a() {\n\tscratch\n}\n");
    let told = client.diagnostics(&build, Some(1));
    let message = told[0]["message"].as_str().unwrap();
    assert!(message.contains("\nnote: ") && message.contains("build.hlb:1:4)"), "{told}");
    assert!(told[0].get("relatedInformation").is_none() && told[0].get("data").is_none(), "{told}");
}

#[test]
fn mistakes_that_others_make_come_when_nobody_types() {
    let (_directory, folder, build, lib) = two_files(LIB);
    let (mut client, _) = Client::able(everything(), &[&folder], Value::Null);
    client.open(&build, USER);
    assert_eq!(client.settled(&build), json!([]));
    client.open(&lib, &LIB.replace("tool", "other"));
    assert_eq!(codes(&client.settled(&build)), ["E0101"]);
    client.tell("textDocument/didClose", json!({"textDocument": {"uri": lib}}));
    assert_eq!(client.settled(&build), json!([]));
}

#[test]
fn files_that_change_on_disk_are_read_again() {
    let (directory, folder, build, lib) = two_files(LIB);
    let (mut client, _) = Client::able(everything(), &[&folder], Value::Null);
    let watched = client.note("client/registerCapability");
    let globs = watched["params"]["registrations"][0]["registerOptions"]["watchers"].to_string();
    assert_eq!(globs, r#"[{"globPattern":"**/*.hlb"},{"globPattern":"**/hlb.lock"}]"#);
    client.open(&build, USER);
    assert_eq!(client.settled(&build), json!([]));
    std::fs::write(directory.path().join("lib.hlb"), LIB.replace("tool", "another")).unwrap();
    client.tell("workspace/didChangeWatchedFiles", json!({"changes": [{"uri": lib, "type": 2}]}));
    assert_eq!(codes(&client.settled(&build)), ["E0101"]);
    std::fs::write(directory.path().join("lib.hlb"), LIB).unwrap();
    client.tell("textDocument/didSave", json!({"textDocument": {"uri": lib}}));
    assert_eq!(client.settled(&build), json!([]));
}

#[test]
fn a_client_that_asks_for_diagnostics_is_told_when_to_ask_again() {
    let (_directory, folder, build, lib) = two_files(LIB);
    let (mut client, capabilities) = Client::able(asking(), &[&folder], Value::Null);
    assert_eq!(capabilities["diagnosticProvider"]["workspaceDiagnostics"], true);
    client.open(&build, USER);
    let document = json!({"uri": build});
    let first = client.ask("textDocument/diagnostic", json!({"textDocument": document}));
    assert_eq!(first["result"]["kind"], "full", "{first}");
    assert_eq!(first["result"]["items"], json!([]));
    let name = first["result"]["resultId"].clone();
    let again = json!({"textDocument": document, "previousResultId": name});
    assert_eq!(client.ask("textDocument/diagnostic", again.clone())["result"]["kind"], "unchanged");
    client.settled(&build);
    client.open(&lib, &LIB.replace("tool", "other"));
    client.note("workspace/diagnostic/refresh");
    let now = client.ask("textDocument/diagnostic", again);
    assert_eq!(codes(&now["result"]["items"]), ["E0101"]);
    assert_eq!(now["result"]["relatedDocuments"][&lib]["kind"], "full", "{now}");
    let all = client.ask("workspace/diagnostic", json!({"previousResultIds": []}));
    let items = all["result"]["items"].as_array().unwrap();
    let shown: Vec<_> =
        items.iter().map(|it| (it["uri"].as_str().unwrap(), it["items"].as_array().unwrap().len())).collect();
    assert_eq!(shown, [(build.as_str(), 1), (lib.as_str(), 0)]);
    let before: Vec<_> = items.iter().map(|it| json!({"uri": it["uri"], "value": it["resultId"]})).collect();
    let again = client.ask("workspace/diagnostic", json!({"previousResultIds": before}));
    assert!(again["result"]["items"].as_array().unwrap().iter().all(|it| it["kind"] == "unchanged"), "{again}");
    let pushed: Vec<_> =
        client.rest().into_iter().filter(|it| it["method"] == "textDocument/publishDiagnostics").collect();
    assert!(pushed.is_empty(), "{pushed:?}");
}

#[test]
fn the_mistakes_of_files_that_are_gone_go_too() {
    let directory = tempfile::tempdir().unwrap();
    let folder = format!("file://{}", directory.path().display());
    // Deeper than what is open, beside which all files are looked at.
    let (build, lib) = (format!("{folder}/build.hlb"), format!("{folder}/deep/lib.hlb"));
    let (file, wrong) = (directory.path().join("deep/lib.hlb"), "fs tool() {\n\tscratc\n}\n");
    std::fs::create_dir(directory.path().join("deep")).unwrap();
    std::fs::write(&file, wrong).unwrap();
    let (mut client, _) = Client::able(asking(), &[&folder], Value::Null);
    client.open(&build, "fs default() {\n\tscratch\n}\n");
    let all = |client: &mut Client, before: &Value| {
        let ids = before.as_array().unwrap().iter().filter(|it| !it["resultId"].is_null());
        let ids: Vec<_> = ids.map(|it| json!({"uri": it["uri"], "value": it["resultId"]})).collect();
        client.ask("workspace/diagnostic", json!({"previousResultIds": ids}))["result"]["items"].clone()
    };
    let first = all(&mut client, &json!([]));
    assert_eq!(codes(&first[1]["items"]), ["E0101"], "{first}");
    std::fs::remove_file(&file).unwrap();
    client.tell("workspace/didChangeWatchedFiles", json!({"changes": [{"uri": lib, "type": 3}]}));
    let second = all(&mut client, &first);
    assert_eq!(second[0]["kind"], "unchanged", "{second}");
    assert_eq!(second[1], json!({"kind": "full", "uri": lib, "version": null, "items": []}));
    assert_eq!(all(&mut client, &second).as_array().unwrap().len(), 1);
    // So do those of a folder.
    std::fs::write(&file, wrong).unwrap();
    client.tell("workspace/didChangeWatchedFiles", json!({"changes": [{"uri": lib, "type": 1}]}));
    let third = all(&mut client, &second);
    assert_eq!(codes(&third[1]["items"]), ["E0101"], "{third}");
    let gone = json!([{"uri": folder, "name": "work"}]);
    client.tell("workspace/didChangeWorkspaceFolders", json!({"event": {"added": [], "removed": gone}}));
    let last = all(&mut client, &third);
    assert_eq!(last[1], json!({"kind": "full", "uri": lib, "version": null, "items": []}), "{last}");
}

#[test]
fn settings_are_asked_for_and_followed() {
    let text = "fs default() {\n\tscratch\n}\n";
    let lenses = |client: &mut Client| {
        let answer = client.ask("textDocument/codeLens", json!({"textDocument": {"uri": URI}}));
        answer["result"].as_array().unwrap().len()
    };
    let off = json!({"codeLens": {"enabled": false}});
    let (mut client, _) = Client::able(everything(), &[], off.clone());
    let asked = client.note("workspace/configuration");
    assert_eq!(asked["params"]["items"], json!([{"section": "hlb"}]));
    client.open(URI, text);
    client.note("workspace/codeLens/refresh");
    assert_eq!(lenses(&mut client), 0);
    client.wanted = json!([{"codeLens": {"enabled": true}}]);
    client.tell("workspace/didChangeConfiguration", json!({"settings": null}));
    client.note("workspace/codeLens/refresh");
    assert!(lenses(&mut client) > 0);
    // One that has nothing to say is asked once.
    let (mut client, _) = Client::able(everything(), &[], Value::Null);
    client.note("workspace/configuration");
    client.open(URI, text);
    client.settled(URI);
    assert!(client.rest().iter().all(|it| it["method"] != "workspace/configuration"));
    // A client that is not asked says it by itself.
    let (mut client, _) = Client::able(json!({}), &[], Value::Null);
    client.open(URI, text);
    assert!(lenses(&mut client) > 0);
    client.tell("workspace/didChangeConfiguration", json!({"settings": {"hlb": off}}));
    assert_eq!(lenses(&mut client), 0);
}

#[test]
fn folders_come_and_go() {
    let (_directory, folder, build, _) = two_files(LIB);
    let (mut client, _) = Client::able(everything(), &[], Value::Null);
    let folders = |client: &mut Client| client.ask("hlb/status", json!({}))["result"]["folders"].clone();
    assert_eq!(folders(&mut client), json!([]));
    let one = json!([{"uri": folder, "name": "work"}]);
    client.tell("workspace/didChangeWorkspaceFolders", json!({"event": {"added": one, "removed": []}}));
    assert_eq!(folders(&mut client), json!([folder.trim_start_matches("file://")]));
    client.open(&build, USER);
    client.settled(&build);
    client.tell("workspace/didChangeWorkspaceFolders", json!({"event": {"added": [], "removed": one}}));
    assert_eq!(folders(&mut client), json!([]));
    // Older clients have one root, as an address or as a path.
    for root in [json!({"rootUri": "file:///a%20b"}), json!({"rootUri": null, "rootPath": "/a b"})] {
        let mut client = Client::start();
        let mut params = json!({"processId": null, "capabilities": {}});
        params.as_object_mut().unwrap().extend(root.as_object().unwrap().clone());
        client.ask("initialize", params);
        assert_eq!(folders(&mut client), json!(["/a b"]));
    }
}
