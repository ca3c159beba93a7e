"""Public functions called with what they are not made for: one line, and no file left."""

import inspect
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import untrim
from untrim.prediction.stream import Pace
from untrim.timeline import Detection, Segment
from untrim.video.resampling import FrameSource

NONSENSE = [None, 3, [], {}, object(), "", "x", b"x", ["a"], float("nan")]
FUNCTIONS = [name for name in untrim.__all__ if inspect.isfunction(getattr(untrim, name))]


@pytest.mark.parametrize("value", NONSENSE, ids=lambda value: repr(value)[:8])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_nonsense_is_one_line(name: str, value: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    function: Callable[..., object] = getattr(untrim, name)
    parameters = inspect.signature(function).parameters.values()
    needed = [p for p in parameters if p.default is p.empty]
    given = [value for p in needed if p.kind is not p.KEYWORD_ONLY]
    named = {p.name: value for p in needed if p.kind is p.KEYWORD_ONLY}
    refused: Exception | None = None
    try:
        function(*given, **named)
    except (untrim.UntrimError, TypeError) as error:
        refused = error
    assert refused is None or ("\n" not in str(refused) and not list(tmp_path.iterdir()))


def test_classes_say_what_they_are_made_of(tmp_path: Path) -> None:
    with pytest.raises(untrim.UntrimError, match=r"made of untrim\.Video"):
        untrim.Annotations(["a"])  # type: ignore[list-item]
    found = {"v": [Detection("run", Segment(0, 1), "0.5")]}  # type: ignore[arg-type]
    with pytest.raises(untrim.UntrimError, match=r"a score is the text '0.5'"):
        untrim.write_detections(found, tmp_path / "found.json")
    for wrong in ([1], {"v": 3}, {"v": ["x"]}, "x"):
        with pytest.raises(untrim.UntrimError):
            untrim.write_detections(wrong, tmp_path / "found.json")  # type: ignore[arg-type]
    for wrong in ([1], {"v": 3}):
        with pytest.raises(untrim.UntrimError, match="not annotations"):
            untrim.write_annotations(wrong, tmp_path / "labels.json")  # type: ignore[arg-type]
    with pytest.raises(untrim.UntrimError, match="fps, which is not finite"):
        untrim.Video("v", fps=float("inf"))
    assert not list(tmp_path.iterdir())


LARGE = 10**400
"""A whole number that no float holds: comparing it is no error, computing with it is."""

CALLS: dict[str, Callable[[], object]] = {
    "rate of frames": lambda: FrameSource([], LARGE),
    "rate of a grid": lambda: untrim.SnippetGrid(16, 8, LARGE, 0.32),
    "first snippet": lambda: untrim.SnippetGrid(16, 8, 25, LARGE),
    "rate of a table": lambda: untrim.FrameTable.regular(LARGE, 1.0),
    "rate of a video": lambda: untrim.Video("v", fps=LARGE),
    "rate of other tools": lambda: untrim.read("labels.csv", fps=LARGE),
    "rate of a corpus": lambda: untrim.CorpusSpec(fps=LARGE),
    "window": lambda: Pace(LARGE, 8, 2),
    "settle": lambda: untrim.watch(".", "run", "found.jsonl", settle=LARGE),
    "threshold": lambda: untrim.evaluate_detections({}, untrim.Annotations([]), [0.5, LARGE]),
    "score to count from": lambda: untrim.counting_as_found({}, LARGE),
    "score": lambda: untrim.write_detections({"v": [Detection("run", Segment(0, 1), LARGE)]}, "found.json"),
    "draws": lambda: untrim.bootstrap({"v": []}, TRUTH, 0.5, samples=LARGE),
}
TRUTH = untrim.Annotations([untrim.Video(name, instances=(untrim.Instance("run", Segment(0, 1)),)) for name in "vw"])


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_number_that_no_float_holds_is_one_line(
    call: Callable[[], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(untrim.UntrimError) as refused:
        call()
    assert len(str(refused.value)) < 300
    assert not list(tmp_path.iterdir())


def test_what_a_table_is_measured_on_is_paths_or_texts_in_pairs(tmp_path: Path) -> None:
    data = untrim.TableData("features", ["labels.json"], "segments.json")  # type: ignore[arg-type]
    assert (data.features, data.annotations, data.segments) == (
        (Path("features"),),
        (Path("labels.json"),),
        Path("segments.json"),
    )
    with pytest.raises(untrim.UntrimError, match="2 feature folders and 1 annotation files"):
        untrim.TableData((Path("a"), Path("b")), (Path("c"),))
    with pytest.raises(untrim.UntrimError, match="not a TableData: None"):
        untrim.reproduce("wsbm:table1", None, tmp_path / "out")  # type: ignore[arg-type]
    with pytest.raises(untrim.UntrimError, match="0 seeds"):
        untrim.reproduce("wsbm:table1", data, tmp_path / "out", seeds=0)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("trials", ["3", 0, None])
def test_trials_are_a_whole_number_from_1(
    trials: object, corpus: tuple[untrim.FeatureFolder, untrim.Annotations], tmp_path: Path
) -> None:
    pytest.importorskip("optuna")
    with pytest.raises(untrim.UntrimError, match="trials"):
        untrim.tune("wsad", [corpus], tmp_path / "out", trials=trials)  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


def test_a_script_without_a_main_guard_gets_one_line(tmp_path: Path, write_video: Callable[..., Path]) -> None:
    for name in "ab":
        write_video(tmp_path / f"{name}.mp4", 20)
    (tmp_path / "script.py").write_text("import untrim\nuntrim.extract('.', 'features', workers=2)\n")
    done = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.count("Traceback") == 1  # of the script itself, not of its processes
    assert 'call this under `if __name__ == "__main__":`' in done.stderr.splitlines()[-1]
