"""Work in threads: while a batch is computed, the next frames are decoded; on several cores, several batches are."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
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
