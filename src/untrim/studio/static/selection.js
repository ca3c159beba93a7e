// @ts-check
/** What is selected on the video page, and what can be. */
import { session } from "./core/session.js";
import { notice } from "./core/notices.js";
import { store } from "./core/store.js";
import { neighbour } from "./edit/items.js";
import { visibleItems } from "./timeline/rows.js";
import { reveal } from "./timeline/view.js";

/** @typedef {import("./core/types.js").Item} Item */

export const items = () => visibleItems(store.state);
export const selectedItem = () => items().find(({ id }) => id === store.state.selected) ?? null;

/** Select an item and have it in sight. @param {Item | null} item @param {boolean} [jump] Show its first frame. */
export function select(item, jump = true) {
  store.set({ selected: item?.id ?? "", held: "", pending: null, ...(item ? { label: item.label } : {}) });
  if (!item) return;
  store.set({ view: reveal(store.state.view, item, store.state.frames?.end ?? 0) });
  if (jump && store.state.frames) session.player?.show(store.state.frames.at(item.start));
}

/** The time of the frame shown, once the picture that was asked for is there. */
export async function now() {
  const { frames } = store.state;
  if (!session.player || !frames) return null;
  return frames.secondsOf(await session.player.settled());
}

/** The item to change, or a line that there is none. */
export function chosen() {
  const item = selectedItem();
  if (!item) notice("Select a segment first (Tab).", "bad");
  return item;
}

/** @param {1 | -1} way */
export function step(way) {
  const { frames, shown, selected } = store.state;
  const item = neighbour(
    items().filter(({ state }) => state !== "rejected"),
    selected,
    frames?.secondsOf(shown) ?? 0,
    way,
  );
  if (item) select(item);
  else notice(way > 0 ? "This is the last segment." : "This is the first segment.");
}
