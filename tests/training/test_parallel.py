import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.torch import load_file

from untrim.annotations import Annotations
from untrim.errors import UntrimError
from untrim.features.store import FeatureFolder
from untrim.methods.wsbm import WSBM, WSBMConfig
from untrim.training.loop import train
from untrim.training.parallel import World, video_dimensions

SETTINGS: dict[str, object] = {"iterations": 30, "dropout": 0.0, "learning_rate": 1e-3, "warmup": 0.2}
METHODS: dict[str, dict[str, object]] = {
    "wsad": {"groups": 2, "group_videos": 3, "batch_size": 9, "clip_gradient": 1.0},
    "wsbm": {"batch_size": 5},
    "lpat": {"batch_size": 5, "hidden": 8, "add_coactivity": 1.0, "groups": 2},
    "ecm": {"batch_size": 3, "hidden": 8, "max_snippets": 16},
    "wtalc": {"batch_size": 7, "groups": 2, "group_videos": 3},
    "consensus": {"batch_size": 5, "hidden": 8, "teacher_dropout": 0.0},
}
SCRIPT = """
import atexit, json, os, sys, weakref
import torch.distributed as dist
from untrim import FeatureFolder, read_annotations, train

def check_group_has_ended():
    if group() is not None:
        os._exit(3)

atexit.register(check_group_has_ended)  # Handlers run in reverse order: after the one that ends the group.
folder, annotations, output, methods = sys.argv[1:]
sources = [(FeatureFolder.open(folder), read_annotations(annotations))]
for method, settings in json.loads(methods).items():
    train(method, sources, f"{output}/{method}", settings=settings)
group = weakref.ref(dist.group.WORLD)
"""


def torchrun(arguments: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **environment}
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=150)


def test_two_processes_train_as_one(mixed: tuple[FeatureFolder, Annotations], tmp_path: Path) -> None:
    """Multi-label videos, groups, odd batches and videos of all lengths: losses are no plain means over videos."""
    settings = {method: {**SETTINGS, **values} for method, values in METHODS.items()}
    (tmp_path / "script.py").write_text(SCRIPT)
    arguments = [mixed[0].path, tmp_path / "mixed.json", tmp_path / "two", json.dumps(settings)]
    done = torchrun([str(tmp_path / "script.py"), *map(str, arguments)])
    assert done.returncode == 0, done.stderr
    for method, values in settings.items():
        one = train(method, [mixed], tmp_path / "one" / method, settings=values)
        expected, found = (
            load_file(folder / method / "model.safetensors") for folder in (one.path.parent, tmp_path / "two")
        )
        assert expected.keys() == found.keys()
        untrained = one.build().state_dict()
        for name, weights in expected.items():
            assert (found[name] - weights).abs().max() < 1e-5, (method, name)
        assert any((weights - untrained[name]).abs().max() > 1e-3 for name, weights in expected.items())
        lines = [(tmp_path / where / method / "metrics.jsonl").read_text().splitlines() for where in ("one", "two")]
        for a, b in zip(*lines, strict=True):
            assert json.loads(a)["loss"] == pytest.approx(json.loads(b)["loss"], rel=1e-4)
    environment = json.loads((tmp_path / "two" / "wsad" / "environment.json").read_text())
    assert environment["processes"] == 2


def test_the_command_line_speaks_once_and_all_processes_fail_together(
    mixed: tuple[FeatureFolder, Annotations], tmp_path: Path
) -> None:
    command = ["-m", "untrim", "train", "-m", "wsad", "-f", str(mixed[0].path), "-a", str(tmp_path / "mixed.json")]
    done = torchrun([*command, "-o", str(tmp_path / "run"), "--set", "iterations=3"])
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("trained:") == 1
    again = torchrun([*command, "-o", str(tmp_path / "run")])
    assert again.returncode != 0
    assert again.stderr.count("holds a run already") == 1


def test_each_process_has_a_share_of_every_batch() -> None:
    worlds = [World(rank, 3) for rank in range(3)]
    for videos in range(3, 12):
        rows = [list(range(videos))[world.rows(videos)] for world in worlds]
        assert [row for own in rows for row in own] == list(range(videos))
        assert {len(own) for own in rows} <= {videos // 3, videos // 3 + 1}
    with pytest.raises(UntrimError, match="3 processes share batches of 2 videos"):
        worlds[0].check_batches(2)


def test_the_dimension_of_videos_is_found_behind_that_of_streams() -> None:
    model = WSBM(WSBMConfig(), 6, ["a", "b"], {"rgb": (0, 4), "flow": (4, 6)})
    dims = video_dimensions(model)
    assert (dims["cas"], dims["attention"], dims["attention_logits"], dims["scores"]) == (0, 0, 1, 1)
    assert model.training
