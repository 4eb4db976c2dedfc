// What several tests do: open a file, wait for something, ask for a picture.

"use strict";

const fs = require("node:fs");
const path = require("node:path");
const vscode = require("vscode");

const folder = () => vscode.workspace.workspaceFolders[0].uri.fsPath;
const file = (name) => path.join(folder(), name);
const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Waits until something holds, and gives it. What is waited for may be told when it has not come. */
async function until(what, holds) {
  for (const start = Date.now(); Date.now() - start < 20_000; await sleep(50)) {
    const value = await holds();
    if (value) return value;
  }
  throw new Error(`never: ${typeof what === "function" ? what() : what}`);
}

async function show(name) {
  const document = await vscode.workspace.openTextDocument(file(name));
  return vscode.window.showTextDocument(document);
}

/** The place of some words in a document, and of a letter inside of them. */
function at(document, words, inside = 0) {
  const offset = document.getText().indexOf(words);
  if (offset < 0) throw new Error(`${document.fileName} has no ${words}`);
  return document.positionAt(offset + inside);
}

/** Waits until the window shows something, by a selector of Playwright, and takes a picture of it. */
async function picture(name, selector) {
  const wanted = process.env.HLB_HOST_PICTURE;
  fs.writeFileSync(`${wanted}.new`, JSON.stringify({ name, selector }));
  fs.renameSync(`${wanted}.new`, wanted);
  await until(`${selector} in the window`, () => !fs.existsSync(wanted));
}

module.exports = { at, file, picture, show, until };
