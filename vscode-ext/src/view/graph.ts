// The view of a graph: search, keys, and what is said to and by the panel. Runs in the webview.

import { Canvas } from "./canvas";
import type { FromView, Step, ToView } from "./messages";

declare function acquireVsCodeApi(): { postMessage(message: FromView): void };

const vscode = acquireVsCodeApi();
const element = <T extends Element>(id: string): T => document.getElementById(id) as unknown as T;
const search = element<HTMLInputElement>("search");
const count = element<HTMLElement>("count");
const words = element<HTMLElement>("words");
const detail = element<HTMLElement>("detail");
const canvas = new Canvas(element<SVGSVGElement>("graph"), choose);
let steps: Step[] = [];

window.addEventListener("message", ({ data }: MessageEvent<ToView>) => {
  detail.hidden = true;
  const refused = data.kind === "refused";
  words.hidden = !refused && data.steps.steps.length > 0;
  if (refused) {
    steps = [];
    words.textContent = `No graph of ${data.target}: ${data.words}`;
    canvas.draw([], []);
  } else {
    steps = data.steps.steps;
    words.textContent = `${data.target} has no steps: it is empty.`;
    canvas.draw(steps, data.steps.results);
  }
  find();
});

search.addEventListener("input", find);
search.addEventListener("keydown", ({ key }) => {
  if (key === "Enter") {
    canvas.next();
  } else if (key === "Escape") {
    search.value = "";
    find();
  }
});
document.addEventListener("keydown", (event) => {
  if (event.target === search) {
    return;
  }
  const does: Record<string, () => void> = {
    "+": () => canvas.zoom(1.25),
    "=": () => canvas.zoom(1.25),
    "-": () => canvas.zoom(0.8),
    "0": () => canvas.fit(),
    "/": () => search.focus(),
    Escape: () => (detail.hidden = true),
  };
  const run = event.ctrlKey || event.metaKey ? undefined : does[event.key];
  if (run) {
    event.preventDefault();
    run();
  }
});
element("in").addEventListener("click", () => canvas.zoom(1.25));
element("out").addEventListener("click", () => canvas.zoom(0.8));
element("fit").addEventListener("click", () => canvas.fit());
element("refresh").addEventListener("click", () => vscode.postMessage({ kind: "refresh" }));
vscode.postMessage({ kind: "ready" });

/** Marks the steps that have all the words of the search. */
function find(): void {
  const wanted = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  const found = steps.filter((step) => {
    const text = `#${step.number} ${step.title}\n${step.text}`.toLowerCase();
    return wanted.every((word) => text.includes(word));
  });
  canvas.mark(wanted.length === 0 ? undefined : new Set(found.map(({ number }) => number)));
  const all = steps.length === 1 ? "1 step" : `${steps.length} steps`;
  count.textContent = wanted.length === 0 ? all : `${found.length} of ${all}`;
}

/** Shows all of a step, and the innermost place that asked for it in the editor. */
function choose(step: Step): void {
  const head = document.createElement("h2");
  head.textContent = `#${step.number} ${step.title}`;
  const text = document.createElement("pre");
  // Its first line is the title again.
  text.textContent = step.text.startsWith("#") ? step.text.split("\n").slice(1).join("\n") : step.text;
  const places = step.places.map((place) => {
    const link = document.createElement("button");
    link.className = "link";
    link.textContent = `${place.file.split("/").slice(-2).join("/")}:${place.line}:${place.column}`;
    link.title = place.file;
    link.addEventListener("click", () => vscode.postMessage({ kind: "open", place }));
    return link;
  });
  detail.replaceChildren(head, ...places, text);
  detail.hidden = false;
  const [place] = step.places;
  if (place) {
    vscode.postMessage({ kind: "open", place });
  }
}
