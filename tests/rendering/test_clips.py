import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from footage import TICK_EVERY, film_numbered, heard_ticks, number_on, numbered, shown_numbers
from helpers import run_untrim
from untrim.errors import Stopped, UntrimError
from untrim.rendering.clip import clips_of
from untrim.rendering.clips import make_clips
from untrim.support.array_types import Image
from untrim.timeline import Detection, Segment
from untrim.video.decode import VideoFile

STEADY = [k / 25 for k in range(100)]
NTSC = [k * 1001 / 30000 for k in range(100)]
VARYING = [0.04 * k + 0.0004 * k * k for k in range(100)]


def found(*spans: tuple[float, float], label: str = "jump", score: float = 0.9) -> list[Detection]:
    return [Detection(label, Segment(*span), score) for span in spans]


def on_screen(times: Sequence[float], span: Segment) -> list[int]:
    """The frames that a person sees from the start to the end of a span."""
    until = [*times[1:], times[-1] + 1]
    return [
        k
        for k, (a, b) in enumerate(zip(times, until, strict=True))
        if (a < span.end - 1e-6 or a <= span.start + 1e-6) and b > span.start + 1e-6
    ]


SPANS = [(0.5, 1.5), (1.0, 1.0), (1.21, 2.8), (2.0, 2.04), (0.0, 0.3)]
FILMS = {
    "steady.mp4": {"seconds": STEADY},
    "ntsc.mp4": {"seconds": NTSC},
    "ntsc.mkv": {"seconds": NTSC},
    "varying.mp4": {"seconds": VARYING},
    "varying.mkv": {"seconds": VARYING, "sound": "libopus"},
    "late.mp4": {"seconds": STEADY, "late": 0.52},
    "late.ts": {"seconds": STEADY, "late": 0.52},
    "sound-late.mp4": {"seconds": STEADY, "sound_late": 1.01},
    "divx.avi": {"seconds": STEADY, "codec": "mpeg4", "sound": "mp3"},
    "silent.mp4": {"seconds": STEADY, "sound": None},
}
FIRST_HEARD = {"sound-late.mp4": 30}


@pytest.mark.parametrize("name", FILMS)
def test_a_clip_holds_the_frames_and_the_sound_of_its_stretch(tmp_path: Path, name: str) -> None:
    film = film_numbered(tmp_path / name, **FILMS[name])
    with VideoFile(film) as video:
        times = [frame.seconds for frame in video.frames(size=8)]
        in_source = [] if name == "silent.mp4" else [tick - video.offset for tick in heard_ticks(film)]
    if in_source and name != "divx.avi":  # AVI does not tell the delay of its sound.
        assert in_source == pytest.approx(times[FIRST_HEARD.get(name, 0) :: TICK_EVERY], abs=0.006)
    report = make_clips({film.stem: found(*SPANS)}, film, tmp_path / "clips")
    assert (report.made, report.failed, len(report.clips)) == (len(SPANS), {}, len(SPANS))
    for clip in report.clips:
        expected = on_screen(times, clip.found.segment)
        numbers, seconds, end = shown_numbers(clip.path)
        assert numbers == expected
        assert seconds == pytest.approx([times[k] - times[expected[0]] for k in expected], abs=2e-5)
        following = times[expected[-1] + 1] if expected[-1] + 1 < len(times) else times[-1] + 0.04
        assert end == pytest.approx(following - times[expected[0]], abs=2e-4)
        if FILMS[name].get("sound", "aac") is None:
            with av.open(clip.path) as container:
                assert not container.streams.audio
            continue
        begin = times[expected[0]]
        ticks = [tick - begin for tick in in_source if begin < tick < begin + end - 0.02]
        assert [tick for tick in heard_ticks(clip.path) if 0.002 < tick < end - 0.02] == pytest.approx(ticks, abs=0.006)


@pytest.mark.parametrize("turn", [1, 2, 3])
def test_a_clip_is_turned_as_players_turn_the_video(tmp_path: Path, turn: int) -> None:
    film = film_numbered(tmp_path / "film.mp4", STEADY[:30], sound=None, turn=turn)
    for fast in (False, True):
        report = make_clips({"film": found((0.5, 0.9))}, film, tmp_path / f"clips-{fast}", fast=fast)
        assert shown_numbers(report.clips[0].path)[0][:10] == list(range(12, 22))
        with VideoFile(report.clips[0].path) as video:
            assert (video.info.width, video.info.height) == (80, 64)
            assert video.info.rotation == (90 * turn if fast else 0)


