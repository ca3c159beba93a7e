"""What a person tells in how many minutes, and the curve of it."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from untrim.annotations import Annotations, Video, read_annotations, write_annotations
from untrim.errors import UntrimError
from untrim.features.store import FeatureFolder
from untrim.pipeline import localize
from untrim.reproduction.effort import Told, tell
from untrim.reproduction.effort_figure import draw_effort
from untrim.reproduction.measuring import Job, Result, TableData
from untrim.reproduction.published import Row, find_table, tables
from untrim.reproduction.runner import Measured, chosen_rows, estimate, jobs_of, run_jobs
from untrim.reproduction.studio_order import studio_order
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


def test_what_is_corrected_first_may_be_said() -> None:
    told = Told(kind="corrected", share=0.34)
    for first in WHOLE:
        said, _ = tell(WHOLE, told, 0, order=[first, *(name for name in WHOLE if name != first)])
        assert [name for name, video in said.items() if video.instances] == [first] * bool(WHOLE[first].instances)
    said, minutes = tell(WHOLE, Told(kind="corrected"), 0, order=["once"])
    assert minutes == pytest.approx((15 + 8 + 120) / 60), "there is nothing else to correct"


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


@pytest.fixture
def timed_data(corpus: tuple[FeatureFolder, Annotations], tmp_path: Path) -> TableData:
    """Six training videos, whose segments lie in a file of their own, and the same six to evaluate."""
    folder, annotations = corpus
    timed = {name: video for name, video in annotations.items() if video.instances}
    videos = [Video(f"t{name}", "training", v.duration, instances=v.instances) for name, v in timed.items()]
    for name in timed:
        folder.save(f"t{name}", folder.load(name))
    whole = Annotations([*videos, *timed.values()])
    write_annotations(whole, tmp_path / "segments.json")
    write_annotations(whole.without_segments("training"), tmp_path / "annotations.json")
    return TableData((folder.path,), (tmp_path / "annotations.json",), tmp_path / "segments.json")


def test_a_table_of_effort_is_measured(timed_data: TableData, tmp_path: Path) -> None:
    rows = ("tags", "100% corrected", "supervised upper bound")
    settings = {"iterations": 4}
    measured = reproduce(
        "project:effort", timed_data, tmp_path / "out", rows=rows, seeds=1, settings=settings, at_a_time=1
    )
    tags, corrected, supervised = measured.rows
    assert timed_data.segments is not None
    videos = read_annotations(timed_data.segments).subset("training").values()
    assert tags.minutes == pytest.approx(6 * 5 / 60)
    assert corrected.minutes == pytest.approx((30 + 6 * 8 + sum(video.duration or 0 for video in videos)) / 60)
    assert supervised.minutes == pytest.approx((30 + 6 * 20) / 60)
    assert "|  | minutes | 0.3 |" in measured.markdown
    assert '"add_known": 1.0' in (tmp_path / "out/project-effort/100--corrected/0.json").read_text()
    assert '"add_known": 0.0' in (tmp_path / "out/project-effort/tags/0.json").read_text()


LED = "50% corrected, led by the studio"
Measuring = Callable[[tuple[Job, ...]], str | None]
Worked = Iterator[tuple[tuple[Job, ...], str | None]]


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Jobs are done in this process; their rows, in the order in which they are begun."""
    begun: list[str] = []

    def work_here(
        task: Callable[[tuple[Job, ...]], str | None], groups: list[tuple[Job, ...]], *_: object, **__: object
    ):
        for group in groups:
            begun.extend(job.row for job in group)
            yield group, task(group)

    threads = torch.get_num_threads()
    monkeypatch.setattr("untrim.reproduction.runner.work_off", work_here)
    yield begun
    torch.set_num_threads(threads)


def test_a_row_that_is_led_by_the_studio_is_measured_alone(
    timed_data: TableData, tmp_path: Path, here: list[str]
) -> None:
    """It trains on names first, where the row of names alone finds that run; what is done is not done again."""
    out, settings = tmp_path / "out/project-effort", {"iterations": 4}

    def measured(*rows: str) -> tuple[Measured, ...]:
        here.clear()
        return reproduce(
            "project:effort", timed_data, tmp_path / "out", rows=rows, seeds=1, settings=settings, at_a_time=1
        ).rows

    (led,) = measured(LED)
    assert here == ["tags", LED]
    assert led.row.name == LED
    assert timed_data.segments is not None
    whole = read_annotations(timed_data.segments).subset("training")
    found = localize(out / "tags/0", timed_data.features[0], whole, device="cpu")
    assert led.minutes == tell(whole, Told(kind="corrected", share=0.5), 0, studio_order(whole, found, 0))[1]
    assert measured(LED, "tags")[0] == led
    assert here == []

    result = out / "50--corrected--led-by-the-studio/0.json"
    before = result.read_bytes()
    result.unlink()  # As if it was killed after the training.
    measured(LED)
    assert here == [LED]
    assert {**json.loads(before), "peak_memory_mb": 0} == {**json.loads(result.read_bytes()), "peak_memory_mb": 0}


