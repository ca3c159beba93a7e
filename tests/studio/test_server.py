"""The server of the studio: how it answers, and how it ends."""

import asyncio
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from studio.pages import opened
from untrim.studio import server
from untrim.studio.pictures import Cache
from untrim.studio.project import open_project


def test_an_answer_is_sent_as_soon_as_it_is_written() -> None:
    """Else each waits some 40 ms, between its head and its body, for a receipt of the head."""

    async def at_once() -> int:
        told = asyncio.get_running_loop().create_future()

        async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            connection = writer.get_extra_info("socket")
            told.set_result(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        listener = server._bound(server.LOOPBACK, None)
        async with await asyncio.start_server(answer, sock=listener):
            _, writer = await asyncio.open_connection(*listener.getsockname())
            writer.close()
            return int(await told)

    with ThreadPoolExecutor(1) as thread:  # In this one a browser's tests may have left a loop that runs.
        assert thread.submit(asyncio.run, at_once()).result() != 0


def test_a_server_that_ends_in_the_middle_of_a_request_says_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def long_work(*_: object) -> None:
        begun.set()
        go_on.wait(20)

    monkeypatch.setattr(server, "_GRACE", 0.1)
    monkeypatch.setattr(Cache, "table", long_work)
    with opened(open_project(folder)) as page:
        address = f"/api/videos/{page.ids()['garage']}/frames"
        asking = threading.Thread(target=lambda: page.get(address))
        asking.start()
        assert begun.wait(20)
    go_on.set()
    asking.join(20)
    assert capfd.readouterr() == ("", "")


def test_every_part_of_the_page_is_served_once(folder: Path) -> None:
    with opened(open_project(folder)) as page:
        script, icons = page.get("/static/core/store.js"), page.get("/static/icons.svg")
        assert (script.status, icons.status) == (200, 200)
        assert "javascript" in script.headers["content-type"]
        assert icons.headers["content-type"] == "image/svg+xml"
        assert page.get("/static/core/store.js", If_None_Match=script.headers["etag"]).status == 304
        assert page.get("/static/core").status == page.get("/static/").status == 404
