// Where the nodes of an acyclic graph stand: in layers from top to bottom, with few crossings and short edges.
// Knows neither steps nor drawing.

export interface Size {
  width: number;
  height: number;
}

export interface Edge {
  from: number;
  to: number;
}

export interface Point {
  x: number;
  y: number;
}

export interface Layout {
  /** The centre of each node, in the order in which they were given. */
  nodes: Point[];
  /** The way of each edge, from the foot of one node to the head of the other, round the nodes between them. */
  edges: Point[][];
  width: number;
  height: number;
}

/** Between neighbours in a layer, and between layers. */
const GAP = { x: 20, y: 56 };
const ROUNDS = 8;
/** With more bends than this, edges go straight: such a picture is read by searching, not by following lines. */
const MOST_BENDS = 6000;

/** A node, or a bend of an edge that passes through a layer. */
interface Slot {
  width: number;
  x: number;
  up: Slot[];
  down: Slot[];
  /** Position in its layer. */
  order: number;
}

/**
 * Lays a graph out. Edges go from a smaller index to a greater one; others are left out, so that nothing can loop.
 */
export function layout(sizes: readonly Size[], edges: readonly Edge[]): Layout {
  const valid = edges.map(({ from, to }) => from >= 0 && from < to && to < sizes.length);
  const kept = edges.filter((_, index) => valid[index]);
  const layerOf = layersOf(sizes.length, kept);
  const slots = sizes.map(({ width }) => slot(width));
  const layers: Slot[][] = Array.from({ length: Math.max(0, ...layerOf.map((it) => it + 1)) }, () => []);
  slots.forEach((it, index) => layers[layerOf[index]!]!.push(it));
  const bends = chains(kept, slots, layerOf, layers);
  order(layers);
  place(layers);

  const heights = layers.map(() => 0);
  sizes.forEach(({ height }, index) => (heights[layerOf[index]!] = Math.max(heights[layerOf[index]!]!, height)));
  const tops: number[] = [];
  let bottom = 0;
  for (const height of heights) {
    tops.push(bottom);
    bottom += height + GAP.y;
  }
  const y = (layer: number): number => tops[layer]! + heights[layer]! / 2;
  const nodes = slots.map(({ x }, index) => ({ x, y: y(layerOf[index]!) }));
  const ways = kept.map(({ from, to }, index) => [
    { x: slots[from]!.x, y: nodes[from]!.y + sizes[from]!.height / 2 },
    ...bends[index]!.map(({ x }, step) => ({ x, y: y(layerOf[from]! + 1 + step) })),
    { x: slots[to]!.x, y: nodes[to]!.y - sizes[to]!.height / 2 },
  ]);
  let next = 0;
  const width = Math.max(0, ...layers.flat().map((it) => it.x + it.width / 2));
  return { nodes, edges: valid.map((it) => (it ? ways[next++]! : [])), width, height: Math.max(0, bottom - GAP.y) };
}

function slot(width: number): Slot {
  return { width, x: 0, up: [], down: [], order: 0 };
}

/** The layer of each node: one below the lowest of those that it needs. A node without any stands above its first user. */
function layersOf(count: number, edges: readonly Edge[]): number[] {
  const layers = Array<number>(count).fill(0);
  const byTarget = [...edges].sort((a, b) => a.to - b.to);
  for (const { from, to } of byTarget) {
    layers[to] = Math.max(layers[to]!, layers[from]! + 1);
  }
  const needed = new Set(edges.map(({ to }) => to));
  const first = Array<number>(count).fill(Infinity);
  for (const { from, to } of edges) {
    first[from] = Math.min(first[from]!, layers[to]!);
  }
  return layers.map((layer, index) => (needed.has(index) || first[index] === Infinity ? layer : first[index]! - 1));
}

/** Joins nodes to their neighbours, over bends in the layers between; gives the bends of each edge. */
function chains(edges: readonly Edge[], slots: readonly Slot[], layerOf: readonly number[], layers: Slot[][]): Slot[][] {
  const between = ({ from, to }: Edge): number => layerOf[to]! - layerOf[from]! - 1;
  const bent = edges.reduce((sum, edge) => sum + between(edge), 0) <= MOST_BENDS;
  return edges.map((edge) => {
    const bends = Array.from({ length: bent ? between(edge) : 0 }, () => slot(4));
    bends.forEach((it, index) => layers[layerOf[edge.from]! + 1 + index]!.push(it));
    const chain = [slots[edge.from]!, ...bends, slots[edge.to]!];
    for (let at = 1; at < chain.length; at++) {
      chain[at - 1]!.down.push(chain[at]!);
      chain[at]!.up.push(chain[at - 1]!);
    }
    return bends;
  });
}

/** Orders each layer by the mean place of its neighbours, downwards and upwards in turn. */
function order(layers: Slot[][]): void {
  const number = (layer: Slot[]): void => layer.forEach((it, index) => (it.order = index));
  layers.forEach(number);
  for (let round = 0; round < ROUNDS; round++) {
    const down = round % 2 === 0;
    for (const layer of down ? layers : [...layers].reverse()) {
      const keys = new Map(layer.map((it) => [it, mean(down ? it.up : it.down, ({ order }) => order) ?? it.order]));
      layer.sort((a, b) => keys.get(a)! - keys.get(b)! || a.order - b.order);
      number(layer);
    }
  }
}

/** Moves each layer as near to its neighbours as its order and the widths allow. */
function place(layers: Slot[][]): void {
  layers.forEach((layer) => spread(layer, () => 0));
  for (let round = 0; round < ROUNDS; round++) {
    const down = round % 2 === 0;
    for (const layer of down ? layers : [...layers].reverse()) {
      spread(layer, (it) => mean(down ? it.up : it.down, ({ x }) => x) ?? it.x);
    }
  }
  // All neighbours together at last, so that a node stands in the middle of both sides.
  layers.forEach((layer) => spread(layer, (it) => mean([...it.up, ...it.down], ({ x }) => x) ?? it.x));
  const left = Math.min(...layers.flat().map((it) => it.x - it.width / 2));
  layers.flat().forEach((it) => (it.x -= left));
}

/**
 * Gives the slots of a layer the places that are nearest to the wanted ones, in squares, without any overlap.
 *
 * What a slot must keep from the first one is taken off first; then the places must only not decrease, and pooling
 * neighbours that are in the wrong order solves that.
 */
function spread(layer: Slot[], wanted: (slot: Slot) => number): void {
  const offsets: number[] = [];
  const pools: { sum: number; count: number }[] = [];
  layer.forEach((it, index) => {
    const before = layer[index - 1];
    offsets.push(before ? offsets[index - 1]! + before.width / 2 + GAP.x + it.width / 2 : 0);
    pools.push({ sum: wanted(it) - offsets[index]!, count: 1 });
    for (let last = pools.length - 1; last > 0 && average(pools[last - 1]!) > average(pools[last]!); last--) {
      const { sum, count } = pools.pop()!;
      pools[last - 1]!.sum += sum;
      pools[last - 1]!.count += count;
    }
  });
  let index = 0;
  for (const pool of pools) {
    for (let rest = pool.count; rest > 0; rest--, index++) {
      layer[index]!.x = average(pool) + offsets[index]!;
    }
  }
}

function average({ sum, count }: { sum: number; count: number }): number {
  return sum / count;
}

function mean(slots: readonly Slot[], of: (slot: Slot) => number): number | undefined {
  return slots.length === 0 ? undefined : slots.reduce((sum, it) => sum + of(it), 0) / slots.length;
}
