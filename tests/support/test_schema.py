import json
from pathlib import Path

import pytest

from untrim.annotations import read_annotations, read_detections
from untrim.errors import UntrimError
from untrim.features.store import FeatureFolder
from untrim.reports.inputs import read_evaluations
from untrim.support.schema import read_object


def write(path: Path, content: object) -> Path:
    path.write_text(json.dumps(content))
    return path


def test_files_with_the_number_of_today_or_none_are_read(tmp_path: Path) -> None:
    for content in ({"schema": 1, "a": 2}, {"a": 2}):
        assert read_object(write(tmp_path / "file.json", content)) == {"a": 2}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"schema": 2}, r"file\.json: was written by a newer untrim: 'schema' is 2.*\(upgrade untrim\)"),
        ({"schema": "1"}, "'schema' is '1'"),
        ({"schema": True}, "'schema' is True"),
        ({"schema": 0}, "'schema' is 0"),
        ([], "should be an object"),
    ],
)
def test_other_files_are_refused_in_one_line(tmp_path: Path, content: object, message: str) -> None:
    with pytest.raises(UntrimError, match=message):
        read_object(write(tmp_path / "file.json", content))


def test_every_reader_refuses_what_a_newer_untrim_wrote(tmp_path: Path) -> None:
    newer = "was written by a newer untrim"
    with pytest.raises(UntrimError, match=newer):
        read_annotations(write(tmp_path / "a.json", {"version": "untrim-2", "database": {"v": {}}}))
    with pytest.raises(UntrimError, match=newer):
        read_detections(write(tmp_path / "d.json", {"version": "untrim-2", "results": {}}))
    with pytest.raises(UntrimError, match=newer):
        read_evaluations({"own": write(tmp_path / "e.json", {"schema": 2})}, "test")
    write(tmp_path / "features.json", {"schema": 2, "dim": 8})
    with pytest.raises(UntrimError, match=newer):
        FeatureFolder.open(tmp_path)


def test_versions_of_others_say_nothing(tmp_path: Path) -> None:
    database = {"v": {"subset": "training", "annotations": [{"label": "jump"}]}}
    for version in ("VERSION 1.3", "untrim-1", 1.2, None):
        found = read_annotations(write(tmp_path / "a.json", {"version": version, "database": database}))
        assert found["v"].labels == ("jump",)