def jobs_led(data: TableData, output: Path) -> list[Job]:
    """A job that is led, and the one that leads, in the wrong order."""
    table = find_table("project:effort")
    return jobs_of([row for row in table.rows if row.name == LED], table, data, output, 1, None, {})[::-1]


def test_a_row_that_is_led_waits_and_its_time_is_estimated(
    timed_data: TableData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, here: list[str]
) -> None:
    led, names = jobs_led(timed_data, tmp_path / "out")
    assert (led.led_by, names.led_by) == (names, None)
    seconds = estimate([led])
    assert list(seconds) == [LED]
    assert seconds[LED] > 0
    assert not (tmp_path / "out").exists(), "nothing is kept, and nothing else is trained"

    done: list[str] = []

    def work(task: Measuring, groups: list[tuple[Job, ...]], *_: object, **__: object) -> Worked:
        threading.Event().wait(0.3 if groups[0] == (names,) else 0.0)
        done.append(groups[0][0].row)
        yield groups[0], wrong

    monkeypatch.setattr("untrim.reproduction.runner.work_off", work)
    wrong = None
    run_jobs([led, names], 2)
    assert done == ["tags", LED]
    done.clear()
    wrong = "broken"
    with pytest.raises(UntrimError, match="broken"):
        run_jobs([led, names], 2)
    assert done == ["tags"], "it cannot be led by a run that failed"


def test_results_from_before_there_was_an_order_are_valid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "features").mkdir()
    for name in ("annotations.json", "features/features.json"):
        (tmp_path / name).write_bytes(b"{}")
    data = TableData((Path("features"),), (Path("annotations.json"),), Path("annotations.json"))
    told = Told(kind="corrected", share=0.1)
    job = Job("10% corrected", "consensus", None, "{}", 0, (0.5,), Path("out"), data, told)
    assert job.key == "45bb17607bcdb6e1fdc0fab3340219ee15b7cc422e39856f3880f7ad2a22cfe2"
    assert replace(job, told=None).key == "186895ef18df081c616a2cc927a5271e8b21078142e396bd07fa6235b4986650"
    led = replace(job, led_by=replace(job, told=Told(kind="tags")))
    assert len({job.key, led.key, replace(led, led_by=job).key}) == 3
    assert led.led_by is not None
    assert replace(led, led_by=replace(led.led_by, folder=Path("elsewhere"))).key == led.key


def test_a_row_is_led_by_names_alone() -> None:
    for name, table in tables().items():
        rows = {row.name: row for row in table.rows}
        for row in table.rows:
            if row.led_by is not None:
                leading = rows[row.led_by]
                assert leading.told == Told(kind="tags"), name
                assert (leading.method, leading.settings) == (row.method, row.settings), name
                assert row.told is not None, name


def row_of(kind: str, share: float, minutes: float, value: float, led_by: str | None = None) -> Measured:
    told = Told.model_validate({"kind": kind, "share": share})
    result = Result(0, (value,), value, (value, value), None, None, None, minutes)
    return Measured(Row(name=kind, method="consensus", told=told, led_by=led_by), (result,))


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


def test_each_order_of_the_videos_has_a_line() -> None:
    """Both begin with names alone and end with all videos; a share alone is in one of them."""
    from matplotlib.figure import Figure

    axes = Figure().subplots()
    ends = [row_of("corrected", 1.0, 90, 0.8), row_of("tags", 1, 1, 0.5)]
    halves = [row_of("corrected", 0.5, 50, 0.7), row_of("corrected", 0.5, 40, 0.6, led_by="tags")]
    draw_effort(axes, [*ends, *halves], (0.5,))
    lines = [line.get_xydata().tolist() for line in axes.get_lines()]
    assert [[1, 50], [40, 60], [90, 80]] in lines, "the studio's order"
    assert [[1, 50], [50, 70], [90, 80]] in lines, "at random"
    assert sorted(text.get_text() for text in axes.texts) == ["100%", "50%", "50%", "tags"]
