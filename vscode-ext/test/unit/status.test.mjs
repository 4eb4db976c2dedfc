// What the status bar says of hlbc, while it comes and goes.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { needHlbc } from "../../out/test/programs.mjs";
import { Status } from "../../out/test/status.mjs";
import { LanguageStatusSeverity, shown } from "../../out/test/vscode.mjs";

test("hlbc that is installed later is seen when it is needed, and so is one that is removed", async (context) => {
  const dir = mkdtempSync(path.join(tmpdir(), "hlb-status-"));
  const before = process.env.PATH;
  const status = new Status();
  context.after(() => {
    process.env.PATH = before;
    status.dispose();
    rmSync(dir, { recursive: true });
  });
  process.env.PATH = dir;
  const item = shown.items["hlb.hlbc"];
  const missing = ["$(warning) no hlbc", "hlbc is not in PATH", LanguageStatusSeverity.Warning];
  const says = () => [item.text, item.detail, item.severity];

  assert.equal(await needHlbc(), undefined);
  assert.deepEqual(says(), missing);
  assert.deepEqual(shown.errors, ["HLB: `hlbc` is not in PATH."]);

  const file = path.join(dir, "hlbc");
  writeFileSync(file, "", { mode: 0o755 });
  assert.equal(await needHlbc(), file);
  assert.deepEqual(says(), ["$(tools) hlbc", file, LanguageStatusSeverity.Information]);

  rmSync(file);
  assert.equal(await needHlbc(), undefined);
  assert.deepEqual(says(), missing);
});
