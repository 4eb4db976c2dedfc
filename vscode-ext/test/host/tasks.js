// Tasks, and what the matcher reads out of them.

"use strict";

const assert = require("node:assert/strict");
const fs = require("node:fs");
const vscode = require("vscode");
const { file, show, until } = require("./ways.js");

/** Runs a task to its end and gives its exit code. */
async function execute(task) {
  const ended = new Promise((resolve) => {
    const listening = vscode.tasks.onDidEndTaskProcess((event) => {
      if (event.execution.task.name === task.name) {
        listening.dispose();
        resolve(event.exitCode);
      }
    });
  });
  await vscode.tasks.executeTask(task);
  return ended;
}

module.exports = {
  "targets that need nothing are tasks": async () => {
    await show("build.hlb");
    const names = (await vscode.tasks.fetchTasks({ type: "hlb" })).map(({ name }) => name.split(" (")[0]);
    for (const name of ["check", "test", "run default", "run sources"]) {
      assert.ok(names.includes(name), `${name} is not among ${names.join(", ")}`);
    }
    assert.ok(!names.includes("run packed"), "a target with a parameter cannot be a task");
  },

  "a target is built, and ends well": async () => {
    await show("build.hlb");
    const tasks = await vscode.tasks.fetchTasks({ type: "hlb" });
    assert.equal(await execute(tasks.find(({ name }) => name.startsWith("run sources"))), 0);
  },

  "the matcher finds the mistakes that hlbc prints": async () => {
    fs.writeFileSync(file("wrong.hlb"), 'fs default() {\n\tscratch\n\tmkfilee "/x" 0o644 ""\n}\n');
    await show("wrong.hlb");
    const tasks = await vscode.tasks.fetchTasks({ type: "hlb" });
    const check = tasks.find(({ name }) => name.startsWith("check") && name.includes("wrong.hlb"));
    assert.notEqual(await execute(check), 0);
    const uri = vscode.Uri.file(file("wrong.hlb"));
    const found = await until("a problem of hlbc", () => vscode.languages.getDiagnostics(uri).find(({ source }) => source === "hlbc"));
    assert.equal(found.message, "`mkfilee` is not defined");
    assert.deepEqual([found.range.start.line, found.range.start.character], [2, 1]);
    fs.rmSync(file("wrong.hlb"));
  },

  "a program with mistakes is run all the same, and the terminal tells them": async () => {
    fs.writeFileSync(file("wrong.hlb"), 'fs default() {\n\tscratch\n\tmkdirr "/x" 0o755\n}\n');
    const { document } = await show("wrong.hlb");
    const codes = [];
    const listening = vscode.tasks.onDidEndTaskProcess(({ execution, exitCode }) => execution.task.name.startsWith("run default") && codes.push(exitCode));
    await vscode.commands.executeCommand("hlb.run", document.uri.toString(), "default");
    const [code] = await until("the end of the build", () => codes.length > 0 && codes);
    listening.dispose();
    assert.equal(code, 3);
    await until("a problem of hlbc", () => vscode.languages.getDiagnostics(document.uri).find(({ source, message }) => source === "hlbc" && message.includes("mkdirr")));
    fs.rmSync(file("wrong.hlb"));
  },
};
