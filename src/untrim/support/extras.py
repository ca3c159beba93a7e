"""Optional libraries: each comes with an extra of this package, and is imported where it is used, by `optional`."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from untrim.errors import UntrimError

EXTRA_OF = {
    "nncf": "fast",
    "onnx": "onnx",
    "onnxscript": "onnx",
    "opentimelineio": "otio",
    "openvino": "fast",
    "pandas": "pandas",
    "optuna": "tune",
    "ray": "ray",
    "sklearn": "plots",
    "tensorboard": "tensorboard",
    "transformers": "hf",
}
"""Library -> the extra that installs it."""


def optional(library: str) -> Any:
    """The library, a key of `EXTRA_OF`. It is untyped: its types may not be installed.

    Raises:
        UntrimError: It is not installed, or fails to import; says how to get it.
    """
    try:
        return import_module(library)
    except ImportError as error:
        absent = isinstance(error, ModuleNotFoundError) and error.name == library
        what = "is not installed" if absent else f"cannot be imported: {error}"
        raise UntrimError(f"{library} {what}", fix=f"pip install 'untrim[{EXTRA_OF[library]}]'") from error