@pytest.mark.parametrize("name", ["steady.mp4", "ntsc.mkv", "varying.mp4", "late.mp4"])
def test_a_copied_clip_begins_at_the_key_frame_before_and_says_by_how_much(tmp_path: Path, name: str) -> None:
    film = film_numbered(tmp_path / name, **FILMS[name])
    with VideoFile(film) as video:
        times = [frame.seconds for frame in video.frames(size=8)]
    report = make_clips({film.stem: found((0.5, 1.5), (1.21, 2.8))}, film, tmp_path / "clips", fast=True)
    for clip in report.clips:
        expected = on_screen(times, clip.found.segment)
        key = expected[0] // 12 * 12
        numbers, seconds, _ = shown_numbers(clip.path)
        assert numbers[: expected[-1] - key + 1] == list(range(key, expected[-1] + 1))
        assert len(numbers) <= expected[-1] - key + 4  # B frames need what comes after them.
        assert clip.copied
        assert clip.early == pytest.approx(clip.found.segment.start - times[key], abs=2e-3)
        ticks = [times[k] - times[key] for k in numbers if k % TICK_EVERY == 0]
        heard = [tick for tick in heard_ticks(clip.path) if tick > 0.0 or ticks[:1] == [0.0]]
        assert heard[: len(ticks) - 1] == pytest.approx(ticks[: len(ticks) - 1], abs=0.006)
        assert seconds == pytest.approx([times[k] - times[key] for k in numbers], abs=2e-3)


def test_what_cannot_be_copied_is_encoded_and_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    film_numbered(tmp_path / "a.avi", STEADY[:40], codec="mpeg4", sound=None)
    film_numbered(tmp_path / "b.mp4", STEADY[:40], sound=None)
    results = {name: [{"label": "jump", "score": 0.9, "segment": [0.6, 1.2]}] for name in "ab"}
    (tmp_path / "found.json").write_text(json.dumps({"results": results}))
    call = ["clips", tmp_path / "found.json", "--videos", tmp_path, "-o", tmp_path / "clips", "--fast"]
    assert run_untrim(*call) == 0
    printed = capsys.readouterr()
    assert "1 video is encoded: only H.264" in printed.err
    assert "copied clips begin 0.1 s earlier than what was found, on average; 0.1 s at most" in printed.out
    assert "2 clips: " in printed.out
    assert run_untrim(*call) == 0
    assert "2 clips, 2 of them already present: " in capsys.readouterr().out


def test_what_is_there_is_kept_and_what_has_changed_is_made_again(tmp_path: Path) -> None:
    film = film_numbered(tmp_path / "film.mp4", STEADY[:50], sound=None)
    detections = {"film": found((0.2, 0.6), (1.0, 1.4))}
    first = make_clips(detections, film, tmp_path / "clips")
    states = {clip.path: (clip.path.read_bytes(), clip.path.stat().st_mtime_ns) for clip in first.clips}
    again = make_clips(detections, film, tmp_path / "clips")
    assert again.made == 0
    spans = [[(clip.held.start, clip.held.end) for clip in report.clips if clip.held] for report in (first, again)]
    assert spans[0] == [pytest.approx(span, abs=1e-3) for span in spans[1]] != []
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in states} == states
    first.clips[0].path.write_bytes(b"half of a file")
    assert make_clips(detections, film, tmp_path / "clips").made == 1
    assert first.clips[0].path.read_bytes() == states[first.clips[0].path][0]  # The same bytes.
    os.utime(film)
    assert make_clips(detections, film, tmp_path / "clips").made == 2
    assert make_clips(detections, film, tmp_path / "clips", fast=True).made == 2


def test_a_run_that_was_stopped_is_completed_by_the_next(tmp_path: Path) -> None:
    film = film_numbered(tmp_path / "film.mp4", STEADY, sound=None)
    detections = {"film": found((0.0, 0.4), (1.0, 1.6), (2.0, 2.6))}
    frames = 0

    def should_stop() -> bool:
        nonlocal frames
        frames += 1
        return frames > 18

    with pytest.raises(Stopped):
        make_clips(detections, film, tmp_path / "clips", should_stop=should_stop)
    assert [path.suffix for path in (tmp_path / "clips").iterdir()] == [".mp4"]
    steps: list[tuple[str, int, int]] = []
    report = make_clips(
        detections, film, tmp_path / "clips", progress=lambda what, done, total, _: steps.append((what, done, total))
    )
    assert report.made == 2
    assert steps[:3] == [("clips", 1, 3), ("clips", 2, 3), ("clips", 3, 3)]
    assert steps[-1] == ("contact sheet", 3, 3)


def test_a_run_that_was_killed_is_completed_by_the_next(tmp_path: Path) -> None:
    film = film_numbered(tmp_path / "film.mp4", STEADY, sound=None)
    spans = [(0.1 * k, 0.1 * k + 0.6) for k in range(30)]
    results = {"film": [{"label": "jump", "score": 0.9, "segment": span} for span in spans]}
    (tmp_path / "found.json").write_text(json.dumps({"results": results}))
    call = ["clips", str(tmp_path / "found.json"), "--videos", str(film), "-o", str(tmp_path / "clips")]
    running = subprocess.Popen([sys.executable, "-m", "untrim", *call], stderr=subprocess.DEVNULL)
    while not list((tmp_path / "clips").glob("*.mp4")) and running.poll() is None:
        time.sleep(0.01)
    running.send_signal(signal.SIGKILL)
    running.wait()
    for clip in (tmp_path / "clips").glob("*.mp4"):
        assert shown_numbers(clip)[0]  # Whole, or not there.
    assert run_untrim(*call) == 0
    names = {path.suffix for path in (tmp_path / "clips").iterdir()}
    assert (len(list((tmp_path / "clips").glob("*.mp4"))), names) == (30, {".mp4", ".html"})


