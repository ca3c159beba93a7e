"""The network of a run, ready to look at features, and the classes that a person looks for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import torch
from torch.nn.utils.rnn import pad_sequence

from untrim.activations import Sequences, sequences_of
from untrim.errors import UntrimError, listing, nearest
from untrim.methods.base import Activations
from untrim.support.array_types import Float32
from untrim.support.device import choose_device
from untrim.support.names import standard
from untrim.timeline import Detection, SnippetGrid
from untrim.training.checkpoint import Run
from untrim.training.operating_point import read_operating_point


class Network:
    """The network of a run on a device. Several threads may use it at a time.

    Args:
        run: A finished run.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        wanted: The classes to look for, of the run's; None for all.

    Raises:
        UntrimError: The run is not finished or damaged, or there is no such device.
    """

    def __init__(self, run: Run, device: str, wanted: frozenset[str] | None) -> None:
        self.run, self._wanted = run, wanted
        self.device, self._point = choose_device(device), read_operating_point(run)
        self.model = run.load_model(self.device)
        if wanted is not None:
            self.model.look_for(wanted)

    def activations(self, features: Float32, name: str) -> Activations:
        """What it says of the features (T, D) of one video.

        Raises:
            UntrimError: It says NaN or infinity.
        """
        (found,) = self.activations_of([features])
        self.check(found, name)
        return found

    def activations_of(self, features: Sequence[Float32]) -> list[Activations]:
        """What it says of the features (T, D) of some videos, looked at together; as it is, see `check`."""
        if not features:
            return []
        rows = pad_sequence([torch.from_numpy(own) for own in features], batch_first=True).to(self.device)  # (B, T, D)
        counts = torch.tensor([len(own) for own in features], device=self.device)
        with torch.inference_mode():
            found: Activations = self.model(rows, torch.arange(rows.shape[1], device=self.device) < counts.unsqueeze(1))
            return [found.of_video(index, len(own)) for index, own in enumerate(features)]

    def check(self, found: Activations, name: str) -> None:
        """Check what it said of one video.

        Raises:
            UntrimError: It says NaN or infinity.
        """
        if not (torch.isfinite(found.cas).all() and torch.isfinite(found.video_scores).all()):
            raise UntrimError(f"says NaN or infinity of video '{name}'", where=self.run.path, fix="train it again")

    def curves(self, found: Activations, grid: SnippetGrid) -> Sequences:
        """What it said of one video, as arrays."""
        with torch.inference_mode():
            return sequences_of(found, grid, self.model.snippet_logits(found))

    def detections(self, found: Activations, grid: SnippetGrid, begin: float, end: float) -> list[Detection]:
        """Detections with the method's own scores, best first, cut to the seconds from `begin` to `end`."""
        with torch.inference_mode():
            every = self.model.localize(found, grid)
        kept = [each for each in every if self._wanted is None or each.label in self._wanted]
        clipped = [replace(each, segment=each.segment.clip(begin, end)) for each in kept]
        return sorted((each for each in clipped if each.segment.duration > 0), key=lambda each: -each.score)

    def with_confidence(self, detections: dict[str, list[Detection]]) -> dict[str, list[Detection]]:
        """The same with confidences in the place of the method's own scores, if the run has an operating point."""
        return detections if self._point is None else self._point.confidence.on(detections)


def wanted_classes(run: Run, only: str | Sequence[str] | None) -> frozenset[str] | None:
    """The classes to look for; None for all.

    Raises:
        UntrimError: None is named, or the run does not know one; says which is nearest.
    """
    if only is None:
        return None
    given = list(only) if isinstance(only, Iterable) and not isinstance(only, str) else [only]
    if not all(isinstance(label, str) for label in given):
        raise UntrimError(f"not names of classes: {only!r:.60}", fix="give them as text")
    labels = [standard(label) for label in given]
    if "" in labels or not labels:
        raise UntrimError("a class without a name is asked for", fix="name at least one class, or none at all")
    for label in labels:
        if label not in run.labels:
            holding = [known for known in run.labels if label.casefold() in known.casefold()]
            near = f"did you mean '{holding[0]}'?" if len(holding) == 1 else nearest(label, run.labels)
            fix = f"there are {listing(holding)}" if len(holding) > 1 else near
            raise UntrimError(f"the run does not know '{label}'", where=run.path, fix=fix)
    return frozenset(labels)
