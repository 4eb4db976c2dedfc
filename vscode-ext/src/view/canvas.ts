// Draws steps as SVG, and moves the picture. Knows no editor.

import { layout, Point } from "./layout";
import { foot, head } from "./labels";
import type { Step, Steps } from "./messages";

const SVG = "http://www.w3.org/2000/svg";
const LETTER = 7.3;
const SMALL = 6.2;
const HEIGHT = 44;
const MARGIN = 24;
/** Below `readable` letters cannot be read any more: a new graph is then shown in part. */
const ZOOM = { least: 0.05, readable: 0.6, most: 3 };

interface Node {
  group: SVGGElement;
  centre: Point;
}

export class Canvas {
  private readonly scene = make("g");
  private nodes = new Map<number, Node>();
  private marked: number[] = [];
  private turn = 0;
  private size = { width: 0, height: 0 };
  private view = { x: 0, y: 0, scale: 1 };

  constructor(
    private readonly svg: SVGSVGElement,
    private readonly choose: (step: Step) => void,
  ) {
    svg.append(arrow(), this.scene);
    svg.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    this.dragging();
    new ResizeObserver(() => this.show()).observe(svg);
  }

  draw(steps: readonly Step[], results: Steps["results"]): void {
    const named = new Map<number, string[]>();
    for (const [name, number] of results) {
      if (number !== null) {
        named.set(number, [...(named.get(number) ?? []), name]);
      }
    }
    const at = new Map(steps.map(({ number }, index) => [number, index]));
    const lines = steps.map((step) => [head(step), foot(step, named.get(step.number))] as const);
    const sizes = lines.map(([title, below]) => ({ width: Math.max(80, title.length * LETTER, below.length * SMALL) + 24, height: HEIGHT }));
    const inputs = steps.flatMap((step, to) => step.inputs.map(([number, name]) => ({ from: at.get(number) ?? -1, to, name })));
    const { nodes, edges, width, height } = layout(sizes, inputs);
    this.size = { width, height };
    this.nodes.clear();
    const paths = edges.flatMap((way, index) => (way.length > 1 ? [line(way, inputs[index]?.name ?? "")] : []));
    const boxes = steps.map((step, index) => {
      const [title, below] = lines[index]!;
      const group = this.box(step, title, below, sizes[index]!.width, nodes[index]!, named.has(step.number));
      this.nodes.set(step.number, { group, centre: nodes[index]! });
      return group;
    });
    this.scene.replaceChildren(...paths, ...boxes);
    this.fit();
    if (this.view.scale < ZOOM.readable) {
      // The first step stands at the top, and what needs it below.
      const { width } = this.svg.getBoundingClientRect();
      this.view = { x: width / 2 - (nodes[0]?.x ?? 0) * ZOOM.readable, y: MARGIN, scale: ZOOM.readable };
      this.show();
    }
  }

  /** Dims all but these; nothing if there is no search. */
  mark(found: Set<number> | undefined): void {
    this.marked = found ? [...found].sort((a, b) => a - b) : [];
    this.turn = 0;
    this.svg.classList.toggle("searching", found !== undefined);
    for (const [number, { group }] of this.nodes) {
      group.classList.toggle("found", found?.has(number) ?? false);
    }
  }

  /** Brings the next marked step into the middle. */
  next(): void {
    const number = this.marked[this.turn++ % Math.max(1, this.marked.length)];
    const node = number === undefined ? undefined : this.nodes.get(number);
    if (node) {
      const { width, height } = this.svg.getBoundingClientRect();
      const scale = Math.max(this.view.scale, 0.8);
      this.view = { x: width / 2 - node.centre.x * scale, y: height / 2 - node.centre.y * scale, scale };
      this.show();
      node.group.focus();
    }
  }

  fit(): void {
    const { width, height } = this.svg.getBoundingClientRect();
    const room = { width: Math.max(1, width - 2 * MARGIN), height: Math.max(1, height - 2 * MARGIN) };
    const scale = Math.max(ZOOM.least, Math.min(1, room.width / Math.max(1, this.size.width), room.height / Math.max(1, this.size.height)));
    this.view = { x: (width - this.size.width * scale) / 2, y: Math.max(MARGIN, (height - this.size.height * scale) / 2), scale };
    this.show();
  }

