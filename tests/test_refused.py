"""What is refused changes nothing: for each verb, all that lies in its folders is the same before and after."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from helpers import new_folder, run_untrim
from untrim.annotations import Annotations, Video, write_annotations
from untrim.errors import UntrimError
from untrim.reproduction.measuring import TableData
from untrim.reproduction.tables import reproduce
from untrim.support.files import check_output
from untrim.support.kinds import check_kind, kind_of
from untrim.support.locks import locked
from untrim.timeline import Instance

TRAIN = "train -m wsad -f features -a labels.json --set iterations=2 --set hidden=8"
TUNE = "tune -m wsad -f features -a labels.json --set iterations=2 --set hidden=8 --trials 1"
REPRODUCE = "reproduce project:methods -f features -a labels.json --row WSAD --seeds 1"
IMPORT = "import features sources --layout"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with one of each: features, labels, a run, a search, detections, layouts of others; it is worked in."""
    folder, rng = tmp_path_factory.mktemp("refused"), np.random.default_rng(0)
    features, videos = new_folder(folder / "features", rgb=24), []
    for index in range(16):
        label, trained = ("jump", "run")[index % 2], index < 12
        features.save(f"v{index:02d}", rng.normal(size=(20, 24)))
        instances = () if trained else (Instance(label, features.info.grid().segment(2, 8)),)
        videos.append(Video(f"v{index:02d}", "training" if trained else "validation", 12.8, (label,), instances))
    write_annotations(Annotations(videos), folder / "labels.json")
    write_annotations(Annotations([Video("other", "training", 5.0, ("jump",))]), folder / "others.json")
    wide = new_folder(folder / "wide", rgb=25)
    wide.save("v00", rng.normal(size=(20, 25)))
    new_folder(folder / "empty", rgb=24)
    for name in ("corpus", "sources", "sources/odd-Annotations", "plain", "videos"):
        (folder / name).mkdir()
    (folder / "corpus" / "corpus.json").write_text("{}")
    (folder / "sources" / "odd-I3D-JOINTFeatures.npy").write_bytes(b"no array")
    (folder / "sources" / "odd-Annotations" / "videoname.npy").write_bytes(b"no array")
    (folder / "plain" / "notes.txt").write_text("a file")
    (folder / "broken.yaml").write_text("a: [")
    (folder / "own.csv").write_text("video,label,Datum\nv00,jump,1.4.\n")
    for name in ("own.html", "own.safetensors", "own.onnx", "tasks.config.xml"):
        (folder / name).write_text("of a person")
    for name in ("project/README.md", "site/report.html", "texts/v00.srt"):
        (folder / name).parent.mkdir()
        (folder / name).write_text("of a person")
    (folder / "link.json").symlink_to("labels.json")
    shutil.copy(folder / "labels.json", folder / "given.json")
    (folder / "broken.json").write_text("{")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert run_untrim(*f"{TRAIN} -o run".split()) == 0
        assert run_untrim("localize", "run", "-f", "features", "-a", "labels.json", "-o", "found.json") == 0
        assert run_untrim(*f"{TUNE} -o search".split()) == 0
        for call in WRITTEN_AGAIN:
            assert run_untrim(*call.split()) == 0
        yield folder


def tree(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns) if path.is_file() else (b"", 0)
        for path in folder.rglob("*")
    }


WRITTEN_AGAIN = (
    "localize run -f features -a labels.json -o found.json --report report.html",
    "evaluate found.json -a labels.json --json evaluation.json",
    "diagnose found.json -a labels.json -o diagnosis.html --json diagnosed.json",
    "report run -d found.json -a labels.json -o report.html",
    "convert found.json -o found.csv --bom",
    "convert found.json -o elan --to elan",
    "convert labels.json -o made.csv",
    "convert labels.json -o made.json",
    "convert found.json -o made.via.json --to via",
    "convert found.json -o made.tasks.json --to label-studio --fps 25",
    "convert found.json -o made.boris",
    "convert found.json -o srt --to srt",
    "convert found.json -o vtt --to webvtt",
    "convert found.json -o texts-audacity --to audacity",
    "convert found.json -o praat --to textgrid",
    "import labels labels.json --layout activitynet -o imported.csv",
)
"""Calls that may replace what they wrote before."""

