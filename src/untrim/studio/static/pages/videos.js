// @ts-check
/** All videos: a strip of pictures each, its tags, what it waits for. Type to tag, one or many at once. */
import * as api from "../core/api.js";
import { fill, h, icon, isTextField, say } from "../core/dom.js";
import { notice } from "../core/notices.js";
import { complain, go } from "../core/session.js";
import { store } from "../core/store.js";
import { count } from "../core/text.js";
import { windowed } from "../core/window.js";
import { rememberOperation } from "../edit/undo.js";
import { saver } from "../edit/saving.js";
import { chip, tagField } from "./tagging.js";
import { videoRow } from "./video-row.js";

/** @typedef {import("../core/types.js").Row} Row */

const ORDERS = /** @type {Record<string, (a: Row, b: Row) => number>} */ ({
  "needs a look": (a, b) => b.need - a.need,
  name: (a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }),
  state: (a, b) =>
    STATES.indexOf(a.state) - STATES.indexOf(b.state) || a.name.localeCompare(b.name, undefined, { numeric: true }),
});
const STATES = ["untagged", "tagged", "found", "in review", "complete"];
const ROW = 96; // pixels

/** What stays while other pages are looked at. */
const kept = { order: "needs a look", filter: "", scroll: 0, /** @type {Set<string>} */ marked: new Set(), at: "" };

