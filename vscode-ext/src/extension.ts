// Puts the parts of the extension together. What each does is in its file; what the language means is in the server.

import { ExtensionContext, window, workspace } from "vscode";
import { registerCommands } from "./commands";
import { registerDebug } from "./debug";
import { Graphs } from "./graph";
import { Pages } from "./pages";
import { Server } from "./server";
import { Status } from "./status";
import { registerTasks } from "./tasks";

let server: Server | undefined;

export async function activate(context: ExtensionContext): Promise<void> {
  const log = window.createOutputChannel("HLB", { log: true });
  const status = new Status();
  const started = new Server(context, status, log);
  server = started;
  const graphs = new Graphs(context.extensionUri, started);
  const pages = new Pages();
  context.subscriptions.push(
    log,
    status,
    graphs,
    pages,
    registerCommands(started, graphs, pages),
    registerTasks(),
    registerDebug(),
    workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration("hlb.server.path") || event.affectsConfiguration("hlb.hlbc.path")) {
        void started.restart();
      }
    }),
  );
  await started.start();
}

export async function deactivate(): Promise<void> {
  await server?.stop();
}
