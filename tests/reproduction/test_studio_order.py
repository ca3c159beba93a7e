"""The order in which the studio leads a person: that of the studio itself."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from untrim.annotations import Annotations, Video, write_annotations, write_detections
from untrim.errors import UntrimError
from untrim.reproduction.studio_order import studio_order
from untrim.studio.events import Events
from untrim.studio.project import open_project
from untrim.studio.state import Studio
from untrim.timeline import Detection, Instance, Segment


def detections(**scores: float) -> list[Detection]:
    found = [Detection(label, Segment(0.1, 0.9), score) for label, score in scores.items()]
    return sorted(found, key=lambda one: -one.score)


def video(name: str, *labels: str) -> Video:
    instances = tuple(Instance(label, Segment(0.1 * index, 0.1 * index + 0.5)) for index, label in enumerate(labels))
    return Video(name, "training", 1.0, labels, instances)


def test_the_order_is_that_in_which_the_studio_leads(numbered_videos: Callable[[int], Path], tmp_path: Path) -> None:
    """A person does what the page says: opens the next video, marks all that is in it, and goes on."""
    labels = [("run",), ("jump", "run"), ("jump",), ("run", "run"), (), ("run",), ("jump", "jump"), ("run", "jump")]
    scores = [
        {"run": 0.9}, {"jump": 0.6, "run": 0.7}, {"run": 0.95, "jump": 0.4}, {"run": 0.5}, {"run": 0.9},
        {"jump": 0.3}, {"jump": 0.55, "run": 0.2}, {"run": 0.1, "jump": 0.99},
    ]  # fmt: skip
    folder = numbered_videos(len(labels)).rename(tmp_path / "3")  # The studio draws at random by the folder's name.
    names = [f"video{index}" for index in range(len(labels))]
    whole = Annotations([video(name, *own) for name, own in zip(names, labels, strict=True)])
    found = {name: detections(**own) for name, own in zip(names, scores, strict=True)}
    write_annotations(whole.without_segments("training"), tmp_path / "labels.json")
    write_detections(found, tmp_path / "found.json")

    project = open_project(folder, annotations=tmp_path / "labels.json", detections=tmp_path / "found.json")
    keys = {one.name: key for key, one in project.videos.items()}
    led = []
    with Studio(project, Events()) as studio:
        studio.save(studio.video(keys["video4"]), {"labels": [], "exhaustive": True}, 0)
        while (chosen := studio.next_video()) is not None:
            own = studio.video(chosen["id"])
            led.append(chosen["id"])
            segments = [
                {
                    "id": f"s{index}", "label": one.label, "state": "added",
                    "start": one.segment.start, "end": one.segment.end,
                }
                for index, one in enumerate(whole[own.name].instances)
            ]  # fmt: skip
            studio.save(own, {"segments": segments, "exhaustive": True}, 0)

    by_key = Annotations([replace(whole[name], name=key) for name, key in keys.items()])
    assert studio_order(by_key, {keys[name]: own for name, own in found.items()}, 3) == led
    assert sorted(led) == sorted(key for name, key in keys.items() if name != "video4")


def test_every_fifth_video_is_another_one_with_another_seed() -> None:
    whole = Annotations([video(f"v{index}", "run") for index in range(10)])
    found = {name: detections(run=0.5 + 0.04 * index) for index, name in enumerate(whole)}
    orders = [studio_order(whole, found, seed) for seed in range(8)]
    assert {tuple(order[:4]) for order in orders} == {("v0", "v1", "v2", "v3")}, "the least sure first"
    assert len({order[4] for order in orders}) > 1
    assert all(sorted(order) == sorted(whole) for order in orders)


def test_a_class_that_the_studio_does_not_take_is_one_line() -> None:
    whole = Annotations([video("v", "x" * 300)], source="labels.json")
    with pytest.raises(UntrimError, match=r"^labels\.json: .*200 characters"):
        studio_order(whole, {"v": []}, 0)
