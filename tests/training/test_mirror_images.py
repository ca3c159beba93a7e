"""Mirror images of the training videos, where features know them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from untrim.annotations import Annotations, Video
from untrim.data.dataset import TrainingVideos
from untrim.errors import Stopped, UntrimError
from untrim.features.backbones import mirrored_columns
from untrim.features.backbones.hoghof import HogHof, HogHofConfig
from untrim.features.store import FeatureFolder
from untrim.training import settled
from untrim.training.loop import train
from untrim.training.tracking import describe_outcome

Corpus = tuple[FeatureFolder, Annotations]
SETTINGS = {"iterations": 40, "hidden": 8, "max_snippets": 12}


def made(path: Path, labels: tuple[str, ...] = ("jump", "run"), **settings: object) -> Corpus:
    """Twelve videos whose features are random and say that they are of hoghof."""
    info = HogHof(HogHofConfig(parts=1, grids=False, **settings)).info("hoghof")  # type: ignore[arg-type]
    folder, rng = FeatureFolder(path, info), np.random.default_rng(0)
    path.mkdir()
    folder.save_info()
    videos = [Video(f"v{index:02d}", "training", labels=(labels[index % len(labels)],)) for index in range(12)]
    for index, video in enumerate(videos):
        folder.save(video.name, rng.random((20 + index, info.dim), np.float32))
    return folder, Annotations(videos, source="made")


def drawn(videos: TrainingVideos, mirrored: bool, seed: int = 0) -> list[tuple[int, np.ndarray, np.ndarray]]:
    """Index, snippets and features of each video of a batch of all."""
    count, rng = len(videos), np.random.default_rng(seed)
    batch = videos.batch(np.arange(count), -np.ones(count, np.int64), 12, "contiguous", rng, mirrored=mirrored)
    rows = zip(batch.drawn, batch.features.numpy(), strict=True)
    return [(index, snippets, features[: len(snippets)]) for (index, snippets), features in rows]


def test_about_half_of_a_batch_are_mirror_images_of_the_same_crops(tmp_path: Path) -> None:
    videos = TrainingVideos([made(tmp_path / "features")])
    columns, count = videos.mirrored, len(videos)
    assert columns is not None
    np.testing.assert_array_equal(columns[columns], np.arange(len(columns)))
    turned = 0
    for seed in range(20):
        for (index, snippets, features), (plain, same, wanted) in zip(
            drawn(videos, True, seed), drawn(videos, False, seed), strict=True
        ):
            assert index % count == plain < count
            np.testing.assert_array_equal(snippets, same)
            np.testing.assert_array_equal(features, wanted if index == plain else wanted[:, columns])
            np.testing.assert_array_equal(features, videos.features(index)[snippets])
            turned += index >= count
    assert 0.4 < turned / (20 * count) < 0.6


def test_who_knows_mirror_images(tmp_path: Path, corpus: Corpus) -> None:
    sides = [{}, {"left_right": False}, {"streams": ("flow",)}]
    folders = [made(tmp_path / str(index), **settings)[0] for index, settings in enumerate(sides)]  # type: ignore[arg-type]
    known = [mirrored_columns(folder.info) for folder in folders]
    assert [None if columns is None else len(columns) for columns in known] == [396, None, 300]
    assert mirrored_columns(corpus[0].info) is None
    info = folders[0].info
    others = ({"recipe": {"wings": 2}}, {"recipe": {**info.recipe, "parts": 2}}, {"backbone": "nobody's"})
    assert [mirrored_columns(info.model_copy(update=other)) for other in others] == [None] * 3


@pytest.mark.parametrize(
    ("method", "labels", "wanted"),
    [
        ("consensus", ("jump", "run"), True),
        ("consensus", ("jump", "turnLeft"), False),
        ("wsad", ("jump", "run"), False),
    ],
)
def test_the_own_method_trains_on_them_unless_a_class_names_a_side(
    method: str, labels: tuple[str, ...], wanted: bool, tmp_path: Path
) -> None:
    run = train(method, [made(tmp_path / "f", labels)], tmp_path / "run", settings=SETTINGS, rehearsal=False)
    assert run.config.mirrored == wanted
    assert any(line.startswith("mirror images: ") for line in describe_outcome(run)) == wanted


def test_features_that_do_not_know_them_are_refused(tmp_path: Path, corpus: Corpus) -> None:
    with pytest.raises(UntrimError, match="mirrored is true, but the features do not know"):
        train("consensus", [corpus], tmp_path / "run", settings={**SETTINGS, "mirrored": True}, rehearsal=False)
    assert not (tmp_path / "run").exists()


def test_a_run_from_before_is_resumed_as_it_was(tmp_path: Path) -> None:
    source, asked = made(tmp_path / "features"), iter(range(10))

    def go(resume: bool, **values: object) -> None:
        stop = None if resume else lambda: next(asked, None) is None
        how = {"settings": {**SETTINGS, **values}, "rehearsal": False, "resume": resume, "should_stop": stop}
        train("consensus", [source], tmp_path / "run", **how)  # type: ignore[arg-type]

    with pytest.raises(Stopped):
        go(resume=False, mirrored=False)
    with pytest.raises(UntrimError, match=r"different mirrored .*resume what is there with --set mirrored=false"):
        go(resume=True)
    go(resume=True, mirrored=False)


def test_teachers_are_asked_of_mirror_images_too_and_a_stop_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, one_thread: None
) -> None:
    source = made(tmp_path / "features")

    def weights(path: Path, **how: object) -> dict[str, torch.Tensor]:
        run = train("consensus", [source], path, settings=SETTINGS, rehearsal=False, **how)  # type: ignore[arg-type]
        return load_file(run.path / "model.safetensors")

    whole = weights(tmp_path / "whole")
    steps = iter(range(33))
    with pytest.raises(Stopped):
        weights(tmp_path / "run", should_stop=lambda: next(steps, None) is None)
    for name, value in weights(tmp_path / "run", resume=True).items():
        assert torch.equal(value, whole[name]), name
    monkeypatch.setattr(settled, "_MOST", 0)
    for name, value in weights(tmp_path / "always").items():
        torch.testing.assert_close(value, whole[name], rtol=1e-3, atol=1e-4, msg=name)
