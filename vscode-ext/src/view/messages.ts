// What the panel of the graph and its view say to each other.

/** A place as people count: the first line and column are 1. */
export interface Place {
  file: string;
  line: number;
  column: number;
}

export interface Step {
  number: number;
  title: string;
  text: string;
  /** The steps that it needs, each with its part in this one. */
  inputs: [number, string][];
  /** The places that asked for it, innermost first. */
  places: Place[];
}

export interface Steps {
  steps: Step[];
  results: [string, number | null][];
}

export type ToView = { kind: "graph"; target: string; steps: Steps } | { kind: "refused"; target: string; words: string };

export type FromView = { kind: "ready" } | { kind: "refresh" } | { kind: "open"; place: Place };
