// @ts-check
/**
 * The mouse on the timeline: drag in an empty row makes a segment, its edges and body are moved, the ruler is wound,
 * the wheel zooms. Edges snap to frames; with Shift they do not. What a drag has made so far is `dragged` in the store.
 */
import { store } from "../core/store.js";
import { newId } from "../edit/edits.js";
import { RULER } from "./draw.js";
import { rowsOf } from "./rows.js";
import { pan, toSeconds, toX, zoom } from "./view.js";

/** @typedef {import("../core/types.js").Item} Item */
/** @typedef {import("./rows.js").TimelineRow} TimelineRow */
/** @typedef {{kind: "item", row: TimelineRow, item: Item, edge: "" | "start" | "end"} | {kind: "point", row: TimelineRow,
 *   index: number} | {kind: "row", row: TimelineRow} | {kind: "ruler"} | {kind: "nothing"}} Hit */
/**
 * What the page does with a gesture.
 * @typedef {object} Doers
 * @property {(seconds: number) => void} seek
 * @property {(id: string) => void} select
 * @property {(label: string) => void} choose A class for what is marked next.
 * @property {(item: Item & {moved: boolean}, fresh: boolean) => void} finish A drag has ended.
 * @property {(id: string) => void} play
 */

const HANDLE = 8; // pixels
const START = 3; // pixels until a press becomes a drag

/**
 * @param {HTMLCanvasElement} canvas
 * @param {() => {width: number, scroll: number}} size
 * @param {Doers} doers
 */
export function mouse(canvas, size, doers) {
  const place = (/** @type {MouseEvent} */ event) => {
    const box = canvas.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  const time = (/** @type {number} */ x) => toSeconds(store.state.view, size().width, x);

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    const { x, y } = place(event);
    const target = hit(x, y, size());
    canvas.setPointerCapture(event.pointerId);
    const gesture = begin(target, x, time(x), doers);
    if (!gesture) return;
    const move = (/** @type {PointerEvent} */ later) =>
      gesture.move(place(later).x, time(place(later).x), !later.shiftKey);
    const end = () => {
      canvas.removeEventListener("pointermove", move);
      gesture.end();
    };
    canvas.addEventListener("pointermove", move);
    canvas.addEventListener("pointerup", end, { once: true });
    canvas.addEventListener("lostpointercapture", () => canvas.removeEventListener("pointermove", move), {
      once: true,
    });
  });

  canvas.addEventListener("pointermove", (event) => {
    if (event.buttons) return;
    const { x, y } = place(event);
    canvas.style.cursor = cursor(hit(x, y, size()));
  });

  canvas.addEventListener("dblclick", (event) => {
    const { x, y } = place(event);
    const target = hit(x, y, size());
    if (target.kind === "item") doers.play(target.item.id);
  });

  canvas.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      const { view, frames } = store.state;
      if (!frames) return;
      const span = view.end - view.start;
      const sideways = event.shiftKey ? event.deltaY || event.deltaX : event.deltaX;
      if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
        store.set({ view: pan(view, (sideways / size().width) * span, frames.end) });
      } else {
        const factor = Math.exp(Math.max(-80, Math.min(80, event.deltaY)) * 0.003);
        store.set({ view: zoom(view, factor, time(place(event).x), frames.end) });
      }
    },
    { passive: false },
  );
}

/**
 * What lies at a place. A selected item comes before others, the shorter before the longer.
 * @param {number} x @param {number} y @param {{width: number, scroll: number}} size
 * @returns {Hit}
 */
