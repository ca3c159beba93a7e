"""Single frames of videos, for pages."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path

import cv2

from untrim.support.array_types import Image
from untrim.video.decode import VideoFile

_QUALITY = [cv2.IMWRITE_JPEG_QUALITY, 80]


def thumbnails(path: Path | str, seconds: Sequence[float], height: int) -> list[Image]:
    """The frames nearest to the given times, RGB uint8, `height` pixels high, as wide as shown.

    Raises:
        UntrimError: The file cannot be read or holds no frame.
    """
    with VideoFile(path) as video:
        width = max(1, round(height * video.info.width / video.info.height))
        return video.nearest(seconds, (width, height))


def data_uri(image: Image) -> str:
    """An RGB picture as JPEG, in the text of a page."""
    jpeg = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), _QUALITY)[1]
    return "data:image/jpeg;base64," + base64.b64encode(jpeg.tobytes()).decode("ascii")
