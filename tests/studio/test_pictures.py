"""What a page gets of the files themselves: times of frames, files and proxies by ranges, sprites, curves."""

import http.client
import json
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from films import grey, late_film, record, record_levels
from studio.pages import Page, opened
from untrim.annotations import write_detections
from untrim.studio.pictures import make_proxy
from untrim.studio.project import open_project
from untrim.timeline import Detection, Segment
from untrim.video.decode import VideoFile
from untrim.video.frames import frame_table


def varying(path: Path) -> Path:
    return record_levels(path, milliseconds=[40 * number + (number % 3) * 11 for number in range(20)])


def ntsc(path: Path) -> Path:
    def rate(stream: av.VideoStream) -> None:
        stream.codec_context.time_base = Fraction(1001, 30_000)

    return record_levels(path, milliseconds=[round(number * 1001 / 30) for number in range(20)])


def late(path: Path) -> Path:
    return late_film(path, late=520, count=20)


FILMS: dict[str, Callable[[Path], Path]] = {"even": record_levels, "varying": varying, "ntsc": ntsc, "late": late}


@pytest.mark.parametrize("kind", FILMS)
def test_a_proxy_shows_every_frame_at_its_time(kind: str, tmp_path: Path) -> None:
    source = FILMS[kind](tmp_path / "film.mp4")
    wanted = frame_table(source)
    make_proxy(source, tmp_path / "proxy.mp4", len(wanted))
    found = frame_table(tmp_path / "proxy.mp4")
    assert found.offset == 0
    np.testing.assert_allclose(found.seconds, wanted.seconds, atol=1 / 90_000)
    assert abs(found.end - wanted.end) <= 1 / 90_000
    with VideoFile(source) as one, VideoFile(tmp_path / "proxy.mp4") as other:
        for before, after in zip(one.frames(), other.frames(), strict=True):
            assert abs(before.image.mean() - after.image.mean()) < 3


