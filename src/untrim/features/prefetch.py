"""Work ahead in a thread: while a GPU is busy with one batch, the next frames are decoded."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


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
        except BaseException as error:
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
