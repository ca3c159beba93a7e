// @ts-check
/** Strips of ten pictures of a video, asked for when they come into sight and kept while the page is open. */
import { h } from "../core/dom.js";
import { askSprite } from "../timeline/overview.js";

/** @typedef {import("../core/types.js").Row} Row */

const TILES = 10;
const TILE = 160 / 90; // width by height; a picture of another form has black bars in it
const [NARROWEST, WIDEST] = [1.25, 2.2]; // forms of a picture in the strip
const PAUSE = 60; // milliseconds; rows that are only scrolled past ask for nothing
/** @type {Map<string, string>} Address of a strip that is there. */
const ready = new Map();

/** @param {Row} video */
export function strip(video) {
  const element = h("div", { class: "film-strip", role: "img", "aria-label": "Ten pictures of the video" });
  const aspect = video.width && video.height ? video.width / video.height : TILE;
  const shown = Math.max(NARROWEST, Math.min(WIDEST, aspect));
  for (let tile = 0; tile < TILES; tile += 1) element.append(picture(tile, aspect, shown));
  const address = ready.get(video.id);
  if (address) show(element, address);
  else if (!video.problem) wait(element, video.id);
  return element;
}

/** A box that shows one tile without its bars. @param {number} tile @param {number} aspect @param {number} shown */
function picture(tile, aspect, shown) {
  const box = h("i", {});
  const wide = Math.min(1, aspect / TILE) * Math.min(1, shown / aspect); // shares of the tile that are seen
  const tall = Math.min(1, TILE / aspect) * Math.min(1, aspect / shown);
  const left = (tile + (1 - wide) / 2) / wide;
  box.style.aspectRatio = String(shown);
  box.style.backgroundSize = `${(100 * TILES) / wide}% ${100 / tall}%`;
  box.style.backgroundPosition = `${(100 * left) / (TILES / wide - 1)}% 50%`;
  return box;
}

/** @param {HTMLElement} element @param {string} address */
function show(element, address) {
  element.classList.add("there");
  for (const box of /** @type {HTMLCollectionOf<HTMLElement>} */ (element.children))
    box.style.backgroundImage = `url("${address}")`;
}

/** @param {HTMLElement} element @param {string} id */
async function wait(element, id) {
  await new Promise((resume) => setTimeout(resume, PAUSE));
  if (!element.isConnected) return;
  const image = await askSprite(id, TILES, () => element.isConnected);
  if (!image) return;
  ready.set(id, image.src);
  show(element, image.src);
}
