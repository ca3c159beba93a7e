import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from untrim import recipes
from untrim.data.summary import DataSummary
from untrim.errors import UntrimError
from untrim.methods import METHODS, load_method
from untrim.reproduction.measuring import TableData
from untrim.reproduction.published import Row, find_table, tables
from untrim.reproduction.runner import jobs_of
from untrim.support.validation import validate
from untrim.training.configuration import configure, recipe_names

RECIPES = Path(str(recipes.__file__)).parent
PAPERS = ("wsad", "wsbm", "lpat", "ecm")


@pytest.fixture
def summary() -> DataSummary:
    return DataSummary(
        200,
        20,
        64,
        1.1,
        np.arange(100, 300),
        np.zeros(64, np.float32),
        np.ones(64, np.float32),
        np.ones(64, np.float32),
    )


@pytest.mark.parametrize("name", recipe_names())
def test_a_recipe_is_a_config_of_its_method_and_cites_each_value(name: str, summary: DataSummary) -> None:
    method = load_method(name.split("-")[0])
    text = (RECIPES / f"{name}.yaml").read_text()
    values = yaml.safe_load(text)
    config = configure(method, summary, name, {})
    assert {key: getattr(config, key) for key in values} == values
    assert all(line.partition("#")[2].strip() for line in text.splitlines())


def test_every_method_of_a_papers_table_has_a_recipe_for_its_dataset() -> None:
    needed = {f"{row.method}-{table.dataset}" for table in tables().values() if table.dataset for row in table.rows}
    assert needed <= {*recipe_names()}


def test_every_paper_has_a_recipe_for_each_of_its_datasets() -> None:
    of_papers = {(name.split(":")[0], table.dataset) for name, table in tables().items() if table.dataset}
    assert {paper for paper, _ in of_papers} == {*PAPERS}
    assert {f"{paper}-{dataset}" for paper, dataset in of_papers} <= {*recipe_names()}


def test_an_unknown_recipe_names_the_nearest(summary: DataSummary) -> None:
    with pytest.raises(UntrimError, match="did you mean 'ecm-thumos14'"):
        configure(load_method("ecm"), summary, "ecm-thumos", {})


def test_a_recipe_of_another_method_is_refused(summary: DataSummary) -> None:
    with pytest.raises(UntrimError, match=r"unknown recipe 'wsbm-thumos14'.*did you mean 'stpn-thumos14'"):
        configure(load_method("stpn"), summary, "wsbm-thumos14", {})


SAME = {
    "ecm-activitynet12": "paper_activitynet12",
    "ecm-activitynet13": "paper_activitynet13",
    "ecm-thumos14": "paper",
    "lpat-thumos14": "paper",
    "lpat-activitynet12": "paper_activitynet",
    "wsad-thumos14": "paper",
    "wsad-thumos14-official": "official",
    "wsbm-thumos14": "paper",
    "wtalc-thumos14": "official",
}


@pytest.mark.parametrize(("recipe", "preset"), SAME.items())
def test_a_recipe_says_the_same_as_the_preset(recipe: str, preset: str, summary: DataSummary) -> None:
    """But for LPAT's w_b, which the recipe gives as the number that the preset's 1 / C is on that dataset."""
    method = load_method(recipe.split("-")[0])
    of_recipe, of_preset = (configure(method, summary, name, {}).model_dump() for name in (recipe, preset))
    classes = {"thumos14": 20, "activitynet12": 100}
    if method is load_method("lpat"):
        assert of_recipe.pop("background_weight") == 1 / classes[recipe.split("-")[1]]
        assert of_preset.pop("background_weight") is None
    assert of_recipe == of_preset


@pytest.mark.parametrize("name", [name for name, table in tables().items() if table.dataset])
def test_a_row_of_a_papers_table_has_its_methods_recipe_there_but_for_what_it_states(
    name: str, summary: DataSummary, tmp_path: Path
) -> None:
    table, data = find_table(name), TableData((tmp_path,), (tmp_path,), second_corpus=(tmp_path, tmp_path))
    for given in (None, "paper"):
        jobs = jobs_of(table.rows, table, data, tmp_path, 1, given, {})
        for row, job in zip(table.rows, jobs, strict=True):
            assert row.method is not None
            method = load_method(row.method)
            config = configure(method, summary, job.recipe, json.loads(job.settings)).model_dump()
            values = yaml.safe_load((RECIPES / f"{row.method}-{table.dataset}.yaml").read_text())
            paper = method.Config(**values).model_dump()
            assert {key for key in paper if config[key] != paper[key]} <= row.settings.keys()
            assert {key: config[key] for key in row.settings} == row.settings


