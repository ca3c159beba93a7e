// @ts-check
/** The strip above the timeline: the whole video in pictures, all that is marked, and the stretch in sight. */
import { h } from "../core/dom.js";
import { store } from "../core/store.js";
import { colours } from "./colours.js";
import { classOf, visibleItems } from "./rows.js";
import { pan, within } from "./view.js";

const HEIGHT = 46; // pixels: pictures above, marks below
const PICTURES = 34;
const GRIP = 7;

/**
 * @param {(seconds: number) => void} seek
 * @returns {{element: HTMLElement, stop: () => void}}
 */
export function overview(seek) {
  const canvas = h("canvas", {
    class: "overview",
    role: "img",
    "aria-label": "The whole video; the stretch on the timeline is framed",
  });
  const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  let width = 0;
  /** @type {HTMLImageElement | null} */
  let sprite = null;
  let owner = "";

  const resized = new ResizeObserver(() => {
    width = canvas.clientWidth;
    canvas.width = width * devicePixelRatio;
    canvas.height = HEIGHT * devicePixelRatio;
    paint();
  });
  resized.observe(canvas);

  const end = () => store.state.frames?.end ?? store.state.video?.duration ?? 1;
  const time = (/** @type {PointerEvent} */ event) => {
    const box = canvas.getBoundingClientRect();
    return ((event.clientX - box.left) / box.width) * end();
  };

  canvas.addEventListener("pointerdown", (event) => {
    const { view } = store.state;
    const pressed = time(event);
    const grip = (GRIP / Math.max(1, width)) * end();
    const mode = Math.abs(pressed - view.start) < grip ? "start" : Math.abs(pressed - view.end) < grip ? "end" : "body";
    const inside = pressed > view.start && pressed < view.end && view.end - view.start < 0.98 * end();
    if (mode === "body" && !inside) {
      const half = (view.end - view.start) / 2;
      store.set({ view: within({ start: pressed - half, end: pressed + half }, end()) });
      seek(pressed);
    }
    const from = store.state.view;
    canvas.setPointerCapture(event.pointerId);
    const move = (/** @type {PointerEvent} */ later) => {
      const by = time(later) - pressed;
      if (mode === "body") store.set({ view: pan(from, by, end()) });
      else if (mode === "start")
        store.set({ view: within({ start: Math.min(from.start + by, from.end - 0.2), end: from.end }, end()) });
      else store.set({ view: within({ start: from.start, end: Math.max(from.end + by, from.start + 0.2) }, end()) });
    };
    canvas.addEventListener("pointermove", move);
    canvas.addEventListener("lostpointercapture", () => canvas.removeEventListener("pointermove", move), {
      once: true,
    });
  });

  function load() {
    const { video } = store.state;
    if (!video || owner === video.id) return;
    owner = video.id;
    sprite = null;
    askSprite(video.id, 100, () => owner === video.id).then((image) => {
      if (!image) return;
      sprite = image;
      paint();
    });
  }

  function paint() {
    load();
    const { state } = store;
    const { card, ink, faint, accent } = colours();
    pen.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    pen.clearRect(0, 0, width, HEIGHT);
    pen.fillStyle = faint;
    pen.fillRect(0, 0, width, PICTURES);
    if (sprite && state.video) pictures(pen, sprite, state.video, width);
    const x = (/** @type {number} */ seconds) => (seconds / end()) * width;
    for (const item of visibleItems(state)) {
      pen.fillStyle = classOf(state, item.label).color;
      pen.globalAlpha = item.state === "found" ? 0.45 : item.state === "rejected" ? 0.12 : 1;
      pen.fillRect(x(item.start), PICTURES + 4, Math.max(1.5, x(item.end) - x(item.start)), 6);
    }
    pen.globalAlpha = 1;
    const [left, right] = [x(state.view.start), x(state.view.end)];
    pen.fillStyle = card;
    pen.globalAlpha = 0.6;
    pen.fillRect(0, 0, left, HEIGHT);
    pen.fillRect(right, 0, width - right, HEIGHT);
    pen.globalAlpha = 1;
    pen.strokeStyle = accent;
    pen.lineWidth = 2;
    pen.beginPath();
    pen.roundRect(left + 1, 1, Math.max(4, right - left - 2), HEIGHT - 2, 5);
    pen.stroke();
    pen.fillStyle = ink;
    pen.fillRect(x(state.frames?.secondsOf(state.shown) ?? 0) - 0.75, 0, 1.5, HEIGHT);
  }

  const ended = store.watch(["video", "frames", "review", "classes", "score", "view", "shown"], paint);
  const media = matchMedia("(prefers-color-scheme: dark)");
  const repaint = () => requestAnimationFrame(paint);
  media.addEventListener("change", repaint);
  return {
    element: canvas,
    stop() {
      ended();
      resized.disconnect();
      media.removeEventListener("change", repaint);
    },
  };
}

/**
 * As many pictures as fit side by side, each the one of its time, without the black bars of its tile.
 * @param {CanvasRenderingContext2D} pen
 * @param {HTMLImageElement} sprite
 * @param {import("../core/types.js").Video} video
 * @param {number} width
 */
function pictures(pen, sprite, video, width) {
  const { tiles, columns, width: tileWidth, height: tileHeight } = video.sprite;
  const aspect = video.width && video.height ? video.width / video.height : tileWidth / tileHeight;
  const [wide, tall] = [Math.min(tileWidth, tileHeight * aspect), Math.min(tileHeight, tileWidth / aspect)];
  const places = Math.max(1, Math.round((width * tall) / (PICTURES * wide)));
  for (let place = 0; place < places; place += 1) {
    const tile = Math.min(tiles - 1, Math.floor(((place + 0.5) / places) * tiles));
    const left = (tile % columns) * tileWidth + (tileWidth - wide) / 2;
    const top = Math.floor(tile / columns) * tileHeight + (tileHeight - tall) / 2;
    pen.drawImage(sprite, left, top, wide, tall, (place / places) * width, 0, width / places + 0.5, PICTURES);
  }
}

/**
 * The sprite of a video once the server has made it.
 * @param {string} video
 * @param {number} tiles
 * @param {() => boolean} wanted
 * @returns {Promise<HTMLImageElement | null>}
 */
export async function askSprite(video, tiles, wanted) {
  const path = `/sprite/${video}?tiles=${tiles}`;
  for (let attempt = 0; attempt < 120 && wanted(); attempt += 1) {
    const answer = await fetch(path).catch(() => null);
    if (answer?.status === 200) {
      const image = new Image();
      image.src = path;
      await image.decode().catch(() => {});
      return wanted() && image.naturalWidth ? image : null;
    }
    if (answer && answer.status !== 202) return null;
    await new Promise((resume) => setTimeout(resume, 500 + 100 * attempt));
  }
  return null;
}
