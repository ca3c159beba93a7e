"""The page on formats and the files that are really written name the same fields."""

import json
import re
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import yaml

from helpers import new_folder, run_untrim
from untrim import (
    Annotations,
    CorpusSpec,
    Detection,
    Instance,
    Point,
    Segment,
    UntrimError,
    Video,
    render_corpus,
    watch,
    write_annotations,
)
from untrim.annotations.reviews import Review, ShownDetection
from untrim.features.store import VideoInfo
from untrim.studio.ledger import Ledger
from untrim.studio.project import ClassList, KnownClass, open_project

PAGE = (Path(__file__).parents[1] / "docs" / "formats.md").read_text()
FILES = {
    "Annotations, JSON": "annotations.json",
    "Detections, JSON": "detections.json",
    "`found.jsonl`": "found.jsonl",
    "`found-failures.jsonl`": "found-failures.jsonl",
    "`reviews/<video>.json`": "studio/reviews/clip.json",
    "`reviews/history.jsonl`": "studio/reviews/all-lines.json",
    "`untrim-project.json`": "studio/untrim-project.json",
    "`features.json`": "features/features.json",
    "`failures.jsonl`": "extracted/failures.jsonl",
    "`trained_on.json`": "run/trained_on.json",
    "`config.yaml`": "run/config.yaml",
    "`labels.json`": "run/labels.json",
    "`metrics.jsonl`": "run/metrics.jsonl",
    "`environment.json`": "run/environment.json",
    "`outcome.json`": "run/outcome.json",
    "`selection.json`": "run/selection.json",
    "Evaluation": "evaluation.json",
    "Diagnosis": "diagnosis.json",
    "Doctor": "doctor.json",
    "Methods": "methods.json",
    "Weights": "weights.json",
    "`corpus.json`": "corpus/corpus.json",
    "`study.db` and `best.yaml`": "study/best.yaml",
    "Results of `reproduce`": "tables/project-methods/WSBM/0.json",
}
"""Heading on the page -> what the fixture writes."""


SCHEMAS = {
    "Detections, JSON": "annotations/detections",
    "`found.jsonl`": "watching/found",
    "Evaluation": "evaluation/evaluation",
    "Diagnosis": "evaluation/diagnosis",
    "Doctor": "doctor/findings",
    "Methods": "methods/methods",
    "Weights": "training/weights",
}
"""Heading -> schema in the package."""


