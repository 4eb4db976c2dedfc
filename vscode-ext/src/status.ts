// What the language status in the status bar says of the server and of hlbc. Owns the two items and their words.

import { Command, Disposable, languages, LanguageStatusItem, LanguageStatusSeverity } from "vscode";
import { Found, Missing } from "./finding";
import { onDidLookForHlbc } from "./programs";

const RESTART: Command = { command: "hlb.restartServer", title: "Restart" };
const LOG: Command = { command: "hlb.showLog", title: "Show Log" };
const SETTINGS: Command = { command: "workbench.action.openSettings", title: "Settings", arguments: ["hlb"] };

export class Status implements Disposable {
  private readonly server: LanguageStatusItem;
  private readonly log: LanguageStatusItem;
  private readonly hlbc: LanguageStatusItem;
  private readonly looking: Disposable;

  constructor() {
    const selector = { language: "hlb" };
    this.server = languages.createLanguageStatusItem("hlb.server", selector);
    this.server.name = "HLB Language Server";
    this.log = languages.createLanguageStatusItem("hlb.log", selector);
    this.log.name = "HLB Log";
    this.hlbc = languages.createLanguageStatusItem("hlb.hlbc", selector);
    this.hlbc.name = "hlbc";
    this.hlbc.command = SETTINGS;
    this.log.text = "$(output) Log";
    this.log.command = LOG;
    this.looking = onDidLookForHlbc((found) => this.builds(found));
    this.starting();
  }

  starting(): void {
    this.say("$(symbol-misc) HLB", "language server is starting", LanguageStatusSeverity.Information, true);
  }

  running(name: string, found: Found): void {
    this.say(`$(symbol-misc) ${name}`, `language server, from ${whence(found)}`, LanguageStatusSeverity.Information, false);
  }

  stopped(why: string): void {
    this.say("$(error) HLB", why, LanguageStatusSeverity.Error, false);
  }

  dispose(): void {
    Disposable.from(this.looking, this.server, this.log, this.hlbc).dispose();
  }

  private builds(found: Found | Missing): void {
    const missing = found instanceof Missing;
    this.hlbc.text = missing ? "$(warning) no hlbc" : "$(tools) hlbc";
    this.hlbc.detail = missing ? found.words.replaceAll("`", "") : found.command;
    this.hlbc.severity = missing ? LanguageStatusSeverity.Warning : LanguageStatusSeverity.Information;
  }

  private say(text: string, detail: string, severity: LanguageStatusSeverity, busy: boolean): void {
    Object.assign(this.server, { text, detail, severity, busy, command: RESTART });
  }
}

function whence({ from, command }: Found): string {
  return { setting: "the setting", path: "PATH", hlbc: "hlbc", bundled: "the extension" }[from] + `: ${command}`;
}
