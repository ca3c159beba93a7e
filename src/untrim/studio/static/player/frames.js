// @ts-check
/**
 * The one place where frame numbers, seconds and media seconds are turned into each other. All three come from the
 * server's table of the file's own presentation times; nothing is ever computed from a frame rate.
 */

export class Frames {
  /**
   * @param {ArrayBuffer} table Pairs of float64 (seconds, media seconds), one a frame and a last one: the end.
   * @param {boolean} proxy Whether the proxy is played: its media seconds are the seconds.
   */
  constructor(table, proxy) {
    this.proxy = proxy;
    const pairs = new Float64Array(table);
    this.count = pairs.length / 2 - 1;
    this.seconds = new Float64Array(this.count + 1);
    this.media = new Float64Array(this.count + 1);
    for (let index = 0; index <= this.count; index += 1) {
      this.seconds[index] = pairs[2 * index];
      this.media[index] = pairs[2 * index + (proxy ? 0 : 1)];
    }
  }

  /** Seconds from the first frame to the end of the last one. */
  get end() {
    return this.seconds[this.count];
  }

  /** @param {number} index */
  clamp(index) {
    return Math.max(0, Math.min(this.count - 1, index));
  }

  /** When a frame is shown. @param {number} index */
  secondsOf(index) {
    return this.seconds[this.clamp(index)];
  }

  /** The frame that is on the screen at a time. @param {number} seconds */
  at(seconds) {
    return this.clamp(last(this.seconds, seconds + 1e-6));
  }

  /** The frame whose start, or the end of the last whose end, is nearest. @param {number} seconds */
  snap(seconds) {
    const index = Math.max(0, last(this.seconds, seconds));
    const next = Math.min(index + 1, this.count);
    return seconds - this.seconds[index] <= this.seconds[next] - seconds ? this.seconds[index] : this.seconds[next];
  }

  /** The frame that the player names by its media seconds, which it rounds. @param {number} media */
  named(media) {
    const index = Math.max(0, last(this.media, media));
    const next = Math.min(index + 1, this.count - 1);
    return Math.abs(media - this.media[index]) <= Math.abs(this.media[next] - media) ? this.clamp(index) : next;
  }

  /**
   * Where to seek to so that a frame is shown: inside it, never at its very start, where players often still show the
   * frame before.
   * @param {number} index
   * @param {number} part Of the frame's length, 0 to 1.
   */
  target(index, part) {
    return this.media[index] + part * (this.media[index + 1] - this.media[index]);
  }
}

/** The last index whose value is not above a bound; -1 if there is none. @param {Float64Array} values @param {number} bound */
function last(values, bound) {
  let [low, high] = [0, values.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] <= bound) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