/** @returns {{element: HTMLElement, stop: () => void}} */
export function videosPage() {
  const search = h("input", {
    type: "search",
    class: "search",
    placeholder: "Find a video or a tag",
    "aria-label": "Find a video or a tag",
    value: kept.filter,
  });
  const order = h(
    "select",
    { "aria-label": "Order" },
    ...Object.keys(ORDERS).map((name) =>
      h("option", { value: name, ...(name === kept.order ? { selected: true } : {}) }, name),
    ),
  );
  const summary = h("p", { class: "soft summary" });
  const next = h("div", { class: "next-video" });
  const bar = h("div", { class: "tag-bar", role: "group", "aria-label": "Tag the selected videos" });
  const field = tagField("Type a tag, press Enter", (label) => tagMany({ add: [label] }, label));
  /** @type {import("../core/window.js").Listing<Row>} */
  const list = windowed({
    key: ({ id }) => id,
    make: (video, index) =>
      videoRow(
        video,
        index,
        kept.marked.has(video.id),
        (range) => toggle(video.id, range),
        (label) => tagMany({ add: [label] }, label, [video.id]),
      ),
    height: ROW,
    attributes: {
      class: "video-rows",
      role: "grid",
      "aria-label": "Videos",
      "aria-multiselectable": "true",
      tall: "1.75",
    },
  });
  const element = h(
    "main",
    { class: "videos-page" },
    h(
      "header",
      { class: "page-head" },
      h("h1", {}, "Videos"),
      summary,
      h("div", { class: "spacer" }),
      next,
      search,
      h("label", { class: "order" }, "Sort by", order),
    ),
    bar,
    list.element,
  );
  /** @type {Row[]} */
  let shown = [];

  search.addEventListener("input", () => ((kept.filter = search.value), show()));
  order.addEventListener("change", () => ((kept.order = order.value), show()));
  list.element.addEventListener("scroll", () => (kept.scroll = list.element.scrollTop), { passive: true });
  element.addEventListener("keydown", keys);

  const stop = store.watch(["videos", "classes", "next", "work"], () => {
    show();
    list.refresh();
  });
  requestAnimationFrame(() => (list.element.scrollTop = kept.scroll));
  return { element, stop };

  function show() {
    const { videos, next: pick, work } = store.state;
    const wanted = kept.filter.trim().toLowerCase();
    shown = videos.filter(
      (video) =>
        !wanted ||
        video.name.toLowerCase().includes(wanted) ||
        video.labels.some((label) => label.toLowerCase().includes(wanted)),
    );
    shown.sort(ORDERS[kept.order]);
    list.show(shown);
    list.element.setAttribute("aria-rowcount", String(shown.length));
    const done = videos.filter(({ state }) => state === "complete").length;
    const untagged = videos.filter(({ state }) => state === "untagged").length;
    const accuracy = work?.accuracy ? ` · ${work.accuracy.words}` : "";
    say(summary, `${count(videos.length, "video")} · ${untagged} untagged · ${done} complete${accuracy}`);
    fill(
      next,
      pick &&
        h(
          "button",
          { class: "primary", title: pick.reason, onclick: () => go(pick.id) },
          "Look at the next",
          icon("right"),
        ),
    );
    showBar();
  }

  function showBar() {
    const marked = [...kept.marked].filter((id) => store.state.videos.some((video) => video.id === id));
    const known = new Map();
    for (const video of store.state.videos)
      if (kept.marked.has(video.id)) for (const label of video.labels) known.set(label, (known.get(label) ?? 0) + 1);
    const words = marked.length
      ? `${count(marked.length, "video")} selected`
      : "Select videos, then type what happens in them";
    const typing = document.activeElement === field;
    fill(
      bar,
      h("label", { class: "mark-all" }, markAll(marked.length), h("span", {}, words)),
      field,
      h(
        "button",
        { disabled: !marked.length, onclick: () => tagMany({ none: true }, "nothing happens here") },
        "None of these happen here",
      ),
      ...[...known.keys()]
        .slice(0, 8)
        .map((label) => chip(label, () => tagMany({ remove: [label] }, `${label} taken away`))),
    );
    field.disabled = !marked.length;
    if (typing) field.focus();
  }

  /** @param {number} marked */
  function markAll(marked) {
    const box = h("input", { type: "checkbox", "aria-label": "Select all videos shown" });
    box.checked = marked > 0 && shown.every(({ id }) => kept.marked.has(id));
    box.indeterminate = marked > 0 && !box.checked;
    box.addEventListener("change", () => {
      for (const { id } of shown) if (box.checked) kept.marked.add(id);
      if (!box.checked) kept.marked.clear();
      showBar();
      list.refresh();
    });
    return box;
  }

  /**
   * @param {{add?: string[], remove?: string[], none?: boolean}} change
   * @param {string} words
   * @param {string[]} [ids] Videos; else those that are selected.
   */
  async function tagMany(change, words, ids = [...kept.marked]) {
    saver.flush();
    try {
      const answer = await api.post("/api/videos/tags", { ids, add: [], remove: [], none: false, ...change });
      const changed = new Map(answer.videos.map((/** @type {Row} */ video) => [video.id, video]));
      store.set({ videos: store.state.videos.map((video) => changed.get(video.id) ?? video) });
      rememberOperation(answer.operation);
      const rest = answer.kept?.length ? ` ${count(answer.kept.length, "tag")} stayed: ${answer.kept[0].why}` : "";
      notice(`${words}: ${count(changed.size, "video")}.${rest}`, rest ? "bad" : "good");
    } catch (error) {
      complain(error);
    }
  }

  /** @param {string} id @param {boolean} range From the row marked last. */
  function toggle(id, range) {
    if (range && kept.at) {
      const [from, to] = [kept.at, id]
        .map((wanted) => shown.findIndex((video) => video.id === wanted))
        .sort((a, b) => a - b);
      for (const video of shown.slice(Math.max(0, from), to + 1)) kept.marked.add(video.id);
    } else if (!kept.marked.delete(id)) kept.marked.add(id);
    kept.at = id;
    showBar();
    list.refresh();
  }

  /** @param {KeyboardEvent} event */
  function keys(event) {
    const focused = /** @type {HTMLElement} */ (event.target).closest?.("[data-id]")?.getAttribute("data-id");
    if (isTextField(event.target) || event.ctrlKey || event.altKey || event.metaKey) return;
    if (focused && (event.code === "ArrowDown" || event.code === "ArrowUp")) {
      event.preventDefault();
      const target = shown[shown.findIndex(({ id }) => id === focused) + (event.code === "ArrowDown" ? 1 : -1)];
      if (!target) return;
      list.reveal(target.id);
      list.row(target.id)?.focus({ preventScroll: true });
    } else if (focused && event.code === "Space") {
      event.preventDefault();
      toggle(focused, event.shiftKey);
    } else if (focused && event.code === "Enter" && event.target === list.row(focused)) go(focused);
    else if (event.key === "/") {
      event.preventDefault();
      search.focus();
    } else if (/^[\p{L}\p{N}]$/u.test(event.key)) {
      if (focused && !kept.marked.size) toggle(focused, false);
      if (kept.marked.size) field.focus();
    }
  }
}
