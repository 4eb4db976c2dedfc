// A debug session with the real adapter: breakpoint, stack, step, back.

"use strict";

const assert = require("node:assert/strict");
const fs = require("node:fs");
const vscode = require("vscode");
const { file, picture, show, until } = require("./ways.js");

const PROGRAM = 'string name() { "x"; }\n\nfs default() {\n\tscratch\n\tmkdir "/a" 0o755\n\tmkfile "/a/x" 0o644 name\n\tmkfile "/a/y" 0o644 "y"\n}\n';

module.exports = {
  "a breakpoint stops the program, and it is stepped through, forward and back": async () => {
    fs.writeFileSync(file("debug.hlb"), PROGRAM);
    const { document } = await show("debug.hlb");
    const point = new vscode.SourceBreakpoint(new vscode.Location(document.uri, new vscode.Position(4, 0)));
    vscode.debug.addBreakpoints([point]);
    const stops = [];
    const tracking = vscode.debug.registerDebugAdapterTrackerFactory("hlb", {
      createDebugAdapterTracker: () => ({ onDidSendMessage: ({ event, body }) => event === "stopped" && stops.push(body.reason) }),
    });
    try {
      const started = await vscode.debug.startDebugging(undefined, {
        type: "hlb", request: "launch", name: "Debug default", program: document.uri.fsPath, target: "default", build: "never",
      });
      assert.ok(started, "the session did not start");
      const session = await until("a session", () => vscode.debug.activeDebugSession);
      const line = async () => {
        const { threads: [{ id: threadId }] } = await session.customRequest("threads");
        const { stackFrames } = await session.customRequest("stackTrace", { threadId });
        return { threadId, line: stackFrames[0].line };
      };
      const moves = async (request) => {
        const seen = stops.length;
        await session.customRequest(request, { threadId: (await line()).threadId });
        await until(`a stop after ${request}`, () => stops.length > seen);
        return (await line()).line;
      };
      await until("the breakpoint", () => stops.includes("breakpoint"));
      assert.equal((await line()).line, 5);
      assert.equal(await moves("next"), 6);
      await picture("debug");
      assert.equal(await moves("next"), 7);
      assert.equal(await moves("stepBack"), 6);
      assert.equal(await moves("stepBack"), 5);
    } finally {
      await vscode.debug.stopDebugging();
      vscode.debug.removeBreakpoints([point]);
      tracking.dispose();
      fs.rmSync(file("debug.hlb"));
    }
  },
};
