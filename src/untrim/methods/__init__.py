"""The methods, by name. Third parties add theirs through the entry point group ``untrim.methods``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from untrim.errors import UntrimError
from untrim.methods.base import Method
from untrim.support.registry import Registry

METHODS = Registry(
    "method",
    "untrim.methods",
    {
        "consensus": "untrim.methods.consensus:Consensus",
        "wsad": "untrim.methods.wsad:WSAD",
        "wsbm": "untrim.methods.wsbm:WSBM",
        "lpat": "untrim.methods.lpat:LPAT",
        "ecm": "untrim.methods.ecm:ECM",
        "stpn": "untrim.methods.stpn:STPN",
        "wtalc": "untrim.methods.wtalc:WTALC",
        "supervised": "untrim.methods.supervised:Supervised",
        "pretrained": "untrim.methods.pretrained:Pretrained",
    },
)


def method_names() -> list[str]:
    """Names of all methods, the project's own first."""
    return METHODS.names()


def load_method(name: str) -> type[Method]:
    """The class of a method.

    Raises:
        UntrimError: There is no such method (the error names the most similar one), or it cannot be imported.
    """
    method: type[Method] = METHODS.load(name)
    return method


def list_methods(name: str | None = None) -> list[dict[str, Any]]:
    """All methods, or one: ``name``, ``summary``, ``options`` as a JSON Schema, ``presets`` with the values that each
    changes. Of a method that cannot be loaded, ``error`` says why and the others are null.

    Raises:
        UntrimError: No such method.
    """
    rows: list[dict[str, Any]] = []
    for each in method_names() if name is None else [name]:
        try:
            method = load_method(each)
        except UntrimError as error:
            if name is not None:
                raise
            rows.append({"name": each, "summary": None, "options": None, "presets": None, "error": str(error)})
            continue
        summary, options = (method.__doc__ or "").splitlines()[0], method.Config.model_json_schema()
        presets = {preset: dict(values) for preset, values in method.presets.items()}
        rows.append({"name": each, "summary": summary, "options": options, "presets": presets, "error": None})
    return rows


def describe_methods() -> str:
    """All methods: name, first line of the docstring, presets. A method that cannot be loaded gets the reason."""
    lines = []
    width = max(map(len, method_names()))
    for name in method_names():
        try:
            method = load_method(name)
        except UntrimError as error:
            lines.append(f"{name:{width}}  {error}")
            continue
        presets = f" (presets: {', '.join(method.presets)})" if method.presets else ""
        lines.append(f"{name:{width}}  {(method.__doc__ or '').splitlines()[0]}{presets}")
    return "\n".join(lines)


def describe_options(name: str) -> str:
    """The options of one method, from its config: default, what is allowed, meaning, and what each preset changes.

    Raises:
        UntrimError: No such method.
    """
    method = load_method(name)
    lines = [f"{name}: {(method.__doc__ or '').splitlines()[0]}"]
    for key, option in method.Config.model_json_schema()["properties"].items():
        lines.append(f"  {key} = {json.dumps(option['default'])}  ({_allowed(option)})")
        lines.append(f"      {' '.join(option.get('description', '').split())}")
    for preset, values in method.presets.items():
        changed = ", ".join(f"{key}={json.dumps(value)}" for key, value in values.items())
        lines.append(f"preset {preset}: {changed or 'the values above'}")
    return "\n".join(lines)


def _allowed(schema: Mapping[str, Any]) -> str:
    """What a JSON schema allows, in words: ``number > 0``, ``triplet | none``, ``integer >= 1 | null``."""
    if "anyOf" in schema:
        return " | ".join(_allowed(part) for part in schema["anyOf"])
    if "enum" in schema:
        return " | ".join(schema["enum"])
    signs = {"exclusiveMinimum": ">", "minimum": ">=", "exclusiveMaximum": "<", "maximum": "<="}
    bounds = [f"{sign} {schema[key]:g}" for key, sign in signs.items() if key in schema]
    return " ".join([schema.get("type", "text"), *bounds])
