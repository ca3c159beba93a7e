"""The frame that the page says is the frame on the screen: read from the picture itself."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from studio.browser.driving import STORE, open_video, opened, press, served, state, wait_for
from studio.browser.numbered import READ

SEEK_ALL = f"""async wanted => {{
  const read = {READ};
  const {{session}} = await import("/static/core/session.js");
  const {{store}} = await import("/static/core/store.js");
  const seen = [];
  for (const index of wanted) {{
    await session.player.show(index);
    store.flush();
    seen.push([index, session.player.shown, store.state.shown, read(document.querySelector("video"))]);
  }}
  return seen;
}}"""


@pytest.fixture(scope="module")
def page(browser: Any, numbered_films: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = Path(shutil.copytree(numbered_films, tmp_path_factory.mktemp("project") / "films"))
    with served(folder) as address, opened(browser, address) as page:
        yield page


@pytest.mark.parametrize("name", ["constant", "ntsc", "variable", "late", "no browser plays it", "uneven"])
def test_of_100_seeks_100_show_the_frame(page: Any, name: str) -> None:
    open_video(page, name)
    count = state(page, "state.frames.count")
    wanted = [0, count - 1, 1, *((index * 89 + 7) % count for index in range(97))]
    seen = page.evaluate(SEEK_ALL, wanted)
    assert [row for row in seen if row != [row[0]] * 4] == []
    assert state(page, "state.trouble") == ""


@pytest.mark.parametrize("name", ["variable", "late"])
def test_a_mark_is_the_time_of_the_frame_shown(page: Any, name: str) -> None:
    open_video(page, name)
    page.get_by_label("Add a tag").fill("run")
    press(page, "Enter")
    page.locator(".tracks").focus()
    press(page, "Home", *["Period"] * 7, "KeyI")  # The page may have shown this video before.
    wait_for(page, "state.pending")
    press(page, *["ArrowRight"] * 2, "Period", "KeyO")
    wait_for(page, "state.review.segments.length === 1")
    segment = state(page, "state.review.segments[0]")
    times = state(page, "[...state.frames.seconds]")
    shown = page.evaluate(READ, page.locator("video").element_handle())
    assert segment["start"] == times[7]
    assert segment["end"] == times[shown]
    assert times[shown] > segment["start"] + 1.9


def test_a_copy_is_played_where_the_browser_shows_other_frames(page: Any) -> None:
    open_video(page, "late")
    page.locator(".tracks").focus()
    press(page, "Home", "ArrowRight", "ArrowRight")  # The page may have shown this video before.
    wait_for(page, "state.shown === 50")
    copy = page.get_by_role("button", name="Play a copy")
    assert not copy.is_visible()
    page.evaluate(f"async () => {STORE}.set({{trouble: 'Frame 50 was asked for'}})")
    copy.click()
    wait_for(page, "state.frames?.proxy && state.shown === 50 && document.querySelector('.waiting').hidden")
    assert page.evaluate(SEEK_ALL, [50, 0, 249]) == [[index] * 4 for index in (50, 0, 249)]
    assert not copy.is_visible()