PRINTED = {
    "doctor.json": "doctor -f features -a annotations.json",
    "methods.json": "methods wsbm",
    "weights.json": "weights list --search archery",
}
"""Name -> the command that prints it."""


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with every file of the page, written by the commands that write them."""
    folder, rng = tmp_path_factory.mktemp("formats"), np.random.default_rng(0)
    features, videos = new_folder(folder / "features", rgb=24), []
    for index in range(16):
        label, trained = ("jump", "run")[index % 2], index < 12
        array = rng.normal(0, 0.3, (40, 24))
        array[10:18, 12 * (index % 2) :][:, :12] += 1
        features.save(f"v{index:02d}", array)
        instances = () if trained else (Instance(label, features.info.grid().segment(10, 18)),)
        rejected = (Instance("jump", Segment(1, 2)),)
        known = {"ambiguous": (Segment(0, 1),), "fps": 25.0, "rejected": rejected} if index == 15 else {}
        subset = "training" if trained else "validation"
        videos.append(Video(f"v{index:02d}", subset, 25.6, (label,), instances, **known))
    array = rng.normal(0, 0.3, (40, 24))
    features.save("v16", array)
    videos.append(Video("v16", "training", 25.6, exhaustive=True))
    videos[0] = Video("v00", "training", 25.6, ("jump",), points=(Point("jump", 8.0),))
    features.info.recipe["short_side"] = 120
    features.info.videos["v15"] = VideoInfo(fps=30, duration=25.6, source="v15.mp4", source_bytes=1, notes=["a note"])
    about = {"offset_seconds": 0.5, "source_changed_ns": 1, "source_blake2b": "0" * 32}
    features.info.videos["v15"] = features.info.videos["v15"].model_copy(update=about)
    features.save_info()
    write_annotations(Annotations(videos), folder / "annotations.json")
    render_corpus(folder / "corpus", CorpusSpec(1, 0, width=64, height=64, fps=10, min_seconds=15, max_seconds=15))
    (folder / "videos").mkdir()
    (folder / "videos" / "broken.mp4").write_bytes(b"no video")
    assert run_untrim("extract", folder / "videos", "-o", folder / "extracted") == 1
    given = ("-f", folder / "features", "-a", folder / "annotations.json")
    short = ("--set", "iterations=40", "--set", "hidden=8")

    def run(verb: str, *arguments: object) -> None:
        assert run_untrim(verb, *arguments) == 0, verb

    run("train", "-m", "wsbm", *given, "-o", folder / "run", *short, "--select", "weak")
    run("localize", folder / "run", *given, "-o", folder / "detections.json")
    more = ("--intervals", "--measures", "recall", "--against", folder / "detections.json")
    found = (folder / "detections.json", "-a", folder / "annotations.json")
    run("evaluate", *found, *more, "--json", folder / "evaluation.json")
    run("diagnose", *found, "-o", folder / "diagnosis.html", "--json", folder / "diagnosis.json")
    run("tune", "-m", "wsbm", *given, "-o", folder / "study", *short, "--trials", "1")
    row = ("--row", "WSBM", "--seeds", "1", "--jobs", "1")
    run("reproduce", "project:methods", *given, "-o", folder / "tables", *short, *row)
    watch_a_folder(folder)
    write_a_project(folder / "studio", folder / "corpus" / "videos", folder / "run", folder / "detections.json")
    return folder


def watch_a_folder(folder: Path) -> None:
    """Lines of a watch over a video that is done and one that fails; what a run would say of them is made up."""

    def predict(path: Path) -> list[Detection]:
        if path.stem == "broken":
            raise UntrimError("is not a readable video", where=path)
        return [Detection("jump", Segment(0, 1), 0.5)]

    (folder / "videos" / "good.mp4").write_bytes(b"a video")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("untrim.watching.open_predictor", lambda run, **options: predict)
        watch(folder / "videos", folder / "run", folder / "found.jsonl", settle=0, once=True)


def write_a_project(folder: Path, videos: Path, run: Path, detections: Path) -> None:
    """A project of the studio with a review that has everything, and its whole history in one file."""
    folder.mkdir()
    project = open_project(folder, videos=videos, run=run, detections=detections)

    def keep(classes: ClassList) -> None:
        project.content.classes = classes
        project.save()

    ledger = Ledger(
        project.reviews, ClassList(), keep, lambda name, _: Review(video=name, duration=2.0, began_with="0" * 16)
    )
    found = {"run": "run", "start": 0.5, "end": 1.0, "score": 2.0}
    segment = {"id": "s1", "label": "jump", "start": 0.5, "end": 1.25, "state": "adjusted", "from": found}
    shown = [ShownDetection(label="jump", **found)]
    ledger.save("clip", {"segments": [segment], "points": [{"label": "run", "time": 1.5}]}, 0, shown)
    classes = ClassList(classes=(KnownClass(label="leap"),), renamed={"run": {"jump": "leap"}})
    operation = ledger.change({"clip": {"labels": ["leap"], "segments": []}}, "leap", classes)
    for _ in ("undone", "done again"):
        assert operation is not None
        operation, _ = ledger.undo(operation)
    lines = [json.loads(line) for line in (project.reviews / "history.jsonl").read_text().splitlines()]
    everything = {key: value for line in lines for key, value in line.items()}
    (project.reviews / "all-lines.json").write_text(json.dumps(everything))
    ledger.save("clip", {"segments": [segment], "exhaustive": ["jump"]}, 4)


@pytest.fixture
def read(written: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[[str], object]:
    """What a written file holds: of a JSON file a line, the first line; of what is printed, that."""

    def parse(name: str) -> object:
        if name in PRINTED:
            capfd.readouterr()
            monkeypatch.chdir(written)
            assert run_untrim(*PRINTED[name].split(), "--json") == 0
            return json.loads(capfd.readouterr().out)
        text = (written / name).read_text()
        return (
            yaml.safe_load(text)
            if name.endswith(".yaml")
            else json.loads(text.splitlines()[0] if "jsonl" in name else text)
        )

    return parse


def section(heading: str) -> str:
    return re.split(r"^#+ ", PAGE.partition(f"\n### {heading}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]


def fields(heading: str) -> list[str]:
    """The fields that a section's table lists."""
    cells = re.findall(r"^\| (`.*?`) \| ", section(heading), re.MULTILINE)
    return [field for cell in cells for field in re.findall(r"`([^`]+)`", cell)]


