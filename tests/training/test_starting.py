"""Training that starts from a finished run."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from helpers import new_folder
from untrim.annotations import Annotations, Video
from untrim.data.dataset import Batch
from untrim.errors import Stopped, UntrimError
from untrim.features.store import FeatureFolder
from untrim.methods.consensus import Consensus, ConsensusActivations
from untrim.timeline import Instance, Segment
from untrim.training.checkpoint import Run
from untrim.training.loop import train
from untrim.training.metrics import read_metrics
from untrim.training.operating_point import read_operating_point
from untrim.training.starting import late_progress
from untrim.training.tracking import describe_outcome

Corpus = tuple[FeatureFolder, Annotations]
SHORT = {"iterations": 40, "hidden": 8}


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    rng = np.random.default_rng(0)
    folder = new_folder(tmp_path / "features", rgb=6)
    videos = []
    for n in range(8):
        features = rng.normal(size=(30, 6))
        features[10:20, n % 2] += 4
        folder.save(f"video{n}", features)
        videos.append(Video(f"video{n}", "training", 19.2, labels=("jump" if n % 2 else "run",)))
    return folder, Annotations(videos)


def test_it_takes_a_tenth_of_the_steps_from_the_weights_that_are_there(corpus: Corpus, tmp_path: Path) -> None:
    first = train("consensus", [corpus], tmp_path / "first", settings=SHORT)
    second = train(None, [corpus], tmp_path / "second", start=first)
    assert second.method == "consensus"
    assert second.config == first.config
    assert Run.open(second.path).start == str(first.path)
    metrics = read_metrics(second.path / "metrics.jsonl")
    assert metrics["iteration"].tolist() == [37, 38, 39, 40]
    cpu = torch.device("cpu")
    before, after = first.load_model(cpu).state_dict(), second.load_model(cpu).state_dict()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert {name.split(".")[0] for name in moved} == {
        "blocks",
        "threshold",
        "classifier",
        "variances",
        "filled",
        "levels",
    }


def test_the_last_tenth_of_each_stage_comes_once_more() -> None:
    shares = (0.0, 0.25, 0.5, 0.75, 1.0)
    assert [late_progress(share, (1.0,)) for share in shares] == pytest.approx([0.9, 0.925, 0.95, 0.975, 1])
    assert [late_progress(share, (0.5, 1.0)) for share in shares] == pytest.approx([0.45, 0.475, 0.95, 0.975, 1])


def test_the_teachers_learn_the_corrections_before_the_classifier(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = train("consensus", [corpus], tmp_path / "first", settings=SHORT, rehearsal=False)
    seen = list[tuple[float, bool]]()
    losses = Consensus.losses

    def watched(self: Consensus, activations: ConsensusActivations, batch: Batch) -> dict[str, torch.Tensor]:
        seen.append((batch.progress, activations.block_scores.requires_grad))
        return losses(self, activations, batch)

    monkeypatch.setattr(Consensus, "losses", watched)
    train(None, [corpus], tmp_path / "second", start=first)
    assert seen == [(pytest.approx(p), p < 0.5) for p in (0.45, 0.475, 0.95, 0.975)]


def test_it_learns_from_corrections_though_the_run_before_knew_names_alone(corpus: Corpus, tmp_path: Path) -> None:
    folder, annotations = corpus
    videos = dict(annotations)
    marked = Instance("run", Segment(6.4, 12.8))
    videos["video0"] = replace(videos["video0"], instances=(marked,), exhaustive=True)
    corrected = folder, Annotations(videos.values())
    first = train("consensus", [corpus], tmp_path / "first", settings=SHORT, rehearsal=False)
    second = train(None, [corrected], tmp_path / "second", start=first)
    assert (first.config.add_known, second.config.add_known) == (0.0, 0.125), "one of eight videos tells times"
    assert "weight 0.125" in describe_outcome(second)[1]
    assert train(None, [corrected], tmp_path / "third", start=first, settings={"add_known": 0}).config == first.config


def test_a_recipe_for_names_alone_stays_what_it_is(corpus: Corpus, tmp_path: Path) -> None:
    folder, annotations = corpus
    videos = [replace(one, instances=(Instance(one.labels[0], Segment(6.4, 12.8)),)) for one in annotations.values()]
    few = {"iterations": 10, "max_snippets": 30}
    first = train("wtalc", [corpus], tmp_path / "first", recipe="paper", settings=few)
    second = train(None, [(folder, Annotations(videos))], tmp_path / "second", start=first)
    third = train(None, [(folder, Annotations(videos))], tmp_path / "third", start=second)
    assert [run.config.add_known for run in (second, third)] == [0, 0]
    assert "paper, seed 0" in (third.path / "README.md").read_text()


def test_stopped_at_any_step_it_ends_with_the_same_weights(corpus: Corpus, tmp_path: Path) -> None:
    first = train("wsad", [corpus], tmp_path / "first", settings={"iterations": 40})
    whole = train(None, [corpus], tmp_path / "whole", start=first)

    def after_two() -> Iterator[bool]:
        yield from (False, False)
        while True:
            yield True

    asked = after_two()
    with pytest.raises(Stopped):
        train(None, [corpus], tmp_path / "stopped", start=first, should_stop=lambda: next(asked))
    resumed = train(None, [corpus], tmp_path / "stopped", start=first, resume=True)
    weights = [(run.path / "model.safetensors").read_bytes() for run in (whole, resumed)]
    assert weights[0] == weights[1]
    with pytest.raises(UntrimError, match="different start"):
        train("wsad", [corpus], tmp_path / "stopped", settings={"iterations": 40}, resume=True)


def test_the_operating_point_stays_along_a_chain(corpus: Corpus, tmp_path: Path) -> None:
    """Each network knows the videos that were held out from the first rehearsal."""
    run = train("wsad", [corpus], tmp_path / "0", settings={"iterations": 10})
    chosen = read_operating_point(run)
    assert chosen is not None
    assert (chosen.held_out, chosen.kept, chosen.videos) == (True, False, 2)
    for number in (1, 2):
        run = train(None, [corpus], tmp_path / str(number), start=run)
        assert read_operating_point(run) == chosen.model_copy(update={"kept": True})
    said = "chosen by the labels of 2 videos that were held out for the run that this one started from"
    assert f"scores: from 0.5 on a detection counts as found; {said}" in describe_outcome(run)
    assert said in (run.path / "README.md").read_text()
    assert "2 videos for the run that this one started from" in run._repr_html_()


def test_an_operating_point_that_does_not_fit_is_chosen_anew(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that was chosen by videos that were trained on, and one of other values, which make other scores."""
    settings = {"iterations": 10}
    without = train("wsad", [corpus], tmp_path / "without", settings=settings, rehearsal=False)
    first = train("wsad", [corpus], tmp_path / "first", settings=settings)
    for name, start, more in (("a", without, {}), ("b", first, {"gamma": 0.0}), ("d", first, {"dropout": 0.1})):
        run = train(None, [corpus], tmp_path / name, start=start, settings=more)
        monkeypatch.chdir(tmp_path)
        again = train(None, [corpus], tmp_path / name, start=start.path.name, settings=more, resume=True)
        assert again.start == run.start  # The same folder, named in another way.
        point = read_operating_point(run)
        assert point is not None
        assert (point.held_out, point.kept, point.videos) == (False, False, 8)
        assert "which sets it too high" in describe_outcome(run)[1]
    (first.path / "outcome.json").write_text('{"operating_point": 3}')
    with pytest.raises(UntrimError, match="operating_point: 'the whole'"):
        train(None, [corpus], tmp_path / "c", start=first)
    assert not (tmp_path / "c").exists()


