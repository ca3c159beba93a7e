"""Any video classification model of Hugging Face transformers (VideoMAE, TimeSformer, ViViT, V-JEPA 2) as a backbone.

``hf:NAME_OR_PATH`` names the model: one of the hub, or a folder that `save_pretrained` wrote. The features of a snippet
are the last hidden state of the model without its classifier, averaged over its tokens; or, with `pooled=classifier`,
what its classifier sees. Of a snippet's frames the model sees as many as it was made for, evenly spread; where there
are fewer, some are repeated.

Pictures are prepared as ``preprocessor_config.json`` beside the weights says (scaled, the centre cut out, values scaled
and normalised), by OpenCV, because the processors of transformers need torchvision. Of a model only safetensors are
loaded, and no code that comes with it is run. A model of the hub is fetched once: what is in the hub's cache is taken
from there, and the network is not asked.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, Literal

import cv2
import numpy as np
import numpy.typing as npt
import torch
from pydantic import BaseModel, Field, field_validator
from torch import nn

from untrim.errors import UntrimError
from untrim.features.backbones import Backbone, BackboneConfig, Features, Streams
from untrim.features.snippets import windows
from untrim.features.weights import file_sha256
from untrim.support.array_types import Image
from untrim.support.device import choose_device
from untrim.support.extras import optional
from untrim.support.files import read_json
from untrim.support.validation import validate

_WEIGHTS = "model.safetensors"
_PREPARATIONS = ("preprocessor_config.json", "video_preprocessor_config.json")
_NOT_NEEDED = {"tokens": ("pooler.", "classifier."), "classifier": ()}


class HuggingFaceConfig(BackboneConfig):
    """Values of the backbone `hf:NAME_OR_PATH`."""

    before: ClassVar[Mapping[str, object]] = {"pooled": "tokens"}

    snippet_frames: int = Field(default=64, ge=1, le=10_000)
    """Frames that one snippet spans; the model sees as many of them as it was made for."""
    short_side: int = Field(default=224, ge=32, le=4096)
    """Pixels of the shorter side that frames are scaled to; the model's own preparation follows."""
    streams: Streams = ("rgb",)
    """Only `rgb`: these models see pictures."""
    pooled: Literal["tokens", "classifier"] = "tokens"
    """`tokens`: the mean of the last hidden state; `classifier`: what the model's own classifier sees."""
    checkpoint: str = Field(default="", exclude=True)
    """The model, as the backbone's name says after `hf:`."""
    device: str = Field(default="auto", exclude=True)
    """`auto`, `cpu`, `cuda` or `cuda:N`."""
    batch: int = Field(default=1, ge=1, le=4096, exclude=True)
    """Snippets that the model is given at a time; more keep a GPU busy."""

    @field_validator("streams")
    @classmethod
    def _pictures_only(cls, value: Streams) -> Streams:
        if value != ("rgb",):
            raise ValueError("a Hugging Face model sees pictures: streams=rgb")
        return value


class Preparation(BaseModel):
    """What is done to a picture, as a checkpoint's ``preprocessor_config.json`` says; defaults are VideoMAE's."""

    do_resize: bool = True
    size: dict[str, int] | int = 224
    do_center_crop: bool = True
    crop_size: dict[str, int] | int = 224
    do_rescale: bool = True
    rescale_factor: float = 1 / 255
    offset: bool = False
    do_normalize: bool = True
    image_mean: list[float] = Field(default=[0.485, 0.456, 0.406], min_length=3, max_length=3)
    image_std: list[float] = Field(default=[0.229, 0.224, 0.225], min_length=3, max_length=3)

    def __call__(self, image: Image) -> npt.NDArray[np.float32]:
        """What the model sees of an RGB image (H, W, 3): (3, height, width)."""
        if self.do_resize:
            width, height = self._scaled(*image.shape[1::-1])
            if (height, width) != image.shape[:2]:
                image = np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
        if self.do_center_crop:
            image = _center(image, *_height_width(self.crop_size))
        values = image.astype(np.float32)
        if self.do_rescale:
            values = values * self.rescale_factor - self.offset
        if self.do_normalize:
            values = (values - np.array(self.image_mean)) / np.array(self.image_std)
        return np.asarray(values.transpose(2, 0, 1), np.float32)

    def _scaled(self, width: int, height: int) -> tuple[int, int]:
        if isinstance(self.size, dict) and "height" in self.size and "width" in self.size:
            return self.size["width"], self.size["height"]
        side = self.size.get("shortest_edge", 224) if isinstance(self.size, dict) else self.size
        scale = side / min(width, height)
        return round(width * scale), round(height * scale)


