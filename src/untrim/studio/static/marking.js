// @ts-check
/** Edits of the open video by key and button. Every mark takes the time of the frame that is on the screen. */
import { go, session } from "./core/session.js";
import { notice } from "./core/notices.js";
import { store } from "./core/store.js";
import { count } from "./core/text.js";
import { pickClass } from "./dialogs.js";
import * as edits from "./edit/edits.js";
import { edit } from "./edit/undo.js";
import { chosen, items, now, select, selectedItem } from "./selection.js";

/** @typedef {import("./core/types.js").Item} Item */
/** @typedef {import("./core/types.js").Review} Review */

const AROUND = 0.5; // seconds played before and after an edge that was moved

/** @param {(review: Review, item: Item) => {review: Review, id: string}} decide @param {string} word */
export function decide(decide, word) {
  const { review } = store.state;
  const item = chosen();
  if (!item || !review) return;
  const made = decide(review, item);
  edit(`${word} ${item.label}`, made.review, { selected: made.id });
  const all = items(); // Without those that this decision settles too.
  const index = all.findIndex(({ id }) => id === made.id);
  const next = [...all.slice(index + 1), ...all.slice(0, index)].find(({ state }) => state === "found") ?? null;
  if (next) select(next);
  else {
    store.set({ selected: made.id });
    notice("Every segment found here is decided. Ctrl+Enter: all of this video is right.");
  }
}

/**
 * Give the selected item other times.
 * @param {{start?: number, end?: number}} change
 */
export function setTimes(change) {
  const { review } = store.state;
  const item = selectedItem();
  if (!item || !review) return;
  const { start, end: last } = { ...item, ...change };
  if (!(last > start)) return notice("The end must come after the start.", "bad");
  if (start === item.start && last === item.end) return;
  const made = edits.change(review, item, change);
  edit(`times of ${item.label}`, made.review, { selected: made.id });
}

/** @param {"start" | "end"} edge */
export function hold(edge) {
  const item = chosen();
  const { frames, held } = store.state;
  if (!item || !frames) return;
  if (held === edge) return letGo();
  store.set({ held: edge });
  session.player?.show(frames.at(item[edge]));
}

/** Move the held edge by frames, show it, and play around it. @param {number} by */
export async function nudge(by) {
  const { frames, held } = store.state;
  const item = selectedItem();
  if (!item || !frames || !held) return;
  const index = frames.at(item[held]) + by;
  const time = frames.seconds[Math.max(0, Math.min(held === "end" ? frames.count : frames.count - 1, index))];
  const before = store.state.review;
  setTimes({ [held]: time });
  if (store.state.review === before) return;
  await session.player?.show(frames.at(time));
  await session.player?.play(time - AROUND, time + AROUND, { then: frames.at(time) });
}

export function letGo() {
  const { held, pending, selected } = store.state;
  if (held) store.set({ held: "" });
  else if (pending) store.set({ pending: null });
  else if (selected) store.set({ selected: "" });
}

/** @param {string} label The class of the selected item, and of what is marked next. */
export function choose(label) {
  const { review, selected, pending } = store.state;
  const item = selectedItem();
  store.set({ label, pending: pending ? { ...pending, label } : null });
  if (!review) return;
  if (item && item.label !== label) {
    const made = edits.change(review, item, { label });
    edit(`${item.label} becomes ${label}`, made.review, { selected: made.id });
  } else if (/^p\d+$/.test(selected)) {
    const point = review.points[Number(selected.slice(1))];
    if (point && point.label !== label)
      edit(
        `point becomes ${label}`,
        edits.addPoint(edits.removePoint(review, Number(selected.slice(1))), label, point.time),
        { selected: "" },
      );
  }
}

/** The class for what is marked next; asked for where there is none. */
async function labelForNew() {
  return store.state.label || (await pickClass("Which class?"));
}

/** @param {"start" | "end"} edge */
export async function mark(edge) {
  const time = await now();
  const { review, frames } = store.state;
  if (time === null || !review || !frames) return;
  if (selectedItem()) return setTimes({ [edge]: time });
  if (edge === "start") {
    const label = await labelForNew();
    if (label) store.set({ label, pending: { label, start: time } });
    return;
  }
  const { pending } = store.state;
  if (!pending) return notice("Begin a segment first: I at its start.", "bad");
  if (time === pending.start) return notice("The end is the frame of the start: go on first.", "bad");
  const made = edits.add(review, pending.label, pending.start, time);
  store.set({ pending: null });
  edit(`new ${pending.label}`, made.review, { selected: made.id });
}

export async function point() {
  const [time, label] = [await now(), await labelForNew()];
  const { review } = store.state;
  if (time !== null && label && review) edit(`point of ${label}`, edits.addPoint(review, label, time));
}

export async function split() {
  const item = chosen();
  const time = await now();
  const { review } = store.state;
  if (!item || time === null || !review) return;
  if (!(time > item.start && time < item.end)) return notice("Show a frame inside the segment first.", "bad");
  const made = edits.split(review, item, time);
  edit(`split ${item.label}`, made.review, { selected: made.id });
}

export function merge() {
  const item = chosen();
  const { review } = store.state;
  if (!item || !review) return;
  const all = items();
  const next = all
    .slice(all.indexOf(item) + 1)
    .find(({ label, state }) => label === item.label && state !== "rejected");
  if (!next) return notice(`No later segment of ${item.label} to merge with.`, "bad");
  const made = edits.merge(review, item, next);
  edit(`merged ${item.label}`, made.review, { selected: made.id });
}

export function remove() {
  const { review, selected } = store.state;
  if (!review) return;
  if (/^p\d+$/.test(selected))
    return edit("deleted point", edits.removePoint(review, Number(selected.slice(1))), { selected: "" });
  const item = chosen();
  if (!item) return;
  if (item.state === "found") decide(edits.reject, "rejected");
  else edit(`deleted ${item.label}`, edits.forget(review, item), { selected: "" });
}

/** All that is on the timeline is right: what was found there is accepted, and nothing is missing. */
export function complete() {
  const { review, videos, route, next } = store.state;
  if (!review) return;
  let made = review;
  const found = items().filter(({ state }) => state === "found");
  for (const item of found) made = edits.accept(made, item).review;
  edit("everything here is right", { ...made, exhaustive: true }, { selected: "", now: true });
  const after = [...videos]
    .sort((a, b) => b.need - a.need)
    .find((row) => row.id !== route.id && row.state !== "complete");
  const target = next && next.id !== route.id ? next.id : after?.id;
  notice(
    `Complete${found.length ? `; ${count(found.length, "found segment")} accepted` : ""}.${target ? "" : " No other video needs a look."}`,
  );
  if (target) go(target);
}
