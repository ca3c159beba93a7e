// @ts-check
/** Strips of ten pictures of a video, asked for when they come into sight and kept while the page is open. */
import { h } from "../core/dom.js";
import { askSprite } from "../timeline/overview.js";

const TILES = 10;
/** @type {Map<string, string>} Address of a strip that is there. */
const ready = new Map();

/** @param {import("../core/types.js").Row} video */
export function strip(video) {
  const element = h("div", { class: "film-strip", role: "img", "aria-label": "Ten pictures of the video" });
  const address = ready.get(video.id);
  if (address) show(element, address);
  else if (!video.problem) wait(element, video.id);
  return element;
}

/** @param {HTMLElement} element @param {string} address */
function show(element, address) {
  element.style.backgroundImage = `url("${address}")`;
  element.classList.add("there");
}

/** @param {HTMLElement} element @param {string} id */
async function wait(element, id) {
  await new Promise((resume) => setTimeout(resume, 60)); // Rows that are only scrolled past ask for nothing.
  if (!element.isConnected) return;
  const image = await askSprite(id, TILES, () => element.isConnected);
  if (!image) return;
  ready.set(id, image.src);
  show(element, image.src);
}
