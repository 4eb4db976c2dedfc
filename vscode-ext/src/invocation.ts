// The command lines of hlbc. Knows nothing of the editor.

export type Verb = "run" | "test" | "check" | "update";

export interface Invocation {
  command: Verb;
  /** The program, as an absolute path: hlbc then shows absolute paths, too, wherever it is started. */
  file: string;
  /** The target; for tests, a part of their names, or the name of one. */
  target?: string;
  /** Whether `target` is the whole name of a test. */
  exact?: boolean;
  /** Arguments of the target. */
  args?: readonly string[];
}

/** What hlbc is started with. `options` are the person's own for commands that build. */
export function commandLine(invocation: Invocation, options: readonly string[], strict: boolean): string[] {
  const { command, file, target, exact, args } = invocation;
  switch (command) {
    case "run":
      return ["run", ...options, "-f", file, target ?? "default", ...(args ?? [])];
    case "test":
      return ["test", ...options, "-f", file, ...(target ? [...(exact ? ["--exact"] : []), "--", target] : [])];
    case "check":
      return ["check", ...(strict ? ["--strict"] : []), "-f", file];
    case "update":
      return ["update", "-f", file];
  }
}

/** What a task is called: short, because the terminal shows it on its tab. */
export function label(invocation: Invocation): string {
  const { command, file, target } = invocation;
  const name = file.split(/[\\/]/).slice(-2).join("/");
  return target ? `${command} ${target} (${name})` : `${command} (${name})`;
}

export interface DebugArguments {
  type: "hlb";
  request: "launch";
  name: string;
  program: string;
  target: string;
  args: readonly string[];
  stopOnEntry: boolean;
}

/** How the debugger is started for a target. */
export function launch(program: string, target: string, args: readonly string[], stopOnEntry: boolean): DebugArguments {
  return { type: "hlb", request: "launch", name: `Debug ${target}`, program, target, args, stopOnEntry };
}
