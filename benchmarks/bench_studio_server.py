"""The studio's server on 1,000 videos, and on a long one with 1,000 segments of 50 classes: the time of each request.

    PYTHONPATH=tests python benchmarks/bench_studio_server.py [--videos 1000]

It makes a project in a temporary folder and asks it over HTTP as the page does, from a thread of the same process.
Times are medians of ten requests in milliseconds, or of one where that is said.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from studio.pages import Answer, Page, opened
from untrim.annotations import write_detections
from untrim.studio.project import Project, open_project
from untrim.support.system import peak_memory_mb
from untrim.timeline import Detection, Segment
from untrim.video.encode import VideoWriter

CLASSES, SEGMENTS, REPEATS = 50, 1000, 10
SECONDS = 7200


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--videos", type=int, default=1000)
    wanted = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        project = made(Path(folder), wanted.videos)
        start = time.perf_counter()
        with opened(project) as page:
            said(
                f"open a project of {wanted.videos:,} videos, until the key is taken, once",
                [time.perf_counter() - start],
            )
            measure(page)
        said_memory()


def made(folder: Path, videos: int) -> Project:
    """A project with one video of two hours and many short ones, and detections of all."""
    place = folder / "videos"
    place.mkdir()
    with VideoWriter(place / "long.mp4", (64, 48), 5, preset="ultrafast") as film:
        for index in range(5 * SECONDS):
            film.write(np.full((48, 64, 3), index % 200, np.uint8))
    with VideoWriter(place / "video 0000.mp4", (64, 48), 25, preset="ultrafast") as film:
        for index in range(50):
            film.write(np.full((48, 64, 3), 4 * index, np.uint8))
    for index in range(1, videos - 1):
        os.link(place / "video 0000.mp4", place / f"video {index:04}.mp4")
    random = np.random.default_rng(0)
    names = [f"video {index:04}" for index in range(videos - 1)]
    found = {name: [detection(random, 2.0, 0.5) for _ in range(20)] for name in names}
    found["long"] = [detection(random, SECONDS, 4.0) for _ in range(SEGMENTS)]
    write_detections(found, folder / "found.json")
    return open_project(place, detections=folder / "found.json")


def detection(random: np.random.Generator, seconds: float, length: float) -> Detection:
    start = float(random.uniform(0, seconds - length))
    return Detection(label(int(random.integers(CLASSES))), Segment(start, start + length), float(random.normal()))


def label(number: int) -> str:
    return f"class {number:02}"


def measure(page: Page) -> None:
    timed("the list of videos, the first time, once", lambda: page.get("/api/videos"), 1)
    tag = page.get("/api/videos").headers["etag"]
    timed("the list of videos", lambda: page.get("/api/videos"))
    timed("the list of videos, unchanged", lambda: page.get("/api/videos", If_None_Match=tag))
    ids = page.ids()
    long = ids["long"]
    timed("the long video, its frames not read before, once", lambda: page.get(f"/api/videos/{long}"), 1)
    timed("the long video", lambda: page.get(f"/api/videos/{long}"))
    timed(f"times of its {5 * SECONDS:,} frames", lambda: page.get(f"/api/videos/{long}/frames"))
    segments = [
        {"id": f"s{i}", "label": label(i % CLASSES), "start": 7.0 * i, "end": 7.0 * i + 4, "state": "added"}
        for i in range(SEGMENTS)
    ]
    revisions = iter(range(10_000))

    def save() -> Answer:
        revision = next(revisions)
        segments[revision]["end"] = 7.0 * revision + 3
        return page.save(long, revision, segments=segments)

    timed(f"save a review of {SEGMENTS:,} segments", save)
    everyone = list(ids.values())
    timed("tag all videos, once", lambda: page.ask("POST", "/api/videos/tags", {"ids": everyone, "add": ["x"]}), 1)
    rename = {"from": ["x"], "to": "y"}
    timed("a new name for their class, once", lambda: page.ask("POST", "/api/classes/rename", rename), 1)
    timed("classes with their counts", lambda: page.get("/api/classes"))
    timed("ten bytes of a video", lambda: page.get(f"/media/{long}", Range="bytes=1000-1009"))


def timed(what: str, ask: Callable[[], Answer], repeats: int = REPEATS) -> None:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        answer = ask()
        times.append(time.perf_counter() - start)
        assert answer.status in (200, 206, 304), (what, answer.status, answer.body[:200])
    said(what, times)


def said(what: str, times: list[float]) -> None:
    print(f"{what:70s} {1000 * statistics.median(times):8.1f} ms")


def said_memory() -> None:
    memory = peak_memory_mb()
    print(f"{'the most memory of the process':70s} {'unknown' if memory is None else f'{memory:8.0f} MB'}")


if __name__ == "__main__":
    main()
