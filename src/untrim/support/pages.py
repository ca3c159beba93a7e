"""HTML pages from templates: one environment, with the filters that all of them use."""

from __future__ import annotations

import json
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from untrim.support.files import linked_file, write_text


def write_page(output: Path, package: str, template: str, **values: object) -> Path:
    """Fill in a template and write the page.

    Args:
        output: The file to write.
        package: The package that the template lies in, with those that it includes.
        template: Name of the template.
        values: Values of the names in the template.

    Returns:
        `output`.

    Raises:
        UntrimError: `output` cannot be written.
    """
    environment = Environment(
        loader=PackageLoader(package, "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(percent=_percent, plain=_plain, clock=_clock, moment=moment)
    page = environment.get_template(template).render(values)
    # A name of a file on Linux may hold what is no character, which no page can.
    write_text(linked_file(output), page.encode("utf-8", "replace").decode("utf-8"))
    return output


def _percent(fraction: float | None) -> str:
    return "–" if fraction is None else f"{100 * fraction:.1f}"


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _clock(seconds: float) -> str:
    """``42 s``, ``3 min 5 s`` or ``2 h 10 min``."""
    whole = round(seconds)
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 60} min {whole % 60} s" if whole >= 60 else f"{seconds:.3g} s"


def moment(seconds: float) -> str:
    """``0:05.48``, ``1:02:05.48``: a time in a video, as players show it."""
    hundredths = round(100 * seconds)
    whole, rest = divmod(hundredths, 100)
    hours, minutes = divmod(whole // 60, 60)
    clock = f"{hours}:{minutes:02d}" if hours else f"{minutes}"
    return f"{clock}:{whole % 60:02d}.{rest:02d}"
