// What must be on the disk before hlbc is started, because it reads files and not editors. Knows nothing of the editor.

interface Place {
  scheme: string;
  fsPath: string;
}

/** What is needed of a document of the editor. */
export interface Document {
  uri: Place;
  languageId: string;
  isDirty: boolean;
  /** Gives whether it has been saved. */
  save(): PromiseLike<boolean>;
}

/**
 * The path of the program at a place, when it and all other programs that are open are on the disk as they are shown.
 * `saveNew` asks where to put a program that has no file yet; it gives nothing if the person gives up. Throws the words to tell
 * if something is not saved: hlbc would build what was there before.
 */
export async function onDisk<P extends Place>(
  place: P | undefined,
  documents: readonly Document[],
  saveNew: (place: P) => PromiseLike<Place | undefined>,
): Promise<string> {
  const isNew = place?.scheme === "untitled";
  const saved = isNew ? await saveNew(place) : place;
  if (isNew && saved === undefined) {
    throw new Error("save this file first: `hlbc` reads what is on the disk");
  }
  if (saved?.scheme !== "file") {
    throw new Error("open a .hlb file of this machine first");
  }
  for (const document of documents) {
    if (document.isDirty && document.languageId === "hlb" && document.uri.scheme === "file" && !(await document.save())) {
      throw new Error(`${document.uri.fsPath} could not be saved, and \`hlbc\` reads what is on the disk`);
    }
  }
  return saved.fsPath;
}
