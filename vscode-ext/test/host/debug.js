// Debug sessions with the real adapter: a target of an example is stepped through, forward and back, and is built.

"use strict";

const assert = require("node:assert/strict");
const vscode = require("vscode");
const { at, file, show, until } = require("./ways.js");

/** A breakpoint in the body of `tool`, behind its first names. */
const WORDS = "let strip";

/** Starts a session of `tool` with the breakpoint, lets `during` look at it, and gives what the adapter has said. */
async function session({ name, program }, options, during) {
  const { document } = await show("build.hlb");
  const point = new vscode.SourceBreakpoint(new vscode.Location(document.uri, at(document, WORDS)));
  vscode.debug.addBreakpoints([point]);
  const events = [];
  const tracking = vscode.debug.registerDebugAdapterTrackerFactory("hlb", {
    createDebugAdapterTracker: () => ({ onDidSendMessage: ({ event, body }) => event && events.push({ event, body }) }),
  });
  let over = false;
  const ending = vscode.debug.onDidTerminateDebugSession((ended) => (over ||= ended.name === name));
  const said = (name) => events.filter(({ event }) => event === name).map(({ body }) => body);
  try {
    const [here] = vscode.workspace.workspaceFolders;
    const config = { type: "hlb", request: "launch", name, program, target: "tool", args: ["--version=2.1"] };
    assert.ok(await vscode.debug.startDebugging(here, config, options), "the session did not start");
    await during?.(document, said);
    await until(() => `the end of the session; it said ${JSON.stringify(events.slice(-3))}`, () => over);
  } finally {
    if (!over) await vscode.debug.stopDebugging();
    vscode.debug.removeBreakpoints([point]);
    tracking.dispose();
    ending.dispose();
  }
  return said;
}

function builtWell(said) {
  assert.deepEqual(said("exited"), [{ exitCode: 0 }]);
  const output = said("output").map(({ output }) => output).join("");
  assert.match(output, /#\d+ \/bin\/sh -c 'mkdir -p \/out.*VERSION@\/2\.1/);
}

module.exports = {
  "a target is stepped through, forward and back, and built": async () => {
    const said = await session({ name: "Step through tool", program: file("build.hlb") }, {}, async (document, said) => {
      const active = await until("a session", () => vscode.debug.activeDebugSession);
      const threadId = 1;
      const frame = async () => (await active.customRequest("stackTrace", { threadId })).stackFrames[0];
      const moves = async (request) => {
        const seen = said("stopped").length;
        await active.customRequest(request, { threadId });
        await until(`a stop after ${request}`, () => said("stopped").length > seen);
        return (await frame()).line;
      };
      await until("the breakpoint", () => said("stopped").length > 0);
      assert.equal(said("stopped")[0].reason, "breakpoint");
      const { id: frameId, line, source } = await frame();
      assert.equal(line, at(document, WORDS).line + 1);
      assert.match(source.path, /\/pipeline\/build\.hlb$/);
      const { scopes } = await active.customRequest("scopes", { frameId });
      const values = {};
      for (const { name, variablesReference } of scopes.filter(({ expensive }) => !expensive)) {
        const { variables } = await active.customRequest("variables", { variablesReference });
        values[name] = variables.map(({ name, value }) => `${name} = ${value}`);
      }
      assert.deepEqual(values, {
        Arguments: ['version = "2.1"', "profile = Profile.release"],
        Names: ['unwanted = ["^ *#[^!]"]', "current = fs { … }"],
        Options: ["comments = false", "remove = []"],
      });
      const { result } = await active.customRequest("evaluate", { frameId, expression: "version", context: "watch" });
      assert.equal(result, '"2.1"');
      assert.equal(await moves("next"), line + 1);
      assert.equal(await moves("stepBack"), line);
      await active.customRequest("continue", { threadId });
    });
    builtWell(said);
  },

  "without debugging a target is built, past all breakpoints": async () => {
    const said = await session({ name: "Build tool", program: "build.hlb" }, { noDebug: true });
    assert.deepEqual(said("stopped"), []);
    builtWell(said);
  },
};
