// @ts-check
/**
 * Edits that the server has not acknowledged, kept by the browser: a server that was killed or a window that was closed
 * loses none. Each window has its own; a window that lives looks after its own, and the rest is found at the next start.
 */

/** @typedef {import("../core/types.js").Review} Review */
/** @typedef {{base: Review, mine: Review, at: number}} Kept `base`: what the server had. */

const PREFIX = "untrim.edit.";
const STALE = 60_000; // milliseconds after which a kept edit is nobody's, where windows cannot tell that they live

const windowId = (() => {
  const known = sessionStorage.getItem("untrim.window") ?? crypto.getRandomValues(new Uint32Array(2)).join("-");
  sessionStorage.setItem("untrim.window", known);
  return known;
})();
// The lock is held for as long as the window lives.
navigator.locks?.request(`untrim.window.${windowId}`, () => new Promise(() => {}));

/** @param {string} video @param {Review} base @param {Review} mine */
export function keep(video, base, mine) {
  try {
    localStorage.setItem(`${PREFIX}${windowId}.${video}`, JSON.stringify({ base, mine, at: Date.now() }));
  } catch {
    // Full or forbidden: the save itself goes on.
  }
}

/** @param {string} video */
export function forgetKept(video) {
  localStorage.removeItem(`${PREFIX}${windowId}.${video}`);
}

/**
 * Edits that windows left behind, this one before it was loaded anew among them. They are taken: they are here no more.
 * @returns {Promise<{video: string, kept: Kept}[]>}
 */
export async function takeLeft() {
  const held = (await navigator.locks?.query())?.held ?? null;
  /** @type {{video: string, kept: Kept}[]} */
  const found = [];
  for (const key of Object.keys(localStorage).filter((name) => name.startsWith(PREFIX))) {
    const [owner, video] = key.slice(PREFIX.length).split(".");
    /** @type {Kept} */
    const kept = JSON.parse(localStorage.getItem(key) ?? "null");
    const lives = held
      ? held.some(({ name }) => name === `untrim.window.${owner}`)
      : kept && Date.now() - kept.at < STALE;
    if (owner !== windowId && lives) continue;
    localStorage.removeItem(key);
    if (kept) found.push({ video, kept });
  }
  return found;
}
