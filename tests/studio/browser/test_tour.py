"""The tour that the docs show can be walked, and its pictures are there."""

from pathlib import Path
from typing import Any

from studio.browser.tour import IMAGES, ROOT, Walk, tour


def test_the_tour_of_the_docs(page: Any, tmp_path: Path) -> None:
    shot: list[str] = []

    def shoot(name: str) -> None:
        page.screenshot(path=tmp_path / f"{name}.png")
        shot.append(name)

    tour(page, Walk("constant", "jump", "turn"), shoot)
    words = (ROOT / "docs/label-your-videos.md").read_text()
    assert sorted(path.stem for path in IMAGES.glob("*.png")) == sorted(shot)
    for name in shot:
        assert f"(images/studio/{name}.png)" in words
