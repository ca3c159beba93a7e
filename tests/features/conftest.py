from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

WriteVideo = Callable[..., Path]


@pytest.fixture(scope="session")
def write_video() -> WriteVideo:
    """Writes ``write(path, frames, fps=25)``: a square that moves over a blurred random picture, 96 x 72."""

    def write(path: Path, frames: int, fps: int = 25, seed: int = 0) -> Path:
        rng = np.random.default_rng(seed)
        ground = np.kron(rng.integers(40, 200, (9, 12, 3)), np.ones((8, 8, 1))).astype(np.uint8)
        with av.open(str(path), "w") as container:
            stream = container.add_stream("mpeg4", rate=fps)
            stream.width, stream.height, stream.pix_fmt = 96, 72, "yuv420p"
            for index in range(frames):
                picture = ground.copy()
                left = 10 + (seed + 1) * index % 60
                picture[20:44, left : left + 24] = ground[40:64, 60:84] // 2
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            container.mux(stream.encode())
        return path

    return write
