"""The network of every method, exported by torch.export and to ONNX, says what it says in torch."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from helpers import new_folder, run_untrim
from test_docs import ROOT, blocks
from untrim.annotations import Annotations
from untrim.errors import UntrimError
from untrim.features.store import FeatureFolder
from untrim.methods import METHODS, load_method
from untrim.pipeline import localize
from untrim.prediction.exporting import ExportedNetwork, export_onnx, onnx_model
from untrim.training.checkpoint import Run
from untrim.training.loop import train

LABELS = ("jump", "run", "throw")
LENGTHS = (1, 7, 300)


def untrained(method: str, folder: Path) -> Run:
    """A finished run with the weights that training begins with."""
    config = load_method(method).Config
    small = {"hidden": 6} if "hidden" in config.model_fields else {}
    features = new_folder(folder / "features", rgb=8, flow=4).info
    run = Run(folder / "run", method, None, 0, "training", config.model_validate(small), LABELS, features)
    run.path.mkdir()
    run.save_description()
    run.save_model(run.build())
    return run


@pytest.mark.parametrize("method", METHODS.built_in)
def test_an_exported_network_says_the_same(method: str, tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime", reason="needs onnxruntime")
    pytest.importorskip("onnxscript", reason="needs the extra 'onnx'")
    network = ExportedNetwork(untrained(method, tmp_path).load_model(torch.device("cpu")))
    program = network.program()
    session = onnxruntime.InferenceSession(onnx_model(network, program).SerializeToString())
    assert [output.name for output in session.get_outputs()] == list(network.outputs)
    assert {"cas", "video_scores"} <= set(network.outputs)
    random, exported = torch.Generator().manual_seed(0), program.module()
    for length in LENGTHS:
        features = torch.randn(1, length, 12, generator=random)
        with torch.inference_mode():
            wanted = network(features)
        for name, one, by_torch, by_onnx in zip(
            network.outputs, wanted, exported(features), session.run(None, {"features": features.numpy()}), strict=True
        ):
            assert by_onnx.shape == one.shape, name
            torch.testing.assert_close(by_torch, one, atol=1e-6, rtol=1e-6)
            np.testing.assert_allclose(by_onnx, one, atol=1e-5, rtol=0, err_msg=f"{name}, {length} snippets")


def test_the_page_localizes_in_numpy_what_localize_finds(
    corpus: tuple[FeatureFolder, Annotations], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxruntime", reason="needs onnxruntime")
    pytest.importorskip("onnxscript", reason="needs the extra 'onnx'")
    train("wsad", [corpus], tmp_path / "run", settings={"iterations": 40})
    assert sum(map(len, localize(tmp_path / "run", corpus[0]).values())) > 20
    monkeypatch.chdir(tmp_path)
    for _ in range(2):  # What it wrote it may write again.
        assert run_untrim("onnx", "run") == 0
    names: dict[str, object] = {}
    code = [block.text for block in blocks(ROOT / "docs" / "onnx.md") if block.language == "python"]
    assert len(code[0].partition("\n\n\n")[2].splitlines()) <= 30
    for text in code:
        exec(compile(text, "docs/onnx.md", "exec"), names)
    known = names["run"]
    assert isinstance(known, dict)
    assert known["operating_point"] is not None
    assert (known["method"], known["labels"]) == ("wsad", list(Run.open("run").labels))
    assert json.loads(json.dumps(known["config"])) == Run.open("run").config.model_dump()


def test_what_cannot_be_exported_is_said_in_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = untrained("wtalc", tmp_path)
    with pytest.raises(UntrimError, match=r"has ending '.pt'"):
        export_onnx(run, tmp_path / "model.pt")
    monkeypatch.setattr("untrim.prediction.exporting.optional", lambda library: None)
    pooled = type(run.build()).pooled
    monkeypatch.setattr(type(run.build()), "pooled", lambda self, s, mask: pooled(self, s[:, : int(mask.sum())], mask))
    with pytest.raises(UntrimError, match=r"its network cannot be exported: .* may depend on data") as caught:
        export_onnx(run, tmp_path / "model.onnx")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "model.onnx").exists()
