"""The way through the studio that the page "Label your videos" shows, one picture a step.

The tests walk it with small videos. To renew the pictures of the docs and the recording of the README, from a demo that
`untrim demo` has left:

    PYTHONPATH=tests python -m studio.browser.tour untrim-demo

Its videos are rendered once more, four times as large; what happens in them, and so what was found, is the same.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from studio.browser.driving import ARGUMENTS, CHROMIUM, open_video, opened, press, served, wait_for, wait_saved
from untrim.annotations import read_annotations, write_annotations

ROOT = Path(__file__).parents[3]
IMAGES = ROOT / "docs/images/studio"
SIZE = (1280, 800)
SHOWN = ("validation_000", "validation_003", "validation_006", "validation_009")


# Waits for the strip of the open video and for the picture that was asked for.
PICTURES = """async () => {
  const {store} = await import("/static/core/store.js");
  const {session} = await import("/static/core/session.js");
  while ((await fetch(`/sprite/${store.state.video.id}?tiles=100`)).status === 202) {
    await new Promise(resume => setTimeout(resume, 500));
  }
  await new Promise(resume => setTimeout(resume, 3000));
  await session.player.settled();
}"""


@dataclass(frozen=True)
class Walk:
    """Where the tour goes: a video in which something was found, and classes that there are."""

    video: str
    found: str
    tag: str


def tour(page: Any, walk: Walk, shoot: Callable[[str], None]) -> None:
    """Walk through every page; `shoot` takes a picture by its name."""
    wait_for(page, "document.querySelectorAll('.film-strip:not(.there)').length === 0", timeout=120)
    boxes = page.locator(".video-row input[type=checkbox]")
    boxes.nth(1).check()
    boxes.nth(2).check()
    page.get_by_label("Type a tag, press Enter").fill(walk.tag)
    shoot("videos")
    press(page, "Enter")
    page.get_by_text("2 videos.").wait_for()

    open_video(page, walk.video)
    press(page, "Tab", "KeyA", "KeyX", "Period", "Period")
    wait_for(page, "state.review.segments.length === 2")
    wait_saved(page)
    page.evaluate(PICTURES)
    page.evaluate("document.querySelector('.notices').replaceChildren()")
    shoot("video")

    press(page, "BracketRight", "Period", "Period", "Period")
    wait_for(page, "state.review.segments.length === 3 && !state.playing")
    press(page, *["Equal"] * 3)
    shoot("edge")
    press(page, "Escape", "Escape", "Digit0")
    page.mouse.move(0, 0)

    press(page, "Shift+Slash")
    page.get_by_role("dialog", name="Keys").wait_for()
    shoot("keys")
    press(page, "Escape")
    for name, there in [("classes", ".class-name"), ("work", ".figures"), ("export", ".export-facts p")]:
        page.evaluate("name => { location.hash = '#/' + name; }", name)
        page.locator(there).first.wait_for()
        wait_for(page, "!document.body.textContent.includes('Looking at what it holds')", timeout=120)
        shoot(name)


def main(demo: Path) -> None:
    """Renew the pictures of the docs and the recording."""
    from playwright.sync_api import sync_playwright

    from studio.browser.recording import record

    walk = Walk("validation_003", "shake", "circle")
    with sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        for shoot_all in (
            lambda page: tour(page, walk, lambda name: picture(page, IMAGES / f"{name}.png")),
            lambda page: record(page, walk.video, IMAGES.parent / "studio.webm"),
        ):
            context = browser.new_context(viewport={"width": SIZE[0], "height": SIZE[1]})
            with project_of(demo) as address, opened(context, address) as page:
                shoot_all(page)
        browser.close()


@contextmanager
def project_of(demo: Path) -> Iterator[str]:
    """A studio that has some videos of a demo open, with what the demo's run found in them."""
    with tempfile.TemporaryDirectory() as folder:
        videos = Path(shutil.copytree(render_large(demo), Path(folder) / "my_videos"))
        shutil.copytree(demo / "features", videos / "features")
        given = {name: demo / name for name in ("run", "activations")} | {"detections": demo / "detections.json"}
        given["annotations"] = Path(folder) / "annotations.json"
        known = read_annotations(demo / "annotations.json")  # Of these, a person would train on all.
        training = [replace(known[name], subset="training") for name in SHOWN]
        write_annotations(known.changed(training), given["annotations"])
        with served(videos, **given) as address:
            yield address


def render_large(demo: Path) -> Path:
    """Some videos of a demo at four times its size, kept in it: the same things happen at the same times."""
    from untrim.support.schema import read_object
    from untrim.synthetic.corpus import render_frames
    from untrim.synthetic.screenplay import CorpusSpec
    from untrim.video.encode import VideoWriter

    known = {field.name for field in fields(CorpusSpec)}
    made = {key: value for key, value in read_object(demo / "corpus.json").items() if key in known}
    spec = CorpusSpec(**(made | {"width": 640, "height": 480}))  # type: ignore[arg-type]
    (folder := demo / "large").mkdir(exist_ok=True)
    for name in SHOWN:
        if (folder / f"{name}.mp4").exists():
            continue
        index = spec.training + int(name.removeprefix("validation_"))
        with VideoWriter(folder / f"{name}.mp4", (640, 480), spec.fps) as video:
            for image in render_frames(spec, index):
                video.write(image)
        print("rendered", name)
    return folder


def picture(page: Any, path: Path) -> None:
    """A screenshot in 256 colours, which is a third of the size."""
    import io

    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    image.quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(path, optimize=True)
    print(path.relative_to(ROOT), path.stat().st_size // 1000, "kB")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
