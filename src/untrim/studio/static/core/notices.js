// @ts-check
/** One line at the foot of the page about what has just happened; screen readers read it out. */
import { fill, h } from "./dom.js";

const STAYS = 5000; // milliseconds
const box = h("div", { class: "notices", role: "status", "aria-live": "polite" });
let timer = 0;

export const noticeBox = () => box;

/**
 * @param {string} text
 * @param {"good" | "bad"} [kind]
 * @param {{text: string, run: () => void}} [action] Offered beside it.
 */
export function notice(text, kind = "good", action) {
  const button = action && h("button", { class: "link", onclick: () => (action.run(), fill(box)) }, action.text);
  fill(box, h("div", { class: `notice ${kind}` }, h("span", {}, text), button));
  clearTimeout(timer);
  timer = window.setTimeout(() => fill(box), kind === "bad" ? 2 * STAYS : STAYS);
}
