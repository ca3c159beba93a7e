"""The server of the studio: one process, one project, bound to this machine unless asked otherwise."""

from __future__ import annotations

import asyncio
import logging
import secrets
import socket
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import uvicorn

from untrim.errors import UntrimError
from untrim.studio.events import Events
from untrim.studio.guard import Guard
from untrim.studio.project import Project
from untrim.studio.routes import Routes
from untrim.studio.state import Studio
from untrim.studio.work import WorkInProject

LOOPBACK = "127.0.0.1"
_FIRST_PORT, _PORTS = 8600, 100
_GRACE = 3  # seconds for requests under way to end when the server ends
_ANY_ADDRESS = ("0.0.0.0", "::")
_LOCAL_NAMES = ("127.0.0.1", "localhost", "[::1]")


def serve(
    project: Project,
    *,
    host: str = LOOPBACK,
    port: int | None = None,
    started: Callable[[str], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> None:
    """Serve the page of a project until it is asked to stop.

    Args:
        project: The project.
        host: Address to listen at; any other than the loopback lets other machines ask.
        port: Port to listen at; None for the first that is free from 8600 on.
        started: Told the address of the page, with its key, once it can be opened.
        should_stop: Asked a few times a second whether to stop; None: until the process is ended.

    Raises:
        UntrimError: Another studio has the project open, something in it is wrong, or the port is taken.
    """
    events = Events()
    with (
        Studio(project, events) as studio,
        closing(WorkInProject(studio)) as work,
        _bound(host, port) as listener,
    ):
        token, number = secrets.token_urlsafe(24), listener.getsockname()[1]
        names = _LOCAL_NAMES if host == LOOPBACK else (*_LOCAL_NAMES, _in_address(host).lower())
        guarded = Guard(Routes(studio, work).application(), token, number, names)
        config = uvicorn.Config(
            guarded, log_level="error", access_log=False, lifespan="off", server_header=False,
            timeout_graceful_shutdown=_GRACE, timeout_keep_alive=30, h11_max_incomplete_event_size=65_536, http="h11",
            ws="none",
        )  # fmt: skip
        logging.getLogger("uvicorn.error").addFilter(_tells_of_a_fault)
        server = _Server(config)

        async def run() -> None:
            events.start()
            watching = asyncio.create_task(_watch(server, events, should_stop))
            await asyncio.sleep(0)
            if started is not None:
                started(f"http://{_in_address(host)}:{number}/?token={token}")
            await server.serve(sockets=[listener])
            watching.cancel()

        asyncio.run(run())


class _Server(uvicorn.Server):
    """A server that leaves signals to whoever calls it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none: uvicorn would raise them again before the project is closed."""
        yield


def _tells_of_a_fault(record: logging.LogRecord) -> bool:
    """Whether a record is of a fault; a request that is cut short because the server ends is none."""
    return record.exc_info is not None and not isinstance(record.exc_info[1], asyncio.CancelledError)


async def _watch(server: uvicorn.Server, events: Events, should_stop: Callable[[], bool] | None) -> None:
    """End the streams of events when the server is to end, which would wait for them."""
    while not server.should_exit:
        if should_stop is not None and should_stop():
            server.should_exit = True
        await asyncio.sleep(0.2)
    events.stop()


def _in_address(host: str) -> str:
    """A host as an address names it: IPv6 in brackets."""
    return f"[{host.strip('[]')}]" if ":" in host else host


def _bound(host: str, port: int | None) -> socket.socket:
    """A socket that listens."""
    if host.strip("[]") in _ANY_ADDRESS:
        fix = "name the address under which the page is opened"
        raise UntrimError(f"--host {host} is every address of this machine", fix=fix)
    ports = range(_FIRST_PORT, _FIRST_PORT + _PORTS) if port is None else [port]
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    why = ""
    for number in ports:
        # With its protocol named, asyncio sends each part of an answer at once; else bodies wait 40 ms for a receipt.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host.strip("[]"), number))
        except OSError as error:
            listener.close()
            why = error.strerror or str(error)
        else:
            listener.listen(128)
            return listener
    raise UntrimError(f"cannot listen at {host}:{ports[0]}: {why}", fix="name another --port or --host")
