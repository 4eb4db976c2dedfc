// The tests that run inside of a real extension host, one behind the other. `run` is what VS Code calls; the result goes
// to the file that exttests.mjs waits for.

"use strict";

const fs = require("node:fs");

const suites = [require("./providers.js"), require("./tasks.js"), require("./debug.js")];
const LIMIT = 30_000;

exports.run = async function run() {
  const tests = [];
  for (const [name, test] of suites.flatMap((suite) => Object.entries(suite))) {
    const start = Date.now();
    let timer;
    const late = new Promise((_, reject) => (timer = setTimeout(() => reject(new Error(`took longer than ${LIMIT / 1000} s`)), LIMIT)));
    const error = await Promise.race([test(), late]).then(() => null, (it) => String(it.stack ?? it).split("\n").slice(0, 4).join(" | "));
    clearTimeout(timer);
    tests.push({ name, error, milliseconds: Date.now() - start });
  }
  const file = process.env.HLB_HOST_RESULT;
  fs.writeFileSync(`${file}.new`, JSON.stringify({ tests }));
  fs.renameSync(`${file}.new`, file);
};
