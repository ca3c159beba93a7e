// @ts-check
/** Draws one segment on the timeline: what was found as an outline, decisions filled, what is selected with handles. */
import { colours, filling, readable } from "./colours.js";
import { ROW } from "./rows.js";

/** @typedef {import("../core/types.js").Item} Item */
/** @typedef {import("../core/types.js").ClassInfo} ClassInfo */
/** @typedef {import("./draw.js").Sheet} Sheet */
/** @typedef {{left: number, top: number, wide: number}} Box */

export const TOP = 7; // pixels of a row above its segments
export const TALL = ROW - 18;
export const FONT = "500 11.5px system-ui, sans-serif";
const SIGNS = { found: "?", accepted: "✓", adjusted: "✓~", added: "+", rejected: "✕" }; // No state is told by colour alone.

/** @param {Sheet} sheet @param {ClassInfo} info @param {Item} item @param {number} y */
export function block({ pen, state, x, width }, info, item, y) {
  const [left, right] = [x(item.start), x(item.end)];
  if (right < -4 || left > width + 4) return;
  const box = { left, top: y + TOP, wide: Math.max(2, right - left) };
  const { card, faint } = colours();
  const { found, rejected } = { found: item.state === "found", rejected: item.state === "rejected" };
  pen.beginPath();
  pen.roundRect(box.left, box.top, box.wide, TALL, Math.min(5, box.wide / 2));
  pen.globalAlpha = found ? 0.4 : rejected ? 0.5 : 1;
  pen.fillStyle = found ? card : rejected ? faint : filling(pen, info);
  pen.fill();
  pen.globalAlpha = rejected ? 0.6 : 1;
  pen.strokeStyle = info.color;
  pen.lineWidth = found || rejected ? 2 : 1;
  if (rejected) pen.setLineDash([4, 3]);
  pen.stroke();
  pen.setLineDash([]);
  if (rejected) strike(pen, box);
  pen.globalAlpha = 1;
  if (state.selected === item.id) halo(pen, box, state.held);
  caption(pen, item, info, { ...box, left: Math.max(left, 0), wide: Math.min(right, width) - Math.max(left, 0) });
}

/** @param {CanvasRenderingContext2D} pen @param {Box} box */
function strike(pen, { left, top, wide }) {
  pen.beginPath();
  pen.moveTo(left + 2, top + TALL / 2);
  pen.lineTo(left + wide - 2, top + TALL / 2);
  pen.stroke();
}

/** A frame around what is selected, and a handle at each edge. @param {CanvasRenderingContext2D} pen @param {Box} box @param {string} held */
function halo(pen, { left, top, wide }, held) {
  const { ink, card, accent } = colours();
  pen.lineWidth = 2;
  pen.strokeStyle = ink;
  pen.beginPath();
  pen.roundRect(left - 2.5, top - 2.5, wide + 5, TALL + 5, 7);
  pen.stroke();
  for (const [edge, at] of /** @type {[string, number][]} */ ([
    ["start", left],
    ["end", left + wide],
  ])) {
    const large = held === edge;
    pen.beginPath();
    pen.roundRect(at - (large ? 5 : 3), top + (large ? -3 : 5), large ? 10 : 6, TALL + (large ? 6 : -10), 3);
    pen.fillStyle = large ? accent : ink;
    pen.fill();
    pen.lineWidth = 1.5;
    pen.strokeStyle = card;
    pen.stroke();
  }
}

/** The sign of its state, and the score of what was found, where there is room. @param {CanvasRenderingContext2D} pen @param {Item} item @param {ClassInfo} info @param {Box} box The part in sight. */
function caption(pen, item, info, { left, top, wide }) {
  if (wide < 20) return;
  const filled = item.state !== "found" && item.state !== "rejected";
  const score = item.state === "found" && item.score !== null && wide > 62 ? ` ${item.score.toFixed(2)}` : "";
  const text = SIGNS[item.state] + score;
  const room = widthOf(pen, text);
  if (room + 16 > wide) return;
  if (filled && info.cue !== "solid") {
    pen.fillStyle = info.color;
    pen.beginPath();
    pen.roundRect(left + 5, top + 6, room + 8, TALL - 12, 4);
    pen.fill();
  }
  pen.fillStyle = filled ? readable(info.color) : colours().ink;
  pen.fillText(text, left + 9, top + TALL / 2 + 1);
}

/** @type {Map<string, number>} */
const widths = new Map();

/** Measuring a text is slow, and scores come again and again. @param {CanvasRenderingContext2D} pen @param {string} text */
function widthOf(pen, text) {
  let width = widths.get(text);
  if (width === undefined) widths.set(text, (width = pen.measureText(text).width));
  return width;
}
