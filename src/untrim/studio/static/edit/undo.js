// @ts-check
/** Undo and redo of everything: edits of reviews as their changes, tags of many and class changes by the server. */
import * as api from "../core/api.js";
import { store } from "../core/store.js";
import { apply, difference } from "./changes.js";
import { saver } from "./saving.js";

/** @typedef {import("../core/types.js").Review} Review */
/** @typedef {import("../core/types.js").Operation} Operation */
/**
 * @typedef {{kind: "review", video: string, changes: import("./changes.js").Change[], text: string, before: string,
 *   after: string}} ReviewStep `before`, `after`: what was selected.
 * @typedef {{kind: "operation", operation: string, text: string}} OperationStep
 * @typedef {ReviewStep | OperationStep} Step
 */

/** @type {Step[]} */
const done = [];
/** @type {Step[]} */
const undone = [];

function tell() {
  store.set({ undo: { undo: done.at(-1)?.text ?? "", redo: undone.at(-1)?.text ?? "" } });
}

/** @param {Step} step */
function remember(step) {
  done.push(step);
  undone.length = 0;
  tell();
}

/**
 * Make an edit of the open video: shown at once, saved soon, and it can be undone.
 * @param {string} text What it is, in words.
 * @param {Review} review
 * @param {{selected?: string, now?: boolean}} [options] What is selected afterwards; whether to save at once.
 */
export function edit(text, review, { selected = store.state.selected, now = false } = {}) {
  const { video, review: before, selected: was } = store.state;
  if (!video || !before) return;
  const changes = difference(before, review);
  if (!changes.length) return;
  remember({ kind: "review", video: video.id, changes, text, before: was, after: selected });
  store.set({ review, selected });
  saver.edit(video.id, review, now);
}

/** An operation of the server on many videos or classes was done. @param {Operation | null} operation */
export function rememberOperation(operation) {
  if (operation) remember(asStep(operation));
}

/** Operations of earlier, which can be undone too. @param {{undo: Operation[], redo: Operation[]}} operations */
export function rememberEarlier({ undo, redo }) {
  done.unshift(...undo.map(asStep));
  undone.unshift(...redo.map(asStep));
  tell();
}

/** @param {Operation} operation @returns {OperationStep} */
const asStep = ({ id, words }) => ({ kind: "operation", operation: id, text: words });

/**
 * @param {boolean} back Undo; else redo.
 * @param {(video: string) => Promise<void>} visit Opens the video that a step belongs to.
 * @returns {Promise<string>} What was done, in words.
 */
export async function travel(back, visit) {
  const [from, to] = back ? [done, undone] : [undone, done];
  const step = from.at(-1);
  if (!step) return back ? "Nothing to undo" : "Nothing to redo";
  let left = 0;
  if (step.kind === "operation") {
    saver.flush();
    const answer = await api.post(`/api/operations/${step.operation}/undo`, {});
    if (answer.classes) store.set({ classes: answer.classes });
    if (!answer.operation) {
      from.pop();
      tell();
      return `Nothing is left of: ${step.text}`;
    }
    step.operation = answer.operation.id;
  } else {
    if (store.state.video?.id !== step.video) await visit(step.video);
    const { review } = store.state;
    if (!review) return "The video of that edit is not there";
    const made = apply(review, step.changes, { back });
    left = made.met;
    store.set({ review: made.review, selected: back ? step.before : step.after, held: "", pending: null });
    saver.edit(step.video, made.review);
  }
  from.pop();
  to.push(step);
  tell();
  const rest = left ? `; ${left} of it was changed since and stays` : "";
  return `${back ? "Undone" : "Done again"}: ${step.text}${rest}`;
}
