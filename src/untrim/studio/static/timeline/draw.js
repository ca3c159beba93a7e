// @ts-check
/** Draws the timeline: ruler, curves, ground truth, what was found, decisions, points, playhead. */
import { clock } from "../core/text.js";
import { block, FONT, TALL, TOP } from "./blocks.js";
import { colours } from "./colours.js";
import { ROW } from "./rows.js";
import { ticks, toX } from "./view.js";

/** @typedef {import("../core/types.js").State} State */
/** @typedef {import("./rows.js").TimelineRow} TimelineRow */
/** @typedef {{pen: CanvasRenderingContext2D, width: number, height: number, state: State, x: (seconds: number) => number}} Sheet */

export const RULER = 26; // pixels

/**
 * @param {CanvasRenderingContext2D} pen
 * @param {number} width
 * @param {number} height
 * @param {State} state
 * @param {TimelineRow[]} rows
 * @param {number} scroll Pixels of rows above the edge.
 */
export function draw(pen, width, height, state, rows, scroll) {
  const { ink, line } = colours();
  const sheet = { pen, width, height, state, x: (/** @type {number} */ seconds) => toX(state.view, width, seconds) };
  pen.clearRect(0, 0, width, height);
  pen.save();
  pen.beginPath();
  pen.rect(0, RULER, width, height - RULER);
  pen.clip();
  pen.font = FONT;
  pen.textBaseline = "middle";
  grid(sheet);
  for (const row of rows) {
    const y = RULER + row.y - scroll;
    if (y + ROW < RULER || y > height) continue;
    pen.fillStyle = line;
    pen.fillRect(0, y + ROW - 1, width, 1);
    curve(sheet, row, y);
    marks(sheet, row, y);
  }
  pen.restore();
  ruler(sheet);
  const head = Math.round(sheet.x(state.frames?.secondsOf(state.shown) ?? 0));
  pen.fillStyle = ink;
  pen.fillRect(head - 0.75, 12, 1.5, height);
  pen.beginPath();
  pen.roundRect(head - 5, 4, 10, 12, [3, 3, 5, 5]);
  pen.fill();
}

/** @param {Sheet} sheet */
function grid({ pen, width, height, state, x }) {
  pen.fillStyle = colours().faint;
  for (const time of ticks(state.view, width).major) pen.fillRect(Math.round(x(time)), RULER, 1, height);
}

/** @param {Sheet} sheet */
function ruler({ pen, width, state, x }) {
  const { soft, line } = colours();
  const { major, minor, digits } = ticks(state.view, width);
  pen.fillStyle = line;
  pen.fillRect(0, RULER - 1, width, 1);
  for (let index = Math.floor(state.view.start / minor); index * minor <= state.view.end; index += 1) {
    pen.fillRect(Math.round(x(index * minor)), RULER - 5, 1, 4);
  }
  pen.font = "11px system-ui, sans-serif";
  pen.textBaseline = "middle";
  for (const time of major) {
    pen.fillStyle = soft;
    pen.fillRect(Math.round(x(time)), RULER - 9, 1, 8);
    pen.fillText(clock(time, digits), Math.round(x(time)) + 5, 11);
  }
}

/** The activation of the class: an area and its line, with the threshold as a dashed line. @param {Sheet} sheet @param {TimelineRow} row @param {number} y */
function curve({ pen, width, state, x }, row, y) {
  const found = state.curves?.rows.get(row.label);
  if (!found || !state.curves) return;
  const { times } = state.curves;
  const level = (/** @type {number} */ value) => y + ROW - 2 - value * (ROW - 6);
  const first = Math.max(0, below(times, state.view.start) - 1);
  const last = Math.min(times.length - 1, below(times, state.view.end) + 1);
  const path = new Path2D();
  let column = -Infinity;
  let top = 0;
  for (let index = first; index <= last; index += 1) {
    const at = x(times[index]);
    // Several values in a pixel: the largest of them.
    top = Math.floor(at) === column ? Math.max(top, found.values[index]) : found.values[index];
    column = Math.floor(at);
    if (index === first) path.moveTo(at, level(top));
    else path.lineTo(at, level(top));
  }
  const area = new Path2D(path);
  area.lineTo(x(times[last]), y + ROW - 1);
  area.lineTo(x(times[first]), y + ROW - 1);
  pen.fillStyle = pen.strokeStyle = row.info.color;
  pen.globalAlpha = 0.2;
  pen.fill(area);
  pen.globalAlpha = 0.85;
  pen.lineWidth = 1.25;
  pen.stroke(path);
  pen.globalAlpha = 1;
  if (found.threshold !== null) dashed(pen, width, Math.round(level(found.threshold)) + 0.5);
}

/** @param {CanvasRenderingContext2D} pen @param {number} width @param {number} y */
function dashed(pen, width, y) {
  pen.globalAlpha = 0.4;
  pen.setLineDash([2, 4]);
  pen.strokeStyle = colours().soft;
  pen.beginPath();
  pen.moveTo(0, y);
  pen.lineTo(width, y);
  pen.stroke();
  pen.setLineDash([]);
  pen.globalAlpha = 1;
}

/** @param {Float32Array} times @param {number} bound */
function below(times, bound) {
  let [low, high] = [0, times.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] <= bound) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** @param {Sheet} sheet @param {TimelineRow} row @param {number} y */
function marks(sheet, row, y) {
  const { pen, state, x, width } = sheet;
  const { ink, card } = colours();
  pen.fillStyle = ink;
  for (const { start, end } of row.truth) pen.fillRect(x(start), y + ROW - 6, Math.max(1, x(end) - x(start)), 3);
  const { dragged, pending } = state;
  for (const item of row.items) if (item.id !== dragged?.id) block(sheet, row.info, item, y);
  if (dragged && dragged.label === row.label) block(sheet, row.info, dragged, y);
  if (pending && pending.label === row.label) {
    const now = state.frames?.secondsOf(state.shown) ?? pending.start;
    const [left, right] = [x(Math.min(now, pending.start)), x(Math.max(now, pending.start))];
    pen.globalAlpha = 0.35;
    pen.fillStyle = row.info.color;
    pen.fillRect(left, y + TOP, Math.max(2, right - left), TALL);
    pen.globalAlpha = 1;
    pen.fillStyle = ink;
    pen.fillRect(x(pending.start) - 1, y + TOP - 3, 2, TALL + 6);
  }
  for (const { time, index } of row.points) {
    const at = x(time);
    if (at < -8 || at > width + 8) continue;
    diamond(pen, at, y + ROW / 2 - 1, state.selected === `p${index}` ? 9 : 6.5);
    pen.fillStyle = row.info.color;
    pen.fill();
    pen.lineWidth = state.selected === `p${index}` ? 2.5 : 1.5;
    pen.strokeStyle = state.selected === `p${index}` ? ink : card;
    pen.stroke();
  }
}

/** @param {CanvasRenderingContext2D} pen @param {number} x @param {number} y @param {number} size */
function diamond(pen, x, y, size) {
  pen.beginPath();
  pen.moveTo(x, y - size);
  pen.lineTo(x + size, y);
  pen.lineTo(x, y + size);
  pen.lineTo(x - size, y);
  pen.closePath();
}
