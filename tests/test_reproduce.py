import csv
import json
import multiprocessing
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from untrim.annotations import Annotations, write_annotations
from untrim.cli import main
from untrim.errors import Stopped, UntrimError
from untrim.features.store import FeatureFolder
from untrim.reproduction.measuring import Job, TableData, measure
from untrim.reproduction.published import PublishedFigures, Row, Table, tables
from untrim.reproduction.runner import collect, estimate, jobs_of, run_jobs
from untrim.reproduction.sharing import trained_alike
from untrim.reproduction.tables import reproduce
from untrim.reproduction.writing import markdown

ROWS = (Row(name="short", method="wsad", settings={"iterations": 2}, published=(50.0, 40.0)), Row(name="random"))
OTHER = PublishedFigures(published=(60.0, None), average=55.0)
TABLE = Table(title="Two rows", iou=(0.3, 0.5), rows=ROWS, others={"Other": OTHER})


@pytest.fixture
def data(corpus: tuple[FeatureFolder, Annotations], tmp_path: Path) -> TableData:
    folder, annotations = corpus
    write_annotations(annotations, tmp_path / "annotations.json")
    return TableData((folder.path,), (tmp_path / "annotations.json",))


@pytest.fixture
def jobs(data: TableData, tmp_path: Path) -> list[Job]:
    return jobs_of(ROWS, TABLE, data, tmp_path / "out", 2, None, {})


def times(jobs: list[Job]) -> list[int]:
    return [job.result.stat().st_mtime_ns for job in jobs]


def test_results_are_kept_and_set_beside_published_ones_where_they_apply(
    jobs: list[Job], data: TableData, tmp_path: Path
) -> None:
    run_jobs(jobs, 2)
    short, random = first = collect(ROWS, jobs)
    before = times(jobs)
    jobs[3].result.unlink()
    run_jobs(jobs, 1)
    assert [old == new for old, new in zip(before, times(jobs), strict=True)] == [True, True, True, False]
    assert [row.at(0) for row in collect(ROWS, jobs)] == [row.at(0) for row in first]

    other = jobs_of(ROWS, TABLE.model_copy(update={"iou": (0.1, 0.5)}), data, tmp_path / "out", 2, None, {})
    assert other[2].measured() is None

    with_published, without = (markdown("t", TABLE, first, ["A note."], published=shown) for shown in (True, False))
    assert "over seeds.\nA note.\n\n|" in without
    assert "| short | 50.0 | 40.0 |  |" in with_published
    assert "| Other | 60.0 |  | 55.0 |" in with_published
    assert "Published" not in without
    for row in short, random:
        mean = 50 * (row.results[0].mean[1] + row.results[1].mean[1])
        assert f" {mean:.1f} ± " in without
    single = markdown("t", TABLE, collect(ROWS, jobs[:1] + jobs[2:3]), [], published=False)
    assert "| short | {:.1f} | {:.1f} | ".format(*(100 * value for value in short.results[0].mean)) in single
    assert " ± " not in single.split("\n", 1)[1], "a single seed has no deviation"
    assert json.loads(jobs[0].result.read_text())["evaluation"]["mAP"] == list(short.results[0].mean)
    assert random.train_seconds is None
    assert "frame accuracy" not in without
    accuracy = [result.frame_accuracy for result in short.results]
    assert all(value is not None and 0 < value <= 1 for value in accuracy)
    assert random.frame_accuracy is None
    rows = (ROWS[0].model_copy(update={"frame_accuracy": 42.7}), ROWS[1])
    with_frames = markdown("t", TABLE.model_copy(update={"rows": rows}), first, [], published=True)
    assert f" | {50 * sum(value or 0 for value in accuracy):.1f} ± " in with_frames
    assert "| short | 50.0 | 40.0 |  | 42.7 |" in with_frames
    assert "| Other | 60.0 |  | 55.0 |  |" in with_frames


def test_an_estimate_keeps_nothing_and_counts_only_what_is_missing(jobs: list[Job], tmp_path: Path) -> None:
    whole = estimate(jobs)
    assert list(whole) == ["short"]
    assert whole["short"] > 0
    assert not (tmp_path / "out").exists()
    run_jobs(jobs)
    assert estimate(jobs) == {"short": 0}


def test_a_stopped_table_keeps_what_is_done_and_the_same_call_resumes(jobs: list[Job]) -> None:
    """Asked to stop after the first seed: the processes under way end, and nothing more begins."""
    seen: list[tuple[str, int, int, str]] = []

    def progress(what: str, done: int, total: int, note: str, /) -> None:
        seen.append((what, done, total, note))

    with pytest.raises(Stopped):
        run_jobs(jobs, 1, progress, should_stop=lambda: seen[-1][1] == 1)
    assert seen == [("reproduce", 0, 4, ""), ("reproduce", 1, 4, "short, seed 0")]
    assert [job.result.exists() for job in jobs] == [True, False, False, False]
    assert multiprocessing.active_children() == []
    kept = times(jobs[:1])
    run_jobs(jobs, 2, progress, should_stop=lambda: False)
    assert seen[2] == ("reproduce", 1, 4, "")
    assert seen[-1][1:3] == (4, 4)
    assert times(jobs[:1]) == kept


