"""The papers' figures: which are drawn, what is in them, and that their numbers are those of the networks."""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from untrim.annotations import Annotations, Video, read_annotations, write_annotations
from untrim.errors import UntrimError
from untrim.features.store import FeatureFolder
from untrim.reports.stacked import CurvePanel, RunOverVideo, StackedVideo, draw_stacked, stacked_rows
from untrim.reproduction.features_figure import features_on_plane
from untrim.reproduction.figure_runs import FigureRun, chosen_videos, main_class
from untrim.reproduction.figures import Drawn, check_figure, draw
from untrim.reproduction.measuring import Job, Result, TableData, measure
from untrim.reproduction.published import DEFAULTS, Table, describe_tables, find_table, tables
from untrim.reproduction.published.figures import AverageOver, FeatureMap
from untrim.reproduction.runner import Measured, chosen_rows, collect, jobs_of
from untrim.reproduction.sharing import trained_alike
from untrim.reproduction.steps_figure import steps_of
from untrim.reproduction.tables import estimate_seconds, reproduce
from untrim.reproduction.writing import write_table
from untrim.timeline import Detection, Instance, Segment

ROOT = Path(__file__).parents[2]
SHORT = {"iterations": 4, "hidden": 8}


@pytest.fixture
def data(corpus: tuple[FeatureFolder, Annotations], tmp_path: Path) -> TableData:
    folder, annotations = corpus
    write_annotations(annotations, tmp_path / "annotations.json")
    return TableData((folder.path,), (tmp_path / "annotations.json",))


def made(table: Table, data: TableData, folder: Path) -> list[Job]:
    """The jobs of a table, done in this process."""
    threads = torch.get_num_threads()
    settings = {key: value for key, value in SHORT.items() if key != "hidden" or table.rows[0].method != "wsad"}
    jobs = jobs_of(table.rows, table, data, folder, 1, DEFAULTS, settings)
    for alike in trained_alike(jobs):
        assert measure(alike) is None
    torch.set_num_threads(threads)
    return jobs


def drawn(table: Table, data: TableData, folder: Path, videos: Sequence[str] = ()) -> Drawn:
    jobs = made(table, data, folder)
    return draw(table, collect(table.rows, jobs), jobs, videos)


def texts(figure: Figure) -> str:
    parts = [figure, *figure.subfigs, *(part for sub in figure.subfigs for part in sub.subfigs)]
    axes = [axes for part in parts for axes in part.axes]
    return "\n".join(f"{one.get_title('left')}\n{one.get_ylabel()}" for one in axes)


def test_every_figure_of_the_papers_is_listed() -> None:
    figures = {
        "wsad": ("1", "2", "3", "4a", "4b", "5"), "wsbm": "12345", "lpat": "123", "ecm": "123456",
    }  # fmt: skip
    listed = {line.split()[0]: line for line in describe_tables().splitlines()}
    for paper, numbers in figures.items():
        for number in numbers:
            line = listed.pop(f"{paper}:figure{number}")
            assert "(a drawing: see docs/methods/" in line or f"{paper}:figure{number}" in tables()
    assert not [name for name in listed if "figure" in name]
    assert "not available" not in describe_tables()


@pytest.mark.parametrize("name", ["wsad:figure1", "wsbm:figure2", "lpat:figure1", "ecm:figure4"])
def test_a_drawing_says_where_it_is_explained(name: str) -> None:
    with pytest.raises(UntrimError, match=f"'{name}' is a drawing, with nothing to measure") as caught:
        find_table(name)
    assert (ROOT / caught.value.fix.removeprefix("read ")).is_file()


def test_what_a_figure_needs_is_in_its_rows() -> None:
    for name, table in tables().items():
        if isinstance(table.figure, AverageOver):
            assert all(table.figure.over in row.settings for row in table.rows), name
        elif table.figure is not None:
            assert all(row.method for row in table.rows), name


