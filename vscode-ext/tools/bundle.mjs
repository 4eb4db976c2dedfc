// Bundles the extension, the script of its graph view, and, for the tests, the modules that know nothing of the editor.

import { build } from "esbuild";

const common = { bundle: true, minify: true, logLevel: "warning", legalComments: "none" };
await Promise.all([
  build({ ...common, entryPoints: ["src/extension.ts"], platform: "node", target: "node20", external: ["vscode"], outfile: "out/extension.js" }),
  build({ ...common, entryPoints: ["src/view/graph.ts"], platform: "browser", target: "es2022", format: "iife", outfile: "out/graph.js" }),
  build({
    bundle: true,
    logLevel: "warning",
    entryPoints: ["src/finding.ts", "src/targets.ts", "src/invocation.ts", "src/saving.ts", "src/view/layout.ts", "src/view/labels.ts"],
    platform: "node",
    format: "esm",
    outExtension: { ".js": ".mjs" },
    outbase: "src",
    outdir: "out/test",
  }),
  // Those that do need it share one that stands in for it.
  build({
    bundle: true,
    splitting: true,
    logLevel: "warning",
    alias: { vscode: "./test/stub/vscode.mjs" },
    entryPoints: { programs: "src/programs.ts", status: "src/status.ts", vscode: "test/stub/vscode.mjs" },
    platform: "node",
    format: "esm",
    outExtension: { ".js": ".mjs" },
    outdir: "out/test",
  }),
]);
