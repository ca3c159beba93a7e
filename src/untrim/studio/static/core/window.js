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
 * @property {() => void} refresh Makes all rows in sight anew.
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

  function paint() {
    const tall = rowHeight();
    const first = Math.max(0, Math.floor(element.scrollTop / tall) - SPARE);
    const last = Math.min(items.length, Math.ceil((element.scrollTop + element.clientHeight) / tall) + SPARE);
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

  const rowHeight = () => height * (element.clientWidth < 620 && attributes.tall ? Number(attributes.tall) : 1);
  element.addEventListener("scroll", paint, { passive: true });
  new ResizeObserver(() => {
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
    refresh() {
      for (const entry of made.values()) entry.index = -1;
      paint();
    },
    reveal(id) {
      const index = items.findIndex((item) => key(item) === id);
      if (index < 0) return;
      const tall = rowHeight();
      const [top, bottom] = [index * tall, (index + 1) * tall];
      if (top < element.scrollTop) element.scrollTop = top - tall / 2;
      else if (bottom > element.scrollTop + element.clientHeight)
        element.scrollTop = bottom - element.clientHeight + tall / 2;
      paint();
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
