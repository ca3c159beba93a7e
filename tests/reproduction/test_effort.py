"""What a person tells in how many minutes, and the curve of it."""

from pathlib import Path

import pytest

from untrim.annotations import Annotations, Video, write_annotations
from untrim.errors import UntrimError
from untrim.features.store import FeatureFolder
from untrim.reproduction.effort import Told, tell
from untrim.reproduction.effort_figure import draw_effort
from untrim.reproduction.measuring import Result, TableData
from untrim.reproduction.published import Row, find_table
from untrim.reproduction.runner import Measured, chosen_rows
from untrim.reproduction.tables import reproduce
from untrim.timeline import Instance, Segment

TWICE = (Instance("run", Segment(10, 20)), Instance("run", Segment(30, 40)))
WHOLE = Annotations(
    [
        Video("twice", "training", 60.0, instances=TWICE),
        Video("once", "training", 120.0, instances=(Instance("jump", Segment(0, 5)),)),
        Video("nothing", "training", 180.0, exhaustive=True),
    ]
)


def test_a_tag_takes_five_seconds() -> None:
    said, minutes = tell(WHOLE, Told(kind="tags"), 0)
    assert minutes == pytest.approx(3 * 5 / 60)
    assert {name: (video.labels, video.exhaustive) for name, video in said.items()} == {
        "twice": (("run",), False), "once": (("jump",), False), "nothing": ((), True),
    }  # fmt: skip
    assert not any(video.instances or video.points for video in said.values())


def test_a_point_takes_two_seconds_while_the_videos_play_twice_as_fast() -> None:
    said, minutes = tell(WHOLE, Told(kind="points"), 0)
    assert minutes == pytest.approx((15 + 3 * 2 + (60 + 120 + 180) / 2) / 60)
    for name, video in said.items():
        assert not video.instances
        for point, instance in zip(video.points, WHOLE[name].instances, strict=True):
            assert point.label == instance.label
            assert instance.segment.start <= point.time <= instance.segment.end
    assert said["twice"] != tell(WHOLE, Told(kind="points"), 1)[0]["twice"]
    assert said["twice"] == tell(WHOLE, Told(kind="points"), 0)[0]["twice"]


def test_corrections_take_the_video_and_eight_seconds_per_segment() -> None:
    said, minutes = tell(WHOLE, Told(kind="corrected", share=1.0), 0)
    assert minutes == pytest.approx((15 + 3 * 8 + 360) / 60)
    assert all(video.exhaustive is True for video in said.values())
    assert all(video.instances == WHOLE[name].instances for name, video in said.items())
    costs = set[float]()
    for seed in range(20):
        said, minutes = tell(WHOLE, Told(kind="corrected", share=0.34), seed)
        costs.add(round(60 * minutes))
        assert sum(bool(video.instances) for video in said.values()) == (60 * minutes < 15 + 180)
    assert costs == {15 + 60 + 16, 15 + 120 + 8, 15 + 180}, "another video each time"


def test_marking_everything_takes_twenty_seconds_per_segment() -> None:
    said, minutes = tell(WHOLE, Told(kind="everything"), 0)
    assert minutes == pytest.approx((15 + 3 * 20) / 60)
    assert dict(said) == dict(tell(WHOLE, Told(kind="corrected"), 0)[0])


def test_without_a_duration_a_persons_time_is_not_known() -> None:
    wrong = Annotations([Video("v", "training", labels=("run",))], source="labels.json")
    with pytest.raises(UntrimError, match=r"labels\.json: the duration of 'v' is not known"):
        tell(wrong, Told(kind="tags"), 0)


def test_segments_must_be_given(tmp_path: Path) -> None:
    data = TableData((tmp_path,), (tmp_path,))
    for names in ([], ["points"]):
        with pytest.raises(UntrimError, match=r"needs the training segments \(give them with --segments\)"):
            chosen_rows(find_table("project:effort"), names, data)
    data = TableData((tmp_path,), (tmp_path,), tmp_path)
    assert chosen_rows(find_table("project:effort"), [], data) == list(find_table("project:effort").rows)


def test_a_table_of_effort_is_measured(corpus: tuple[FeatureFolder, Annotations], tmp_path: Path) -> None:
    folder, annotations = corpus
    timed = {name: video for name, video in annotations.items() if video.instances}
    videos = [Video(f"t{name}", "training", v.duration, instances=v.instances) for name, v in timed.items()]
    for name in timed:
        folder.save(f"t{name}", folder.load(name))
    whole = Annotations([*videos, *timed.values()])
    write_annotations(whole, tmp_path / "segments.json")
    write_annotations(whole.without_segments("training"), tmp_path / "annotations.json")
    data = TableData((folder.path,), (tmp_path / "annotations.json",), tmp_path / "segments.json")
    rows = ("tags", "100% corrected", "supervised upper bound")
    settings = {"iterations": 4}
    measured = reproduce("project:effort", data, tmp_path / "out", rows=rows, seeds=1, settings=settings, at_a_time=1)
    tags, corrected, supervised = measured.rows
    assert tags.minutes == pytest.approx(6 * 5 / 60)
    assert corrected.minutes == pytest.approx((30 + 6 * 8 + sum(video.duration or 0 for video in videos)) / 60)
    assert supervised.minutes == pytest.approx((30 + 6 * 20) / 60)
    assert "|  | minutes | 0.3 |" in measured.markdown
    assert '"add_known": 1.0' in (tmp_path / "out/project-effort/100--corrected/0.json").read_text()
    assert '"add_known": 0.0' in (tmp_path / "out/project-effort/tags/0.json").read_text()


def row_of(kind: str, share: float, minutes: float, value: float) -> Measured:
    told = Told.model_validate({"kind": kind, "share": share})
    result = Result(0, (value,), value, (value, value), None, None, None, minutes)
    return Measured(Row(name=kind, method="consensus", told=told), (result,))


def test_the_curve_runs_over_minutes() -> None:
    from matplotlib.figure import Figure

    axes = Figure().subplots()
    rows = [row_of("corrected", 1.0, 90, 0.8), row_of("tags", 1, 1, 0.5), row_of("points", 1, 9, 0.7)]
    ceiling = row_of("everything", 1, 60, 0.9)
    ceiling = Measured(ceiling.row.model_copy(update={"method": "supervised"}), ceiling.results)
    draw_effort(axes, [*rows, ceiling], (0.5,))
    lines = [line.get_xydata().tolist() for line in axes.get_lines()]
    assert [[1, 50], [90, 80]] in lines
    assert [[9, 70]] in lines
    assert [[0, 90], [1, 90]] in lines, "the ceiling goes across"
    assert {text.get_text() for text in axes.texts} == {"tags", "100%"}
