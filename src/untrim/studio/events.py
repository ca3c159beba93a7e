"""Server-sent events: what has changed, told to every page that is open."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator

_MOST_WAITING = 1000  # events that a page may be behind by; then it is told to load everything again
_PING_SECONDS = 15.0


class Events:
    """Passes events on to all pages; `tell` may be called from any thread.

    Attributes:
        session: A name of this run of the server: a page that reconnects and finds another one loads everything again.
    """

    def __init__(self) -> None:
        self.session = secrets.token_hex(8)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._listeners: set[asyncio.Queue[str | None]] = set()

    def start(self) -> None:
        """Say that the event loop that calls this is the one of the server."""
        self._loop = asyncio.get_running_loop()

    def stop(self) -> None:
        """End all streams, so that the server can end."""
        for queue in self._listeners:
            self._put(queue, None)

    def tell(self, event: str, content: object) -> None:
        """Tell all pages."""
        text = f"event: {event}\ndata: {json.dumps(content, ensure_ascii=False)}\n\n"
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._spread, text)

    async def stream(self) -> AsyncIterator[str]:
        """What one page is told, from now on, as the text of an event stream."""
        queue: asyncio.Queue[str | None] = asyncio.Queue()
        self._listeners.add(queue)
        try:
            yield f"retry: 1000\nevent: hello\ndata: {json.dumps({'session': self.session})}\n\n"
            while True:
                try:
                    text = await asyncio.wait_for(queue.get(), _PING_SECONDS)
                except TimeoutError:
                    text = "event: ping\ndata: {}\n\n"
                if text is None:
                    return
                yield text
        finally:
            self._listeners.discard(queue)

    def _spread(self, text: str) -> None:
        for queue in self._listeners:
            self._put(queue, text)

    def _put(self, queue: asyncio.Queue[str | None], text: str | None) -> None:
        if queue.qsize() >= _MOST_WAITING:
            while not queue.empty():
                queue.get_nowait()
            queue.put_nowait("event: videos\ndata: {}\n\n")
        queue.put_nowait(text)
