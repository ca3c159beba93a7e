"""Work in threads: while a batch is computed, the next frames are decoded; on several cores, several batches are.
What is decoded once is used by several."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from queue import Queue
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def prefetch(items: Iterable[T], ahead: int) -> Generator[T]:
    """The same items in the same order, made in a thread that is at most `ahead` items in advance.

    An error in making an item is raised here, after the items before it. Close the generator if it is left early:
    the thread has then ended, and no longer uses what `items` reads from.
    """
    rest = iter(items)

    def following() -> list[T]:
        """The next item; nothing at the end."""
        return list(islice(rest, 1))

    with ThreadPoolExecutor(1) as pool:
        running = deque(pool.submit(following) for _ in range(ahead))
        try:
            while found := running.popleft().result():
                running.append(pool.submit(following))
                yield from found
        finally:
            pool.shutdown(cancel_futures=True)


def in_threads(work: Callable[[T], R], items: Iterable[T], threads: int) -> Iterator[R]:
    """What `work` makes of each item, in order. Items are made here, while so many threads work on those before.

    At most one item more than there are threads is held. One thread is this one.
    """
    if threads == 1:
        yield from map(work, items)
        return
    with ThreadPoolExecutor(threads) as pool:
        running: deque[Future[R]] = deque()
        for item in items:
            running.append(pool.submit(work, item))
            if len(running) > threads:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()


def share_out(items: Iterable[Sequence[T]], works: Sequence[Callable[[Iterator[T]], R]], ahead: int) -> list[R]:
    """What each of `works` makes of its part of all items: the first of the first parts, and so on.

    Items are made here, while each work runs in a thread of its own; the fastest is at most `ahead` items before the
    slowest. A single work runs here. An error in making an item is raised here; one in a work after all items.
    """
    if len(works) == 1:
        return [works[0](part for (part,) in items)]
    queues = [Queue[tuple[T, ...]](ahead) for _ in works]
    with ThreadPoolExecutor(len(works)) as pool:
        running = [pool.submit(_use_up, work, queue) for work, queue in zip(works, queues, strict=True)]
        try:
            for parts in items:
                for part, queue in zip(parts, queues, strict=True):
                    queue.put((part,))
        finally:
            for queue in queues:
                queue.put(())
    return [future.result() for future in running]


def _use_up(work: Callable[[Iterator[T]], R], queue: Queue[tuple[T, ...]]) -> R:
    """What `work` makes of the items in `queue`, up to an empty one; what it leaves is taken out, so that nobody waits
    for it."""
    taken = iter(queue.get, ())
    try:
        return work(item for (item,) in taken)
    finally:
        deque(taken, maxlen=0)