def test_a_recipe_follows_the_dataset_of_the_table(tmp_path: Path, summary: DataSummary) -> None:
    def config(name: str, row_name: str, recipe: str | None) -> dict[str, object]:
        table = find_table(name)
        row = next(row for row in table.rows if row.name == row_name)
        job = jobs_of([row], table, TableData((tmp_path,), (tmp_path,)), tmp_path, 1, recipe, {})[0]
        return configure(load_method(job.method or ""), summary, job.recipe, json.loads(job.settings)).model_dump()

    for table, max_snippets, gamma in (("ecm:table3", 750, 0.15), ("ecm:table2", 100, 0.45)):
        assert config(table, "ECM", "paper").items() >= {"max_snippets": max_snippets, "gamma": gamma}.items()
    for table, max_snippets, weight in (("lpat:table1", 320, 0.2), ("lpat:table2", 750, 0.4)):
        expected = {"max_snippets": max_snippets, "lambda_clas": weight, "temconv": True}
        assert config(table, "LPAT + TemConv", None).items() >= expected.items()
    defaults = configure(load_method("ecm"), summary, None, {}).model_dump()
    assert config("ecm:table2", "ECM", "defaults") == defaults == config("project:methods", "ECM", None)
    for table, preset in (("ecm:table3", ""), ("ecm:table1", "_activitynet12"), ("ecm:table2", "_activitynet13")):
        expected = configure(load_method("ecm"), summary, f"official{preset}", {}).model_dump()
        assert config(table, "ECM", "official") == expected, "the authors' values for that dataset"


def test_in_wsbm_table_1_the_first_rows_are_stpns(summary: DataSummary) -> None:
    first, second, *others = find_table("wsbm:table1").rows
    assert [row.method for row in (first, second)] == ["stpn", "stpn"]
    assert {row.method for row in others} == {"wsbm"}
    weights = [configure(load_method("stpn"), summary, "stpn-thumos14", row.settings) for row in (first, second)]
    assert [config.model_dump()["sparsity_weight"] for config in weights] == [0, 0.04]


@pytest.mark.parametrize("name", [name for name, table in tables().items() if table.dataset])
def test_rows_differ_under_the_recipe_of_the_dataset_too(name: str, summary: DataSummary) -> None:
    """A row that leaves to the defaults what makes it that row would be another one's twin under a recipe."""
    table = find_table(name)
    for method in {row.method for row in table.rows if row.method is not None}:
        rows = [row for row in table.rows if row.method == method]
        for recipe in (None, f"{method}-{table.dataset}"):
            configs = [
                (row.second_corpus, configure(load_method(method), summary, recipe, row.settings).model_dump_json())
                for row in rows
            ]
            assert len({*configs}) == len(rows)


ROWS = [(name, row) for name, table in tables().items() for row in table.rows]


@pytest.mark.parametrize(("table", "row"), ROWS, ids=[f"{name}-{row.name}" for name, row in ROWS])
def test_a_row_can_be_run(table: str, row: Row, summary: DataSummary) -> None:
    assert len(row.published) in (0, len(find_table(table).iou))
    if row.method is not None:
        assert row.method in METHODS.built_in
        configure(load_method(row.method), summary, row.recipe, row.settings)


def test_tables_hold_what_the_papers_say() -> None:
    assert find_table("wsbm:table1").rows[-1].published[4] == 26.8
    assert [row.published[2] for row in find_table("wsad:table3").rows] == [14.0, 28.4, 29.6]
    assert [row.published for row in find_table("ecm:table4").rows] == [
        (19.6,),
        (17.1,),
        (22.8,),
        (24.2,),
        (23.4,),
        (29.1,),
    ]
    assert find_table("lpat:table3").rows[1].published == (46.7, 37.5, 27.9, 17.6, 10.0)
    assert find_table("ecm:class_agnostic").rows[0].published == (27.6,)
    assert find_table("lpat:table2").others["CMCS (static clips)"].average == 22.4
    assert find_table("ecm:table2").others["BMN (full supervision)"].average == 33.9
    assert len(find_table("ecm:table1").others) == 11


# Where the paper's own average is not the mean of its figures.
MISPRINTED = {"wsad:table3 contrastive", "lpat:table1 TAL-Net (full supervision)"}


@pytest.mark.parametrize("name", tables())
def test_an_average_is_the_mean_of_its_figures(name: str) -> None:
    table = find_table(name)
    for system, said in [*((row.name, row) for row in table.rows), *table.others.items()]:
        assert len(said.published) in (0, len(table.iou))
        figures = [figure for figure in said.published if figure is not None]
        if said.average is not None and len(figures) == len(table.iou) and f"{name} {system}" not in MISPRINTED:
            assert sum(figures) / len(figures) == pytest.approx(said.average, abs=0.1), system


def test_a_table_that_is_not_there_names_the_nearest() -> None:
    with pytest.raises(UntrimError, match="did you mean 'wsbm:table1'"):
        find_table("wsbm:tabel1")
    with pytest.raises(UntrimError, match="published"):
        validate(Row, {"name": "x", "published": [120.0]}, "a table")
