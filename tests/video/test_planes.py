from pathlib import Path

import av
import numpy as np
import pytest

from films import grey, record
from untrim.support.array_types import Image
from untrim.timeline import Segment
from untrim.video.decode import VideoFile
from untrim.video.encode import VideoWriter
from untrim.video.planes import ColorTags, Planes, color_tags, even, planes_converter, planes_painter

WHOLE = Segment(0.0, 100.0)


def quarters(width: int = 64, height: int = 48) -> Image:
    """Red, green, blue and white."""
    image = np.zeros((height, width, 3), np.uint8)
    image[: height // 2, : width // 2, 0] = 220
    image[: height // 2, width // 2 :, 1] = 200
    image[height // 2 :, : width // 2, 2] = 180
    image[height // 2 :, width // 2 :] = 255
    return image


def passed_on(film: Path, output: Path) -> tuple[Image, Image]:
    """The first frame of a film, and that of a film that was made of its planes, both as untrim shows them."""
    with VideoFile(film) as video:
        size = even(video.info.width, video.info.height)
        convert = planes_converter(*size, video.info.rotation, video.info.mirrored)
        frames = [frame.picture for frame in video.shown([WHOLE])]
        with VideoWriter(output, size, None, crf=1, tags=color_tags(frames[0])) as writer:
            for index, frame in enumerate(frames):
                writer.write(convert(frame), index / 25, (index + 1) / 25)
        before = next(video.frames(size=size)).image
    with VideoFile(output) as video:
        return before, next(video.frames()).image


@pytest.mark.parametrize("matrix", [1, 6, 2], ids=["bt709", "bt601", "unknown"])
@pytest.mark.parametrize("full", [False, True])
def test_colours_stay_whatever_the_numbers_mean(tmp_path: Path, matrix: int, full: bool) -> None:
    def prepare(stream: av.VideoStream) -> None:
        stream.codec_context.colorspace = matrix
        stream.codec_context.color_range = 2 if full else 1

    pixels = "yuvj420p" if full else "yuv420p"
    film = record(tmp_path / "film.mp4", [quarters()] * 3, pixels=pixels, prepare=prepare)
    before, after = passed_on(film, tmp_path / "out.mp4")
    assert np.abs(before.astype(int) - after).mean() < 3
    with VideoFile(tmp_path / "out.mp4") as video:
        assert color_tags(next(iter(video.shown([WHOLE]))).picture).matrix == matrix


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("film.gif", {"codec": "gif", "pixels": "rgb8"}),
        ("odd.mkv", {"codec": "ffv1", "pixels": "yuv444p"}),
        ("rgb.mkv", {"codec": "ffv1", "pixels": "bgr0"}),
        ("deep.mkv", {"codec": "ffv1", "pixels": "yuv420p10le"}),
        ("grey.mkv", {"codec": "ffv1", "pixels": "gray"}),
    ],
)
def test_pictures_of_any_form_become_planes(tmp_path: Path, name: str, settings: dict) -> None:
    image = quarters(65, 47) if name == "odd.mkv" else quarters()
    before, after = passed_on(record(tmp_path / name, [image] * 3, **settings), tmp_path / "out.mp4")
    assert np.abs(before.astype(int) - after).mean() < 5


@pytest.mark.parametrize("matrix", [1, 6, 2])
def test_what_is_painted_has_its_colours(tmp_path: Path, matrix: int) -> None:
    image, tags = quarters(), ColorTags(matrix=matrix)
    paint = planes_painter(tags)
    with VideoWriter(tmp_path / "out.mp4", (64, 48), None, crf=1, tags=tags) as writer:
        for index in range(3):
            writer.write(paint(image), index / 25)
    with VideoFile(tmp_path / "out.mp4") as video:
        assert np.abs(next(video.frames()).image.astype(int) - image).mean() < 6


@pytest.mark.parametrize(("rotation", "mirrored"), [(0, True), (90, False), (180, True), (270, True)])
def test_planes_turn_as_pictures_do(rotation: int, mirrored: bool) -> None:
    frame = av.VideoFrame.from_ndarray(quarters(), format="rgb24")
    size = (48, 64) if rotation % 180 else (64, 48)
    turned = planes_converter(*size, rotation, mirrored)(frame).frame().to_ndarray(format="rgb24")
    expected = np.rot90(quarters()[:, ::-1] if mirrored else quarters(), rotation // 90)
    assert np.abs(turned.astype(int) - expected).mean() < 6


def test_a_picture_is_pasted_where_it_should_be() -> None:
    paint = planes_painter(ColorTags())
    canvas = paint(grey(40))
    canvas.paste(paint(np.full((8, 12, 3), 200, np.uint8)), 20, 10)
    shown = canvas.frame().to_ndarray(format="rgb24").astype(int)
    expected = grey(40).astype(int)
    expected[10:18, 20:32] = 200
    assert np.abs(shown - expected).max() <= 3
    assert Planes(64, 48).size == even(65, 49) == (64, 48)
    assert even(1, 1) == (2, 2)
