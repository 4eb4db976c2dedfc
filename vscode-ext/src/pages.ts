// Read-only pages with what hlbc has answered. The places in them are links.

import { Disposable, DocumentLink, EventEmitter, languages, Range, TextDocument, Uri, ViewColumn, window, workspace } from "vscode";

const SCHEME = "hlbc";

export class Pages implements Disposable {
  private readonly texts = new Map<string, string>();
  private readonly changed = new EventEmitter<Uri>();
  private readonly registered: Disposable;

  constructor() {
    this.registered = Disposable.from(
      this.changed,
      workspace.registerTextDocumentContentProvider(SCHEME, {
        onDidChange: this.changed.event,
        provideTextDocumentContent: (uri) => this.texts.get(uri.path) ?? "",
      }),
      workspace.onDidCloseTextDocument((document) => {
        if (document.uri.scheme === SCHEME) {
          this.texts.delete(document.uri.path);
        }
      }),
      languages.registerDocumentLinkProvider({ scheme: SCHEME }, { provideDocumentLinks: links }),
    );
  }

  /** Shows a text beside the editor, in the page of this title. */
  async show(title: string, text: string): Promise<void> {
    const uri = Uri.from({ scheme: SCHEME, path: `/${title}` });
    this.texts.set(uri.path, text);
    this.changed.fire(uri);
    const document = await workspace.openTextDocument(uri);
    await window.showTextDocument(document, { viewColumn: ViewColumn.Beside, preview: true, preserveFocus: true });
  }

  dispose(): void {
    this.registered.dispose();
  }
}

/** Each `┌─ /path/x.hlb:4:2` of a drawn message. */
function links(document: TextDocument): DocumentLink[] {
  const found = [];
  for (let number = 0; number < document.lineCount; number++) {
    const match = /^(\s*┌─ )(\/.+?):(\d+):(\d+)\s*$/.exec(document.lineAt(number).text);
    if (match) {
      const [, before = "", file = "", line = "", column = ""] = match;
      const range = new Range(number, before.length, number, match[0].trimEnd().length);
      found.push(new DocumentLink(range, Uri.file(file).with({ fragment: `L${line},${column}` })));
    }
  }
  return found;
}
