import json

import pytest

from untrim.annotations import Annotations, Video
from untrim.errors import UntrimError
from untrim.evaluation.measures import MEASURES, measure_detections, measures_table
from untrim.timeline import Detection, Instance, Segment


def test_all_measures_by_name() -> None:
    annotations = Annotations([Video("v", "test", 20.0, (), (Instance("a", Segment(0, 10)),)), Video("w", "other")])
    found = {"v": [Detection("a", Segment(0, 10), 1.0)]}
    measured = measure_detections(found, annotations, list(MEASURES), subset="test")
    assert measured["frames"] == {"frame_accuracy": 1.0}
    assert measured["segmental"] == {"F1@10": 1.0, "F1@25": 1.0, "F1@50": 1.0, "edit": 1.0}
    assert (measured["classification"]["mAP"], measured["classification"]["top1"]) == (1.0, 1.0)
    assert measured["recall"]["AR@100"] == 1.0
    assert json.loads(json.dumps(measured)) == measured
    lines = measures_table(measured).splitlines()
    assert len(lines) == len(MEASURES)
    assert "segmental       F1@10 100.0, F1@25 100.0, F1@50 100.0, edit 100.0" in lines
    with pytest.raises(UntrimError, match="did you mean 'recall'"):
        measure_detections(found, annotations, ["recal"])
