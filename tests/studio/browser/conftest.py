"""A browser, where there is one: Playwright's wheel with the machine's own Chromium."""

import json
import shutil
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from films import record
from studio.browser import driving
from studio.browser.driving import opened, served, show_all_found
from studio.browser.numbered import film, numbered


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="needs the browser extra: pip install 'untrim[browser]'"
    )
    if driving.CHROMIUM is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    with playwright.sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=driving.CHROMIUM, args=driving.ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def context(browser: Any) -> Iterator[Any]:
    """A browser's own memory: cookies and edits that are kept."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(20_000)
    yield context
    context.close()


def quick(stream: Any) -> None:
    stream.options = {"deadline": "realtime", "cpu-used": "8", "b": "600k"}


@pytest.fixture(scope="session")
def numbered_films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Videos of each kind of time table, with the number of each frame in its picture."""
    folder = tmp_path_factory.mktemp("numbered")
    film(folder / "constant.mp4", 250, 25)
    film(folder / "ntsc.mp4", 250, Fraction(30_000, 1001))
    film(folder / "variable.mp4", 250, seconds=[index * 0.04 + 0.013 * (index % 3) for index in range(250)])
    film(folder / "late.mp4", 250, seconds=[0.52 + index / 25 for index in range(250)])
    images = [numbered(index) for index in range(100)]
    record(folder / "no browser plays it.avi", images, codec="mpeg4")
    uneven = [40 * index + 13 * (index % 3) for index in range(100)]
    record(folder / "uneven.webm", images, uneven, codec="libvpx", prepare=quick)
    return folder


@pytest.fixture
def project(numbered_films: Path, tmp_path: Path) -> Path:
    """Three videos of ten seconds to open, with four findings in each beside them, in `found.json`."""
    folder = tmp_path / "my videos"
    folder.mkdir()
    for name in ("constant", "ntsc", "late"):
        shutil.copy(numbered_films / f"{name}.mp4", folder)
    found = [("jump", 1.0, 2.2, 0.9), ("jump", 4.0, 5.0, 0.8), ("turn", 2.5, 3.5, 0.7), ("turn", 6.0, 7.6, 0.6)]
    results = {
        video.stem: [{"label": label, "segment": [start, end], "score": score} for label, start, end, score in found]
        for video in folder.iterdir()
    }
    (tmp_path / "found.json").write_text(json.dumps({"results": results}))
    return folder


@pytest.fixture
def address(project: Path) -> Iterator[str]:
    """Where a studio of `project` can be opened."""
    with served(project, detections=project.parent / "found.json") as address:
        yield address


@pytest.fixture
def page(context: Any, address: str) -> Iterator[Any]:
    """The page of `project`, opened; it fails the test if a script of it fails."""
    with opened(context, address) as page:
        show_all_found(page)
        yield page
