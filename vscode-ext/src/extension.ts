// Starts the language server for .hlb files and stops it with the editor. All that the language means is in the server.

import { commands, ExtensionContext, window, workspace } from "vscode";
import { LanguageClient, TransportKind } from "vscode-languageclient/node";

let client: LanguageClient | undefined;

export async function activate(context: ExtensionContext): Promise<void> {
  context.subscriptions.push(
    commands.registerCommand("hlb.restartServer", restart),
    workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration("hlb.server.path")) {
        void restart();
      }
    }),
  );
  await start();
}

export async function deactivate(): Promise<void> {
  await stop();
}

async function restart(): Promise<void> {
  await stop();
  await start();
}

async function start(): Promise<void> {
  const command = workspace.getConfiguration("hlb").get<string>("server.path") || "hlb-lsp";
  const starting = new LanguageClient(
    "hlb",
    "HLB",
    { command, transport: TransportKind.stdio },
    { documentSelector: [{ language: "hlb" }] },
  );
  try {
    await starting.start();
    client = starting;
  } catch (error) {
    await starting.dispose().catch(() => undefined);
    const settings = "Open Settings";
    const why = error instanceof Error ? error.message : String(error);
    const chosen = await window.showErrorMessage(
      `The HLB language server \`${command}\` does not start: ${why}. Install hlb-lsp, or set hlb.server.path.`,
      settings,
    );
    if (chosen === settings) {
      await commands.executeCommand("workbench.action.openSettings", "hlb.server.path");
    }
  }
}

async function stop(): Promise<void> {
  const stopping = client;
  client = undefined;
  await stopping?.stop();
}
