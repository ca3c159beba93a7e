"""The network of a run as an ONNX file: from features to the activations that localization needs, for any runtime."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import fields
from io import StringIO
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from untrim.errors import UntrimError
from untrim.methods.base import Method
from untrim.support.extras import optional
from untrim.support.files import write_bytes
from untrim.support.kinds import check_file
from untrim.support.paths import as_path
from untrim.training.checkpoint import Run
from untrim.training.operating_point import read_operating_point
from untrim.training.ready_runs import find_run

METADATA = "untrim"
"""Key of the file's metadata under which is, as JSON, what localization needs beside the activations."""

_SCHEMA = 1
_NOT_FOR_LOCALIZATION = frozenset({"mask", "embedded", "features", "clusters", "transition", "steady"})
_EXAMPLE = 50  # Snippets that the network is traced with; the file takes any number.


class ExportedNetwork(nn.Module):
    """A run's network as a function of features alone, for `torch.export` and ONNX.

    Args:
        model: The network; put into evaluation mode.

    Attributes:
        outputs: Names of what `forward` gives, in its order: fields of the method's activations.
    """

    def __init__(self, model: Method) -> None:
        super().__init__()
        self.model = model.eval()
        with torch.inference_mode():
            found = model(torch.zeros(1, 2, self.dim), torch.ones(1, 2, dtype=torch.bool))
        known = {field.name: getattr(found, field.name) for field in fields(found)}
        self.outputs = tuple(
            name for name, value in known.items() if value is not None and name not in _NOT_FOR_LOCALIZATION
        )

    @property
    def dim(self) -> int:
        """Columns of the features, D."""
        return len(self.model.input.gain)

    def forward(self, features: Tensor) -> tuple[Tensor, ...]:
        """The `outputs` of the features (1, T, D) of one video, shaped as the method's activations, B = 1."""
        found = self.model(features, torch.ones_like(features[..., 0], dtype=torch.bool))
        return tuple(getattr(found, name) for name in self.outputs)

    def program(self) -> torch.export.ExportedProgram:
        """The network as `torch.export` writes it, for any number of snippets T from 1."""
        snippets = torch.export.Dim("T", min=1)
        example = torch.zeros(1, _EXAMPLE, self.dim)
        with _quiet():
            return torch.export.export(self, (example,), dynamic_shapes={"features": {1: snippets}})


def export_onnx(run: Run | Path | str, output: Path | str) -> tuple[str, ...]:
    """Write the network of a run as an ONNX file. Needs the extra ``onnx``.

    Its input is ``features``, float32 (1, T, D), of one video. Its outputs are the fields of the method's activations
    that localization needs, among them ``cas`` and ``video_scores``. Its metadata hold, as JSON under ``untrim``, the
    method with its config and buffers, labels, the snippet grid, and the operating point.

    Args:
        run: A finished run, its folder, or the name of a ready run.
        output: The file to write, ``.onnx``.

    Returns:
        Names of the outputs.

    Raises:
        UntrimError: The run is not finished or damaged, a library is missing, or `output` cannot be written.
    """
    path = as_path(output, "output")
    check_file(path, "onnx")
    opened = find_run(run)
    onnx, _ = optional("onnx"), optional("onnxscript")
    network = ExportedNetwork(opened.load_model(torch.device("cpu")))
    model = onnx_model(network, network.program())
    onnx.helper.set_model_props(model, {METADATA: json.dumps(_described(opened, network.model))})
    model.producer_name = f"untrim, {model.producer_name}"  # By it, `check_file` knows the file.
    write_bytes(path, model.SerializeToString())
    return network.outputs


def onnx_model(network: ExportedNetwork, program: torch.export.ExportedProgram) -> Any:
    """The program of a network as an ONNX model, without metadata."""
    with _quiet():
        written: Any = torch.onnx.export(
            program, (), dynamo=True, input_names=["features"], output_names=network.outputs, verbose=False
        )
    return written.model_proto


def _described(run: Run, model: Method) -> dict[str, object]:
    """What localization needs to know of a run beside its activations."""
    grid, point = run.features.grid(), read_operating_point(run)
    buffers = {name: value.tolist() for name, value in model.named_buffers() if "input." not in name}
    return {
        "schema": _SCHEMA,
        "method": run.method,
        "labels": list(run.labels),
        "config": run.config.model_dump(),
        "buffers": buffers,
        "first_center_seconds": grid.first_center_seconds,
        "stride_seconds": grid.stride_seconds,
        "operating_point": None if point is None else {"raw_score": point.raw_score, "slope": point.slope},
    }


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporter's remarks; an error of it becomes one line."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), redirect_stdout(StringIO()):
            warnings.simplefilter("ignore")
            yield
    except UntrimError:
        raise
    except Exception as error:  # Of the exporter, which raises all sorts of them where it meets what it does not know.
        what = f"its network cannot be exported: {' '.join(str(error).split())[:200]}"
        raise UntrimError(what, fix="of a method of your own: no size in `forward` may depend on data") from error
    finally:
        logging.disable(level)
