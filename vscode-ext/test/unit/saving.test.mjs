// What is saved before hlbc reads it, and what is told if that fails.

import assert from "node:assert/strict";
import { test } from "node:test";
import { onDisk } from "../../out/test/saving.mjs";

const place = (fsPath, scheme = "file") => ({ scheme, fsPath });
const never = () => assert.fail("nobody is to be asked for a place");

/** A document with changes, and `saves` of what it was asked to save. */
function dirty(saves, uri, { works = true, ...more } = {}) {
  const save = async () => saves.push(uri.fsPath) > 0 && works;
  return { uri, languageId: "hlb", isDirty: true, save, ...more };
}

test("programs with changes are saved first, and nothing else is", async () => {
  const saves = [];
  const documents = [
    dirty(saves, place("/w/build.hlb")),
    dirty(saves, place("/w/lib.hlb")),
    dirty(saves, place("/w/same.hlb"), { isDirty: false }),
    dirty(saves, place("/w/notes.md"), { languageId: "markdown" }),
    dirty(saves, place("Untitled-2", "untitled")),
  ];
  assert.equal(await onDisk(place("/w/build.hlb"), documents, never), "/w/build.hlb");
  assert.deepEqual(saves, ["/w/build.hlb", "/w/lib.hlb"]);
});

test("what could not be saved stops the command", async () => {
  const documents = [dirty([], place("/w/build.hlb")), dirty([], place("/w/lib.hlb"), { works: false })];
  const words = "/w/lib.hlb could not be saved, and `hlbc` reads what is on the disk";
  await assert.rejects(onDisk(place("/w/build.hlb"), documents, never), { message: words });
});

test("a program without a file gets one, and the command goes on with it", async () => {
  const asked = [];
  const saveNew = async (given) => asked.push(given.fsPath) && place("/w/new.hlb");
  assert.equal(await onDisk(place("Untitled-1", "untitled"), [dirty([], place("/w/lib.hlb"))], saveNew), "/w/new.hlb");
  assert.deepEqual(asked, ["Untitled-1"]);
});

test("without a file on this machine nothing is started", async () => {
  const given = place("Untitled-1", "untitled");
  await assert.rejects(onDisk(given, [], async () => undefined), { message: "save this file first: `hlbc` reads what is on the disk" });
  const elsewhere = { message: "open a .hlb file of this machine first" };
  await assert.rejects(onDisk(given, [], async () => place("/x.hlb", "vscode-vfs")), elsewhere);
  await assert.rejects(onDisk(place("/x.hlb", "git"), [], never), elsewhere);
  await assert.rejects(onDisk(undefined, [], never), elsewhere);
});
