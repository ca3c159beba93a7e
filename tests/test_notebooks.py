"""The notebooks of the documentation run from the first cell to the last, and hold nothing of a machine."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

NOTEBOOKS = sorted((Path(__file__).parents[1] / "docs" / "notebooks").glob("*.ipynb"))
each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)


@each_notebook
def test_a_notebook_runs_and_prints_what_is_shown(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In an empty folder; what its cells print is what the page shows."""
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    notebook = nbformat.read(path, as_version=4)
    shown = [_printed(cell) for cell in notebook.cells]
    work = tmp_path / "work"
    work.mkdir()
    nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(work)}}).execute()
    assert [_printed(cell) for cell in notebook.cells] == shown
    assert (work / "first-steps" / "report.html").stat().st_size > 10_000


def _printed(cell: Mapping[str, Any]) -> str:
    """What a cell prints to standard output, without figures that differ from machine to machine."""
    outputs = [output for output in cell.get("outputs", []) if output.get("name") == "stdout"]
    return re.sub(r"[ \d]+\.\d+", " #", "".join(output["text"] for output in outputs))


@each_notebook
def test_a_notebook_is_small_and_clean(path: Path) -> None:
    cells = json.loads(path.read_text())["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    assert path.stat().st_size < 100_000
    assert {(output["output_type"], output.get("name")) for output in outputs} == {
        ("stream", "stdout"),
        ("display_data", None),
        ("execute_result", None),
    }
    said = [(output.get("text"), output.get("data", {}).get("text/html")) for output in outputs]
    assert not re.search(r"/(home|root|tmp|Users)/", json.dumps(said))
    runs = [cell["execution_count"] for cell in cells if cell["cell_type"] == "code"]
    assert runs == list(range(1, len(runs) + 1))
