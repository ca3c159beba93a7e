from __future__ import annotations

import hashlib
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from untrim.annotations import Annotations
from untrim.errors import Stopped, UntrimError
from untrim.synthetic.choreography import ACTIONS
from untrim.synthetic.corpus import render_corpus, render_frames
from untrim.synthetic.screenplay import COMPANION, CorpusSpec, Script, write_script

SMALL = CorpusSpec(training=2, validation=1, seed=7, width=96, height=72, min_seconds=15, max_seconds=16)


def scripts(spec: CorpusSpec) -> list[Script]:
    return [write_script(spec, index) for index in range(spec.videos)]


@settings(max_examples=15)
@given(
    st.builds(
        CorpusSpec,
        training=st.integers(8, 12),
        validation=st.integers(8, 12),
        seed=st.integers(0, 2**40),
        fps=st.sampled_from([10, 25, 30]),
        min_seconds=st.sampled_from([15, 30]),
        max_seconds=st.sampled_from([30, 70, 300]),
    )
)
def test_every_script_keeps_the_promises(spec: CorpusSpec) -> None:
    seen: dict[str, set[str]] = {"training": set(), "validation": set()}
    for script in scripts(spec):
        video = script.annotation()
        assert video.duration == script.frames / spec.fps
        assert spec.min_seconds <= video.duration <= spec.max_seconds
        seen[script.subset].update(video.labels)
        assert 1 <= len(video.labels) <= 3

        segments = [instance.segment for instance in video.instances]
        assert all(1 <= round(segment.duration, 6) <= 8 for segment in segments)
        edges = [0.0, *(edge for segment in segments for edge in (segment.start, segment.end)), video.duration]
        gaps = np.diff(edges)[::2]
        assert gaps.min() > 1.99
        assert 0.6 <= gaps.sum() / video.duration <= 0.75

        assert [scene.start for scene in script.scenes[1:]] == [scene.stop for scene in script.scenes[:-1]]
        assert script.scenes[0].start == 0
        for scene in script.scenes:
            assert (scene.label is None) == (not scene.spans)
            for span in scene.spans:  # The scenery is there before and after the action.
                assert scene.start + 0.79 * spec.fps <= span.start < span.stop <= scene.stop - 0.79 * spec.fps
    assert seen == {"training": set(ACTIONS), "validation": set(ACTIONS)}


def test_corpus_is_varied() -> None:
    videos = [script.annotation() for script in scripts(CorpusSpec(seed=3))]
    lengths = np.array([i.segment.duration for video in videos for i in video.instances])
    assert (lengths < 2).mean() > 0.1
    assert (lengths > 5).mean() > 0.1
    assert {len(video.labels) for video in videos} == {1, 2, 3}
    counts = [sum(label in video.labels for video in videos) for label in ACTIONS]
    assert min(counts) > 12
    assert np.mean([len(video.instances) for video in videos]) > 3


@pytest.mark.parametrize(("context", "low", "high"), [(0.7, 0.7, 0.8), (0.0, 0.09, 0.16), (1.0, 1.0, 1.0)])
def test_context_accompanies_an_action_without_being_it(context: float, low: float, high: float) -> None:
    corpus = scripts(CorpusSpec(training=200, validation=50, context=context))
    scenes = [scene for script in corpus for scene in script.scenes]
    assert low <= np.mean([scene.scenery == COMPANION[scene.label] for scene in scenes if scene.label]) <= high
    for label, scenery in COMPANION.items():  # Where the scenery is shown, its action is not on most of the time.
        shown = [scene for scene in scenes if scene.scenery == scenery]
        own = sum(len(span) for scene in shown for span in scene.spans if scene.label == label)
        assert 0.02 < own / sum(scene.stop - scene.start for scene in shown) < 0.5


def test_seed_and_index_decide_everything() -> None:
    assert scripts(SMALL) == scripts(SMALL)
    assert scripts(SMALL) != scripts(replace(SMALL, seed=8))
    first, again, other, next_one = (
        np.stack(list(itertools.islice(render_frames(replace(SMALL, seed=seed), index), 6)))
        for seed, index in ((7, 0), (7, 0), (8, 0), (7, 1))
    )
    assert first.shape == (6, 72, 96, 3)
    assert np.array_equal(first, again)
    assert np.abs(first.astype(int) - other).mean() > 5
    assert np.abs(first.astype(int) - next_one).mean() > 5


def test_light_drifts_and_sensor_is_noisy() -> None:
    """Brightness changes within scenes, by steps too, and a still picture never comes twice."""
    spec = CorpusSpec(seed=1, min_seconds=30, max_seconds=30, width=64, height=64)
    spread, steps, grain = [], [], []
    for index in range(2):
        frames = np.stack(list(render_frames(spec, index))).astype(np.float32)
        for scene in write_script(spec, index).scenes:
            shown = frames[scene.start : scene.stop]
            level = shown.mean((1, 2, 3))
            spread.append(np.ptp(level) / level.mean())
            steps.append(np.abs(np.diff(level)).max() / level.mean())
            grain.append(np.abs(shown[1:] - shown[:-1]).mean())
    assert np.median(spread) > 0.05
    assert max(steps) > 0.05 > np.median(steps)
    assert min(grain) > 0.5