  /** Zooms round a point of the view; round its middle if there is none. */
  zoom(factor: number, at?: Point): void {
    const { width, height } = this.svg.getBoundingClientRect();
    const { x, y } = at ?? { x: width / 2, y: height / 2 };
    const scale = Math.min(ZOOM.most, Math.max(ZOOM.least, this.view.scale * factor));
    const by = scale / this.view.scale;
    this.view = { x: x - (x - this.view.x) * by, y: y - (y - this.view.y) * by, scale };
    this.show();
  }

  private show(): void {
    const { x, y, scale } = this.view;
    this.scene.setAttribute("transform", `translate(${x} ${y}) scale(${scale})`);
  }

  private wheel(event: WheelEvent): void {
    event.preventDefault();
    const box = this.svg.getBoundingClientRect();
    if (event.ctrlKey || !event.shiftKey) {
      this.zoom(Math.exp(-event.deltaY / 400), { x: event.clientX - box.x, y: event.clientY - box.y });
    } else {
      this.view.x -= event.deltaX || event.deltaY;
      this.show();
    }
  }

  private dragging(): void {
    let from: Point | undefined;
    this.svg.addEventListener("pointerdown", (event) => {
      if (event.button === 0 && !(event.target as Element).closest(".node")) {
        from = { x: event.clientX - this.view.x, y: event.clientY - this.view.y };
        this.svg.setPointerCapture(event.pointerId);
      }
    });
    this.svg.addEventListener("pointermove", (event) => {
      if (from) {
        this.view = { ...this.view, x: event.clientX - from.x, y: event.clientY - from.y };
        this.show();
      }
    });
    for (const end of ["pointerup", "pointercancel"]) {
      this.svg.addEventListener(end, () => (from = undefined));
    }
  }

  private box(step: Step, title: string, below: string, width: number, { x, y }: Point, result: boolean): SVGGElement {
    const group = make("g", {
      class: result ? "node result" : "node",
      transform: `translate(${x - width / 2} ${y - HEIGHT / 2})`,
      tabindex: "0",
      role: "button",
      "aria-label": `Step ${step.number}: ${step.title}`,
      "data-number": String(step.number),
    });
    group.append(
      make("rect", { width: String(width), height: String(HEIGHT), rx: "5" }),
      text(title, 12, 19, "title"),
      text(below, 12, 35, "below"),
      tip(step.text),
    );
    group.addEventListener("click", () => this.choose(step));
    group.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") {
        event.preventDefault();
        this.choose(step);
      }
    });
    return group;
  }
}

/** An edge as a curve that leaves and enters each layer straight down. */
function line(way: readonly Point[], name: string): SVGPathElement {
  let d = `M${way[0]!.x} ${way[0]!.y}`;
  for (let at = 1; at < way.length; at++) {
    const [a, b] = [way[at - 1]!, way[at]!];
    const middle = (a.y + b.y) / 2;
    d += `C${a.x} ${middle} ${b.x} ${middle} ${b.x} ${b.y}`;
  }
  const made = make("path", { class: "edge", d, "marker-end": "url(#arrow)" });
  made.append(tip(name));
  return made;
}

function arrow(): SVGDefsElement {
  const defs = make("defs");
  const marker = make("marker", { id: "arrow", viewBox: "0 0 8 8", refX: "8", refY: "4", markerWidth: "8", markerHeight: "8", orient: "auto" });
  marker.append(make("path", { class: "head", d: "M0 0.5L8 4L0 7.5z" }));
  defs.append(marker);
  return defs;
}

function text(words: string, x: number, y: number, name: string): SVGTextElement {
  const made = make("text", { x: String(x), y: String(y), class: name });
  made.textContent = words;
  return made;
}

function tip(words: string): SVGTitleElement {
  const made = make("title");
  made.textContent = words;
  return made;
}

function make<K extends keyof SVGElementTagNameMap>(name: K, attributes: Record<string, string> = {}): SVGElementTagNameMap[K] {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) {
    made.setAttribute(key, value);
  }
  return made;
}
