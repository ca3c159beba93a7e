import re
import sys
import tomllib
from pathlib import Path

import pytest

from untrim.errors import UntrimError
from untrim.support.extras import EXTRA_OF, optional

PACKAGES = {"sklearn": "scikit-learn"}
"""Library -> the package that it comes in, where that has another name."""
PROJECT = Path(__file__).parents[2] / "pyproject.toml"


@pytest.mark.parametrize("library", EXTRA_OF)
def test_the_extra_that_is_named_installs_the_library(library: str) -> None:
    extras = tomllib.loads(PROJECT.read_text())["project"]["optional-dependencies"]
    assert PACKAGES.get(library, library) in {
        re.split("[<>=]", requirement)[0] for requirement in extras[EXTRA_OF[library]]
    }


@pytest.mark.parametrize("library", EXTRA_OF)
def test_a_library_that_is_not_installed_is_a_line(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    fix = rf"\(pip install 'untrim\[{EXTRA_OF[library]}\]'\)"
    with pytest.raises(UntrimError, match=f"^{library} is not installed {fix}$"):
        optional(library)


def test_a_library_that_lacks_another_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "nncf.py").write_text("import not_there_at_all")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "nncf", raising=False)
    with pytest.raises(UntrimError, match="nncf cannot be imported: No module named 'not_there_at_all'"):
        optional("nncf")


def test_a_library_that_is_there_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "nncf.py").write_text("here = True")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "nncf", raising=False)
    assert optional("nncf").here
    monkeypatch.delitem(sys.modules, "nncf")