def test_what_makes_a_row_stands_and_an_unknown_value_is_said_at_once(data: TableData, tmp_path: Path) -> None:
    rows = (Row(name="untrained", method="wsad", settings={"iterations": 0}), Row(name="wsbm", method="wsbm"))
    jobs = jobs_of(rows, TABLE, data, tmp_path / "out", 1, None, {"iterations": 9})
    assert [json.loads(job.settings)["iterations"] for job in jobs] == [0, 9]
    with pytest.raises(UntrimError, match=r"row 'wsbm'.*unknown key 'kappa'"):
        jobs_of(rows, TABLE, data, tmp_path / "out", 1, None, {"kappa": 3})


def test_the_command_writes_table_and_figure(
    data: TableData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["untrim", "reproduce", "ecm:table4", "-f", str(data.features[0]), "-a", str(data.annotations[0])]
    command += [
        "-o",
        str(tmp_path / "out"),
        "--seeds",
        "1",
        "--jobs",
        "2",
        "--row",
        "pre",
        "--row",
        "all",
        "--dataset",
        "thumos14",
    ]
    command += ["--set", "iterations=2", "--set", "hidden=8"]
    monkeypatch.setattr(sys, "argv", command)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    assert "| all | 29.1 |  |" in capsys.readouterr().out
    rows = list(csv.DictReader((tmp_path / "out" / "ecm-table4.csv").open()))
    assert [(row["row"], row["iou"], row["published"]) for row in rows] == [
        ("pre", "0.5", "19.6"),
        ("all", "0.5", "29.1"),
    ]
    assert "<svg" in (tmp_path / "out" / "ecm-table4.svg").read_text()


def test_the_page_lists_every_table_and_figure_of_the_papers() -> None:
    page = (Path(__file__).parent.parent / "docs" / "reproduce.md").read_text()
    listed = {name for line in page.splitlines() if line.startswith("| `") for name in line.split(" | ")[0].split("`")}
    assert {name for name, table in tables().items() if table.dataset} - listed == set()


def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(jobs: list[Job], *_: object) -> None:
        assert [reason for alike in trained_alike(jobs) if (reason := measure(alike)) is not None] == []

    monkeypatch.setattr("untrim.reproduction.tables.run_jobs", run)


def test_rows_that_differ_in_localization_alone_are_trained_once_with_the_same_results(
    data: TableData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_this_process(monkeypatch)
    call = {"seeds": 2, "settings": {"iterations": 3, "hidden": 8, "input_scaling": "standard"}}
    together, apart = tmp_path / "together", tmp_path / "apart"
    both = reproduce("lpat:table3", data, together, **call)  # type: ignore[arg-type]
    assert "\nOne network per seed, localized in different ways: 'midrange', 'predicted'.\n" in both.markdown
    for row in "midrange", "predicted":
        alone = reproduce("lpat:table3", data, apart / row, rows=[row], **call)  # type: ignore[arg-type]
        assert "One network" not in alone.markdown
        for seed in "01":
            mine, theirs = (folder / "lpat-table3" / row for folder in (together, apart / row))
            for name in (f"{seed}.detections.json", f"{seed}/config.yaml", f"{seed}/model.safetensors"):
                assert (mine / name).read_bytes() == (theirs / name).read_bytes(), name
            kept, wanted = (json.loads((folder / f"{seed}.json").read_text()) for folder in (mine, theirs))
            own = {"peak_memory_mb", "train_seconds"}
            assert {key for key in wanted if kept[key] != wanted[key]} <= own
    seconds = {path.read_text() for path in together.glob("lpat-table3/*/*/metrics.jsonl")}
    assert len(seconds) == 2, "one training per seed"
    found = [(together / "lpat-table3" / row / "0.detections.json").read_text() for row in ("midrange", "predicted")]
    assert found[0] != found[1]


def test_a_row_whose_network_is_there_takes_no_time_to_train(
    data: TableData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("untrim.reproduction.runner._in_own_process", lambda alike, *_: measure(alike))
    rows = tuple(Row(name=f"gamma {g}", method="lpat", settings={"gamma": g, "iterations": 2}) for g in (0.1, 0.2))
    jobs = jobs_of(rows, TABLE, data, tmp_path / "out", 1, None, {})
    seconds = estimate(jobs)
    assert seconds["gamma 0.1"] > 0
    assert seconds["gamma 0.2"] == 0
    run_jobs(jobs[:1])
    assert estimate(jobs) == {"gamma 0.1": 0, "gamma 0.2": 0}
    seen: list[tuple[str, int, int, str]] = []
    run_jobs(jobs, progress=lambda *step: seen.append(step))
    assert seen == [("reproduce", 1, 2, ""), ("reproduce", 2, 2, "gamma 0.2, seed 0")]
    first, second = (job.run / "metrics.jsonl" for job in jobs)
    assert first.read_text() == second.read_text()


def test_no_figures_of_the_paper_beside_values_that_are_not_the_papers(
    data: TableData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_this_process(monkeypatch)

    def shown(recipe: str | None, dataset: str | None) -> tuple[str, list[str], str | None]:
        out, settings = tmp_path / str(recipe), {"iterations": 0}
        call = {"rows": ["all"], "seeds": 1, "recipe": recipe, "settings": settings, "dataset": dataset}
        measured = reproduce("wsbm:table1", data, out, **call)  # type: ignore[arg-type]
        csv_rows = list(csv.DictReader((out / "wsbm-table1.csv").open()))
        kept = json.loads((out / "wsbm-table1" / "all" / "0.json").read_text())["config"]["pooling"]
        return measured.markdown, [row["published"] for row in csv_rows], kept

    text, published, pooling = shown(None, "thumos14")
    assert "Values set, where they do not define a row: iterations=0.\n" in text
    assert "Recipes: wsbm-thumos14.\n" in text
    assert "| all | 60.4 | 56.0 |" in text
    assert published[:2] == ["60.4", "56.0"]
    assert pooling == "mean", "the paper's"

    text, published, pooling = shown("defaults", "thumos14")
    assert "\nThe rows have the project's values, not the paper's. So no published figures are shown.\n" in text
    assert "Published" not in text
    assert {*published} == {""}
    assert pooling == "normalized", "the project's"

    text, published, _ = shown(None, "activitynet12")
    assert "published figures are for thumos14, not for activitynet12" in text
    assert "Published:" not in text
    assert {*published} == {""}
    assert {*shown(None, None)[1]} == {""}


def test_a_row_takes_the_second_training_set_and_is_passed_over_without_one(
    data: TableData,
    corpus: tuple[FeatureFolder, Annotations],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    in_this_process(monkeypatch)
    folder, annotations = corpus
    micro = Annotations([replace(video, name=f"micro {name}") for name, video in annotations.items()])
    more = FeatureFolder(tmp_path / "micro", folder.info)
    more.path.mkdir()
    more.save_info()
    for name in annotations:
        more.save(f"micro {name}", folder.load(name))
    write_annotations(micro, tmp_path / "micro.json")
    call = ["untrim", "reproduce", "wsbm:table2", "-f", str(data.features[0]), "-a", str(data.annotations[0])]
    call += ["-o", str(tmp_path / "out"), "--seeds", "1", "--set", "iterations=0"]

    def run(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", [*call, *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 0
        return capsys.readouterr().out

    line = "Passed over: row 'WSBM + MV' needs a second training set (give it with --second-corpus)."
    assert line in run().splitlines()
    jobs = {name: tmp_path / "out" / "wsbm-table2" / name / "0.json" for name in ("WSBM", "WSBM---MV")}
    assert [path.exists() for path in jobs.values()] == [True, False]
    before = json.loads(jobs["WSBM"].read_text())["key"]
    assert line not in run("--second-corpus", str(tmp_path / "micro"), str(tmp_path / "micro.json"))
    assert json.loads(jobs["WSBM"].read_text())["key"] == before, "the other rows stay as they are"
    trained_on = json.loads((jobs["WSBM---MV"].parent / "0" / "trained_on.json").read_text())["videos"]
    training = {video.name for video in annotations.values() if video.subset == "training"}
    assert {video["name"] for video in trained_on} == training | {f"micro {name}" for name in training}
    with pytest.raises(UntrimError, match="second_corpus: 1 paths"):
        TableData(data.features, data.annotations, second_corpus=("micro",))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["wsbm:tabel1"], "did you mean 'wsbm:table1'"),
        (["wsbm:table1", "--row", "al"], "did you mean 'all'"),
        (["wsbm:table1", "--row", "all", "--set", "sigmaa=1"], "did you mean 'sigma'"),
        (["wsbm:table1", "--recipe", "wsbm-thumos14"], "unknown recipe 'wsbm-thumos14' (did you mean 'stpn-thumos14'"),
        (["wsbm:table2", "--row", "WSBM + MV"], "row 'WSBM + MV' needs a second training set"),
        (["project:methods", "--row", "supervised upper bound"], "labels without segments"),
    ],
)
def test_a_wrong_call_is_one_line(
    arguments: list[str],
    message: str,
    data: TableData,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    places = ["-f", str(data.features[0]), "-a", str(data.annotations[0]), "-o", str(tmp_path / "out"), "--seeds", "1"]
    monkeypatch.setattr(sys, "argv", ["untrim", "reproduce", *arguments, *places])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("untrim:")]
    assert len(lines) == 1
    assert message in lines[0]
