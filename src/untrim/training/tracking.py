"""What a run says of itself at its end: the environment, the outcome, and a model card."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from untrim.annotations.counts import LabelCounts
from untrim.errors import UntrimError, numbered
from untrim.methods import load_method
from untrim.support.files import write_json, write_text
from untrim.support.schema import read_object
from untrim.training.checkpoint import Run
from untrim.training.health import Health
from untrim.training.operating_point import OUTCOME, OperatingPoint, read_operating_point

_MIRRORED = (
    "mirror images: trained on, too; if classes differ in left and right alone, train again with --set mirrored=false"
)


def write_environment(run: Run, device: torch.device, processes: int) -> None:
    """Write ``environment.json``: the versions and the machine that numbers depend on."""
    packages = {name: version(name) for name in ("untrim", "torch", "numpy", "opencv-contrib-python-headless", "av")}
    accelerator = torch.cuda.get_device_name(device) if device.type == "cuda" else None
    write_json(
        run.path / "environment.json",
        {
            "schema": 1,
            "python": platform.python_version(),
            "platform": platform.platform(),
            "machine": platform.machine(),
            "threads": torch.get_num_threads(),
            "device": str(device),
            "accelerator": accelerator,
            "processes": processes,
            "packages": packages,
        },
    )


@dataclass(frozen=True)
class Outcome:
    """What is to say of a run at its end.

    Args:
        counts: Videos that each feature folder gave to train on.
        labels: How many labels of each kind these videos have.
        snippets: Pairs of a snippet and a class: of how many it is known that the class happens, that it does not, and
            how many there are; zeros if nothing is known of single snippets.
        held_out: Training videos that were held out to choose the checkpoint.
        health: Whether anything was learned.
        operating_point: From which score a detection counts as found; None where nothing was found to choose it by.
        doubts: What looks wrong in the labels, one sentence each.
    """

    counts: Mapping[str, int]
    labels: LabelCounts
    snippets: tuple[int, int, int]
    held_out: int
    health: Health
    operating_point: OperatingPoint | None = None
    doubts: Sequence[str] = ()

    @property
    def warnings(self) -> list[str]:
        """What is perhaps wrong, each with what to try."""
        return [*self.doubts, *self.health.warnings]

    def write(self, run: Run) -> None:
        """Write ``outcome.json``."""
        sources = [{"features": folder, "videos": videos} for folder, videos in self.counts.items()]
        happens, does_not, pairs = self.snippets
        known = {"happens": happens, "does_not": does_not, "pairs": pairs, "weight": _weight(run)}
        given = {"labels": asdict(self.labels), "snippets": known if pairs else None}
        point = None if self.operating_point is None else self.operating_point.model_dump()
        chosen = {"held_out": self.held_out, "operating_point": point}
        content = {"schema": 1, "sources": sources, **given, **chosen, **self.health.to_json()}
        write_json(run.path / OUTCOME, {**content, "warnings": self.warnings})


def _weight(run: Run) -> float:
    """Weight of what is known of single snippets among the losses."""
    return 1.0 if load_method(run.method).supervision == "segments" else run.config.add_known


def describe_outcome(run: Run) -> list[str]:
    """What a finished run has to say: what it learned from, from which score a detection counts as found, and a warning
    for each sign that it did not learn.

    Raises:
        UntrimError: Its ``outcome.json`` is missing or wrong.
    """
    where = run.path / OUTCOME
    content: Any = read_object(where)
    try:
        counts = [f"{source['videos']} from {source['features']}" for source in content["sources"]]
        held_out, warnings = int(content["held_out"]), [str(warning) for warning in content["warnings"]]
        used = _used(LabelCounts(**content["labels"]), content["snippets"]) if "labels" in content else []
    except (KeyError, TypeError, ValueError) as error:
        raise UntrimError("lacks 'sources', 'held_out' or 'warnings'", where=where, fix="train again") from error
    kept, point = f", {held_out} more held out" if held_out else "", read_operating_point(run)
    return [
        f"training videos: {', '.join(counts)}{kept}; {len(run.labels)} classes",
        *([_MIRRORED] if run.config.mirrored else []),
        *used,
        *([] if point is None else [f"scores: {point.meaning}"]),
        *(f"warning: {text}" for text in warnings),
    ]


def _used(labels: LabelCounts, snippets: Mapping[str, float] | None) -> list[str]:
    """What was used beyond names of actions, if anything is known beyond them."""
    if snippets is None:
        return []
    if snippets["weight"] == 0:
        return [f"learned from video-level labels alone, of {labels}: add_known is 0"]
    happens, does_not, pairs = (int(snippets[key]) for key in ("happens", "does_not", "pairs"))
    known = f"a class happens in {numbered(happens, 'snippet', 'snippets')}, and does not in {does_not:,}"
    return [f"learned from {labels}: {known}, of {pairs:,} to know; weight {snippets['weight']:g}"]


def write_model_card(run: Run, outcome: Outcome) -> None:
    """Write the run's ``README.md``."""
    grid, videos = run.features.grid(), sum(outcome.counts.values())
    told = "video-level labels only"
    if load_method(run.method).supervision == "segments":
        told = "the segments of every instance: a supervised upper bound"
    elif outcome.snippets[2] and run.config.add_known > 0:
        told = f"what is known of them: {outcome.labels}"
    streams = ", ".join(f"{name} {stop - first}" for name, (first, stop) in run.features.streams.items())
    checkpoint = "last checkpoint" if run.select == "last" else "checkpoint chosen by labels (`selection.json`)"
    given = ", ".join(f"{count} from `{Path(folder).name}`" for folder, count in outcome.counts.items())
    held_out = f", {outcome.held_out} more held out" if outcome.held_out else ""
    point = "" if outcome.operating_point is None else f"- Scores: {outcome.operating_point.meaning}\n"
    warnings = "".join(f"- **Warning**: {text}\n" for text in outcome.warnings)
    write_text(
        run.path / "README.md",
        f"""# {run.method_name} for {len(run.labels)} actions

Finds when these actions happen in untrimmed videos; trained on {videos} videos (subset `{run.subset}`) with
{told}, {run.recipe or "the project's defaults"}, seed {run.seed}, {checkpoint}.

- Actions: {", ".join(run.labels)}
- Videos: {given}{held_out}
- Features: `{run.features.backbone}` ({streams}), {grid.snippet_frames} frames per snippet, one every
  {grid.stride_frames} at {grid.fps:g} fps
- Values: `config.yaml`; losses: `metrics.jsonl`; made with: `environment.json`
{point}{warnings}
```
untrim localize {run.path.name} -f FEATURES -o detections.json
```
""",
    )
