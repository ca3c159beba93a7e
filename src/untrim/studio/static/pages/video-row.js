// @ts-check
/** One video in the list: its name and state, its tags, a strip of pictures. */
import { h } from "../core/dom.js";
import { go } from "../core/session.js";
import { count, length } from "../core/text.js";
import { chip, suggestion } from "./tagging.js";
import { strip } from "./strips.js";

/** @typedef {import("../core/types.js").Row} Row */

/**
 * @param {Row} video
 * @param {number} index
 * @param {boolean} marked
 * @param {(range: boolean) => void} toggle
 * @param {(label: string) => void} take A tag that is suggested.
 */
export function videoRow(video, index, marked, toggle, take) {
  const box = h("input", { type: "checkbox", tabindex: "-1", "aria-label": `Select ${video.name}` });
  box.checked = marked;
  box.addEventListener("click", (event) => (event.stopPropagation(), toggle(event.shiftKey)));
  const facts = [
    video.duration ? length(video.duration) : null,
    video.found ? `${video.found} found` : null,
    video.decided ? `${video.decided} decided` : null,
    video.points ? count(video.points, "point") : null,
    video.picked === "random" ? "picked at random" : null,
  ];
  return h(
    "div",
    {
      class: `video-row${marked ? " marked" : ""}`,
      role: "row",
      tabindex: "0",
      "aria-selected": String(marked),
      "aria-rowindex": String(index + 1),
      "data-id": video.id,
      "aria-label": `${video.name}, ${video.state}`,
      ondblclick: () => go(video.id),
    },
    h("div", { role: "gridcell", class: "mark" }, box),
    h(
      "div",
      { role: "gridcell", class: "video-words" },
      h(
        "a",
        { class: "video-name", href: `#/video/${video.id}`, title: video.name, tabindex: "-1" },
        h("bdi", {}, video.name),
      ),
      h(
        "div",
        { class: "soft facts" },
        h("span", { class: `state ${video.state.replace(" ", "-")}` }, video.none ? "nothing happens" : video.state),
        facts.filter(Boolean).map((fact) => h("span", {}, fact)),
      ),
      h(
        "div",
        { class: "chips" },
        video.labels.slice(0, 3).map((label) => chip(label)),
        video.labels.length > 3 && h("span", { class: "soft" }, `+${video.labels.length - 3}`),
        !video.labels.length &&
          !video.none &&
          video.suggested.slice(0, 3).map((label) => suggestion(label, () => take(label))),
        video.problem
          ? h("span", { class: "problem" }, video.problem)
          : video.reason && h("span", { class: "reason soft", title: video.reason }, video.reason),
      ),
    ),
    h(
      "a",
      {
        role: "gridcell",
        class: "strip-cell",
        href: `#/video/${video.id}`,
        tabindex: "-1",
        "aria-label": `Open ${video.name}`,
      },
      strip(video),
    ),
  );
}
