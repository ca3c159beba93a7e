"""A thousand videos, and a thousand segments of fifty classes in one: all of it works as with three."""

import os
from pathlib import Path

from films import record_levels
from studio.pages import opened
from untrim.studio.project import open_project

VIDEOS, SEGMENTS, CLASSES = 1000, 1000, 50


def test_a_thousand_videos_are_listed_tagged_and_renamed(tmp_path: Path) -> None:
    folder = tmp_path / "videos"
    folder.mkdir()
    record_levels(folder / "0000.mp4")
    for number in range(1, VIDEOS):
        os.link(folder / "0000.mp4", folder / f"{number:04}.mp4")
    with opened(open_project(folder)) as page:
        ids = page.ids()
        assert list(ids) == [f"{number:04}" for number in range(VIDEOS)]
        assert len(set(ids.values())) == VIDEOS
        tagged = page.ask("POST", "/api/videos/tags", {"ids": list(ids.values()), "add": ["jmp"]})
        assert len(tagged.json["videos"]) == VIDEOS
        page.ask("POST", "/api/classes/rename", {"from": ["jmp"], "to": "jump"})
        assert {tuple(row["labels"]) for row in page.get("/api/videos").json["videos"]} == {("jump",)}
        assert page.get("/api/classes").json["classes"][0]["videos"] == VIDEOS
    with opened(open_project(folder)) as page:
        assert {tuple(row["labels"]) for row in page.get("/api/videos").json["videos"]} == {("jump",)}


def test_an_edit_among_a_thousand_segments_is_a_short_line_of_history(page, folder: Path) -> None:
    key = page.ids()["garage"]
    segments = [
        {
            "id": f"segment-{number}",
            "label": f"class {number % CLASSES}",
            "start": number / 2000,
            "end": number / 2000 + 0.1,
            "state": "added",
        }
        for number in range(SEGMENTS)
    ]
    assert page.save(key, 0, segments=segments).status == 200
    history = folder / "reviews" / "history.jsonl"
    before = history.stat().st_size
    segments[500]["state"] = "rejected"
    assert page.save(key, 1, segments=segments).status == 200
    assert history.stat().st_size - before < 1000
    assert len(page.get(f"/api/videos/{key}").json["review"]["segments"]) == SEGMENTS
    assert len(page.get("/api/classes").json["classes"]) == CLASSES
