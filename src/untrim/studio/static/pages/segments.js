// @ts-check
/** The list beside the picture: every segment and point of the video, with times that can be typed. */
import { actions } from "../actions.js";
import { fill, h, icon, say } from "../core/dom.js";
import { store } from "../core/store.js";
import { clock, parseClock } from "../core/text.js";
import { windowed } from "../core/window.js";
import { notice } from "../core/notices.js";
import { session, showFrom } from "../core/session.js";
import { keyOf } from "../keys.js";
import { setTimes } from "../marking.js";
import { select, selectedItem } from "../selection.js";
import { swatchOf } from "../timeline/colours.js";
import { classOf, visibleItems } from "../timeline/rows.js";

/** @typedef {import("../core/types.js").Item} Item */
/** @typedef {Item & {point?: number}} Entry */

const WORDS = { found: "found", accepted: "accepted", adjusted: "adjusted", added: "added", rejected: "rejected" };
const ROW = 62; // pixels

/** @returns {{element: HTMLElement, stop: () => void}} */
export function segmentList() {
  const head = h("header", { class: "panel-head" });
  const filter = threshold();
  const empty = h("p", { class: "soft empty" });
  /** @type {import("../core/window.js").Listing<Entry>} */
  const list = windowed({
    key: ({ id }) => id,
    make: row,
    height: ROW,
    attributes: { class: "segment-rows", role: "grid", "aria-label": "Segments", tabindex: "0" },
  });
  const element = h(
    "section",
    { class: "segments panel", "aria-label": "Segments" },
    head,
    filter.element,
    empty,
    list.element,
  );
  let before = "";
  const stops = [
    filter.stop,
    store.watch(["review", "video", "score", "classes"], (state) => {
      const items = visibleItems(state);
      /** @type {Entry[]} */
      const points = (state.review?.points ?? []).map(({ label, time }, index) => {
        return {
          id: `p${index}`,
          label,
          start: time,
          end: time,
          state: "added",
          score: null,
          from: null,
          point: index,
        };
      });
      const entries = [...items, ...points].sort((a, b) => a.start - b.start);
      const open = items.filter(({ state: decision }) => decision === "found").length;
      fill(
        head,
        h("h2", {}, "Segments"),
        h("span", { class: "soft" }, open ? `${open} to decide` : items.length ? "all decided" : ""),
      );
      empty.hidden = entries.length > 0 || !state.video;
      fill(
        empty,
        "Nothing is marked yet. Play the video and press ",
        h("kbd", {}, keyOf("markStart")),
        " where something begins and ",
        h("kbd", {}, keyOf("markEnd")),
        " where it ends, or drag on the timeline.",
      );
      list.show(entries);
      list.element.setAttribute("aria-rowcount", String(entries.length));
    }),
    store.watch(["selected", "held"], ({ selected }) => {
      list.refresh([selected, before]);
      before = selected;
      if (selected) list.reveal(selected);
    }),
  ];
  return { element, stop: () => stops.forEach((stop) => stop()) };
}

/**
 * How sure a finding must be to be shown: as the run says (its operating point), until a person moves the slider. Scores
 * may have any scale: it spans those of the video.
 */
function threshold() {
  const field = h("input", { type: "range", "aria-label": "Show what was found from this score on" });
  const [from, value] = [h("span", {}), h("output", {})];
  const back = h("button", { class: "link", onclick: () => showFrom(null, true) }, "As the run says");
  const element = h("div", { class: "score-filter" }, h("label", {}, from, field, value), back);
  field.addEventListener("input", () => showFrom(Number(field.value), true));
  const stop = store.watch(["score", "video"], ({ score, video }) => {
    element.hidden = !video?.detections.length;
    if (!video?.detections.length) return;
    const scores = video.detections.map((found) => found.score);
    const [least, most] = [Math.min(...scores), Math.max(...scores)];
    const level = score ?? video.level ?? least;
    const shown =
      score === null
        ? video.detections.filter((found) => found.shown).length
        : scores.filter((one) => one >= score).length;
    Object.assign(field, {
      min: String(Math.min(least, level)),
      max: String(most + 1e-6),
      step: "any",
      value: String(level),
    });
    say(from, `Found, from score ${level.toFixed(2)}`);
    say(value, `${shown} of ${scores.length}`);
    back.hidden = score === null;
    field.setAttribute("aria-valuetext", `${level.toPrecision(3)}: ${shown} of ${scores.length} shown`);
  });
  return { element, stop };
}

