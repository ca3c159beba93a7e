"""What must hold whatever is shown: labels stay text, large letters fit, rows and segments have roles."""

import json
from pathlib import Path
from typing import Any

import pytest

from studio.browser.driving import open_video, opened, served, state, wait_for

LABELS = [
    '<img src="x" onerror="window.hacked=1">',
    "<script>window.hacked=1</script>",
    "Tür öffnen – où ça ?",
    "פתיחת דלת",
    "a label of sixty characters, which no row can show in full..",
]
PAGES = ["videos", "work", "classes", "export"]


@pytest.fixture
def labelled(project: Path) -> Path:
    """Labels of every kind that is trouble, as tags, truth and findings."""
    labels = project.parent / "labels.json"
    database, results = {}, {}
    for video in project.iterdir():
        segments = [{"label": label, "segment": [1.5 * index, 1.5 * index + 1.2]} for index, label in enumerate(LABELS)]
        database[video.stem] = {"subset": "training", "duration": 10.0, "annotations": segments}
        results[video.stem] = [segment | {"score": 0.5} for segment in segments]
    labels.write_text(json.dumps({"database": database}))
    (project.parent / "found.json").write_text(json.dumps({"results": results}))
    return labels


def test_labels_made_of_html_stay_text(context: Any, project: Path, labelled: Path) -> None:
    with (
        served(project, annotations=labelled, detections=project.parent / "found.json") as address,
        opened(context, address) as page,
    ):
        for name in PAGES:
            page.evaluate("name => { location.hash = '#/' + name; }", name)
            page.locator("main").wait_for()
        open_video(page, "constant")
        page.keyboard.press("Tab")
        page.keyboard.press("KeyA")
        page.keyboard.press("Slash")
        page.get_by_role("dialog").wait_for()
        assert page.get_by_text(LABELS[0]).count() >= 3
        assert page.get_by_text(LABELS[3]).count() >= 3
        page.keyboard.press("Escape")
        page.evaluate("location.hash = '#/classes'")
        page.locator(".class-name").first.wait_for()
        assert sorted(page.locator(".class-name").evaluate_all("all => all.map(one => one.value)")) == sorted(LABELS)
        assert page.evaluate("document.querySelectorAll('img[src=x], main script').length") == 0
        assert page.evaluate("window.hacked") is None


@pytest.mark.parametrize("width", [640, 1280, 3840])
def test_no_page_is_wider_than_the_window(browser: Any, address: str, width: int) -> None:
    """640 pixels are what 1280 have at 200% zoom."""
    page = browser.new_page(
        viewport={"width": width, "height": width * 10 // 16}, device_scale_factor=2 if width < 1000 else 1
    )
    page.goto(address)
    wait_for(page, "state.videos.length === 3")
    for name in PAGES:
        page.evaluate("name => { location.hash = '#/' + name; }", name)
        page.locator("main h1").wait_for()
        assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth"), name
    open_video(page, "constant")
    assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth")
    for button in ("All of this is right", "Play, pause", "Start I"):
        page.get_by_role("button", name=button).click()
    wait_for(page, "state.route.page === 'video'")
    page.close()


def test_rows_and_segments_have_roles(page: Any) -> None:
    assert page.get_by_role("grid", name="Videos").get_by_role("row").count() == 3
    open_video(page, "constant")
    assert page.get_by_role("grid", name="Segments").get_by_role("row").count() == 4
    assert page.get_by_role("list", name="Classes").get_by_role("listitem").count() == 2
    page.keyboard.press("Tab")
    chosen = page.get_by_role("row", selected=True)
    assert "jump" in chosen.inner_text()
    assert state(page, "state.selected") == chosen.get_attribute("data-id")
