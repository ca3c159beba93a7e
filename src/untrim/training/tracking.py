"""What a run says of itself: losses as they fall, the environment, and a model card."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import torch

from untrim.files import write_json, write_text
from untrim.methods import load_method
from untrim.training.checkpoint import Run

METRICS = "metrics.jsonl"


class Metrics:
    """``metrics.jsonl``: one JSON object a line, ``iteration``, ``seconds``, ``loss`` and each term of it.

    Args:
        path: The file.
        iteration: Where training goes on; later lines, of a run that was killed, are dropped.
    """

    def __init__(self, path: Path, iteration: int) -> None:
        kept = [line for line in _lines(path) if json.loads(line)["iteration"] <= iteration] if iteration else []
        write_text(path, "".join(kept))
        self.path = path
        self.seconds = float(json.loads(kept[-1])["seconds"]) if kept else 0.0

    def write(self, iteration: int, seconds: float, terms: Mapping[str, float]) -> None:
        """Append one line; `seconds` count from where training went on."""
        values = {"iteration": iteration, "seconds": round(self.seconds + seconds, 3), "loss": sum(terms.values())}
        with open(self.path, "a", encoding="utf-8") as stream:
            stream.write(json.dumps({**values, **terms}) + "\n")


def _lines(path: Path) -> list[str]:
    """Complete lines of a file that a killed process may have left with half a line."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return [line for line in text.splitlines(keepends=True) if line.endswith("\n")]


def write_environment(run: Run, device: torch.device) -> None:
    """Write ``environment.json``: the versions and the machine that numbers depend on."""
    packages = {name: version(name) for name in ("untrim", "torch", "numpy", "opencv-contrib-python-headless", "av")}
    accelerator = torch.cuda.get_device_name(device) if device.type == "cuda" else None
    write_json(
        run.path / "environment.json",
        {
            "python": platform.python_version(),
            "platform": platform.platform(),
            "machine": platform.machine(),
            "threads": torch.get_num_threads(),
            "device": str(device),
            "accelerator": accelerator,
            "packages": packages,
        },
    )


def write_model_card(run: Run, videos: int) -> None:
    """Write the run's ``README.md``."""
    grid = run.features.grid()
    labels_alone = load_method(run.method).supervision == "labels"
    told = "video-level labels alone" if labels_alone else "the segments of every instance: a supervised upper bound"
    streams = ", ".join(f"{name} {stop - first}" for name, (first, stop) in run.features.streams.items())
    write_text(
        run.path / "README.md",
        f"""# {run.method.upper()} for {len(run.labels)} actions

Finds when these actions happen in untrimmed videos; trained on {videos} videos (subset `{run.subset}`) with
{told}, {run.recipe or "the project's defaults"}, seed {run.seed}, last checkpoint.

- Actions: {", ".join(run.labels)}
- Features: `{run.features.backbone}` ({streams}), {grid.snippet_frames} frames a snippet every {grid.stride_frames}
  at {grid.fps:g} fps
- Values: `config.yaml`; losses: `metrics.jsonl`; made with: `environment.json`

```
untrim localize {run.path.name} -f FEATURES -o detections.json
```
""",
    )
