"""What the command line says of a wrong call, and that its advice can be followed."""

import ast
import inspect
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_type_hints

import pytest
import typer.main

import untrim
from helpers import run_untrim
from untrim.annotations import Annotations, write_annotations, write_detections
from untrim.cli.app import PATH_OPTIONS, app
from untrim.features.store import FeatureFolder
from untrim.support.paths import similar
from untrim.timeline import Detection, Segment

SOURCES = Path(untrim.__file__).parent


def verbs(group: Any = None, before: str = "") -> Iterator[tuple[str, Any]]:
    """All verbs, as ``import features``, with their commands."""
    for name, command in (group or typer.main.get_command(app)).commands.items():
        if hasattr(command, "commands"):
            yield from verbs(command, f"{name} ")
        else:
            yield before + name, command


VERBS = dict(verbs())


def options(verb: str) -> set[str]:
    return {option for parameter in VERBS[verb].params for option in (*parameter.opts, *parameter.secondary_opts)}


ADVICE = {
    "training/loop.py": {"--no-rehearsal": ["train"]},
    "training/checkpoint.py": {"-o": ["train"], "--resume": ["train"]},
    "training/resuming.py": {"-o": ["train"], "--resume": ["train"]},
    "training/study.py": {"-o": ["tune"]},
    "training/tuning.py": {"-o": ["tune"]},
    "training/parallel.py": {"--set": ["train"]},
    "video/limits.py": {"--set": ["extract"]},
    "features/backbones/i3d_engines.py": {"--set": ["extract", "localize", "weights quantize"]},
    "features/backbones/i3d.py": {"--set": ["extract", "localize", "weights quantize"]},
    "features/backbones/hf.py": {"--backbone": ["extract"]},
    "features/extract.py": {"-o": ["extract"]},
    "features/lasting.py": {"--stride-frames": ["import features"], "--fps": ["import features"]},
    "features/store.py": {
        "-f": ["train", "tune", "localize", "doctor", "reproduce"],
        "-a": ["train", "tune", "localize"],
    },
    "annotations/__init__.py": {"-a": ["train", "evaluate", "diagnose", "report"], "-f": ["train", "tune", "localize"]},
    "annotations/activitynet.py": {"-a": ["evaluate", "diagnose", "report"]},
    "evaluation/comparison.py": {"--ignore-unknown": ["evaluate", "diagnose"]},
    "data/holdout.py": {"--select": ["train"]},
    "support/ray_workers.py": {"--gpus": ["extract"]},
    "support/settings.py": {"--set": ["extract", "train", "localize", "tune", "reproduce", "weights quantize"]},
    "support/kinds.py": {"-o": ["train", "extract", "tune", "combine", "import features", "reproduce", "demo"]},
    "reports/html.py": {"--subset": ["report"]},
    "prediction/recipe.py": {"--resume": ["train"]},
    "exchange/converting.py": {"--to": ["convert"], "--from": ["convert"], "-o": ["convert"]},
    "exchange/cvat.py": {"--videos": ["convert"]},
    "exchange/formats.py": {"--to": ["convert"], "--from": ["convert"]},
    "exchange/media.py": {"--map": ["convert"], "--videos": ["convert"], "--fps": ["convert"]},
    "rendering/selection.py": {"--min-score": ["clips", "overlay"]},
    "reproduction/figures.py": {"--video": ["reproduce"]},
    "reproduction/published/__init__.py": {"--list": ["reproduce"]},
    "reproduction/runner.py": {"--segments": ["reproduce"], "--second-corpus": ["reproduce"]},
    "studio/server.py": {"--port": ["studio"], "--host": ["studio"]},
    "training/ready_runs.py": {"-o": ["weights pull"]},
    "training/starting.py": {"--select": ["train"], "--from": ["train"]},
    "cli/app.py": {"-a": ["train", "tune", "reproduce"], "-f": ["train", "tune", "reproduce"]},
    "cli/judge.py": {"-o": ["report"], "--videos": ["report"]},
    "cli/watch.py": {"--ledger": ["watch"]},
    "cli/learn.py": {"--engine": ["extract"], "--device": ["extract"], "-f": ["localize"]},
}
"""File -> option that its advice names -> verbs in which that advice is given, or which it names."""


def advice() -> Iterator[tuple[str, str]]:
    """File and text of each ``fix=`` in the sources, f-strings without their values."""
    for file in sorted(SOURCES.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.keyword) and node.arg == "fix":
                texts = [part.value for part in ast.walk(node.value) if isinstance(part, ast.Constant)]
                yield file.relative_to(SOURCES).as_posix(), " ".join(text for text in texts if isinstance(text, str))


def test_advice_names_only_options_that_its_verbs_have() -> None:
    for file, text in advice():
        for option in re.findall(r"(?<![\w-])--?[a-z][a-z-]*", text):
            assert option in ADVICE.get(file, {}), f"{file} advises {option!r}: list the verbs that say so in ADVICE"
            for verb in ADVICE[file][option]:
                assert option in options(verb), f"{file}: {verb} has no {option}"
        for named in re.findall(r"`untrim ([a-z]+)", text):
            assert any(verb.split()[0] == named for verb in VERBS), f"{file}: there is no verb {named}"


