"""The tools' own readers take what we write of real clips, with labels that are hard to write down.

What does not go with our libraries runs in an environment of its own, whose Python ``UNTRIM_CONSUMERS`` names;
`.ci/run` makes it from ``.ci/consumers.txt``.
"""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import pytest

from untrim import Detection, Detections, Segment, frame_table, write
from untrim.exchange.media import Media

LABELS = ("run", 'a <&> "b"', "日本 語", "jump; 'x'")
Given = tuple[Detections, Media, Path]
Ask = Callable[..., Any]


@pytest.fixture(scope="module")
def given(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Given:
    """Four detections in each of 14 clips, which overlap, and every format of them."""
    media, folder, found = Media(shared_data / "clips"), tmp_path_factory.mktemp("consumers"), {}
    for place, (name, file) in enumerate(media.files.items()):
        end = frame_table(file).end
        found[name] = [
            Detection(
                LABELS[(place + k) % 4], Segment(round(end * k / 8, 4), round(end * (k / 8 + 0.3), 4)), 0.9 - k / 10
            )
            for k in range(4)
        ]
    assert len(found) == 14
    return Detections.of(found), media, folder


@pytest.fixture(scope="module")
def written(given: Given) -> Callable[[str, str], Path]:
    """Writes a format of the detections, once."""
    found, media, folder = given

    def make(name: str, output: str) -> Path:
        if not (folder / output).exists():
            write(found, folder / output, format=name, videos=media.folder)
        return folder / output

    return make


def wanted(given: Given, name: str, *, clock: Callable[[float], float] = float) -> list[tuple[str, Any, Any]]:
    """Label, start and end of a clip's detections, in a player's seconds or as `clock` has them."""
    found, media, _ = given
    late = media.offset(name)
    return sorted((d.label, clock(d.segment.start + late), clock(d.segment.end + late)) for d in found[name])


def milliseconds(seconds: float) -> int:
    return round(1000 * seconds)


def test_pympi_reads_elan(given: Given, written: Callable[[str, str], Path]) -> None:
    elan = pytest.importorskip("pympi.Elan", reason="pympi-ling reads ELAN's files")
    for name in given[0]:
        document = elan.Eaf(str(written("elan", "elan") / f"{name}.eaf"))
        spans = [s for tier in document.get_tier_names() for s in document.get_annotation_data_for_tier(tier)]
        assert sorted((label, start, end) for start, end, label in spans) == wanted(given, name, clock=milliseconds)
        assert Path(document.media_descriptors[0]["MEDIA_URL"].removeprefix("file://")).is_file()


def test_webvtt_py_reads_webvtt(given: Given, written: Callable[[str, str], Path]) -> None:
    webvtt = pytest.importorskip("webvtt", reason="webvtt-py reads WebVTT")
    import html

    for name in given[0]:
        cues = webvtt.read(str(written("webvtt", "vtt") / f"{name}.vtt"))
        found = sorted(
            (html.unescape(cue.raw_text), milliseconds(cue.start_in_seconds), milliseconds(cue.end_in_seconds))
            for cue in cues
        )
        loose = [(label, start // 1000, end // 1000) for label, start, end in wanted(given, name, clock=milliseconds)]
        assert [(label, start // 1000, end // 1000) for label, start, end in found] == loose


def test_srt_reads_srt(given: Given, written: Callable[[str, str], Path]) -> None:
    srt = pytest.importorskip("srt", reason="srt reads SRT")
    for name in given[0]:
        cues = srt.parse((written("srt", "srt") / f"{name}.srt").read_text())
        found = sorted(
            (c.content, milliseconds(c.start.total_seconds()), milliseconds(c.end.total_seconds())) for c in cues
        )
        assert found == wanted(given, name, clock=milliseconds)


@pytest.mark.parametrize(("form", "codec"), [("webvtt", "webvtt"), ("srt", "srt")])
def test_ffmpeg_reads_subtitles(form: str, codec: str, given: Given, written: Callable[[str, str], Path]) -> None:
    ending = "vtt" if form == "webvtt" else "srt"
    for name in given[0]:
        with av.open(str(written(form, ending) / f"{name}.{ending}")) as container:
            (stream,) = container.streams.subtitles
            assert stream.codec_context.name == codec
            packets = [packet for packet in container.demux(stream) if packet.size]
            starts = sorted(int(packet.pts * packet.time_base * 1000 + 0.5) for packet in packets)
        assert starts == sorted(start for _, start, _ in wanted(given, name, clock=milliseconds))


def test_praatio_reads_textgrids(given: Given, written: Callable[[str, str], Path]) -> None:
    praat = pytest.importorskip("praatio.textgrid", reason="praatio reads TextGrids")
    for name in given[0]:
        path = written("textgrid", "textgrid") / f"{name}.textgrid"
        grid = praat.openTextgrid(str(path), includeEmptyIntervals=False, reportingMode="error")
        found = sorted((e.label, round(e.start, 4), round(e.end, 4)) for tier in grid.tiers for e in tier.entries)
        assert found == wanted(given, name, clock=lambda seconds: round(seconds, 4))


def test_opentimelineio_reads_timelines_and_its_adapter_edls(given: Given, written: Callable[[str, str], Path]) -> None:
    otio = pytest.importorskip("opentimelineio", reason="untrim[otio]")
    labels = [d.label for own in given[0].values() for d in sorted(own, key=lambda d: d.segment)]
    timeline = otio.adapters.read_from_file(str(written("otio", "reel.otio")))
    clips = list(timeline.find_clips())
    assert [clip.name for clip in clips] == labels
    assert {clip.metadata["untrim"]["video"] for clip in clips} == set(given[0])
    for clip in clips:
        segment = next(
            d.segment for d in given[0][clip.metadata["untrim"]["video"]] if d.label == clip.metadata["untrim"]["label"]
        )
        late = given[1].offset(clip.metadata["untrim"]["video"])
        begins, rate = clip.source_range.start_time.to_seconds(), clip.source_range.start_time.rate
        assert begins == pytest.approx(segment.start + late, abs=0.51 / rate)
        assert clip.media_reference.available_range.end_time_inclusive() >= clip.source_range.end_time_inclusive()
    if "cmx_3600" not in otio.adapters.available_adapter_names():
        pytest.skip("otio-cmx3600-adapter reads EDLs")
    edl = otio.adapters.read_from_file(str(written("edl", "reel.edl")), rate=25)
    assert len(list(edl.find_clips())) == len(labels)


@pytest.fixture(scope="module")
def consumer() -> Ask:
    """Runs one of `consumers.py` on some files; gives what it found in each."""
    python = os.environ.get("UNTRIM_CONSUMERS")
    if python is None:
        pytest.skip("UNTRIM_CONSUMERS names no Python with label-studio-sdk, datumaro, crowsetta and boris-behav-obs")

    def ask(name: str, *paths: Path) -> Any:
        script = Path(__file__).with_name("consumers.py")
        command = [python, str(script), name, *map(str, paths)]
        own = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=own)
        assert done.returncode == 0, done.stderr[-2000:]
        return json.loads(done.stdout.splitlines()[-1])

    return ask


def test_label_studio_takes_predictions(written: Callable[[str, str], Path], consumer: Ask) -> None:
    (found,) = consumer("label_studio", written("label-studio", "tasks.json"))
    assert found["results"] == 56
    assert found["right"] == [True] * 15  # 14 tasks, and a wrong one that is refused.


def test_datumaro_reads_cvat(given: Given, written: Callable[[str, str], Path], consumer: Ask) -> None:
    files = [written("cvat", "cvat") / f"{name}.xml" for name in given[0]]
    for name, found in zip(given[0], consumer("cvat", *files), strict=True):
        measured = given[1].measured(name)
        assert measured is not None
        width, height = measured.size
        for detection in given[0][name]:
            frames = measured.table.frames_of(detection.segment)
            keys = [(frames.start, False), (frames.stop, True)][: 2 if frames.stop < len(measured.table) else 1]
            wanted_keys = sorted(([key, gone, [0.0, 0.0, width, height]] for key, gone in keys), key=str)
            assert found[detection.label] == wanted_keys


def test_boris_opens_the_project(given: Given, written: Callable[[str, str], Path], consumer: Ask) -> None:
    project = written("boris", "project.boris")
    for observation in json.loads(project.read_text(encoding="utf-8"))["observations"].values():
        assert observation["close_behaviors_between_videos"] is False  # BORIS asks for it when it opens the player.
    (found,) = consumer("boris", project)
    assert (found["changed"], found["told"]) == (False, "")
    for name, events in found["events"].items():
        times = [(label, time) for label, *ends in wanted(given, name, clock=milliseconds) for time in ends]
        assert sorted((code, milliseconds(time)) for time, code in events) == sorted(times)


def test_crowsetta_reads_audacity_labels(given: Given, written: Callable[[str, str], Path], consumer: Ask) -> None:
    files = [written("audacity", "audacity") / f"{name}.txt" for name in given[0]]
    for name, rows in zip(given[0], consumer("audacity", *files), strict=True):
        times = sorted((label, round(start, 5), round(end, 5)) for label, start, end in rows)
        assert times == wanted(given, name, clock=lambda seconds: round(seconds, 5))
