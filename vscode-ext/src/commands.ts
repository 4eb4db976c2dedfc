// The commands of the palette and of the lenses. A lens gives [uri, target]; without them, the open program is meant and
// the target is asked for.

import * as path from "node:path";
import { commands, debug, Disposable, languages, Position, QuickPickItem, Range, Selection, Uri, window, workspace } from "vscode";
import { hasBreakpoints } from "./debug";
import { Graphs } from "./graph";
import { launch } from "./invocation";
import { Pages } from "./pages";
import { ask, needHlbc, told } from "./programs";
import { onDisk } from "./saving";
import { Server } from "./server";
import { argument, lastBuild, offered, Parameter, Program, readProgram, refusal, Target, wanted } from "./targets";
import { execute } from "./tasks";

export function registerCommands(server: Server, graphs: Graphs, pages: Pages): Disposable {
  const all: Record<string, (uri?: unknown, second?: unknown) => Promise<void>> = {
    "hlb.run": (uri, target) => withTarget(uri, target, async (file, name, args) => execute({ command: "run", file, target: name, args })),
    "hlb.debug": (uri, target) =>
      withTarget(uri, target, async (file, name, args) => {
        const folder = workspace.getWorkspaceFolder(Uri.file(file));
        await debug.startDebugging(folder, { ...launch(file, name, args, !hasBreakpoints()) });
      }),
    "hlb.test": (uri, target) => withFile(uri, (file) => test(file, target)),
    "hlb.graph": (uri, target) =>
      withFile(uri, async (file) => {
        const name = typeof target === "string" ? target : (await pick(file))?.name;
        await (name === undefined ? undefined : graphs.show(Uri.file(file), name));
      }),
    "hlb.why": (uri, target) => withFile(uri, (file) => why(pages, file, typeof target === "string" ? target : undefined)),
    "hlb.check": (uri) => withFile(uri, (file) => execute({ command: "check", file })),
    "hlb.update": (uri) => withFile(uri, (file) => execute({ command: "update", file })),
    "hlb.explain": (code) => explain(pages, code),
    "hlb.rename": rename,
    "hlb.restartServer": () => server.restart(),
    "hlb.showLog": async () => server.log.show(),
  };
  const registered = Object.entries(all).map(([name, run]) =>
    commands.registerCommand(name, (...given: unknown[]) =>
      run(given[0], given[1]).catch((error: unknown) => {
        server.log.error(`${name}: ${told(error)}`);
        void tell(server, told(error));
      }),
    ),
  );
  return Disposable.from(...registered);
}

/** Shows the first line of what went wrong; hlbc draws mistakes over many, and the log has them all. */
async function tell(server: Server, words: string): Promise<void> {
  const [first = "", ...rest] = words.split("\n");
  const show = "Show Log";
  if ((await window.showErrorMessage(`HLB: ${first}`, ...(rest.length > 0 ? [show] : []))) === show) {
    server.log.show();
  }
}

/** Asks for a name of what stands at a place: the server's actions that make a new name end with this. */
async function rename(uri: unknown, at: unknown): Promise<void> {
  const { line, character } = at as { line: number; character: number };
  const editor = await window.showTextDocument(Uri.parse(uri as string));
  const place = editor.document.validatePosition(new Position(line, character));
  editor.selection = new Selection(place, place);
  editor.revealRange(new Range(place, place));
  await commands.executeCommand("editor.action.rename");
}

/** The file that a command is about, saved: hlbc reads what is on the disk. */
async function withFile(given: unknown, then: (file: string) => Promise<void>): Promise<void> {
  const named = typeof given === "string" ? Uri.parse(given) : given instanceof Uri ? given : undefined;
  const open = window.activeTextEditor?.document;
  const uri = named ?? (open?.languageId === "hlb" ? open.uri : undefined);
  await then(await onDisk(uri, workspace.textDocuments, (place) => workspace.save(place)));
}

/** The same with a target and values for those of its parameters that need one. */
async function withTarget(uri: unknown, given: unknown, then: (file: string, target: string, args: string[]) => Promise<void>): Promise<void> {
  await withFile(uri, async (file) => {
    const target = await pick(file, typeof given === "string" ? given : undefined);
    const args = target && (await values(target));
    if (target && args) {
      await then(file, target.name, args);
    }
  });
}

