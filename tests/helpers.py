"""What tests of several folders share: the command line, feature folders, pictures whose motion is known."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from untrim.cli import main
from untrim.features.store import FeatureFolder, FeatureInfo

WriteVideo = Callable[..., Path]


def run_untrim(*arguments: object) -> int:
    """Run the command line in this process; its exit code."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["untrim", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            main()
    assert isinstance(stopped.value.code, int)
    return stopped.value.code


def new_folder(path: Path, **streams: int) -> FeatureFolder:
    """An empty feature folder with these columns per stream: 16 frames per snippet, no overlap, at 25 fps."""
    stops = np.cumsum(list(streams.values())).tolist()
    columns = {name: (stop - width, stop) for (name, width), stop in zip(streams.items(), stops, strict=True)}
    info = FeatureInfo(
        snippet_frames=16, stride_frames=16, fps=25, first_center_seconds=0.32, dim=stops[-1], streams=columns,
        backbone="test",
    )  # fmt: skip
    folder = FeatureFolder(path, info)
    path.mkdir(exist_ok=True)
    folder.save_info()
    return folder


def waves(height: int, width: int, dx: float = 0, dy: float = 0, seed: int = 0) -> npt.NDArray[np.float64]:
    """Forty sine waves of 18 to 120 pixels, (H, W) in 0..255; moved by exactly (dx, dy), since not sampled twice."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width].astype(float)
    total = np.zeros((height, width))
    for _ in range(40):
        k, angle, phase = random.uniform(0.05, 0.35), random.uniform(0, 2 * np.pi), random.uniform(0, 2 * np.pi)
        total += np.sin(k * (np.cos(angle) * (x - dx) + np.sin(angle) * (y - dy)) + phase)
    return (128 + 9 * total).clip(0, 255)