@pytest.mark.parametrize("verb", VERBS)
def test_every_option_that_takes_a_path_refuses_an_empty_one(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    hints = get_type_hints(inspect.unwrap(VERBS[verb].callback))
    for parameter in VERBS[verb].params:
        if "Path" in str(hints.get(parameter.name)) and parameter.param_type_name == "option":
            assert set(parameter.opts) <= PATH_OPTIONS
            assert run_untrim(*verb.split(), parameter.opts[-1], "") == 2
            assert f"untrim: {parameter.opts[-1]}: a path or name is empty" in capsys.readouterr().err
    assert run_untrim(*verb.split(), "") == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_wrong_choice_names_the_choices_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_untrim("train", "-f", "x", "-a", "y", "-o", "z", "--select", "best") == 2
    assert "untrim: Invalid value for '--select': 'best' is not one of 'last', 'weak'" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["extract", "import features", "weights pull", "train"])
def test_a_wrong_call_points_to_the_verbs_own_help(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_untrim(*verb.split(), "--nonsense") == 2
    assert f"(see untrim {verb} --help)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("asked", "there"),
    [
        ("clip", "clip.mp4"),
        ("clip.MP4", "clip.mp4"),
        ("CLIP.mp4", "clip.mp4"),
        ("clip.avi", "clip.mp4"),
        ("clpi.mp4", "clip.mp4"),
        (unicodedata.normalize("NFD", "büro.mp4"), "büro.mp4"),
    ],
)
def test_what_is_not_there_is_looked_for_under_near_names(tmp_path: Path, asked: str, there: str) -> None:
    (tmp_path / there).touch()
    assert similar(tmp_path / asked) == f"did you mean '{tmp_path / there}'?"
    assert similar(tmp_path / "quite different") is None
    assert similar(tmp_path / "nowhere" / asked) is None
    with pytest.raises(untrim.UntrimError, match="did you mean"):
        untrim.extract(tmp_path / asked, tmp_path / "out")


def test_what_is_given_in_the_wrong_place_is_called_what_it_is(
    tmp_path: Path, corpus: tuple[FeatureFolder, Annotations], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, annotations = corpus
    labels, found, run = tmp_path / "labels.json", tmp_path / "found.json", tmp_path / "run"
    write_annotations(annotations, labels)
    write_detections({"video12": [Detection("run", Segment(1, 2), 1.0)]}, found)
    untrim.train("wtalc", [(folder, annotations)], run, settings={"iterations": 0})

    def said(*words: object) -> str:
        capsys.readouterr()
        assert run_untrim(*words) == 2
        return capsys.readouterr().err

    out = tmp_path / "out"
    train = ("train", "-m", "wtalc", "-o", out)
    assert "is a file, not a feature folder (-f takes" in said(*train, "-f", labels, "-a", labels)
    assert "is a feature folder, not annotations (-f takes it" in said(*train, "-f", folder.path, "-a", folder.path)
    assert "is a run, not annotations" in said("evaluate", found, "-a", run)
    assert "is a run, not a feature folder" in said(*train, "-f", run, "-a", labels)
    assert "holds detections, no annotations" in said("evaluate", found, "-a", found)
    assert "holds annotations, not detections" in said("evaluate", labels, "-a", labels)
    assert "is not a run folder" in said("localize", folder.path, "-f", folder.path, "-o", tmp_path / "x.json")
    assert not out.exists()


def test_diagnose_can_do_what_it_advises(
    tmp_path: Path, corpus: tuple[FeatureFolder, Annotations], capsys: pytest.CaptureFixture[str]
) -> None:
    write_annotations(corpus[1], tmp_path / "labels.json")
    found = {"video12": [Detection("run", Segment(1, 2), 1.0)], "stranger": [Detection("run", Segment(1, 2), 1.0)]}
    write_detections(found, tmp_path / "found.json")
    call = ("diagnose", tmp_path / "found.json", "-a", tmp_path / "labels.json", "-o", tmp_path / "page.html")
    assert run_untrim(*call) == 2
    assert "--ignore-unknown" in capsys.readouterr().err
    assert run_untrim(*call, "--ignore-unknown") == 0


@pytest.mark.parametrize("iou", ["nan", "inf", "0.1:0.7:1e-9", "0.1:nan:0.1", "1e400", "-1", "", "0.5,nan"])
def test_absurd_thresholds(
    tmp_path: Path, corpus: tuple[FeatureFolder, Annotations], capsys: pytest.CaptureFixture[str], iou: str
) -> None:
    write_annotations(corpus[1], tmp_path / "labels.json")
    write_detections({"video12": [Detection("run", Segment(1, 2), 1.0)]}, tmp_path / "found.json")
    assert run_untrim("evaluate", tmp_path / "found.json", "-a", tmp_path / "labels.json", "--iou", iou) == 2
    assert capsys.readouterr().err.startswith(f"untrim: --iou {iou}: not thresholds above 0 and up to 1")


@pytest.mark.parametrize(
    "option", ["--fps=1e300", "--fps=inf", "--stride-frames=99999999999999999999", "--center-frames=1e308"]
)
def test_absurd_timing_of_features(
    tmp_path: Path, corpus: tuple[FeatureFolder, Annotations], capsys: pytest.CaptureFixture[str], option: str
) -> None:
    out = tmp_path / "out"
    assert run_untrim("import", "features", corpus[0].path, "-o", out, "--layout", "opentad", option) == 2
    assert capsys.readouterr().err.count("\n") >= 1
    assert not out.exists()