@given(
    st.lists(
        st.tuples(st.text(min_size=1).filter(str.strip), st.text(min_size=1).filter(str.strip)), min_size=1, max_size=6
    )
)
def test_names_of_files_are_plain_and_differ(pairs: list[tuple[str, str]]) -> None:
    detections: dict[str, list[Detection]] = {}
    for video, label in pairs:
        detections.setdefault(video, []).append(Detection(label, Segment(1, 2), 0.5))
    names = [clip.path.name for clip in clips_of(detections, Path("out"))]
    assert len({name.casefold() for name in names}) == len(pairs)
    for name in names:
        assert re.fullmatch(r"\w[\w.-]*-0001\.00-0002\.00-0\.500(-\d+)?\.mp4", name)
        assert len(name.encode()) <= 255


def test_labels_on_the_contact_sheet_are_text(tmp_path: Path) -> None:
    film = film_numbered(tmp_path / "film.mp4", STEADY[:40], sound=None)
    evil = "<script>alert(1)</script>/../x"
    report = make_clips({"film": found((0.1, 0.5), label=evil)}, film, tmp_path / "clips")
    page = report.sheet.read_text()
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;/../x" in page
    assert not re.search(r'(src|href)="(?!data:image/jpeg|#class-|film-_?script)', page)
    assert page.count('src="data:image/jpeg') == 3
    assert {path.parent for path in (tmp_path / "clips").rglob("*.mp4")} == {tmp_path / "clips"}


def keep(shown: list[Image], image: Image) -> str:
    shown.append(image)
    return ""


def test_a_contact_sheet_shows_the_frames_of_the_clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    film = film_numbered(tmp_path / "film.mp4", STEADY, sound=None)
    for fast in (False, True):
        shown: list[Image] = []
        monkeypatch.setattr("untrim.rendering.contact_sheet.data_uri", partial(keep, shown))
        monkeypatch.setattr("untrim.rendering.contact_sheet._HEIGHT", 64)
        make_clips({"film": found((1.0, 3.0))}, film, tmp_path / f"clips-{fast}", fast=fast)
        assert [number_on(image) for image in shown] == [27, 50, 73]


def test_what_is_wrong_is_one_line(tmp_path: Path) -> None:
    film = film_numbered(tmp_path / "film.mp4", STEADY[:25], sound=None)
    out = tmp_path / "clips"
    with pytest.raises(UntrimError, match=r"no detection scores 0\.95 or more: the best scores 0\.9"):
        make_clips({"film": found((0, 1))}, film, out, min_score=0.95)
    with pytest.raises(UntrimError, match=r"nothing is found of 'jmp' .did you mean 'jump'\?"):
        make_clips({"film": found((0, 1))}, film, out, labels=["jmp"])
    with pytest.raises(UntrimError, match=r"1 video of 1 not found: 'Film\.MP4' is there as 'film'"):
        make_clips({"Film.MP4": found((0, 1))}, film, out)
    with pytest.raises(UntrimError, match=r"ends before 0:07\.00, where jump was found"):
        make_clips({"film": found((7, 8))}, film, out)
    assert not out.exists()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.yaml").touch()
    with pytest.raises(UntrimError, match="holds a run of `untrim train`, no place for clips"):
        make_clips({"film": found((0, 1))}, film, tmp_path / "run")


def test_a_video_that_fails_does_not_keep_the_others_from_theirs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    film_numbered(tmp_path / "good.mp4", STEADY[:25], sound=None)
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    results = {name: [{"label": "jump", "score": 0.9, "segment": [0, 0.5]}] for name in ("bad", "good", "gone")}
    (tmp_path / "found.json").write_text(json.dumps({"results": results}))
    assert run_untrim("clips", tmp_path / "found.json", "--videos", tmp_path, "-o", tmp_path / "clips") == 1
    printed = capsys.readouterr()
    assert "1 clip: " in printed.out
    assert "1 video of 3 not found: gone" in printed.err
    assert "bad.mp4: is not a readable video" in printed.err
    assert "1 video failed" in printed.err


def test_colours_stay_what_they_are(tmp_path: Path) -> None:
    film = film_numbered(tmp_path / "film.mp4", STEADY[:25], sound=None)
    report = make_clips({"film": found((0.2, 0.6))}, film, tmp_path / "clips")
    with VideoFile(report.clips[0].path) as video:
        image = next(video.frames()).image
    assert np.abs(image.astype(int) - numbered(5)).mean() < 4
