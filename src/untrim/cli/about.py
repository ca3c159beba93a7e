"""Verbs that tell what there is: methods."""

from __future__ import annotations

from typing import Annotated

import typer

from untrim.cli.app import app


@app.command()
def methods(
    method: Annotated[str | None, typer.Argument(help="Show the options of this method.")] = None,
) -> None:
    """List methods and presets, or one method's options with their meaning."""
    from untrim.methods import describe_methods, describe_options

    print(describe_methods() if method is None else describe_options(method))
