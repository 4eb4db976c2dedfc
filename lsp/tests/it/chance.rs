//! Chance that is the same in every run.
//!
//! Owns the generator, a text as an editor changes it, and questions of random kinds.

use serde_json::{Value, json};

use crate::client::Client;

pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below a limit.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % limit.max(1)
    }

    pub(crate) fn of<T: Copy>(&mut self, them: &[T]) -> T {
        them[self.below(them.len())]
    }
}

/// A text that both sides know, with its version.
pub(crate) struct Edited {
    pub(crate) uri: &'static str,
    pub(crate) text: String,
    pub(crate) version: i64,
}

impl Edited {
    /// Replaces bytes here and there. The ends are brought to the boundaries of characters.
    pub(crate) fn replace(&mut self, client: &mut Client, start: usize, end: usize, with: &str) {
        let start = self.text.floor_char_boundary(start);
        let end = self.text.floor_char_boundary(end).max(start);
        let ((from, column), (to, last)) = (self.position(start), self.position(end));
        self.version += 1;
        client.edit(self.uri, self.version, [from, column, to, last], with);
        self.text.replace_range(start..end, with);
    }

    /// Line and column in UTF-16.
    pub(crate) fn position(&self, offset: usize) -> (u32, u32) {
        let before = &self.text[..self.text.floor_char_boundary(offset)];
        let line = before.rsplit('\n').next().unwrap();
        (before.matches('\n').count() as u32, line.encode_utf16().count() as u32)
    }
}

/// The requests about a place or a range of a document, with parameters.
pub(crate) fn question(chance: &mut Chance, uri: &str, (line, column): (u32, u32)) -> (&'static str, Value) {
    let methods = METHODS;
    let method = chance.of(&methods);
    (method, params(method, uri, line, column))
}

/// The methods that `params` knows.
pub(crate) const METHODS: [&str; 30] = [
    "textDocument/completion",
    "textDocument/hover",
    "textDocument/signatureHelp",
    "textDocument/definition",
    "textDocument/declaration",
    "textDocument/typeDefinition",
    "textDocument/implementation",
    "textDocument/references",
    "textDocument/documentHighlight",
    "textDocument/documentSymbol",
    "textDocument/codeAction",
    "textDocument/codeLens",
    "textDocument/documentLink",
    "textDocument/formatting",
    "textDocument/rangeFormatting",
    "textDocument/onTypeFormatting",
    "textDocument/prepareRename",
    "textDocument/rename",
    "textDocument/foldingRange",
    "textDocument/selectionRange",
    "textDocument/linkedEditingRange",
    "textDocument/prepareCallHierarchy",
    "textDocument/semanticTokens/full",
    "textDocument/semanticTokens/full/delta",
    "textDocument/semanticTokens/range",
    "textDocument/inlayHint",
    "textDocument/diagnostic",
    "workspace/symbol",
    "workspace/diagnostic",
    "hlb/graph",
];

/// Parameters with which a method can be asked about a place.
pub(crate) fn params(method: &str, uri: &str, line: u32, character: u32) -> Value {
    let document = json!({"uri": uri});
    let position = json!({"line": line, "character": character});
    let mut params = json!({"textDocument": document, "position": position});
    let range = json!({"start": {"line": line.saturating_sub(2), "character": 0}, "end": position});
    let options = json!({"tabSize": 4, "insertSpaces": false});
    let more = match method {
        "textDocument/references" => json!({"context": {"includeDeclaration": true}}),
        "textDocument/codeAction" => json!({"range": range, "context": {"diagnostics": []}}),
        "textDocument/formatting" => json!({"options": options}),
        "textDocument/rangeFormatting" => json!({"range": range, "options": options}),
        "textDocument/onTypeFormatting" => json!({"ch": "}", "options": options}),
        "textDocument/rename" => json!({"newName": "renamed"}),
        "textDocument/selectionRange" => json!({"positions": [position]}),
        "textDocument/semanticTokens/full/delta" => json!({"previousResultId": "1"}),
        "textDocument/semanticTokens/range" | "textDocument/inlayHint" => json!({"range": range}),
        "workspace/symbol" => return json!({"query": "a"}),
        "workspace/diagnostic" => return json!({"previousResultIds": []}),
        "hlb/graph" => return json!({"uri": uri, "target": "default"}),
        _ => json!({}),
    };
    params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    params
}

/// Fails if an answer says that the server has a mistake.
pub(crate) fn no_mistake(method: &str, answer: &Value, text: &str) {
    let code = answer["error"]["code"].as_i64();
    let fine = matches!(code, None | Some(-32803 | -32800));
    assert!(fine, "{method}: {answer}\n{text}");
}
