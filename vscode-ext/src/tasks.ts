// Tasks of the type `hlb`: what the person runs, in a terminal, with `$hlb` reading the mistakes out of it.

import * as path from "node:path";
import {
  Disposable,
  ProcessExecution,
  Task,
  TaskDefinition,
  TaskGroup,
  TaskProvider,
  tasks,
  TaskScope,
  Uri,
  window,
  workspace,
  WorkspaceFolder,
} from "vscode";
import { Missing } from "./finding";
import { commandLine, Invocation, label, Verb } from "./invocation";
import { ask, hlbc, needHlbc, setting } from "./programs";
import { isBuild, offered, readProgram, wanted } from "./targets";

interface Definition extends TaskDefinition {
  type: "hlb";
  command: Verb;
  file?: string;
  target?: string;
  exact?: boolean;
  args?: string[];
}

export function registerTasks(): Disposable {
  return tasks.registerTaskProvider("hlb", new Provider());
}

/** Runs hlbc in the terminal. */
export async function execute(invocation: Invocation): Promise<void> {
  const command = await needHlbc();
  if (command) {
    const folder = workspace.getWorkspaceFolder(Uri.file(invocation.file));
    await tasks.executeTask(task(command, invocation, { type: "hlb", ...invocation, args: [...(invocation.args ?? [])] }, folder));
  }
}

class Provider implements TaskProvider {
  async provideTasks(): Promise<Task[]> {
    const program = hlbc();
    if (program instanceof Missing || !workspace.isTrusted) {
      return [];
    }
    const all = (await programs()).map((file) => this.ofFile(program.command, file));
    return (await Promise.all(all)).flat();
  }

  resolveTask(unresolved: Task): Task | undefined {
    const program = hlbc();
    const { command, file, target, exact, args } = unresolved.definition as Definition;
    const folder = typeof unresolved.scope === "object" ? unresolved.scope : workspace.workspaceFolders?.[0];
    if (program instanceof Missing || !folder || !["run", "test", "check", "update"].includes(command)) {
      return undefined;
    }
    const invocation = { command, file: path.resolve(folder.uri.fsPath, file ?? "build.hlb"), target, exact, args };
    return task(program.command, invocation, unresolved.definition, folder);
  }

  /** What can be done with a program without asking for anything. */
  private async ofFile(command: string, uri: Uri): Promise<Task[]> {
    const folder = workspace.getWorkspaceFolder(uri);
    const file = uri.fsPath;
    const given = folder ? path.relative(folder.uri.fsPath, file) : file;
    const make = (verb: Verb, target?: string): Task =>
      task(command, { command: verb, file, target }, { type: "hlb", command: verb, file: given, ...(target ? { target } : {}) }, folder);
    const found = [make("check"), make("test")];
    try {
      const { targets } = readProgram(await ask(command, ["list", "--json", "-f", file], path.dirname(file)));
      const ready = offered(targets).filter((target) => isBuild(target) && wanted(target).length === 0);
      found.push(...ready.map((target) => make("run", target.name)));
    } catch {
      // A program with mistakes can still be checked, and the check says what they are.
    }
    return found;
  }
}

/** The program that is open, and those that stand at the top of the folders. */
async function programs(): Promise<Uri[]> {
  const found = new Map<string, Uri>();
  const open = window.activeTextEditor?.document;
  if (open?.languageId === "hlb" && open.uri.scheme === "file") {
    found.set(open.uri.fsPath, open.uri);
  }
  for (const folder of workspace.workspaceFolders ?? []) {
    const uri = Uri.joinPath(folder.uri, "build.hlb");
    if (await workspace.fs.stat(uri).then(() => true, () => false)) {
      found.set(uri.fsPath, uri);
    }
  }
  return [...found.values()];
}

function task(command: string, invocation: Invocation, definition: TaskDefinition, folder: WorkspaceFolder | undefined): Task {
  const file = Uri.file(invocation.file);
  const words = commandLine(invocation, setting<string[]>("run.args", [], file), setting("strict", false, file));
  const execution = new ProcessExecution(command, words, { cwd: path.dirname(invocation.file) });
  const made = new Task(definition, folder ?? TaskScope.Workspace, label(invocation), "hlb", execution, "$hlb");
  made.group = invocation.command === "test" ? TaskGroup.Test : invocation.command === "run" ? TaskGroup.Build : undefined;
  made.presentationOptions = { clear: true, echo: true };
  return made;
}
