"""The public API: what `dir(untrim)` shows is what the lists, the type checker and the pages name."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import public_api
import untrim

ROOT = Path(__file__).parents[1]


def imported_for_type_checkers() -> dict[str, str]:
    """Name -> module of the imports under ``if TYPE_CHECKING`` that type checkers take as public (``X as X``)."""
    tree = ast.parse(Path(untrim.__file__).read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    return {
        alias.name: node.module or ""
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.asname == alias.name
    }


def test_every_public_name_is_there() -> None:
    assert all(getattr(untrim, name) is not None for name in untrim.__all__)
    assert dir(untrim) == sorted([*untrim.__all__, "__version__"])


def test_type_checkers_see_what_python_loads() -> None:
    assert imported_for_type_checkers() == untrim._HOME_OF
    assert sorted(untrim._HOME_OF) == untrim.__all__


def test_the_page_on_python_names_the_public_api() -> None:
    page = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    rows = [line.split(" | ")[0] for line in page.splitlines() if line.startswith("| `")]
    assert set(re.findall(r"`(\w+)`", " ".join(rows))) == set(untrim.__all__)


def test_the_reference_documents_the_public_api() -> None:
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^::: untrim\.(\w+)$", page, re.MULTILINE)) == untrim.__all__


def test_signatures_are_those_of_the_snapshot() -> None:
    remedy = "the public API has changed: if that is meant, run `python tests/public_api.py` and commit its difference"
    assert public_api.described() == public_api.SNAPSHOT.read_text(encoding="utf-8"), remedy


def test_the_version_is_that_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert untrim.__version__ == project["version"]


def test_the_command_line_starts_without_tensors() -> None:
    code = "import sys, untrim.cli; print(sorted({'torch', 'cv2', 'av', 'numpy', 'pydantic'} & sys.modules.keys()))"
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert found.stdout.strip() == "[]"
