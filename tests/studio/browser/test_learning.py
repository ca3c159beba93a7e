"""The second half of the way: from tags to what was found, and corrected; the server dies while it learns."""

import json
from pathlib import Path
from typing import Any

import pytest

from studio.browser.driving import (
    Server,
    check_kept,
    drag,
    on_disk,
    open_video,
    press,
    shape,
    show_all_found,
    state,
    wait_for,
)
from studio.browser.numbered import film
from untrim.studio.project import PROJECT

SELECTED = "state.review.segments.find(segment => segment.id === state.selected)"


@pytest.fixture
def untold(tmp_path: Path) -> Path:
    """Three videos of five seconds of which nothing is known, and a project whose training is short."""
    folder = tmp_path / "my videos"
    folder.mkdir()
    for name in ("garage", "hall", "yard"):
        film(folder / f"{name}.mp4", 125, 25)
    (folder / PROJECT).write_text(json.dumps({"schema": 1, "settings": {"iterations": 20}}))
    return folder


def tag(page: Any, label: str, *names: str) -> None:
    """Tag videos on the list, by their boxes and the field."""
    for name in names:
        page.get_by_label(f"Select {name}").check()
    page.get_by_label("Type a tag, press Enter").fill(label)
    press(page, "Enter")
    for name in names:
        wait_for(page, f"state.videos.find(video => video.name === {name!r}).labels.includes({label!r})")
        page.get_by_label(f"Select {name}").uncheck()


def job(page: Any, words: str) -> Any:
    """The card of a job, once it is there."""
    card = page.get_by_role("article", name=words)
    card.wait_for(timeout=120_000)
    return card


def test_from_tags_to_corrections_though_the_server_is_killed(context: Any, untold: Path) -> None:
    server = Server(untold)
    page = context.new_page()
    page.goto(server.address)
    tag(page, "jump", "garage", "yard")
    tag(page, "turn", "hall", "yard")

    page.get_by_role("link", name="Work").click()
    page.get_by_role("button", name="Learn now").click()
    job(page, "Training, running").get_by_role("button", name="Stop").click()
    job(page, "Training, stopped").get_by_role("button", name="Resume").click()
    job(page, "Training, running")
    server.kill()
    server = Server(untold, server.port)
    try:
        page.goto(server.address)
        page.get_by_role("link", name="Work").click()
        assert page.get_by_role("article", name="Training, stopped").count() == 0, "it goes on without the server"
        job(page, "Training, done")
        correct(page, untold)
    finally:
        server.close()


def correct(page: Any, folder: Path) -> None:
    """Decide about what was found, take it all back, do it all again, and load the page anew."""
    open_video(page, "garage")
    show_all_found(page)
    wait_for(page, "state.video.detections.length >= 3 && document.querySelector('.segment-row.found')")
    before = shape(page)
    press(page, "Tab", "KeyA")
    wait_for(page, "state.review.segments.length === 1")

    press(page, "BracketLeft", "Period", "Escape")  # The next one, whose start moves a frame on.
    wait_for(page, f"{SELECTED}?.state === 'adjusted'")
    found = state(page, SELECTED)
    assert state(page, f"state.frames.at({SELECTED}.start) - state.frames.at({SELECTED}.from.start)") == 1
    drag(page, found["end"], found["end"] - 0.2, found["label"])
    wait_for(page, f"{SELECTED}.end < {found['end']}")

    press(page, "Tab", "KeyX")
    wait_for(page, "state.review.segments.some(segment => segment.state === 'rejected')")
    press(page, "Escape", "Home", "KeyI", "Period", "Period", "KeyO")
    wait_for(page, "state.review.segments.some(segment => segment.state === 'added')")
    after = shape(page)
    assert sorted(segment[3] for segment in after["segments"]) == ["accepted", "added", "adjusted", "rejected"]

    for _ in range(5):
        press(page, "Control+z")
    wait_for(page, "state.review.segments.length === 0")
    assert shape(page) == before
    for _ in range(5):
        press(page, "Control+Shift+z")
    wait_for(page, "state.review.segments.length === 4")
    assert shape(page) == after

    check_kept(page, folder, "garage")
    saved = on_disk(folder, "garage")["segments"]
    assert {each["from"]["run"] for each in saved if each["state"] != "added"} == {"1"}
