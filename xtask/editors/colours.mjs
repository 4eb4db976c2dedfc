// Prints how many colours a PNG has: `node colours.mjs FILE`. Reads what Chromium and Playwright write: 8 bits a channel,
// red, green and blue with or without alpha, not interlaced.
import { readFileSync } from "node:fs";
import { inflateSync } from "node:zlib";

const file = readFileSync(process.argv[2]);
if (file.toString("latin1", 1, 4) !== "PNG") throw new Error(`${process.argv[2]} is not a PNG`);
let head;
const packed = [];
for (let at = 8; at < file.length; ) {
  const length = file.readUInt32BE(at);
  const kind = file.toString("latin1", at + 4, at + 8);
  const data = file.subarray(at + 8, at + 8 + length);
  if (kind === "IHDR") head = { width: data.readUInt32BE(0), height: data.readUInt32BE(4), bits: data[8], kind: data[9], laced: data[12] };
  if (kind === "IDAT") packed.push(data);
  at += 12 + length;
}
const size = { 2: 3, 6: 4 }[head.kind];
if (head.bits !== 8 || !size || head.laced) throw new Error(`a kind of PNG that is not read here: ${JSON.stringify(head)}`);

const rows = inflateSync(Buffer.concat(packed));
const length = head.width * size;
let above = Buffer.alloc(length);
const colours = new Set();
for (let y = 0; y < head.height; y++) {
  const filter = rows[y * (length + 1)];
  const row = Buffer.from(rows.subarray(y * (length + 1) + 1, (y + 1) * (length + 1)));
  for (let x = 0; x < length; x++) {
    const left = x < size ? 0 : row[x - size];
    const corner = x < size ? 0 : above[x - size];
    row[x] += [0, left, above[x], (left + above[x]) >> 1, paeth(left, above[x], corner)][filter];
  }
  for (let x = 0; x < length; x += size) colours.add((row[x] << 16) | (row[x + 1] << 8) | row[x + 2]);
  above = row;
}
console.log(colours.size);

function paeth(left, up, corner) {
  const guess = left + up - corner;
  const [a, b, c] = [left, up, corner].map((value) => Math.abs(guess - value));
  return a <= b && a <= c ? left : b <= c ? up : corner;
}
