// @ts-check
/** Tags of a video as chips, and the field to add one. */
import { h, icon } from "../core/dom.js";
import { notice } from "../core/notices.js";
import { store } from "../core/store.js";
import { alike } from "../dialogs.js";
import * as edits from "../edit/edits.js";
import { edit } from "../edit/undo.js";
import { swatchOf } from "../timeline/colours.js";
import { classOf } from "../timeline/rows.js";

/** @typedef {import("../core/types.js").Review} Review */

/**
 * A label with its swatch.
 * @param {string} label
 * @param {(() => void) | null} [remove]
 */
export function chip(label, remove = null) {
  const swatch = swatchOf(classOf(store.state, label));
  return h(
    "span",
    { class: "chip", title: label },
    swatch,
    h("bdi", { class: "name-text" }, label),
    remove &&
      h("button", { class: "chip-remove", "aria-label": `Take the tag ${label} away`, onclick: remove }, icon("close")),
  );
}

/**
 * A label that a ready program suggests; a press takes it as a tag.
 * @param {string} label
 * @param {() => void} take
 */
export function suggestion(label, take) {
  return h(
    "button",
    { class: "chip suggested", title: `Suggested: press to tag ${label}`, tabindex: "-1", onclick: take },
    icon("plus"),
    h("bdi", { class: "name-text" }, label),
  );
}

/** The choices of every field for a class. */
export function labelChoices() {
  const list = h("datalist", { id: "known-classes" });
  store.watch(["classes"], ({ classes }) =>
    list.replaceChildren(...classes.classes.map(({ label }) => h("option", { value: label }))),
  );
  return list;
}

/**
 * A field for a tag. A new name that is nearly a known one is pointed out before it is taken.
 * @param {string} words
 * @param {(label: string) => void} take
 */
export function tagField(words, take) {
  const field = h("input", {
    type: "text",
    class: "tag-field",
    placeholder: words,
    "aria-label": words,
    list: "known-classes",
    autocomplete: "off",
    maxlength: "200",
  });
  let warned = "";
  field.addEventListener("keydown", async (event) => {
    if (event.key === "Escape") {
      field.value = "";
      field.blur();
    }
    if (event.key !== "Enter" || event.ctrlKey) return;
    event.preventDefault();
    const label = field.value.trim();
    if (!label) return;
    const near = warned === label ? null : await alike(label);
    if (near) {
      warned = label;
      notice(`"${near}" is known already. Press Enter once more for the new class "${label}".`, "bad", {
        text: `Use ${near}`,
        run: () => use(near),
      });
      return;
    }
    use(label);
  });
  /** @param {string} label */
  function use(label) {
    warned = field.value = "";
    take(label);
  }
  return field;
}

/** The field for a tag of the open video. */
export const ownTagField = () => tagField("Add a tag", tagOwn);

/** @param {string} label */
function tagOwn(label) {
  if (store.state.review) edit(`tag ${label}`, edits.tag(store.state.review, label));
  store.set({ label }); // What was just said is likely what is marked next.
}

/**
 * The tags of the open video.
 * @param {Review | null} review
 * @param {HTMLInputElement} field It stays the same while something is typed in it.
 * @param {string[]} suggested
 */
export function tagRow(review, field, suggested) {
  if (!review) return h("div", { class: "tags" });
  const untagged = review.labels.length === 0;
  const none = untagged && review.exhaustive === true;
  const now = () => /** @type {Review} */ (store.state.review);
  const chips = review.labels.map((label) =>
    chip(label, () => {
      const fresh = edits.untag(now(), label);
      if (fresh === now() || fresh.labels.includes(label))
        notice(`Something of ${label} is marked here: delete that first.`, "bad");
      else edit(`tag ${label} taken away`, fresh);
    }),
  );
  const nothing = h(
    "button",
    {
      class: none ? "chip none on" : "chip none",
      "aria-pressed": String(none),
      title: "Looked at, and nothing of any class happens",
      onclick: () => edit("nothing happens here", { ...now(), exhaustive: none ? [] : true }),
    },
    "Nothing happens here",
  );
  return h(
    "div",
    { class: "tags", role: "group", "aria-label": "Tags" },
    chips,
    field,
    untagged && suggested.map((label) => suggestion(label, () => tagOwn(label))),
    untagged && nothing,
  );
}
