// The language features, as the editor asks for them.

"use strict";

const assert = require("node:assert/strict");
const vscode = require("vscode");
const { at, picture, show, until } = require("./ways.js");

const ask = (what, ...given) => vscode.commands.executeCommand(`vscode.execute${what}`, ...given);

module.exports = {
  "diagnostics come, and go when the mistake is mended": async () => {
    const { document } = await show("mistake.hlb");
    const found = await until("a diagnostic", () => vscode.languages.getDiagnostics(document.uri).find(({ message }) => message.includes("mkdirr")));
    assert.equal(found.severity, vscode.DiagnosticSeverity.Error);
    const edit = new vscode.WorkspaceEdit();
    edit.replace(document.uri, new vscode.Range(at(document, "mkdirr"), at(document, "mkdirr", 6)), "mkdir");
    await vscode.workspace.applyEdit(edit);
    await until("no diagnostics", () => vscode.languages.getDiagnostics(document.uri).every(({ message }) => !message.includes("mkdirr")));
  },

  "hover, definition, completion and symbols answer": async () => {
    const { document } = await show("mistake.hlb");
    const run = at(document, 'run "cat', 1);
    const hovers = await ask("HoverProvider", document.uri, run);
    assert.match(hovers.flatMap(({ contents }) => contents.map(({ value }) => value)).join("\n"), /run\(/);
    const [definition] = await ask("DefinitionProvider", document.uri, run);
    assert.match((definition.targetUri ?? definition.uri).path, /builtin\.hlb$/);
    const { items } = await ask("CompletionItemProvider", document.uri, at(document, '\t\tdir "', 2));
    const labels = items.map(({ label }) => label.label ?? label);
    assert.ok(labels.includes("mount"), labels.join(" "));
    const symbols = await ask("DocumentSymbolProvider", document.uri);
    assert.deepEqual(symbols.map(({ name }) => name), ["words"]);
  },

  "lenses are commands of the extension": async () => {
    const { document } = await show("build.hlb");
    const lenses = await until("lenses", async () => {
      const found = await ask("CodeLensProvider", document.uri, 200);
      return found.length > 0 && found;
    });
    const known = new Set(await vscode.commands.getCommands(true));
    for (const { command } of lenses) {
      assert.ok(known.has(command.command), `${command.command} is not registered`);
      assert.equal(command.arguments[0], document.uri.toString());
    }
    const titles = new Set(lenses.map(({ command }) => command.command));
    assert.deepEqual([...titles].sort(), ["hlb.debug", "hlb.graph", "hlb.run", "hlb.test", "hlb.why"]);
  },

  "an action that makes a new name can ask for a better one": async () => {
    const { document } = await show("build.hlb");
    const place = at(document, "sources()");
    const { line, character } = place;
    let open = true;
    // It ends with the input for the name.
    const asked = vscode.commands.executeCommand("hlb.rename", document.uri.toString(), { line, character }).then(() => (open = false));
    await picture("rename-new", ".rename-input");
    assert.ok(open, "it ended before a name was given");
    assert.deepEqual(vscode.window.activeTextEditor.selection.active, place);
    await vscode.commands.executeCommand("cancelRenameInput");
    await asked;
  },

  "a restart of the server keeps the editor working": async () => {
    await vscode.commands.executeCommand("hlb.restartServer");
    const { document } = await show("build.hlb");
    const symbols = await until("symbols", () => ask("DocumentSymbolProvider", document.uri));
    assert.ok(symbols.some(({ name }) => name === "sources"));
  },
};
