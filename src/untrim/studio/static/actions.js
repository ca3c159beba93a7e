// @ts-check
/** What keys and buttons do on the video page, by name. */
import { loadClasses, go, session, visit } from "./core/session.js";
import { notice } from "./core/notices.js";
import { store } from "./core/store.js";
import { pickClass, showHelp } from "./dialogs.js";
import * as edits from "./edit/edits.js";
import { travel } from "./edit/undo.js";
import * as marks from "./marking.js";
import { chosen, step } from "./selection.js";
import { zoom } from "./timeline/view.js";

const SPEEDS = [0.1, 0.25, 0.5, 1, 1.5, 2, 4];

/** @param {number} way */
function video(way) {
  const { videos, route } = store.state;
  const next = videos[videos.findIndex(({ id }) => id === route.id) + way];
  if (next) go(next.id);
  else notice(way > 0 ? "This is the last video." : "This is the first video.");
}

/** @param {number} by */
function speed(by) {
  const at = Math.max(0, Math.min(SPEEDS.length - 1, SPEEDS.indexOf(store.state.speed) + by));
  session.player?.setSpeed(SPEEDS[at]);
  store.set({ speed: SPEEDS[at] });
}

/** @param {boolean} back */
function undo(back) {
  return travel(back, visit).then((text) => notice(text));
}

const skip = (/** @type {number} */ seconds) => () => void session.player?.skip(seconds);
const zoomBy = (/** @type {number} */ factor) => () => {
  const { view, frames, shown } = store.state;
  if (!frames) return;
  const time = frames.secondsOf(shown);
  const at = time >= view.start && time <= view.end ? time : (view.start + view.end) / 2;
  store.set({ view: zoom(view, factor, at, frames.end) });
};

/** @type {Record<string, () => unknown>} */
export const actions = {
  play: () => session.player?.toggle(),
  playSegment() {
    const item = chosen();
    if (!item) return;
    if (store.state.playing) session.player?.toggle();
    else session.player?.play(item.start, item.end, { loop: true });
  },
  slower: () => speed(-1),
  faster: () => speed(1),
  frameBack: () => (store.state.held ? marks.nudge(-1) : session.player?.step(-1)),
  frameOn: () => (store.state.held ? marks.nudge(1) : session.player?.step(1)),
  secondBack: skip(-1),
  secondOn: skip(1),
  fiveBack: skip(-5),
  fiveOn: skip(5),
  toStart: () => session.player?.show(0),
  toEnd: () => session.player?.show((store.state.frames?.count ?? 1) - 1),
  next: () => step(1),
  previous: () => step(-1),
  accept: () => marks.decide(edits.accept, "accepted"),
  reject: () => marks.decide(edits.reject, "rejected"),
  complete: marks.complete,
  nextVideo: () => video(1),
  previousVideo: () => video(-1),
  markStart: () => marks.mark("start"),
  markEnd: () => marks.mark("end"),
  holdStart: () => marks.hold("start"),
  holdEnd: () => marks.hold("end"),
  letGo: marks.letGo,
  point: marks.point,
  split: marks.split,
  merge: marks.merge,
  remove: marks.remove,
  async searchClass() {
    const label = await pickClass("Class");
    if (label) marks.choose(label);
    loadClasses();
  },
  zoomIn: zoomBy(1 / 1.6),
  zoomOut: zoomBy(1.6),
  zoomAll: () => store.set({ view: { start: 0, end: store.state.frames?.end || 1 } }),
  undo: () => undo(true),
  redo: () => undo(false),
  help: showHelp,
};
for (let key = 1; key <= 9; key += 1) {
  actions[`class${key}`] = () => {
    const info = store.state.classes.classes.find((known) => known.key === String(key));
    if (info) marks.choose(info.label);
    else notice(`No class has the key ${key}. Classes have theirs on the page Classes.`, "bad");
  };
}

const MARKS = new Set(["markStart", "markEnd", "point", "split"]);
/** @type {Promise<unknown> | null} Marks that wait for their picture, and what was pressed after them. */
let waiting = null;

/**
 * Do what a key says. A mark takes the frame that is shown or on its way; a step pressed after it comes after it.
 * @param {string} name
 */
export function act(name) {
  const run = () => actions[name]?.();
  if (!waiting && !MARKS.has(name)) return void run();
  const mine = waiting ? waiting.then(run, run) : Promise.resolve(run());
  waiting = mine;
  mine.finally(() => {
    if (waiting === mine) waiting = null;
  });
}
