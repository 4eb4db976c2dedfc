// What stands in the boxes of a graph.

import assert from "node:assert/strict";
import { test } from "node:test";
import { foot, head } from "../../out/test/view/labels.mjs";

const step = (number, title, places = []) => ({ number, title, text: "", inputs: [], places });

test("a path and an image keep their end, a command its beginning", () => {
  const check = (title, expected) => assert.equal(head(step(2, title)), expected);
  check("image alpine:3.20", "#2 image alpine:3.20");
  check("local /home/me/projects/pipeline/src", "#2 local /home…ojects/pipeline/src");
  check("image docker.io/library/debian:stable-slim", "#2 image docke…/debian:stable-slim");
  check("run /bin/sh -c 'mkdir -p /out/usr/bin && cat a b c > /out/x'", "#2 run mkdir -p /out/usr/bin && c…");
  check("run /bin/sh -c 'make ä𝄞…", "#2 run make ä𝄞…");
  check("mkfile /etc/package.json, mode 0644, 70 bytes", "#2 mkfile /etc/package.json, mode…");
  check("run make install", "#2 run make install");
});

test("a box tells what it is the result of, and its place", () => {
  const place = { file: "/work/build.hlb", line: 7, column: 2 };
  assert.equal(foot(step(1, ""), undefined), "");
  assert.equal(foot(step(1, "", [place]), undefined), "build.hlb:7");
  assert.equal(foot(step(1, "", [place]), ["result of `release`"]), "→ release  ·  build.hlb:7");
  assert.equal(foot(step(1, ""), ["image in the OCI layout /work/out/words.tar"]), "→ image in the…/work/out/words.tar");
});
