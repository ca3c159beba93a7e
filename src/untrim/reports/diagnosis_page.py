"""One self-contained HTML page about what is wrong with a set of detections."""

from __future__ import annotations

from pathlib import Path

from untrim.evaluation.diagnosis import Diagnosis
from untrim.evaluation.findings import findings
from untrim.evaluation.protocols import find_protocol
from untrim.support.pages import write_page

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
    return write_page(
        output,
        "untrim.reports",
        "diagnosis.html.j2",
        found=diagnosis,
        findings=findings(diagnosis),
        name=name,
        unit="snippets" if find_protocol(diagnosis.protocol).quantized else "s",
        titles=_TITLES,
        tallest=max(*diagnosis.boundaries.starts, *diagnosis.boundaries.ends, 1e-9),
    )
