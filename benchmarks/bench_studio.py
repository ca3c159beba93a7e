"""How the studio feels, in a browser: a two-hour video with 1,000 segments and 50 classes, and a list of 1,000 videos.

    PYTHONPATH=tests python benchmarks/bench_studio.py [--seconds 7200] [--videos 1000]

It makes both projects in a temporary folder (some minutes), opens each in Chromium, and prints a table: what was
measured, the figure, and what it should be. Times are medians, with the 95th percentile in brackets, from the key event
to the picture that the browser itself names. Frames per second are those painted while something was dragged or zoomed.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import av
import numpy as np
from playwright.sync_api import sync_playwright

from studio.browser.driving import ARGUMENTS, CHROMIUM, open_video, served, wait_for
from untrim.studio.pictures import make_proxy
from untrim.video.encode import VideoWriter

CLASSES, SEGMENTS, SIZE = 50, 1000, (160, 90)
STROKES = [
    ("a frame on", "Period", 60),
    ("a frame back", "Comma", 60),
    ("a second on", "ArrowRight", 100),
    ("the next segment", "Tab", 100),
]

# Presses a key and waits for the picture; milliseconds of each.
STEPS = """async ([code, times]) => {
  const {session} = await import("/static/core/session.js");
  const taken = [];
  for (let time = 0; time < times; time += 1) {
    const start = performance.now();
    document.body.dispatchEvent(new KeyboardEvent("keydown", {code, key: code, bubbles: true}));
    await session.player.settled();
    taken.push(performance.now() - start);
  }
  return taken;
}"""

# Sends an event per painted frame for two seconds; returns how many were painted per second.
FRAMES = """async ([selector, kind]) => {
  const target = document.querySelector(selector), box = target.getBoundingClientRect();
  const send = (type, x, more) => target.dispatchEvent(new (type === "wheel" ? WheelEvent : PointerEvent)(type,
    {bubbles: true, cancelable: true, clientX: box.left + x, clientY: box.top + 50, buttons: 1, ...more}));
  target.setPointerCapture = () => {};
  if (kind === "drag") send("pointerdown", 200, {button: 0});
  let frames = 0;
  const start = performance.now();
  while (performance.now() - start < 2000) {
    await new Promise(requestAnimationFrame);
    frames += 1;
    if (kind === "drag") send("pointermove", 200 + 200 * Math.abs(Math.sin(frames / 20)), {});
    else send("wheel", 300, {deltaY: frames % 60 < 30 ? -60 : 60});
  }
  if (kind === "drag") send("pointerup", 400, {});
  return frames / (performance.now() - start) * 1000;
}"""

# Scrolls the whole list; how many painted frames had a place without a row.
SCROLL = """async () => {
  const list = document.querySelector(".video-rows"), box = list.getBoundingClientRect();
  let gaps = 0, frames = 0;
  for (let top = 0; top < list.scrollHeight; top += 700) {
    list.scrollTop = top;
    await new Promise(requestAnimationFrame);
    frames += 1;
    const seen = [...list.querySelectorAll(".video-row")].map(row => row.getBoundingClientRect());
    const [high, low] = [Math.min(...seen.map(row => row.top)), Math.max(...seen.map(row => row.bottom))];
    if (high > box.top + 20 || (low < box.bottom - 20 && top + box.height < list.scrollHeight - 100)) gaps += 1;
  }
  return [gaps, frames];
}"""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--seconds", type=float, default=7200, help="Length of the long video.")
    arguments.add_argument("--videos", type=int, default=1000, help="Videos of the long list.")
    wanted = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        long, given = long_video(Path(folder), wanted.seconds)
        with served(long, **given) as address:
            one_video(browser, address)
        with served(many_videos(Path(folder), wanted.videos)) as address:
            the_list(browser, address, wanted.videos)
        browser.close()
        a_copy(Path(folder))


def a_copy(folder: Path) -> None:
    """A minute of 720p in a codec that no browser plays, and the copy of it that the studio makes."""
    source, frames = folder / "minute.avi", 25 * 60
    texture = np.kron(np.random.default_rng(0).integers(0, 256, (90, 160, 3)), np.ones((10, 10, 1))).astype(np.uint8)
    with av.open(source, "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        (stream.width, stream.height), stream.pix_fmt, stream.bit_rate = (1280, 720), "yuv420p", 6_000_000
        for index in range(frames):
            image = np.ascontiguousarray(texture[index % 150 : index % 150 + 720, index % 300 : index % 300 + 1280])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
    start, worked = time.perf_counter(), time.process_time()
    make_proxy(source, folder / "copy.mp4", frames)
    taken, worked = time.perf_counter() - start, time.process_time() - worked
    said("a copy of a minute of 720p", f"{taken:.1f} s, {worked:.1f} s of a core", "6 s")


def long_video(folder: Path, seconds: float) -> tuple[Path, dict[str, Path]]:
    """A project of one video, and what was found in it."""
    project = folder / "long"
    project.mkdir()
    picture = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    with VideoWriter(project / "long.mp4", SIZE, 25, preset="ultrafast", threads=os.cpu_count() or 1) as video:
        for index in range(round(25 * seconds)):
            picture[:] = index // 25 * 37 % 200
            x = index * 3 % (SIZE[0] - 20)
            picture[30:60, x : x + 20] = 250
            video.write(picture)
    random = np.random.default_rng(0)
    starts = np.sort(random.uniform(0, seconds - 10, SEGMENTS))
    found = [
        {"label": f"class {index % CLASSES:02}", "score": float(random.uniform(0.2, 1)), "segment": [start, start + 4]}
        for index, start in enumerate(starts.tolist())
    ]
    (folder / "found.json").write_text(json.dumps({"results": {"long": found}}))
    return project, {"detections": folder / "found.json"}


def many_videos(folder: Path, number: int) -> Path:
    """A project of many short videos: one file under many names."""
    project = folder / "many"
    project.mkdir()
    with VideoWriter(project / "video 0000.mp4", SIZE, 25, preset="ultrafast") as video:
        for index in range(50):
            video.write(np.full((SIZE[1], SIZE[0], 3), 4 * index, np.uint8))
    for index in range(1, number):
        os.link(project / "video 0000.mp4", project / f"video {index:04}.mp4")
    return project


def one_video(browser: Any, address: str) -> None:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.goto(address)
    start = time.perf_counter()
    open_video(page, "long")
    said("the video is opened for the first time, its times read", f"{time.perf_counter() - start:.2f} s", "")
    page.reload()
    start = time.perf_counter()
    wait_for(page, "state.frames && document.querySelector('.waiting')?.hidden")
    said("the same after a reload", f"{time.perf_counter() - start:.2f} s", "1 s")
    page.evaluate("async () => (await import('/static/core/session.js')).showFrom(0)")
    wait_for(page, "document.querySelectorAll('.segment-row').length")
    for words, code, limit in STROKES:
        page.evaluate("document.activeElement.blur()")
        said(f"{words}, key to picture", spread(page.evaluate(STEPS, [code, 40])), f"{limit} ms")
    said("zoom by the wheel", f"{page.evaluate(FRAMES, ['.tracks', 'zoom']):.0f} frames/s", "50")
    said("drag on the timeline", f"{page.evaluate(FRAMES, ['.tracks', 'drag']):.0f} frames/s", "50")
    said("drag in the overview", f"{page.evaluate(FRAMES, ['.overview', 'drag']):.0f} frames/s", "50")
    said("memory of the tab", f"{memory(browser):.0f} MiB", "300")
    page.close()


def the_list(browser: Any, address: str, number: int) -> None:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    start = time.perf_counter()
    page.goto(address)
    page.locator(".video-row").first.wait_for()
    said(f"the list of {number} videos is there", f"{time.perf_counter() - start:.2f} s", "1 s")
    gaps, frames = page.evaluate(SCROLL)
    said("painted frames with a gap while it scrolls", f"{gaps} of {frames}", "0")
    said("memory of the tab", f"{memory(browser):.0f} MiB", "300")
    page.close()


def memory(browser: Any) -> float:
    """MiB resident in the largest process that draws a page."""
    processes = browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")["processInfo"]
    pages = [int(process["id"]) for process in processes if process["type"] == "renderer"]
    sizes = [int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize() / 2**20 for pid in pages]
    return max(sizes)


def spread(milliseconds: list[float]) -> str:
    ordered = sorted(milliseconds)
    return f"{statistics.median(ordered):.0f} ms ({ordered[int(0.95 * len(ordered))]:.0f})"


def said(what: str, figure: str, wanted: str) -> None:
    print(f"| {what} | {figure} | {wanted} |", flush=True)


if __name__ == "__main__":
    main()
