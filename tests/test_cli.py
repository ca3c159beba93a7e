import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import typer

import untrim
from helpers import run_untrim
from untrim.annotations import Annotations, read_detections, write_annotations
from untrim.cli import app
from untrim.features.store import FeatureFolder
from untrim.features.writing import WritingReport

VERBS = typer.main.get_command(app).commands  # type: ignore[attr-defined]

NOTHING = WritingReport((), (), {})

Corpus = tuple[FeatureFolder, Annotations]


@pytest.fixture
def labels(corpus: Corpus, tmp_path: Path) -> Path:
    path = tmp_path / "annotations.json"
    write_annotations(corpus[1], path)
    return path


def test_train_localize_evaluate(
    corpus: Corpus, labels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, found, result = tmp_path / "run", tmp_path / "found.json", tmp_path / "evaluation.json"
    data = ("-f", corpus[0].path, "-a", labels)
    assert run_untrim("train", "-m", "wsad", *data, "-o", run, "--set", "iterations=300") == 0
    assert run_untrim("localize", run, *data, "-o", found) == 0
    assert run_untrim("evaluate", found, "-a", labels, "--json", result) == 0
    assert read_detections(found).keys() == corpus[1].subset("validation").keys()
    assert (found.parent / f"{found.stem}-activations" / "video12.npz").exists()
    measured = json.loads(result.read_text())
    assert measured["mAP"][0] > 0.8
    assert f"{100 * measured['mAP'][4]:.1f}" in capsys.readouterr().out


def test_training_says_first_what_looks_wrong_in_the_labels(
    corpus: Corpus, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = ["video;label;who", *(f"video{index:02d};{('Run', 'run', 'run|jump')[index % 3]};x" for index in range(6))]
    rows += [f"video0{index};{label};x" for index in (4, 5) for label in ("Sit", "Stand")]
    (tmp_path / "labels.csv").write_text("\n".join(rows))
    arguments = ("-f", corpus[0].path, "-a", tmp_path / "labels.csv", "-o", tmp_path / "run", "--set", "iterations=1")
    assert run_untrim("train", "-m", "wsad", *arguments) == 0
    printed = capsys.readouterr()
    warnings = [
        "warning: labels that differ in spelling alone: Run = run",
        "warning: label 'run|jump' holds the labels run and jump; write one row for each",
        "warning: 'Sit', 'Stand': in the same 2 training videos and no other, so labels do not tell one from another; "
        "mark moments (points) of each, or add videos with one of them alone",
    ]
    said = [line for line in printed.err.splitlines() if "labels.csv" in line or "warning" in line]
    assert said == [
        f"{tmp_path / 'labels.csv'}: cells are separated by semicolons",
        f"{tmp_path / 'labels.csv'}: columns that are not used: who",
        *warnings,
    ]
    assert set(warnings) <= {*printed.out.splitlines()}
    assert json.loads((tmp_path / "run" / "outcome.json").read_text())["warnings"][:3] == [
        warning.removeprefix("warning: ") for warning in warnings
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["trian"], "No such command 'trian'"),
        (["train", "-m", "wsad"], "Missing option"),
        (["train", "-m", "wsad", "-f", "F", "-a", "none.json", "-o", "O"], "none.json: no such file"),
        (["train", "-m", "wsad", "-f", "none", "-a", "A", "-o", "O"], "none: has no features.json"),
        (["train", "-m", "wsad", "-f", "F", "-a", "A", "-a", "A", "-o", "O"], "give one -a for each -f"),
        (["train", "-m", "wsad", "-f", "F", "-a", "A", "-o", "O", "--set", "kapa=1"], "did you mean 'kappa'?"),
        (["train", "-m", "wsad", "-f", "F", "-a", "empty.json", "-o", "O"], "holds no videos"),
        (["train", "-m", "wsad", "-f", "F", "-a", "A", "-o", "A/run"], "cannot be written"),
        (["localize", "none", "-f", "F", "-o", "O.json"], "is not a run folder"),
        (["evaluate", "none.json", "-a", "A"], "none.json: no such file"),
        (["evaluate", "D.json", "-a", "A", "--subset", "test"], "no video in subset 'test'"),
        (["evaluate", "D.json", "-a", "A", "--iou", "0:2:0.1"], "--iou 0:2:0.1"),
        (["evaluate", "D.json", "-a", "A"], "no class in common: detections of fly, ground truth of jump, run, throw"),
        (["extract", "none.mp4", "-o", "O"], "none.mp4: no such file or folder"),
        (["extract", "A", "-o", "O", "--backbone", "hogof"], "hoghof"),
        (
            ["extract", "A", "-o", "O", "--backbone", "hoghof", "--device", "cuda"],
            "backbone 'hoghof' has no device to choose (drop --device)",
        ),
        (["extract", "A", "-o", "O", "--backbone", "i3d", "--device", "cpu", "--set", "device=cpu"], "one of the two"),
        (["localize", "none", "-f", "F", "-o", "O.json", "--workers", "2"], "--workers extract features of video"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_input_is_one_line_and_exit_code_2(
    corpus: Corpus, labels: Path, arguments: list[str], message: str,
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    Path("F").symlink_to(corpus[0].path)
    Path("A").symlink_to(labels)
    Path("empty.json").write_text('{"database": {}}')
    fly = {"label": "fly", "score": 1, "segment": [0, 1]}
    Path("D.json").write_text(json.dumps({"results": {"video12": [fly]}}))
    renamed = ["annotations.json" if argument == "A" else argument for argument in arguments]
    assert run_untrim(*renamed) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.startswith("untrim: ")
    assert error.count("\n") == 1
    assert not Path("O").exists()


def test_features_of_a_video_that_went_bad(
    corpus: Corpus, labels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = ("-f", corpus[0].path, "-a", labels)
    run = tmp_path / "run"
    assert run_untrim("train", "-m", "wsad", *data, "-o", run, "--set", "iterations=1") == 0
    np.save(corpus[0].file("video13"), np.full((5, 48), np.inf))
    assert run_untrim("localize", run, *data, "-o", tmp_path / "found.json") == 2
    assert "video13.npy: NaN or infinity in 5 of 5 snippets" in capsys.readouterr().err
    assert not (tmp_path / "found.json").exists()


def test_device_is_the_setting_of_the_backbone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[object] = []
    monkeypatch.setattr("untrim.features.extract.extract", lambda *call, **hooks: given.append(call) or NOTHING)
    assert run_untrim("extract", "A", "-o", tmp_path, "--backbone", "i3d", "--device", "cpu", "--set", "batch=2") == 0
    assert given == [([Path("A")], tmp_path, "i3d", {"batch": 2, "device": "cpu"}, None, None)]


def test_no_traceback_on_a_closed_pipe() -> None:
    command = f"{sys.executable} -m untrim --help | true"
    found = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert "Traceback" not in found.stderr


def test_help_shows_the_verbs_in_the_order_of_the_work(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_untrim("--help") == 0
    lines = [line.strip("│╭─╮ ") for line in capsys.readouterr().out.splitlines()]
    known = ("Start", "The way", "Look closer", "Hand over", "Research", *VERBS)
    shown = [line.split("  ")[0] for line in lines if line.split("  ")[0] in known]
    assert shown == [
        "Start", "demo", "studio",
        "The way", "extract", "suggest", "train", "localize", "watch", "evaluate", "report",
        "Look closer", "diagnose", "doctor", "methods",
        "Hand over", "convert", "clips", "overlay", "onnx",
        "Research", "reproduce", "tune", "combine", "import", "weights",
    ]  # fmt: skip
    assert not any("--show-completion" in line for line in lines)


def test_every_verb_has_its_place_in_the_help() -> None:
    assert all(command.rich_help_panel for command in VERBS.values())


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_untrim("--version") == 0
    assert capsys.readouterr().out == f"untrim {untrim.__version__}\n"


def test_the_shell_completes_verbs() -> None:
    asked = {"_UNTRIM_COMPLETE": "complete_bash", "COMP_WORDS": "untrim lo", "COMP_CWORD": "1"}
    command = [sys.executable, "-m", "untrim"]
    found = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **asked}, check=True)
    assert found.stdout.split() == ["localize"]
    shown = subprocess.run([*command, "--show-completion", "bash"], capture_output=True, text=True, check=True)
    assert "_UNTRIM_COMPLETE=complete_bash" in shown.stdout


def test_evaluate_and_diagnose_detections_from_anywhere(
    labels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    truth = json.loads(labels.read_text())["database"]
    rows = [
        f"{name},{a['label']},{a['segment'][0]},{a['segment'][1] + late},0.5"
        for late in (0.0, 3.0)
        for name, video in truth.items()
        for a in video["annotations"]
        if "segment" in a
    ]
    right, late, result = tmp_path / "right.csv", tmp_path / "late.csv", tmp_path / "result.json"
    for path, own in ((right, rows[:6]), (late, rows[6:])):
        path.write_text("\n".join(["video,label,start,end,score", *own]))
    more = ("--intervals", "--measures", "recall,segmental", "--against", late, "--json", result)
    assert run_untrim("evaluate", right, "-a", labels, *more) == 0
    measured = json.loads(result.read_text())
    assert measured["mAP"] == [1.0] * 7
    assert {"intervals", "measures", "against"} < measured.keys()
    figures = tmp_path / "figures.json"
    more = ("-o", tmp_path / "page.html", "--json", figures)
    capsys.readouterr()
    assert run_untrim("diagnose", late, "-a", labels, "--iou", 0.7, *more) == 0
    sentences = capsys.readouterr().out.splitlines()[:-1]
    assert any("near misses are too few" in sentence for sentence in sentences)
    assert json.loads(figures.read_text())["findings"] == sentences
    assert (tmp_path / "page.html").read_text().startswith("<!doctype html>")
    assert run_untrim("evaluate", "--protocol", "list") == 0
    assert "thumos14-213" in capsys.readouterr().out
