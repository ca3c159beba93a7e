"""A video file opened a second time, beside the reader of its pictures: for its sound, or for its packets."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import av
from av.container import InputContainer

from untrim.errors import UntrimError
from untrim.video.limits import USUAL_LIMITS


def reopened(path: Path, resources: ExitStack) -> InputContainer:
    """The open container, which `resources` closes.

    FFmpeg is handed the open file and may open no other.

    Raises:
        UntrimError: It cannot be read any more.
    """
    options = {"protocol_whitelist": "none", "max_pixels": str(USUAL_LIMITS.max_pixels)}
    try:
        file = resources.enter_context(path.open("rb"))
        return resources.enter_context(av.open(file, "r", options=options, metadata_errors="ignore"))
    except (av.FFmpegError, OSError) as error:
        raise UntrimError(f"cannot be read again: {error.strerror}", where=path) from error
