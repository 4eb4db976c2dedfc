// As much of the editor as the tests of single modules need; what it shows is kept, to be looked at.

export class EventEmitter {
  #listeners = new Set();
  event = (listener) => {
    this.#listeners.add(listener);
    return new Disposable(() => this.#listeners.delete(listener));
  };
  fire(value) {
    this.#listeners.forEach((listener) => listener(value));
  }
}

export class Disposable {
  constructor(dispose) {
    this.dispose = dispose;
  }
  static from(...all) {
    return new Disposable(() => all.forEach((it) => it.dispose()));
  }
}

export const LanguageStatusSeverity = { Information: 0, Warning: 1, Error: 2 };

/** What stands in the status bar, and what was told, the last of it last. */
export const shown = { items: {}, errors: [] };

export const languages = {
  createLanguageStatusItem: (id) => (shown.items[id] = { dispose: () => delete shown.items[id] }),
};
export const window = { showErrorMessage: async (words) => void shown.errors.push(words) };
export const workspace = { isTrusted: true, getConfiguration: () => ({ get: () => undefined }) };
export const commands = {};
export const env = {};
export const Uri = {};
