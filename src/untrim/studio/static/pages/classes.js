// @ts-check
/** Classes: rename, merge, colour, pattern, key. */
import * as api from "../core/api.js";
import { fill, h } from "../core/dom.js";
import { notice } from "../core/notices.js";
import { complain, loadClasses, loadVideos } from "../core/session.js";
import { store } from "../core/store.js";
import { count } from "../core/text.js";
import { alike, confirm } from "../dialogs.js";
import { rememberOperation } from "../edit/undo.js";
import { saver } from "../edit/saving.js";
import { swatchOf } from "../timeline/colours.js";

/** @typedef {import("../core/types.js").ClassInfo} ClassInfo */

const CUES = ["solid", "stripes", "dots", "cross", "waves", "grid"];

/** @returns {{element: HTMLElement, stop: () => void}} */
export function classesPage() {
  const body = h("tbody", {});
  const field = h("input", {
    type: "text",
    class: "tag-field",
    placeholder: "New class",
    "aria-label": "New class",
    maxlength: "200",
  });
  const near = h("span", { class: "soft" });
  field.addEventListener("input", async () => {
    const typed = field.value.trim();
    const known = typed ? await alike(typed) : null;
    if (field.value.trim() === typed) fill(near, known && [h("bdi", {}, known), " is nearly the same"]);
  });
  field.addEventListener("keydown", (event) => {
    const label = field.value.trim();
    if (event.key !== "Enter" || !label) return;
    if (store.state.classes.classes.some((info) => info.label === label))
      return notice(`${label} is known already.`, "bad");
    field.value = "";
    fill(near);
    put([...store.state.classes.classes, /** @type {ClassInfo} */ (/** @type {unknown} */ ({ label }))]);
  });
  const element = h(
    "main",
    { class: "classes-page plain-page" },
    h(
      "header",
      { class: "page-head" },
      h("h1", {}, "Classes"),
      h("p", { class: "soft" }, "A new name of a known class merges the two. Everything can be undone."),
    ),
    h(
      "div",
      { class: "card scroll" },
      h(
        "table",
        { class: "class-table" },
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            ...["Class", "Colour", "Pattern", "Key", "Videos", "Segments", "Points", "Found", ""].map((words) =>
              h("th", { scope: "col" }, words),
            ),
          ),
        ),
        body,
      ),
    ),
    h("div", { class: "new-class" }, field, near),
  );
  const stop = store.watch(["classes"], ({ classes }) => {
    if (
      body.contains(document.activeElement) &&
      document.activeElement instanceof HTMLInputElement &&
      document.activeElement.type === "text"
    )
      return;
    fill(body, ...classes.classes.map(line));
  });
  loadClasses().catch(complain);
  return { element, stop };
}

/** @param {ClassInfo} info */
function line(info) {
  const swatch = swatchOf(info);
  const name = h("input", {
    type: "text",
    class: "class-name",
    value: info.label,
    "aria-label": `Name of ${info.label}`,
    maxlength: "200",
    dir: "auto",
  });
  name.addEventListener("keydown", (event) => {
    if (event.key === "Escape") name.value = info.label;
    if (event.key === "Enter" || event.key === "Escape") name.blur();
  });
  name.addEventListener("change", () =>
    rename(info, name.value.trim()).then((done) => done || (name.value = info.label)),
  );
  const color = h("input", { type: "color", value: info.color, "aria-label": `Colour of ${info.label}` });
  color.addEventListener("change", () => change(info, { color: color.value }));
  const cue = h(
    "select",
    { "aria-label": `Pattern of ${info.label}` },
    ...CUES.map((kind) => h("option", { value: kind, ...(kind === info.cue ? { selected: true } : {}) }, kind)),
  );
  cue.addEventListener("change", () => change(info, { cue: cue.value }));
  const keys = ["", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
  const key = h(
    "select",
    { "aria-label": `Key of ${info.label}` },
    ...keys.map((digit) =>
      h("option", { value: digit, ...(digit === (info.key ?? "") ? { selected: true } : {}) }, digit || "–"),
    ),
  );
  key.addEventListener("change", () => change(info, { key: key.value || null }));
  return h(
    "tr",
    {},
    h("th", { scope: "row" }, h("div", { class: "class-cell" }, swatch, name)),
    h("td", {}, color),
    h("td", {}, cue),
    h("td", {}, key),
    ...[info.videos, info.segments, info.points, info.found].map((number) =>
      h("td", { class: "number" }, number || "–"),
    ),
    h(
      "td",
      { class: "soft" },
      info.in_run ? "" : h("span", { class: "badge", title: "No run has learned it yet" }, "new"),
    ),
  );
}

/** @param {ClassInfo} info @param {Partial<ClassInfo>} patch */
function change(info, patch) {
  const { key } = patch;
  put(
    store.state.classes.classes.map((other) => {
      if (other.label === info.label) return { ...other, ...patch };
      return key && other.key === key ? { ...other, key: null } : other; // A key has one class.
    }),
  );
}

/** @param {ClassInfo[]} classes */
async function put(classes) {
  try {
    store.set({ classes: await api.putClasses(store.state.classes.revision, classes) });
  } catch (error) {
    complain(error);
    await loadClasses().catch(complain);
  }
}

/**
 * @param {ClassInfo} info
 * @param {string} label
 * @returns {Promise<boolean>} Whether it has the name now.
 */
async function rename(info, label) {
  if (!label || label === info.label) return false;
  const other = store.state.classes.classes.find((known) => known.label === label);
  if (
    other &&
    !(await confirm(
      "Merge two classes?",
      `${count(info.videos, "video")} of ${info.label} will be of ${label}. This can be undone.`,
      "Merge",
    ))
  )
    return false;
  saver.flush();
  try {
    const answer = await api.post("/api/classes/rename", { from: [info.label], to: label });
    rememberOperation(answer.operation);
    store.set({ classes: answer.classes });
    await loadVideos();
    notice(`${other ? "Merged" : "Renamed"}: ${count(answer.videos.length, "video")} changed.`);
    return true;
  } catch (error) {
    complain(error);
    return false;
  }
}
