// Where nodes of graphs stand.

import assert from "node:assert/strict";
import { test } from "node:test";
import { layout } from "../../out/test/view/layout.mjs";

const boxes = (count, width = 100) => Array.from({ length: count }, () => ({ width, height: 40 }));
const edges = (...pairs) => pairs.map(([from, to]) => ({ from, to }));

test("a chain stands straight below itself", () => {
  const { nodes, edges: ways, height } = layout(boxes(3), edges([0, 1], [1, 2]));
  assert.deepEqual(nodes.map(({ x }) => x), [50, 50, 50]);
  assert.deepEqual(nodes.map(({ y }) => y), [20, 116, 212]);
  assert.equal(height, 232);
  assert.deepEqual(ways[0], [{ x: 50, y: 40 }, { x: 50, y: 96 }]);
});

test("a node stands below all that it needs, and a source just above its first user", () => {
  const { nodes } = layout(boxes(4), edges([0, 1], [1, 2], [3 - 1, 3]));
  assert.ok(nodes[0].y < nodes[1].y && nodes[1].y < nodes[2].y && nodes[2].y < nodes[3].y);
  const late = layout(boxes(4), edges([0, 1], [1, 3], [2, 3])).nodes;
  assert.equal(late[2].y, late[1].y);
});

test("lines that could be apart do not cross", () => {
  const { nodes } = layout(boxes(4), edges([0, 3], [1, 2]));
  assert.equal(Math.sign(nodes[0].x - nodes[1].x), Math.sign(nodes[3].x - nodes[2].x));
});

test("a long edge goes round the nodes between its ends", () => {
  const { nodes, edges: ways } = layout(boxes(4), edges([0, 1], [1, 2], [2, 3], [0, 3]));
  assert.equal(ways[3].length, 4);
  for (const bend of ways[3].slice(1, -1)) {
    const beside = nodes.find(({ y }) => y === bend.y);
    assert.ok(Math.abs(beside.x - bend.x) > 50, `${bend.x} runs through the node at ${beside.x}`);
  }
});

test("nothing, edges to nowhere and edges backwards do no harm", () => {
  assert.deepEqual(layout([], []), { nodes: [], edges: [], width: 0, height: 0 });
  const { nodes, edges: ways } = layout(boxes(2), edges([1, 0], [-1, 1], [0, 9], [0, 0]));
  assert.equal(nodes.length, 2);
  assert.deepEqual(ways, [[], [], [], []]);
});

test("two thousand nodes are laid out in a moment, without overlaps and inside of the picture", () => {
  let seed = 7;
  const chance = (limit) => (seed = (seed * 1103515245 + 12345) % 2147483648) % limit;
  const sizes = boxes(2000).map(({ height }) => ({ width: 60 + chance(200), height }));
  const many = Array.from({ length: 3000 }, () => [chance(1999), chance(40) + 1]).map(([from, by]) => ({ from, to: Math.min(1999, from + by) }));
  const start = performance.now();
  const { nodes, width } = layout(sizes, many);
  assert.ok(performance.now() - start < 3000);
  const rows = new Map();
  nodes.forEach((node, index) => rows.set(node.y, [...(rows.get(node.y) ?? []), { ...node, width: sizes[index].width }]));
  for (const row of rows.values()) {
    row.sort((a, b) => a.x - b.x);
    assert.ok(row[0].x - row[0].width / 2 >= -0.01 && row.at(-1).x + row.at(-1).width / 2 <= width + 0.01);
    for (let at = 1; at < row.length; at++) {
      assert.ok(row[at].x - row[at].width / 2 >= row[at - 1].x + row[at - 1].width / 2, "nodes overlap");
    }
  }
});