def paths(value: object, prefix: str = "") -> Iterator[str]:
    """Where the values of a JSON object lie: ``a.b`` in objects, ``a[].b`` in each object of a list."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from paths(inner, f"{prefix}.{key}" if prefix else key)
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for inner in value:
            yield from paths(inner, f"{prefix}[]")
    else:
        yield prefix


def matches(field: str, path: str) -> bool:
    """Whether a field of the page means what lies at a path; a last ``*`` stands for all that lies below."""
    pattern = re.escape(field).replace(r"\*", "[^.]+")
    return re.fullmatch(pattern + (".*" if field.endswith(".*") else ""), path) is not None


@pytest.mark.parametrize("heading", FILES)
def test_the_page_lists_the_fields_of_a_file(heading: str, read: Callable[[str], object]) -> None:
    listed, found = fields(heading), set(paths(read(FILES[heading])))
    assert [path for path in sorted(found) if not any(matches(field, path) for field in listed)] == []
    assert [field for field in listed if not any(matches(field, path) for path in found)] == []


@pytest.mark.parametrize("heading", FILES)
def test_an_example_has_only_fields_that_are_listed(heading: str, read: Callable[[str], object]) -> None:
    blocks = re.findall(r"^```(json|yaml) title=.*\n([\s\S]*?)^```$", section(heading), re.MULTILINE)
    assert len(blocks) == (heading not in ("Diagnosis", "Results of `reproduce`"))
    for _, text in blocks:
        content = yaml.safe_load(text)  # JSON is YAML
        assert content.get("schema", 1) == 1
        assert [path for path in paths(content) if not any(matches(field, path) for field in fields(heading))] == []


@pytest.mark.parametrize("heading", FILES)
def test_a_file_has_a_schema_number(heading: str, read: Callable[[str], object]) -> None:
    content = read(FILES[heading])
    assert isinstance(content, dict)
    wanted = (2,) if heading == "Diagnosis" else (1, "untrim-1")
    assert "metrics" in heading or content.get("schema", content.get("version")) in wanted


@pytest.mark.parametrize("heading", SCHEMAS)
def test_the_schema_in_the_package_takes_what_is_written_and_nothing_else(
    heading: str, read: Callable[[str], object]
) -> None:
    schema = json.loads((files("untrim") / f"{SCHEMAS[heading]}.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    check = jsonschema.Draft202012Validator(schema)
    content = json.loads(json.dumps(read(FILES[heading])))
    assert not list(check.iter_errors(content))
    damaged = list(damages(content, schema))
    assert len(damaged) > 6
    assert [what for what, other in damaged if check.is_valid(other)] == []


def damages(content: object, schema: dict) -> Iterator[tuple[str, object]]:
    """The content with one required field left out, or a required one of another type."""
    if schema.get("type") == "object":
        assert isinstance(content, dict)
        for key in schema.get("required", ()):
            yield f"no {key}", {other: value for other, value in content.items() if other != key}
            yield f"{key} of another type", {**content, key: [[]] if isinstance(content[key], dict) else {"x": [[]]}}
        for key, value in content.items():
            inner = schema.get("properties", {}).get(key, schema.get("additionalProperties"))
            if isinstance(inner, dict):
                yield from ((f"{key}: {what}", {**content, key: other}) for what, other in damages(value, inner))
    elif schema.get("type") == "array" and isinstance(schema.get("items"), dict) and content:
        assert isinstance(content, list)
        for what, other in damages(content[0], schema["items"]):
            yield what, [other, *content[1:]]


def test_the_page_lists_the_files_of_a_run(written: Path) -> None:
    table = PAGE.partition("\n## Run folder\n")[2].partition("\n### ")[0]
    listed = set(re.findall(r"`([^`]+)`", " ".join(re.findall(r"^\| (`.*?`) \| ", table, re.MULTILINE))))
    files = {file.relative_to(written / "run").as_posix() for file in (written / "run").rglob("*") if file.is_file()}
    steps = {re.sub(r"checkpoints/\d+", "checkpoints/<step>", file) for file in files}
    assert steps == listed - {"tensorboard/"}


def test_the_page_lists_the_arrays_of_activations(written: Path) -> None:
    table = PAGE.partition("\n## `<name>-activations/<video>.npz`\n")[2].partition("\n## ")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \| (\(.*?\)) \|", table, re.MULTILINE))
    with np.load(written / "detections-activations" / "v12.npz") as arrays:
        shapes = {key: arrays[key].shape for key in arrays.files}
    letters = {"()": (), "(T,)": (40,), "(C,)": (2,), "(T, C)": (40, 2)}
    assert shapes.keys() <= rows.keys()
    assert {"attention", "background"} >= rows.keys() - shapes.keys()
    assert shapes == {key: letters[rows[key]] for key in shapes}


@pytest.mark.parametrize("name", ["annotations", "detections"])
def test_the_page_shows_the_columns_of_a_csv_file(name: str, written: Path, tmp_path: Path) -> None:
    from untrim import read_annotations, read_detections, write_detections

    target = tmp_path / f"{name}.csv"
    if name == "annotations":
        write_annotations(read_annotations(written / "annotations.json"), target)
    else:
        write_detections(read_detections(written / "detections.json"), target)
    shown = re.findall(rf'^```csv title="{name}.csv"\n(.*)$', PAGE, re.MULTILINE)
    assert shown == [target.read_text().splitlines()[0]]
