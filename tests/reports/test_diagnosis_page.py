from pathlib import Path

from untrim.annotations import Annotations, Video
from untrim.evaluation.diagnosis import diagnose
from untrim.evaluation.findings import findings
from untrim.reports.diagnosis_page import write_diagnosis_page
from untrim.timeline import Detection, Instance, Segment

INSTANCES = tuple(Instance("a", Segment(20.0 * i, 20.0 * i + 10)) for i in range(6))
TRUTH = Annotations([Video("v", "test", 200.0, (), INSTANCES)])


def test_page_is_one_file_and_safe(tmp_path: Path) -> None:
    detections = {"v": [Detection("a", Segment(0, 10), 0.9), Detection("a", Segment(15, 60), 0.8)]}
    result = diagnose(detections, TRUTH)
    page = write_diagnosis_page(result, tmp_path / "page.html", "<script>alert(1)</script>").read_text()
    assert "<script>" not in page
    assert "What is wrong with &lt;script&gt;" in page
    assert "http" not in page
    assert all(sentence.split("(")[0] in page for sentence in findings(result))
    assert page.count('class="stack"') == len(result.bands)
    assert result.boundaries.near_misses == 1
    assert "1 near miss (" in page


def test_page_about_nothing(tmp_path: Path) -> None:
    page = write_diagnosis_page(diagnose({"v": []}, TRUTH), tmp_path / "empty.html", "nothing").read_text()
    assert "There are no detections." in page


def test_page_on_a_file_whose_name_is_no_text(tmp_path: Path) -> None:
    page = write_diagnosis_page(diagnose({"v": []}, TRUTH), tmp_path / "odd.html", "half a \ud83d pair").read_text()
    assert "What is wrong with half a ? pair" in page
