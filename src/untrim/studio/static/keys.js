// @ts-check
/**
 * Keys by their place on the keyboard (`event.code`), so that a layout without `[` has it all the same; shown as the
 * keyboard at hand prints them. Undo and redo go by the letter, as everywhere.
 */
import { isTextField } from "./core/dom.js";

/**
 * @typedef {object} Key
 * @property {string[]} codes
 * @property {boolean} [shift]
 * @property {boolean} [ctrl]
 * @property {string} action A name in `actions`.
 * @property {string} [words] What it does, in the table of keys; a second key for the same has none.
 * @property {boolean} [repeats] Whether it goes on while it is held.
 */

/** @type {{title: string, keys: Key[]}[]} */
export const KEYS = [
  {
    title: "Play",
    keys: [
      { codes: ["Space"], action: "play", words: "Play, pause" },
      { codes: ["KeyP"], action: "playSegment", words: "Repeat the segment" },
      { codes: ["Comma"], shift: true, action: "slower", words: "Slower" },
      { codes: ["Period"], shift: true, action: "faster", words: "Faster" },
      { codes: ["Comma"], action: "frameBack", words: "A frame back", repeats: true },
      { codes: ["Period"], action: "frameOn", words: "A frame on", repeats: true },
      { codes: ["ArrowLeft"], action: "secondBack", words: "A second back", repeats: true },
      { codes: ["ArrowRight"], action: "secondOn", words: "A second on", repeats: true },
      { codes: ["ArrowLeft"], shift: true, action: "fiveBack", words: "Five seconds back", repeats: true },
      { codes: ["ArrowRight"], shift: true, action: "fiveOn", words: "Five seconds on", repeats: true },
      { codes: ["Home"], action: "toStart", words: "First frame" },
      { codes: ["End"], action: "toEnd", words: "Last frame" },
    ],
  },
  {
    title: "Decide",
    keys: [
      { codes: ["Tab"], action: "next", words: "Next segment" },
      { codes: ["Tab"], shift: true, action: "previous", words: "Previous segment" },
      { codes: ["KeyA"], action: "accept", words: "Accept, and the next" },
      { codes: ["KeyX"], action: "reject", words: "Reject, and the next" },
      { codes: ["Enter"], ctrl: true, action: "complete", words: "All is right; next video" },
      { codes: ["NumpadEnter"], ctrl: true, action: "complete" },
      { codes: ["PageDown"], action: "nextVideo", words: "Next video" },
      { codes: ["PageUp"], action: "previousVideo", words: "Previous video" },
    ],
  },
  {
    title: "Mark and correct",
    keys: [
      { codes: ["KeyI"], action: "markStart", words: "Start here; begin a new one" },
      { codes: ["KeyO"], action: "markEnd", words: "End here; finish the new one" },
      { codes: ["BracketLeft"], action: "holdStart", words: "Hold the start, to move it" },
      { codes: ["BracketRight"], action: "holdEnd", words: "Hold the end, to move it" },
      { codes: ["Escape"], action: "letGo", words: "Let go" },
      { codes: ["KeyT"], action: "point", words: "Point: it happens here" },
      { codes: ["KeyS"], action: "split", words: "Split at this frame" },
      { codes: ["KeyM"], action: "merge", words: "Merge with the next" },
      { codes: ["Delete"], action: "remove", words: "Delete" },
      { codes: ["Backspace"], action: "remove" },
      { codes: ["Slash"], action: "searchClass", words: "Search a class" },
    ],
  },
  {
    title: "View",
    keys: [
      { codes: ["Equal", "NumpadAdd"], action: "zoomIn", words: "Closer", repeats: true },
      { codes: ["Minus", "NumpadSubtract"], action: "zoomOut", words: "Farther", repeats: true },
      { codes: ["Digit0", "Numpad0"], action: "zoomAll", words: "Whole video" },
      { codes: ["Slash"], shift: true, action: "help", words: "This table" },
      { codes: ["F1"], action: "help" },
      { codes: ["F6"], action: "moveFocus", words: "Tab moves the focus" },
    ],
  },
];

