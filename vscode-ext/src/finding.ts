// Finds the programs that the extension starts. Knows nothing of the editor: what is set and what is on the disk is given.

export interface Look {
  /** What the setting of the program says; empty if nothing. */
  setting: string;
  /** The variable PATH. */
  path: string;
  home: string;
  windows: boolean;
  /** Whether a file is a program that may be started. */
  isProgram(file: string): boolean;
}

export interface Found {
  command: string;
  args: string[];
  /** Who named it. */
  from: "setting" | "path" | "hlbc" | "bundled";
}

/** What is missing, in words that name the place where it was looked for. */
export class Missing {
  constructor(
    readonly setting: "hlb.server.path" | "hlb.hlbc.path",
    readonly words: string,
  ) {}
}

/** `hlbc`: what the setting names, otherwise the first one in PATH. */
export function findHlbc(look: Look): Found | Missing {
  return named("hlb.hlbc.path", look) ?? inPath("hlbc", look) ?? new Missing("hlb.hlbc.path", "`hlbc` is not in PATH");
}

/**
 * The language server: what the setting names, then `hlb-lsp` in PATH, then `hlbc lsp`, then the bundled one.
 *
 * A setting that names nothing is told, not passed over: another server than the chosen one would be a riddle.
 */
export function findServer(look: Look, hlbc: Found | Missing, bundled: string): Found | Missing {
  const chosen = named("hlb.server.path", look) ?? inPath("hlb-lsp", look);
  if (chosen) {
    return chosen;
  }
  if (!(hlbc instanceof Missing)) {
    return { command: hlbc.command, args: ["lsp"], from: "hlbc" };
  }
  if (look.isProgram(bundled)) {
    return { command: bundled, args: [], from: "bundled" };
  }
  return new Missing("hlb.server.path", "neither `hlb-lsp` nor `hlbc` is in PATH");
}

function named(setting: Missing["setting"], look: Look): Found | Missing | undefined {
  const value = look.setting.trim();
  if (value === "") {
    return undefined;
  }
  if (!/[\\/]/.test(value)) {
    const found = inPath(value, look);
    return found ? { ...found, from: "setting" } : new Missing(setting, `\`${value}\`, which the setting ${setting} names, is not in PATH`);
  }
  const file = value.replace(/^~(?=[\\/])/, () => look.home);
  const command = candidates(file, look).find((it) => look.isProgram(it));
  return command ? { command, args: [], from: "setting" } : new Missing(setting, `\`${value}\`, which the setting ${setting} names, is no program`);
}

function inPath(name: string, look: Look): Found | undefined {
  for (const dir of look.path.split(look.windows ? ";" : ":")) {
    // A relative entry would let an opened folder say which program is started.
    if (!isAbsolute(dir, look.windows)) {
      continue;
    }
    const separator = look.windows ? "\\" : "/";
    const file = dir.endsWith(separator) ? dir + name : dir + separator + name;
    const command = candidates(file, look).find((it) => look.isProgram(it));
    if (command) {
      return { command, args: [], from: "path" };
    }
  }
  return undefined;
}

function candidates(file: string, look: Look): string[] {
  return look.windows && !/\.exe$/i.test(file) ? [`${file}.exe`] : [file];
}

function isAbsolute(dir: string, windows: boolean): boolean {
  return windows ? /^([A-Za-z]:[\\/]|\\\\)/.test(dir) : dir.startsWith("/");
}
