"""The workshop makes pictures that take a while in the background, those that were asked for last first."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from untrim.errors import Stopped, UntrimError
from untrim.support.progress import Progress, ShouldStop

Making = Callable[[Progress, ShouldStop], None]
"""Makes one thing, tells how far it is, and asks whether to stop."""


@dataclass(frozen=True)
class Order:
    """How far a thing is that was asked for.

    Args:
        key: Its name.
        state: Waiting, being made, or failed; what is done is forgotten: its file is there.
        done: Share that is done, in [0, 1].
        seconds_left: How long it will take; None as long as that cannot be told.
        error: Why it failed.
    """

    key: tuple[str, ...]
    state: Literal["waiting", "making", "failed", "done"]
    done: float = 0.0
    seconds_left: float | None = None
    error: str | None = None


class Workshop:
    """A thread that makes what is asked for, one thing at a time.

    Args:
        tell: Told of each step, from that thread.
    """

    def __init__(self, tell: Callable[[Order], None]) -> None:
        self._tell = tell
        self._orders: dict[tuple[str, ...], Order] = {}
        self._waiting: dict[tuple[str, ...], Making] = {}
        self._changed = threading.Condition()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def ask(self, key: tuple[str, ...], making: Making) -> Order:
        """Ask for a thing that is not there; it comes before those that were asked for earlier and still wait.

        What failed is not tried again until the server is started anew.
        """
        with self._changed:
            order = self._orders.get(key) or Order(key, "waiting")
            if order.state == "waiting":
                self._waiting.pop(key, None)
                self._waiting[key] = making
                self._orders[key] = order
                self._changed.notify()
            return order

    def close(self) -> None:
        """Stop, and wait until the thread has ended."""
        self._closed.set()
        with self._changed:
            self._changed.notify()
        self._thread.join()

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._closed.is_set():
                    self._changed.wait()
                if self._closed.is_set():
                    return
                key, making = self._waiting.popitem()
            self._make(key, making)

    def _make(self, key: tuple[str, ...], making: Making) -> None:
        began = told = time.monotonic()
        self._set(Order(key, "making"))

        def progress(what: str, done: int, total: int, note: str, /) -> None:
            nonlocal told
            now = time.monotonic()
            if now - told >= 0.25 and done:
                told, share = now, min(done / max(total, 1), 1.0)
                self._set(Order(key, "making", share, (now - began) * (1 - share) / share))

        try:
            making(progress, self._closed.is_set)
        except Stopped:
            return
        except UntrimError as error:
            self._set(Order(key, "failed", error=str(error)))
        except Exception as error:  # A file may be broken in a way that no library foresees.
            self._set(Order(key, "failed", error=f"{type(error).__name__}: {error}"))
        else:
            self._set(Order(key, "done", 1.0, 0.0))

    def _set(self, order: Order) -> None:
        with self._changed:
            if order.state == "done":
                self._orders.pop(order.key, None)
            else:
                self._orders[order.key] = order
        self._tell(order)
