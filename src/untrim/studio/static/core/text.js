// @ts-check
/** Numbers and times in words. */

/**
 * Seconds as `1:02.345`, or `1:02:03.456` from an hour on.
 * @param {number} seconds
 * @param {number} [digits] Of the fraction of a second.
 */
export function clock(seconds, digits = 3) {
  const scale = 10 ** digits;
  const ticks = Math.round(Math.max(0, seconds) * scale);
  const whole = Math.floor(ticks / scale);
  const fraction = digits ? `.${String(ticks % scale).padStart(digits, "0")}` : "";
  const two = (/** @type {number} */ value) => String(value).padStart(2, "0");
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return (hours ? `${hours}:${two(minutes)}` : `${minutes}`) + `:${two(rest)}${fraction}`;
}

/**
 * What a person typed as a time, in seconds: `83.5`, `1:23.5`, `1:01:23,5`. Null if it is none.
 * @param {string} text
 */
export function parseClock(text) {
  const clean = text.trim().replace(",", ".");
  if (!/^(\d+:){0,2}\d+(\.\d*)?$/.test(clean)) return null;
  return clean.split(":").reduce((total, part) => total * 60 + Number(part), 0);
}

/**
 * A length of time for people: `31 s`, `4 min`, `2 h 5 min`.
 * @param {number} seconds
 */
export function length(seconds) {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 100) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/**
 * A count with its noun: `1 video`, `3 videos`.
 * @param {number} number
 * @param {string} noun
 */
export function count(number, noun) {
  return `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
}

/** @param {Date} date */
export function timeOfDay(date) {
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => String(part).padStart(2, "0")).join(":");
}

/** @param {number} bytes */
export function size(bytes) {
  if (bytes < 1e6) return `${Math.max(1, Math.round(bytes / 1e3))} kB`;
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
