// Command lines of hlbc, and what is asked before they are made.

import assert from "node:assert/strict";
import { test } from "node:test";
import { commandLine, label, launch } from "../../out/test/invocation.mjs";
import { argument, lastBuild, offered, readProgram, refusal, wanted } from "../../out/test/targets.mjs";

const parameter = (name, type, optional = false, words = []) => ({ name, type, optional, words });
const target = (name, type, exported = false, parameters = []) => ({ name, type, doc: null, exported, effects: [], parameters });

test("each command has its line", () => {
  const file = "/w/build.hlb";
  const check = (invocation, ...expected) => assert.deepEqual(commandLine({ file, ...invocation }, ["--offline"], true), expected);
  check({ command: "run" }, "run", "--offline", "-f", file, "default");
  check({ command: "run", target: "tool", args: ["--version=1"] }, "run", "--offline", "-f", file, "tool", "--version=1");
  check({ command: "test" }, "test", "--offline", "-f", file);
  check({ command: "test", target: "-x it" }, "test", "--offline", "-f", file, "--", "-x it");
  check({ command: "test", target: "-x it", exact: true }, "test", "--offline", "-f", file, "--exact", "--", "-x it");
  check({ command: "check" }, "check", "--strict", "-f", file);
  check({ command: "update" }, "update", "-f", file);
});

test("a task is called after what it does, and a debug session after its target", () => {
  assert.equal(label({ command: "run", file: "/a/b/build.hlb", target: "tool" }), "run tool (b/build.hlb)");
  assert.equal(label({ command: "check", file: "/a/b/build.hlb" }), "check (b/build.hlb)");
  assert.deepEqual(launch("/b.hlb", "t", ["--n=1"], true), {
    type: "hlb",
    request: "launch",
    name: "Debug t",
    program: "/b.hlb",
    target: "t",
    args: ["--n=1"],
    stopOnEntry: true,
  });
});

test("only parameters without a value are asked for, and values are one word each", () => {
  const tool = target("tool", "fs", true, [parameter("name", "string"), parameter("n", "int", true)]);
  assert.deepEqual(wanted(tool).map(({ name }) => name), ["name"]);
  assert.equal(argument(wanted(tool)[0], "--x y"), "--name=--x y");
});

test("values of the wrong kind are refused while they are typed", () => {
  assert.equal(refusal(parameter("n", "int"), "x"), "`n` is a whole number");
  assert.equal(refusal(parameter("n", "int?"), "-3"), undefined);
  assert.equal(refusal(parameter("b", "bool"), "yes"), "`b` is true or false");
  assert.equal(refusal(parameter("p", "Profile", false, ["debug", "release"]), "fast"), "`p` is one of debug, release");
  assert.equal(refusal(parameter("s", "string"), ""), undefined);
});

test("what builds is offered before what only says something", () => {
  const all = [target("text", "string", true), target("inner", "fs"), target("out", "[fs]", true), target("default", "pipeline")];
  assert.deepEqual(offered(all).map(({ name }) => name), ["default", "out", "inner", "text"]);
});

test("a program that is none is refused", () => {
  assert.deepEqual(readProgram('{"targets":[],"tests":["a"]}').tests, ["a"]);
  assert.throws(() => readProgram("null"), /neither targets nor tests/);
  assert.throws(() => readProgram("oops"));
});

test("the last build is that of the target and of the directory", () => {
  const build = (number, directory, title) => ({ build: number, directory, title });
  const history = JSON.stringify({ builds: [build(3, "/w", "run tool --version"), build(5, "/v", "run tool"), build(2, "/w", "run"), build(4, "/w", "test tool")] });
  assert.equal(lastBuild(history, "/w", "tool"), 3);
  assert.equal(lastBuild(history, "/w", "default"), 2);
  assert.equal(lastBuild(history, "/w"), 4);
  assert.equal(lastBuild(history, "/w", "other"), undefined);
});
