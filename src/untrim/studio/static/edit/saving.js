// @ts-check
/**
 * Saves each edit: 400 ms after it, the whole review, one request in flight a video. What the server has not
 * acknowledged is mirrored in the browser; a failed save is tried again until it succeeds.
 */
import * as api from "../core/api.js";
import { store } from "../core/store.js";
import { timeOfDay } from "../core/text.js";
import { apply, difference, inWords } from "./changes.js";
import { forgetKept, keep, takeLeft } from "./mirror.js";

/** @typedef {import("../core/types.js").Review} Review */
/** @typedef {{base: Review, mine: Review, timer: number, flying: boolean, fails: number}} Entry `base`: as acknowledged. */

const WAIT = 400; // milliseconds from an edit to its save
const LONGEST = 5000; // milliseconds from one try to the next

class Saver {
  /** @type {Map<string, Entry>} */
  #entries = new Map();

  /**
   * The review as the server has it, or with edits on top that are still on their way.
   * @param {string} video
   * @param {Review} review As just loaded.
   * @returns {Review}
   */
  open(video, review) {
    const entry = this.#entries.get(video);
    if (entry && (entry.flying || entry.mine !== entry.base)) return entry.mine;
    this.#entries.set(video, { base: review, mine: review, timer: 0, flying: false, fails: 0 });
    return review;
  }

  /** The revision that the server acknowledged last. @param {string} video */
  revision(video) {
    return this.#entries.get(video)?.base.revision ?? -1;
  }

  /** Whether an edit of the video is on its way. @param {string} video */
  pending(video) {
    const entry = this.#entries.get(video);
    return entry !== undefined && (entry.flying || entry.mine !== entry.base);
  }

  /** @param {string} video @param {Review} review @param {boolean} [now] A drag ended, or the page is left. */
  edit(video, review, now = false) {
    const entry = /** @type {Entry} */ (this.#entries.get(video));
    entry.mine = review;
    keep(video, entry.base, review);
    this.#tell("unsaved", "Saving soon");
    clearTimeout(entry.timer);
    entry.timer = window.setTimeout(() => this.#send(video), now ? 0 : WAIT);
  }

  /** Save all that waits. @param {boolean} [leaving] */
  flush(leaving = false) {
    for (const [video, entry] of this.#entries) if (entry.mine !== entry.base) this.#send(video, leaving);
  }

  /** @param {string} video @param {boolean} [leaving] */
  async #send(video, leaving = false) {
    const entry = /** @type {Entry} */ (this.#entries.get(video));
    clearTimeout(entry.timer);
    if (entry.flying || entry.mine === entry.base) return;
    const sent = entry.mine;
    entry.flying = true;
    this.#tell("saving", "Saving");
    try {
      const answer = await api.putReview(video, entry.base.revision, sent, leaving);
      this.#acknowledge(video, entry, sent, answer.review);
      store.set({ videos: store.state.videos.map((row) => (row.id === video ? answer.video : row)) });
    } catch (error) {
      entry.flying = false;
      this.#failed(video, entry, /** @type {api.Failure} */ (error));
    }
  }

  /** @param {string} video @param {Entry} entry @param {Review} sent @param {Review} there */
  #acknowledge(video, entry, sent, there) {
    const later = difference(sent, entry.mine);
    Object.assign(entry, { base: there, mine: there, flying: false, fails: 0 });
    if (later.length) entry.mine = apply(there, later, { force: true }).review;
    this.#show(video, entry.mine);
    if (later.length) {
      keep(video, there, entry.mine);
      this.#send(video);
    } else {
      forgetKept(video);
      const at = new Date();
      this.#tell("saved", `Saved ${timeOfDay(at)}`, at);
    }
  }

  /** @param {string} video @param {Entry} entry @param {api.Failure} error */
  #failed(video, entry, error) {
    if (error.status === 412) this.#meet(video, entry, error.body.review);
    else if (error.status === 422 || error.status === 413) this.#tell("failed", `Not saved: ${error.message}`);
    else {
      entry.fails += 1;
      this.#tell("failed", `Not saved. ${error.message}`);
      entry.timer = window.setTimeout(() => this.#send(video), Math.min(LONGEST, WAIT * 2 ** entry.fails));
    }
  }

  /**
   * Someone else saved meanwhile. Their review is shown, the own edit offered once more.
   * @param {string} video @param {Entry} entry @param {Review} there
   */
  #meet(video, entry, there) {
    const changes = difference(entry.base, entry.mine);
    Object.assign(entry, { base: there, mine: there, fails: 0 });
    this.#show(video, there);
    this.#tell("saved", "Loaded what another window saved", new Date());
    const fresh = difference(there, apply(there, changes, { force: true }).review);
    if (fresh.length) store.set({ offer: { video, changes: fresh, text: inWords(fresh) } });
    else forgetKept(video);
  }

  /** What a person answers to the offer. @param {boolean} again */
  answer(again) {
    const { offer } = store.state;
    store.set({ offer: null });
    if (!offer) return;
    forgetKept(offer.video);
    const entry = this.#entries.get(offer.video);
    if (!again || !entry) return;
    const made = apply(entry.mine, offer.changes, { force: true }).review;
    this.#show(offer.video, made);
    this.edit(offer.video, made, true);
  }

  /** Another window has saved, and nothing of this one is on its way. @param {string} video @param {Review} review */
  adopt(video, review) {
    if (this.pending(video)) return;
    this.open(video, review);
    this.#show(video, review);
  }

  /** Bring edits to the server that an earlier window could not. @returns {Promise<number>} How many videos had some. */
  async recover() {
    const left = await takeLeft();
    for (const { video, kept } of left) {
      keep(video, kept.base, kept.mine);
      this.#entries.set(video, { base: kept.base, mine: kept.mine, timer: 0, flying: false, fails: 0 });
      await this.#send(video);
    }
    return left.length;
  }

  /** @param {string} video @param {Review} review */
  #show(video, review) {
    if (store.state.video?.id === video) store.set({ review });
  }

  /** @param {import("../core/types.js").Saving["state"]} state @param {string} text @param {Date | null} [at] */
  #tell(state, text, at = null) {
    if (state === "saved" && [...this.#entries.keys()].some((video) => this.pending(video))) return;
    store.set({ saving: { state, text, at: at ?? store.state.saving.at } });
  }
}

export const saver = new Saver();
document.addEventListener("visibilitychange", () => document.hidden && saver.flush(true));
addEventListener("online", () => saver.flush());