REFUSED = {
    # A folder of another kind.
    f"{TRAIN} -o features": "holds features, no place for a run",
    f"{TRAIN} -o search": "holds a search",
    f"{TRAIN} -o corpus": "holds a rendered corpus",
    f"{TRAIN} -o found-activations": "holds activations",
    f"{TRAIN} -o labels.json": "is a file, not a folder",
    f"{TRAIN} -o labels.json/run": "cannot be written",
    f"{TUNE} -o run": "holds a run of `untrim train`, no place for a search",
    f"{TUNE} -o features": "holds features",
    f"{REPRODUCE} -o run": "holds a run",
    f"{REPRODUCE} -o features": "holds features",
    "demo --no-open -o features": "holds features, no place for a rendered corpus",
    "demo --no-open -o run": "holds a run",
    "studio run --no-open": "is a folder of another kind (run)",
    "studio missing --no-open": "no such folder",
    "studio labels.json --no-open": "no such folder",
    "studio videos --no-open": "holds no video files",
    "extract videos -o run": "holds a run of `untrim train`, no place for features",
    "combine features -o run": "holds a run",
    "combine features -o search": "holds a search",
    f"{IMPORT} wtalc -o run": "holds a run",
    "clips found.json --videos videos -o run --min-score 0": "holds a run of `untrim train`, no place for clips",
    "overlay found.json --videos videos -o run --min-score 0": "holds a run of `untrim train`, no place for videos",
    "clips found.json --videos videos -o labels.json": "is a file, not a folder",
    "localize run -f features -o found-activations/found.txt": "has ending '.txt'",
    # Outputs that cannot be.
    "localize run -f features -o found": "has ending ''",
    "localize run -f features -o features": "has ending ''",
    "localize run -f features -o labels.json/found.json": "is no folder",
    "convert labels.json -o out.xyz": "ending '.xyz' is that of no format",
    "convert labels.json -o plain": "has no ending",
    "convert labels.json --to elan -o labels.json": "is a file, not a folder",
    "import labels labels.json --layout activitynet -o out.txt": "has ending '.txt'",
    "import labels labels.json --layout activitynet -o plain/notes.txt/out.json": "is no folder",
    "evaluate found.json -a labels.json --json plain": "is a folder",
    "evaluate found.json -a labels.json --json labels.json/x": "is no folder",
    "diagnose found.json -a labels.json -o plain": "has ending ''",
    "diagnose found.json -a labels.json --json plain": "is a folder",
    "report run -d found.json -a labels.json -o plain": "has ending ''",
    # Files of a person, or of another kind, and files that are read.
    "localize run -f features -o own.csv": "own.csv: holds something else than detections of untrim, and would be",
    "localize run -f features -o labels.json": "holds something else than detections of untrim",
    "localize run -f features -o new/found.json --report own.html": "own.html: holds something else than a page of",
    "localize run -f features -a found.csv -o found.csv": "found.csv: is read by this very command",
    "evaluate found.json -a labels.json --json labels.json": "holds something else than figures of `untrim evaluate`",
    "evaluate found.json -a labels.json --json diagnosed.json": "else than figures of `untrim evaluate`",
    "diagnose found.json -a labels.json -o new.html --json evaluation.json": "else than figures of `untrim diagnose`",
    "diagnose found.json -a labels.json -o own.html": "own.html: holds something else than a page of `untrim diagnose`",
    "report run -d found.json -o own.csv": "has ending '.csv' (use .html)",
    "report run -d found.json -o diagnosis.html": "holds something else than a page of `untrim report`",
    "diagnose found.json -a labels.json -o report.html": "holds something else than a page of `untrim diagnose`",
    "convert own.csv -o own.csv": "own.csv: is read by this very command, and would be replaced",
    "convert labels.json -o link.json --subset training=test": "labels.json: is read by this very command",
    "convert labels.json --subset-file given.json -o given.json": "given.json: is read by this very command",
    "convert labels.json -o own.csv": "own.csv: holds something else than annotations of untrim",
    "convert found.json -o labels.json": "holds something else than detections of untrim",
    "convert labels.json -o found.json": "holds something else than annotations of untrim",
    "convert found.json -o labels.json --to via": "holds something else than VIA 3",
    "convert elan -o elan --to elan --from elan": "v12.eaf: is read by this very command",
    "convert labels.json -o found.json --to label-studio --fps 25": "holds something else than Label Studio",
    "convert labels.json -o tasks.json --to label-studio --fps 25": "tasks.config.xml: holds something else than a lab",
    "convert labels.json -o texts --to srt": "v00.srt: holds something else than SRT",
    "import labels labels.json --layout activitynet -o own.csv": "holds something else than annotations of untrim",
    "import labels labels.json --layout activitynet -o labels.json": "labels.json: is read by this very command",
    "suggest videos -o own.csv --run run": "holds something else than labels of `untrim suggest`",
    "weights quantize videos -o own.safetensors": "else than weights of `untrim weights quantize`",
    "onnx run -o own.onnx": "holds something else than a network of `untrim onnx`",
    f"{TRAIN} -o project": "project: holds a README.md that a run of `untrim train` would replace",
    "demo --no-open -o site": "site: holds a report.html that a rendered corpus, or a demo would replace",
    "weights quantize videos -o plain": "has ending ''",
    # Values that cannot be.
    f"{TRAIN} -o new/run --seed 18446744073709551616": "seed 18446744073709551616",
    f"{TUNE} -o new/search --seed 4294967295": "seed 4294967295",
    "demo --no-open -o new --seed 18446744073709551616": "seed",
    f"{TRAIN} -o new --device meta": "device 'meta' cannot be used",
    f"{TUNE} -o new --device meta": "device 'meta' cannot be used",
    "localize run -f features -o new/found.json --device meta": "device 'meta' cannot be used",
    f"{TRAIN} -o new --set batch_size=1000000000": "'batch_size': 1000000000 videos in each step, and there are 12",
    f"{TRAIN} -o new --set groups=1000000000": "'groups'",
    f"{TRAIN} -o new --set group_videos=1000000000 --set groups=3": "'groups'",
    f"{TRAIN} -o new --set iterations=1000000000000": "'iterations' is 1000000000000",
    f"{TRAIN} -o new --set max_snippets=1000000000000": "'max_snippets'",
    f"{TUNE} -o new --set batch_size=1000000000": "'batch_size'",
    f"{TRAIN} -o new --set hidden=1000000000000": "its network cannot be made",
    f"{TRAIN} -o new --set hidden=100000000000000000000": "its network cannot be made",
    f"{TRAIN} -o new --set nonsense=3": "unknown key 'nonsense'",
    f"{TRAIN} -o new --recipe broken.yaml": "broken.yaml",
    f"{TUNE} -o new --search nonsense=1..2": "nonsense",
    # Data that do not go together.
    f"{TRAIN} -o run": "holds a run already",
    f"{TRAIN} -o run --resume --seed 3": "holds another run: different seed",
    f"{TRAIN} -o new --subset test": "no video in subset 'test'",
    "train -m wsad -f features -a others.json -o new": "features missing for 1 of 1 videos: other",
    "train -m wsad -f empty -a labels.json -o new": "features missing",
    "train -m supervised -f features -a labels.json -o new": "labels without segments",
    "train -m wsad -f features -a broken.json -o new": "is not valid JSON",
    "tune -m wsad -f empty -a labels.json -o new": "features missing",
    f"{TUNE} -o search --seed 3": "holds another search: different seed",
    f"{TUNE} -o plain -f missing -a labels.json": "has no features.json",
    f"{REPRODUCE} -o new --protocol thumos14": "protocol 'thumos14' has 210",
    f"{REPRODUCE} -o new --evaluated test": "no video in subset 'test'",
    f"{REPRODUCE} -o new --subset test": "no video in subset 'test'",
    f"{REPRODUCE} -o new --set nonsense=3": "unknown key 'nonsense'",
    f"{REPRODUCE} -o new --segments missing.json": "no such file",
    "reproduce project:methods -f empty -a labels.json -o new": "features missing",
    "reproduce wsad:figure99 -f none -a none -o new": "unknown table 'wsad:figure99'",
    "localize run -f wide -o new/found.json --save-activations": "disagree with the run",
    "localize run -f empty -o new/found.json --save-activations": "has no features of any video",
    "localize run -f features -a others.json --subset training -o new/f.json --save-activations": "features missing",
    "localize search -f features -o new/found.json": "is not a run folder",
    "localize run videos -o new/found.json": "unknown backbone 'test'",
    "combine features wide -o new": "stream 'rgb' comes from two folders",
    "combine features missing -o new": "has no features.json",
    f"{IMPORT} wtalc -o new/features": "not a readable",
    f"{IMPORT} basnet -o new/features": "holds no folder rgb or flow",
    f"{IMPORT} ecm -o new/features": "holds no .npz",
    f"{IMPORT} wtalc -o wide": "not a readable",
    f"{IMPORT} nonsense -o new": "unknown layout",
    "extract videos -o new": "no video",
    "extract missing.mp4 -o new": "missing.mp4",
    "extract videos -o new --backbone nonsense": "",
    "evaluate found.json -a labels.json --json new.json --protocol thumos14": "protocol 'thumos14'",
    "evaluate found.json -a labels.json --json new.json --measures nonsense": "unknown measure 'nonsense'",
    "evaluate found.json -a labels.json --json new.json --against missing.json": "no such file",
    "clips found.json --videos videos -o new --min-score 0": "holds no video files",
    "clips found.json --videos videos -o new --min-score 1e9": "no detection scores 1e+09 or more",
    "clips found.json --videos videos -o new --label nonsense": "nothing is found of 'nonsense'",
    "overlay found.json --videos videos -o new --min-score 0": "holds no video files",
    "overlay found.json --videos videos -o new --min-score 1e9": "no detection scores 1e+09 or more",
    "overlay found.json --videos videos -o new --run plain --min-score 0": "is not a run folder",
    "clips missing.json --videos videos -o new": "no such file",
    "diagnose found.json -a others.json -o new.html": "",
    "report run -d found.json -a others.json -o new.html --subset training": "no video in common",
    "weights path nonsense": "unknown weights",
    "weights pull nonsense": "unknown weights",
    "weights list --search nonsense": "no class is called 'nonsense'",
    "localize run -f features -o new/found.json --only nonsense": "the run does not know 'nonsense'",
    "localize run -f features -o new/found.json --only jmp": "did you mean 'jump'?",
    "localize run videos -o new/found.json --only jmp": "did you mean 'jump'?",
    "localize kinetics-400 videos -o new/found.json": "did you mean 'kinetics400'?",
    "suggest videos -o new/labels.csv --run run": "unknown backbone 'test'",
    "suggest videos -o new/labels.csv --run run --only jmp": "did you mean 'jump'?",
    "suggest videos -o new/labels.json": "has ending '.json'",
    "watch missing run -o new.jsonl --once": "no such folder",
    "watch videos run -o new.json --once": "has ending '.json'",
    "watch videos plain -o new.jsonl --once": "is not a run folder",
    "watch videos run -o new/found.jsonl --only jmp --once": "did you mean 'jump'?",
    "watch videos run -o new/found.jsonl --once": "unknown backbone 'test'",
    "watch videos run -o new/found.jsonl --ledger new/ledger.jsonl --once": "--ledger is for -o -",
    "train -m pretrained -f features -a labels.json -o new": "is not trained: its runs are ready",
}