def test_runs_are_stacked_over_one_video_with_their_own_numbers(data: TableData, tmp_path: Path) -> None:
    table = find_table("wsbm:figure4")
    jobs = made(table, data, tmp_path / "out")
    found = draw(table, collect(table.rows, jobs), jobs, ["video13"])
    assert "Videos: as named." in found.caption
    shown = texts(found.figure)
    for word in ("run in video13", "STPN\nmAP ", "WSBM\nmAP ", "λ", "activation", "λ w x"):
        assert word in shown
    assert shown.index("STPN") < shown.index("WSBM")
    run = FigureRun(jobs[1])
    said = run.ask("video13")
    c = run.model.labels.index("run")
    rows = [row for row in found.rows if row[:3] == ("video13", "run", "WSBM")]
    weighted = [float(str(row[6])) for row in rows if row[3] == "λ w x"]
    attention = torch.sigmoid(said.attention_logits[0, 0])
    expected = [(attention[t] * said.scores[0, 0, t, 1 + c]).item() for t in range(len(attention))]
    assert weighted == pytest.approx(expected, rel=2e-3, abs=1e-5)
    assert [float(str(row[6])) for row in rows if row[3] == "λ"] == pytest.approx(attention.tolist(), rel=1e-3)
    found_there = [one for one in run.detections["video13"] if one.label == "run"][:30]
    assert [(row[4], row[5]) for row in rows if "detection" in str(row[3])] == [
        (f"{one.segment.start:.3f}", f"{one.segment.end:.3f}") for one in found_there
    ]


def test_lpat_has_score_and_own_threshold_on_one_scale(data: TableData, tmp_path: Path) -> None:
    found = drawn(find_table("lpat:figure3"), data, tmp_path / "out")
    assert "where 'predicted' is furthest ahead of 'midrange'" in found.caption
    of = {
        (run, what): np.array([float(str(row[6])) for row in found.rows if row[2:4] == (run, what)])
        for run in ("midrange", "predicted")
        for what in ("score, threshold", "threshold")
    }
    score = of["predicted", "score, threshold"]
    assert (score == of["midrange", "score, threshold"]).all(), "the same network"
    assert of["midrange", "threshold"] == pytest.approx(np.full(len(score), (score.max() + score.min()) / 2), rel=1e-2)
    assert len(set(of["predicted", "threshold"])) > 5
    panels = [axes for axes in found.figure.axes if axes.get_ylabel() == "score, threshold"]
    assert [len(axes.get_lines()) for axes in panels] == [2, 2]


def test_the_steps_of_detection_are_those_of_the_network(data: TableData, tmp_path: Path) -> None:
    table = find_table("wsbm:figure3")
    jobs = made(table, data, tmp_path / "out")
    found = draw(table, collect(table.rows, jobs), jobs, ["video12"])
    assert "jump in video12" in texts(found.figure)
    run = FigureRun(jobs[0])
    steps = steps_of(run, run.truth["video12"], "jump")
    assert list(steps.classes) == list(run.model.labels)
    expected = []
    for threshold in np.arange(21) * 0.025:  # 0 to 0.5
        start = None
        for t, value in enumerate([*steps.proposed[0], -1.0]):
            if value > threshold and start is None:
                start = t
            elif value <= threshold and start is not None:
                expected.append((threshold, steps.edges[start], steps.edges[t]))
                start = None
    assert [(at, one.start, one.end) for at, one in steps.proposals] == [pytest.approx(one) for one in expected]
    assert len(expected) > 5
    kinds = [row[0] for row in found.rows]
    assert kinds.count("proposal") == len(expected)
    assert kinds.count("class") == 3


def test_aggregated_features_are_told_from_snippets(data: TableData, tmp_path: Path) -> None:
    table = find_table("ecm:figure6").model_copy(update={"figure": FeatureMap(kind="features", snippets=120)})
    jobs = made(table, data, tmp_path / "out")
    found = draw(table, collect(table.rows, jobs), jobs, ())
    kinds = [row[1] for row in found.rows]
    videos = {row[0] for row in found.rows}
    assert videos == {f"video{index}" for index in range(12, 18)}
    assert kinds.count("aggregated") == len(videos)
    assert len(kinds) == 120 + len(videos)
    assert 10 < kinds.count("action") < 40
    drawn = found.figure.axes[0].collections
    assert len(drawn) == 1 + 3 + 3, "each class its own colour"
    assert len({one.get_paths()[0].vertices.tobytes() for one in drawn}) == 3, "each kind its own marker"
    assert [place.row for place in features_on_plane(FigureRun(jobs[0]), 120)] == list(found.rows)


