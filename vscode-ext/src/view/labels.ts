// The two lines in the box of a step. Knows no drawing.

import type { Step } from "./messages";

const MOST_LETTERS = 34;

/** What the step does. */
export function head({ number, title }: Step): string {
  const script = /^run \/bin\/sh -c '(.*?)'?$/s.exec(title)?.[1];
  const words = `#${number} ${script === undefined ? title : `run ${script}`}`;
  // The name of what is taken from outside says the most at its end, all else at its beginning.
  return short(words, /^(image|local|git|http|oci) /.test(title) ? 14 : MOST_LETTERS);
}

/** What it is the result of, and where it comes from. */
export function foot({ places: [place] }: Step, results: readonly string[] | undefined): string {
  const from = place ? `${place.file.split("/").at(-1)}:${place.line}` : "";
  const names = results?.map((name) => name.replace(/^result of /, "").replaceAll("`", ""));
  return names ? [short(`→ ${names.join(", ")}`, 14), from].filter(Boolean).join("  ·  ") : from;
}

/** At most so many letters; what is left out stands behind the first `kept` of them. */
function short(words: string, kept: number): string {
  const letters = [...words];
  if (letters.length <= MOST_LETTERS) {
    return words;
  }
  const first = Math.min(kept, MOST_LETTERS - 1);
  return [...letters.slice(0, first), "…", ...letters.slice(letters.length - (MOST_LETTERS - 1 - first))].join("");
}
