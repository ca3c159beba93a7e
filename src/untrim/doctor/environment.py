"""The machine: versions, threads, accelerator, space, and weights."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from untrim.doctor.finding import Finding
from untrim.support.system import cores

_PACKAGES = ("untrim", "torch", "numpy", "av", "opencv-contrib-python-headless")
_OPENCV = ("opencv-python", "opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless")
_LITTLE_SPACE = 2e9  # bytes: some 1,500 videos of THUMOS14's length as two-stream I3D features


def check_environment(place: Path) -> Iterator[Finding]:
    """What this machine has; `place` is where work is going to be written."""
    import torch

    python, *others = versions().items()
    yield Finding("note", "versions", f"Python {python[1]}, {_listed(others)}")
    yield Finding("note", "threads", f"{torch.get_num_threads()} threads of torch on {cores()} cores")
    yield from _accelerator()
    yield from _opencv()
    yield from _space(place)
    yield from _weights()


def versions() -> dict[str, str | None]:
    """Versions of Python and of the packages that count; None of one that is not installed as a package."""
    return {"python": platform.python_version(), **{name: _version(name) for name in _PACKAGES}}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _listed(found: Iterable[tuple[str, str | None]]) -> str:
    return ", ".join(f"{name} {version or '(no package)'}" for name, version in found)


def _accelerator() -> Iterator[Finding]:
    import torch

    if torch.cuda.is_available():
        names = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
        yield Finding("note", "accelerator", f"{len(names)} GPU: {names[0]}, CUDA {torch.version.cuda}")
    elif Path("/proc/driver/nvidia/version").exists():
        kind = "is built without CUDA" if torch.version.cuda is None else f"of CUDA {torch.version.cuda} cannot use it"
        yield Finding(
            "warning",
            "accelerator",
            f"there is an NVIDIA driver, but torch {kind}",
            remedy="install torch for your CUDA",
        )
    else:
        yield Finding("note", "accelerator", "no GPU: training and extraction use the CPU")


def _opencv() -> Iterator[Finding]:
    """Several OpenCV wheels overwrite each other's files."""
    installed = [name for name in _OPENCV if _version(name)]
    if len(installed) > 1:
        remedy = f"pip uninstall {' '.join(installed)}; then pip install opencv-contrib-python-headless"
        yield Finding("warning", "opencv", f"{' and '.join(installed)} overwrite each other", remedy=remedy)
        return
    import cv2

    if not hasattr(cv2, "optflow"):
        remedy = "pip install opencv-contrib-python-headless"
        yield Finding("warning", "opencv", "OpenCV has no TV-L1 optical flow (cv2.optflow)", remedy=remedy)


def _space(place: Path) -> Iterator[Finding]:
    """Free space where work is written, and whether that can be written at all."""
    there = next(folder for folder in (place.absolute(), *place.absolute().parents) if folder.is_dir())
    free = shutil.disk_usage(there).free
    severity, remedy = ("warning", "make room, or write elsewhere") if free < _LITTLE_SPACE else ("note", "")
    yield Finding(severity, "space", f"{free / 1e9:.1f} GB free", str(there), remedy)  # type: ignore[arg-type]
    if not os.access(there, os.W_OK):
        yield Finding("warning", "space", "cannot be written", str(there), "choose another place for the output")


def _weights() -> Iterator[Finding]:
    from untrim.features.weights import cache_folder, describe_weights

    cache = cache_folder()
    for line in describe_weights().splitlines():
        missing = "not pulled" in line
        remedy = f"for I3D features: untrim weights pull {line.split()[0]}" if missing else ""
        yield Finding("note", "weights", f"weights {line}", str(cache), remedy)
