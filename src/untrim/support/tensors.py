"""Files of tensors, read without running what is in them: safetensors, and PyTorch's own."""

from __future__ import annotations

import io
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor, nn

from untrim.errors import UntrimError
from untrim.support.files import reading, write_bytes


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """Tensors by name of a safetensors file.

    Raises:
        UntrimError: Missing, unreadable, or not such a file.
    """
    with _opened(path, "pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # It is no dict.


def read_metadata(path: Path) -> dict[str, str]:
    """The texts that a safetensors file holds beside its tensors.

    Raises:
        UntrimError: Missing, unreadable, or not such a file.
    """
    with _opened(path, "np") as file:
        return dict(file.metadata() or {})


@contextmanager
def _opened(path: Path, framework: str) -> Iterator[Any]:
    with reading(path):
        open(path, "rb").close()  # The library calls a file that may not be read missing or damaged.
    try:
        with safe_open(path, framework) as file:
            yield file
    except Exception as error:  # A damaged header can raise anything.
        raise UntrimError(f"is damaged, or no safetensors file: {error!s:.120}", where=path) from error


def lay_over(module: nn.Module, tensors: Mapping[str, Tensor], where: object, target: str) -> None:
    """Lay `tensors` over all parameters and buffers of `module`.

    Args:
        module: What they are for.
        tensors: By name.
        where: The file that they are from.
        target: What `module` is, in words.

    Raises:
        UntrimError: Names the first tensor that is missing, unknown, of another shape or kind, or not finite.
    """
    own, misfit = module.state_dict(), f"does not fit {target}"
    if missing := [name for name in own if name not in tensors]:
        raise UntrimError(f"{misfit}: it lacks the tensor '{missing[0]}'", where=where)
    for name, tensor in tensors.items():
        if name not in own:
            raise UntrimError(f"{misfit}: it holds an unknown tensor '{name}'", where=where)
        wanted = own[name]
        if tensor.shape != wanted.shape:
            what = f"{misfit}: '{name}' has shape {tuple(tensor.shape)}, wanted {tuple(wanted.shape)}"
            raise UntrimError(what, where=where)
        if tensor.is_floating_point() != wanted.is_floating_point() or tensor.is_complex():
            raise UntrimError(f"{misfit}: '{name}' holds {tensor.dtype}, wanted {wanted.dtype}", where=where)
        refuse_infinite(name, tensor.to(wanted.dtype), where)
    module.load_state_dict(dict(tensors))


def refuse_infinite(name: str, tensor: Tensor, where: object) -> None:
    """Refuse a tensor with NaN or infinity in it.

    Raises:
        UntrimError: It has.
    """
    if not torch.isfinite(tensor).all():
        raise UntrimError(f"'{name}' holds NaN or infinity", where=where, fix="get or make the file again")


def write_safetensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write tensors by name, whole or not at all."""
    write_bytes(path, save({name: tensor.contiguous().cpu() for name, tensor in tensors.items()}))


def read_torch(path: Path, device: torch.device | str = "cpu") -> object:
    """Tensors, plain values and containers of them, as ``torch.save`` wrote them.

    Raises:
        UntrimError: Missing, unreadable, damaged, or there is anything else in it.
    """
    with reading(path), open(path, "rb") as stream:
        _refuse_packed(stream, path)
        stream.seek(0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Of torch, about files that others wrote.
            try:
                return torch.load(stream, map_location=device, weights_only=True)
            except Exception as error:  # A damaged pickle can raise anything.
                raise UntrimError(
                    "is damaged, or holds more than tensors, and is not opened",
                    where=path,
                    fix="use .safetensors, or what torch.save made of a state dict",
                ) from error


def write_torch(path: Path, value: object) -> None:
    """Write tensors, plain values and containers of them with ``torch.save``, whole or not at all."""
    content = io.BytesIO()  # torch turns a full disk into an error that says nothing of it.
    torch.save(value, content)
    write_bytes(path, content.getvalue())


def _refuse_packed(stream: io.BufferedReader, path: Path) -> None:
    """PyTorch packs nothing: what is smaller in the file than in the memory was made to fill the memory."""
    try:
        with zipfile.ZipFile(stream) as archive:
            packed = any(entry.file_size != entry.compress_size for entry in archive.infolist())
    except Exception:  # Of an older form, or damaged: torch tells.
        return
    if packed:
        raise UntrimError("is compressed, which no file of PyTorch is, and is not opened", where=path)
