"""Work in threads: while a batch is computed, the next frames are decoded; on several cores, several batches are."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class _Item(Generic[T]):
    value: T


def prefetch(items: Iterable[T], ahead: int) -> Generator[T]:
    """The same items in the same order, made in a thread that is at most `ahead` items in advance.

    An error in making an item is raised here, after the items before it. Close the generator if it is left early:
    the thread has then ended, and no longer uses what `items` reads from.
    """
    ready: queue.Queue[_Item[T] | BaseException | None] = queue.Queue(ahead)
    left = threading.Event()

    def work() -> None:
        try:
            for item in items:
                ready.put(_Item(item))
                if left.is_set():
                    return
            ready.put(None)
        except BaseException as error:  # Of any kind: without it, the thread that reads would wait for ever.
            ready.put(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        while (found := ready.get()) is not None:
            if isinstance(found, BaseException):
                raise found
            yield found.value
    finally:
        left.set()
        while thread.is_alive():  # It may wait for a place in a full queue.
            try:
                ready.get(timeout=0.05)
            except queue.Empty:
                continue
        thread.join()


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
