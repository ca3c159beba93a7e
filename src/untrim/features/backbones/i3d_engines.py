"""What computes I3D's features from clips: plain torch, or OpenVINO, which is faster on a CPU.

    runtime    weights                        computes in                      where
    torch      .safetensors or .pt            float32; float16 (AMP) on CUDA   CPU or CUDA
    openvino   .safetensors or .pt            float32                          CPU, extra `fast`
    openvino   from `untrim weights quantize` int8                             CPU, extra `fast`

OpenVINO wants to report its use over the network; it is imported without the package that does so.
"""

from __future__ import annotations

import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from queue import Queue
from threading import Lock
from typing import Any, Literal, cast

import numpy as np
import torch
from safetensors.numpy import save

from untrim.errors import UntrimError
from untrim.features.backbones.i3d_network import InceptionI3D
from untrim.features.weights import load_weights
from untrim.support.array_types import Float32
from untrim.support.device import choose_device
from untrim.support.extras import optional
from untrim.support.files import linked_file, write_bytes
from untrim.support.tensors import read_metadata, read_safetensors

ClipShape = tuple[int, int, int, int]
Runtime = Literal["torch", "openvino"]

_INT8 = "i3d-int8"
_GPU_BATCH = 16  # Clips at a time.


class TorchEngine:
    """Features by torch, on the CPU or a GPU.

    Args:
        network: With its weights; it is changed.
        device: Where to compute.
    """

    def __init__(self, network: InceptionI3D, device: torch.device) -> None:
        self._device, self._on_gpu = device, device.type == "cuda"
        self._network = network.fuse().to(device, memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
        self.batch = _GPU_BATCH if self._on_gpu else 1

    def prepare(self, threads: int) -> None:
        """Get ready to be called from so many threads at a time."""

    def __call__(self, clips: Float32) -> Float32:
        """Features (N, 1024) of clips (N, T, H, W, C) in [-1, 1]."""
        x = torch.from_numpy(clips)
        if self._on_gpu:
            x = x.pin_memory().to(self._device, non_blocking=True)
        x = x.permute(0, 4, 1, 2, 3)  # (N, C, T, H, W), in memory still channels last.
        with torch.inference_mode(), torch.autocast("cuda", torch.float16, enabled=self._on_gpu):
            return cast(Float32, self._network(x).float().cpu().numpy())


class OpenVinoEngine:
    """Features by OpenVINO on the CPU, with as many threads as torch has.

    Args:
        make_model: Gives an OpenVINO model that takes one clip at a time. Called with the first clip: it takes seconds
            and memory, which a process that only asks what the features will be should not spend.

    Raises:
        UntrimError: OpenVINO is not installed.
    """

    batch = 1

    def __init__(self, make_model: Callable[[], Any]) -> None:
        self._openvino, self._make_model = silent("openvino"), make_model
        self._requests: Queue[Any] = Queue()
        self._threads, self._preparing = 0, Lock()

    def prepare(self, threads: int) -> None:
        """Get ready to be called from so many threads at a time; each has the threads of torch to itself."""
        with self._preparing:
            if self._threads != threads:
                self._compile(threads)

    def _compile(self, threads: int) -> None:
        settings = {
            "INFERENCE_PRECISION_HINT": "f32",  # Else it may fall back to bfloat16 where the CPU has it.
            "INFERENCE_NUM_THREADS": threads * torch.get_num_threads(),
            "NUM_STREAMS": threads,
        }
        compiled = self._openvino.Core().compile_model(self._make_model(), "CPU", settings)
        requests: Queue[Any] = Queue()
        for _ in range(threads):
            requests.put(compiled.create_infer_request())
        self._requests, self._threads = requests, threads

    def __call__(self, clips: Float32) -> Float32:
        """Features (1, 1024) of clips (1, T, H, W, C) in [-1, 1]."""
        with self._preparing:  # Several threads may be the first.
            if self._threads == 0:
                self._compile(1)
            requests = self._requests
        request = requests.get()
        try:
            return np.array(request.infer(np.ascontiguousarray(clips.transpose(0, 4, 1, 2, 3)))[0], np.float32)
        finally:
            requests.put(request)


ClipEngine = TorchEngine | OpenVinoEngine


def load_engine(weights: Path, clip: ClipShape, runtime: Runtime, device: str) -> ClipEngine:
    """What computes features with the weights in a file.

    Args:
        weights: A file of weights, or an int8 network that `save_int8` wrote, which needs OpenVINO.
        clip: (C, T, H, W) of the clips to come.
        runtime: ``torch`` or ``openvino``.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.

    Raises:
        UntrimError: The file is not for I3D or this stream, OpenVINO is missing, or there is no such device.
    """
    made_for = _int8_shape(weights)
    if runtime == "torch" and made_for is None:
        return TorchEngine(load_network(weights, clip[0]), choose_device(device))
    if device not in ("auto", "cpu"):
        raise UntrimError(f"OpenVINO runs on the CPU, not on '{device}'", fix="leave out --set device, or runtime")
    if made_for is None:
        network = load_network(weights, clip[0])
        return OpenVinoEngine(lambda: openvino_model(network, clip))
    if made_for != str(clip):
        raise UntrimError(
            f"is made for clips (channels, frames, height, width) of {made_for}, not {clip}", where=weights
        )
    return OpenVinoEngine(lambda: _load_int8(weights))


def load_network(weights: Path, channels: int) -> InceptionI3D:
    """The network with the weights in a file; raises as `load_weights` and `InceptionI3D.from_state` do."""
    return InceptionI3D.from_state(load_weights(weights), channels, weights)


def openvino_model(network: InceptionI3D, clip: ClipShape) -> Any:
    """The network as an OpenVINO model of one clip (1, C, T, H, W)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # Of torch and OpenVINO, about what they do themselves.
        exported = torch.export.export(network.fuse(), (torch.zeros(1, *clip),))
        # Without sizes, int8 is ten times slower.
        return silent("openvino").convert_model(exported, input=[(1, *clip)])


def save_int8(model: Any, clip: ClipShape, path: Path) -> None:
    """Write an int8 OpenVINO model, its description and its constants, into one file; whole or not at all."""
    with tempfile.TemporaryDirectory() as folder:
        xml, constants = Path(folder) / "model.xml", Path(folder) / "model.bin"
        silent("openvino").save_model(model, xml, compress_to_fp16=False)
        parts = {file.suffix[1:]: np.frombuffer(file.read_bytes(), np.uint8) for file in (xml, constants)}
    write_bytes(linked_file(path), save(parts, metadata={"kind": _INT8, "clip": str(clip)}))


def silent(package: Literal["openvino", "nncf"]) -> Any:
    """A package of the extra `fast`, whose reports over the network are switched off.

    Raises:
        UntrimError: It is not installed.
    """
    sys.modules.setdefault("openvino_telemetry", cast(Any, None))  # As if it were not installed: both then keep quiet.
    return optional(package)


def _int8_shape(weights: Path) -> str | None:
    """The clip shape that an int8 network is made for; None if the file holds something else."""
    try:
        metadata = read_metadata(weights)
    except UntrimError:  # A checkpoint of PyTorch; or whoever reads the weights says what is wrong.
        return None
    return metadata.get("clip") if metadata.get("kind") == _INT8 else None


def _load_int8(weights: Path) -> Any:
    parts = read_safetensors(weights)
    try:
        return silent("openvino").Core().read_model(*(parts[part].numpy().tobytes() for part in ("xml", "bin")))
    except (KeyError, RuntimeError) as error:
        raise UntrimError("is a damaged int8 network", where=weights, fix="quantize again") from error
