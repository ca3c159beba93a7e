"""Who may ask: nobody but the page that was opened with the printed address."""

import contextlib
import json
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from studio.pages import Page, opened
from untrim.errors import UntrimError
from untrim.studio.project import open_project
from untrim.studio.server import serve

ROUTES = (
    "/api/videos", "/api/project", "/api/classes", "/api/videos/{id}", "/api/videos/{id}/frames",
    "/api/videos/{id}/review", "/media/{id}", "/sprite/{id}", "/static/index.html", "/api/jobs/events",
)  # fmt: skip

NO_ORIGINS = ("http://evil.example", "null", "http://localhost:1", "https://127.0.0.1:{port}", "")


@pytest.fixture(scope="module")
def folder(films: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(films, tmp_path_factory.mktemp("guarded") / "videos"))


@pytest.fixture(scope="module")
def page(folder: Path) -> Iterator[Page]:
    """One page for all tests of this file: none of them may change anything."""
    with opened(open_project(folder)) as page:
        yield page
        assert not (folder / "reviews").exists() or not list((folder / "reviews").glob("*.json*"))


@pytest.mark.parametrize("route", ROUTES)
def test_without_the_cookie_nothing_is_given(page: Page, route: str) -> None:
    path = route.replace("{id}", page.ids()["garage"])
    for cookie in (None, "untrim-studio-1=x", f"untrim-studio-{page.port}=wrong", "="):
        assert page.get(path, Cookie=cookie).status == 401


def test_the_page_says_how_it_is_opened(page: Page) -> None:
    answer = page.get("/", Cookie=None)
    assert answer.status == 401
    assert b"open the address that `untrim studio` printed" in answer.body
    assert page.get("/?token=wrong", Cookie=None).status == 401


def test_the_cookie_is_for_this_page_alone(page: Page) -> None:
    answer = page.get(page.address.partition(str(page.port))[2], Cookie=None)
    cookie = answer.headers["set-cookie"]
    assert answer.headers["location"] == "/"
    assert f"untrim-studio-{page.port}=" in cookie
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie


@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "", "localhost."])
def test_another_host_is_refused(page: Page, host: str) -> None:
    assert page.get("/api/videos", Host=host.format(port=page.port)).status in (400, 403)


def test_names_of_this_machine_are_taken(page: Page) -> None:
    assert page.get("/api/videos", Host=f"localhost:{page.port}").status == 200
    assert page.get("/api/videos", Host=f"LOCALHOST:{page.port}").status == 200


@pytest.mark.parametrize("origin", NO_ORIGINS)
def test_another_origin_is_refused(page: Page, origin: str) -> None:
    key = page.ids()["garage"]
    given = origin.format(port=page.port)
    assert page.get("/api/videos", Origin=given).status == 403
    changed = page.ask("PUT", f"/api/videos/{key}/review", {"labels": ["x"]}, Origin=given, If_Match='"0"')
    assert changed.status == 403
    assert page.get(f"/api/videos/{key}/review").json["revision"] == 0


def test_a_change_needs_an_origin_and_json(page: Page) -> None:
    key = page.ids()["garage"]
    path = f"/api/videos/{key}/review"
    assert page.ask("PUT", path, {"labels": ["x"]}, Origin=None, If_Match='"0"').status == 403
    for kind in (None, "text/plain", "application/x-www-form-urlencoded", "text/json"):
        assert page.ask("PUT", path, {"labels": ["x"]}, Content_Type=kind, If_Match='"0"').status == 415
    assert page.get(path).json["revision"] == 0


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "[::]"])
def test_every_address_at_once_is_refused(folder: Path, tmp_path: Path, host: str) -> None:
    project = open_project(Path(shutil.copytree(folder, tmp_path / "videos")))
    with pytest.raises(UntrimError, match="name the address under which the page is opened"):
        serve(project, host=host)


def test_a_port_that_is_taken_is_said(page: Page, folder: Path, tmp_path: Path) -> None:
    project = open_project(Path(shutil.copytree(folder, tmp_path / "videos")))
    with pytest.raises(UntrimError, match="cannot listen at 127"):
        serve(project, port=page.port)


def test_a_page_of_another_site_is_refused_where_the_browser_says_so(page: Page) -> None:
    for site in ("cross-site", "same-site"):
        assert page.get("/api/videos", Sec_Fetch_Site=site).status == 403
    assert page.get("/api/videos", Sec_Fetch_Site="same-origin").status == 200


