// @ts-check
/**
 * The difference of two reviews as a list of small changes. Undo, redo, and the offer of an edit that met another one
 * are all the same: changes made to the review as it is *now*, so that nothing of another window is overwritten.
 */

/** @typedef {import("../core/types.js").Review} Review */
/** @typedef {import("../core/types.js").Segment} Segment */
/** @typedef {import("../core/types.js").Point} Point */
/**
 * One value before and after; null where there was or is none. Of labels, the value is the label itself.
 * @typedef {{part: "segments" | "points" | "labels" | "exhaustive", key: string, before: any, after: any}} Change
 */

/** @param {Point} point */
export const pointKey = (point) => `${point.label}\n${point.time}`;

/** Who and when are stamps of the server and no part of what is compared. @param {any} value */
function content(value) {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return JSON.stringify(value);
  const { label, start, end, state, time, from } = value;
  return JSON.stringify([
    label,
    start,
    end,
    state,
    time,
    from ? [from.run ?? null, from.start, from.end, from.score] : null,
  ]);
}

/**
 * @param {Review} review
 * @returns {{part: Change["part"], values: Map<string, any>}[]}
 */
function parts(review) {
  const labels = review.exhaustive === true ? true : [...review.exhaustive].sort();
  return [
    { part: "segments", values: new Map(review.segments.map((segment) => [segment.id, segment])) },
    { part: "points", values: new Map(review.points.map((point) => [pointKey(point), point])) },
    { part: "labels", values: new Map(review.labels.map((label) => [label, label])) },
    { part: "exhaustive", values: new Map([["", labels]]) },
  ];
}

/**
 * What leads from one review to another.
 * @param {Review} before
 * @param {Review} after
 * @returns {Change[]}
 */
export function difference(before, after) {
  /** @type {Change[]} */
  const changes = [];
  const later = parts(after);
  for (const [index, { part, values }] of parts(before).entries()) {
    const now = later[index].values;
    for (const key of new Set([...values.keys(), ...now.keys()])) {
      const [old, fresh] = [values.get(key) ?? null, now.get(key) ?? null];
      if (old !== fresh && content(old) !== content(fresh)) changes.push({ part, key, before: old, after: fresh });
    }
  }
  return changes;
}

/**
 * Make changes to a review. One whose place was changed by someone else meanwhile is left out, unless `force`.
 * @param {Review} review
 * @param {Change[]} changes
 * @param {{back?: boolean, force?: boolean}} [options] `back`: undo them.
 * @returns {{review: Review, met: number}} `met`: how many were left out.
 */
export function apply(review, changes, { back = false, force = false } = {}) {
  const now = new Map(parts(review).map(({ part, values }) => [part, values]));
  let met = 0;
  for (const change of back ? [...changes].reverse() : changes) {
    const values = /** @type {Map<string, any>} */ (now.get(change.part));
    const [expected, wanted] = back ? [change.after, change.before] : [change.before, change.after];
    const found = values.get(change.key) ?? null;
    if (content(found) === content(wanted)) continue;
    if (!force && content(found) !== content(expected)) met += 1;
    else if (wanted === null) values.delete(change.key);
    else values.set(change.key, wanted);
  }
  const list = (/** @type {Change["part"]} */ part) => [.../** @type {Map<string, any>} */ (now.get(part)).values()];
  const fresh = {
    ...review,
    segments: list("segments").sort(byTime),
    points: list("points").sort((a, b) => a.time - b.time),
    labels: list("labels"),
    exhaustive: list("exhaustive")[0] ?? [],
  };
  return { review: fresh, met };
}

/** @param {{start: number, end: number}} a @param {{start: number, end: number}} b */
export const byTime = (a, b) => a.start - b.start || a.end - b.end;

/**
 * Changes in words, for the line that offers them again.
 * @param {Change[]} changes
 */
export function inWords(changes) {
  const segments = changes
    .filter((change) => change.part === "segments")
    .map((change) => (change.after ?? change.before).label);
  if (segments.length === 1) return `1 segment of ${segments[0]}`;
  if (segments.length) return `${segments.length} segments`;
  return `${changes.length} ${changes.length === 1 ? "change" : "changes"}`;
}
