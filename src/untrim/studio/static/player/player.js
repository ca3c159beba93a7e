// @ts-check
/**
 * Shows a frame and knows which one is shown. The browser names the frame that it has put on the screen
 * (`requestVideoFrameCallback`, `mediaTime`); `currentTime` is where it was asked to be, and is never trusted.
 */

/** @typedef {import("./frames.js").Frames} Frames */

const MIDDLE = 0.5;
const LATER = 0.75; // of a frame: the second try
const PATIENCE = 1500; // milliseconds for a seek to end
const GRACE = 250; // milliseconds from the end of a seek to its picture

export class Player {
  /** The frame on the screen. */
  shown = 0;
  /** @type {number | null} The frame that is to be shown. */
  #wanted = null;
  /** @type {Promise<boolean> | null} */
  #work = null;
  #pictures = 0; // how many the browser has named
  /** @type {(() => void)[]} */
  #waiting = [];
  /** @type {{start: number, end: number, loop: boolean, then: number | null} | null} Frames to play. */
  #range = null;
  #closed = false;

  /**
   * @param {HTMLVideoElement} video Its film is loaded.
   * @param {Frames} frames
   * @param {{shown: (index: number) => void, playing: (playing: boolean) => void, trouble: (text: string) => void}} tell
   */
  constructor(video, frames, tell) {
    this.video = video;
    this.frames = frames;
    this.tell = tell;
    this.#listen();
  }

  #listen() {
    this.video.requestVideoFrameCallback((_, { mediaTime }) => {
      if (this.#closed) return;
      this.#pictures += 1;
      this.shown = this.frames.named(mediaTime);
      for (const resume of this.#waiting.splice(0)) resume();
      this.tell.shown(this.shown);
      this.#mind();
      this.#listen();
    });
  }

  /** At the end of a stretch: once more, or stop. */
  #mind() {
    const range = this.#range;
    if (!range || this.video.paused || this.video.seeking || this.shown < range.end) return;
    if (range.loop) this.video.currentTime = this.frames.target(range.start, MIDDLE);
    else this.show(range.then ?? range.end);
  }

  get playing() {
    return !this.video.paused || this.#range !== null;
  }

  /**
   * Pause and show a frame. Calls while one is on its way only move the aim.
   * @param {number} index
   * @returns {Promise<boolean>} Whether exactly this frame is on the screen.
   */
  show(index) {
    this.#halt();
    this.#wanted = this.frames.clamp(index);
    this.#work ??= this.#settle().finally(() => (this.#work = null));
    return this.#work;
  }

  /** A number of frames on or back from where the picture is or will be. @param {number} frames */
  step(frames) {
    return this.show((this.#wanted ?? this.shown) + frames);
  }

  /** @param {number} seconds */
  skip(seconds) {
    const { frames } = this;
    return this.show(frames.at(frames.secondsOf(this.#wanted ?? this.shown) + seconds));
  }

  /** Wait until the picture is the one that was asked for, and name it. @returns {Promise<number>} */
  async settled() {
    await this.#work;
    return this.shown;
  }

  #halt() {
    this.#range = null;
    if (!this.video.paused) this.video.pause();
    this.tell.playing(false);
  }

  async #settle() {
    let exact = false;
    while (this.#wanted !== null) {
      const wanted = this.#wanted;
      exact = (await this.#seek(wanted, MIDDLE)) || (this.#wanted === wanted && (await this.#seek(wanted, LATER)));
      if (this.#wanted !== wanted) continue;
      this.#wanted = null;
      this.tell.trouble(
        exact ? "" : `Frame ${wanted} was asked for, the browser shows ${this.shown}. Marks take the frame shown.`,
      );
    }
    return exact;
  }

  /**
   * @param {number} index
   * @param {number} part
   * @returns {Promise<boolean>} Whether the frame is on the screen.
   */
  async #seek(index, part) {
    const before = this.#pictures;
    const ended = once(this.video, "seeked", PATIENCE);
    this.video.currentTime = this.frames.target(index, part);
    await ended;
    const until = performance.now() + GRACE;
    while ((this.#pictures === before || this.shown !== index) && !this.#closed) {
      const left = until - performance.now();
      if (left <= 0 || (this.#wanted !== index && this.#pictures !== before)) break;
      await Promise.race([new Promise((resume) => this.#waiting.push(() => resume(null))), sleep(left)]);
    }
    return this.shown === index && this.#pictures !== before;
  }

  /** @returns {Promise<void>} */
  async toggle() {
    if (this.playing) {
      this.video.pause();
      await this.show(this.shown);
    } else {
      if (this.shown >= this.frames.count - 1) await this.show(0);
      await this.#start(null);
    }
  }

  /**
   * Play a stretch.
   * @param {number} start Seconds.
   * @param {number} end
   * @param {{loop?: boolean, then?: number | null}} [options] Again and again; the frame to show at the end.
   */
  async play(start, end, { loop = false, then = null } = {}) {
    const { frames } = this;
    const [from, to] = [frames.at(start), Math.max(frames.at(start) + 1, frames.at(end))];
    await this.show(from);
    await this.#start({ start: from, end: Math.min(to, frames.count - 1), loop, then });
  }

  /** @param {{start: number, end: number, loop: boolean, then: number | null} | null} range */
  async #start(range) {
    this.#range = range;
    this.tell.playing(true);
    try {
      await this.video.play();
    } catch {
      this.#halt(); // Another call paused it.
    }
  }

  /** @param {number} speed */
  setSpeed(speed) {
    this.video.playbackRate = speed;
  }

  ended() {
    if (this.#range?.loop) this.play(this.frames.secondsOf(this.#range.start), this.frames.end, { loop: true });
    else this.show(this.#range?.then ?? this.frames.count - 1);
  }

  close() {
    this.#closed = true;
    this.video.pause();
    for (const resume of this.#waiting.splice(0)) resume();
  }
}

/** @param {number} milliseconds */
const sleep = (milliseconds) => new Promise((resume) => setTimeout(resume, milliseconds));

/** @param {EventTarget} target @param {string} name @param {number} patience */
function once(target, name, patience) {
  return new Promise((resume) => {
    const timer = setTimeout(resume, patience);
    target.addEventListener(name, () => (clearTimeout(timer), resume(null)), { once: true });
  });
}