def test_a_proxy_is_made_for_seeking(tmp_path: Path) -> None:
    source = record(tmp_path / "film.mp4", [grey(10 + number, 96, 1080) for number in range(70)])
    make_proxy(source, tmp_path / "proxy.mp4", 70)
    content = (tmp_path / "proxy.mp4").read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")
    with av.open(str(tmp_path / "proxy.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.width, stream.height) == ("h264", 64, 720)
        assert stream.codec_context.pix_fmt == "yuv420p"
        packets = [packet for packet in container.demux(stream) if packet.pts is not None]
    assert [packet.pts for packet in packets] == [packet.dts for packet in packets]
    keys = [number for number, packet in enumerate(packets) if packet.is_keyframe]
    assert max(np.diff([*keys, 70])) <= 30


def test_times_of_frames(folder: Path) -> None:
    late(folder / "late.mp4")
    with opened(open_project(folder)) as page:
        key, table = page.ids()["late"], frame_table(folder / "late.mp4")
        for _ in range(2):  # Read, and kept.
            pairs = np.frombuffer(page.get(f"/api/videos/{key}/frames").body, "<f8").reshape(-1, 2)
            np.testing.assert_array_equal(pairs[:-1, 0], table.seconds)
            np.testing.assert_array_equal(pairs[:-1, 1], table.media_seconds)
            assert pairs[-1, 0] == table.end
        about = page.get(f"/api/videos/{key}").json
        assert (about["frames"], about["offset"], about["duration"]) == (20, table.offset, table.end)
        assert about["play"] == "original"


def test_a_proxy_and_sprites_are_made_when_they_are_asked_for(page: Page, folder: Path) -> None:
    key = page.ids()["garage"]
    first = page.get(f"/media/{key}?proxy=1")
    assert first.status in (200, 202)
    proxy = page.until(f"/media/{key}?proxy=1")
    assert (proxy.status, proxy.headers["content-type"]) == (200, "video/mp4")
    assert page.get(f"/media/{key}?proxy=1", Range="bytes=4-7").body == b"ftyp"
    for tiles, rows in ((10, 1), (100, 10)):
        sprite = page.until(f"/sprite/{key}?tiles={tiles}")
        image = cv2.imdecode(np.frombuffer(sprite.body, np.uint8), cv2.IMREAD_GRAYSCALE)
        assert image.shape == (90 * rows, 1600)
        levels = [image[45 + 90 * (i // 10), 80 + 160 * (i % 10)] for i in range(tiles)]
        shown = [10 + 10 * int((i + 0.5) / tiles * 20) for i in range(tiles)]
        np.testing.assert_allclose(levels, shown, atol=11)  # The frame at the moment, or its neighbour at its edge.
    assert page.get(f"/sprite/{key}?tiles=1000000").status == 422


def test_a_file_that_is_no_video_is_said_to_be_none(folder: Path) -> None:
    (folder / "broken.mp4").write_bytes(b"no video")
    with opened(open_project(folder)) as page:
        key = page.ids()["broken"]
        assert "broken.mp4" in page.get(f"/api/videos/{key}").json["problem"]
        for path in (f"/sprite/{key}", f"/media/{key}?proxy=1"):
            answer = page.until(path)
            assert answer.status == 422
            assert "is not a readable video" in answer.json["error"]


def test_a_proxy_is_made_anew_of_a_file_that_changed(page: Page, folder: Path) -> None:
    key = page.ids()["garage"]
    page.until(f"/media/{key}?proxy=1")
    record_levels(folder / "garage.mp4", count=25)
    page.until(f"/media/{key}?proxy=1")
    assert len(list((folder / ".studio" / "proxies").iterdir())) == 2


def test_what_was_found_is_shown_and_hidden_once_it_is_decided(folder: Path, tmp_path: Path) -> None:
    found = [Detection("jump", Segment(0.1, 0.5), 0.9), Detection("run", Segment(0.2, 0.5), 0.9)]
    write_detections({"garage": found, "unknown": found}, tmp_path / "found.json")
    with opened(open_project(folder, detections=tmp_path / "found.json")) as page:
        key = page.ids()["garage"]
        about = page.get(f"/api/videos/{key}").json
        assert about["run"] == "found"
        assert [(one["label"], one["score"], one["decided"]) for one in about["detections"]] == [
            ("jump", 0.9, None), ("run", 0.9, None),
        ]  # fmt: skip
        moved = {"id": "s1", "label": "jump", "start": 0.4, "end": 0.7, "state": "adjusted"}
        origin = {"run": "found", "start": 0.1, "end": 0.5, "score": 0.9}
        answer = page.save(key, 0, segments=[{**moved, "from": origin}])
        assert answer.json["review"]["segments"][0]["from"] == origin
        assert answer.json["video"]["found"] == 1
        assert [one["decided"] for one in page.get(f"/api/videos/{key}").json["detections"]] == ["s1", None]
        page.ask("POST", "/api/classes/rename", {"from": ["jump"], "to": "leap"})
        assert [one["decided"] for one in page.get(f"/api/videos/{key}").json["detections"]] == ["s1", None]
        assert page.get(f"/api/videos/{key}/curves").status == 404
        assert page.get(f"/api/videos/{key}?run=nothing").status == 404


def test_events_tell_what_changed(page: Page) -> None:
    connection = http.client.HTTPConnection(page.host, page.port, timeout=20)
    connection.request("GET", "/api/jobs/events", headers=page.headers)
    stream = connection.getresponse()
    assert stream.headers["content-type"].startswith("text/event-stream")

    def events(name: str) -> Iterator[Any]:
        for line in stream:
            if line.strip() == f"event: {name}".encode():
                yield json.loads(next(stream).removeprefix(b"data: "))

    assert next(events("hello"))["session"]
    key = page.ids()["garage"]
    page.save(key, 0, labels=["a"])
    assert any((told["id"], told["labels"]) == (key, ["a"]) for told in events("video"))
    connection.close()


def test_detections_of_classes_that_the_run_does_not_know_are_classes_too(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("untrim.studio.found.FoundByRun.labels", ("run",))
    write_detections({"garage": [Detection("swim", Segment(0.1, 0.5), 0.9)]}, tmp_path / "found.json")
    with opened(open_project(folder, detections=tmp_path / "found.json")) as page:
        classes = page.get("/api/classes").json["classes"]
        assert [(entry["label"], entry["found"], entry["in_run"]) for entry in classes] == [
            ("run", 0, True), ("swim", 1, False),
        ]  # fmt: skip
