// @ts-check
/** Which classes have a row on the timeline, in which order, and what lies in each. */
import { itemsOf } from "../edit/items.js";

/** @typedef {import("../core/types.js").State} State */
/** @typedef {import("../core/types.js").Item} Item */
/** @typedef {import("../core/types.js").ClassInfo} ClassInfo */
/**
 * @typedef {object} TimelineRow
 * @property {string} label
 * @property {ClassInfo} info
 * @property {number} y
 * @property {number} height
 * @property {Item[]} items
 * @property {{time: number, index: number}[]} points
 * @property {{start: number, end: number}[]} truth
 * @property {number} found
 */

export const ROW = 46; // pixels
/** @type {ClassInfo} */
const UNKNOWN = {
  label: "",
  color: "#888888",
  cue: "solid",
  key: null,
  videos: 0,
  segments: 0,
  points: 0,
  found: 0,
  in_run: false,
};

/** @type {{state: State, rows: TimelineRow[]} | null} */
let latest = null;
/** @type {(keyof State)[]} */
const MADE_FROM = ["review", "video", "score", "classes", "everyClass", "label", "pending"];

/** @param {State} state @returns {Item[]} */
export const visibleItems = (state) => itemsOf(state.review, state.video, state.score);

/** @param {State} state @param {string} label */
export function classOf(state, label) {
  return state.classes.classes.find((known) => known.label === label) ?? { ...UNKNOWN, label };
}

/**
 * Rows of the classes that are tagged, marked, found or chosen; of all, if wanted.
 * @param {State} state
 * @returns {TimelineRow[]}
 */
export function rowsOf(state) {
  if (latest && MADE_FROM.every((key) => latest?.state[key] === state[key])) return latest.rows;
  const { review, video } = state;
  const labels = new Set(review?.labels ?? []);
  for (const item of visibleItems(state)) labels.add(item.label);
  for (const truth of video?.truth ?? []) labels.add(truth.label);
  for (const chosen of [state.label, state.pending?.label]) if (chosen) labels.add(chosen);
  const known = state.classes.classes.filter(({ label }) => state.everyClass || labels.has(label));
  const strange = [...labels].filter((label) => !known.some((info) => info.label === label));
  /** @type {Map<string, TimelineRow>} */
  const rows = new Map();
  for (const [index, info] of [...known, ...strange.map((label) => ({ ...UNKNOWN, label }))].entries()) {
    rows.set(info.label, {
      label: info.label,
      info,
      y: index * ROW,
      height: ROW,
      items: [],
      points: [],
      truth: [],
      found: 0,
    });
  }
  for (const item of visibleItems(state)) {
    const row = rows.get(item.label);
    row?.items.push(item);
    if (row && item.state === "found") row.found += 1;
  }
  review?.points.forEach(({ label, time }, index) => rows.get(label)?.points.push({ time, index }));
  for (const { label, start, end } of video?.truth ?? []) rows.get(label)?.truth.push({ start, end });
  latest = { state, rows: [...rows.values()] };
  return latest.rows;
}
