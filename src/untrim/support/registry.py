"""Named things, built in or by entry point: what this project has of a kind, and what other packages add to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from untrim.errors import UntrimError, nearest


@dataclass(frozen=True)
class Registry:
    """Things of one kind, by name. Each is imported when it is asked for, not before.

    Args:
        kind: What they are, in a word for messages: ``method``.
        group: Entry point group in which other packages name theirs.
        built_in: Name -> ``module:attribute`` of the project's own. A package cannot take over one of these names.
    """

    kind: str
    group: str
    built_in: Mapping[str, str]

    def names(self) -> list[str]:
        """All names, the project's own first."""
        return [*self.built_in, *sorted(self._plugins())]

    def load(self, name: str) -> Any:
        """The thing of that name.

        Raises:
            UntrimError: There is none, and this says which name is nearest; two packages name one so; or the package
                that does cannot be imported.
        """
        if name in self.built_in:
            return _resolved(self.built_in[name])
        points = self._plugins().get(name)
        if points is None:
            raise UntrimError(f"unknown {self.kind} '{name}'", fix=nearest(name, self.names()))
        if len(points) > 1:
            places = " and ".join(sorted(points))
            raise UntrimError(f"two packages name a {self.kind} '{name}': {places}", fix="uninstall one of them")
        place = next(iter(points))
        try:
            return _resolved(place)
        except UntrimError:
            raise
        except Exception as error:  # A package of somebody else can fail in any way.
            raise UntrimError(
                f"the {self.kind} '{name}' cannot be loaded: {type(error).__name__}: {error}",
                where=f"entry point {self.group}: {name} = {place}",
                fix="repair the package that declares it, or uninstall it",
            ) from error

    def _plugins(self) -> dict[str, set[str]]:
        """Name -> places, ``module:attribute``, of what other packages add; one place unless packages disagree."""
        found: dict[str, set[str]] = {}
        for point in entry_points(group=self.group):
            if point.name not in self.built_in:
                found.setdefault(point.name, set()).add(point.value)
        return found


def _resolved(place: str) -> Any:
    module, _, attribute = place.partition(":")
    return getattr(import_module(module), attribute)
