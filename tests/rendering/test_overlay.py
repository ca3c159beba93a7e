import json
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from footage import TICK_EVERY, film_numbered, heard_ticks, number_on, shown_numbers
from helpers import new_folder, run_untrim
from untrim.annotations import Annotations, Video, write_annotations
from untrim.errors import Stopped, UntrimError
from untrim.rendering.lanes import Lane, lanes_of
from untrim.rendering.overlay import make_overlays
from untrim.rendering.panel import Panel, clock
from untrim.rendering.text import put_text, shortened, text_width
from untrim.support.array_types import Image
from untrim.timeline import Detection, Segment
from untrim.video.decode import VideoFile

STEADY = [k / 25 for k in range(75)]
NTSC = [k * 1001 / 30000 for k in range(75)]
VARYING = [0.04 * k + 0.0004 * k * k for k in range(75)]
JUMP = Detection("jump", Segment(1.0, 2.0), 0.9)


def frames(path: Path) -> list[Image]:
    with VideoFile(path) as video:
        return [frame.image for frame in video.frames()]


def number_if_clear(image: Image) -> int:
    with suppress(AssertionError):
        return number_on(image[:64])
    return -1


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("steady.mp4", {"seconds": STEADY}),
        ("ntsc.mkv", {"seconds": NTSC}),
        ("varying.mp4", {"seconds": VARYING}),
        ("late.mp4", {"seconds": STEADY, "late": 0.52}),
        ("divx.avi", {"seconds": STEADY, "codec": "mpeg4", "sound": None}),
        ("turned.mp4", {"seconds": STEADY, "turn": 1}),
    ],
)
def test_an_overlay_has_every_frame_at_its_time_and_the_sound(tmp_path: Path, name: str, settings: dict) -> None:
    film = film_numbered(tmp_path / name, **settings)
    with VideoFile(film) as video:
        times = [frame.seconds for frame in video.frames(size=8)]
    beyond = Detection("jump", Segment(2.0, 99.0), 0.9)
    made = make_overlays({film.stem: [beyond]}, film, tmp_path / "out").films[film.stem]
    assert made == tmp_path / "out" / f"{film.stem}-overlay.mp4"
    numbers, seconds, _ = shown_numbers(made, number_if_clear)
    first = next(k for k, moment in enumerate(times) if moment >= 2.0)  # From there a label covers the number.
    assert (len(numbers), numbers[:first]) == (75, list(range(first)))
    assert seconds == pytest.approx(times, abs=2e-5)
    if settings.get("sound", "aac"):
        assert heard_ticks(made) == pytest.approx(times[::TICK_EVERY], abs=0.006)


def test_labels_are_on_the_picture_while_the_class_is_found(tmp_path: Path) -> None:
    film = film_numbered(tmp_path / "film.mp4", STEADY, sound=None)
    before = frames(film)
    after = frames(make_overlays({"film": [JUMP]}, film, tmp_path / "out").films["film"])
    assert after[0].shape[0] > 64
    changed = [bool(np.abs(a[:64].astype(int) - b).mean() > 6) for a, b in zip(after, before, strict=True)]
    assert changed == [1.0 <= moment < 2.0 for moment in STEADY]
    moving = [not np.array_equal(a[64:], b[64:]) for a, b in zip(after[::10], after[10::10], strict=False)]
    assert all(moving)


def lane(label: str = "jump", *found: Detection, heights: list[float] | None = None) -> Lane:
    values = np.array(heights or [])
    return Lane(label, (200, 40, 0), found or (JUMP,), np.linspace(0, 3, len(values)), values)


def test_a_bar_is_where_its_detection_is() -> None:
    panel = Panel((600, 300), [lane()], 3.0)
    drawn = panel.draw(0.0).astype(int)
    red = (drawn[:, :, 0] - drawn[:, :, 2] > 60).mean(axis=0) > 0.2
    places = np.flatnonzero(red[40:]) + 40
    x = [panel._x(moment, 0.0) for moment in (1.0, 2.0)]
    assert places[[0, -1]].tolist() == pytest.approx(x, abs=1.5)


def test_the_timeline_moves_once_the_video_is_longer_than_its_window() -> None:
    panel = Panel((600, 300), [lane()], 300.0)
    drawn = [panel.draw(now)[:, panel._gutter :].astype(int) for now in (0, 200)]
    red = [int((image[:, :, 0] - image[:, :, 2] > 60).sum()) for image in drawn]
    assert red[0] > 50
    assert red[1] == 0


