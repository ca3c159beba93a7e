"""What the doctor finds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Literal

from untrim.errors import UntrimError, numbered

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found.

    Args:
        severity: ``error``: work stops, or its result is wrong; ``warning``: it is worse than it need be; ``note``:
            good to know.
        check: Name of the check.
        what: What was found.
        where: File or folder; empty for the machine.
        remedy: What to do about it; empty if there is nothing to do.
        videos: Names of the videos that it is about.
    """

    severity: Severity
    check: str
    what: str
    where: str = ""
    remedy: str = ""
    videos: tuple[str, ...] = ()

    def to_json(self) -> dict[str, object]:
        """The form that `untrim doctor --json` writes."""
        return {**asdict(self), "videos": list(self.videos)}


def from_error(check: str, error: UntrimError) -> Finding:
    """What stops other verbs stops with the same words."""
    where = "" if error.where is None else str(error.where)
    return Finding("error", check, error.what, where, error.fix or "")


_MARKS = {"error": "error  ", "warning": "warning", "note": "ok     "}


def describe(findings: Iterable[Finding]) -> str:
    """All findings for a terminal, what stops work first, and a line that sums up."""
    ordered = sorted(findings, key=lambda finding: list(_MARKS).index(finding.severity))
    lines = []
    for finding in ordered:
        place = f"{finding.where}: " if finding.where else ""
        lines.append(f"{_MARKS[finding.severity]} {place}{finding.what}")
        if finding.remedy:
            lines.append(f"{'':8}-> {finding.remedy}")
    counts = {kind: sum(finding.severity == kind for finding in ordered) for kind in ("error", "warning")}
    if not any(counts.values()):
        return "\n".join([*lines, "nothing is wrong"])
    errors = numbered(counts["error"], "error", "errors")
    return "\n".join([*lines, f"{errors}, {numbered(counts['warning'], 'warning', 'warnings')}"])
