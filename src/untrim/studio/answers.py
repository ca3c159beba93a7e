"""Answers to requests: JSON with an entity tag, errors as one line, and the content of a request."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from untrim.annotations.reviews import Review
from untrim.errors import UntrimError
from untrim.studio.ledger import Conflict
from untrim.studio.state import Unknown
from untrim.support.documents import parse_json

Endpoint = Callable[[Request], Awaitable[Response]]


class Refused(Exception):
    """A request that cannot be answered.

    Args:
        status: Of the answer.
        error: Why, in one line.
    """

    def __init__(self, status: int, error: str) -> None:
        super().__init__(error)
        self.status = status


def as_json(content: object, status: int = 200, **headers: str) -> Response:
    """An answer of JSON."""
    body = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Response(body, status, {"cache-control": "no-store", **headers}, "application/json")


def tagged(request: Request, content: object) -> Response:
    """An answer of JSON with an entity tag; nothing but that tag if the page has the same already."""
    return unless_there(request, as_json(content))


def unless_there(request: Request, response: Response) -> Response:
    """An answer with an entity tag; nothing but that tag if the page has the same already."""
    tag = f'"{hashlib.blake2b(bytes(response.body), digest_size=10).hexdigest()}"'
    headers = {"etag": tag, "cache-control": "no-cache"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    response.headers.update(headers)
    return response


def revision_of(request: Request) -> int:
    """The revision in ``If-Match``.

    Raises:
        Refused: There is none.
    """
    text = request.headers.get("if-match", "")
    number = text.strip().strip('"')
    if not number.isdecimal() or len(number) > 12:
        raise Refused(428 if not text else 412, "say which revision was changed (If-Match)")
    return int(number)


async def content_of(request: Request) -> dict[str, Any]:
    """The object in a request.

    Raises:
        Refused: It is none.
    """
    body = await request.body()
    try:
        values = parse_json(body.decode() or "{}", "the request")
    except (UntrimError, UnicodeDecodeError) as error:
        raise Refused(422, str(error)) from None
    if not isinstance(values, dict):
        raise Refused(422, "the request should hold an object {…}")
    return values


def texts(values: dict[str, Any], key: str, default: list[str] | None = None) -> list[str]:
    """A list of texts in the content of a request.

    Raises:
        Refused: It is none.
    """
    found = values.get(key, default)
    if not isinstance(found, list) or not all(isinstance(text, str) for text in found):
        raise Refused(422, f"'{key}' should be a list of texts")
    return found


def answers(work: Callable[..., Response], takes_content: bool = False) -> Endpoint:
    """An endpoint of a function that works in a thread: it gets the request, and its content where it takes one.

    What goes wrong becomes an answer of one line.
    """

    @functools.wraps(work)
    async def endpoint(request: Request) -> Response:
        try:
            given = [await content_of(request)] if takes_content else []
            return await run_in_threadpool(work, request, *given)
        except Refused as error:
            return as_json({"error": str(error)}, error.status)
        except Unknown as error:
            return as_json({"error": str(error)}, 404)
        except Conflict as error:
            there = error.there
            content = {"review": there.to_json()} if isinstance(there, Review) else {"revision": there.revision}
            return as_json({"error": str(error), **content}, 412)
        except UntrimError as error:
            return as_json({"error": str(error)}, 422 if error.exit_code == 2 else 507)

    return endpoint
