import os
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from hypothesis import settings

from helpers import WriteVideo, new_folder
from untrim.annotations import Annotations, Video
from untrim.features.store import FeatureFolder
from untrim.timeline import Instance

# A slow machine is no fault, and what passes once passes again. `--hypothesis-profile search` tries other examples.
settings.register_profile("search", deadline=None, derandomize=False)
settings.register_profile("untrim", deadline=None, derandomize=True, database=None)
settings.load_profile("untrim")

CLASSES = ("jump", "run", "throw")


@pytest.fixture(scope="session", autouse=True)
def _pulled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where this machine has the weights of I3D, if it has. `untrim extract` takes I3D where they are, so that for the
    tests, which are the same everywhere, there are none."""
    from untrim.features.weights import cache_folder

    place = cache_folder() / "weights" / "i3d-rgb-kinetics400.safetensors"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UNTRIM_CACHE", str(tmp_path_factory.mktemp("no-weights")))
        yield place


@pytest.fixture(scope="session")
def i3d_weights(_pulled: Path) -> Path:
    """The published weights of I3D."""
    if not _pulled.is_file():
        pytest.skip("the weights of I3D are not here; run `untrim weights pull i3d-rgb-kinetics400`")
    return _pulled


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Sums in parts, one per thread, come out otherwise in the last bit; so may those of a process that has set its
    threads before, as tests do, beside those of a new one."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data that lies beside the checkout, or where UNTRIM_DATA says."""
    folder = Path(os.environ.get("UNTRIM_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"real data not found at {folder}; set UNTRIM_DATA")
    return folder


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


@pytest.fixture(scope="module")
def numbered_videos(tmp_path_factory: pytest.TempPathFactory, write_video: WriteVideo) -> Callable[[int], Path]:
    """Writes so many videos, ``video0.mp4`` and so on, of 30, 40, 50, … frames; gives their folder."""

    def write(count: int) -> Path:
        folder = tmp_path_factory.mktemp("videos")
        for index in range(count):
            write_video(folder / f"video{index}.mp4", 30 + 10 * index, seed=index)
        return folder

    return write


@pytest.fixture
def corpus(tmp_path: Path) -> tuple[FeatureFolder, Annotations]:
    """Twelve training and six validation videos whose actions stand out from noise; D = 48."""
    rng = np.random.default_rng(0)
    folder = new_folder(tmp_path / "features", rgb=48)
    videos = []
    for index in range(18):
        label, count = CLASSES[index % 3], int(rng.integers(30, 60))
        features = rng.normal(0, 0.3, (count, 48))
        first = int(rng.integers(5, count - 15))
        features[first : first + 8, 16 * (index % 3) : 16 * (index % 3) + 16] += 1
        name = f"video{index:02d}"
        folder.save(name, features)
        segment = folder.info.grid().segment(first, first + 8)
        trained = index < 12
        instances = () if trained else (Instance(label, segment),)
        videos.append(Video(name, "training" if trained else "validation", count * 0.64, (label,), instances))
    return folder, Annotations(videos, source="test")
