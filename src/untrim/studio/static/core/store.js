// @ts-check
/** The one store: the page's whole state, and who wants to hear of changes. */

/** @typedef {import("./types.js").State} State */
/** @typedef {(state: State) => void} Listener */

/** What is known of a video that is just being opened, and what is done in it: nothing yet. */
export const UNOPENED = Object.freeze({
  frames: null,
  curves: null,
  selected: "",
  held: "",
  pending: null,
  dragged: null,
  shown: 0,
  playing: false,
  trouble: "",
});

/** @returns {State} */
function blank() {
  return {
    route: { page: "videos", id: "" },
    project: null,
    videos: [],
    next: null,
    classes: { revision: 0, classes: [] },
    video: null,
    review: null,
    ...UNOPENED,
    label: "",
    score: null,
    view: { start: 0, end: 1 },
    speed: 1,
    everyClass: false,
    saving: { state: "saved", at: null, text: "" },
    offer: null,
    undo: { undo: "", redo: "" },
    jobs: [],
    work: null,
    connected: true,
  };
}

/** Changes are told once per frame of the screen, or at once where a test or a save needs it (`flush`). */
class Store {
  /** @type {State} */
  state = blank();
  /** @type {Set<{keys: (keyof State)[], listener: Listener}>} */
  #listeners = new Set();
  /** @type {Set<keyof State>} */
  #changed = new Set();
  #planned = 0;

  /** @param {Partial<State>} patch */
  set(patch) {
    for (const key of /** @type {(keyof State)[]} */ (Object.keys(patch))) {
      if (this.state[key] !== patch[key]) this.#changed.add(key);
    }
    if (!this.#changed.size) return;
    this.state = { ...this.state, ...patch };
    if (!this.#planned) this.#planned = requestAnimationFrame(() => this.flush());
    if (document.hidden) this.flush(); // A page in the background is given no frames.
  }

  /**
   * Call `listener` now and after each change of one of `keys`.
   * @param {(keyof State)[]} keys
   * @param {Listener} listener
   * @returns {() => void} Ends it.
   */
  watch(keys, listener) {
    const entry = { keys, listener };
    this.#listeners.add(entry);
    listener(this.state);
    return () => this.#listeners.delete(entry);
  }

  flush() {
    cancelAnimationFrame(this.#planned);
    this.#planned = 0;
    const changed = this.#changed;
    this.#changed = new Set();
    for (const { keys, listener } of [...this.#listeners]) {
      if (keys.some((key) => changed.has(key))) listener(this.state);
    }
  }
}

export const store = new Store();
