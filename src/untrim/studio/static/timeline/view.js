// @ts-check
/** The stretch of the video that the timeline shows, and where on it a time is. */

/** @typedef {import("../core/types.js").Span} Span */

const LEAST = 0.2; // seconds in sight at the closest
const STEPS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600];

/**
 * A stretch inside the video, as long as asked for where it can be.
 * @param {Span} view
 * @param {number} duration
 * @returns {Span}
 */
export function within(view, duration) {
  const length = Math.min(duration, Math.max(Math.min(LEAST, duration), view.end - view.start));
  const start = Math.max(0, Math.min(duration - length, view.start));
  return { start, end: start + length };
}

/**
 * Closer (`factor` < 1) or farther, with the time under the pointer where it is.
 * @param {Span} view
 * @param {number} factor
 * @param {number} seconds
 * @param {number} duration
 */
export function zoom(view, factor, seconds, duration) {
  const length = Math.min(duration, Math.max(Math.min(LEAST, duration), (view.end - view.start) * factor));
  const share = (seconds - view.start) / (view.end - view.start);
  return within({ start: seconds - share * length, end: seconds + (1 - share) * length }, duration);
}

/** @param {Span} view @param {number} seconds @param {number} duration */
export function pan(view, seconds, duration) {
  return within({ start: view.start + seconds, end: view.end + seconds }, duration);
}

/**
 * The same view, moved as little as it takes to have a stretch in sight, and wider if it must be.
 * @param {Span} view
 * @param {Span} wanted
 * @param {number} duration
 */
export function reveal(view, wanted, duration) {
  if (wanted.start >= view.start && wanted.end <= view.end) return view;
  const margin = 0.1 * (view.end - view.start);
  const length = Math.max(view.end - view.start, wanted.end - wanted.start + 2 * margin);
  const start =
    wanted.start < view.start || length > view.end - view.start ? wanted.start - margin : wanted.end + margin - length;
  return within({ start, end: start + length }, duration);
}

/** @param {Span} view @param {number} width @param {number} seconds */
export function toX(view, width, seconds) {
  return ((seconds - view.start) / (view.end - view.start)) * width;
}

/** @param {Span} view @param {number} width @param {number} x */
export function toSeconds(view, width, x) {
  return view.start + (x / width) * (view.end - view.start);
}

/**
 * Times to write on the ruler, and the smaller steps between them.
 * @param {Span} view
 * @param {number} width
 */
export function ticks(view, width) {
  const perPixel = (view.end - view.start) / Math.max(1, width);
  const step = STEPS.find((candidate) => candidate / perPixel >= 88) ?? STEPS[STEPS.length - 1];
  const major = [];
  for (let index = Math.ceil(view.start / step); index * step <= view.end; index += 1) major.push(index * step);
  return { major, step, minor: step / 5, digits: step < 0.1 ? 2 : step < 1 ? 1 : 0 };
}
