"""Which backbone and which stride, where the user does not say: rules for `untrim extract`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from untrim.errors import UntrimError, numbered
from untrim.features.backbones import BackboneConfig, backbone_names, load_backbone_class
from untrim.features.backbones.i3d import RGB_WEIGHTS
from untrim.features.store import INFO_NAME, read_info
from untrim.features.weights import PUBLISHED, has_weights
from untrim.support.validation import validate

_LEAST_SNIPPETS = 4  # In the shortest instance: one too many or too few then leaves a tIoU of about 0.75.


def choose_backbone(output: Path) -> tuple[str, str]:
    """The backbone to extract with if none is named, and a line that says why.

    It is that of the features in `output`; else `i3d` where its weights are in the cache; else `hoghof`.

    Raises:
        UntrimError: `output` has a ``features.json`` that is wrong.
    """
    known = read_info(output / INFO_NAME).backbone if (output / INFO_NAME).is_file() else None
    if known and known.partition(":")[0] in backbone_names():  # Features of others have names of their own.
        return known, f"backbone {known}, as the features in {output}"
    if has_weights(RGB_WEIGHTS):
        return "i3d", "backbone i3d, whose weights are here; --backbone hoghof needs none and is some 15 times faster"
    size = f"{PUBLISHED[RGB_WEIGHTS].member_bytes / 1e6:.0f} MB"
    return "hoghof", (
        f"backbone hoghof, without weights; `untrim weights pull {RGB_WEIGHTS}` ({size}) brings i3d, which knows what "
        "people do and takes 1 to 2 seconds of compute per second of video"
    )


def stride_for(backbone: str, settings: Mapping[str, object], shortest: float) -> tuple[int, str]:
    """Frames from one snippet to the next, for instances of at least `shortest` seconds, and a line on what it costs.

    The shortest instance has four snippets, at least one frame apart; where it has fewer frames, the line says so. The
    stride is never longer than the default.

    Args:
        backbone: Name of a backbone.
        settings: Values of its config that differ from the defaults; no `stride_frames`.
        shortest: Seconds.

    Raises:
        UntrimError: No such backbone or setting, `settings` has a stride, or `shortest` is not above 0.
    """
    if not 0 < shortest < float("inf"):
        raise UntrimError(f"--shortest {shortest:g} is no duration", fix="give seconds, as 1.0")
    if "stride_frames" in settings:
        raise UntrimError("--shortest and --set stride_frames", fix="give one of the two")
    config: BackboneConfig = validate(load_backbone_class(backbone).Config, dict(settings), f"settings of {backbone}")
    usual = config.stride_frames
    stride = max(1, min(usual, int(shortest * config.fps / _LEAST_SNIPPETS)))
    frames = shortest * config.fps
    few = "" if frames >= _LEAST_SNIPPETS else f"; an instance has {frames:.2g} of them, not {_LEAST_SNIPPETS}"
    return stride, (
        f"a snippet every {numbered(stride, 'frame', 'frames')} ({stride / config.fps:.2g} s) "
        f"for instances of {shortest:g} s: {usual / stride:.3g} times as many snippets as usual, "
        f"and as much work for a network that sees them{few}"
    )
