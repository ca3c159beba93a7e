// @ts-check
/** The table of keys, and the search for a class. */
import * as api from "./core/api.js";
import { fill, h, icon } from "./core/dom.js";
import { store } from "./core/store.js";
import { KEYS, keyText } from "./keys.js";
import { swatchOf } from "./timeline/colours.js";

/**
 * @param {string} title
 * @param {string} kind A class for its looks.
 * @param {...import("./core/dom.js").Children} content
 */
function dialog(title, kind, ...content) {
  const close = () => element.close();
  const element = h(
    "dialog",
    { class: kind, "aria-label": title },
    h(
      "header",
      {},
      h("h2", {}, title),
      h("button", { class: "quiet", "aria-label": "Close", onclick: close }, icon("close")),
    ),
    ...content,
  );
  element.addEventListener("close", () => element.remove());
  element.addEventListener("click", (event) => event.target === element && close());
  document.body.append(element);
  element.showModal();
  return element;
}

export function showHelp() {
  dialog(
    "Keys",
    "keys",
    h(
      "div",
      { class: "key-groups" },
      ...KEYS.map(({ title, keys }) => {
        const rows = keys
          .filter(({ words }) => words)
          .map((key) =>
            h("tr", {}, h("td", {}, ...keyText(key).map((part) => h("kbd", {}, part))), h("td", {}, key.words)),
          );
        return h("section", {}, h("h3", {}, title), h("table", {}, h("tbody", {}, ...rows)));
      }),
      h(
        "section",
        {},
        h("h3", {}, "Everywhere"),
        h(
          "table",
          {},
          h(
            "tbody",
            {},
            h("tr", {}, h("td", {}, h("kbd", {}, "1"), "–", h("kbd", {}, "9")), h("td", {}, "The class with that key")),
            h("tr", {}, h("td", {}, h("kbd", {}, "Ctrl"), h("kbd", {}, "Z")), h("td", {}, "Undo")),
            h(
              "tr",
              {},
              h("td", {}, h("kbd", {}, "Ctrl"), h("kbd", {}, "Shift"), h("kbd", {}, "Z")),
              h("td", {}, "Redo"),
            ),
          ),
        ),
        h("h3", {}, "Mouse"),
        h(
          "table",
          { class: "mouse" },
          h(
            "tbody",
            {},
            h("tr", {}, h("td", {}, "drag in a row"), h("td", {}, "New segment")),
            h("tr", {}, h("td", {}, "drag edge, body"), h("td", {}, "Move; Shift: no snapping")),
            h("tr", {}, h("td", {}, "double click"), h("td", {}, "Play the segment")),
            h("tr", {}, h("td", {}, "wheel; with Shift"), h("td", {}, "Zoom; move along")),
          ),
        ),
      ),
    ),
  );
}

/**
 * Ask for a class, a known or a new one. A new one that is nearly a known one is pointed out.
 * @param {string} title
 * @returns {Promise<string>} Nothing if none was chosen.
 */
export function pickClass(title) {
  return new Promise((resolve) => {
    let answer = "";
    let at = 0;
    /** @type {string[]} */
    let shown = [];
    const field = h("input", {
      type: "text",
      "aria-label": title,
      placeholder: "Type a class",
      autocomplete: "off",
      spellcheck: "false",
      role: "combobox",
      "aria-expanded": "true",
      "aria-controls": "class-choices",
    });
    const list = h("ul", { id: "class-choices", role: "listbox", "aria-label": "Classes" });
    const hint = h("p", { class: "soft" });
    const element = dialog(title, "pick", field, list, hint);
    const choose = (/** @type {string} */ label) => {
      answer = label;
      element.close();
    };
    element.addEventListener("close", () => resolve(answer));
    field.addEventListener("input", () => ((at = 0), list_()));
    field.addEventListener("keydown", (event) => {
      if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        event.preventDefault();
        at = Math.max(0, Math.min(shown.length - 1, at + (event.key === "ArrowDown" ? 1 : -1)));
        list_();
      } else if (event.key === "Enter") {
        event.preventDefault();
        if (shown[at]) choose(shown[at]);
      }
    });
    list_();
    field.focus();

    function list_() {
      const typed = field.value.trim();
      const { classes } = store.state.classes;
      const found = classes.filter(({ label }) => label.toLowerCase().includes(typed.toLowerCase())).slice(0, 50);
      shown = found.map(({ label }) => label);
      const fresh = typed && !classes.some(({ label }) => label === typed);
      if (fresh) shown.push(typed);
      fill(
        list,
        ...shown.map((label, index) => {
          const info = classes.find((known) => known.label === label);
          const swatch = info && swatchOf(info);
          return h(
            "li",
            {
              role: "option",
              "aria-selected": String(index === at),
              class: index === at ? "at" : "",
              onclick: () => choose(label),
            },
            info ? swatch : icon("plus"),
            info ? h("bdi", {}, label) : h("span", {}, "New class ", h("bdi", {}, label)),
            info?.key && h("kbd", {}, info.key),
          );
        }),
      );
      list.children[at]?.scrollIntoView({ block: "nearest" });
      fill(hint);
      if (fresh) warn(typed);
    }

    async function warn(/** @type {string} */ typed) {
      const near = await alike(typed);
      if (near && field.value.trim() === typed) {
        fill(
          hint,
          h("bdi", {}, near),
          " is known already. ",
          h("button", { class: "link", onclick: () => choose(near) }, "Use it"),
        );
      }
    }
  });
}

/**
 * A known class that a new name is nearly.
 * @param {string} label
 * @returns {Promise<string | null>}
 */
export async function alike(label) {
  const { classes } = store.state.classes;
  if (classes.some((known) => known.label === label)) return null;
  return (await api.get(`/api/classes/alike?label=${encodeURIComponent(label)}`).catch(() => null))?.label ?? null;
}

/**
 * Ask before something large.
 * @param {string} title
 * @param {string} text
 * @param {string} yes
 * @returns {Promise<boolean>}
 */
export function confirm(title, text, yes) {
  return new Promise((resolve) => {
    let answer = false;
    const agree = h("button", { class: "primary", onclick: () => ((answer = true), element.close()) }, yes);
    const element = dialog(
      title,
      "ask",
      h("p", {}, text),
      h("footer", {}, h("button", { onclick: () => element.close() }, "Cancel"), agree),
    );
    element.addEventListener("close", () => resolve(answer));
    agree.focus();
  });
}
