// What the package of the extension must hold, and how large it may be. Reads the directory of a zip file.

/** The files, apart from the two that the format of packages adds. */
export const FILES = [
  "package.json",
  "readme.md",
  "changelog.md",
  "LICENSE.txt",
  "icon.png",
  "language-configuration.json",
  "media/graph.css",
  "out/extension.js",
  "out/graph.js",
  "snippets/hlb.json",
  "syntaxes/hlb.tmLanguage.json",
  "syntaxes/markdown-hlb.tmLanguage.json",
  "walkthrough/debug.md",
  "walkthrough/install.md",
  "walkthrough/look.md",
  "walkthrough/run.md",
  "walkthrough/write.md",
];

/** Bytes of the package, and of the packed code in it. */
const MOST = { package: 400_000, code: 200_000 };

/** The names and packed sizes of what is in a zip file. */
export function entries(zip) {
  const end = zip.lastIndexOf(Buffer.from("PK\x05\x06", "latin1"));
  if (end < 0) {
    throw new Error("no zip file");
  }
  const found = [];
  let at = zip.readUInt32LE(end + 16);
  for (let left = zip.readUInt16LE(end + 10); left > 0; left--) {
    const [name, extra, comment] = [28, 30, 32].map((field) => zip.readUInt16LE(at + field));
    found.push({ name: zip.toString("utf8", at + 46, at + 46 + name), size: zip.readUInt32LE(at + 20) });
    at += 46 + name + extra + comment;
  }
  return found;
}

/** What is wrong with a package, in words. */
export function check(found, bytes, hasServer) {
  const prefix = "extension/";
  const inside = found.filter(({ name }) => name.startsWith(prefix)).map(({ name, size }) => ({ name: name.slice(prefix.length), size }));
  const names = new Set(inside.map(({ name }) => name));
  const wanted = new Set(hasServer ? [...FILES, "server/hlb-lsp"] : FILES);
  const wrong = [
    ...[...wanted].filter((name) => !names.has(name)).map((name) => `${name} is missing`),
    ...[...names].filter((name) => !wanted.has(name)).map((name) => `${name} does not belong there`),
  ];
  const code = inside.filter(({ name }) => name.startsWith("out/")).reduce((sum, { size }) => sum + size, 0);
  if (code > MOST.code) {
    wrong.push(`the code takes ${code} bytes, more than ${MOST.code}`);
  }
  if (!hasServer && bytes > MOST.package) {
    wrong.push(`the package takes ${bytes} bytes, more than ${MOST.package}`);
  }
  return wrong;
}