export function hit(x, y, { width, scroll }) {
  if (y < RULER) return { kind: "ruler" };
  const { state } = store;
  const row = rowsOf(state).find(
    (candidate) => y - RULER + scroll >= candidate.y && y - RULER + scroll < candidate.y + candidate.height,
  );
  if (!row) return { kind: "nothing" };
  const at = (/** @type {number} */ seconds) => toX(state.view, width, seconds);
  for (const { time, index } of row.points) if (Math.abs(at(time) - x) <= HANDLE) return { kind: "point", row, index };
  const near = row.items.filter(({ start, end }) => x >= at(start) - HANDLE / 2 && x <= at(end) + HANDLE / 2);
  near.sort(
    (a, b) => Number(b.id === state.selected) - Number(a.id === state.selected) || a.end - a.start - (b.end - b.start),
  );
  const item = near[0];
  if (!item) return { kind: "row", row };
  const [left, right] = [at(item.start), at(item.end)];
  const reach = Math.min(HANDLE, Math.max(HANDLE / 2, (right - left) / 4));
  if (Math.abs(x - left) <= reach || Math.abs(x - right) <= reach) {
    return { kind: "item", row, item, edge: Math.abs(x - left) < Math.abs(x - right) ? "start" : "end" };
  }
  return { kind: "item", row, item, edge: "" };
}

/** @param {Hit} target */
function cursor(target) {
  if (target.kind === "item") return target.edge ? "ew-resize" : "grab";
  return { point: "pointer", row: "crosshair", ruler: "col-resize", nothing: "default" }[target.kind];
}

/**
 * @param {Hit} target
 * @param {number} from Where the press was, in pixels.
 * @param {number} pressed And in seconds.
 * @param {Doers} doers
 * @returns {{move: (x: number, seconds: number, snap: boolean) => void, end: () => void} | null}
 */
function begin(target, from, pressed, doers) {
  const { frames } = store.state;
  if (!frames) return null;
  const bounded = (/** @type {number} */ seconds, /** @type {boolean} */ snap) => {
    const inside = Math.max(0, Math.min(frames.end, seconds));
    return snap ? frames.snap(inside) : inside;
  };
  if (target.kind === "nothing") return null;
  if (target.kind === "ruler") {
    doers.seek(bounded(pressed, false));
    return { move: (_, seconds) => doers.seek(bounded(seconds, false)), end: () => {} };
  }
  if (target.kind === "point") {
    doers.select(`p${target.index}`);
    return null;
  }
  const fresh = target.kind === "row";
  const original = fresh ? fromNothing(target.row.label, pressed) : target.item;
  if (fresh) doers.choose(target.row.label);
  else doers.select(original.id);
  const edge = fresh ? "end" : target.edge;
  let moved = false;
  return {
    move(x, seconds, snap) {
      if (!moved && Math.abs(x - from) < START) return;
      moved = true;
      let { start, end } = original;
      if (fresh) [start, end] = [bounded(Math.min(pressed, seconds), snap), bounded(Math.max(pressed, seconds), snap)];
      else if (edge === "start")
        start = Math.min(bounded(start + seconds - pressed, snap), frames.secondsOf(frames.at(end - 1e-5)));
      else if (edge === "end")
        end = Math.max(
          bounded(end + seconds - pressed, snap),
          frames.seconds[Math.min(frames.count, frames.at(start) + 1)],
        );
      else {
        const length = end - start;
        start = bounded(Math.max(0, Math.min(frames.end - length, start + seconds - pressed)), snap);
        end = snap ? frames.snap(Math.min(frames.end, start + length)) : Math.min(frames.end, start + length);
      }
      store.set({ dragged: { ...original, start, end, moved } });
      doers.seek(fresh ? bounded(seconds, snap) : edge === "end" ? end : start);
    },
    end() {
      const { dragged } = store.state;
      store.set({ dragged: null });
      if (dragged && moved && dragged.end > dragged.start) doers.finish(dragged, fresh);
      else if (fresh) doers.seek(bounded(pressed, false));
    },
  };
}

/** @param {string} label @param {number} seconds @returns {Item} */
function fromNothing(label, seconds) {
  return { id: newId(), label, start: seconds, end: seconds, state: "added", score: null, from: null };
}
