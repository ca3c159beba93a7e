"""What backbones share: the frames of one snippet after the other, each looked at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice, repeat
from typing import TypeVar

import cv2
import numpy as np

from untrim.support.array_types import Image
from untrim.timeline import SnippetGrid
from untrim.video.flow import Flow, Grey, OpticalFlow

S = TypeVar("S")
T = TypeVar("T")


def windows(items: Iterable[T], grid: SnippetGrid) -> Iterator[list[T]]:
    """What each snippet of a video sees, in order, in as many windows as ``grid.count(len(items))``.

    Overlapping windows hold the same objects, so what an item cost to make is paid once. Holds no more items than
    one snippet sees, however long the video.

    Args:
        items: One item per frame: images, images with their flow, descriptors.
        grid: Where the snippets are in time.

    Yields:
        The items of one snippet, `snippet_frames` of them; the last window may hold fewer, never none.
    """
    held: deque[T] = deque()
    index, seen = 0, 0
    for item in items:
        if seen >= grid.frames(index).start:
            held.append(item)
        seen += 1
        if seen == grid.frames(index).stop:
            yield list(held)
            index += 1
            while held and seen - len(held) < grid.frames(index).start:
                held.popleft()
    if held and index < grid.count(seen):
        yield list(held)


def with_flow(images: Iterable[Image], flow: OpticalFlow, every: int = 1) -> Iterator[tuple[Image, Flow]]:
    """Each image, RGB (H, W, 3) or grey (H, W), with the flow (H, W, 2) from it to the next, in pixels per frame;
    (H // 2, W // 2, 2) if `flow` gives it at half the size.

    The last image, from which nothing moves on, has the flow of the one before it; an only image has none: zeros. Looks
    ahead by about `flow.batch` images, and by `every` at least.

    Args:
        images: Of one size.
        flow: How to compute it.
        every: Of so many images only the first comes, with the mean flow of them all (`OpticalFlow.between`).
    """
    rest = iter(images)
    held: list[Image] = list(islice(rest, 1))
    greys = [to_grey(image) for image in held]
    motion: Flow | None = None
    ahead = max(flow.batch // every, 1) * every
    while following := list(islice(rest, ahead)):
        held, greys = held[-1:] + following, greys[-1:] + [to_grey(image) for image in following]
        for image, motion in zip(held[::every], flow.between(greys, every), strict=False):
            yield image, motion
        if len(following) % every:
            return  # The last image is among those that the flow before it is of.
    for image in held[-1:]:
        yield image, flow.nothing(image) if motion is None else motion


def for_each(items: Iterable[T], every: int, describe: Callable[[Iterator[T]], Iterator[S]]) -> Iterator[S]:
    """What is found of the first of each `every` items, once for each item: the others have the same.

    Args:
        items: One item per frame.
        every: At least 1.
        describe: Gives a result for the first of each `every` items that it is given, in order, and not before it has
            taken the others.
    """
    taken = 0

    def counted() -> Iterator[T]:
        nonlocal taken
        for item in items:
            taken += 1
            yield item

    for index, found in enumerate(describe(counted())):
        yield from repeat(found, min(every, taken - index * every))


def to_grey(image: Image) -> Grey:
    """Brightness (H, W) of an RGB image (H, W, 3), or of one that is grey already."""
    return image if image.ndim == 2 else np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)