const MARKS = /** @type {Record<string, string>} */ ({
  Space: "Space",
  Comma: ",",
  Period: ".",
  Slash: "/",
  BracketLeft: "[",
  BracketRight: "]",
  Equal: "=",
  Minus: "-",
  ArrowLeft: "←",
  ArrowRight: "→",
  PageDown: "PgDn",
  PageUp: "PgUp",
  Escape: "Esc",
  Enter: "Enter",
  Delete: "Del",
});
/** @type {Map<string, string> | null} What the keyboard at hand prints. */
let printed = null;

export async function learnLayout() {
  const keyboard = /** @type {any} */ (navigator).keyboard;
  printed = keyboard?.getLayoutMap ? await keyboard.getLayoutMap().catch(() => null) : null;
}

/** A key as its keyboard has it. @param {Key} key @returns {string[]} */
export function keyText({ codes: [code], shift = false, ctrl = false }) {
  const plain = MARKS[code] ?? code.replace(/^(Key|Digit)/, "");
  const own = printed?.get(code);
  return [...(ctrl ? ["Ctrl"] : []), ...(shift ? ["Shift"] : []), own && own.trim() ? own.toUpperCase() : plain];
}

const ALL = KEYS.flatMap(({ keys }) => keys);

/** @param {string} action */
export function keyOf(action) {
  const key = ALL.find((candidate) => candidate.action === action);
  return key ? keyText(key).join("+") : "";
}

/**
 * Listen on the whole page. Keys work wherever the focus is, but in text fields and open dialogs.
 * @param {(action: string, event: KeyboardEvent) => void} run
 * @param {() => boolean} onVideo Whether a video is open; elsewhere only undo, redo and help have keys.
 * @param {() => boolean} tabMovesFocus
 */
export function listenToKeys(run, onVideo, tabMovesFocus) {
  addEventListener(
    "keydown",
    (event) => {
      const action = actionOf(event, onVideo(), tabMovesFocus());
      if (!action) return;
      event.preventDefault();
      event.stopPropagation();
      run(action, event);
    },
    true,
  );
  // A button that has the focus would be pressed when Space is let go.
  addEventListener(
    "keyup",
    (event) => {
      if (event.code === "Space" && onVideo() && !isTextField(event.target) && !document.querySelector("dialog[open]"))
        event.preventDefault();
    },
    true,
  );
}

/** @param {KeyboardEvent} event @param {boolean} onVideo @param {boolean} tabMovesFocus */
function actionOf(event, onVideo, tabMovesFocus) {
  if (event.isComposing || event.altKey || document.querySelector("dialog[open]")) return "";
  const ctrl = event.ctrlKey || event.metaKey;
  const typing = isTextField(event.target);
  if (ctrl && !typing) {
    const letter = /^[a-z]$/i.test(event.key) ? event.key.toLowerCase() : event.code.replace("Key", "").toLowerCase();
    if (letter === "z") return event.shiftKey ? "redo" : "undo";
    if (letter === "y") return "redo";
  }
  if (typing && !(ctrl && event.code === "Enter")) return "";
  if (!onVideo) return event.code === "F1" || (event.code === "Slash" && event.shiftKey) ? "help" : "";
  if (event.code === "Tab" && tabMovesFocus) return "";
  const digit = /^(?:Digit|Numpad)([1-9])$/.exec(event.code);
  if (digit && !ctrl && !event.shiftKey) return `class${digit[1]}`;
  const key = ALL.find((candidate) => {
    return (
      candidate.codes.includes(event.code) &&
      (candidate.shift ?? false) === event.shiftKey &&
      (candidate.ctrl ?? false) === ctrl
    );
  });
  return key && (key.repeats || !event.repeat) ? key.action : "";
}
