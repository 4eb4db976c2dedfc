// The grammar colours what the language's own documents and examples contain.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { test } from "node:test";

const require = createRequire(import.meta.url);
const oniguruma = require("vscode-oniguruma");
const textmate = require("vscode-textmate");

const file = (path) => new URL(path, import.meta.url);
await oniguruma.loadWASM(readFileSync(require.resolve("vscode-oniguruma/release/onig.wasm")).buffer);
const registry = new textmate.Registry({
  onigLib: Promise.resolve({
    createOnigScanner: (patterns) => new oniguruma.OnigScanner(patterns),
    createOnigString: (text) => new oniguruma.OnigString(text),
  }),
  loadGrammar: async (scope) => {
    // The editor's own grammar of Markdown, as far as it matters here: fences are injected into it.
    if (scope === "text.html.markdown") {
      return textmate.parseRawGrammar('{"scopeName":"text.html.markdown","patterns":[{"match":"^# .*","name":"heading"}]}', "markdown.json");
    }
    const name = { "source.hlb": "hlb", "markdown.hlb.codeblock": "markdown-hlb" }[scope];
    return textmate.parseRawGrammar(readFileSync(file(`../syntaxes/${name}.tmLanguage.json`), "utf8"), `${name}.json`);
  },
  getInjections: (scope) => (scope === "text.html.markdown" ? ["markdown.hlb.codeblock"] : undefined),
});
const hlb = await registry.loadGrammar("source.hlb");
const markdown = await registry.loadGrammar("text.html.markdown");

/** `text:innermost scope` of each token that has a scope of its own. */
function tokens(source, grammar = hlb) {
  const found = [];
  let stack = textmate.INITIAL;
  for (const line of source.split("\n")) {
    const result = grammar.tokenizeLine(line, stack);
    stack = result.ruleStack;
    for (const token of result.tokens) {
      const scope = token.scopes.at(-1).replace(/\.hlb$/, "");
      const text = line.slice(token.startIndex, token.endIndex).trim();
      if (text !== "" && scope !== "source") {
        found.push(`${text}:${scope}`);
      }
    }
  }
  return found;
}

function check(source, ...expected) {
  const found = tokens(source);
  for (const token of expected) {
    assert.ok(found.includes(token), `no ${token} in\n${found.join("\n")}`);
  }
}

test("declarations", () => {
  check("import go from \"./go.hlb\"", "import:keyword.control.import", "go:entity.name.namespace", "from:keyword.control.from");
  check("export build", "export:keyword.control.export");
  check(
    "option::run cache(variadic string paths) {}",
    "option::run:storage.type",
    "cache:entity.name.function",
    "variadic:storage.modifier",
    "paths:variable.parameter",
  );
});

test("statements", () => {
  check(
    "fs f() { run \"x\" with option { dir \"/\"; } as y }",
    "run:entity.name.function.call",
    "with:keyword.other",
    "option:storage.type",
    "as:keyword.other",
  );
  check("fs f() { mkdir \"/d\" 0o755 with go.opts }", "0o755:constant.numeric", "go:entity.name.namespace");
  check("# words", "# words:comment.line.number-sign");
});

test("strings", () => {
  check("string s() { \"a\\n${format \"%s\" b}c\" }", "\\n:constant.character.escape", "format:entity.name.function.call");
  check("string s() {\n<<~EOM\n\tfoo-EOM ${x}\n\tEOM\n}\nfs g() {}", "x:entity.name.function.call", "g:entity.name.function");
  check("string s() {\n<<`EOM`\n\t${x}\nEOM\n}", "${x}:string.unquoted.heredoc.raw");
});

test("the examples end outside every string and block", () => {
  for (const name of ["hello", "lua"]) {
    const source = readFileSync(file(`../../examples/${name}/build.hlb`), "utf8");
    check(`${source}\nfs theLast() {}`, "theLast:entity.name.function");
  }
});

test("the language beyond the reference", () => {
  check("export let registry = \"ghcr.io\"", "export:keyword.control.export", "let:storage.modifier.let", "registry:variable.other.constant");
  check("enum Profile { debug release }", "enum:storage.type.enum", "Profile:entity.name.type", "release:variable.other.enummember");
  check("type Tool {\n\tstring version = \"1\"\n}", "type:storage.type.record", "version:variable.other.property");
  check(
    "export [fs] images([string] platforms = [], Profile p = release) {\n\tfor p in platforms { x; }\n}",
    "[fs]:storage.type",
    "images:entity.name.function",
    "platforms:variable.parameter",
    "for:keyword.control.for",
    "in:keyword.control.in",
  );
  check("fs a() {\n\tif b == none {\n\t\tlet x = f(c = 1)\n\t}\n}", "if:keyword.control.conditional", "==:keyword.operator", "none:constant.language.none", "x:variable.other", "c:variable.parameter.named");
  check("test \"works\" {\n\tassert true, \"no\"\n}", "test:keyword.other.test", "assert:keyword.other");
});

test("fences of Markdown hold the language, and end", () => {
  const fenced = tokens("# Title\n\n```hlb\nfs default() {\n\trun \"x\" # why\n}\n```\n# After", markdown);
  for (const token of ["# Title:heading", "default:entity.name.function", "run:entity.name.function.call", "# why:comment.line.number-sign", "# After:heading"]) {
    assert.ok(fenced.includes(token), `no ${token} in\n${fenced.join("\n")}`);
  }
  const other = tokens("```sh\nfs default() {\n```", markdown);
  assert.ok(!other.some((token) => token.endsWith("entity.name.function")));
});