class HuggingFace(Backbone[HuggingFaceConfig]):
    """Features of a video classification model of Hugging Face transformers."""

    Config = HuggingFaceConfig

    def __init__(self, config: HuggingFaceConfig) -> None:
        super().__init__(config)
        if not config.checkpoint:
            raise UntrimError("'hf' alone names no model", fix="write hf:NAME_OR_PATH")
        transformers = optional("transformers")
        self._device = choose_device(config.device)
        with _errors_in_a_line(config.checkpoint), _quiet(transformers):
            name = _cached(transformers, config.checkpoint) or config.checkpoint
            self._described = transformers.AutoConfig.from_pretrained(name, trust_remote_code=False)
            if type(self._described) not in transformers.MODEL_FOR_VIDEO_CLASSIFICATION_MAPPING:
                raise ValueError(f"is a model of type '{self._described.model_type}', not for video classification")
            weights = _file(transformers, name, _WEIGHTS)
            if weights is None:
                raise ValueError(f"has no {_WEIGHTS}")
            self.weights_sha256 = file_sha256(weights)
            self._model = self._load(transformers, name)
            self._classifier = self._taken_off() if config.pooled == "classifier" else None
            self._prepare = _preparation(transformers, name, self._described)

    @property
    def streams(self) -> dict[str, int]:
        """Width of each chosen stream."""
        return {"rgb": int(self._described.hidden_size)}

    @property
    def frames(self) -> int:
        """Frames that the model sees of a snippet."""
        described = self._described
        return int(described.num_frames if hasattr(described, "num_frames") else described.frames_per_clip)

    def features(self, images: Iterable[Image]) -> Features:
        """Features of one video, float32 (T, D)."""
        return np.concatenate(list(self.blocks(images)))

    def blocks(self, images: Iterable[Image]) -> Iterator[Features]:
        """The same, a batch of snippets at a time."""
        snippets = windows(images, self.grid)
        batches = iter(lambda: list(islice(snippets, self.config.batch)), [])
        return (self._rows([self._clip(snippet) for snippet in batch]) for batch in batches)

    def _clip(self, snippet: Sequence[Image]) -> npt.NDArray[np.float32]:
        """What the model sees of a snippet: (frames, 3, height, width)."""
        chosen = np.linspace(0, len(snippet) - 1, self.frames).round().astype(int)
        prepared = {index: self._prepare(snippet[index]) for index in np.unique(chosen)}
        return np.stack([prepared[index] for index in chosen])

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the model's classes, in the order of its classifier."""
        return tuple(name for _, name in sorted(self._described.id2label.items()))

    @property
    def classifier(self) -> nn.Linear:
        """The model's own classifier, a linear map of these features; with `pooled=classifier`.

        Raises:
            UntrimError: The model has none that is linear.
        """
        if not isinstance(self._classifier, nn.Linear):
            raise UntrimError(
                "has no linear classifier", where=f"hf:{self.config.checkpoint}", fix="name another model"
            )
        return self._classifier

    @torch.inference_mode()
    def _rows(self, clips: Sequence[npt.NDArray[np.float32]]) -> Features:
        batch = torch.from_numpy(np.stack(clips)).to(self._device)  # (B, frames, 3, height, width)
        found = self._model(**{self._model.main_input_name: batch})
        # (B, D); of a model without its classifier, `logits` are what the classifier would see.
        rows = found.last_hidden_state.mean(1) if self._classifier is None else found.logits
        return np.asarray(rows.float().cpu().numpy(), np.float32)

    def _load(self, transformers: Any, name: str) -> Any:
        pooled = self.config.pooled
        kind = transformers.AutoModel if pooled == "tokens" else transformers.AutoModelForVideoClassification
        model, report = kind.from_pretrained(
            name, trust_remote_code=False, use_safetensors=True, dtype=torch.float32, output_loading_info=True
        )
        if missing := [key for key in report["missing_keys"] if not key.startswith(_NOT_NEEDED[pooled])]:
            raise ValueError(f"lacks the weights of {missing[0]} and {len(missing) - 1} more")
        return model.to(self._device).eval()

    def _taken_off(self) -> nn.Module:
        """The model's classifier, taken off the model."""
        classifier: nn.Module = self._model.classifier
        self._model.classifier = nn.Identity()
        return classifier


