//! A session for each feature: two files, of which one uses the other, and every request of it. What is answered is shown short;
//! what is right in it is the matter of the tests of `hlb-ide`.

use serde_json::{Value, json};

use crate::client::{Client, everything};

const LIB: &str = "\
# Makes a tool.
#
# @param name what it is called.
export fs tool(string name) {
	scratch
	mkfile \"/${name}\" 0o644 \"x\"
}
";

const BUILD: &str = "\
import lib from \"./lib.hlb\"

enum Mode { fast slow }

# Where all begin.
fs base(Mode mode = fast) { image \"alpine:3.20\"; }

fs default() {
	base
	lib.tool \"one\"
	run \"true\" with option {
		dir \"/\"
	}
}
";

struct Session {
    client: Client,
    directory: tempfile::TempDir,
}

impl Session {
    fn new() -> Self {
        Self::able(everything())
    }

    /// Both files are on disk; the one that uses the other is open.
    fn able(capabilities: Value) -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("lib.hlb"), LIB).unwrap();
        std::fs::write(directory.path().join("build.hlb"), BUILD).unwrap();
        let folder = format!("file://{}", directory.path().display());
        let (client, _) = Client::able(capabilities, &[&folder], Value::Null);
        let mut session = Self { client, directory };
        let uri = session.uri("build.hlb");
        session.client.open(&uri, BUILD);
        session
    }

    fn uri(&self, name: &str) -> String {
        format!("file://{}/{name}", self.directory.path().display())
    }

    /// Asks about a place behind the start of some words of the open file.
    fn at(&mut self, method: &str, words: &str, behind: usize) -> String {
        self.with(method, words, behind, json!({}))
    }

    /// The same with more parameters.
    fn with(&mut self, method: &str, words: &str, behind: usize, more: Value) -> String {
        let before = &BUILD[..BUILD.find(words).unwrap() + behind];
        let (line, column) = (before.matches('\n').count(), before.rsplit('\n').next().unwrap().len());
        let position = json!({"line": line, "character": column});
        let mut params = json!({"textDocument": {"uri": self.uri("build.hlb")}, "position": position});
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.ask(method, params)
    }

    fn ask(&mut self, method: &str, params: Value) -> String {
        let answer = self.client.ask(method, params);
        let answer = answer.get("result").unwrap_or(&answer["error"]);
        self.shown(answer)
    }

    /// An answer with ranges as `line:column-line:column`, without the directory; a list as lines.
    fn shown(&self, answer: &Value) -> String {
        match short(answer) {
            Value::Array(items) => items.iter().map(Value::to_string).collect::<Vec<_>>().join("\n"),
            other => other.to_string(),
        }
        .replace(&self.uri(""), "")
        .replace(&format!("{}/", self.directory.path().display()), "")
        .replace(&format!("file://{}", self.client.home.path().display()), "")
    }
}

fn short(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let part =
                |name: &str| map.get(name).map(|it| it.as_u64().map_or_else(|| text(&short(it)), |it| it.to_string()));
            match (map.len(), part("line"), part("character"), part("start"), part("end")) {
                (2, Some(line), Some(character), _, _) => json!(format!("{line}:{character}")),
                (2, _, _, Some(start), Some(end)) => json!(format!("{start}-{end}")),
                _ => map.iter().map(|(name, value)| (name.clone(), short(value))).collect(),
            }
        }
        Value::Array(items) => items.iter().map(short).collect(),
        other => other.clone(),
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn range(start: (u32, u32), end: (u32, u32)) -> Value {
    let position = |(line, character): (u32, u32)| json!({"line": line, "character": character});
    json!({"start": position(start), "end": position(end)})
}