@pytest.mark.parametrize("route", ["/api/videos", "/api/nothing", "/media/nothing", "/"])
def test_every_answer_says_what_the_page_may_load(page: Page, route: str) -> None:
    for cookie in (page.headers["Cookie"], None):
        headers = page.get(route, Cookie=cookie).headers
        assert headers["content-security-policy"].startswith("default-src 'self'")
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"


def test_a_body_too_large_is_refused(page: Page) -> None:
    key = page.ids()["garage"]
    large = json.dumps({"labels": ["x" * 1_000_001]}).encode()
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # The server need not read what it refuses.
        assert page.ask("PUT", f"/api/videos/{key}/review", large, If_Match='"0"').status == 413
    with socket.create_connection((page.host, page.port), timeout=20) as connection:
        connection.sendall(_head(page, key, "Transfer-Encoding: chunked"))
        try:
            for _ in range(200):
                connection.sendall(b"2710\r\n" + b" " * 10_000 + b"\r\n")
        except OSError:
            pass
        else:
            assert b" 413 " in connection.recv(1000)
    assert page.get(f"/api/videos/{key}/review").json["revision"] == 0


def test_a_slow_client_keeps_nobody_waiting(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("untrim.studio.guard._BODY_SECONDS", 0.5)
    key = page.ids()["garage"]
    slow = [socket.create_connection((page.host, page.port), timeout=20) for _ in range(20)]
    try:
        for connection in slow[:10]:
            connection.sendall(_head(page, key, "Content-Length: 100")[:-4])  # The head never ends.
        for connection in slow[10:]:
            connection.sendall(_head(page, key, "Content-Length: 100") + b"{")
        assert page.get("/api/videos").status == 200
        time.sleep(0.6)
        assert b" 408 " in slow[-1].recv(1000)
    finally:
        for connection in slow:
            connection.close()


@pytest.mark.parametrize(
    "path",
    [
        "/static/../project.py", "/static/%2e%2e/project.py", "/static/..%2fproject.py", "/static//etc/passwd",
        "/static/%2fetc%2fpasswd", "/media/../../etc/passwd", "/media/%2fetc%2fpasswd", "/media/..%2f..%2fetc%2fpasswd",
        "/sprite/..%2f..%2funtrim-project.json", "/api/videos/..%2f..%2freviews/review", "/api/videos/%00/review",
        "/media/garage.mp4", "/media/garage", "/api/videos/%F0%9F%98%80/frames", "/api/operations/../undo",
        "/static/\\..\\project.py", "/static/%5c..%5cproject.py",
    ],
)  # fmt: skip
def test_no_path_leads_out(page: Page, path: str) -> None:
    answer = page.get(path)
    assert answer.status in (400, 404, 405), answer.body
    assert b"root:" not in answer.body
    assert b"import" not in answer.body


def test_ranges_of_a_video(page: Page, folder: Path) -> None:
    key, content = page.ids()["garage"], (folder / "garage.mp4").read_bytes()
    part = page.get(f"/media/{key}", Range="bytes=10-19")
    assert (part.status, part.body) == (206, content[10:20])
    assert page.get(f"/media/{key}", Range="bytes=-5").body == content[-5:]
    assert page.get(f"/media/{key}", Range=f"bytes={len(content)}-").status == 416
    assert page.get(f"/media/{key}", Range="bytes=99999999999-").status == 416
    assert page.get(f"/media/{key}", Range="bytes=5-2").status in (400, 416)
    many = page.get(f"/media/{key}", Range="bytes=" + ",".join(f"{2 * i}-{2 * i}" for i in range(5_000)))
    assert many.status in (200, 431, 400)
    assert len(many.body) <= len(content)
    whole = page.ask("HEAD", f"/media/{key}")
    assert (whole.status, whole.headers["content-length"]) == (200, str(len(content)))


def _head(page: Page, key: str, more: str) -> bytes:
    lines = [
        f"PUT /api/videos/{key}/review HTTP/1.1",
        f"Host: {page.host}:{page.port}",
        f"Origin: http://{page.host}:{page.port}",
        f"Cookie: {page.headers['Cookie']}",
        'If-Match: "0"',
        "Content-Type: application/json",
        more,
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()
