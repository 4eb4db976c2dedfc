// What `hlbc list --json` and `hlbc history --json` say, as types, and what the editor offers of it.
// Knows nothing of the editor.

export interface Parameter {
  name: string;
  type: string;
  /** Whether there is a value without one from outside. */
  optional: boolean;
  /** The variants, if it is an enum. */
  words: string[];
}

export interface Target {
  name: string;
  type: string;
  doc: string | null;
  exported: boolean;
  effects: string[];
  parameters: Parameter[];
}

export interface Program {
  targets: Target[];
  tests: string[];
}

/** The program that `hlbc list --json` describes. Throws words if it is none. */
export function readProgram(json: string): Program {
  const read: unknown = JSON.parse(json);
  const program = read as Partial<Program> | null;
  if (!Array.isArray(program?.targets) || !Array.isArray(program.tests)) {
    throw new Error("hlbc list --json has neither targets nor tests");
  }
  return { targets: program.targets, tests: program.tests };
}

/** Whether building the target does anything, so that it stands before those that only say something. */
export function isBuild(target: Target): boolean {
  return /^(\[*(fs|pipeline)\]*)$/.test(target.type);
}

/** Targets in the order in which they are offered: `default`, exported builds, other builds, the rest. */
export function offered(targets: readonly Target[]): Target[] {
  const rank = (target: Target): number => (target.name === "default" ? 0 : !isBuild(target) ? 3 : target.exported ? 1 : 2);
  return [...targets].sort((a, b) => rank(a) - rank(b));
}

/** The parameters that must be asked for. */
export function wanted(target: Target): Parameter[] {
  return target.parameters.filter((parameter) => !parameter.optional);
}

/** The argument that gives a parameter a value, in one word, so that no value can be taken for an option. */
export function argument(parameter: Parameter, value: string): string {
  return `--${parameter.name}=${value}`;
}

/** Why a text cannot be the value of a parameter, as far as its type tells; `hlbc` has the last word. */
export function refusal(parameter: Parameter, value: string): string | undefined {
  const type = parameter.type.replace(/\?$/, "");
  if (type === "int" && !/^-?\d+$/.test(value)) {
    return `\`${parameter.name}\` is a whole number`;
  }
  if (type === "bool" && !/^(true|false)$/.test(value)) {
    return `\`${parameter.name}\` is true or false`;
  }
  if (parameter.words.length > 0 && !parameter.words.includes(value)) {
    return `\`${parameter.name}\` is one of ${parameter.words.join(", ")}`;
  }
  return undefined;
}

interface Build {
  build: number;
  directory: string;
  title: string;
}

/** The number of the last build of a target that was started in a directory; of any target if none is given. */
export function lastBuild(json: string, directory: string, target?: string): number | undefined {
  const { builds } = JSON.parse(json) as { builds?: Build[] };
  return builds
    ?.filter((it) => it.directory === directory)
    .filter((it) => target === undefined || isOf(it.title, target))
    .reduce<number | undefined>((last, it) => Math.max(last ?? it.build, it.build), undefined);
}

function isOf(title: string, target: string): boolean {
  const [command, ...targets] = title.split(" ");
  return command === "run" && (targets.length === 0 ? target === "default" : targets.includes(target));
}
