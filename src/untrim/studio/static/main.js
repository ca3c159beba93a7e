// @ts-check
/** The start of the page: its frame, its pages by the address, keys, and edits that an earlier window left behind. */
import { act, actions } from "./actions.js";
import { fill, h, icon, say } from "./core/dom.js";
import { notice, noticeBox } from "./core/notices.js";
import { complain, listen, loadProject } from "./core/session.js";
import { store } from "./core/store.js";
import { count } from "./core/text.js";
import { saver } from "./edit/saving.js";
import { rememberEarlier } from "./edit/undo.js";
import { learnLayout, listenToKeys } from "./keys.js";
import { classesPage } from "./pages/classes.js";
import { exportPage } from "./pages/export.js";
import { labelChoices } from "./pages/tagging.js";
import { videoPage } from "./pages/video.js";
import { videosPage } from "./pages/videos.js";
import { workPage } from "./pages/work.js";

/** @type {Record<string, (id: string) => {element: HTMLElement, stop: () => void}>} */
const PAGES = { videos: videosPage, video: videoPage, work: workPage, classes: classesPage, export: exportPage };
const TITLES = /** @type {Record<string, string>} */ ({
  videos: "Videos",
  work: "Work",
  classes: "Classes",
  export: "Export",
});

const place = h("div", { id: "page" });
let tabMovesFocus = false;
/** @type {{stop: () => void} | null} */
let open = null;

function route() {
  const [, page = "videos", id = ""] = location.hash.split("/");
  const known = PAGES[page] ? page : "videos";
  open?.stop();
  for (const dialog of document.querySelectorAll("dialog")) dialog.close();
  store.set({ route: { page: known, id } });
  const fresh = PAGES[known](id);
  open = fresh;
  fill(place, fresh.element);
}

function header() {
  const links = Object.entries(TITLES).map(([page, title]) => h("a", { href: `#/${page}`, "data-page": page }, title));
  const undo = h(
    "button",
    { class: "quiet square", "aria-label": "Undo", onclick: () => actions.undo() },
    icon("undo"),
  );
  const redo = h(
    "button",
    { class: "quiet square", "aria-label": "Redo", onclick: () => actions.redo() },
    icon("redo"),
  );
  const saving = h("span", { class: "saving", role: "status", "aria-live": "polite" });
  const work = h("a", { class: "work-chip", href: "#/work" });
  const name = h("span", { class: "project" });
  store.watch(["route", "videos"], ({ route: { page, id }, videos }) => {
    for (const link of links) {
      if (link.dataset.page === page || (page === "video" && link.dataset.page === "videos"))
        link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    const title = page === "video" ? (videos.find((row) => row.id === id)?.name ?? "Video") : TITLES[page];
    document.title = `${title} · untrim studio`;
  });
  store.watch(["project"], ({ project }) => say(name, project?.name ?? ""));
  store.watch(["undo"], ({ undo: { undo: back, redo: on } }) => {
    [undo.disabled, redo.disabled] = [!back, !on];
    undo.title = back ? `Undo: ${back} (Ctrl+Z)` : "Nothing to undo";
    redo.title = on ? `Redo: ${on} (Ctrl+Shift+Z)` : "Nothing to redo";
  });
  store.watch(["saving", "connected"], ({ saving: { state, text }, connected }) => {
    const lost = !connected && state === "saved";
    saving.className = `saving ${lost ? "lost" : state}`;
    say(saving, lost ? "The server does not answer; edits are kept here" : text);
  });
  store.watch(["jobs"], ({ jobs }) => {
    const job = jobs.find(({ state }) => state === "running");
    work.hidden = !job;
    if (job) say(work, `${job.what} ${Math.floor((100 * job.done) / (job.total || 1))} %`);
  });
  return h(
    "header",
    { class: "top" },
    h("a", { class: "brand", href: "#/videos" }, icon("logo"), h("b", {}, "untrim"), " studio"),
    name,
    h("nav", { "aria-label": "Pages" }, links),
    h("div", { class: "spacer" }),
    work,
    saving,
    undo,
    redo,
    h(
      "button",
      { class: "quiet square", "aria-label": "Keys", title: "Keys", onclick: () => actions.help() },
      icon("keyboard"),
    ),
  );
}

/** An edit that met another one: what is there is shown, the own edit is offered once more. */
function offerBar() {
  const bar = h("div", { class: "offer", role: "alert", hidden: true });
  store.watch(["offer", "video"], ({ offer }) => {
    bar.hidden = !offer;
    if (!offer) return;
    const elsewhere = store.state.video?.id !== offer.video;
    const name = store.state.videos.find(({ id }) => id === offer.video)?.name ?? "another video";
    fill(
      bar,
      h(
        "span",
        {},
        elsewhere ? [h("bdi", {}, name), ": "] : null,
        "another window saved this video first. What it saved is shown; your edit (",
        h("bdi", {}, offer.text),
        ") is not in it.",
      ),
      h("button", { class: "primary", onclick: () => saver.answer(true) }, "Make my edit again"),
      h("button", { onclick: () => saver.answer(false) }, "Leave it"),
    );
  });
  return bar;
}

async function start() {
  document.body.append(header(), offerBar(), place, noticeBox(), labelChoices());
  await learnLayout();
  await loadProject();
  rememberEarlier(/** @type {import("./core/types.js").Project} */ (store.state.project).operations);
  const recovered = await saver.recover();
  if (recovered) notice(`Edits of ${count(recovered, "video")} that had not been saved were brought to the server.`);
  addEventListener("hashchange", route);
  route();
  listen();
  listenToKeys(
    (action) => {
      if (action === "moveFocus") tabMovesFocus = true;
      else if (action === "letGo" && tabMovesFocus) tabMovesFocus = false;
      else act(action);
      if (action === "moveFocus") /** @type {HTMLElement | null} */ (document.querySelector("header.top a"))?.focus();
    },
    () => store.state.route.page === "video",
    () => tabMovesFocus,
  );
  addEventListener("beforeunload", (event) => {
    saver.flush(true);
    if (store.state.saving.state === "failed") event.preventDefault();
  });
}

start().catch((error) => {
  fill(place, h("main", { class: "plain-page" }, h("h1", {}, "The studio did not open"), h("p", {}, error.message)));
  complain(error);
});