/** @param {Entry} entry @param {number} index */
function row(entry, index) {
  const { state } = store;
  const info = classOf(state, entry.label);
  const selected = state.selected === entry.id;
  const swatch = swatchOf(info);
  const isPoint = entry.point !== undefined;
  const pick = () => {
    if (isPoint) {
      store.set({ selected: entry.id, held: "" });
      if (state.frames) session.player?.show(state.frames.at(entry.start));
    } else if (store.state.selected !== entry.id) select(entry);
  };
  const act = (/** @type {string} */ action) => (/** @type {Event} */ event) => {
    event.stopPropagation();
    store.set({ selected: entry.id });
    actions[action]();
  };
  const button = (
    /** @type {string} */ action,
    /** @type {string} */ picture,
    /** @type {string} */ words,
    disabled = false,
  ) =>
    h(
      "button",
      {
        class: `quiet square ${action}`,
        tabindex: "-1",
        title: `${words} (${keyOf(action)})`,
        "aria-label": `${words}: ${entry.label} at ${clock(entry.start)}`,
        disabled,
        onclick: act(action),
      },
      icon(picture),
    );
  const decided = entry.state === "accepted" || entry.state === "adjusted" || entry.state === "added";
  return h(
    "div",
    {
      class: `segment-row ${isPoint ? "point" : entry.state}${selected ? " selected" : ""}`,
      role: "row",
      "aria-selected": String(selected),
      "aria-rowindex": String(index + 1),
      "data-id": entry.id,
      onclick: pick,
    },
    h(
      "div",
      { class: "segment-name", role: "gridcell" },
      swatch,
      h("bdi", { class: "name-text", title: entry.label }, entry.label),
      h("span", { class: `badge ${isPoint ? "point" : entry.state}` }, isPoint ? "point" : WORDS[entry.state]),
      entry.score !== null && h("span", { class: "score", title: "Score" }, entry.score.toFixed(2)),
    ),
    h(
      "div",
      { class: "segment-times", role: "gridcell" },
      time(entry, "start"),
      !isPoint && "–",
      !isPoint && time(entry, "end"),
      h("span", { class: "soft length" }, isPoint ? "" : `${(entry.end - entry.start).toFixed(2)} s`),
      isPoint
        ? button("remove", "trash", "Delete")
        : [
            button("accept", "check", "Accept", decided),
            decided && entry.state === "added"
              ? button("remove", "trash", "Delete")
              : button("reject", "close", "Reject", entry.state === "rejected"),
          ],
    ),
  );
}

/** @param {Entry} entry @param {"start" | "end"} edge */
function time(entry, edge) {
  if (entry.point !== undefined) return h("span", { class: "time" }, clock(entry.start));
  const { state } = store;
  const held = state.selected === entry.id && state.held === edge;
  const field = h("input", {
    class: held ? "time held" : "time",
    type: "text",
    inputmode: "decimal",
    spellcheck: "false",
    tabindex: "-1",
    "aria-label": `${edge === "start" ? "Start" : "End"} of ${entry.label}`,
    value: clock(entry[edge]),
  });
  const commit = () => {
    if (field.value === clock(entry[edge])) return;
    const seconds = parseClock(field.value);
    const end = store.state.frames?.end ?? 0;
    if (seconds === null || seconds > end) {
      notice(
        seconds === null ? `"${field.value}" is no time; write 83.5 or 1:23.5.` : `The video ends at ${clock(end)}.`,
        "bad",
      );
      field.value = clock(entry[edge]);
      return;
    }
    store.set({ selected: entry.id });
    setTimes({ [edge]: seconds });
    if (selectedItem()?.[edge] !== seconds) field.value = clock(entry[edge]);
  };
  field.style.width = `${field.value.length + 2}ch`;
  field.addEventListener("change", commit);
  field.addEventListener("keydown", (event) => {
    if (event.key === "Escape") field.value = clock(entry[edge]);
    if (event.key === "Escape" || event.key === "Enter") field.blur();
  });
  field.addEventListener("click", (event) => event.stopPropagation());
  field.addEventListener("focus", () => field.select());
  return field;
}
