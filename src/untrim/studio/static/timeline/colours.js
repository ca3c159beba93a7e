// @ts-check
/** Colours of the page and of classes on a canvas; each class has a pattern as well, for eyes that mix up colours. */

import { h } from "../core/dom.js";

/** @typedef {import("../core/types.js").ClassInfo} ClassInfo */
/** @typedef {Record<"page" | "card" | "ink" | "soft" | "line" | "faint" | "accent" | "warn", string>} Theme */

const NAMES = /** @type {(keyof Theme)[]} */ (["page", "card", "ink", "soft", "line", "faint", "accent", "warn"]);

/** @returns {Theme} */
function read() {
  const style = getComputedStyle(document.documentElement);
  return /** @type {Theme} */ (
    Object.fromEntries(NAMES.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]))
  );
}

let theme = /** @type {Theme | null} */ (null);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => (theme = null));

/** The colours in force, light or dark. */
export const colours = () => (theme ??= read());

const SWATCH = 14; // pixels

/** @type {Record<string, (pen: CanvasRenderingContext2D, size: number) => void>} */
const CUES = {
  stripes: (pen, size) =>
    lines(pen, [
      [0, size, size, 0],
      [-1, 1, 1, -1],
      [size - 1, size + 1, size + 1, size - 1],
    ]),
  dots: (pen, size) =>
    dot(pen, [
      [size / 4, size / 4],
      [(3 * size) / 4, (3 * size) / 4],
    ]),
  cross: (pen, size) =>
    lines(pen, [
      [0, 0, size, size],
      [0, size, size, 0],
    ]),
  waves: (pen, size) =>
    lines(pen, [
      [0, size / 2, size / 2, size / 4],
      [size / 2, size / 4, size, size / 2],
    ]),
  grid: (pen, size) =>
    lines(pen, [
      [0, size / 2, size, size / 2],
      [size / 2, 0, size / 2, size],
    ]),
};

/** @param {CanvasRenderingContext2D} pen @param {number[][]} segments */
function lines(pen, segments) {
  pen.beginPath();
  for (const [x0, y0, x1, y1] of segments) {
    pen.moveTo(x0, y0);
    pen.lineTo(x1, y1);
  }
  pen.stroke();
}

/** @param {CanvasRenderingContext2D} pen @param {number[][]} places */
function dot(pen, places) {
  for (const [x, y] of places) {
    pen.beginPath();
    pen.arc(x, y, 1.3, 0, 7);
    pen.fill();
  }
}

/** @type {Map<string, CanvasPattern | string>} */
const made = new Map();

/**
 * What a segment of a class is filled with.
 * @param {CanvasRenderingContext2D} target
 * @param {ClassInfo} info
 * @returns {CanvasPattern | string}
 */
export function filling(target, { color, cue }) {
  const draw = CUES[cue];
  if (!draw) return color;
  const key = `${color} ${cue} ${devicePixelRatio}`;
  const known = made.get(key);
  if (known) return known;
  const size = 8;
  const tile = document.createElement("canvas");
  tile.width = tile.height = Math.round(size * devicePixelRatio);
  const pen = /** @type {CanvasRenderingContext2D} */ (tile.getContext("2d"));
  pen.scale(tile.width / size, tile.height / size);
  pen.fillStyle = color;
  pen.fillRect(0, 0, size, size);
  pen.strokeStyle = pen.fillStyle = readable(color) === "#ffffff" ? "rgb(255 255 255 / 38%)" : "rgb(0 0 0 / 26%)";
  pen.lineWidth = 1.2;
  draw(pen, size);
  const pattern = /** @type {CanvasPattern} */ (target.createPattern(tile, "repeat"));
  pattern.setTransform(new DOMMatrix().scale(size / tile.width));
  made.set(key, pattern);
  return pattern;
}

/** Black or white, whichever is read better on a colour. @param {string} color `#rrggbb` */
export function readable(color) {
  const [red, green, blue] = [1, 3, 5].map((at) => (parseInt(color.slice(at, at + 2), 16) / 255) ** 2.2);
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.3 ? "#16191c" : "#ffffff";
}

/** @type {Map<string, string>} */
const swatches = new Map();

/**
 * The swatch of a class: colour and pattern. Each is drawn once; a canvas for each place would be slow.
 * @param {ClassInfo} info
 */
export function swatchOf(info) {
  const key = `${info.color} ${info.cue} ${devicePixelRatio}`;
  let picture = swatches.get(key);
  if (!picture) {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = SWATCH * devicePixelRatio;
    const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    pen.scale(devicePixelRatio, devicePixelRatio);
    pen.fillStyle = filling(pen, info);
    pen.beginPath();
    pen.roundRect(0, 0, SWATCH, SWATCH, 4);
    pen.fill();
    picture = `url(${canvas.toDataURL()})`;
    swatches.set(key, picture);
  }
  const swatch = h("i", { class: "swatch", "aria-hidden": "true" });
  swatch.style.backgroundImage = picture;
  return swatch;
}
