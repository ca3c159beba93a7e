// @ts-check
/** What the page has open: the lists of the project, one video with its table of times, curves and player. */
import { saver } from "../edit/saving.js";
import { loadFilm } from "../player/film.js";
import { Frames } from "../player/frames.js";
import { Player } from "../player/player.js";
import * as api from "./api.js";
import { notice } from "./notices.js";
import { store, UNOPENED } from "./store.js";

/** @typedef {import("./types.js").Video} Video */

/** @type {{player: Player | null, opening: string}} */
export const session = { player: null, opening: "" };
/** @type {Map<string, number>} Videos whose copy is to be played, though the browser plays them; the frame to show. */
const copies = new Map();

const run = () => (store.state.project?.run ? `?run=${encodeURIComponent(store.state.project.run)}` : "");

/** The project and its videos; the rest comes when those are there, since the list is what a person waits for. */
export async function loadProject() {
  store.set({ project: await api.get("/api/project") });
  showFrom(levelOf());
  await loadVideos();
  Promise.all([loadClasses(), loadJobs()]).catch(complain);
}

/** Where the score of the run at hand is kept, from which on what it found is shown. */
const levelKey = () => `untrim.score.${store.state.project?.name}.${store.state.project?.run}`;

/** That score, if a person has set one. */
function levelOf() {
  const kept = localStorage.getItem(levelKey());
  return kept === null ? null : Number(kept);
}

/** @param {number | null} score Null: as the run says. @param {boolean} [keep] For the next time. */
export function showFrom(score, keep = false) {
  if (keep && score === null) localStorage.removeItem(levelKey());
  else if (keep) localStorage.setItem(levelKey(), String(score));
  store.set({ score });
}

export async function loadVideos() {
  const { videos, next } = await api.get(`/api/videos${run()}`);
  store.set({ videos, next });
}

export async function loadClasses() {
  store.set({ classes: await api.get("/api/classes") });
}

export async function loadJobs() {
  const [{ jobs }, work] = await Promise.all([api.get("/api/jobs"), api.get("/api/work")]);
  store.set({ jobs, work });
}

/**
 * Open a video: what is known of it first, so that it can be looked at, then the film.
 * @param {string} id
 * @param {HTMLVideoElement} element
 * @param {(text: string, done: number | null) => void} tell What is waited for.
 */
export async function openVideo(id, element, tell) {
  closeVideo();
  session.opening = id;
  const wanted = () => session.opening === id;
  /** @type {Video} */
  const video = await api.get(`/api/videos/${id}${run()}`);
  if (!wanted()) return;
  const review = saver.open(id, video.review);
  const labels = new Set([...review.labels, ...video.detections.map(({ label }) => label)]);
  const label = labels.has(store.state.label) ? store.state.label : ([...labels][0] ?? "");
  const end = video.duration || 1;
  store.set({ ...UNOPENED, video, review, label, view: { start: 0, end } });
  if (video.problem) return tell(video.problem, null);
  loadCurves(video, wanted);
  const [table, film] = await Promise.all([
    api.getBytes(`/api/videos/${id}/frames`),
    loadFilm(element, copies.has(id) ? { id, play: "proxy" } : video, tell, wanted),
  ]);
  if (!film || !wanted()) return;
  const frames = new Frames(table, film.proxy);
  store.set({ frames, view: { start: 0, end: frames.end } });
  session.player = new Player(element, frames, {
    shown: (shown) => store.set({ shown }),
    playing: (playing) => store.set({ playing }),
    trouble: (trouble) => store.set({ trouble }),
  });
  session.player.setSpeed(store.state.speed);
  await session.player.show(copies.get(id) ?? 0);
  if (wanted()) tell("", 1);
}

/** Play a copy of the open video from now on, which has its frames at the same times and in which browsers seek well. */
export function playCopy() {
  const { video, shown } = store.state;
  if (!video) return;
  copies.set(video.id, shown);
  dispatchEvent(new Event("hashchange")); // The page opens anew.
}

/** @param {Video} video @param {() => boolean} wanted */
async function loadCurves(video, wanted) {
  if (!video.curves) return;
  const { classes, snippets, threshold } = video.curves;
  const values = new Float32Array(await api.getBytes(`/api/videos/${video.id}/curves${run()}`));
  if (!wanted()) return;
  const rows = new Map(
    classes.map((label, index) => {
      return [
        label,
        {
          values: values.subarray((index + 1) * snippets, (index + 2) * snippets),
          threshold: threshold?.[index] ?? null,
        },
      ];
    }),
  );
  store.set({ curves: { times: values.subarray(0, snippets), rows } });
}

/** The open video again, as another window or a new run has left it; the picture stays. */
export async function refreshVideo() {
  const { video } = store.state;
  if (!video || saver.pending(video.id)) return;
  /** @type {Video} */
  const fresh = await api.get(`/api/videos/${video.id}${run()}`);
  if (store.state.video?.id !== fresh.id || saver.pending(fresh.id)) return;
  saver.adopt(fresh.id, fresh.review);
  store.set({ video: fresh, review: fresh.review });
  if (fresh.run !== video.run) await loadCurves(fresh, () => store.state.video === fresh);
}

export function closeVideo() {
  session.opening = "";
  session.player?.close();
  session.player = null;
  store.set({ video: null, review: null, frames: null, curves: null });
}

/** @param {string} id */
export function go(id) {
  location.hash = `#/video/${id}`;
}

/** Open a video and wait until it can be edited. @param {string} id @returns {Promise<void>} */
export function visit(id) {
  go(id);
  return new Promise((resolve) => {
    const stop = store.watch(["review", "video"], (state) => {
      if (state.video?.id !== id || !state.review) return;
      queueMicrotask(() => stop());
      resolve();
    });
  });
}

/** Hear what other windows and the work do. */
export function listen() {
  const events = new EventSource("/api/jobs/events");
  let server = "";
  const on = (/** @type {string} */ name, /** @type {(data: any) => void} */ handle) =>
    events.addEventListener(name, (event) => handle(JSON.parse(/** @type {MessageEvent} */ (event).data)));
  on("hello", ({ session: name }) => {
    store.set({ connected: true });
    if (server && server !== name) loadProject().then(refreshVideo, complain);
    server = name;
    saver.flush();
  });
  on("job", (job) => {
    const jobs = store.state.jobs.filter(({ id }) => id !== job.id);
    store.set({ jobs: [job, ...jobs].sort((a, b) => b.started.localeCompare(a.started)) });
    if (["done", "failed", "stopped"].includes(job.state)) loadJobs().catch(complain);
  });
  on("video", (row) => {
    store.set({ videos: store.state.videos.map((old) => (old.id === row.id ? row : old)) });
    if (row.id === store.state.video?.id && row.revision > saver.revision(row.id)) refreshVideo().catch(complain);
  });
  on("videos", () => loadProject().then(refreshVideo, complain));
  on("classes", ({ revision }) => {
    if (revision !== store.state.classes.revision) loadClasses().catch(complain);
  });
  events.onerror = () => store.set({ connected: false });
}

/** @param {unknown} error */
export function complain(error) {
  notice(error instanceof Error ? error.message : String(error), "bad");
}
