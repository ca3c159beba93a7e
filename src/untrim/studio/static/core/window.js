// @ts-check
/** A long list of which only the rows in sight are in the page. */
import { h } from "./dom.js";

const SPARE = 6; // rows above and below what is in sight

/**
 * @template T
 * @typedef {object} Listing
 * @property {HTMLElement} element
 * @property {(items: T[]) => void} show
 * @property {(key: string) => void} reveal Scrolls to a row.
 * @property {(keys?: string[]) => void} refresh Makes rows in sight anew, or only some of them.
 * @property {(key: string) => HTMLElement | null} row
 */

/**
 * @template T
 * @param {object} options
 * @param {(item: T) => string} options.key
 * @param {(item: T, index: number) => HTMLElement} options.make
 * @param {number} options.height Pixels of a row.
 * @param {Record<string, unknown>} options.attributes
 * @returns {Listing<T>}
 */
export function windowed({ key, make, height, attributes }) {
  const body = h("div", { class: "window-body", role: "presentation" });
  const element = h("div", { ...attributes }, body);
  /** @type {T[]} */
  let items = [];
  /** @type {Map<string, {item: T, index: number, node: HTMLElement}>} */
  let made = new Map();
  let [wide, room, top] = [0, 0, 0]; // Asked of the page only when they change: asking makes it lay itself out.

  function paint() {
    const tall = rowHeight();
    const first = Math.max(0, Math.floor(top / tall) - SPARE);
    const last = Math.min(items.length, Math.ceil((top + room) / tall) + SPARE);
    body.style.height = `${items.length * tall}px`;
    /** @type {typeof made} */
    const now = new Map();
    for (let index = first; index < last; index += 1) {
      const item = items[index];
      const id = key(item);
      const old = made.get(id);
      if (old && old.item === item && old.index === index) now.set(id, old);
      else {
        const node = make(item, index);
        node.style.top = `${index * tall}px`;
        if (old) replaceKeepingFocus(old.node, node);
        else body.append(node);
        now.set(id, { item, index, node });
      }
    }
    for (const [id, { node }] of made) if (!now.has(id)) node.remove();
    made = now;
  }

  const rowHeight = () => height * (wide < 620 && attributes.tall ? Number(attributes.tall) : 1);
  const scrolled = () => {
    top = element.scrollTop;
    paint();
  };
  element.addEventListener("scroll", scrolled, { passive: true });
  new ResizeObserver(() => {
    [wide, room, top] = [element.clientWidth, element.clientHeight, element.scrollTop];
    for (const { node } of made.values()) node.remove();
    made = new Map();
    paint();
  }).observe(element);

  return {
    element,
    show(fresh) {
      items = fresh;
      paint();
    },
    refresh(keys) {
      for (const [id, entry] of made) if (!keys || keys.includes(id)) entry.index = -1;
      paint();
    },
    reveal(id) {
      const index = items.findIndex((item) => key(item) === id);
      if (index < 0) return;
      const tall = rowHeight();
      const [first, last] = [index * tall, (index + 1) * tall];
      if (first >= top && last <= top + room) return;
      element.scrollTop = first < top ? first - tall / 2 : last - room + tall / 2;
      scrolled();
    },
    row: (id) => made.get(id)?.node ?? null,
  };
}

/** The focus stays on the same control of a row that is made anew. @param {HTMLElement} old @param {HTMLElement} fresh */
function replaceKeepingFocus(old, fresh) {
  const active = document.activeElement;
  const focusable = "a, button, input, [tabindex]";
  const place = active && old.contains(active) ? [old, ...old.querySelectorAll(focusable)].indexOf(active) : -1;
  old.replaceWith(fresh);
  if (place >= 0)
    /** @type {HTMLElement | undefined} */ ([fresh, ...fresh.querySelectorAll(focusable)][place])?.focus({
      preventScroll: true,
    });
}