def test_a_curve_is_higher_where_its_values_are() -> None:
    rise = [0.0] * 10 + [1.0] * 10
    flat = Panel((600, 300), [lane("jump", Detection("jump", Segment(0, 3), 0.1))], 3.0).draw(3.0)
    drawn = Panel((600, 300), [lane("jump", Detection("jump", Segment(0, 3), 0.1), heights=rise)], 3.0).draw(3.0)
    changed = np.abs(drawn.astype(int) - flat).sum(axis=2) > 60
    tops = [int(np.flatnonzero(column)[0]) for column in (changed[:, 250], changed[:, 520])]
    assert tops[0] > tops[1] + 3


def test_curves_share_a_scale_and_rows_come_in_the_order_of_time() -> None:
    seconds = np.arange(4.0)
    curves = {
        "a": (seconds, np.array([0.0, 0, 0, 1])),
        "b": (seconds, np.array([0.0, 0, 0, 2])),
        "c": (seconds, seconds),
    }
    found = [Detection("b", Segment(0, 1), 0.2), Detection("a", Segment(1, 2), 0.9), Detection("b", Segment(2, 3), 0.4)]
    rows = lanes_of(found, {"a": "#0072b2", "b": "#d55e00"}, curves)
    assert [(row.label, row.color, len(row.found)) for row in rows] == [("b", (213, 94, 0), 2), ("a", (0, 114, 178), 1)]
    assert [row.heights.tolist() for row in rows] == [[0, 0, 0, 1], [0, 0, 0, 0.5]]
    assert lanes_of(found, {"a": "#0072b2", "b": "#d55e00"}, {})[0].heights.size == 0


def test_many_classes_and_long_names_stay_in_the_picture(tmp_path: Path) -> None:
    film = film_numbered(tmp_path / "film.mp4", STEADY[:12], sound=None)
    found = [Detection(f"класс {k} 中 " + "x" * 300, Segment(0, 9), 0.5 + k / 100) for k in range(40)]
    made = make_overlays({"film": found}, film, tmp_path / "out").films["film"]
    assert frames(made)[0].shape[1] == 80


def test_text_is_cut_where_there_is_no_room() -> None:
    canvas = np.zeros((20, 50, 3), np.uint8)
    for x, top in [(-30, -8), (40, 14), (500, 0), (0, 500), (-900, 0)]:
        put_text(canvas, "jump", x, top, 14, (255, 255, 255))
    assert canvas[:5, :10].any()
    assert canvas[16:, 42:].any()
    assert not canvas[8:12].any()
    assert shortened("jump", 500, 14) == "jump"
    short = shortened("a long label of a class", 80, 14)
    assert short.endswith("…")
    assert text_width(short, 14) <= 80
    assert shortened("jump", 1, 14) == ""
    assert [clock(65.96, 1), clock(59.99, 1), clock(5)] == ["1:06.0", "1:00.0", "0:05"]


def test_what_is_there_is_kept_and_what_has_changed_is_made_again(tmp_path: Path) -> None:
    for name in "ab":
        film_numbered(tmp_path / f"{name}.mp4", STEADY[:20], sound=None)
    detections = {"a": [JUMP], "b": [JUMP]}
    asked = 0

    def should_stop() -> bool:
        nonlocal asked
        asked += 1
        return asked > 30

    with pytest.raises(Stopped):
        make_overlays(detections, tmp_path, tmp_path / "out", should_stop=should_stop)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a-overlay.mp4"]
    steps = []
    first = make_overlays(detections, tmp_path / "a.mp4", tmp_path / "out", progress=lambda *step: steps.append(step))
    assert (first.made, steps) == (0, [])
    assert first.notes[0].startswith("1 video of 2 not found: b")
    videos = [tmp_path / f"{name}.mp4" for name in "ab"]
    assert make_overlays(detections, videos, tmp_path / "out").made == 1
    before = (tmp_path / "out" / "a-overlay.mp4").read_bytes()
    (tmp_path / "out" / "a-overlay.mp4").write_bytes(before[:1000])
    assert make_overlays(detections, videos, tmp_path / "out").made == 1
    assert (tmp_path / "out" / "a-overlay.mp4").read_bytes() == before
    detections["b"] = [Detection("jump", Segment(1.0, 2.0), 0.91)]
    assert make_overlays(detections, videos, tmp_path / "out").made == 1


