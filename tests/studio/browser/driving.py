"""Studios to open, in a thread or as a person starts them, and what tests ask of a page that has one open."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from studio import pages
from untrim.studio.project import open_project

CHROMIUM = os.environ.get("UNTRIM_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]

# The page's own modules, for what a test reads; it acts by keys and mouse.
STORE = "(await import('/static/core/store.js')).store"


class Server:
    """`untrim studio FOLDER` in a process of its own, which can be killed."""

    def __init__(self, folder: Path, port: int = 0, options: tuple[str, ...] = ()) -> None:
        command = [sys.executable, "-m", "untrim", "studio", str(folder), "--no-open", *options]
        if port:
            command += ["--port", str(port)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.address = self._address()
        self.port = int(self.address.split(":")[2].split("/")[0])

    def _address(self) -> str:
        assert self._process.stdout is not None
        said = []
        for line in self._process.stdout:
            said.append(line)
            for word in line.split():
                if word.startswith("http://") and "token=" in word:
                    return word
        raise AssertionError("the studio did not start: " + "".join(said))

    def kill(self) -> None:
        """End it as a power cut does."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def close(self) -> None:
        """End it as a person does."""
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@contextmanager
def served(folder: Path, **given: Path) -> Iterator[str]:
    """A studio in a thread, which is there sooner; its address."""
    with pages.opened(open_project(folder, **given)) as client:
        yield client.address


@contextmanager
def opened(context: Any, address: str) -> Iterator[Any]:
    """A page that has a studio open; it fails the test if a script of it failed."""
    page = context.new_page()
    failed: list[str] = []
    page.on("pageerror", lambda error: failed.append(str(error)))
    page.goto(address)
    wait_for(page, "state.videos.length")
    yield page
    page.close()
    assert failed == []


def state(page: Any, expression: str) -> Any:
    """A value of the page's state: `expression` of `state`. What is to be seen of the state is drawn by then."""
    return page.evaluate(
        f"async () => {{ const store = {STORE}; store.flush(); const state = store.state; return {expression}; }}"
    )


def wait_for(page: Any, expression: str, timeout: float = 20) -> None:
    """Wait until an expression of `state` is true."""
    until = time.monotonic() + timeout
    while not state(page, f"Boolean({expression})"):
        assert time.monotonic() < until, f"{expression} did not become true"
        time.sleep(0.02)


def shape(page: Any) -> Any:
    """What a person has said of the open video, without stamps."""
    return state(
        page,
        "(({labels, exhaustive, segments, points}) => ({labels, exhaustive, points: points.map(p => [p.label, p.time]),"
        " segments: segments.map(s => [s.label, s.start, s.end, s.state])}))(state.review)",
    )


def on_disk(project: Path, name: str) -> Any:
    """The review of a video as it is saved."""
    return json.loads((project / "reviews" / f"{name}.json").read_text())


def check_kept(page: Any, project: Path, name: str) -> None:
    """The open video has the same shape after its page is loaded anew, and its segments are those on the disk."""
    said = shape(page)
    wait_saved(page)
    page.reload()
    wait_for(page, "state.video && state.review")
    assert shape(page) == said
    saved = on_disk(project, name)["segments"]
    assert [[each[key] for key in ("label", "start", "end", "state")] for each in saved] == said["segments"]


def show_all_found(page: Any) -> None:
    """Show what was found from any score on, as the slider does, now and in later windows."""
    page.evaluate("async () => (await import('/static/core/session.js')).showFrom(0, true)")


def open_video(page: Any, name: str) -> None:
    """Open a video by its name and wait until its first frame is there."""
    wait_for(page, "state.videos.length")
    video = state(page, f"state.videos.find(video => video.name === {name!r}).id")
    page.evaluate("hash => { location.hash = hash; }", f"#/video/{video}")
    wait_for(page, f"state.video?.name === {name!r} && state.frames && document.querySelector('.waiting').hidden")


def wait_saved(page: Any) -> None:
    wait_for(page, "state.saving.state === 'saved' && !state.saving.text.startsWith('Saving')")


def press(page: Any, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def place_of(page: Any, seconds: float, row: str) -> tuple[float, float]:
    """Where on the screen a time of a row of the timeline is."""
    box = page.locator(".tracks").bounding_box()
    view = state(page, "state.view")
    names = page.locator(".row-name bdi").all_inner_texts()
    x = box["x"] + (seconds - view["start"]) / (view["end"] - view["start"]) * box["width"]
    return x, box["y"] + 26 + 46 * names.index(row) + 20


def drag(page: Any, start: float, end: float, row: str) -> None:
    """Press at one time of a row of the timeline and let go at another."""
    for seconds in (start, (start + end) / 2, end):
        page.mouse.move(*place_of(page, seconds, row))
        if seconds == start:
            page.mouse.down()
    page.mouse.up()
