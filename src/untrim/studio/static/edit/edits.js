// @ts-check
/** Every edit of a review, as a function from the review before to the one after. None changes its argument. */
import { byTime, pointKey } from "./changes.js";

/** @typedef {import("../core/types.js").Review} Review */
/** @typedef {import("../core/types.js").Segment} Segment */
/** @typedef {import("../core/types.js").Item} Item */

/** Random, so that two windows never name two segments alike. */
export function newId() {
  return `s${Array.from(crypto.getRandomValues(new Uint8Array(6)), (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

/**
 * @param {Review} review
 * @param {Segment[]} segments
 * @returns {Review}
 */
function withSegments(review, segments) {
  const labels = [...review.labels];
  for (const { label, state } of segments) if (state !== "rejected" && !labels.includes(label)) labels.push(label);
  return { ...review, labels, segments: [...segments].sort(byTime) };
}

/**
 * The decision that an item becomes with new times or class.
 * @param {Item} item
 * @param {{label?: string, start?: number, end?: number, state?: Segment["state"]}} change
 * @returns {Segment}
 */
function decision(item, change) {
  const { label, start, end } = { ...item, ...change };
  const { from } = item;
  const asFound =
    from !== null && from.start === start && from.end === end && (item.state !== "found" || label === item.label);
  const state = change.state ?? (from === null ? "added" : asFound ? "accepted" : "adjusted");
  const id = item.state === "found" ? newId() : item.id;
  return { id, label, start, end, state, ...(from ? { from } : {}) };
}

/**
 * @param {Review} review
 * @param {Item} item
 * @param {Segment[]} segments What takes its place.
 */
function replace(review, item, segments) {
  return withSegments(review, [...review.segments.filter(({ id }) => id !== item.id), ...segments]);
}

/** @param {Review} review @param {Item} item */
export function accept(review, item) {
  if (item.state !== "found" && item.state !== "rejected") return { review, id: item.id };
  const made = decision(item, {});
  return { review: replace(review, item, [made]), id: made.id };
}

/** @param {Review} review @param {Item} item */
export function reject(review, item) {
  if (item.state === "rejected") return { review, id: item.id };
  const made = decision(item, { state: "rejected" });
  return { review: replace(review, item, [made]), id: made.id };
}

/**
 * @param {Review} review
 * @param {Item} item
 * @param {{label?: string, start?: number, end?: number}} change
 */
export function change(review, item, change) {
  const made = decision(item, change);
  return { review: replace(review, item, [made]), id: made.id };
}

/**
 * @param {Review} review
 * @param {string} label
 * @param {number} start
 * @param {number} end
 */
export function add(review, label, start, end) {
  /** @type {Segment} */
  const made = { id: newId(), label, start: Math.min(start, end), end: Math.max(start, end), state: "added" };
  return { review: withSegments(review, [...review.segments, made]), id: made.id };
}

/**
 * A decision is taken back: what was found waits for one again, what was added is no more.
 * @param {Review} review
 * @param {Item} item
 */
export function forget(review, item) {
  return replace(review, item, []);
}

/**
 * Two segments of one, which meet at a time inside it.
 * @param {Review} review
 * @param {Item} item
 * @param {number} seconds
 */
export function split(review, item, seconds) {
  const first = decision(item, { end: seconds });
  const second = { ...decision(item, { start: seconds }), id: newId() };
  return { review: replace(review, item, [first, second]), id: first.id };
}

/**
 * One segment of two of a class, from the first's start to the later end.
 * @param {Review} review
 * @param {Item} item
 * @param {Item} next
 */
export function merge(review, item, next) {
  const made = decision(item, { end: Math.max(item.end, next.end) });
  const rest = replace(review, next, []);
  return { review: replace(rest, item, [made]), id: made.id };
}

/**
 * @param {Review} review
 * @param {string} label
 * @param {number} time
 * @returns {Review}
 */
export function addPoint(review, label, time) {
  if (review.points.some((point) => pointKey(point) === pointKey({ label, time }))) return review;
  const labels = review.labels.includes(label) ? review.labels : [...review.labels, label];
  return { ...review, labels, points: [...review.points, { label, time }].sort((a, b) => a.time - b.time) };
}

/** @param {Review} review @param {number} index @returns {Review} */
export function removePoint(review, index) {
  return { ...review, points: review.points.filter((_, other) => other !== index) };
}

/** @param {Review} review @param {string} label @returns {Review} */
export function tag(review, label) {
  if (review.labels.includes(label)) return review;
  const none = review.labels.length === 0 && review.exhaustive === true;
  return { ...review, labels: [...review.labels, label], exhaustive: none ? [] : review.exhaustive };
}

/**
 * A tag goes, unless something of its class is marked.
 * @param {Review} review
 * @param {string} label
 * @returns {Review}
 */
export function untag(review, label) {
  const marked = review.segments.some((segment) => segment.label === label && segment.state !== "rejected");
  if (marked || review.points.some((point) => point.label === label)) return review;
  const exhaustive = review.exhaustive === true ? true : review.exhaustive.filter((other) => other !== label);
  return { ...review, labels: review.labels.filter((other) => other !== label), exhaustive };
}

/**
 * Whether everything of a class is marked.
 * @param {Review} review
 * @param {string} label
 */
export function isExhaustive(review, label) {
  return review.exhaustive === true || review.exhaustive.includes(label);
}

/**
 * Say, or take back, that everything of a class is marked.
 * @param {Review} review
 * @param {string} label
 * @param {string[]} classes All that there are: "everything" becomes "everything but this".
 * @returns {Review}
 */
export function toggleExhaustive(review, label, classes) {
  if (!isExhaustive(review, label))
    return { ...review, exhaustive: [.../** @type {string[]} */ (review.exhaustive), label] };
  const known = review.exhaustive === true ? classes : review.exhaustive;
  return { ...review, exhaustive: known.filter((other) => other !== label) };
}
