// @ts-check
/** A job as a card: what it does, how far it is, what is worth knowing of it, and how to stop it. */
import * as api from "../core/api.js";
import { h, icon } from "../core/dom.js";
import { complain, loadJobs, loadProject } from "../core/session.js";
import { length } from "../core/text.js";

/** @typedef {import("../core/types.js").Job} Job */

const TITLES = { extract: "Features", train: "Training", localize: "Finding segments", suggest: "First tags" };
const STATES = { waiting: "waiting", running: "running", stopped: "stopped", failed: "failed", done: "done" };
const MOST_NOTES = 20;

const note = (/** @type {string} */ text) => h("li", {}, h("bdi", {}, text));

/** @param {{kind: string} | {resume: string}} what */
export function start(what) {
  api.post("/api/jobs", what).then(() => Promise.all([loadJobs(), loadProject()]), complain);
}

/** @param {Job} job @param {boolean} newest Of its kind. */
export function jobCard(job, newest) {
  const alive = job.state === "running" || job.state === "waiting";
  const left = alive && job.seconds_left !== null ? `${length(job.seconds_left)} left` : "";
  const started = new Date(job.started);
  const facts = [`${job.done} of ${job.total}`, job.note, left].filter(Boolean).join(" · ");
  return h(
    "article",
    { class: `card job ${job.state}`, "aria-label": `${TITLES[job.kind]}, ${STATES[job.state]}` },
    h(
      "header",
      {},
      h("h3", {}, TITLES[job.kind]),
      h("span", { class: `badge ${job.state}` }, STATES[job.state]),
      h("span", { class: "soft" }, started.toLocaleString()),
      alive &&
        h(
          "button",
          { class: "quiet", onclick: () => api.remove(`/api/jobs/${job.id}`).then(loadJobs, complain) },
          icon("stop"),
          "Stop",
        ),
      newest &&
        (job.state === "stopped" || job.state === "failed") &&
        h("button", { onclick: () => start({ resume: job.id }) }, "Resume"),
    ),
    alive && h("progress", { max: String(job.total || 1), value: String(job.done), "aria-label": TITLES[job.kind] }),
    h("p", { class: "soft" }, facts),
    job.error && h("p", { class: job.state === "failed" ? "problem" : "soft" }, job.error),
    job.notes.length > 0 && h("ul", { class: "soft job-notes" }, ...job.notes.slice(0, MOST_NOTES).map(note)),
    job.losses.length > 1 && losses(job.losses),
  );
}

/** The loss over the steps, as a line. @param {[number, number][]} values */
function losses(values) {
  const space = "http://www.w3.org/2000/svg";
  const [width, height] = [600, 72];
  const largest = Math.max(...values.map(([, loss]) => loss));
  const least = Math.min(...values.map(([, loss]) => loss));
  const [first, last] = [values[0][0], values[values.length - 1][0]];
  const points = values.map(
    ([step, loss]) =>
      `${(((step - first) / Math.max(1, last - first)) * width).toFixed(1)},${(height - 3 - ((loss - least) / (largest - least || 1)) * (height - 6)).toFixed(1)}`,
  );
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("class", "loss-line");
  svg.setAttribute("role", "img");
  svg.setAttribute(
    "aria-label",
    `Loss from ${values[0][1].toPrecision(3)} to ${values[values.length - 1][1].toPrecision(3)}`,
  );
  const line = document.createElementNS(space, "polyline");
  line.setAttribute("points", points.join(" "));
  svg.append(line);
  return svg;
}
