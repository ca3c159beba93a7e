// @ts-check
/** The page of one video: picture, controls, segments, timeline. */
import { actions } from "../actions.js";
import { complain, openVideo, closeVideo, session } from "../core/session.js";
import { fill, h, icon, say } from "../core/dom.js";
import { store } from "../core/store.js";
import { clock } from "../core/text.js";
import * as edits from "../edit/edits.js";
import { edit } from "../edit/undo.js";
import { keyOf } from "../keys.js";
import { choose } from "../marking.js";
import { items, select } from "../selection.js";
import { timeline } from "../timeline/timeline.js";
import { segmentList } from "./segments.js";
import { tagRow } from "./tagging.js";

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
    h("div", { class: "theatre" }, h("div", { class: "viewer panel" }, stage, controls()), list.element),
    tracks.element,
  );
  const stops = [headingWatch(), controlsWatch()];

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
    return store.watch(["video", "review", "videos", "classes"], (state) => {
      const place = state.videos.findIndex((row) => row.id === id);
      const row = state.videos[place];
      if (!row) return;
      if (head.contains(document.activeElement) && document.activeElement instanceof HTMLInputElement) return;
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
        tagRow(state.review, state.review !== null),
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
    });
  }

  function controls() {
    return h("div", { class: "controls", role: "toolbar", "aria-label": "Player" });
  }

  function controlsWatch() {
    const bar = /** @type {HTMLElement} */ (element.querySelector(".controls"));
    const tool = (/** @type {string} */ action, /** @type {string} */ picture, /** @type {string} */ words) =>
      h(
        "button",
        {
          class: "quiet square",
          title: `${words} (${keyOf(action)})`,
          "aria-label": words,
          onclick: () => actions[action](),
        },
        icon(picture),
      );
    const play = tool("play", "play", "Play, pause");
    const speed = h("span", { class: "speed", "aria-label": "Speed" });
    const time = h("span", { class: "now" });
    const trouble = h("span", { class: "trouble", role: "status" });
    const word = (/** @type {string} */ action, /** @type {string} */ words, /** @type {string} */ title) =>
      h(
        "button",
        { class: "quiet worded", title, onclick: () => actions[action]() },
        words,
        h("kbd", {}, keyOf(action)),
      );
    bar.append(
      h(
        "div",
        { class: "group" },
        tool("secondBack", "back", "A second back"),
        tool("frameBack", "frame-back", "A frame back"),
        play,
        tool("frameOn", "frame-on", "A frame on"),
        tool("secondOn", "on", "A second on"),
      ),
      h("div", { class: "group" }, tool("slower", "minus", "Slower"), speed, tool("faster", "plus", "Faster")),
      time,
      trouble,
      h(
        "div",
        { class: "group marks" },
        word("markStart", "Start", "Start at this frame, or begin a new segment"),
        word("markEnd", "End", "End at this frame, or finish the new segment"),
        word("point", "Point", "It happens here"),
        word("split", "Split", "Split at this frame"),
        word("merge", "Merge", "Merge with the next of its class"),
        tool("playSegment", "loop", "Play the segment again and again"),
      ),
    );
    return store.watch(["shown", "frames", "playing", "speed", "trouble"], (state) => {
      fill(play, icon(state.playing ? "pause" : "play"));
      say(speed, `${state.speed}×`);
      fill(
        time,
        h("b", {}, clock(state.frames?.secondsOf(state.shown) ?? 0)),
        h("span", { class: "soft" }, ` / ${clock(state.frames?.end ?? state.video?.duration ?? 0)}`),
        h("span", { class: "frame soft" }, `frame ${state.shown}`),
      );
      say(trouble, state.trouble);
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
