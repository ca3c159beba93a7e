"""A run that stays ready: what it finds in files, frames and features, alone, in threads, in batches, in a stream."""

import multiprocessing.process
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from untrim.activations import ActivationFolder
from untrim.annotations import Annotations, Video
from untrim.errors import UntrimError
from untrim.features.extract import extract
from untrim.features.store import FeatureFolder
from untrim.pipeline import localize
from untrim.prediction.predictor import Prediction, Predictor, open_run
from untrim.support.array_types import Image
from untrim.timeline import Detection
from untrim.training.loop import train
from untrim.video.decode import VideoFile

SMALL = {"short_side": 48, "stride_frames": 4}
KINDS = ("slow", "fast", "slow", "fast")
NAMES = tuple(f"video{index}" for index in range(4))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, write_video: Callable[..., Path]) -> Path:
    """A folder with videos/, their features/, and a run on them."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "videos").mkdir()
    for index, name in enumerate(NAMES):
        write_video(folder / "videos" / f"{name}.mp4", 45 + 10 * index, seed=3 * (index % 2))
    extract(folder / "videos", folder / "features", settings=SMALL, workers=1)
    labels = Annotations([Video(name, "training", labels=(kind,)) for name, kind in zip(NAMES, KINDS, strict=True)])
    train("wsad", [(folder / "features", labels)], folder / "run", settings={"iterations": 30})
    return folder


@pytest.fixture(scope="module")
def predictor(trained: Path) -> Predictor:
    return open_run(trained / "run")


@pytest.fixture(scope="module")
def wanted(trained: Path) -> dict[str, list[Detection]]:
    """What `untrim localize` finds in each video alone."""
    found = {name: localize(trained / "run", trained / "features", name)[name] for name in NAMES}
    assert all(found.values())
    return found


def file_of(trained: Path, name: str) -> Path:
    return trained / "videos" / f"{name}.mp4"


def frames_of(trained: Path, name: str) -> Iterator[Image]:
    with VideoFile(file_of(trained, name)) as video:
        yield from (frame.image for frame in video.frames(25, SMALL["short_side"], grey=True))


def test_a_file_gives_exactly_what_localize_gives_and_starts_no_process(
    trained: Path, predictor: Predictor, wanted: dict[str, list[Detection]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(*_: object, **__: object) -> None:
        raise AssertionError("a process is started")

    monkeypatch.setattr(multiprocessing.process.BaseProcess, "start", start)
    monkeypatch.setattr(subprocess.Popen, "__init__", start)
    for name in NAMES:
        assert predictor.predict(file_of(trained, name)) == Prediction(wanted[name])
    assert predictor.predict(str(file_of(trained, NAMES[0]))).detections == wanted[NAMES[0]]


def test_features_and_frames_give_the_same(
    trained: Path, predictor: Predictor, wanted: dict[str, list[Detection]]
) -> None:
    folder = FeatureFolder.open(trained / "features")
    folder.info.videos = {}  # Then how long the videos last is not known.
    rows = folder.load(NAMES[2])
    assert predictor.predict(rows).detections == localize(trained / "run", folder, NAMES[2])[NAMES[2]]
    assert predictor.predict(frames_of(trained, NAMES[2]), fps=25).detections == wanted[NAMES[2]]
    array = np.stack(list(frames_of(trained, NAMES[2])))
    assert predictor.predict(array, fps=25).detections == wanted[NAMES[2]]


def test_frames_of_another_rate_and_size_are_brought_to_those_of_the_features(
    trained: Path, predictor: Predictor
) -> None:
    with VideoFile(file_of(trained, NAMES[1])) as video:
        twice = [frame.image for frame in video.frames(50, (192, 144))]
    found = predictor.predict(twice, fps=50, curves=True).curves
    wanted = predictor.predict(file_of(trained, NAMES[1]), curves=True).curves
    assert found is not None
    assert wanted is not None
    np.testing.assert_array_equal(found.centers, wanted.centers)
    np.testing.assert_allclose(found.video_scores, wanted.video_scores, atol=0.2)


def test_curves_are_those_that_localize_writes(trained: Path, predictor: Predictor, tmp_path: Path) -> None:
    localize(trained / "run", trained / "features", NAMES[0], activations=tmp_path)
    written = ActivationFolder(tmp_path).load(NAMES[0], 2)
    found = predictor.predict(file_of(trained, NAMES[0]), curves=True).curves
    assert found is not None
    for key in ("cas", "video_scores", "centers", "logits"):
        np.testing.assert_array_equal(getattr(found, key), getattr(written, key), strict=True)
    assert found.overall.keys() == written.overall.keys()


def test_four_threads_find_what_one_finds(trained: Path, wanted: dict[str, list[Detection]]) -> None:
    predictor, found = open_run(trained / "run"), list[tuple[str, list[Detection]]]()
    begin = threading.Barrier(4)  # The backbone is loaded by whoever is first.

    def work(offset: int) -> None:
        begin.wait()
        for turn in range(2):
            name = NAMES[(turn + offset) % 4]
            found.append((name, predictor.predict(file_of(trained, name)).detections))

    threads = [threading.Thread(target=work, args=(offset,)) for offset in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert all(detections == wanted[name] for name, detections in found)


def test_many_videos_come_in_their_order_with_an_error_in_the_place_of_a_broken_one(
    trained: Path, predictor: Predictor, wanted: dict[str, list[Detection]], tmp_path: Path
) -> None:
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    files = [file_of(trained, NAMES[0]), tmp_path / "broken.mp4", file_of(trained, NAMES[3])]
    for threads in (1, 3):
        first, broken, last = predictor.predict_many(files, threads=threads)
        assert isinstance(broken, UntrimError)
        assert (first, last) == (Prediction(wanted[NAMES[0]]), Prediction(wanted[NAMES[3]]))


def test_a_batch_finds_the_same_within_rounding(trained: Path, predictor: Predictor) -> None:
    folder = FeatureFolder.open(trained / "features")
    rows = [folder.load(name) for name in NAMES]
    alone, together = (list(predictor.predict_many(rows, batch=batch, curves=True)) for batch in (1, 3))
    for one, other in zip(alone, together, strict=True):
        assert isinstance(one, Prediction)
        assert isinstance(other, Prediction)
        assert [d.label for d in one.detections] == [d.label for d in other.detections]
        assert one.curves is not None
        assert other.curves is not None
        np.testing.assert_allclose(one.curves.cas, other.curves.cas, atol=1e-5)


def test_videos_are_asked_for_only_as_they_are_needed(trained: Path, predictor: Predictor) -> None:
    taken = []

    def videos() -> Iterator[Path]:
        for name in NAMES:
            taken.append(name)
            yield file_of(trained, name)

    found = predictor.predict_many(videos())
    assert taken == []
    next(found)
    assert len(taken) == 1


def test_only_some_classes(trained: Path, wanted: dict[str, list[Detection]]) -> None:
    found = open_run(trained / "run", only="slow").predict(file_of(trained, NAMES[0])).detections
    assert found == localize(trained / "run", trained / "features", NAMES[0], only="slow")[NAMES[0]]
    assert {one.label for one in found} == {"slow"}
    with pytest.raises(UntrimError, match="does not know 'slwo'"):
        open_run(trained / "run", only="slwo")


@pytest.mark.parametrize(
    ("video", "fps", "words"),
    [
        ("missing.mp4", None, "no such file"),
        ("missing.mp4", 25, "drop fps"),
        (np.zeros((3, 7), np.float32), None, "wanted float"),
        (np.zeros((3, 1659)), 25, "drop fps"),
        (np.full((3, 1659), np.nan), None, "NaN"),
        (np.zeros((0, 1659)), None, "wanted float"),
        (np.zeros((3, 1659), int), None, "wanted float"),
        ([np.zeros((48, 64, 3), np.uint8)], None, "say fps="),
        ([np.zeros((48, 64, 3), np.uint8)], 0, "positive"),
        ([np.zeros((48, 64, 3))], 25, "frame 0 is float64"),
        ([np.zeros((48, 64, 4), np.uint8)], 25, "wanted RGB"),
        ([np.zeros((48, 64, 3), np.uint8), np.zeros((48, 65, 3), np.uint8)], 25, "one size"),
        (["frame"], 25, "frame 0 is a str"),
        ([], 25, "no frame"),
        (7, None, "not a video: 7"),
        (np.zeros(1659), None, "wanted float"),
        (np.zeros(1659), 25, "drop fps"),
        (np.array(1.0), 25, "drop fps"),
        (np.zeros((1, 1659), object), None, "features are object"),
        (np.full((3, 1659), 1e300), None, "beyond what float32 holds"),
    ],
)
def test_what_is_no_video_is_refused(predictor: Predictor, video: object, fps: float | None, words: str) -> None:
    with pytest.raises(UntrimError, match=words):
        predictor.predict(video, fps=fps)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("videos", "options", "words"),
    [
        ("video.mp4", {}, "not several videos"),
        (Path("video.mp4"), {}, "not several videos"),
        (None, {}, "not several videos"),
        (np.zeros((3, 1659), np.float32), {}, "not several videos"),
        ([], {"batch": 0}, "whole numbers from 1"),
        ([], {"batch": 1.5}, "whole numbers from 1"),
        ([], {"threads": "2"}, "whole numbers from 1"),
    ],
)
def test_what_is_not_several_videos_is_refused(
    predictor: Predictor, videos: object, options: dict[str, int], words: str
) -> None:
    with pytest.raises(UntrimError, match=words):
        predictor.predict_many(videos, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("only", [5, [5], ["slow", None]])
def test_classes_that_are_no_names_are_refused(trained: Path, only: object) -> None:
    with pytest.raises(UntrimError, match="not names of classes"):
        open_run(trained / "run", only=only)  # type: ignore[arg-type]


def test_settings_that_are_no_mapping_are_refused(trained: Path) -> None:
    with pytest.raises(UntrimError, match="settings: not a mapping"):
        open_run(trained / "run", settings=[("flow", "dis")])  # type: ignore[arg-type]


def test_a_device_that_is_no_name_is_refused(trained: Path) -> None:
    with pytest.raises(UntrimError, match="device 'None' cannot be used"):
        open_run(trained / "run", device=None)  # type: ignore[arg-type]


def test_the_rate_may_be_a_number_of_numpy(predictor: Predictor) -> None:
    frames = [np.zeros((48, 64, 3), np.uint8)] * 20
    assert predictor.predict(frames, fps=np.float32(12.5)) == predictor.predict(frames, fps=12.5)  # type: ignore[arg-type]


def test_a_stream_that_is_none_is_refused(predictor: Predictor) -> None:
    with pytest.raises(UntrimError, match="not frames: None"):
        predictor.predict_stream(None, 25)  # type: ignore[arg-type]


def test_a_run_whose_features_cannot_be_extracted_still_takes_features(trained: Path, tmp_path: Path) -> None:
    run = shutil.copytree(trained / "run", tmp_path / "run")
    info = (run / "features.json").read_text().replace('"hoghof"', '"imported"')
    (run / "features.json").write_text(info)
    predictor, folder = open_run(run), FeatureFolder.open(trained / "features")
    assert predictor.predict(folder.load(NAMES[0])).detections
    with pytest.raises(UntrimError, match="cannot be extracted: unknown backbone 'imported'"):
        predictor.predict(file_of(trained, NAMES[0]))
    with pytest.raises(UntrimError, match="batch 0"):
        predictor.predict_many([], batch=0)


def test_a_stream_that_is_seen_whole_gives_what_the_whole_video_gives(
    trained: Path, predictor: Predictor, wanted: dict[str, list[Detection]]
) -> None:
    name = NAMES[3]
    found = list(predictor.predict_stream(frames_of(trained, name), 25, window=100, margin=50))
    assert sorted(found) == sorted(wanted[name])
    assert [one.segment.end for one in found] == sorted(one.segment.end for one in found)


def test_a_stream_gives_detections_while_it_runs(trained: Path, predictor: Predictor) -> None:
    """Each at most margin, step and what a snippet sees after its end."""
    taken, late = 0, list[float]()

    def frames() -> Iterator[Image]:
        nonlocal taken
        for _ in range(3):
            for image in frames_of(trained, NAMES[2]):
                taken += 1
                yield image

    for one in predictor.predict_stream(frames(), 25, window=3, margin=0.6, step=0.2):
        late.append(taken / 25 - one.segment.end)
    assert len(late) > 3
    assert max(late) <= 0.6 + 0.2 + 24 / 25 + 2 / 25
    assert min(late) < 1


@pytest.mark.parametrize(
    "seconds", [{"window": 0.0}, {"margin": -1.0}, {"step": float("nan")}, {"step": "2"}, {"margin": 60.0}]
)
def test_a_pace_that_makes_no_sense_is_refused(predictor: Predictor, seconds: dict[str, object]) -> None:
    with pytest.raises(UntrimError, match=r"positive|do not fit"):
        predictor.predict_stream([], 25, **seconds)


def test_a_file_that_breaks_a_library_is_an_error_of_that_file(
    trained: Path, predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def frames(*_: object, **__: object) -> None:
        raise MemoryError("too\nmuch")

    monkeypatch.setattr(VideoFile, "frames", frames)
    (error,) = predictor.predict_many([file_of(trained, NAMES[0])])
    assert isinstance(error, UntrimError)
    assert "video0.mp4: MemoryError: too much (test_predictor.py, line" in str(error)
