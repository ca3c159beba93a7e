import json
from html.parser import HTMLParser
from pathlib import Path

import pytest

from untrim import Run
from untrim.annotations import Annotations
from untrim.features.store import FeatureFolder
from untrim.training.loop import train


class Shown(HTMLParser):
    """Texts and tags of HTML; every tag that is opened must be closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text, self.tags, self._open = "", list[str](), list[str]()
        self.feed(html)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)
        if tag != "br":
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += f"{data}\n"


@pytest.fixture
def run(corpus: tuple[FeatureFolder, Annotations], tmp_path: Path) -> Run:
    return train("wsad", [corpus], tmp_path / "run", settings={"iterations": 5, "hidden": 8}, rehearsal=False)


def test_a_run_says_what_it_is_and_draws_its_loss(run: Run) -> None:
    shown = Shown(run._repr_html_())
    assert repr(run) in shown.text
    for words in ("jump, run, throw", "test (rgb 48)", "12 videos of subset training", "at step 5"):
        assert words in shown.text
    assert shown.tags.count("polyline") == 1
    assert "http" not in run._repr_html_()


def test_hostile_names_are_text(run: Run) -> None:
    labels = {"schema": 1, "labels": ["<script>alert(1)</script>", "run", "throw"]}
    (run.path / "labels.json").write_text(json.dumps(labels))
    shown = Shown(Run.open(run.path)._repr_html_())
    assert "script" not in shown.tags
    assert "<script>" in shown.text


DAMAGED = ["", "{", "[]\n", '{"sources": 3}\n', '{"sources": [3, {"videos": "x"}], "warnings": 3}\n']


def test_what_is_damaged_is_left_out(run: Run) -> None:
    for name in ("outcome.json", "metrics.jsonl"):
        for content in DAMAGED:
            (run.path / name).write_text(content)
            assert repr(run) in Shown(run._repr_html_()).text
        (run.path / name).unlink()
        assert repr(run) in Shown(run._repr_html_()).text
