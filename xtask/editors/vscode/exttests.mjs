// Runs the tests of the extension in a real extension host: node exttests.mjs TOOLS EXTENSION PICTURES FOLDER.
// The suite (`vscode-ext/test/host`) writes its result into a file; a test asks for a picture by writing its name, and what the
// window must show before, into another, and goes on when that is gone.

import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { open } from "./host.mjs";

const [tools, extension, pictures, folder] = process.argv.slice(2);
const LIMIT = 110_000;
const work = mkdtempSync(path.join(tmpdir(), "hlb-host-"));
const result = path.join(work, "result.json");
const wanted = path.join(work, "picture");
const start = Date.now();
const { page, log, close } = await open({
  tools,
  folder,
  payload: (uri) => [
    ["extensionDevelopmentPath", uri(extension)],
    ["extensionTestsPath", uri(path.join(extension, "test/host/index.js"))],
  ],
  env: { HLB_HOST_RESULT: result, HLB_HOST_PICTURE: wanted },
});
let failed = true;
try {
  while (!existsSync(result)) {
    if (Date.now() - start > LIMIT) {
      await page.screenshot({ path: path.join(pictures, "vscode-failed-host.png") });
      throw new Error(`the suite wrote no result in ${LIMIT / 1000} s:\n${log.slice(-20).join("\n")}`);
    }
    if (existsSync(wanted)) {
      const { name, selector } = JSON.parse(readFileSync(wanted, "utf8"));
      // Asked for again if it is not there in time: the test says so when it has waited long enough.
      const seen = await page.waitForSelector(selector, { timeout: 5_000 }).catch(() => undefined);
      if (seen) {
        await page.screenshot({ path: path.join(pictures, `vscode-${name}.png`) });
        rmSync(wanted);
      }
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const { tests } = JSON.parse(readFileSync(result, "utf8"));
  for (const { name, error, milliseconds } of tests) {
    console.log(`  ${error ? "FAIL" : "PASS"} ${name} (${milliseconds} ms)${error ? `: ${error}` : ""}`);
  }
  const bad = tests.filter(({ error }) => error).length;
  console.log(`  extension host: ${tests.length - bad} passed, ${bad} failed`);
  failed = bad > 0 || tests.length === 0;
} catch (error) {
  console.error(String(error));
} finally {
  await close();
  rmSync(work, { recursive: true, force: true });
}
process.exit(failed ? 1 : 0);