def test_a_run_that_was_killed_is_completed_by_the_next(tmp_path: Path) -> None:
    lengths = {"a": 10, "b": 300}
    for name, length in lengths.items():
        film_numbered(tmp_path / f"{name}.mp4", [k / 25 for k in range(length)], sound=None)
    results = {name: [{"label": "jump", "score": 0.9, "segment": [0.1, 0.3]}] for name in lengths}
    (tmp_path / "found.json").write_text(json.dumps({"results": results}))
    out = tmp_path / "out"
    call = ["overlay", str(tmp_path / "found.json"), "--videos", str(tmp_path), "-o", str(out)]
    first = out / "a-overlay.mp4"
    with subprocess.Popen([sys.executable, "-m", "untrim", *call], stderr=subprocess.DEVNULL) as running:
        while running.poll() is None and not (first.exists() and list(out.glob(".*.tmp"))):
            time.sleep(0.002)
        running.kill()
    assert running.returncode == -signal.SIGKILL  # While the second film was being written.
    assert list(out.glob(".*.tmp"))
    assert [path.name for path in out.glob("*.mp4")] == [first.name]
    made = (first.stat().st_ino, first.stat().st_mtime_ns)
    assert run_untrim(*call) == 0
    assert sorted(path.name for path in out.iterdir()) == [f"{name}-overlay.mp4" for name in lengths]
    for name, length in lengths.items():
        assert len(frames(out / f"{name}-overlay.mp4")) == length
    assert (first.stat().st_ino, first.stat().st_mtime_ns) == made  # It was whole, and is kept.


def test_progress_is_told_by_the_second(tmp_path: Path) -> None:
    film = film_numbered(tmp_path / "film.mp4", STEADY, sound=None)
    steps: list[tuple[object, ...]] = []
    make_overlays({"film": [JUMP]}, film, tmp_path / "out", progress=lambda *step: steps.append(step))
    assert steps == [("overlay film", done, 3, "") for done in range(4)]


def test_a_playhead_stays_in_sight_where_the_file_is_longer_than_it_says() -> None:
    drawn = Panel((600, 300), [lane()], 1.0).draw(200.0)
    assert (drawn[10, -60:] > 200).all(axis=1).any()


def test_what_is_wrong_is_one_line(tmp_path: Path) -> None:
    film = film_numbered(tmp_path / "film.mp4", STEADY[:5], sound=None)
    with pytest.raises(UntrimError, match="no detection scores 2 or more"):
        make_overlays({"film": [JUMP]}, film, tmp_path / "out", min_score=2)
    with pytest.raises(UntrimError, match="activations need the run"):
        make_overlays({"film": [JUMP]}, film, tmp_path / "out", activations=tmp_path)
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    with pytest.raises(UntrimError, match="is not a readable video"):
        make_overlays({"bad": [JUMP]}, tmp_path / "bad.mp4", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_command_draws_the_curves_of_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    features, videos = new_folder(tmp_path / "features", rgb=24), []
    for index in range(8):
        features.save(f"v{index}", rng.normal(size=(5, 24)))
        videos.append(Video(f"v{index}", "training", 3.2, (("jump", "run")[index % 2],)))
    write_annotations(Annotations(videos), tmp_path / "labels.json")
    trained = "train -m wsad -f features -a labels.json -o run --set iterations=2 --set hidden=8"
    assert run_untrim(*trained.split()) == 0
    assert run_untrim(*["localize", "run", "-f", "features", "-o", "found.json", "--save-activations"]) == 0
    results = {"v0": [{"label": "jump", "score": 0.9, "segment": [0.5, 1.5]}]}
    (tmp_path / "found.json").write_text(json.dumps({"results": results}))
    film_numbered(tmp_path / "v0.mp4", STEADY, sound=None)
    call = "overlay found.json --videos v0.mp4 -o"
    assert run_untrim(*f"{call} plain".split()) == 0
    assert "no curves: they need --run, and `untrim localize --save-activations`" in capsys.readouterr().err
    assert run_untrim(*f"{call} curved --run run".split()) == 0
    printed = capsys.readouterr()
    assert "no curves" not in printed.err
    assert printed.out == "1 video: curved\n"
    plain, curved = (frames(tmp_path / folder / "v0-overlay.mp4")[40][64:] for folder in ("plain", "curved"))
    assert (np.abs(plain.astype(int) - curved).sum(axis=2) > 100).sum() > 20
    assert run_untrim(*f"{call} curved --run run".split()) == 0
    assert capsys.readouterr().out == "1 video, 1 of them already present: curved\n"
