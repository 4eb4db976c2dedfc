// What package.json promises: the matcher reads what hlbc prints, files are there, settings are described.

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { check, FILES } from "../../tools/contents.mjs";

const file = (path) => new URL(`../../${path}`, import.meta.url);
const manifest = JSON.parse(readFileSync(file("package.json"), "utf8"));
const { contributes } = manifest;

/** What `$hlb` finds, by VS Code's rule: the patterns must match lines that follow each other. */
function problems(output) {
  const [{ patterns }] = contributes.problemPatterns;
  const lines = output.split("\n");
  return lines.flatMap((_, at) => {
    const found = {};
    const all = patterns.every(({ regexp, ...groups }, index) => {
      const match = new RegExp(regexp).exec(lines[at + index] ?? "");
      Object.entries(groups).forEach(([name, group]) => match && (found[name] = match[group]));
      return match;
    });
    return all ? [[found.severity, found.code, found.file, found.line, found.column, found.message].join("|")] : [];
  });
}

test("the matcher reads real output of hlbc", () => {
  assert.deepEqual(problems(readFileSync(file("test/unit/check.txt"), "utf8")), [
    "error|E0101|/work/a.hlb|4|2|`mkfil` is not defined",
    "error|E0101|/work/a.hlb|5|21|`nope` is not defined",
    "warning|E0122|/work/a.hlb|1|8|nothing uses the import `b`",
    "warning|E0304|/work/a.hlb|7|18|`unused` does not use its parameter `x`",
    "warning|E0304|/work/my dir/c.hlb|5|27|`param` does not use its parameter `n`",
    "warning|E0304|/work/my dir/c.hlb|5|39|`param` does not use its parameter `flag`",
    "error||/work/my dir/c.hlb|11|2|`/bin/sh -c 'echo no; exit 3'` ended with exit code 3",
  ]);
});

test("progress and notes are no problems", () => {
  assert.deepEqual(problems("#2 ERROR process \"x\" did not complete\nnote: #1 ran\n  ┌─ c.hlb:1:1\n1 step, 0 cached, 0.0s\n"), []);
});

test("everything that is packed is there, and the code is small", () => {
  const sources = FILES.map((name) => ({ "readme.md": "README.md", "changelog.md": "CHANGELOG.md", "LICENSE.txt": "LICENSE" })[name] ?? name);
  assert.deepEqual(sources.filter((name) => !existsSync(file(name))), []);
  const found = FILES.map((name, index) => ({ name: `extension/${name}`, size: gzipSync(readFileSync(file(sources[index]))).length }));
  assert.deepEqual(check(found, found.reduce((sum, { size }) => sum + size, 0), false), []);
  assert.deepEqual(check([...found.slice(1), { name: "extension/src/x.ts", size: 1 }], 500_000, false), [
    "package.json is missing",
    "src/x.ts does not belong there",
    "the package takes 500000 bytes, more than 400000",
  ]);
});

test("what names a program cannot be set by a folder that is not trusted", () => {
  const { restrictedConfigurations } = manifest.capabilities.untrustedWorkspaces;
  const properties = Object.entries(contributes.configuration.properties);
  const machine = properties.filter(([, { scope }]) => scope === "machine-overridable").map(([name]) => name);
  assert.deepEqual(machine, restrictedConfigurations);
  for (const [name, property] of properties) {
    assert.ok(property.description ?? property.markdownDescription, `${name} has no description`);
    assert.notEqual(property.default, undefined, `${name} has no default`);
  }
});

test("what a debug session can be given is what the debugger knows", () => {
  const [, launching] = readFileSync(file("../docs/debugger.md"), "utf8").split("## Launching");
  const known = [...launching.split("## ")[0].matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name);
  const [{ configurationAttributes, initialConfigurations }] = contributes.debuggers;
  assert.deepEqual(Object.keys(configurationAttributes.launch.properties).sort(), known.sort());
  assert.ok(initialConfigurations.every(({ program }) => program.endsWith(".hlb")));
});

test("commands of menus and walkthroughs are declared", () => {
  const declared = contributes.commands.map(({ command }) => command);
  const used = Object.values(contributes.menus).flat().map(({ command }) => command);
  const events = contributes.walkthroughs.flatMap(({ steps }) => steps).flatMap(({ completionEvents }) => completionEvents ?? []);
  const ours = events.map((event) => event.replace("onCommand:", "")).filter((command) => command.startsWith("hlb."));
  assert.deepEqual([...used, ...ours].filter((command) => !declared.includes(command)), []);
});

test("a word is what the language takes for a name", () => {
  const { wordPattern } = JSON.parse(readFileSync(file("language-configuration.json"), "utf8"));
  const grammar = readFileSync(file("../language/tree-sitter/grammar.js"), "utf8");
  assert.equal(wordPattern, /^ {4}identifier: \(\) => \/(.+)\/,$/m.exec(grammar)?.[1]);
  const words = (text) => text.match(new RegExp(wordPattern, "g"));
  assert.deepEqual(words("[for n in xs: n]"), ["for", "n", "in", "xs", "n"]);
  assert.deepEqual(words("option::run cache:all a:::b"), ["option::run", "cache:all", "a", "b"]);
});