def test_without_scikit_learn_nothing_is_trained(
    data: TableData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(UntrimError, match=r"sklearn is not installed \(pip install 'untrim\[plots\]'\)"):
        reproduce("ecm:figure6", data, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "videos", "message"),
    [
        ("wsbm:table1", ["video12"], "no single video is drawn here"),
        ("wsbm:figure3", ["video12", "video13"], "2 videos are named, and one is drawn"),
        ("wsbm:figure4", ["video99"], "no video 'video99' in subset 'validation'"),
        ("wsbm:figure4", ["video01"], "no video 'video01' in subset 'validation'"),
    ],
)
def test_videos_that_cannot_be_drawn_are_refused(name: str, videos: list[str], message: str, data: TableData) -> None:
    with pytest.raises(UntrimError, match=message):
        check_figure(find_table(name), data, videos)


def test_a_class_that_is_not_trained_is_not_drawn(data: TableData, tmp_path: Path) -> None:
    whole = read_annotations(data.annotations[0])
    unseen = (Instance("swim", Segment(1, 2)),)
    renamed = [replace(whole["video12"], labels=("swim",), instances=unseen)]
    write_annotations(
        Annotations([*(video for name, video in whole.items() if name != "video12"), *renamed]), tmp_path / "new.json"
    )
    data = replace(data, annotations=(tmp_path / "new.json",))
    with pytest.raises(UntrimError, match="video 'video12' shows 'swim', which no training video has"):
        check_figure(find_table("wsbm:figure3"), data, ["video12"])
    jobs = made(find_table("wsad:figure5"), data, tmp_path / "out")
    assert sorted(FigureRun(jobs[0]).quality) == [f"video{index}" for index in range(13, 18)]
    only = Annotations([*whole.subset("training").values(), *renamed])
    write_annotations(only, tmp_path / "only.json")
    with pytest.raises(UntrimError, match="only classes that are trained"):
        check_figure(find_table("ecm:figure6"), replace(data, annotations=(tmp_path / "only.json",)), [])


def test_one_row_of_a_figure_that_compares_runs_is_drawn_over_the_best_video(data: TableData, tmp_path: Path) -> None:
    table = find_table("wsbm:figure4")
    rows = chosen_rows(table, ["WSBM", "WSBM"], data)
    assert [row.name for row in rows] == ["WSBM"], "a row that is named twice is run once"
    found = drawn(table.model_copy(update={"rows": tuple(rows)}), data, tmp_path / "out")
    assert found.caption.startswith("Videos: evenly chosen from the best to the worst.")


def test_the_average_is_drawn_over_the_option(tmp_path: Path) -> None:
    table = find_table("wsad:figure4a")
    results = [(0.2, 0.4), (0.3, 0.5), (0.4, 0.5), (0.1, 0.1)]
    measured = [
        Measured(row, tuple(Result(seed, (mean,), mean, (0, 1), None, None, None) for seed, mean in enumerate(means)))
        for row, means in zip(table.rows, results, strict=True)
    ]
    found = draw(table, measured, [], ())
    assert found.columns == ("k", "average mAP", "deviation")
    assert found.rows[0] == (2, "30.00", "14.14")
    line = found.figure.axes[0].get_lines()[0]
    assert list(line.get_ydata()) == pytest.approx([30, 40, 45, 10])
    assert [label.get_text() for label in found.figure.axes[0].get_xticklabels()] == ["2", "5", "10", "20"]
    paths = write_table("wsad:figure4a", table, [], found, [found.caption], tmp_path, published=False)
    assert [path.name for path in paths] == [f"wsad-figure4a{end}" for end in (".md", ".csv", ".svg", "-drawn.csv")]
    assert list(csv.reader(paths[3].open()))[1] == ["2", "30.00", "14.14"]
    first = paths[2].read_bytes()
    again = draw(table, measured, [], ())
    write_table("wsad:figure4a", table, [], again, [], tmp_path, published=False)
    assert paths[2].read_bytes() == first


@dataclass
class Known:
    """A run of which detections and quality are known."""

    truth: Annotations
    quality: dict[str, float]
    detections: dict[str, list[Detection]] = field(default_factory=dict)


