"""The methods, by name. Third parties add theirs through the entry point group ``untrim.methods``."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import entry_points

from untrim.errors import UntrimError, nearest
from untrim.methods.base import Method

METHODS = {
    "wsad": "untrim.methods.wsad:WSAD",
}


def method_names() -> list[str]:
    """Names of all methods, the project's own first."""
    return [*METHODS, *sorted(point.name for point in entry_points(group="untrim.methods"))]


def load_method(name: str) -> type[Method]:
    """The class of a method.

    Raises:
        UntrimError: No such method; names the nearest.
    """
    plugins = {point.name: point.value for point in entry_points(group="untrim.methods")}
    place = METHODS.get(name) or plugins.get(name)
    if place is None:
        raise UntrimError(f"unknown method '{name}'", fix=nearest(name, [*METHODS, *plugins]))
    module, _, attribute = place.partition(":")
    method: type[Method] = getattr(import_module(module), attribute)
    return method
