"""Who may ask: the page that this server gave out, and nobody else.

A page of another site can make a browser send requests to this server. So every request must name this server as its
host (a name that was rebound to this address is refused), carry the cookie that the printed address gives, and, where
the browser says where it comes from, come from here. What changes something must say so, and hold JSON.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BYTES = 1_000_000
"""The largest body of a request."""

_BODY_SECONDS = 30.0  # for a whole body; those who are slower are let go
_SAFE = ("GET", "HEAD")
_POLICY = (
    "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; object-src 'none'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}
_NO_COOKIE = "open the address that `untrim studio` printed: it holds the key to this page"


class Guard:
    """Lets requests of the own page through to an application, and answers all others.

    Args:
        app: The application.
        token: The secret in the printed address, which becomes a cookie.
        port: Port of the server, which names the cookie: cookies of all ports of a host are kept together.
        hosts: Names and addresses under which the server may be asked.
    """

    def __init__(self, app: ASGIApp, token: str, port: int, hosts: tuple[str, ...]) -> None:
        self._app, self._token, self._cookie = app, token, f"untrim-studio-{port}"
        self._hosts = {f"{host}:{port}" for host in hosts} | (set(hosts) if port == 80 else set())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        headers = Headers(scope=scope)
        sender = _with_headers(send)
        refusal = self._refusal(scope, headers)
        if refusal is not None:
            await _answer(sender, *refusal)
        elif scope["path"] == "/" and (given := parse_qs(scope["query_string"].decode("latin-1")).get("token")):
            if not secrets.compare_digest(given[0].encode(), self._token.encode()):
                await _answer(sender, 401, _NO_COOKIE)
                return
            cookie = f"{self._cookie}={self._token}; Path=/; HttpOnly; SameSite=Strict"
            await _answer(sender, 303, "", {"location": "/", "set-cookie": cookie, "cache-control": "no-store"})
        elif not self._has_cookie(headers):
            await _answer(sender, 401, _NO_COOKIE, {"content-type": "text/plain"} if scope["path"] == "/" else None)
        elif scope["method"] in _SAFE:
            await self._app(scope, receive, sender)
        else:
            body = await _body(receive)
            if isinstance(body, bytes):
                await self._app(scope, _again(body, receive), sender)
            else:
                await _answer(sender, *body)

    def _refusal(self, scope: Scope, headers: Headers) -> tuple[int, str] | None:
        """Why a request is refused whoever sends it; None if it is not."""
        host = headers.getlist("host")
        if len(host) != 1 or host[0].lower() not in self._hosts:
            return 403, "asked under a name that is not this server's"
        origin, site = headers.get("origin"), headers.get("sec-fetch-site", "none")
        own = f"http://{host[0].lower()}"
        if (origin is not None and origin.lower() != own) or (
            scope["path"] != "/" and site not in ("same-origin", "none")
        ):
            return 403, "asked by a page of another site"
        if scope["method"] in _SAFE:
            return None
        if origin is None:
            return 403, "a change must say where it comes from (Origin)"
        if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            return 415, "a change must be application/json"
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length[:20]) > MOST_BYTES:
            return 413, f"more than {MOST_BYTES:,} bytes"
        return None

    def _has_cookie(self, headers: Headers) -> bool:
        try:
            found = SimpleCookie(headers.get("cookie", "")).get(self._cookie)
        except CookieError:
            return False
        return found is not None and secrets.compare_digest(found.value.encode(), self._token.encode())


async def _body(receive: Receive) -> bytes | tuple[int, str]:
    """The whole body, or why it is not taken."""
    body = bytearray()
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    return 400, "the request ended too early"
                body += message.get("body", b"")
                if len(body) > MOST_BYTES:
                    return 413, f"more than {MOST_BYTES:,} bytes"
                if not message.get("more_body", False):
                    return bytes(body)
    except TimeoutError:
        return 408, "the request came too slowly"


def _again(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives a body that was read already."""
    given = False

    async def give() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return give


def _with_headers(send: Send) -> Send:
    async def sender(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for key, value in _HEADERS.items():
                headers[key] = value
        await send(message)

    return sender


async def _answer(send: Send, status: int, error: str, headers: dict[str, str] | None = None) -> None:
    plain = (headers or {}).get("content-type") == "text/plain"
    body = error.encode() if plain or not error else json.dumps({"error": error}).encode()
    more = {"content-type": "application/json", **(headers or {}), "content-length": str(len(body))}
    raw = [(key.encode("latin-1"), value.encode("latin-1")) for key, value in more.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})
