// @ts-check
/** What can be selected: the decisions of a review, and what was found and waits for one. */
import { byTime } from "./changes.js";

/** @typedef {import("../core/types.js").Item} Item */
/** @typedef {import("../core/types.js").Review} Review */
/** @typedef {import("../core/types.js").Video} Video */
/** @typedef {import("../core/types.js").Segment} Segment */

const SAME = 0.5; // tIoU from which a decision of the same class is about what was found
const INSIDE = 0.9; // share of what was found that lies in a decision that holds

/**
 * @param {{start: number, end: number}} a
 * @param {{start: number, end: number}} b
 */
export function overlap(a, b) {
  return Math.max(0, Math.min(a.end, b.end) - Math.max(a.start, b.start));
}

/**
 * Whether a decision is about a found segment of its class, which is then no longer shown.
 * @param {Segment} decision
 * @param {{start: number, end: number}} found
 */
function settles(decision, found) {
  const { from } = decision;
  if (from && from.start === found.start && from.end === found.end) return true;
  const common = overlap(decision, found);
  const union = decision.end - decision.start + found.end - found.start - common;
  if (common >= SAME * union) return true;
  return decision.state !== "rejected" && common >= INSIDE * (found.end - found.start);
}

/** @type {{review: Review, video: Video, score: number | null, items: Item[]} | null} */
let latest = null;

/**
 * Decisions and open findings of the video, by time. The same arguments give the same array.
 * @param {Review | null} review
 * @param {Video | null} video
 * @param {number | null} score Findings below it are left out; null: those that the server does not show.
 * @returns {Item[]}
 */
export function itemsOf(review, video, score) {
  if (!review || !video) return [];
  if (latest && latest.review === review && latest.video === video && latest.score === score) return latest.items;
  /** @type {Map<string, Segment[]>} */
  const byLabel = new Map();
  for (const segment of review.segments) byLabel.set(segment.label, [...(byLabel.get(segment.label) ?? []), segment]);
  /** @type {Item[]} */
  const items = review.segments.map(({ id, label, start, end, state, from }) => {
    return { id, label, start, end, state, score: from?.score ?? null, from: from ?? null };
  });
  video.detections.forEach(({ label, start, end, score: value, shown }, index) => {
    if (
      (score === null ? !shown : value < score) ||
      byLabel.get(label)?.some((decision) => settles(decision, { start, end }))
    )
      return;
    const from = { run: video.run, start, end, score: value };
    items.push({ id: `found-${index}`, label, start, end, state: "found", score: value, from });
  });
  items.sort(byTime);
  latest = { review, video, score, items };
  return items;
}

/**
 * The item after (or before) a selected one; without one, the next from a time on.
 * @param {Item[]} items
 * @param {string} selected
 * @param {number} seconds
 * @param {1 | -1} way
 */
export function neighbour(items, selected, seconds, way) {
  const index = items.findIndex((item) => item.id === selected);
  if (index >= 0) return items[index + way] ?? null;
  const [from, order] = [seconds, way > 0 ? items : [...items].reverse()];
  return order.find((item) => (way > 0 ? item.start >= from : item.start < from)) ?? order[0] ?? null;
}
