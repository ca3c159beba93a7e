import json
from pathlib import Path

import pytest

from untrim.annotations import read_annotations, read_detections
from untrim.demo import run_demo
from untrim.features.store import FeatureFolder
from untrim.studio.project import open_project
from untrim.synthetic.screenplay import CorpusSpec


def test_the_whole_way_on_real_files(tmp_path: Path) -> None:
    """Rendered files to a report, then once more: nothing is done twice and nothing changes."""
    corpus = CorpusSpec(training=8, validation=7, seed=1, min_seconds=15, max_seconds=16)
    results = run_demo(tmp_path, corpus, {"iterations": 30})
    there = {path.name for path in tmp_path.iterdir()}
    assert {
        "videos",
        "features",
        "run",
        "annotations.json",
        "detections.json",
        "evaluation.json",
        "report.html",
    } <= there
    annotations = read_annotations(tmp_path / "annotations.json")
    assert not any(video.instances for video in annotations.subset("training").values())
    validation = annotations.subset("validation")
    assert read_detections(tmp_path / "detections.json").keys() == validation.keys()
    assert json.loads((tmp_path / "evaluation.json").read_text())["mAP"] == list(results["consensus"].mean)
    assert results.keys() == {"consensus", "untrained", "random"}
    folder = FeatureFolder.open(tmp_path / "features")
    for name, video in annotations.items():
        assert folder.info.videos[name].duration == pytest.approx(video.duration)
        assert len(folder.load(name)) == folder.info.grid().count(round(video.duration * 25))
    kept = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    project = open_project(tmp_path)
    assert {video.name for video in project.videos.values()} == annotations.keys()
    assert [run.run for run in project.content.runs] == ["run"]
    assert run_demo(tmp_path, corpus, {"iterations": 30}) == results
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == kept
