"""A silent recording of the real page: half a minute of someone at work, with the keys that are pressed."""

from __future__ import annotations

import base64
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from studio.browser.driving import open_video, place_of, state, wait_for

SIZE = (1280, 800)
LONGEST = 30.0  # seconds
_TICK = Fraction(1, 1000)

# A pointer, and the keys that are pressed, for people who look: a recording has neither.
_POINTER = """() => {
  const pointer = document.createElement("div"), keys = document.createElement("div");
  Object.assign(pointer.style, {position: "fixed", zIndex: 99, width: "18px", height: "18px", margin: "-9px 0 0 -9px",
    borderRadius: "50%", background: "rgb(11 122 117 / 45%)", border: "2px solid #fff", pointerEvents: "none",
    boxShadow: "0 0 4px rgb(0 0 0 / 50%)", left: "-50px"});
  Object.assign(keys.style, {position: "fixed", zIndex: 99, left: "24px", bottom: "24px", padding: "8px 16px",
    borderRadius: "10px", background: "rgb(20 24 28 / 88%)", color: "#fff", font: "600 20px system-ui", opacity: 0,
    pointerEvents: "none"});
  document.body.append(pointer, keys);
  addEventListener("pointermove", event => Object.assign(pointer.style,
    {left: event.clientX + "px", top: event.clientY + "px"}), true);
  window.sayKey = text => { keys.textContent = text; keys.style.opacity = 1;
    clearTimeout(window.keyTimer); window.keyTimer = setTimeout(() => keys.style.opacity = 0, 900); };
}"""


class Film:
    """What the browser sends of its screen, each picture with its time."""

    def __init__(self, page: Any) -> None:
        self.pictures: list[tuple[float, bytes]] = []
        self._session = page.context.new_cdp_session(page)
        self._session.on("Page.screencastFrame", self._keep)
        self._session.send("Page.startScreencast", {"format": "jpeg", "quality": 92, "everyNthFrame": 1})

    def _keep(self, event: dict[str, Any]) -> None:
        self.pictures.append((event["metadata"]["timestamp"], base64.b64decode(event["data"])))
        self._session.send("Page.screencastFrameAck", {"sessionId": event["sessionId"]})

    def write(self, path: Path) -> None:
        """VP9 in WebM, ten pictures a second at most, silent."""
        self._session.send("Page.stopScreencast")
        start = self.pictures[0][0]
        with av.open(str(path), "w", format="webm") as container:
            options = {"crf": "32", "b": "0", "cpu-used": "2", "row-mt": "1", "g": "600"}
            stream = container.add_stream("libvpx-vp9", rate=10, options=options)
            (stream.width, stream.height), stream.pix_fmt = SIZE, "yuv420p"
            stream.codec_context.time_base = _TICK
            latest = -100
            for stamp, data in self.pictures:
                milliseconds = round(1000 * (stamp - start))
                if milliseconds > 1000 * LONGEST or milliseconds - latest < 95:
                    continue
                latest = milliseconds
                image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
                frame = av.VideoFrame.from_ndarray(cv2.resize(image, SIZE), format="bgr24")
                frame.pts, frame.time_base = milliseconds, _TICK
                container.mux(stream.encode(frame))
            container.mux(stream.encode())


def record(page: Any, video: str, path: Path) -> None:
    """Half a minute in the studio: a tag, a look, decisions, an edge, a new segment, taken back and done again."""
    wait_for(page, "document.querySelectorAll('.film-strip.there').length >= 4", timeout=120)
    page.evaluate(_POINTER)
    film = Film(page)
    rest(page, 1.0)
    boxes = page.locator(".video-row input[type=checkbox]")
    for row in (2, 3):
        go_to(page, boxes.nth(row))
        boxes.nth(row).check()
    page.get_by_label("Type a tag, press Enter").press_sequentially("circle", delay=90)
    key(page, "Enter")
    rest(page, 1.2)
    open_video(page, video)
    rest(page, 0.8)
    key(page, "Tab")
    key(page, "P", 1.8)
    key(page, "P", 0.3)
    key(page, "A", 1.0)
    key(page, "]", 0.6)
    for _ in range(4):
        key(page, ".", 0.25)
    rest(page, 0.9)
    key(page, "Escape", 0.3)
    key(page, "Tab", 0.6)
    key(page, "X", 1.0)
    key(page, "Escape", 0.3)
    pull(page, 31.4, 33.2)
    rest(page, 0.8)
    for text in ("Control+Z", "Control+Z", "Control+Shift+Z", "Control+Shift+Z"):
        key(page, text, 0.5)
    key(page, "Control+Enter", 1.6)
    page.get_by_role("link", name="Work").click()
    rest(page, 2.0)
    film.write(path)
    print(path.name, path.stat().st_size // 1000, "kB,", len(film.pictures), "pictures")


def rest(page: Any, seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        page.wait_for_timeout(50)


_CODES = {"]": "BracketRight", "[": "BracketLeft", ".": "Period", "P": "KeyP", "A": "KeyA", "X": "KeyX"}


def key(page: Any, name: str, seconds: float = 0.5) -> None:
    """Press a key and show which."""
    shown = name.replace("Control", "Ctrl").replace("+", " + ").replace("Escape", "Esc")
    page.evaluate("text => window.sayKey(text)", shown)
    page.keyboard.press(_CODES.get(name, name))
    rest(page, seconds)


def go_to(page: Any, target: Any) -> None:
    box = target.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=12)


def pull(page: Any, start: float, end: float) -> None:
    """Drag on the first row of the timeline, slowly."""
    row = state(page, "document.querySelector('.row-name bdi').textContent")
    (x0, y), (x1, _) = place_of(page, start, row), place_of(page, end, row)
    page.mouse.move(x0, y, steps=10)
    page.mouse.down()
    page.mouse.move(x1, y, steps=25)
    page.mouse.up()
