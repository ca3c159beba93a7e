// @ts-check
/** The work: features, training, localization, each a process of the server, with what it learns from and what came of it. */
import * as api from "../core/api.js";
import { fill, h, icon } from "../core/dom.js";
import { complain, loadJobs } from "../core/session.js";
import { store } from "../core/store.js";
import { count, length } from "../core/text.js";
import { jobCard, start } from "./jobs.js";

/** @typedef {import("../core/types.js").Job} Job */
/** @typedef {import("../core/types.js").Work} Work */

/** @returns {{element: HTMLElement, stop: () => void}} */
export function workPage() {
  const learn = h("section", { class: "card learn" });
  const features = h("section", { class: "card" });
  const first = h("section", { class: "card" });
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
    h("div", { class: "work-cards" }, learn, outcome, features, first),
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
    fill(first, ...firstTagsCard(running("suggest")));
    fill(outcome, ...outcomeCard(work));
    const cards = state.jobs.map((job) => jobCard(job, state.jobs.find(({ kind }) => kind === job.kind) === job));
    fill(jobs, cards.length ? cards : h("p", { class: "soft" }, "Nothing yet."));
  });
  loadJobs().catch(complain);
  return { element, stop };
}

/** @param {Work} work @param {Job | undefined} running */
function learnCard(work, running) {
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

/** @param {Job | undefined} running */
function firstTagsCard(running) {
  return [
    h("h2", {}, "First tags"),
    h(
      "p",
      { class: "soft" },
      "A program that knows 400 everyday actions looks at your videos and suggests tags beside them. You take those that are right. The first time, it fetches 47 MB.",
    ),
    h(
      "footer",
      {},
      h(
        "button",
        { disabled: running !== undefined, onclick: () => start({ kind: "suggest" }) },
        running ? "Looking …" : "Suggest tags",
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
      .map(({ id, made, trained_on: on }) =>
        h(
          "option",
          { value: id, ...(id === project?.run ? { selected: true } : {}) },
          [/^\d+$/.test(id) ? `Run ${id}` : id, made && new Date(made).toLocaleString(), on]
            .filter(Boolean)
            .join(" · "),
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
        )
      : runs.length > 0 &&
        h("p", { class: "soft" }, "How often it is right is known once videos picked at random are decided."),
  ];
}