@pytest.mark.parametrize("call", REFUSED)
def test_what_is_refused_changes_nothing(place: Path, call: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = tree(place)
    assert run_untrim(*call.split()) == 2
    printed = capsys.readouterr()
    assert REFUSED[call] in printed.err
    assert len(printed.err.splitlines()) == 1
    assert tree(place) == before


@pytest.mark.parametrize("call", WRITTEN_AGAIN)
def test_what_a_verb_wrote_it_may_write_again(place: Path, call: str) -> None:
    assert run_untrim(*call.split()) == 0


HELD = {
    "run": f"{TRAIN} -o run --resume",
    "search": f"{TUNE} -o search",
    "tables": f"{REPRODUCE} -o tables",
    "demo": "demo --no-open -o demo",
    "joined": "combine features -o joined",
    "found-activations": "localize run -f features -o found.json",
}


@pytest.mark.parametrize("folder", HELD)
def test_a_folder_is_written_by_one_at_a_time(place: Path, folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    (place / folder).mkdir(exist_ok=True)
    before = tree(place)
    with locked(place / folder):
        assert run_untrim(*HELD[folder].split()) == 2
    assert "another run works in this folder" in capsys.readouterr().err
    assert tree(place) == before


def test_kinds_of_folders(place: Path, tmp_path: Path) -> None:
    kinds = {
        name: kind_of(place / name) for name in ("features", "run", "search", "corpus", "found-activations", "plain")
    }
    assert kinds == {name: name.removeprefix("found-") if name != "plain" else None for name in kinds}
    assert kind_of(tmp_path) is None
    assert kind_of(tmp_path / "missing") is None
    check_kind(place / "plain", "run")
    (tmp_path / "trained_on.json").touch()  # Of a training that was killed before it had described the run.
    (tmp_path / "features.json").touch()
    assert kind_of(tmp_path) == "run"
    results = tmp_path / "tables" / "project-methods" / "WSAD"
    results.mkdir(parents=True)
    (results / "0.detections.json").touch()
    assert kind_of(tmp_path / "tables") == "tables"


def test_outputs_that_can_be_written_are_let_be(tmp_path: Path) -> None:
    (tmp_path / "link.json").symlink_to(tmp_path / "elsewhere" / "found.json")
    for path in (tmp_path / "a.json", tmp_path / "new" / "deep" / "a.JSON", tmp_path / "link.json"):
        check_output(path, (".json", ".csv"))
    os.mkfifo(tmp_path / "pipe")
    check_output(tmp_path / "pipe")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.json", "pipe"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_an_output_in_a_place_of_others_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(UntrimError, match="not yours to write in"):
        check_output(tmp_path / "new" / "a.json")


def test_a_table_on_data_that_cannot_be_leaves_nothing(place: Path, tmp_path: Path) -> None:
    data = TableData((place / "features",), (place / "labels.json",), protocol="legacy")
    with pytest.raises(UntrimError, match="needs the Ambiguous spans"):
        reproduce("project:methods", data, tmp_path / "tables")
    assert not (tmp_path / "tables").exists()


def test_infinity_in_features_json_is_refused_at_once(place: Path, tmp_path: Path) -> None:
    folder = new_folder(tmp_path / "features", rgb=4)
    path = folder.path / "features.json"
    for key in ("fps", "first_center_seconds"):
        values = json.loads((place / "features" / "features.json").read_text())
        path.write_text(json.dumps(values | {key: float("inf")}))
        assert run_untrim("train", "-m", "wsad", "-f", folder.path, "-a", "labels.json", "-o", tmp_path / "run") == 2
        assert not (tmp_path / "run").exists()