def test_videos_are_chosen_by_what_the_runs_found() -> None:
    where = Segment(1, 2)
    labels = {"a": "run", "b": "run", "c": "jump", "d": "jump"}
    truth = Annotations([Video(name, "test", 9.0, instances=(Instance(of, where),)) for name, of in labels.items()])
    first = Known(truth, {"a": 0.9, "b": 0.5, "c": 0.1, "d": 0.0})
    second = Known(truth, {"a": 0.0, "b": 0.0, "c": 0.75, "d": 0.2})
    last = Known(
        truth, {"a": 1.0, "b": 0.6, "c": 0.8, "d": 0.3}, {name: [Detection(labels[name], where, 1.0)] for name in "abc"}
    )

    def names(choose: str, count: int, named: Sequence[str] = ()) -> list[str]:
        runs: list[Any] = [first, second, last]
        return [video.name for video in chosen_videos(runs, choose, count, named)]

    assert names("even", 4) == ["a", "c", "b", "d"]
    assert names("even", 2) == ["a", "d"]
    assert names("gain", 4) == ["a", "b", "d", "c"], "ahead of the best of the others"
    assert names("worst", 4) == ["b", "c"], "of each class one, first where it was found"
    assert names("gain", 1, ["d"]) == ["d"]
    assert main_class(truth["c"]) == "jump"


def test_names_that_look_like_formulas_are_drawn_as_they_are(tmp_path: Path) -> None:
    name = r"$\frac{x$"
    run = RunOverVideo(
        name, [Detection(name, Segment(1, 2), -3.0), Detection(name, Segment(0, 4), -5.0)], "", np.arange(4.0),
        (CurvePanel(name, np.array([1.0, 2.0, 0.0]), np.ones(3)),),
    )  # fmt: skip
    video = StackedVideo(name, name, 4.0, (Segment(1, 2.1),), (run,))
    draw_stacked([video]).savefig(tmp_path / "stack.svg")
    rows = list(stacked_rows([video]))
    assert [row[3:] for row in rows[:3]] == [
        ("ground truth", "1.000", "2.100", ""),
        ("right detection", "1.000", "2.000", "-3"),
        ("wrong detection", "0.000", "4.000", "-5"),
    ]
    assert [row[6] for row in rows if row[3] == "threshold"] == ["1", "1", "1"]


def test_the_weakest_detection_is_seen_and_time_begins_at_one_place() -> None:
    found = [Detection("run", Segment(0, 2), 500.0), Detection("run", Segment(5, 6), 0.0)]
    videos = [
        StackedVideo(name, "run", 8.0, (Segment(0, 2), Segment(5, 6)), (run,))
        for name, detections in (("a", found), ("b", [Detection("run", Segment(0, 2), 0.5)]))
        for run in [RunOverVideo("WSAD", detections, "", np.arange(4.0), (CurvePanel("activation", np.arange(3.0)),))]
    ]
    figure = draw_stacked(videos)
    figure.draw_without_rendering()
    assert len({round(axes.get_position().x0, 6) for axes in figure.axes}) == 1
    bars = [axes for axes in figure.axes if axes.get_ylabel() == "WSAD"]
    low, high = bars[0].get_ylim()
    weakest = min(bars[0].patches[2:], key=lambda bar: bar.get_height())  # after the two bands of the ground truth
    assert weakest.get_y() == low
    assert weakest.get_height() > 0.05 * (high - low)


def test_what_cannot_be_drawn_is_said_before_times_are_estimated(data: TableData, tmp_path: Path) -> None:
    with pytest.raises(UntrimError, match="no video 'nowhere' in subset"):
        estimate_seconds("wsbm:figure4", data, tmp_path, videos=["nowhere"])
    with pytest.raises(UntrimError, match="no single video is drawn here"):
        estimate_seconds("wsad:table3", data, tmp_path, videos=["nowhere"])


def test_a_figure_of_single_runs_has_one_seed(data: TableData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("untrim.reproduction.tables.estimate", lambda jobs, *_: {job.row: job.seed for job in jobs})
    for name, last in {"wsbm:figure4": 0, "wsad:figure4a": 2, "wsad:table3": 2}.items():
        assert set(estimate_seconds(name, data, tmp_path).values()) == {last}, name
