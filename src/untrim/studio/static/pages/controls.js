// @ts-check
/** The bar under the picture: play and step, the time of the frame shown, and the edits, each with its key. */
import { actions } from "../actions.js";
import { fill, h, icon, say } from "../core/dom.js";
import { playCopy } from "../core/session.js";
import { store } from "../core/store.js";
import { clock } from "../core/text.js";
import { keyOf } from "../keys.js";

/** A button with a picture. @param {string} action @param {string} picture @param {string} words */
function tool(action, picture, words) {
  const title = `${words} (${keyOf(action)})`;
  return h(
    "button",
    { class: "quiet square", title, "aria-label": words, onclick: () => actions[action]() },
    icon(picture),
  );
}

/** A button with its name and key. @param {string} action @param {string} name @param {string} title */
function word(action, name, title) {
  return h(
    "button",
    { class: "quiet worded", title, onclick: () => actions[action]() },
    name,
    h("kbd", {}, keyOf(action)),
  );
}

/** @returns {{element: HTMLElement, stop: () => void}} */
export function controls() {
  const play = tool("play", "play", "Play, pause");
  const speed = h("span", { class: "speed", "aria-label": "Speed" });
  const time = h("span", { class: "now" });
  const trouble = h("span", { class: "trouble", role: "status" });
  const copy = h("button", { class: "link", hidden: true, onclick: playCopy }, "Play a copy that shows each frame");
  const element = h(
    "div",
    { class: "controls", role: "toolbar", "aria-label": "Player" },
    h(
      "div",
      { class: "group" },
      tool("secondBack", "back", "A second back"),
      tool("frameBack", "frame-back", "A frame back"),
      play,
      tool("frameOn", "frame-on", "A frame on"),
      tool("secondOn", "on", "A second on"),
      tool("playSegment", "loop", "Play the segment again and again"),
    ),
    h("div", { class: "group" }, tool("slower", "minus", "Slower"), speed, tool("faster", "plus", "Faster")),
    time,
    trouble,
    copy,
    h(
      "div",
      { class: "group marks" },
      word("accept", "Accept", "Accept the segment, and the next"),
      word("reject", "Reject", "Reject the segment, and the next"),
      word("markStart", "Start", "Start at this frame, or begin a new segment"),
      word("markEnd", "End", "End at this frame, or finish the new segment"),
      word("point", "Point", "It happens here"),
      word("split", "Split", "Split at this frame"),
      word("merge", "Merge", "Merge with the next of its class"),
    ),
  );
  const stop = store.watch(["shown", "frames", "playing", "speed", "trouble", "video"], (state) => {
    const end = state.frames?.end ?? state.video?.duration ?? 0;
    fill(play, icon(state.playing ? "pause" : "play"));
    say(speed, `${state.speed}×`);
    fill(
      time,
      h("b", {}, clock(state.frames?.secondsOf(state.shown) ?? 0)),
      h("span", { class: "soft" }, ` / ${clock(end)}`),
      h("span", { class: "frame soft" }, `frame ${state.shown}`),
    );
    say(trouble, state.trouble);
    copy.hidden = !state.trouble || (state.frames?.proxy ?? true);
  });
  return { element, stop };
}
