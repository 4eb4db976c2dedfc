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
fs base() { image \"alpine:3.20\"; }

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
    }
}

fn short(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let part = |name: &str| map.get(name).map(|it| it.as_u64().map_or_else(|| text(&short(it)), |it| it.to_string()));
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


