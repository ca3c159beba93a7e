"""What a training was given and what it used, at its start and at its end."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from helpers import run_untrim
from untrim.annotations import Annotations, Video, write_annotations
from untrim.data.dataset import TrainingVideos
from untrim.data.summary import summarize
from untrim.features.store import FeatureFolder
from untrim.timeline import Instance, Point, Segment
from untrim.training.checkpoint import Run
from untrim.training.loop import train
from untrim.training.resuming import data_of
from untrim.training.tracking import describe_outcome

Corpus = tuple[FeatureFolder, Annotations]
FEW = {"iterations": 20, "hidden": 8, "max_snippets": 15}


@pytest.fixture
def every_kind(corpus: Corpus) -> Corpus:
    """Twelve training videos: two pointed, one with a segment, one marked to the end, one in which nothing happens."""
    folder, annotations = corpus
    videos = dict(annotations)
    for name in ("video00", "video01"):
        label = videos[name].labels[0]
        videos[name] = replace(videos[name], points=(Point(label, 5.0), Point(label, 6.0)))
    for name, whole in (("video02", False), ("video03", True)):
        marked = (Instance(videos[name].labels[0], Segment(3.2, 6.4)),)
        videos[name] = replace(videos[name], instances=marked, exhaustive=whole)
    videos["video04"] = replace(videos["video04"], labels=(), exhaustive=True)
    return folder, Annotations(videos.values(), source="test")


GIVEN = "11 videos tagged, 1 in which nothing happens, 4 points, 2 segments, 1 video with all instances of every class"


def test_the_start_and_the_end_say_it(every_kind: Corpus, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, annotations = every_kind
    write_annotations(annotations, tmp_path / "labels.json")
    few = ("--set", "iterations=20", "--set", "hidden=8")
    given = ("train", "-m", "wtalc", "-f", folder.path, "-a", tmp_path / "labels.json")
    assert run_untrim(*given, "-o", tmp_path / "run", *few) == 0
    said = capsys.readouterr().out.splitlines()
    count = [len(folder.load(name)) for name in ("video03", "video04")]
    happens, does_not = 4 + 5 + 5, 3 * sum(count) - 5
    pairs = 3 * sum(len(folder.load(name)) for name in annotations.subset("training"))
    assert said[0] == f"given: {GIVEN}"
    assert said[-3] == (
        f"learned from {GIVEN}: a class happens in {happens} snippets, and does not in {does_not}, of {pairs:,} "
        "to know; weight 0.4167"
    )
    outcome = json.loads((tmp_path / "run" / "outcome.json").read_text())
    assert outcome["snippets"] == {"happens": happens, "does_not": does_not, "pairs": pairs, "weight": 0.4167}
    assert (outcome["labels"]["points"], outcome["labels"]["all_of_every"]) == (4, 1)
    assert GIVEN in (tmp_path / "run" / "README.md").read_text()
    assert "add_known" in (tmp_path / "run" / "metrics.jsonl").read_text()


def test_a_recipe_for_names_alone_says_so(every_kind: Corpus, tmp_path: Path) -> None:
    run = train("wtalc", [every_kind], tmp_path / "run", recipe="paper", settings=FEW)
    assert describe_outcome(run)[1] == f"learned from video-level labels alone, of {GIVEN}: add_known is 0"
    assert "video-level labels only" in (run.path / "README.md").read_text()
    names = every_kind[0], every_kind[1].without_segments("training")
    alone = train("wtalc", [names], tmp_path / "names", recipe="paper", settings=FEW)
    weights = [(path / "model.safetensors").read_bytes() for path in (run.path, alone.path)]
    assert weights[0] == weights[1], "neither a loss nor a crop knows of times"


def test_of_names_alone_there_is_no_more_to_say(corpus: Corpus, tmp_path: Path) -> None:
    run = train("wtalc", [corpus], tmp_path / "run", settings=FEW)
    assert not any("learned from" in line for line in describe_outcome(run))
    assert json.loads((run.path / "outcome.json").read_text())["snippets"] is None
    assert "add_known" not in (run.path / "metrics.jsonl").read_text()


def test_labels_of_every_kind_are_in_the_digest_of_the_data(corpus: Corpus) -> None:
    folder, annotations = corpus
    label = annotations["video00"].labels[0]
    run_, jump = Instance(label, Segment(1, 2)), Point(label, 3.0)
    changes: list[dict[str, object]] = [
        {},
        {"instances": (run_,)},
        {"instances": (run_,), "exhaustive": (label,)},
        {"instances": (run_,), "exhaustive": True},
        {"points": (jump,)},
        {"points": (jump, jump)},
        {"labels": (), "exhaustive": True},
    ]

    def digest(video: Video) -> str:
        videos = TrainingVideos([(folder, Annotations([video, annotations["video01"]]))])
        return data_of(videos, summarize(videos), None).videos[0].labels

    assert len({digest(replace(annotations["video00"], **change)) for change in changes}) == len(changes)


def test_wsad_sees_videos_in_which_nothing_happens_though_groups_fill_its_batches(
    every_kind: Corpus, tmp_path: Path
) -> None:
    run = train("wsad", [every_kind], tmp_path / "run", settings=FEW, rehearsal=False)
    assert run.config.groups * run.config.group_videos == run.config.batch_size
    model = Run.open(run.path).load_model(torch.device("cpu"))
    assert model.background.level.all()
