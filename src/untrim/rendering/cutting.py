"""Stretches of one video, written as clips."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from untrim.errors import UntrimError
from untrim.rendering.clip import Clip
from untrim.rendering.takes import THREADS, Take
from untrim.support.pages import moment
from untrim.support.progress import ShouldStop, stop_if
from untrim.video.copying import copy_span
from untrim.video.decode import VideoFile
from untrim.video.planes import color_tags, even, planes_converter

_AT_ONCE = 16  # clips for which a video is decoded once: each open one has an encoder


def encode_clips(
    file: Path, clips: Sequence[Clip], fast: bool, advance: Callable[[str], None], should_stop: ShouldStop | None
) -> None:
    """Make clips of all frames that are on the screen at some time of what was found.

    Args:
        file: The video.
        clips: In the order of time.
        fast: What the files say of themselves: whether copying was asked for.
        advance: Called after each clip.
        should_stop: Asked before each frame.

    Raises:
        UntrimError: The video cannot be read, or ends before one of the clips begins; the others are made.
        Stopped: `should_stop` said so.
    """
    for first in range(0, len(clips), _AT_ONCE):
        _encode(file, clips[first : first + _AT_ONCE], fast, advance, should_stop)
    if beyond := [clip for clip in clips if clip.held is None]:
        start = moment(beyond[0].found.segment.start)
        raise UntrimError(f"ends before {start}, where {beyond[0].found.label} was found", where=file)


def _encode(
    file: Path, clips: Sequence[Clip], fast: bool, advance: Callable[[str], None], should_stop: ShouldStop | None
) -> None:
    with ExitStack() as resources:
        video = resources.enter_context(VideoFile(file, threads=THREADS))
        size = even(video.info.width, video.info.height)
        convert = planes_converter(*size, video.info.rotation, video.info.mirrored, where=file)
        takes: dict[int, Take] = {}

        def finish(index: int) -> None:
            clips[index].held = takes.pop(index).finish()
            advance(clips[index].video)

        for shown in video.shown(clip.found.segment for clip in clips):
            stop_if(should_stop)
            for index in [index for index in takes if not shown.is_in(clips[index].found.segment)]:
                finish(index)
            planes = convert(shown.picture)
            for index, clip in enumerate(clips):
                if shown.is_in(clip.found.segment):
                    if index not in takes:
                        texts = clip.texts(file, fast, shown.seconds)
                        take = Take(video, clip.path, shown.seconds, size, color_tags(shown.picture), texts)
                        takes[index] = resources.enter_context(take)
                    takes[index].add(planes, shown.seconds, shown.until)
        for index in list(takes):
            finish(index)


def copy_clips(
    video: VideoFile, clips: Sequence[Clip], advance: Callable[[str], None], should_stop: ShouldStop | None
) -> None:
    """Make clips whose pictures are copied, each from the key frame before what was found.

    Args:
        video: The file, of which `can_be_copied` is true.
        clips: In the order of time.
        advance: Called after each clip.
        should_stop: Asked before each clip.

    Raises:
        UntrimError: The video cannot be read, or ends before one of the clips begins.
        Stopped: `should_stop` said so.
    """
    for clip in clips:
        stop_if(should_stop)
        clip.copied = True
        clip.held = copy_span(video, clip.found.segment, clip.path, partial(clip.texts, video.path, True))
        advance(clip.video)
