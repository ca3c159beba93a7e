"""The order of the folders, and the freedom from circles, read from the imports of every file.

Imports inside functions and under ``TYPE_CHECKING`` count: a file that names another knows of it. A name in a text,
from which a method or a backbone is loaded, does not.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

SOURCES = Path(__file__).parent.parent / "src" / "untrim"
ORDER = (
    "errors",
    "timeline",
    "support",
    "annotations",
    "video",
    "synthetic",
    "features",
    "data",
    "nn",
    "localization",
    "evaluation",
    "methods",
    "recipes",
    "training",
    "activations",
    "exchange",
    "rendering",
    "prediction",
    "pipeline",
    "watching",
    "reports",
    "reproduction",
    "doctor",
    "studio",
    "demo",
    "__init__",
    "cli",
    "__main__",
)
"""A folder, or a file beside the folders, imports only from those above it; ``__init__`` is the public API."""

Imports = dict[str, set[str]]


def read_imports(package: Path) -> Imports:
    """The modules of a package, by full name, and for each the modules of the package that it imports."""
    files = {}
    for file in package.rglob("*.py"):
        parts = (package.name, *file.relative_to(package).with_suffix("").parts)
        files[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return {module: _known(imported_names(file), files) for module, file in files.items()}


def imported_names(file: Path) -> Iterator[str]:
    """Full names of what a file imports, wherever in it."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{file}, line {node.lineno}: name the module in full"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _known(names: Iterator[str], modules: dict[str, Path]) -> set[str]:
    """The modules that `names` are, or that they lie in."""
    found = set()
    for name in names:
        while name not in modules and name:
            name = name.rpartition(".")[0]
        found.add(name)
    return found - {""}


def room(module: str) -> str:
    """The folder, or the file beside the folders, that a module belongs to."""
    return module.split(".")[1] if "." in module else "__init__"


def against_the_order(imports: Imports, order: tuple[str, ...]) -> list[str]:
    """Imports of a module from a folder below its own, and modules of no folder in the list."""
    height = {name: index for index, name in enumerate(order)}
    strangers = [module for module in imports if room(module) not in height]
    return [f"{module} is in no folder of the list" for module in strangers] + [
        f"{module} imports {target}"
        for module, targets in imports.items()
        for target in sorted(targets)
        if height.get(room(module), -1) < height.get(room(target), -1)
    ]


def circle(imports: Imports) -> list[str]:
    """Modules that import each other in a circle, the first one again at the end; empty if there are none.

    To import a module from outside its package is to import the package's ``__init__`` as well.
    """
    whole = {module: set(targets) for module, targets in imports.items()}
    for module, targets in imports.items():
        for target in targets:
            parents = target.split(".")[:-1]
            packages = {".".join(parents[: count + 1]) for count in range(len(parents))}
            whole[module] |= {package for package in packages if not f"{module}.".startswith(f"{package}.")}
    try:
        TopologicalSorter({module: targets - {module} for module, targets in whole.items()}).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_a_folder_imports_only_from_folders_above_it() -> None:
    assert against_the_order(read_imports(SOURCES), ORDER) == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert circle(read_imports(SOURCES)) == []


def test_every_folder_is_in_the_list() -> None:
    there = {path.name for path in SOURCES.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert there - set(ORDER) == set()


def test_no_file_is_over_400_lines() -> None:
    long = {
        str(file): count for file in SOURCES.rglob("*.py") if (count := len(file.read_text("utf-8").splitlines())) > 400
    }
    assert long == {}


def package(folder: Path, **files: str) -> Path:
    """A package `toy` of the files; ``__`` in a name stands for the folder's slash."""
    for name, text in {"__init__": "", **files}.items():
        file = folder / "toy" / (f"{name}.py" if name.startswith("__") else f"{name.replace('__', '/', 1)}.py")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return folder / "toy"


@pytest.mark.parametrize(
    "text",
    [
        "import toy.low.b",
        "from toy.low import b",
        "from toy.low.b import x",
        "from toy.low import x",
        "def f():\n    from toy.low.b import x",
        "if TYPE_CHECKING:\n    from toy.low.b import x",
        "from toy import y",
        "import toy",
    ],
)
def test_an_import_against_the_order_is_found(tmp_path: Path, text: str) -> None:
    files = {"high__a": text, "high____init__": "", "low__b": "from toy.high.a import z", "low____init__": ""}
    imports, order = read_imports(package(tmp_path, **files)), ("high", "low", "__init__")
    (found,) = against_the_order(imports, order)
    assert found.startswith("toy.high.a imports toy")
    assert against_the_order({**imports, "toy.high.a": set()}, order) == []
    assert "toy.low.b is in no folder of the list" in against_the_order(imports, ("high", "__init__"))


@pytest.mark.parametrize(
    "files",
    [
        {"a": "from toy.b import x", "b": "def f():\n    from toy.a import y"},
        {"a": "from toy.b import x", "b": "from toy.c import x", "c": "if TYPE_CHECKING:\n    import toy.a"},
        {"a": "from toy.p.one import x", "p____init__": "from toy.a import y", "p__one": ""},
    ],
)
def test_a_circle_is_found(tmp_path: Path, files: dict[str, str]) -> None:
    imports = read_imports(package(tmp_path, **files))
    assert "toy.a" in circle(imports)
    assert circle({**imports, "toy.a": set()}) == []


def test_the_page_on_architecture_lists_the_rooms_in_their_order() -> None:
    page = (
        (SOURCES.parents[1] / "docs" / "architecture.md").read_text().partition("\n## Rooms\n")[2].partition("\n## ")[0]
    )
    there = [room for room in ORDER if (SOURCES / room).is_dir() or (SOURCES / f"{room}.py").is_file()]
    assert re.findall(r"^\| `(\w+)` \|", page, re.M) == [room for room in there if not room.startswith("__")]