def decode(folder: Path) -> dict[str, tuple[int, Fraction, str]]:
    """Frame count, duration in seconds and a digest of the pictures by video."""
    found = {}
    for path in sorted(folder.glob("videos/*.mp4")):
        digest, count = hashlib.sha256(), 0
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            assert (stream.codec_context.name, stream.average_rate) == ("h264", SMALL.fps)
            for count, frame in enumerate(container.decode(stream), 1):
                assert frame.time == pytest.approx((count - 1) / SMALL.fps)
                digest.update(frame.to_ndarray(format="rgb24").tobytes())
            found[path.stem] = (count, Fraction(container.duration or 0, 1_000_000), digest.hexdigest())
    return found


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Annotations]:
    folder = tmp_path_factory.mktemp("corpus")
    return folder, render_corpus(folder, SMALL, workers=1)


def test_files_hold_what_the_annotations_say(corpus: tuple[Path, Annotations]) -> None:
    folder, annotations = corpus
    found = decode(folder)
    assert list(found) == list(annotations) == ["training_000", "training_001", "validation_000"]
    for index, (name, video) in enumerate(annotations.items()):
        script = write_script(SMALL, index)
        assert found[name][:2] == (script.frames, pytest.approx(video.duration))
        assert video == script.annotation()
        assert video.subset == name.partition("_")[0]
        assert video.instances


def test_compression_keeps_the_pictures(corpus: tuple[Path, Annotations]) -> None:
    with av.open(str(corpus[0] / "videos" / "training_001.mp4")) as container:
        decoded = [frame.to_ndarray(format="rgb24") for frame in itertools.islice(container.decode(video=0), 50)]
    drawn = itertools.islice(render_frames(SMALL, 1), 50)
    errors = [np.abs(a.astype(int) - b).mean() for a, b in zip(decoded, drawn, strict=True)]
    assert max(errors) < 12


def test_killed_run_resumes_to_the_same_corpus(corpus: tuple[Path, Annotations], tmp_path: Path) -> None:
    """Two workers, killed with their parent half-way, then a second run: the same as one process in one go."""
    script = (
        "from pathlib import Path; from untrim.synthetic.corpus import CorpusSpec, render_corpus\n"
        f"if __name__ == '__main__': render_corpus(Path({str(tmp_path)!r}), {SMALL!r}, workers=2)"
    )
    (tmp_path / "run.py").write_text(script)
    command = [sys.executable, str(tmp_path / "run.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        while not list(tmp_path.glob("videos/*.mp4")):
            assert process.poll() is None
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate(timeout=30)  # The pipes close when the workers have ended too.
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("videos/*.mp4")}
    assert 1 <= len(before) < SMALL.videos
    annotations = render_corpus(tmp_path, SMALL, workers=1)
    assert dict(annotations) == dict(corpus[1])
    assert decode(tmp_path) == decode(corpus[0])
    render_corpus(str(tmp_path), SMALL, workers=1)  # Nothing left to do, and nothing left over.
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in before.items())
    assert sorted(path.suffix for path in (tmp_path / "videos").iterdir()) == [".mp4"] * SMALL.videos


def test_a_stopped_corpus_keeps_what_is_rendered(corpus: tuple[Path, Annotations], tmp_path: Path) -> None:
    counts: list[int] = []

    def progress(what: str, done: int, total: int, note: str, /) -> None:
        counts.append(done)

    with pytest.raises(Stopped):
        render_corpus(tmp_path, SMALL, workers=1, progress=progress, should_stop=lambda: 1 in counts)
    assert counts == [0, 1]
    assert len(list(tmp_path.glob("videos/*.mp4"))) == 1
    render_corpus(tmp_path, SMALL, workers=1, progress=progress)
    assert counts == [0, 1, 1, 2, 3]
    assert decode(tmp_path) == decode(corpus[0])


def test_folder_of_another_corpus_is_refused(corpus: tuple[Path, Annotations], tmp_path: Path) -> None:
    with pytest.raises(UntrimError, match=r"corpus\.json.*another corpus.*empty folder"):
        render_corpus(corpus[0], replace(SMALL, seed=8))
    (tmp_path / "corpus.json").write_text(json.dumps([1]))
    with pytest.raises(UntrimError, match="should be an object"):
        render_corpus(tmp_path, SMALL)
    (tmp_path / "file").touch()
    with pytest.raises(UntrimError, match="is a file, not a folder"):
        render_corpus(tmp_path / "file", SMALL)
    with pytest.raises(UntrimError, match="0 workers"):
        render_corpus(tmp_path / "new", SMALL, workers=0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"training": 0, "validation": 0},
        {"training": -1},
        {"seed": -1},
        {"width": 161},
        {"height": 32},
        {"fps": 5},
        {"min_seconds": 10},
        {"min_seconds": 80},
        {"max_seconds": float("inf")},
        {"max_seconds": float("nan")},
        {"context": 1.5},
    ],
)
def test_impossible_specifications_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(UntrimError):
        CorpusSpec(**wrong)  # type: ignore[arg-type]
