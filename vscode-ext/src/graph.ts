// The graph of a target in a panel. Owns the panel and what it and the editor say to each other; the steps come from the
// server, their layout and drawing are the view's (`view/`).

import { randomBytes } from "node:crypto";
import * as path from "node:path";
import { Disposable, Position, Range, Selection, Uri, ViewColumn, WebviewPanel, window, workspace } from "vscode";
import { told } from "./programs";
import { Server } from "./server";
import type { FromView, Place, Steps, ToView } from "./view/messages";

export class Graphs implements Disposable {
  private readonly panels = new Map<string, Panel>();

  constructor(
    private readonly extension: Uri,
    private readonly server: Server,
  ) {}

  /** Shows the graph of a target, in the panel that it has already if it has one. */
  async show(program: Uri, target: string): Promise<void> {
    const key = `${program.toString()} ${target}`;
    const open = this.panels.get(key);
    if (open) {
      open.reveal();
      await open.update();
      return;
    }
    const panel = new Panel(this.extension, this.server, program, target, () => this.panels.delete(key));
    this.panels.set(key, panel);
    await panel.update();
  }

  dispose(): void {
    for (const panel of [...this.panels.values()]) {
      panel.dispose();
    }
  }
}

class Panel implements Disposable {
  private readonly panel: WebviewPanel;
  private readonly watch: Disposable;
  /** The view has said that it listens; what is told before would be lost. */
  private ready = false;
  private last: ToView | undefined;
  private asked = 0;

  constructor(
    extension: Uri,
    private readonly server: Server,
    private readonly program: Uri,
    private readonly target: string,
    closed: () => void,
  ) {
    const roots = [Uri.joinPath(extension, "out"), Uri.joinPath(extension, "media")];
    const column = { viewColumn: ViewColumn.Beside, preserveFocus: true };
    this.panel = window.createWebviewPanel("hlb.graph", `Graph of ${target}`, column, {
      enableScripts: true,
      localResourceRoots: roots,
      retainContextWhenHidden: true,
    });
    this.panel.iconPath = Uri.joinPath(extension, "icon.png");
    this.watch = workspace.onDidSaveTextDocument((document) => {
      if (document.languageId === "hlb") {
        void this.update();
      }
    });
    this.panel.webview.onDidReceiveMessage((message: FromView) => this.hear(message));
    this.panel.onDidDispose(() => {
      this.watch.dispose();
      closed();
    });
    this.panel.webview.html = this.page(extension);
  }

  reveal(): void {
    this.panel.reveal(undefined, true);
  }

  /** Asks the server anew. */
  async update(): Promise<void> {
    const asked = ++this.asked;
    const told = await this.ask();
    if (asked === this.asked) {
      this.last = told;
      this.tell();
    }
  }

  dispose(): void {
    this.panel.dispose();
  }

  private async ask(): Promise<ToView> {
    const { target } = this;
    try {
      const steps = await this.server.request<Steps>("hlb/graph", { uri: this.program.toString(), target });
      return { kind: "graph", target, steps };
    } catch (error) {
      return { kind: "refused", target, words: told(error) };
    }
  }

  private tell(): void {
    if (this.ready && this.last) {
      void this.panel.webview.postMessage(this.last);
    }
  }

  private async hear(message: FromView): Promise<void> {
    switch (message.kind) {
      case "ready":
        this.ready = true;
        return this.tell();
      case "refresh":
        return this.update();
      case "open":
        return this.open(message.place);
    }
  }

  /** Shows the place beside the graph. */
  private async open({ file, line, column }: Place): Promise<void> {
    const uri = file.startsWith("file:") ? Uri.parse(file) : Uri.file(path.resolve(path.dirname(this.program.fsPath), file));
    const at = new Position(Math.max(0, line - 1), Math.max(0, column - 1));
    const shown = window.visibleTextEditors.find((editor) => editor.document.uri.toString() === uri.toString());
    try {
      const document = await workspace.openTextDocument(uri);
      const editor = await window.showTextDocument(document, shown?.viewColumn ?? ViewColumn.One);
      const place = document.validatePosition(at);
      editor.selection = new Selection(place, place);
      editor.revealRange(new Range(place, place));
    } catch (error) {
      void window.showWarningMessage(`HLB: ${file} cannot be shown: ${told(error)}`);
    }
  }

  private page(extension: Uri): string {
    const { webview } = this.panel;
    const nonce = randomBytes(16).toString("base64url");
    const style = webview.asWebviewUri(Uri.joinPath(extension, "media", "graph.css"));
    const script = webview.asWebviewUri(Uri.joinPath(extension, "out", "graph.js"));
    return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src ${webview.cspSource}; script-src 'nonce-${nonce}'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="${style}">
<title>Graph</title>
</head>
<body>
<header>
<input id="search" type="search" placeholder="Search steps" aria-label="Search steps">
<span id="count" role="status"></span>
<span class="fill"></span>
<button id="out" title="Zoom out (-)">−</button>
<button id="in" title="Zoom in (+)">+</button>
<button id="fit" title="Show all (0)">Fit</button>
<button id="refresh" title="Ask the language server anew">Refresh</button>
</header>
<main>
<svg id="graph" role="group" aria-label="Steps"></svg>
<p id="words" hidden></p>
<aside id="detail" hidden></aside>
</main>
<script nonce="${nonce}" src="${script}"></script>
</body>
</html>`;
  }
}
