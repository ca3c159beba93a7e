"""A small whole project: every kind of file that untrim reads, for the fuzzer to damage."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import torch
from safetensors.torch import save_file

from untrim.annotations import Annotations, Video, read_annotations, write_annotations, write_detections
from untrim.errors import Stopped, UntrimError
from untrim.evaluation.detection import evaluate_detections
from untrim.features.store import FeatureFolder, FeatureInfo
from untrim.pipeline import localize
from untrim.support.files import write_json
from untrim.timeline import Instance, Point, Segment
from untrim.training.loop import train
from untrim.training.tuning import tune


def make_project(root: Path) -> None:
    """Write the project into `root`, an existing folder."""
    torch.set_num_threads(1)  # Threads do not outlive a fork.
    rng = np.random.default_rng(0)
    info = FeatureInfo(
        snippet_frames=16,
        stride_frames=16,
        fps=25,
        first_center_seconds=0.32,
        dim=6,
        streams={"rgb": (0, 6)},
        backbone="test",
    )
    folder = FeatureFolder(root / "features", info)
    folder.path.mkdir()
    folder.save_info()
    videos = []
    for index in range(8):
        name, label = f"v{index}", "ab"[index % 2]
        folder.save(name, rng.random((12, 6)))
        instance = Instance(label, Segment(1.0, 3.0 + index / 8))
        videos.append(Video(name, "training" if index < 6 else "validation", 7.68, (label,), (instance,)))
    videos[0] = replace(videos[0], points=(Point("a", 2.0),))
    videos[1] = replace(videos[1], exhaustive=("b",))
    videos[2] = Video("v2", "training", 7.68, exhaustive=True)
    labels = Annotations(videos)
    for ending in ("json", "csv"):
        write_annotations(labels, root / f"labels.{ending}")
    small: dict[str, object] = {"batch_size": 4, "max_snippets": 12}
    run = train("wtalc", [(folder, labels)], root / "run", settings={**small, "iterations": 1})
    asked = iter([False, True])
    with suppress(Stopped):
        train(
            "wtalc", [(folder, labels)], root / "half", settings={**small, "iterations": 2},
            should_stop=lambda: next(asked, True),
        )  # fmt: skip
    with suppress(UntrimError):  # Optuna is an extra.
        tune("wtalc", [(folder, labels)], root / "study", trials=1, settings={**small, "iterations": 1})
    found = localize(run, folder, labels.subset("validation"))
    for ending in ("json", "csv"):
        write_detections(found, root / f"found.{ending}")
    result = evaluate_detections(found, read_annotations(root / "labels.json"), [0.3, 0.5], subset="validation")
    write_json(root / "evaluation.json", result.to_json())
    (root / "recipe.yaml").write_text("schema: 1\nconfig:\n  learning_rate: 0.001\n  batch_size: 4\n  warmup: 0.1\n")
    for place in ("npy", "npz", "wtalc/T-Annotations", "thumos", "lists", "videos", "weights/weights", "weights/hf"):
        (root / place).mkdir(parents=True)
    arrays = [rng.random((12, 6)).astype(np.float32) for _ in range(2)]
    outer = np.empty(2, dtype=object)
    outer[:] = arrays
    for index, array in enumerate(arrays):
        np.save(root / "npy" / f"v{index}.npy", array)
        np.savez(root / "npz" / f"v{index}.npz", feats=array, fps=25.0, feat_stride=4, feat_num_frames=16)
    np.save(root / "wtalc" / "T-I3D-JOINTFeatures.npy", outer, allow_pickle=True)
    np.save(root / "wtalc" / "T-Annotations" / "videoname.npy", np.array([b"v0", b"v1"]))
    np.save(root / "wtalc" / "T-Annotations" / "subset.npy", np.array([b"validation", b"test"]))
    (root / "thumos" / "a_test.txt").write_text("v6 1.0 3.0\n")
    (root / "thumos" / "b_test.txt").write_text("v7 1.0 2.5\n")
    (root / "thumos" / "Ambiguous_test.txt").write_text("v6 4.0 5.0\n")
    (root / "lists" / "training.txt").write_text("v0 a\nv1 b\n")
    for name in ("v0.mp4", "v1.gif", "v2.avi"):
        _video(root / "videos" / name)
    _weights(root / "weights")


def _weights(folder: Path) -> None:
    """The cache with I3D's weights, which lack most tensors, so that they are small; an int8 network; a model."""
    kernels = {
        "Conv3d_1a_7x7.conv3d.weight": torch.zeros(64, 3, 1, 1, 1),
        "logits.conv3d.weight": torch.zeros(4, 1, 1, 1, 1),
    }
    save_file(kernels, folder / "weights" / "i3d-rgb-kinetics400.safetensors")
    torch.save(kernels, folder / "rgb.pt")
    parts = {part: torch.zeros(64, dtype=torch.uint8) for part in ("xml", "bin")}
    save_file(parts, folder / "int8.safetensors", {"kind": "i3d-int8", "clip": "(3, 16, 224, 224)"})
    save_file({"x": torch.zeros(2)}, folder / "hf" / "model.safetensors")
    (folder / "hf" / "config.json").write_text('{"model_type": "videomae", "hidden_size": 8, "num_frames": 4}')
    (folder / "hf" / "preprocessor_config.json").write_text('{"do_resize": true, "size": {"shortest_edge": 8}}')


def _video(path: Path) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("gif" if path.suffix == ".gif" else "mpeg4", rate=25)
        stream.width, stream.height = 32, 24
        stream.pix_fmt = "rgb8" if path.suffix == ".gif" else "yuv420p"
        for index in range(6):
            picture = np.full((24, 32, 3), 20 * index, dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
