// @ts-check
/** Export: every format, what it cannot hold, and the largest rounding error of this project in it. */
import * as api from "../core/api.js";
import { fill, h, icon } from "../core/dom.js";
import { complain } from "../core/session.js";
import { count, size } from "../core/text.js";
import { saver } from "../edit/saving.js";

/** @returns {{element: HTMLElement, stop: () => void}} */
export function exportPage() {
  const cards = h("div", { class: "format-cards" });
  const element = h(
    "main",
    { class: "export-page plain-page" },
    h(
      "header",
      { class: "page-head" },
      h("h1", {}, "Export"),
      h(
        "p",
        { class: "soft" },
        "Accepted, adjusted and added segments, points and tags. Rejected ones are left out; what is complete says so where the format can.",
      ),
    ),
    cards,
  );
  saver.flush();
  api.get("/api/export").then(({ formats }) => fill(cards, ...formats.map(card)), complain);
  return { element, stop: () => {} };
}

/** @param {import("../core/types.js").Format} format */
function card(format) {
  const facts = h("div", { class: "export-facts soft" }, "Looking at what it holds …");
  const link = h(
    "a",
    { class: "button", href: `/api/export/${encodeURIComponent(format.name)}`, download: "" },
    icon("download"),
    "Download",
  );
  api.get(`/api/export/${encodeURIComponent(format.name)}?report=1`).then(
    (/** @type {import("../core/types.js").ExportReport} */ report) =>
      fill(
        facts,
        h("p", {}, `${report.file} · ${count(report.files, "file")}, ${size(report.bytes)}`),
        h("p", {}, report.rounding ? `Times are rounded by up to ${milliseconds(report.rounding)}` : "Times are exact"),
        report.lost.length > 0 && h("ul", {}, ...report.lost.map((line) => h("li", {}, line))),
      ),
    (error) => {
      fill(facts, error.message);
      link.remove();
    },
  );
  return h(
    "section",
    { class: "card format" },
    h("header", {}, h("h2", {}, format.title), h("code", {}, format.ending)),
    facts,
    format.cannot_hold.length > 0 && h("p", { class: "soft" }, `Cannot hold: ${format.cannot_hold.join(", ")}`),
    h("footer", {}, link),
  );
}

/** @param {number} seconds */
function milliseconds(seconds) {
  return `${Number((1000 * seconds).toPrecision(2))} ms`;
}
