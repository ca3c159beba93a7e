"use strict";
// Plays videos, turns pages of timelines, sorts and filters the table of segments. Texts only ever become text.
{
  const one = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const make = (tag, kind, text) => {
    const node = document.createElement(tag);
    if (kind) node.className = kind;
    if (text !== undefined) node.textContent = text;
    return node;
  };
  const clock = (seconds) => {
    const hundredths = Math.round(100 * seconds), whole = Math.floor(hundredths / 100);
    const two = (number) => String(number).padStart(2, "0");
    const minutes = Math.floor(whole / 60), hours = Math.floor(minutes / 60);
    const start = hours ? `${hours}:${two(minutes % 60)}` : `${minutes}`;
    return `${start}:${two(whole % 60)}.${two(hundredths % 100)}`;
  };

  // ---- pages of timelines ----
  const place = one("#timelines"), size = 50;
  const pages = [all("article", place), ...all("template.page").map((page) => [...page.content.children])];
  const total = pages.reduce((sum, page) => sum + page.length, 0);
  let shown = 0;
  const turn = (index, jump) => {
    shown = index;
    all("video", place).forEach((video) => video.pause());
    place.replaceChildren(...pages[index]);
    for (const pager of all(".pager")) {
      one("output", pager).textContent = `${size * index + 1}–${Math.min(size * (index + 1), total)} of ${total}`;
      one(".before", pager).disabled = index === 0;
      one(".after", pager).disabled = index === pages.length - 1;
    }
    if (jump) one("#videos").scrollIntoView();
  };
  for (const pager of all(".pager")) {
    pager.hidden = pages.length < 2;
    one(".before", pager).addEventListener("click", () => turn(shown - 1, true));
    one(".after", pager).addEventListener("click", () => turn(shown + 1, true));
  }
  turn(0, false);

  // ---- playing ----
  const play = (article, start, end) => {
    const player = one(".player", article);
    if (!player) return;
    const video = one("video", player), offset = Number(video.dataset.offset), duration = Number(article.dataset.duration);
    player.hidden = false;
    if (!video.getAttribute("src")) {
      video.addEventListener("timeupdate", () => {
        const now = video.currentTime - Number(video.dataset.offset);
        article.style.setProperty("--at", Math.min(Math.max(now / duration, 0), 1));
        if (now >= video.until) {
          video.pause();
          video.until = Infinity;
        }
      });
      const refuse = () => {
        video.hidden = true;
        video.pause();
        one(".unplayable", player).hidden = false;
      };
      video.addEventListener("error", refuse);
      video.addEventListener("loadedmetadata", () => {
        if (!video.videoWidth) refuse(); // it plays the sound alone
      });
      article.classList.add("playing");
      video.preload = "auto"; // it was none, so that a page of fifty loads no video
      video.src = video.dataset.src;
    }
    one(".now", player).textContent = `${clock(start)} – ${clock(end)}`;
    const begin = () => {
      if (video.hidden) return;
      video.until = Infinity;
      video.currentTime = start + offset;
      video.until = end;
      video.play().catch(() => {});
    };
    if (video.readyState > 0) begin();
    else video.addEventListener("loadedmetadata", begin, { once: true });
  };
  document.addEventListener("click", (event) => {
    const span = event.target.closest("[data-start]"), article = event.target.closest("article");
    if (span && article) play(article, Number(span.dataset.start), Number(span.dataset.end));
  });
  const visit = (name, start, end) => {
    const index = pages.findIndex((page) => page.some((article) => article.dataset.video === name));
    if (index < 0) return;
    if (index !== shown) turn(index, false);
    const article = pages[index].find((article) => article.dataset.video === name);
    article.scrollIntoView({ block: "start" });
    article.classList.remove("visited");
    void article.offsetWidth; // starts the animation anew
    article.classList.add("visited");
    play(article, start, end);
  };

  // ---- the table ----
  const data = JSON.parse(one("#content").textContent), table = one("#segments table"), filters = one(".filters");
  const text = one("[name=text]", filters), label = one("[name=label]", filters), least = one("[name=least]", filters);
  const keys = { video: (row) => data.videos[row[0]], label: (row) => data.labels[row[1]], start: (row) => row[2],
    end: (row) => row[3], length: (row) => row[3] - row[2], score: (row) => row[4], right: (row) => Number(row[5]) };
  let sorted = data.rows, first = 0, key = "score", up = false;
  const fitting = () => {
    const words = text.value.toLowerCase().split(/\s+/).filter(Boolean), from = least.value === "" ? -Infinity : Number(least.value);
    return sorted.filter((row) => {
      if (row[4] < from || (label.value !== "" && row[1] !== Number(label.value))) return false;
      const name = `${data.videos[row[0]]} ${data.labels[row[1]]}`.toLowerCase();
      return words.every((word) => name.includes(word));
    });
  };
  const line = (row) => {
    const tr = make("tr", "tint" + (data.least !== null && row[4] < data.least ? " lesser" : "")), head = make("th");
    tr.style.setProperty("--hue", data.colors[row[1]]);
    const go = make("button", "go", data.videos[row[0]]);
    go.addEventListener("click", () => visit(data.videos[row[0]], row[2], row[3]));
    head.append(go);
    const action = make("td", "words");
    action.append(make("i", "key"), data.labels[row[1]]);
    tr.append(head, action, make("td", "", clock(row[2])), make("td", "", clock(row[3])));
    tr.append(make("td", "", `${(row[3] - row[2]).toFixed(2)} s`), make("td", "average", row[4] >= 0 && row[4] <= 1 ? row[4].toFixed(3) : row[4].toPrecision(3)));
    if (table.dataset.judged) tr.append(make("td", "", row[5] === null ? "" : row[5] ? "right" : "wrong"));
    return tr;
  };
  const draw = () => {
    const rows = fitting();
    first = Math.min(first, Math.max(0, size * Math.floor((rows.length - 1) / size)));
    one("tbody", table).replaceChildren(...rows.slice(first, first + size).map(line));
    one("output.count", filters).textContent = `${rows.length} of ${data.rows.length}`;
    const pager = one("#segments .turner");
    pager.hidden = rows.length <= size;
    one("output", pager).textContent = `${first + 1}–${Math.min(first + size, rows.length)} of ${rows.length}`;
    one(".before", pager).disabled = first === 0;
    one(".after", pager).disabled = first + size >= rows.length;
    for (const head of all("th[data-key]", table)) {
      head.setAttribute("aria-sort", head.dataset.key !== key ? "none" : up ? "ascending" : "descending");
    }
  };
  const sort = (wanted) => {
    up = wanted === key ? !up : !["score", "length", "right"].includes(wanted);
    key = wanted;
    const value = keys[key], sign = up ? 1 : -1;
    sorted = [...data.rows].sort((a, b) => {
      const x = value(a), y = value(b);
      return x < y ? -sign : x > y ? sign : b[4] - a[4];
    });
    first = 0;
    draw();
  };
  for (const [index, name] of data.labels.entries()) {
    const option = make("option", "", name);
    option.value = index;
    label.append(option);
  }
  for (const button of all("th[data-key] button", table)) {
    button.addEventListener("click", () => sort(button.parentElement.dataset.key));
  }
  for (const [kind, step] of [[".before", -size], [".after", size]]) {
    one(`#segments .turner ${kind}`).addEventListener("click", () => {
      first += step;
      draw();
    });
  }
  filters.addEventListener("input", () => {
    first = 0;
    draw();
  });
  filters.addEventListener("submit", (event) => event.preventDefault());
  filters.hidden = false;
  draw();
}
