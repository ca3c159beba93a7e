"""Texts that hold values: JSON and YAML, and all that can be wrong with them."""

from __future__ import annotations

import json
import re

import yaml

from untrim.errors import UntrimError

_HALF_SIGN = re.compile(r"\\u[dD][89a-fA-F]")


def parse_json(text: str, where: object) -> object:
    """The value that a JSON text holds.

    Raises:
        UntrimError: Not JSON; or it holds what JSON allows and nobody means: a name that is listed twice in one object,
            half of a character, a number of thousands of digits, nesting too deep to follow.
    """
    try:
        value: object = json.loads(text, object_pairs_hook=_object)
        if _HALF_SIGN.search(text):
            json.dumps(value, ensure_ascii=False).encode()
    except _Twice as error:
        fix = "keep one of the two, or put what they hold together"
        raise UntrimError(f"'{error}' is listed twice", where=where, fix=fix) from None
    except RecursionError:
        raise UntrimError("is not valid JSON: nested too deeply", where=where) from None
    except UnicodeEncodeError:
        raise UntrimError("holds half of a character: a lone surrogate \\ud800 to \\udfff", where=where) from None
    except ValueError as error:
        raise UntrimError(f"is not valid JSON: {error!s:.160}", where=where) from error
    return value


def parse_yaml(text: str, where: object) -> object:
    """The value that a YAML text holds: plain values, lists and mappings. Dates stay texts.

    Raises:
        UntrimError: Not YAML; or it holds tags of objects, anchors and aliases (a few lines of which unfold to fill the
            memory), a key that is listed twice, nesting too deep to follow, or a number that cannot be read.
    """
    try:
        value: object = yaml.load(text, _PlainLoader)  # It is a SafeLoader.
    except RecursionError:
        raise UntrimError("is not valid YAML: nested too deeply", where=where) from None
    except (yaml.YAMLError, ValueError, TypeError, OverflowError) as error:
        raise UntrimError(f"is not valid YAML: {error!s:.200}", where=where) from error
    return value


class _Twice(Exception):
    """A name that is listed twice in one object."""


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        raise _Twice(next(key for key, _ in pairs if key in seen or seen.add(key)))  # type: ignore[func-returns-value]
    return found


class _PlainLoader(yaml.SafeLoader):
    """YAML without what a list of values does not need and a hostile file uses."""

    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in found if tag != "tag:yaml.org,2002:timestamp"]
        for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Refuse aliases."""
        if self.check_event(yaml.AliasEvent):
            raise yaml.MarkedYAMLError(problem="holds an alias (*name)")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[object, object]:
        """Refuse a key that is listed twice."""
        found = super().construct_mapping(node, deep)
        if len(found) != len(node.value):
            keys = [key.value for key, _ in node.value]
            twice = next((key for key in keys if keys.count(key) > 1), "<<")
            raise yaml.MarkedYAMLError(problem=f"'{twice}' is listed twice")
        return found