def test_what_cannot_be_kept_to_is_one_line(corpus: Corpus, tmp_path: Path) -> None:
    folder, annotations = corpus
    first = train("wsad", [corpus], tmp_path / "first", settings={"iterations": 10})
    renamed = Annotations([replace(video, labels=("walk",)) for video in annotations.values()])
    for message, call in {
        "is a run of wsad, not of lpat": {"method": "lpat"},
        "has its values": {"recipe": "paper"},
        "has seen the videos": {"select": "weak"},
    }.items():
        with pytest.raises(UntrimError, match=message):
            train(**{"method": None, "sources": [corpus], "output": tmp_path / "second", "start": first, **call})  # type: ignore[arg-type]
    for message, values in {
        "the features do not know the mirror image": {"mirrored": True},
        "'batch_size': 1000000000000 videos": {"batch_size": 10**12},
        "does not fit the network that is asked for": {"hidden": 5},
    }.items():
        with pytest.raises(UntrimError, match=message):
            train(None, [corpus], tmp_path / "second", start=first, settings=values)
    with pytest.raises(UntrimError, match="classes are not those of the annotations: jump, run, walk"):
        train(None, [(folder, renamed)], tmp_path / "second", start=first)
    (first.path / "model.safetensors").unlink()
    with pytest.raises(UntrimError, match="not trained to the end"):
        train(None, [corpus], tmp_path / "second", start=first)
    assert not (tmp_path / "second").exists()