/** The target of this name; otherwise the one that the person picks. */
async function pick(file: string, name?: string): Promise<Target | undefined> {
  const command = await needHlbc();
  if (command === undefined) {
    return undefined;
  }
  if (name !== undefined) {
    // What is no target, or is in a program with mistakes, is for hlbc to refuse, with its reason and where it is shown.
    const unknown = { name, type: "", doc: null, exported: false, effects: [], parameters: [] };
    const program = await list(command, file).catch(() => undefined);
    return program?.targets.find((target) => target.name === name) ?? unknown;
  }
  const { targets } = await list(command, file);
  const items = offered(targets).map((target) => ({ label: target.name, description: target.type, detail: target.doc ?? undefined, target }));
  return (await window.showQuickPick(items, { title: "Target", placeHolder: path.basename(file), matchOnDetail: true }))?.target;
}

async function list(command: string, file: string): Promise<Program> {
  return readProgram(await ask(command, ["list", "--json", "-f", file], path.dirname(file)));
}

/** The arguments for what a target needs; none if the person gives up. */
async function values(target: Target): Promise<string[] | undefined> {
  const args = [];
  const asked = wanted(target);
  for (const [index, parameter] of asked.entries()) {
    const value = await valueOf(parameter, `${target.name} (${index + 1}/${asked.length})`);
    if (value === undefined) {
      return undefined;
    }
    args.push(argument(parameter, value));
  }
  return args;
}

async function valueOf(parameter: Parameter, title: string): Promise<string | undefined> {
  const placeHolder = `${parameter.type} ${parameter.name}`;
  const choices = parameter.type === "bool" ? ["true", "false"] : parameter.words;
  return choices.length > 0
    ? window.showQuickPick(choices, { title, placeHolder })
    : window.showInputBox({ title, prompt: placeHolder, ignoreFocusOut: true, validateInput: (value) => refusal(parameter, value) });
}

async function test(file: string, given: unknown): Promise<void> {
  if (typeof given === "string") {
    return execute({ command: "test", file, target: given, exact: true });
  }
  const command = await needHlbc();
  if (command === undefined) {
    return;
  }
  const all: QuickPickItem = { label: "All tests" };
  const { tests } = await list(command, file);
  const items = [all, ...tests.map((label) => ({ label }))];
  const chosen = await window.showQuickPick(items, { title: "Tests", placeHolder: path.basename(file) });
  return chosen && execute({ command: "test", file, ...(chosen === all ? {} : { target: chosen.label, exact: true }) });
}

/** Shows why the steps of the last build of a target ran. */
async function why(pages: Pages, file: string, target: string | undefined): Promise<void> {
  const command = await needHlbc();
  if (!command) {
    return;
  }
  const directory = path.dirname(file);
  const build = lastBuild(await ask(command, ["history", "--json"], directory), directory, target);
  if (build === undefined) {
    const run = "Run It";
    const words = target === undefined ? "nothing was built here yet" : `\`${target}\` was not built from here yet`;
    const chosen = await window.showInformationMessage(`HLB: ${words}.`, ...(target === undefined ? [] : [run]));
    if (chosen === run) {
      await commands.executeCommand("hlb.run", Uri.file(file).toString(), target);
    }
    return;
  }
  await pages.show(`why ${target ?? path.basename(file)}`, await ask(command, ["why", "-v", String(build)], directory));
}

/** Shows what a code means: the given one, the one under the cursor, or one that the person types. */
async function explain(pages: Pages, given: unknown): Promise<void> {
  const code = typeof given === "string" ? given : await window.showInputBox({ title: "Code", value: codeHere(), placeHolder: "E0101" });
  const command = code ? await needHlbc() : undefined;
  if (code && command) {
    await pages.show(code.toUpperCase(), await ask(command, ["explain", code], workspace.workspaceFolders?.[0]?.uri.fsPath ?? path.sep));
  }
}

function codeHere(): string {
  const editor = window.activeTextEditor;
  const here = editor ? languages.getDiagnostics(editor.document.uri).filter((it) => it.range.contains(editor.selection.active)) : [];
  const code = here[0]?.code;
  return typeof code === "object" ? String(code.value) : String(code ?? "");
}
