// The programs of this machine: which ones the settings and PATH name, and what hlbc answers to questions.
// Owns the starting of hlbc for answers; what runs for the person runs as a task.

import { execFile } from "node:child_process";
import { accessSync, constants, statSync } from "node:fs";
import { homedir } from "node:os";
import * as path from "node:path";
import { commands, env, EventEmitter, ExtensionContext, Uri, window, workspace } from "vscode";
import { findHlbc, findServer, Found, Look, Missing } from "./finding";

/** Longest time that a question may take, in milliseconds: it compiles a program but builds nothing. */
const PATIENCE = 30_000;
const MOST_OUTPUT = 32 * 1024 * 1024;

const looked = new EventEmitter<Found | Missing>();

/** What each look for hlbc has come to: it may be installed, or removed, while the editor runs. */
export const onDidLookForHlbc = looked.event;

export function hlbc(): Found | Missing {
  const found = findHlbc(look("hlbc.path"));
  looked.fire(found);
  return found;
}

export function server(context: ExtensionContext): Found | Missing {
  const name = process.platform === "win32" ? "hlb-lsp.exe" : "hlb-lsp";
  return findServer(look("server.path"), hlbc(), context.asAbsolutePath(path.join("server", name)));
}

/** The path of hlbc; if there is none, or it may not be started here, tells the person and gives nothing. */
export async function needHlbc(): Promise<string | undefined> {
  if (!(await trusted())) {
    return undefined;
  }
  const found = hlbc();
  if (found instanceof Missing) {
    await tellMissing(found);
    return undefined;
  }
  return found.command;
}

/** One message with what to do about a program that is missing. */
export async function tellMissing(missing: Missing): Promise<void> {
  const [set, install] = ["Set the Path", "How to Install"];
  const chosen = await window.showErrorMessage(`HLB: ${missing.words}.`, set, install);
  if (chosen === set) {
    await commands.executeCommand("workbench.action.openSettings", missing.setting);
  } else if (chosen === install) {
    await commands.executeCommand("workbench.action.openWalkthrough", "hlb.hlb#start", false);
  }
}

/** What hlbc prints on standard output. Throws its words if it fails. */
export function ask(command: string, args: readonly string[], cwd: string): Promise<string> {
  const options = { cwd, timeout: PATIENCE, maxBuffer: MOST_OUTPUT, windowsHide: true, env: { ...process.env, NO_COLOR: "1" } };
  return new Promise((resolve, reject) => {
    execFile(command, args, options, (error, stdout, stderr) => {
      if (error) {
        const why = error.killed ? `it took longer than ${PATIENCE / 1000} s` : stderr.trim() || error.message;
        reject(new Error(`\`hlbc ${args.join(" ")}\` failed: ${why}`));
      } else {
        resolve(stdout);
      }
    });
  });
}

/** A setting of the section `hlb`, as it is for a file. */
export function setting<T>(name: string, otherwise: T, file?: Uri): T {
  return workspace.getConfiguration("hlb", file).get<T>(name) ?? otherwise;
}

/** Whether hlbc may be started for this workspace; if not, offers to change that. */
async function trusted(): Promise<boolean> {
  if (workspace.isTrusted) {
    return true;
  }
  const manage = "Manage Trust";
  const chosen = await window.showWarningMessage("HLB: this starts `hlbc`, and this workspace is not trusted.", manage);
  if (chosen === manage) {
    await commands.executeCommand("workbench.trust.manage");
  }
  return false;
}

/** The words of what was thrown. */
export function told(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function look(name: string): Look {
  return {
    setting: setting(name, ""),
    path: process.env.PATH ?? process.env.Path ?? "",
    home: homedir(),
    windows: process.platform === "win32",
    isProgram,
  };
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

/** Where the editor runs, for the log. */
export function place(): string {
  return env.remoteName ? `remote ${env.remoteName}` : "this machine";
}