#[test]
fn completion() {
    let mut session = Session::new();
    let context = json!({"context": {"triggerKind": 1}});
    let list = session.with("textDocument/completion", "dir \"/\"", 2, context.clone());
    let list: Value = serde_json::from_str(&list).unwrap();
    let item = list["items"].as_array().unwrap().iter().find(|it| it["label"] == "dir").unwrap().clone();
    insta::assert_snapshot!(item, @r#"
    {"data":{"doc":"builtin 41","path":"build.hlb"},"detail":"option::run dir(string path)","kind":10,"label":"dir","sortText":"0dir","textEdit":{"insert":"11:2-11:4","newText":"dir","replace":"11:2-11:5"}}
    "#);
    let item = raw_item(&mut session, "dir \"/\"", "dir");
    let item = session.client.ask("completionItem/resolve", item);
    let doc = item["result"]["documentation"]["value"].as_str().unwrap();
    insta::assert_snapshot!(doc.lines().next().unwrap(), @"Sets the working directory of this command.");
    // A member of a module, as a snippet and without.
    let item = raw_item(&mut session, "tool \"one\"", "tool");
    insta::assert_snapshot!(session.shown(&item), @r#"
    {"data":{"doc":"func .tool lib.hlb","path":"build.hlb"},"detail":"fs tool(string name)","kind":3,"label":"tool","sortText":"0tool","textEdit":{"insert":"9:5-9:6","newText":"tool","replace":"9:5-9:9"}}
    "#);
    let mut plain = Session::able(json!({}));
    let item = raw_item(&mut plain, "tool \"one\"", "tool");
    insta::assert_snapshot!(plain.shown(&item), @r#"
    {"data":{"doc":"func .tool lib.hlb","path":"build.hlb"},"detail":"fs tool(string name)","kind":3,"label":"tool","sortText":"0tool","textEdit":{"newText":"tool","range":"9:5-9:9"}}
    "#);
}

/// An item as the server sent it.
fn raw_item(session: &mut Session, words: &str, label: &str) -> Value {
    let before = &BUILD[..BUILD.find(words).unwrap() + 1];
    let (line, column) = (before.matches('\n').count(), before.rsplit('\n').next().unwrap().len());
    let params = Client::at(&session.uri("build.hlb"), line as u32, column as u32);
    let list = session.client.ask("textDocument/completion", params);
    let items = list["result"]["items"].as_array().unwrap().iter();
    let found: Vec<&Value> = items.filter(|it| it["label"] == label).collect();
    assert_eq!(found.len(), 1, "{label}: {list}");
    found[0].clone()
}

#[test]
fn signature_help() {
    let mut session = Session::new();
    insta::assert_snapshot!(session.at("textDocument/signatureHelp", "\"one\"", 0), @r#"
    {"activeParameter":0,"activeSignature":0,"signatures":[{"documentation":{"kind":"markdown","value":"Makes a tool.\n\n- `name`: what it is called."},"label":"fs tool(string name)","parameters":[{"documentation":{"kind":"markdown","value":"what it is called."},"label":[8,19]}]}]}
    "#);
    let mut plain = Session::able(json!({}));
    insta::assert_snapshot!(plain.at("textDocument/signatureHelp", "\"one\"", 0), @r#"
    {"activeParameter":0,"activeSignature":0,"signatures":[{"documentation":{"kind":"plaintext","value":"Makes a tool.\n\n- `name`: what it is called."},"label":"fs tool(string name)","parameters":[{"documentation":{"kind":"plaintext","value":"what it is called."},"label":"string name"}]}]}
    "#);
}

#[test]
fn hover() {
    let mut session = Session::new();
    insta::assert_snapshot!(session.at("textDocument/hover", "tool \"one\"", 1), @r#"
    {"contents":{"kind":"markdown","value":"```hlb\nfs tool(string name)\n```\n\nMakes a tool.\n\n- `name`: what it is called."},"range":"9:5-9:9"}
    "#);
    let mut plain = Session::able(json!({}));
    insta::assert_snapshot!(plain.at("textDocument/hover", "tool \"one\"", 1), @r#"
    {"contents":{"kind":"plaintext","value":"fs tool(string name)\n\nMakes a tool.\n\n- `name`: what it is called."},"range":"9:5-9:9"}
    "#);
}

#[test]
fn definition_declaration_type_definition_and_implementation() {
    let mut session = Session::new();
    insta::assert_snapshot!(session.at("textDocument/definition", "tool \"one\"", 1), @r#"
    {"originSelectionRange":"9:5-9:9","targetRange":"3:0-6:1","targetSelectionRange":"3:10-3:14","targetUri":"lib.hlb"}
    "#);
    insta::assert_snapshot!(session.at("textDocument/declaration", "lib.tool", 1), @r#"
    {"originSelectionRange":"9:1-9:4","targetRange":"0:0-0:27","targetSelectionRange":"0:7-0:10","targetUri":"build.hlb"}
    "#);
    insta::assert_snapshot!(session.at("textDocument/typeDefinition", "mode = ", 1), @r#"
    {"originSelectionRange":"5:13-5:17","targetRange":"2:0-2:23","targetSelectionRange":"2:5-2:9","targetUri":"build.hlb"}
    "#);
    insta::assert_snapshot!(session.at("textDocument/implementation", "base\n", 1), @r#"
    {"originSelectionRange":"8:1-8:5","targetRange":"5:0-5:50","targetSelectionRange":"5:3-5:7","targetUri":"build.hlb"}
    "#);
    insta::assert_snapshot!(session.at("textDocument/definition", "image", 1), @r#"
    {"originSelectionRange":"5:28-5:33","targetRange":"9:0-9:20","targetSelectionRange":"9:3-9:8","targetUri":"/cache/hlb/stdlib-0.1.0/builtin.hlb"}
    "#);
    let stdlib = session.client.home.path().join(concat!("cache/hlb/stdlib-", env!("CARGO_PKG_VERSION")));
    let text = std::fs::read_to_string(stdlib.join("builtin.hlb")).unwrap();
    let uri = format!("file://{}", stdlib.join("builtin.hlb").display());
    session.client.open(&uri, &text);
    assert_eq!(session.client.settled(&uri), json!([]), "declarations without bodies are no mistake there");
    let mut plain = Session::able(json!({}));
    insta::assert_snapshot!(plain.at("textDocument/definition", "tool \"one\"", 1), @r#"{"range":"3:10-3:14","uri":"lib.hlb"}"#);
}

#[test]
fn references_and_highlights() {
    let mut session = Session::new();
    let context = json!({"context": {"includeDeclaration": true}});
    insta::assert_snapshot!(session.with("textDocument/references", "tool \"one\"", 1, context), @r#"
    {"range":"9:5-9:9","uri":"build.hlb"}
    {"range":"3:10-3:14","uri":"lib.hlb"}
    "#);
    insta::assert_snapshot!(session.at("textDocument/documentHighlight", "base\n", 1), @r#"
    {"kind":3,"range":"5:3-5:7"}
    {"kind":2,"range":"8:1-8:5"}
    "#);
}

#[test]
fn symbols_of_a_document_and_of_all_files() {
    let mut session = Session::new();
    insta::assert_snapshot!(session.at("textDocument/documentSymbol", "enum", 0), @r#"
    {"detail":"import","kind":2,"name":"lib","range":"0:0-0:27","selectionRange":"0:7-0:10"}
    {"children":[{"detail":"Mode","kind":22,"name":"fast","range":"2:12-2:16","selectionRange":"2:12-2:16"},{"detail":"Mode","kind":22,"name":"slow","range":"2:17-2:21","selectionRange":"2:17-2:21"}],"detail":"enum","kind":10,"name":"Mode","range":"2:0-2:23","selectionRange":"2:5-2:9"}
    {"detail":"fs (Mode mode)","kind":12,"name":"base","range":"5:0-5:50","selectionRange":"5:3-5:7"}
    {"detail":"fs ()","kind":12,"name":"default","range":"7:0-13:1","selectionRange":"7:3-7:10"}
    "#);
    insta::assert_snapshot!(session.ask("workspace/symbol", json!({"query": "too"})), @r#"{"kind":12,"location":{"range":"3:10-3:14","uri":"lib.hlb"},"name":"tool"}"#);
    let mut plain = Session::able(json!({}));
    insta::assert_snapshot!(plain.at("textDocument/documentSymbol", "enum", 0), @r#"
    {"kind":2,"location":{"range":"0:7-0:10","uri":"build.hlb"},"name":"lib"}
    {"kind":10,"location":{"range":"2:5-2:9","uri":"build.hlb"},"name":"Mode"}
    {"containerName":"Mode","kind":22,"location":{"range":"2:12-2:16","uri":"build.hlb"},"name":"fast"}
    {"containerName":"Mode","kind":22,"location":{"range":"2:17-2:21","uri":"build.hlb"},"name":"slow"}
    {"kind":12,"location":{"range":"5:3-5:7","uri":"build.hlb"},"name":"base"}
    {"kind":12,"location":{"range":"7:3-7:10","uri":"build.hlb"},"name":"default"}
    "#);
}

#[test]
fn rename_with_its_preparation() {
    let mut session = Session::new();
    insta::assert_snapshot!(session.at("textDocument/prepareRename", "tool \"one\"", 1), @r#"{"placeholder":"tool","range":"9:5-9:9"}"#);
    let name = json!({"newName": "gadget"});
    insta::assert_snapshot!(session.with("textDocument/rename", "tool \"one\"", 1, name.clone()), @r#"
    {"documentChanges":[{"edits":[{"newText":"gadget","range":"9:5-9:9"}],"textDocument":{"uri":"build.hlb","version":1}},{"edits":[{"newText":"gadget","range":"3:10-3:14"}],"textDocument":{"uri":"lib.hlb","version":null}}]}
    "#);
    insta::assert_snapshot!(session.at("textDocument/prepareRename", "image", 1), @r#"
    {"code":-32803,"message":"`image` is not declared in your files, so its name is not yours to change"}
    "#);
    let mut plain = Session::able(json!({}));
    insta::assert_snapshot!(plain.with("textDocument/rename", "base(", 1, name), @r#"
    {"changes":{"build.hlb":[{"newText":"gadget","range":"5:3-5:7"},{"newText":"gadget","range":"8:1-8:5"}]}}
    "#);
}

#[test]
fn code_actions() {
    let mut session = Session::new();
    let uri = session.uri("build.hlb");
    // A mistake to mend: `base` becomes `bas` where it is used.
    session.client.edit(&uri, 2, [8, 4, 8, 5], "");
    let told = session.client.diagnostics(&uri, Some(2));
    let mut params = json!({
        "textDocument": {"uri": uri}, "range": range((8, 1), (8, 4)),
        "context": {"diagnostics": told, "only": ["quickfix"]},
    });
    insta::assert_snapshot!(session.ask("textDocument/codeAction", params.clone()), @r#"
    {"diagnostics":[{"code":"E0101","data":{"fixes":[{"edits":[{"newText":"base","range":"8:1-8:4"}],"safe":false,"title":"replace `bas` by `base`"}]},"message":"`bas` is not defined\nhelp: did you mean `base`?","range":"8:1-8:4","severity":1,"source":"hlb"}],"edit":{"documentChanges":[{"edits":[{"newText":"base","range":"8:1-8:4"}],"textDocument":{"uri":"build.hlb","version":2}}]},"isPreferred":true,"kind":"quickfix","title":"replace `bas` by `base`"}
    "#);
    params["context"]["only"] = json!(["source.unknown"]);
    assert_eq!(session.ask("textDocument/codeAction", params.clone()), "");
    session.client.edit(&uri, 3, [8, 1, 8, 4], "base");
    session.client.edit(&uri, 4, [9, 0, 10, 0], "");
    params["context"] = json!({"diagnostics": [], "only": ["source"]});
    insta::assert_snapshot!(session.ask("textDocument/codeAction", params), @r#"
    {"edit":{"documentChanges":[{"edits":[{"newText":"","range":"0:0-1:0"}],"textDocument":{"uri":"build.hlb","version":4}}]},"kind":"source.organizeImports","title":"put the imports in order"}
    "#);
}

#[test]
fn refactorings() {
    let mut session = Session::new();
    let uri = session.uri("build.hlb");
    let params = |uri: &str, range: Value, only: &str| {
        let context = json!({"diagnostics": [], "only": [only]});
        json!({"textDocument": {"uri": uri}, "range": range, "context": context})
    };
    let extracted = params(&uri, range((9, 10), (9, 15)), "refactor.extract");
    insta::assert_snapshot!(session.ask("textDocument/codeAction", extracted.clone()), @r#"
    {"command":{"arguments":["build.hlb","9:5"],"command":"hlb.rename","title":"Rename"},"edit":{"documentChanges":[{"edits":[{"newText":"\tlet value = \"one\"\n\tlib.tool value\n","range":"9:0-10:0"}],"textDocument":{"uri":"build.hlb","version":1}}]},"kind":"refactor.extract","title":"extract into a `let`"}
    "#);
    let refactored = params(&uri, range((8, 1), (8, 1)), "refactor");
    insta::assert_snapshot!(session.ask("textDocument/codeAction", refactored), @r#"
    {"edit":{"documentChanges":[{"edits":[{"newText":"\timage \"alpine:3.20\"\n","range":"8:0-9:0"}],"textDocument":{"uri":"build.hlb","version":1}}]},"kind":"refactor.inline","title":"inline this call of `base`"}
    "#);
    let rewritten = params(&uri, range((9, 3), (9, 3)), "refactor.rewrite");
    insta::assert_snapshot!(session.ask("textDocument/codeAction", rewritten), @r#"
    {"edit":{"documentChanges":[{"edits":[{"newText":"\tlib.tool(\"one\")\n","range":"9:0-10:0"}],"textDocument":{"uri":"build.hlb","version":1}}]},"kind":"refactor.rewrite","title":"write the arguments in parentheses"}
    "#);
    // The new name stands behind a character that is one, two or four units long.
    let wide = session.uri("wide.hlb");
    session.client.open(&wide, "fs f() { image \"𝄞\"; run \"x\"; }\n");
    let found =
        session.client.ask("textDocument/codeAction", params(&wide, range((0, 25), (0, 28)), "refactor.extract"));
    assert_eq!(found["result"][0]["command"]["arguments"], json!([wide, {"line": 0, "character": 25}]), "{found}");

    // What cannot be done says why.
    session.client.edit(&wide, 2, [0, 0, 0, 0], "export let a = \"𝄞\"\n\n");
    let inlined = params(&wide, range((0, 11), (0, 11)), "refactor.inline");
    insta::assert_snapshot!(session.ask("textDocument/codeAction", inlined.clone()), @r#"{"disabled":{"reason":"`a` is exported, so other files may use it"},"kind":"refactor.inline","title":"inline `a`"}"#);

    // A client that has no such command, and cannot show what cannot be done, says so by saying nothing.
    let mut client = Client::start();
    let mut can = everything();
    can["textDocument"]["codeAction"].as_object_mut().unwrap().remove("disabledSupport");
    let offered = client.ask("initialize", json!({"processId": null, "rootUri": null, "capabilities": can}));
    insta::assert_snapshot!(offered["result"]["capabilities"]["codeActionProvider"], @r#"{"codeActionKinds":["quickfix","refactor.extract","refactor.inline","refactor.rewrite","source.fixAll.hlb","source.organizeImports"]}"#);
    client.tell("initialized", json!({}));
    client.open(&uri, BUILD);
    let found = client.ask("textDocument/codeAction", extracted);
    assert_eq!(found["result"][0]["kind"], "refactor.extract", "{found}");
    assert_eq!(found["result"][0].get("command"), None, "{found}");
    client.open(&wide, "export let a = \"𝄞\"\n");
    assert_eq!(client.ask("textDocument/codeAction", inlined)["result"], json!([]));
}

#[test]
fn lenses() {
    let mut session = Session::new();
    insta::assert_snapshot!(session.at("textDocument/codeLens", "enum", 0), @r#"
    {"command":{"arguments":["build.hlb","base"],"command":"hlb.run","title":"Run"},"range":"5:3-5:7"}
    {"command":{"arguments":["build.hlb","base"],"command":"hlb.graph","title":"Graph"},"range":"5:3-5:7"}
    {"command":{"arguments":["build.hlb","base"],"command":"hlb.why","title":"Why"},"range":"5:3-5:7"}
    {"command":{"arguments":["build.hlb","base"],"command":"hlb.debug","title":"Debug"},"range":"5:3-5:7"}
    {"command":{"arguments":["build.hlb","default"],"command":"hlb.run","title":"Run"},"range":"7:3-7:10"}
    {"command":{"arguments":["build.hlb","default"],"command":"hlb.graph","title":"Graph"},"range":"7:3-7:10"}
    {"command":{"arguments":["build.hlb","default"],"command":"hlb.why","title":"Why"},"range":"7:3-7:10"}
    {"command":{"arguments":["build.hlb","default"],"command":"hlb.debug","title":"Debug"},"range":"7:3-7:10"}
    "#);
}

#[test]
fn a_lens_that_the_client_cannot_follow_is_not_there() {
    let (mut client, _) = Client::greeted(&["utf-8"]);
    client.open("file:///work/a.hlb", "fs default() { scratch; }\n");
    let answer = client.ask("textDocument/codeLens", json!({"textDocument": {"uri": "file:///work/a.hlb"}}));
    let titles: Vec<_> = answer["result"].as_array().unwrap().iter().map(|lens| &lens["command"]["title"]).collect();
    assert_eq!(titles, ["Run", "Graph", "Why"]);
}

#[test]
fn folds_and_selections() {
    let mut session = Session::new();
    insta::assert_snapshot!(session.at("textDocument/foldingRange", "enum", 0), @r#"
    {"endLine":12,"kind":"region","startLine":7}
    {"endLine":11,"kind":"region","startLine":10}
    "#);
    let positions = json!({"positions": [{"line": 9, "character": 3}, {"line": 99, "character": 0}]});
    insta::assert_snapshot!(session.with("textDocument/selectionRange", "enum", 0, positions), @r#"
    {"parent":{"parent":{"parent":{"parent":{"parent":{"range":"0:0-14:0"},"range":"7:0-13:1"},"range":"7:13-13:1"},"range":"8:1-12:2"},"range":"9:1-9:15"},"range":"9:1-9:4"}
    {"range":"0:0-14:0"}
    "#);
}

#[test]
fn links() {
    let mut session = Session::new();
    insta::assert_snapshot!(session.at("textDocument/documentLink", "enum", 0), @r#"{"range":"0:17-0:26","target":"lib.hlb","tooltip":"lib.hlb"}"#);
}

#[test]
fn semantic_tokens_whole_in_part_and_as_a_difference() {
    let mut session = Session::new();
    let uri = session.uri("build.hlb");
    let document = json!({"textDocument": {"uri": uri}});
    let all = session.client.ask("textDocument/semanticTokens/full", document.clone());
    let numbers = all["result"]["data"].as_array().unwrap().clone();
    assert_eq!(numbers.len() % 5, 0);
    insta::assert_snapshot!(json!(numbers[..15]), @"[0,0,6,0,0,0,7,3,10,1,0,4,4,0,0]");
    let part = session.with("textDocument/semanticTokens/range", "enum", 0, json!({"range": range((8, 0), (8, 9))}));
    insta::assert_snapshot!(part, @r#"{"data":[8,1,4,6,0]}"#);
    session.client.edit(&uri, 2, [2, 0, 2, 0], "# x\n");
    let before = json!({"textDocument": {"uri": uri}, "previousResultId": all["result"]["resultId"]});
    let delta = session.client.ask("textDocument/semanticTokens/full/delta", before.clone());
    insta::assert_snapshot!(delta["result"]["edits"], @r#"[{"data":[2,0,3,13,0,1,0,4,0,0],"deleteCount":5,"start":20}]"#);
    // The same numbers come of the difference and of a new question.
    let mut edited = numbers;
    for edit in delta["result"]["edits"].as_array().unwrap() {
        let start = edit["start"].as_u64().unwrap() as usize;
        let end = start + edit["deleteCount"].as_u64().unwrap() as usize;
        edited.splice(start..end, edit["data"].as_array().unwrap().iter().cloned());
    }
    assert_eq!(session.client.ask("textDocument/semanticTokens/full", document)["result"]["data"], json!(edited));
    let stale = session.client.ask("textDocument/semanticTokens/full/delta", before);
    assert_eq!(stale["result"]["data"], json!(edited), "what is not known any more is answered as a whole");
}

#[test]
fn hints() {
    let mut session = Session::new();
    let params = json!({"textDocument": {"uri": session.uri("lib.hlb")}, "range": range((0, 0), (99, 0))});
    insta::assert_snapshot!(session.ask("textDocument/inlayHint", params), @r#"
    {"kind":2,"label":"path:","paddingRight":true,"position":"5:8","tooltip":"string path"}
    {"kind":2,"label":"filemode:","paddingRight":true,"position":"5:19","tooltip":"int filemode"}
    {"kind":2,"label":"content:","paddingRight":true,"position":"5:25","tooltip":"string content"}
    "#);
}

#[test]
fn call_hierarchy() {
    let mut session = Session::new();
    insta::assert_snapshot!(session.at("textDocument/prepareCallHierarchy", "tool \"one\"", 1), @r#"
    {"detail":"fs tool(string name)","kind":12,"name":"tool","range":"3:0-6:1","selectionRange":"3:10-3:14","uri":"lib.hlb"}
    "#);
    let params = Client::at(&session.uri("build.hlb"), 9, 6);
    let item = session.client.ask("textDocument/prepareCallHierarchy", params)["result"][0].clone();
    insta::assert_snapshot!(session.ask("callHierarchy/incomingCalls", json!({"item": item})), @r#"
    {"from":{"detail":"fs default()","kind":12,"name":"default","range":"7:0-13:1","selectionRange":"7:3-7:10","uri":"build.hlb"},"fromRanges":["9:5-9:9"]}
    "#);
    let params = Client::at(&session.uri("build.hlb"), 7, 4);
    let item = session.client.ask("textDocument/prepareCallHierarchy", params)["result"][0].clone();
    insta::assert_snapshot!(session.ask("callHierarchy/outgoingCalls", json!({"item": item})), @r#"
    {"fromRanges":["8:1-8:5"],"to":{"detail":"fs base(Mode mode = …)","kind":12,"name":"base","range":"5:0-5:50","selectionRange":"5:3-5:7","uri":"build.hlb"}}
    {"fromRanges":["9:5-9:9"],"to":{"detail":"fs tool(string name)","kind":12,"name":"tool","range":"3:0-6:1","selectionRange":"3:10-3:14","uri":"lib.hlb"}}
    "#);
}

#[test]
fn linked_editing() {
    let mut session = Session::new();
    let uri = session.uri("made.hlb");
    session.client.open(&uri, "fs made() {\n\tlet name = \"x\"\n\tscratch\n\tmkfile name 0o644 name\n}\n");
    insta::assert_snapshot!(session.ask("textDocument/linkedEditingRange", Client::at(&uri, 1, 6)), @r#"{"ranges":["1:5-1:9","3:8-3:12","3:19-3:23"]}"#);
}

#[test]
fn formatting_of_all_of_a_range_and_while_typing() {
    let mut session = Session::new();
    let uri = session.uri("build.hlb");
    session.client.edit(&uri, 2, [8, 0, 8, 1], "    ");
    session.client.edit(&uri, 3, [5, 12, 5, 12], "  ");
    let options = json!({"options": {"tabSize": 4, "insertSpaces": false}});
    insta::assert_snapshot!(session.with("textDocument/formatting", "enum", 0, options.clone()), @r#"
    {"newText":"fs base(Mode mode = fast) { image \"alpine:3.20\"; }\n\nfs default() {\n\tbase\n","range":"5:0-9:0"}
    "#);
    let mut params = options;
    params["range"] = range((8, 0), (8, 2));
    insta::assert_snapshot!(session.with("textDocument/rangeFormatting", "enum", 0, params.clone()), @r#"{"newText":"\tbase\n","range":"8:0-9:0"}"#);
    params["ch"] = json!("}");
    insta::assert_snapshot!(session.with("textDocument/onTypeFormatting", "}\n", 0, params.clone()), @"");
    let place = json!({"position": {"line": 13, "character": 1}});
    params.as_object_mut().unwrap().extend(place.as_object().unwrap().clone());
    insta::assert_snapshot!(session.with("textDocument/onTypeFormatting", "enum", 0, params), @r#"{"newText":"\tbase\n","range":"8:0-9:0"}"#);
}

#[test]
fn moved_files_take_the_imports_of_others_along() {
    let mut session = Session::new();
    let files = json!([{"oldUri": session.uri("lib.hlb"), "newUri": session.uri("tools/lib.hlb")}]);
    insta::assert_snapshot!(session.ask("workspace/willRenameFiles", json!({"files": files})), @r#"
    {"documentChanges":[{"edits":[{"newText":"./tools/lib.hlb","range":"0:17-0:26"}],"textDocument":{"uri":"build.hlb","version":1}}]}
    "#);
}

#[test]
fn the_graph_of_a_target_and_how_the_server_is() {
    let mut session = Session::new();
    let uri = session.uri("build.hlb");
    let made = session.uri("made.hlb");
    session.client.open(&made, "fs made() {\n\tscratch\n\tmkfile \"/x\" 0o644 \"x\"\n}\n");
    insta::assert_snapshot!(session.ask("hlb/graph", json!({"uri": made, "target": "made"})), @r##"
    {"results":[["result of `made`",1]],"steps":[{"inputs":[],"number":1,"places":[{"column":2,"file":"made.hlb","line":3}],"text":"#1 mkfile /x, mode 0644, 1 byte\n   on  scratch\n   at  made.hlb:3:2\n","title":"mkfile /x, mode 0644, 1 byte"}]}
    "##);
    insta::assert_snapshot!(session.ask("hlb/graph", json!({"uri": uri, "target": "nothing"})), @r#"
    {"code":-32803,"message":"`nothing` has no graph: there is no target `nothing` in `build.hlb`"}
    "#);
    session.client.settled(&uri);
    let status = session.client.ask("hlb/status", json!({}))["result"].clone();
    let names: Vec<&String> = status.as_object().unwrap().keys().collect();
    assert_eq!(names, ["files", "folders", "memory", "milliseconds", "open", "version"]);
    assert_eq!(status["open"], 2);
    assert!(status["memory"].as_u64().unwrap() > 1 << 20, "{status}");
}
