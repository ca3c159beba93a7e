// @ts-check
/** The timeline: a canvas, the names of its rows beside it, the overview above it and a picture under the pointer. */
import { fill, h, icon, say } from "../core/dom.js";
import { store } from "../core/store.js";
import { clock, count } from "../core/text.js";
import { isExhaustive } from "../edit/edits.js";
import { swatchOf } from "./colours.js";
import { draw, RULER } from "./draw.js";
import { mouse } from "./mouse.js";
import { askSprite, overview } from "./overview.js";
import { ROW, rowsOf } from "./rows.js";
import { toSeconds } from "./view.js";

/** @typedef {import("./rows.js").TimelineRow} TimelineRow */

/**
 * @param {import("./mouse.js").Doers & {exhaustive: (label: string) => void, everyClass: () => void}} doers
 * @returns {{element: HTMLElement, stop: () => void}}
 */
export function timeline(doers) {
  const canvas = h("canvas", {
    class: "tracks",
    role: "application",
    "aria-roledescription": "timeline",
    "aria-label": "Timeline. Tab: next segment; A and X: accept, reject; ? shows all keys.",
    tabindex: "0",
  });
  const names = h("ul", { class: "row-names", "aria-label": "Classes" });
  const more = h("button", { class: "quiet small", onclick: () => doers.everyClass() });
  const scroller = h("div", { class: "row-scroll" }, h("div", { class: "gutter" }, names, more), canvas);
  const strip = overview(doers.seek);
  const peek = thumbnail();
  const element = h(
    "section",
    { class: "timeline", "aria-label": "Timeline" },
    h("div", { class: "strip" }, h("div", { class: "strip-name" }, "Whole video"), strip.element),
    scroller,
    peek.element,
  );
  const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  let [width, height] = [0, 0];
  let scrolled = 0; // Asking the page for it would make it lay itself out, at each picture.

  function paint() {
    if (!width || !height) return;
    pen.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    draw(pen, width, height, store.state, rowsOf(store.state), scrolled);
  }
  const resized = new ResizeObserver(() => {
    [width, height] = [canvas.clientWidth, canvas.clientHeight];
    [canvas.width, canvas.height] = [width * devicePixelRatio, height * devicePixelRatio];
    paint();
  });
  resized.observe(canvas);
  const moved = () => {
    scrolled = scroller.scrollTop;
    paint();
  };
  scroller.addEventListener("scroll", moved, { passive: true });
  mouse(canvas, () => ({ width, scroll: scrolled }), doers);

  canvas.addEventListener("pointermove", (event) => {
    const box = canvas.getBoundingClientRect();
    peek.show(
      event.clientX,
      box.top,
      toSeconds(store.state.view, width, event.clientX - box.left),
      event.buttons === 0,
    );
  });
  canvas.addEventListener("pointerleave", () => peek.hide());

  /** @type {TimelineRow[] | null} */
  let named = null;
  let seen = "";
  const stops = [
    store.watch(
      [
        "view",
        "shown",
        "selected",
        "held",
        "dragged",
        "pending",
        "curves",
        "frames",
        "review",
        "video",
        "score",
        "classes",
        "everyClass",
        "label",
      ],
      () => {
        paint();
        reveal();
      },
    ),
    store.watch(["review", "video", "score", "classes", "everyClass", "label", "pending"], (state) => {
      const rows = rowsOf(state);
      if (rows === named) return;
      named = rows;
      fill(names, ...rows.map((row) => rowName(row, doers)));
      scroller.style.setProperty("--rows", String(rows.length));
      const hidden = state.classes.classes.length - rows.length;
      more.hidden = !state.everyClass && hidden <= 0;
      fill(
        more,
        icon(state.everyClass ? "less" : "more"),
        state.everyClass ? "Fewer classes" : `${count(hidden, "more class").replace("classs", "classes")}`,
      );
    }),
  ];
  const media = matchMedia("(prefers-color-scheme: dark)");
  const repaint = () => requestAnimationFrame(paint);
  media.addEventListener("change", repaint);

  /** Scroll to the row of what has just been selected. */
  function reveal() {
    const { selected } = store.state;
    if (selected === seen) return;
    seen = selected;
    const row = rowsOf(store.state).find(({ items }) => items.some(({ id }) => id === selected));
    if (!row) return;
    const room = scroller.clientHeight - RULER - ROW;
    if (row.y < scroller.scrollTop || row.y > scroller.scrollTop + room) scroller.scrollTop = row.y - room / 2;
  }

  return {
    element,
    stop() {
      for (const stop of stops) stop();
      resized.disconnect();
      strip.stop();
      media.removeEventListener("change", repaint);
    },
  };
}

/**
 * @param {TimelineRow} row
 * @param {{choose: (label: string) => void, exhaustive: (label: string) => void}} doers
 */
function rowName(row, doers) {
  const { state } = store;
  const complete = state.review ? isExhaustive(state.review, row.label) : false;
  const decided = row.items.length - row.found;
  const swatch = swatchOf(row.info);
  const chosen = state.label === row.label;
  return h(
    "li",
    { class: chosen ? "row-name chosen" : "row-name" },
    h(
      "button",
      {
        class: "row-label",
        "aria-pressed": String(chosen),
        title: `${row.label}\nThe class of what is marked next`,
        "aria-label": `${row.label}: ${row.found} found, ${decided} decided`,
        onclick: () => doers.choose(row.label),
      },
      swatch,
      h("bdi", { class: "row-text" }, row.label),
      row.info.key && h("kbd", {}, row.info.key),
    ),
    h(
      "button",
      {
        class: complete ? "complete on" : "complete",
        "aria-pressed": String(complete),
        title: complete ? "Every instance is marked" : "Say that every instance of this class is marked",
        "aria-label": `Every instance of ${row.label} is marked`,
        onclick: () => doers.exhaustive(row.label),
      },
      icon("check"),
    ),
  );
}

/** The picture and the time under the pointer. */
function thumbnail() {
  const picture = h("div", { class: "peek-picture" });
  const text = h("div", { class: "peek-time" });
  const element = h("div", { class: "peek", "aria-hidden": "true", hidden: true }, picture, text);
  let owner = "";
  return {
    element,
    /** @param {number} x @param {number} top @param {number} seconds @param {boolean} withPicture */
    show(x, top, seconds, withPicture) {
      const { video, frames } = store.state;
      if (!video || !frames || seconds < 0 || seconds > frames.end) return this.hide();
      const { tiles, columns, width, height } = video.sprite;
      if (owner !== video.id) {
        owner = video.id;
        picture.style.backgroundImage = "";
        askSprite(video.id, tiles, () => owner === video.id).then((image) => {
          if (image) picture.style.backgroundImage = `url("${image.src}")`;
        });
      }
      const tile = Math.min(tiles - 1, Math.floor((seconds / frames.end) * tiles));
      picture.style.backgroundPosition = `${-(tile % columns) * width}px ${-Math.floor(tile / columns) * height}px`;
      picture.hidden = !withPicture || !picture.style.backgroundImage;
      say(text, `${clock(seconds)} · frame ${frames.at(seconds)}`);
      element.hidden = false;
      const half = element.offsetWidth / 2;
      element.style.left = `${Math.max(8, Math.min(innerWidth - 2 * half - 8, x - half))}px`;
      element.style.top = `${top - element.offsetHeight - 6}px`;
    },
    hide() {
      element.hidden = true;
    },
  };
}
