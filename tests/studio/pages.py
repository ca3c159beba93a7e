"""A studio that really listens, in a thread of the tests, and a client that asks as a page in a browser does."""

import http.client
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from untrim.studio.project import Project
from untrim.studio.server import serve


class Answer:
    """The status, headers and body of an answer."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status, self.headers, self.body = response.status, response.headers, response.read()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Page:
    """What a page in a browser sends: cookie, origin, JSON."""

    def __init__(self, address: str) -> None:
        self.address, parts = address, urlsplit(address)
        assert parts.hostname is not None
        assert parts.port is not None
        self.host, self.port = parts.hostname, parts.port
        self.headers: dict[str, str] = {}
        opened = self.ask("GET", f"/?{parts.query}")
        assert opened.status == 303
        self.headers["Cookie"] = str(opened.headers["set-cookie"]).partition(";")[0]

    def ask(self, method: str, path: str, content: object = None, **headers: str | None) -> Answer:
        """Send a request; a header that is None is left out."""
        sent: dict[str, str | None] = dict(self.headers)
        if method not in ("GET", "HEAD"):
            sent |= {"Origin": f"http://{self.host}:{self.port}", "Content-Type": "application/json"}
        sent |= {key.replace("_", "-"): value for key, value in headers.items()}
        body = content if isinstance(content, bytes) or content is None else json.dumps(content).encode()
        connection = http.client.HTTPConnection(self.host, self.port, timeout=20)
        try:
            connection.putrequest(method, path, skip_host="Host" in sent)
            for key, value in sent.items():
                if value is not None:
                    connection.putheader(key, value)
            if body is not None or method not in ("GET", "HEAD"):
                connection.putheader("Content-Length", str(len(body or b"")))
            connection.endheaders(body)
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def get(self, path: str, **headers: str | None) -> Answer:
        return self.ask("GET", path, **headers)

    def ids(self) -> dict[str, str]:
        """Keys of the videos by their names."""
        return {row["name"]: row["id"] for row in self.get("/api/videos").json["videos"]}

    def save(self, key: str, revision: int, **content: object) -> Answer:
        return self.ask("PUT", f"/api/videos/{key}/review", content, If_Match=f'"{revision}"')

    def list_when_known(self) -> Answer:
        """The list of videos, once the size of each file was looked up in the background or it could not be."""
        return self._once(
            "/api/videos", lambda answer: all(row["width"] or row["problem"] for row in answer.json["videos"])
        )

    def until(self, path: str) -> Answer:
        """The answer to a request, once what it asks for was made."""
        return self._once(path, lambda answer: answer.status != 202)

    def _once(self, path: str, done: Callable[[Answer], bool]) -> Answer:
        pause = threading.Event()
        for _ in range(400):
            if done(answer := self.get(path)):
                return answer
            pause.wait(0.05)
        raise AssertionError(f"{path} is not ready after 20 s")


@contextmanager
def opened(project: Project) -> Iterator[Page]:
    """A page of a project, served in a thread."""
    addresses: list[str] = []
    ready, over = threading.Event(), threading.Event()
    failure: list[BaseException] = []

    def started(address: str) -> None:
        addresses.append(address)
        ready.set()

    def work() -> None:
        try:
            serve(project, port=0, started=started, should_stop=over.is_set)
        except BaseException as error:
            failure.append(error)
            ready.set()

    thread = threading.Thread(target=work)
    thread.start()
    assert ready.wait(120)
    try:
        if failure:
            raise failure[0]
        yield Page(addresses[0])
    finally:
        over.set()
        thread.join(20)
        assert not thread.is_alive()


def ended(page: Page, key: str) -> dict[str, Any]:
    """A job once it neither waits nor runs."""
    pause = threading.Event()
    for _ in range(600):
        job = next(job for job in page.get("/api/jobs").json["jobs"] if job["id"] == key)
        if job["state"] not in ("waiting", "running"):
            return dict(job)
        pause.wait(0.2)
    raise AssertionError(job)
