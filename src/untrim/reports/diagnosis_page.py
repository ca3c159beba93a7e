"""One self-contained HTML page about what is wrong with a set of detections."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from untrim.evaluation.diagnosis import Diagnosis
from untrim.evaluation.findings import findings
from untrim.evaluation.protocols import find_protocol
from untrim.support.files import write_text

_TITLES = {"length": "Length", "number": "Number in the video", "coverage": "Share of the video"}


def write_diagnosis_page(diagnosis: Diagnosis, output: Path, name: str) -> Path:
    """Draw a diagnosis.

    Args:
        diagnosis: Of `untrim.evaluation.diagnosis.diagnose`.
        output: The file to write.
        name: What was diagnosed, for the title.

    Returns:
        `output`.

    Raises:
        UntrimError: `output` cannot be written.
    """
    environment = Environment(
        loader=PackageLoader("untrim.reports", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = lambda share: f"{100 * share:.1f}"
    page = environment.get_template("diagnosis.html.j2").render(
        found=diagnosis,
        findings=findings(diagnosis),
        name=name,
        unit="snippets" if find_protocol(diagnosis.protocol).quantized else "s",
        titles=_TITLES,
        tallest=max(*diagnosis.boundaries.starts, *diagnosis.boundaries.ends, 1e-9),
    )
    write_text(output, page)
    return output