@contextmanager
def _errors_in_a_line(name: str) -> Iterator[None]:
    try:
        yield
    except UntrimError:
        raise
    except Exception as error:  # Of many libraries: what is wrong with a model shows in all sorts of them.
        elsewhere = isinstance(error, OSError) and not Path(name).is_dir()
        fix = "check the name and the network" if elsewhere else "name a video classification model with safetensors"
        raise UntrimError(f"{error!s:.300}", where=f"hf:{name}", fix=fix) from error


@contextmanager
def _quiet(transformers: Any) -> Iterator[None]:
    """Without the libraries' own progress bars, and their remarks on retries and the classifier that is left out."""
    level, bars = transformers.logging.get_verbosity(), transformers.logging.is_progress_bar_enabled()
    hub = logging.getLogger("huggingface_hub")
    hub_level = hub.level
    hub.setLevel(logging.ERROR)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    try:
        yield
    finally:
        hub.setLevel(hub_level)
        transformers.logging.set_verbosity(level)
        if bars:
            transformers.logging.enable_progress_bar()


def _cached(transformers: Any, name: str) -> str | None:
    """The folder of the hub's cache with a model of the hub; None if anything may be missing there, or for a folder."""
    if Path(name).is_dir():
        return None
    kept = partial(transformers.utils.hub.try_to_load_from_cache, name)  # a path, None, or a sign that there is no file
    preparation = next((found for file in _PREPARATIONS if isinstance(found := kept(file), str | None)), "")
    needed = [preparation, kept("config.json"), kept(_WEIGHTS)]
    return str(Path(kept(_WEIGHTS)).parent) if all(isinstance(found, str) for found in needed) else None


def _file(transformers: Any, name: str, file: str) -> Path | None:
    """A file of a checkpoint, downloaded if need be; None if it has no such file."""
    found = transformers.utils.hub.cached_file(name, file, _raise_exceptions_for_missing_entries=False)
    if found is not None:
        return Path(found)
    if not Path(name).is_dir() and transformers.utils.hub.try_to_load_from_cache(name, file) is None:
        raise OSError(f"cannot find out whether it has {file}")  # To go on without it could change the features.
    return None


def _preparation(transformers: Any, name: str, described: Any) -> Preparation:
    for file in _PREPARATIONS:
        if (path := _file(transformers, name, file)) is not None:
            return validate(Preparation, read_json(path), path)
    side = int(getattr(described, "image_size", 224))
    return Preparation(size=side, crop_size=side)


def _height_width(size: dict[str, int] | int) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else (size["height"], size["width"])


def _center(image: Image, height: int, width: int) -> Image:
    """The middle (height, width) of an image, filled up with black where it is smaller."""
    short = max(0, height - image.shape[0]), max(0, width - image.shape[1])
    if any(short):
        image = np.pad(image, [*((part // 2, part - part // 2) for part in short), (0, 0)])
    top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    return image[top : top + height, left : left + width]
