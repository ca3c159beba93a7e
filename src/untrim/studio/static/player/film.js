// @ts-check
/** Which film is played: the original if this browser plays it, else the proxy, which the server makes when asked. */
import * as api from "../core/api.js";

const POLL = 700; // milliseconds
const PATIENCE = 8000; // milliseconds for a film to give its first picture

/**
 * Load the film of a video into a player.
 * @param {HTMLVideoElement} element
 * @param {{id: string, play: "original" | "proxy"}} video
 * @param {(text: string, done: number | null) => void} tell What is waited for.
 * @param {() => boolean} wanted Whether the video is still open.
 * @returns {Promise<{proxy: boolean} | null>} Null if another video was opened meanwhile.
 */
export async function loadFilm(element, video, tell, wanted) {
  const path = `/media/${video.id}`;
  if (video.play === "original" && (await plays(element, path))) return wanted() ? { proxy: false } : null;
  for (;;) {
    if (!wanted()) return null;
    const { ready, done, secondsLeft } = await api.askMedia(`${path}?proxy=1`);
    if (ready) break;
    const left = secondsLeft === null ? "" : `, ${Math.ceil(secondsLeft)} s left`;
    tell(`A copy that this browser plays well is being made${left}.`, done);
    await new Promise((resume) => setTimeout(resume, POLL));
  }
  if (!(await plays(element, `${path}?proxy=1`))) throw new Error("This browser plays neither the file nor its copy.");
  return wanted() ? { proxy: true } : null;
}

/**
 * Whether pictures come: a sound track alone, as of a codec that is not known, does not count.
 * @param {HTMLVideoElement} element
 * @param {string} path
 * @returns {Promise<boolean>}
 */
function plays(element, path) {
  return new Promise((resolve) => {
    const timer = setTimeout(() => answer(false), PATIENCE);
    const loaded = () => answer(element.videoWidth > 0);
    const failed = () => answer(false);
    /** @param {boolean} good */
    function answer(good) {
      clearTimeout(timer);
      element.removeEventListener("loadeddata", loaded);
      element.removeEventListener("error", failed);
      resolve(good);
    }
    element.addEventListener("loadeddata", loaded);
    element.addEventListener("error", failed);
    element.src = path;
    element.load();
  });
}
