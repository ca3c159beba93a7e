"""``-`` in the place of a file: its content goes to standard output, and all else that is said to standard error."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from helpers import run_untrim
from untrim.annotations import Annotations, Video, write_annotations, write_detections
from untrim.pipeline import Suggestion
from untrim.timeline import Detection, Instance, Segment

FOUND = {"a": [Detection("jump", Segment(0.2, 1.0), 0.9)], "ä": []}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with labels and detections, which is worked in; localizing and suggesting give what is made up."""
    write_detections(FOUND, tmp_path / "found.json")
    jump = Instance("jump", Segment(0, 1))
    write_annotations(Annotations([Video("a", "validation", 2.0, ("jump",), (jump,))]), tmp_path / "labels.json")
    monkeypatch.setattr("untrim.pipeline.localize", lambda *given, **options: FOUND)
    monkeypatch.setattr("untrim.pipeline.localize_videos", lambda *given, **options: (FOUND, {"b": "b is broken"}))
    monkeypatch.setattr("untrim.pipeline.suggest", lambda *given, **options: ({"a": [Suggestion("jump", 0.9)]}, {}))
    monkeypatch.setattr("untrim.prediction.exporting.export_onnx", _export_onnx)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _export_onnx(run: Path, output: Path) -> tuple[str, ...]:
    output.write_bytes(b"a network\n")
    return ("cas",)


CALLS: dict[str, tuple[str, str, int]] = {
    "localize run -f features -o": ("found.json", "1 detection in 2 videos: ", 0),
    "localize run a.mp4 b.mp4 -o": ("found.json", "1 video failed", 1),
    "localize run a.mp4 b.mp4 -f features -o": ("found.json", "features: features, ", 1),
    "onnx run -o": ("model.onnx", "features to cas: ", 0),
    "suggest a.mp4 -o": ("labels.csv", "1 label for 1 video: ", 0),
    "evaluate found.json -a labels.json --ignore-unknown --json": ("evaluation.json", "mAP", 0),
    "diagnose found.json -a labels.json --ignore-unknown -o": ("diagnosis.html", "page: ", 0),
    "diagnose found.json -a labels.json --ignore-unknown --json": ("diagnosis.json", "page: diagnosis.html", 0),
    "convert found.json -o": ("copy.json", "written as", 0),
    "convert found.json --to csv -o": ("copy.csv", "written as", 0),
    "import labels labels.json --layout activitynet -o": ("copy.json", "annotations: ", 0),
}
"""Call -> the file that it writes by name, what it says, its exit code."""


@pytest.mark.parametrize("call", CALLS)
def test_the_file_is_all_that_standard_output_holds(
    call: str, place: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    file, said, code = CALLS[call]
    assert run_untrim(*call.split(), "-") == code
    printed, there = capfdbinary.readouterr(), {path.name for path in place.iterdir()}
    assert said in printed.err.decode()
    assert "/stdout" not in printed.err.decode()
    assert there - {"diagnosis.html"} == {"found.json", "labels.json"}
    assert run_untrim(*call.split(), file) == code
    written = (place / file).read_bytes()
    assert printed.out.replace(b"stdout", Path(file).stem.encode()) == written.replace(b"stdout", b"")
    assert said in b"".join(capfdbinary.readouterr()).decode()


@pytest.mark.parametrize("name", ["-", "/dev/stdout", "/dev/fd/1"])
def test_it_has_several_names(name: str, place: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    before = sorted(os.listdir("/dev"))
    assert run_untrim("convert", "found.json", "--to", "csv", "--bom", "-o", name) == 0
    printed = capfdbinary.readouterr()
    assert printed.out == b"\xef\xbb\xbfvideo,label,start,end,score\na,jump,0.2,1.0,0.9\n"
    assert printed.err.decode().startswith("written as CSV\n")
    assert run_untrim("convert", "found.json", "--to", "elan", "-o", name) == 2
    assert capfdbinary.readouterr().out == b""
    assert (sorted(os.listdir("/dev")), list(place.glob("found.*"))) == (before, [place / "found.json"])


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("diagnose found.json -a labels.json -o - --json -", "two files for standard output"),
        ("report run -d found.json --videos videos -o -", "name a file with -o, or leave --videos out"),
        ("convert found.json --to elan -o -", "standard output: "),
        ("convert found.json --to nonsense -o -", "nonsense"),
        ("localize run a.mp4 -f kept --no-keep -o -", "drop one of them"),
        ("localize run -f kept --no-keep -o -", "--no-keep is for features of video files"),
    ],
)
def test_what_cannot_go_there_is_refused(
    call: str, said: str, place: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert run_untrim(*call.split()) == 2
    printed = capfdbinary.readouterr()
    assert said in printed.err.decode()
    assert printed.out == b""
    assert len(list(place.iterdir())) == 2


def test_a_report_without_videos_goes_there(
    place: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.setattr("untrim.reports.html.write_report", lambda *_, output, **options: output.write_text("a page"))
    assert run_untrim("report", "run", "-d", "found.json", "-o", "-") == 0
    assert capfdbinary.readouterr().out == b"a page"


def test_a_pipe_that_nobody_reads_ends_it_quietly(place: Path) -> None:
    command = [sys.executable, "-m", "untrim", "convert", "found.json", "-o", "-"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        said = process.stderr.read()
    assert (process.returncode, "Traceback" in said, "rror" in said) == (0, False, False)


@pytest.mark.parametrize(
    ("options", "last", "kept"),
    [
        ([], "features: found-features, 0.0 MB; --no-keep leaves none", ["found-features"]),
        (["-f", "kept"], "features: kept, 0.0 MB", ["kept"]),
        (["--no-keep"], None, []),
    ],
)
def test_localize_says_what_features_it_leaves(
    options: list[str],
    last: str | None,
    kept: list[str],
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def localize_videos(run: Path, videos: list[Path], features: Path, **options: object) -> tuple[dict, dict]:
        features.mkdir(exist_ok=True)
        (features / "a.npy").write_bytes(bytes(1000))
        return {"a": []}, {}

    monkeypatch.setattr("untrim.pipeline.localize_videos", localize_videos)
    assert run_untrim("localize", "run", "a.mp4", "-o", "found.json", *options) == 0
    assert [line for line in capsys.readouterr().out.splitlines() if "features" in line] == ([last] if last else [])
    assert [path.name for path in place.iterdir() if path.is_dir()] == kept
    assert json.loads((place / "found.json").read_text())["results"] == {"a": []}
