"""No two public classes, functions or types of one name, but for a verb of the command line and what it calls."""

import ast
from collections import defaultdict
from pathlib import Path

import untrim

SOURCE = Path(untrim.__file__).parent


def names(node: ast.stmt) -> list[str]:
    """The classes, functions and types (``Image = ...``) that a statement of a module defines."""
    if isinstance(node, ast.ClassDef | ast.FunctionDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    found = [target.id for target in targets if isinstance(target, ast.Name)]
    # Constants are in capitals; type variables are one letter.
    return [name for name in found if len(name) > 1 and name[0].isupper() and not name.isupper()]


def homes() -> dict[str, list[str]]:
    """Public name -> the modules that define it."""
    found = defaultdict(list)
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            for name in names(node):
                if not name.startswith("_"):
                    found[name].append(path.relative_to(SOURCE).with_suffix("").as_posix())
    return found


def test_a_public_name_means_one_thing() -> None:
    found = homes()
    assert {"Image", "VideoFile", "train"} <= set(found)
    twice = {}
    for name, modules in found.items():
        below = [module for module in modules if not module.startswith("cli/")]
        verbs = [module for module in modules if module.startswith("cli/")]
        is_type = name[0].isupper()
        if len(below) > 1 or len(verbs) > 1 or (is_type and len(modules) > 1):
            twice[name] = modules
    assert not twice
