// The debug type `hlb`: which program is the adapter, and what a configuration says that does not say everything.

import {
  CancellationToken,
  debug,
  DebugAdapterDescriptorFactory,
  DebugAdapterExecutable,
  DebugConfiguration,
  DebugConfigurationProvider,
  DebugConfigurationProviderTriggerKind,
  Disposable,
  SourceBreakpoint,
  window,
  workspace,
  WorkspaceFolder,
} from "vscode";
import * as path from "node:path";
import { launch } from "./invocation";
import { ask, hlbc, needHlbc } from "./programs";
import { Missing } from "./finding";
import { isBuild, offered, readProgram, wanted } from "./targets";

export function registerDebug(): Disposable {
  const configurations = new Configurations();
  return Disposable.from(
    debug.registerDebugAdapterDescriptorFactory("hlb", new Adapter()),
    debug.registerDebugConfigurationProvider("hlb", configurations),
    debug.registerDebugConfigurationProvider("hlb", new Found(), DebugConfigurationProviderTriggerKind.Dynamic),
  );
}

/** Whether a program may stop somewhere by itself. If not, a debugger that does not stop at the start has nothing to show. */
export function hasBreakpoints(): boolean {
  return debug.breakpoints.some((it) => it.enabled && it instanceof SourceBreakpoint && it.location.uri.path.endsWith(".hlb"));
}

class Adapter implements DebugAdapterDescriptorFactory {
  async createDebugAdapterDescriptor(): Promise<DebugAdapterExecutable | undefined> {
    const command = await needHlbc();
    return command ? new DebugAdapterExecutable(command, ["dap"]) : undefined;
  }
}

class Configurations implements DebugConfigurationProvider {
  resolveDebugConfiguration(_: WorkspaceFolder | undefined, config: DebugConfiguration): DebugConfiguration | undefined {
    if (config.type) {
      return { target: "default", args: [], build: "atStops", ...config };
    }
    // F5 without a launch.json: the program that is open.
    const document = window.activeTextEditor?.document;
    return document?.languageId === "hlb" ? { ...launch(document.uri.fsPath, "default", [], !hasBreakpoints()) } : undefined;
  }

  resolveDebugConfigurationWithSubstitutedVariables(folder: WorkspaceFolder | undefined, config: DebugConfiguration): DebugConfiguration | undefined {
    const { program } = config;
    if (typeof program === "string" && program.endsWith(".hlb")) {
      // The adapter would look from where the editor was started.
      return { ...config, program: path.resolve(folder?.uri.fsPath ?? "", program) };
    }
    void window.showErrorMessage(`HLB: \`program\` of the debug configuration \`${config.name}\` must be a .hlb file.`);
    return undefined;
  }
}

/** One configuration for each target of the open program that needs no arguments. */
class Found implements DebugConfigurationProvider {
  async provideDebugConfigurations(_: WorkspaceFolder | undefined, token?: CancellationToken): Promise<DebugConfiguration[]> {
    const program = hlbc();
    const document = window.activeTextEditor?.document;
    if (program instanceof Missing || !workspace.isTrusted || document?.languageId !== "hlb") {
      return [];
    }
    const file = document.uri.fsPath;
    try {
      const { targets } = readProgram(await ask(program.command, ["list", "--json", "-f", file], path.dirname(file)));
      const ready = offered(targets).filter((target) => isBuild(target) && wanted(target).length === 0);
      return token?.isCancellationRequested ? [] : ready.map((target) => ({ ...launch(file, target.name, [], false) }));
    } catch {
      return [];
    }
  }
}
