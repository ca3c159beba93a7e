// @ts-check
/** The page of one video: picture, controls, segments, timeline. */
import { actions } from "../actions.js";
import { complain, openVideo, closeVideo, session } from "../core/session.js";
import { fill, h, icon } from "../core/dom.js";
import { store } from "../core/store.js";
import * as edits from "../edit/edits.js";
import { edit } from "../edit/undo.js";
import { keyOf } from "../keys.js";
import { choose } from "../marking.js";
import { items, select } from "../selection.js";
import { timeline } from "../timeline/timeline.js";
import { controls } from "./controls.js";
import { segmentList } from "./segments.js";
import { ownTagField, tagRow } from "./tagging.js";

/**
 * @param {string} id
 * @returns {{element: HTMLElement, stop: () => void}}
 */
export function videoPage(id) {
  const film = h("video", {
    preload: "auto",
    playsinline: true,
    disablepictureinpicture: true,
    tabindex: "-1",
    "aria-label": "The video",
  });
  const waiting = h("div", { class: "waiting", role: "status" });
  const stage = h("div", { class: "stage", onclick: () => actions.play() }, film, waiting);
  film.addEventListener("ended", () => session.player?.ended());
  const bar = controls();
  const list = segmentList();
  const tracks = timeline({
    seek(seconds) {
      if (store.state.frames) session.player?.show(store.state.frames.at(seconds));
    },
    select: (item) =>
      item.startsWith("p") && !items().some((other) => other.id === item)
        ? selectPoint(item)
        : select(items().find((other) => other.id === item) ?? null, false),
    choose: chooseRow,
    finish,
    play(item) {
      select(items().find((other) => other.id === item) ?? null, false);
      actions.playSegment();
    },
    exhaustive(label) {
      const { review, classes } = store.state;
      if (review)
        edit(
          `${label} complete or not`,
          edits.toggleExhaustive(
            review,
            label,
            classes.classes.map((info) => info.label),
          ),
        );
    },
    everyClass: () => store.set({ everyClass: !store.state.everyClass }),
  });
  const element = h(
    "main",
    { class: "video-page" },
    heading(),
    h("div", { class: "theatre" }, h("div", { class: "viewer panel" }, stage, bar.element), list.element),
    tracks.element,
  );
  const stops = [headingWatch(), bar.stop];

  openVideo(id, film, (text, done) => {
    const bar = done !== null && text ? h("progress", { max: "1", value: String(done) }) : null;
    waiting.hidden = !text;
    fill(waiting, text && h("p", {}, text), bar);
  }).catch((error) => {
    waiting.hidden = false;
    fill(waiting, h("p", {}, error.message));
    complain(error);
  });
  return {
    element,
    stop() {
      for (const stop of [...stops, list.stop, tracks.stop]) stop();
      closeVideo();
    },
  };

  function heading() {
    return h("header", { class: "video-head" });
  }

  function headingWatch() {
    const head = /** @type {HTMLElement} */ (element.querySelector(".video-head"));
    const field = ownTagField();
    return store.watch(["video", "review", "videos", "classes"], (state) => {
      const place = state.videos.findIndex((row) => row.id === id);
      const row = state.videos[place];
      if (!row) return;
      const typing = document.activeElement === field;
      const complete = state.review?.exhaustive === true;
      fill(
        head,
        h(
          "div",
          { class: "video-place" },
          h(
            "button",
            {
              class: "quiet square",
              disabled: place <= 0,
              title: `Previous video (${keyOf("previousVideo")})`,
              "aria-label": "Previous video",
              onclick: () => actions.previousVideo(),
            },
            icon("up"),
          ),
          h(
            "button",
            {
              class: "quiet square",
              disabled: place >= state.videos.length - 1,
              title: `Next video (${keyOf("nextVideo")})`,
              "aria-label": "Next video",
              onclick: () => actions.nextVideo(),
            },
            icon("down"),
          ),
          h("h1", { title: row.name }, h("bdi", {}, row.name)),
          h("span", { class: "soft" }, `${place + 1} of ${state.videos.length}`),
        ),
        tagRow(state.review, field, row.suggested.slice(0, 3)),
        h(
          "button",
          {
            class: complete ? "complete-all done" : "complete-all primary",
            title: `All that is on the timeline is right, and nothing is missing (${keyOf("complete")})`,
            onclick: () => (complete ? reopen() : actions.complete()),
          },
          icon("check"),
          complete ? "Complete" : "All of this is right",
        ),
      );
      if (typing) field.focus();
    });
  }
}

function reopen() {
  const { review } = store.state;
  if (review) edit("not complete", { ...review, exhaustive: [] });
}

/** @param {string} id `p` and the index of the point. */
function selectPoint(id) {
  const { review, frames } = store.state;
  const point = review?.points[Number(id.slice(1))];
  store.set({ selected: id, held: "", pending: null });
  if (point && frames) session.player?.show(frames.at(point.time));
}

/** A row was pressed: its class is next, and what was selected is left as it is. @param {string} label */
function chooseRow(label) {
  store.set({ selected: "", held: "" });
  choose(label);
}

/** A drag on the timeline has ended. @param {import("../core/types.js").Item} dragged @param {boolean} fresh */
function finish(dragged, fresh) {
  const { review } = store.state;
  if (!review) return;
  if (fresh) {
    const made = edits.add(review, dragged.label, dragged.start, dragged.end);
    edit(`new ${dragged.label}`, made.review, { selected: made.id, now: true });
    return;
  }
  const item = items().find(({ id }) => id === dragged.id);
  if (!item) return;
  const made = edits.change(review, item, { start: dragged.start, end: dragged.end });
  edit(`times of ${item.label}`, made.review, { selected: made.id, now: true });
}
