// Which programs are started, for what is set and what is on the disk.

import assert from "node:assert/strict";
import { test } from "node:test";
import { findHlbc, findServer, Missing } from "../../out/test/finding.mjs";

const look = (files, more = {}) => ({
  setting: "",
  path: "/usr/local/bin:/usr/bin",
  home: "/home/me",
  windows: false,
  isProgram: (file) => files.includes(file),
  ...more,
});
const BUNDLED = "/ext/server/hlb-lsp";

function check(files, setting, expected) {
  const machine = look(files);
  const found = findServer({ ...machine, setting }, findHlbc(machine), BUNDLED);
  assert.deepEqual(found instanceof Missing ? found.words : [found.from, found.command, ...found.args], expected);
}

test("a setting goes before PATH, PATH before hlbc, hlbc before what is bundled", () => {
  const all = ["/opt/lsp", "/usr/bin/hlb-lsp", "/usr/bin/hlbc", BUNDLED];
  check(all, "/opt/lsp", ["setting", "/opt/lsp"]);
  check(all, "", ["path", "/usr/bin/hlb-lsp"]);
  check(all.slice(2), "", ["hlbc", "/usr/bin/hlbc", "lsp"]);
  check(all.slice(3), "", ["bundled", BUNDLED]);
  check([], "", "neither `hlb-lsp` nor `hlbc` is in PATH");
});

test("a setting that names nothing is told, even if there are others", () => {
  check(["/usr/bin/hlb-lsp"], "/nowhere/lsp", "`/nowhere/lsp`, which the setting hlb.server.path names, is no program");
  check(["/usr/bin/hlb-lsp"], "other-lsp", "`other-lsp`, which the setting hlb.server.path names, is not in PATH");
});

test("a setting may be a name, or begin with the home directory", () => {
  check(["/usr/bin/my-lsp"], "my-lsp", ["setting", "/usr/bin/my-lsp"]);
  check(["/home/me/bin/lsp"], "~/bin/lsp", ["setting", "/home/me/bin/lsp"]);
});

test("an opened folder has no say: relative entries of PATH are passed over", () => {
  const found = findHlbc(look(["./hlbc", "hlbc", "bin/hlbc", "/usr/bin/hlbc"], { path: ".::bin:/usr/bin/" }));
  assert.equal(found.command, "/usr/bin/hlbc");
});

test("programs of Windows have an ending and other separators", () => {
  const windows = look(["C:\\bin\\hlbc.exe"], { windows: true, path: "tools;C:\\bin" });
  assert.equal(findHlbc(windows).command, "C:\\bin\\hlbc.exe");
  assert.equal(findHlbc({ ...windows, setting: "C:\\bin\\hlbc" }).from, "setting");
});
