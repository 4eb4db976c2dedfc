// Draws icon.png, 128 pixels square: three layers, of which the lower ones are in the cache and the top one is being built.

import { writeFileSync } from "node:fs";
import { crc32, deflateSync } from "node:zlib";

const SIZE = 128;
const FINE = 4; // samples per pixel and direction

/** Coverage of a rounded square. */
const tile = (x, y) => Math.hypot(Math.max(0, Math.abs(x - 64) - 38), Math.max(0, Math.abs(y - 64) - 38)) <= 24;
/** A layer seen from above, at a height, with its edge of a thickness below it. */
const lozenge = (x, y, middle) => Math.abs(x - 64) / 42 + Math.abs(y - middle) / 20 <= 1;
const layer = (middle, top, edge) => [
  { inside: (x, y) => Math.abs(x - 64) <= 42 && [0, 3, 6, 8].some((down) => lozenge(x, y, middle + down)), colour: edge },
  { inside: (x, y) => lozenge(x, y, middle), colour: top },
];
const shapes = [
  { inside: tile, colour: [24, 34, 51] },
  ...layer(82, [63, 94, 128], [44, 67, 94]),
  ...layer(61, [84, 142, 184], [57, 103, 138]),
  ...layer(40, [255, 179, 71], [204, 126, 30]),
];

const rows = [];
for (let y = 0; y < SIZE; y++) {
  const row = Buffer.alloc(1 + SIZE * 4);
  for (let x = 0; x < SIZE; x++) {
    row.set(pixel(x, y), 1 + x * 4);
  }
  rows.push(row);
}
const header = Buffer.alloc(13);
header.writeUInt32BE(SIZE, 0);
header.writeUInt32BE(SIZE, 4);
header.set([8, 6, 0, 0, 0], 8); // 8 bits, red green blue alpha
const png = Buffer.concat([
  Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
  chunk("IHDR", header),
  chunk("IDAT", deflateSync(Buffer.concat(rows), { level: 9 })),
  chunk("IEND", Buffer.alloc(0)),
]);
writeFileSync(new URL("../icon.png", import.meta.url), png);

function pixel(x, y) {
  const sum = [0, 0, 0, 0];
  for (let at = 0; at < FINE * FINE; at++) {
    const [sx, sy] = [x + ((at % FINE) + 0.5) / FINE, y + (Math.floor(at / FINE) + 0.5) / FINE];
    const top = shapes.findLast(({ inside }) => inside(sx, sy));
    if (top) {
      top.colour.forEach((value, index) => (sum[index] += value));
      sum[3] += 1;
    }
  }
  const covered = Math.max(1, sum[3]);
  return [sum[0] / covered, sum[1] / covered, sum[2] / covered, (sum[3] * 255) / (FINE * FINE)].map(Math.round);
}

function chunk(name, data) {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  const body = Buffer.concat([Buffer.from(name), data]);
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, sum]);
}
