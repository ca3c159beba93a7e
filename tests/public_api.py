"""The signatures of the public API as text: `python tests/public_api.py` renews the snapshot ``public_api.txt``."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path

import untrim

WIDTH = 90
SNAPSHOT = Path(__file__).with_suffix(".txt")


class Bare(str):
    """An annotation without quotation marks around it."""

    def __repr__(self) -> str:
        return str(self)


def described() -> str:
    """Functions and classes, each class with its methods, properties and fields; long signatures over several lines."""
    return "".join(f"{entry}\n" for name in untrim.__all__ for entry in entries(name, getattr(untrim, name)))


def entries(name: str, value: object) -> Iterator[str]:
    if not isinstance(value, type):
        yield name + signature(value)
        return
    if hasattr(value, "model_fields"):  # pydantic's own signature differs from version to version
        yield name
        yield from (
            f"{name}.{key}: {kind}"
            for key, kind in sorted(inspect.get_annotations(value).items())
            if key in value.model_fields
        )
    else:
        yield name + signature(value).removesuffix(" -> None")
    for key, member in sorted(vars(value).items()):
        if key.startswith("_"):
            continue
        if isinstance(member, property):
            yield f"{name}.{key}: {inspect.get_annotations(member.fget)['return']}"
        elif isinstance(member, classmethod | staticmethod) or inspect.isfunction(member):
            yield f"{name}.{key}{signature(getattr(value, key))}"


def signature(value: object) -> str:
    found = inspect.signature(value)  # type: ignore[arg-type]
    parts = [part.replace(annotation=bare(part.annotation)) for part in found.parameters.values()]
    whole = str(found.replace(parameters=parts, return_annotation=bare(found.return_annotation)))
    if len(whole) <= WIDTH:
        return whole
    lines = [f"    {part}," for part in parts]
    starred = [part.kind for part in parts].count(inspect.Parameter.KEYWORD_ONLY)
    if starred:
        lines.insert(len(lines) - starred, "    *,")
    return "\n".join(["(", *lines, whole[whole.rindex(")") :]])


def bare(annotation: object) -> object:
    return Bare(annotation) if isinstance(annotation, str) else annotation


if __name__ == "__main__":
    SNAPSHOT.write_text(described(), encoding="utf-8")
