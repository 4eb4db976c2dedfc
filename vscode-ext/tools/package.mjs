// Packs the extension and looks at what came out: node tools/package.mjs [--out FILE] [--server FILE --target PLATFORM] [--vsce FILE].
// A server is put into the package of its platform; without one the extension looks for the server on the machine.

import { spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { check, entries } from "./contents.mjs";

const VSCE = "@vscode/vsce@3.9.2";
const options = Object.fromEntries(["out", "server", "target", "vsce"].map((name) => [name, { type: "string" }]));
const { values } = parseArgs({ options });
const root = fileURLToPath(new URL("..", import.meta.url));
const { version } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8"));
const out = path.resolve(values.out ?? `hlb-${version}${values.target ? `-${values.target}` : ""}.vsix`);
const server = path.join(root, "server");

rmSync(server, { recursive: true, force: true });
if (values.server) {
  mkdirSync(server);
  copyFileSync(path.resolve(values.server), path.join(server, "hlb-lsp"));
  chmodSync(path.join(server, "hlb-lsp"), 0o755);
}
const args = ["package", "--no-dependencies", "--allow-missing-repository", "--out", out];
args.push(...(values.target ? ["--target", values.target] : []));
// Not among the packages that `npm ci` installs: it brings 300 of its own.
const [program, ...first] = values.vsce ? [process.execPath, path.resolve(values.vsce)] : ["npx", "--yes", VSCE];
const packed = spawnSync(program, [...first, ...args], { cwd: root, encoding: "utf8" });
rmSync(server, { recursive: true, force: true });
if (packed.status !== 0) {
  throw new Error(`vsce failed: ${packed.error ?? packed.stdout + packed.stderr}`);
}
const vsix = readFileSync(out);
const wrong = check(entries(vsix), vsix.length, values.server !== undefined);
if (wrong.length > 0) {
  throw new Error(`${out}:\n${wrong.join("\n")}`);
}
console.log(`${out}: ${entries(vsix).length} files, ${Math.round(vsix.length / 1000)} kB`);
