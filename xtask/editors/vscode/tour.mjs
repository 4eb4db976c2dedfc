// Does in VS Code what every editor does (see `DEEDS` in xtask/src/editors.rs), looks at graphs and steps through a program:
// node tour.mjs TOOLS VSIX PICTURES FOLDER. What is checked is what the page shows; verdicts go to $HLB_REPORT.

import { appendFileSync, readFileSync } from "node:fs";
import path from "node:path";
import { open } from "./host.mjs";

const [tools, vsix, pictures, folder] = process.argv.slice(2);
const mistake = path.join(folder, "mistake.hlb");
const { page, log, close } = await open({ tools, vsix, folder, payload: (uri) => [["openFile", uri(mistake)]] });
page.setDefaultTimeout(30_000);
let failed = 0;

const keys = async (...all) => {
  for (const key of all) await page.keyboard.press(key);
};
const shot = (name) => page.screenshot({ path: path.join(pictures, `vscode-${name}.png`) });
const text = (file) => readFileSync(path.join(folder, file), "utf8");
const rows = (selector) => page.$$eval(selector, (found) => found.map((it) => it.getAttribute("aria-label") ?? it.textContent));

try {
  await page.waitForSelector(".monaco-workbench", { timeout: 60_000 });
  await active("mistake.hlb");
  await deed("diagnostics", async () => {
    await page.waitForSelector(".squiggly-error");
    await keys("Control+Shift+M");
    await until("a row about mkdirr", async () => (await rows(".markers-panel .monaco-list-row")).some((row) => row.includes("mkdirr")));
    await shot("diagnostics");
    await keys("Control+Shift+M");
  });
  await deed("completion", async () => {
    await go("mistake.hlb", 'dir "/words"');
    await keys("End", "Enter", "Control+Space");
    try {
      await page.waitForSelector(".suggest-widget.visible .monaco-list-row");
      await page.keyboard.type("mo");
      await until("mount is offered", async () => (await rows(".suggest-widget.visible .monaco-list-row")).some((row) => /^mount\b/.test(row)));
      await shot("completion");
    } finally {
      await keys("Escape", "Control+Shift+K");
    }
  });
  await deed("hover", async () => {
    await go("mistake.hlb", 'run "cat');
    await keys("Control+k", "Control+i");
    await until("the signature of run", async () => (await rows(".monaco-hover:not(.hidden)")).some((row) => row.includes("run(")));
    await shot("hover");
    await keys("Escape");
  });
  await deed("definition", async () => {
    await go("mistake.hlb", 'run "cat');
    await keys("F12");
    await active("builtin.hlb");
    await until("the declaration", async () => (await rows(".view-line")).some((row) => /fs\srun\(/.test(row)));
    await shot("definition");
  });
  await deed("edit", async () => {
    await go("mistake.hlb", "mkdirr");
    await keys("Control+ArrowRight", "Backspace");
    await until("no mistakes are left", async () => (await page.$$(".squiggly-error")).length === 0);
    await shot("edit");
  });
  await deed("rename", async () => {
    await go("build.hlb", "package(content");
    await keys("F2");
    // Into the input itself: keys typed before it has the focus would change the file.
    const input = page.locator(".rename-input");
    await input.fill("bundle");
    await shot("rename");
    await input.press("Enter");
    await until("both files change", () => text("build.hlb").includes("pack.bundle(content") && text("pack.hlb").includes("fs bundle("));
  });
  await deed("run", async () => {
    await lens("fs sources()", "Run");
    const screen = () => page.$$eval(".xterm-rows", (found) => found.map((it) => it.textContent).join(" "));
    await until("the number of steps", async () => /\d+\s*steps?,/.test((await screen()).replace(/\u00a0/g, " ")));
    await shot("run");
    await command("View: Hide Panel");
  });
  await deed("graph", async () => {
    await lens("pipeline release(", "Graph");
    await keys("Control+b");
    let view;
    await until("steps in the view of the graph", async () => {
      for (const frame of page.frames()) {
        if (await frame.$("#graph .node").catch(() => null)) view = frame;
      }
      return view;
    });
    await shot("graph");
    await view.click("#fit");
    await view.click(".node");
    await view.waitForSelector("#detail:not([hidden])");
    await view.fill("#search", "local");
    await until("a step is found", async () => (await view.$$(".node.found")).length > 0);
    await shot("graph-search");
    await command("View: Close All Editors");
    await keys("Control+b");
  });
  await deed("debug", async () => {
    await go("build.hlb", "let strip");
    await keys("F9");
    await lens("export fs tool(", "Debug");
    const stack = () => rows(".debug-call-stack .monaco-list-row");
    const stands = (line) => until(`a stop in line ${line}`, async () => (await stack()).some((row) => row.includes(`line ${line},`)));
    const first = lineOf("build.hlb", "let strip");
    await stands(first);
    // The view opens what is in it with the next stop.
    await keys("F10");
    await stands(first + 1);
    const variable = (name) => page.waitForSelector(`.debug-variables .monaco-list-row:has-text("${name}")`);
    await variable("strip");
    await (await variable("Arguments")).click();
    await variable("version");
    await shot("debug");
    await page.click('.debug-toolbar [aria-label^="Step Back"]');
    await stands(first);
    await keys("F5");
    await page.waitForSelector(".debug-toolbar", { state: "hidden" });
  });
} catch (error) {
  failed++;
  await shot("failed").catch(() => undefined);
  console.error(String(error), log.slice(-20).join("\n"));
} finally {
  await close();
}
process.exit(failed === 0 ? 0 : 1);

/** Does a deed and tells how it went; the next one is done in any case. */
async function deed(name, does) {
  try {
    await does();
    appendFileSync(process.env.HLB_REPORT, `PASS ${name}\n`);
  } catch (error) {
    failed++;
    await shot(`failed-${name}`);
    await keys("Escape", "Escape");
    appendFileSync(process.env.HLB_REPORT, `FAIL ${name}: ${String(error.message).split("\n")[0]}\n`);
  }
}

async function until(what, holds) {
  const start = Date.now();
  while (!(await holds())) {
    if (Date.now() - start > 30_000) throw new Error(`never seen: ${what}`);
    await page.waitForTimeout(100);
  }
}

/** Waits until a file is in front. */
function active(name) {
  return page.waitForSelector(`.tab.active[data-resource-name="${name}"]`, { timeout: 60_000 });
}

/** Puts the cursor on the first place of some words in a file of the folder. */
async function go(file, words) {
  const source = text(file);
  const before = source.slice(0, source.indexOf(words));
  if (before.length === source.length || !source.includes(words)) throw new Error(`${file} has no ${words}`);
  const lines = before.split("\n");
  await page.dblclick(`.explorer-folders-view .monaco-list-row[aria-label*="${file}"]`);
  await active(file);
  await keys("Control+g");
  await page.waitForSelector(".quick-input-widget:not(.hidden) input");
  await page.keyboard.type(String(lines.length));
  await keys("Enter");
  await page.waitForSelector(".quick-input-widget", { state: "hidden" });
  for (const _ of lines.at(-1)) await keys("ArrowRight");
}

function lineOf(file, words) {
  const source = text(file);
  return source.slice(0, source.indexOf(words)).split("\n").length;
}

async function command(name) {
  await keys("F1");
  await page.waitForSelector(".quick-input-widget:not(.hidden) input");
  await page.keyboard.type(name);
  await page.waitForSelector(`.quick-input-list .monaco-list-row[aria-label*="${name}"]`);
  await keys("Enter");
}

/** Clicks a lens above the line with some words. */
async function lens(words, title) {
  await go("build.hlb", words);
  // Lenses are drawn anew whenever the server has said more: one that is gone by then is looked for again.
  await until(`the lens ${title} of ${words}`, async () => {
    const boxes = async (selector, wanted) => {
      const all = [];
      for (const it of await page.$$(selector)) {
        const said = ((await it.textContent()) ?? "").replace(/\u00a0/g, " ");
        const box = await it.boundingBox();
        if (box && wanted(said)) all.push({ it, box });
      }
      return all;
    };
    const [line] = await boxes(".view-line", (said) => said.includes(words));
    const lenses = line ? await boxes(".codelens-decoration a", (said) => said.includes(title)) : [];
    const found = lenses.filter(({ box }) => box.y < line.box.y && line.box.y - box.y < 40)[0]?.it;
    return found?.click({ timeout: 1_000 }).then(
      () => true,
      () => false,
    );
  });
}
