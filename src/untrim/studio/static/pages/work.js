// @ts-check
/** The work: features, training, localization, each a process of the server, with what it learns from and what came of it. */
import * as api from "../core/api.js";
import { fill, h, icon } from "../core/dom.js";
import { complain, loadJobs, loadProject } from "../core/session.js";
import { store } from "../core/store.js";
import { count, length } from "../core/text.js";

/** @typedef {import("../core/types.js").Job} Job */
/** @typedef {import("../core/types.js").Work} Work */

const TITLES = { extract: "Features", train: "Training", localize: "Finding segments" };
const STATES = { waiting: "waiting", running: "running", stopped: "stopped", failed: "failed", done: "done" };

/** @returns {{element: HTMLElement, stop: () => void}} */
export function workPage() {
  const learn = h("section", { class: "card learn" });
  const features = h("section", { class: "card" });
  const outcome = h("section", { class: "card" });
  const jobs = h("div", { class: "jobs" });
  const element = h(
    "main",
    { class: "work-page plain-page" },
    h(
      "header",
      { class: "page-head" },
      h("h1", {}, "Work"),
      h("p", { class: "soft" }, "Everything here goes on when this page is closed."),
    ),
    h("div", { class: "work-cards" }, learn, features, outcome),
    h("h2", { class: "jobs-title" }, "What has run"),
    jobs,
  );
  const stop = store.watch(["work", "jobs", "project"], (state) => {
    const { work } = state;
    if (!work) return;
    const running = (/** @type {Job["kind"]} */ kind) =>
      state.jobs.find((job) => job.kind === kind && (job.state === "running" || job.state === "waiting"));
    fill(learn, ...learnCard(work, running("train")));
    fill(features, ...featureCard(work, running("extract")));
    fill(outcome, ...outcomeCard(work));
    fill(jobs, state.jobs.length ? state.jobs.map(jobCard) : h("p", { class: "soft" }, "Nothing yet."));
  });
  loadJobs().catch(complain);
  return { element, stop };
}

/** @param {Work} work @param {Job | undefined} running */
function learnCard(work, running) {
  const stopped = store.state.jobs.find((job) => job.kind === "train");
  const facts = [
    ["tagged", work.tagged],
    ["points", work.points],
    ["corrected", work.corrected],
    ["without any action", work.none],
  ];
  return [
    h("h2", {}, "Learn"),
    h("p", { class: "soft" }, "Learns from all that you have said so far, then looks for segments in every video."),
    h(
      "dl",
      { class: "figures" },
      ...facts.map(([words, number]) => h("div", {}, h("dt", {}, words), h("dd", {}, number))),
    ),
    work.why_not && h("p", { class: "hint" }, work.why_not),
    h(
      "footer",
      {},
      h(
        "button",
        {
          class: "primary",
          disabled: !work.can_train || running !== undefined,
          onclick: () => start({ kind: "train" }),
        },
        icon("spark"),
        running ? "Learning …" : "Learn now",
      ),
      !running &&
        stopped?.state === "stopped" &&
        h("button", { onclick: () => start({ resume: stopped.id }) }, "Resume the stopped one"),
    ),
  ];
}

/** @param {Work} work @param {Job | undefined} running */
function featureCard({ features }, running) {
  const missing = features.total - features.done;
  return [
    h("h2", {}, "Features"),
    h("p", { class: "soft" }, "What the videos look like to the program. Made once per video, while you tag."),
    h(
      "div",
      { class: "meter-line" },
      h("progress", {
        max: String(features.total || 1),
        value: String(features.done),
        "aria-label": "Videos with features",
      }),
      h("span", {}, `${features.done} of ${count(features.total, "video")}`),
    ),
    running?.seconds_left ? h("p", { class: "soft" }, `${length(running.seconds_left)} left`) : null,
    h(
      "footer",
      {},
      missing > 0 &&
        h(
          "button",
          { disabled: running !== undefined, onclick: () => start({ kind: "extract" }) },
          running ? "Being made …" : `Make the ${missing} missing`,
        ),
    ),
  ];
}

/** @param {Work} work */
function outcomeCard(work) {
  const { project } = store.state;
  const runs = project?.runs ?? [];
  const choice = h(
    "select",
    { "aria-label": "Run whose findings are shown" },
    ...[...runs]
      .reverse()
      .map(({ id, name, trained_on: on }) =>
        h(
          "option",
          { value: id, ...(id === project?.run ? { selected: true } : {}) },
          `${name}${on ? ` · ${on}` : ""}`,
        ),
      ),
  );
  choice.addEventListener("change", () => {
    if (store.state.project) store.set({ project: { ...store.state.project, run: choice.value } });
    api
      .get(`/api/videos?run=${encodeURIComponent(choice.value)}`)
      .then(({ videos, next }) => store.set({ videos, next }), complain);
  });
  return [
    h("h2", {}, "What came of it"),
    runs.length
      ? h("label", { class: "order" }, "Shown:", choice)
      : h("p", { class: "soft" }, "Nothing has been learned yet. Tag a few videos of each class, then learn."),
    work.changed && h("p", {}, work.changed),
    work.accuracy
      ? h(
          "p",
          { class: "accuracy" },
          h("b", {}, `${Math.round((100 * work.accuracy.right) / work.accuracy.of)} %`),
          h("span", {}, work.accuracy.words),
          h(
            "span",
            { class: "soft" },
            `likely between ${Math.round(100 * work.accuracy.low)} and ${Math.round(100 * work.accuracy.high)} %, from ${count(work.accuracy.videos, "video")} picked at random`,
          ),
        )
      : runs.length > 0 &&
        h("p", { class: "soft" }, "How often it is right is known once videos picked at random are decided."),
  ];
}

/** @param {Job} job */
function jobCard(job) {
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
    ),
    alive && h("progress", { max: String(job.total || 1), value: String(job.done), "aria-label": TITLES[job.kind] }),
    h("p", { class: "soft" }, facts),
    job.error && h("p", { class: "problem" }, job.error),
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

/** @param {{kind: string} | {resume: string}} what */
function start(what) {
  api.post("/api/jobs", what).then(() => Promise.all([loadJobs(), loadProject()]), complain);
}
